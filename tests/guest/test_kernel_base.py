# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel with a /init that tries its base, under QEMU and on our machine.

Processes, protection, user copies, errors.
"""

import re
import shutil
import subprocess
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from emulator import Machine
from emulator.isa import Isa
from emulator.options import MachineOptions
from toolchain.assemble import assemble
from toolchain.disk import create_image

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "guestos"
PROGRAMS = Path(__file__).parent / "programs"
QEMU = shutil.which("qemu-system-riscv64")
DATA = bytes((i * i // 7 + i) % 251 for i in range(300_000))

needs_qemu = pytest.mark.usefixtures("qemu")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The kernel's ELF and a disk whose /init is base.S."""
    out = tmp_path_factory.mktemp("guest")
    include = [GUEST / "include"]
    kernel = assemble(
        sorted((GUEST / "kernel").glob("*.S")), out / "kernel.elf",
        link_script=GUEST / "link.ld", include=include, root=ROOT,
    )  # fmt: skip
    library = sorted((GUEST / "user" / "lib").glob("*.S"))
    for name in ("base", "child"):
        assemble(
            [*library, PROGRAMS / f"{name}.S"], out / name,
            link_script=GUEST / "user" / "link.ld", include=include, root=ROOT,
        )  # fmt: skip
    child = (out / "child").read_bytes()
    disk = create_image(
        out / "disk.img",
        {"/init": out / "base", "/child": out / "child", "/data": DATA, "/garbage": child[:70] + bytes(5000)},
    )
    return kernel, disk


def boot(kernel: Path, disk: Path | None, harts: int, memory: str = "128M") -> tuple[int, list[str]]:
    """Run under QEMU to power-off; returns the guest's exit status and the console's lines."""
    assert QEMU is not None
    disk_options = [
        "-drive", f"file={disk},if=none,format=raw,id=d0",
        "-device", "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0",
    ]  # fmt: skip
    command = [
        QEMU, "-machine", "virt", "-bios", "none", "-smp", str(harts), "-m", memory, "-nographic",
        "-global", "virtio-mmio.force-legacy=false",
        *(disk_options if disk is not None else []), "-kernel", str(kernel),
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout.decode().splitlines()


def checksum_of_copies() -> int:
    """What child.S's `copies` computes."""
    checksum = 0
    sizes = []
    size = 0
    while size < 300:
        sizes.append(size)
        size += 1 if size < 23 else 51
    for offset in range(9):
        for _alignment in range(9):
            for size in sizes:
                checksum = zlib.crc32(DATA[offset : offset + size], checksum)
    return checksum


EXPECTED = [
    "spawn, kernel pointer: -14",
    "spawn, pointer to nothing: -14",
    "spawn, null: -14",
    "write, kernel pointer: -14",
    "write, device: -14",
    "write, nothing at null: 0",
    "wait, no child: -10",
    "call 0: -38",
    "call 100: -38",
    "call -1: -38",
    "result: -2",
    "result: -8",
    "result: -8",
    "result: -14",
    "registers: 0",
    "child quit: 42",
    "killed: load page fault (cause 13), address 0x0",
    "child 1: 141",
    "killed: store page fault (cause 15), address 0x40000000",
    "child 2: 143",
    "killed: fetch page fault (cause 12), address 0x7fffe7f0",
    "child 3: 140",
    "killed: illegal instruction (cause 2), address 0x100022f3",
    "child 4: 130",
    "killed: store page fault (cause 15), address 0x7ffeeff8",
    "child 5: 143",
    "killed: load page fault (cause 13), address 0x80000000",
    "child 6: 141",
    "killed: breakpoint (cause 3), address 0x",
    "child 7: 131",
    f"copies {checksum_of_copies():08x}",
    *["wrong pointer: -14"] * 10,
    "child copies: 6",
    "result: -14",
    "long",
    *["short"] * 3,
    *[f"file {zlib.crc32(DATA):08x}"] * 5,
    "killed: load page fault (cause 13), address 0x0",
    f"together: {4 * 3 + 5 * 5 + 141}",
    "children until full: 31, then -12",
    "short",
    "with orphan: 2",
]


def simplified(lines: list[str]) -> list[str]:
    """Without what depends on the order of processes or on the layout; a breakpoint may give its pc or 0."""
    lines = [line for line in lines if not line.startswith("kernel: ")]  # counts of replugs: timing
    pattern = r"process \d+ \(/child\) (killed: .* \(cause \d+\)), pc 0x[0-9a-f]+(, address 0x[0-9a-f]+)"
    lines = [re.sub(pattern, r"\1\2", line) for line in lines]
    return [re.sub(r"(breakpoint.*, address 0x).*", r"\1", line) for line in lines]


@needs_qemu
@pytest.mark.parametrize(("harts", "memory"), [(1, "128M"), (1, "16M"), (4, "128M"), (8, "1G")])
def test_base(built: tuple[Path, Path], harts: int, memory: str) -> None:
    """Every line, in any order where processes run at once, and init's exit status.

    With 16 MiB a single page lost for each process would leave no memory before the end.
    """
    status, lines = boot(*built, harts, memory)
    assert Counter(simplified(lines)) == Counter(EXPECTED), "\n".join(lines)
    assert status == 7


@pytest.mark.parametrize(
    "options",
    [
        MachineOptions(harts=1),
        MachineOptions(harts=4, quantum=137),
        MachineOptions(harts=8),
        MachineOptions(harts=12),  # more than the kernel uses
        MachineOptions(harts=2, memory=16 << 20, isa=Isa.parse("rv64_svade")),
    ],
    ids=["1 hart", "4 harts, small slices", "8 harts", "12 harts", "A and D fault"],
)
def test_base_on_our_machine(built: tuple[Path, Path], options: MachineOptions) -> None:
    """The same lines on our machine, with small slices, and where A and D bits fault."""
    kernel, disk = built
    console: list[bytes] = []
    machine = Machine(kernel, replace(options, disk=disk), console=console.append)
    outcome = machine.run(max_instructions=3_000_000_000)
    machine.close()
    lines = b"".join(console).decode().splitlines()
    assert Counter(simplified(lines)) == Counter(EXPECTED), "\n".join(lines)
    assert (outcome.reason, outcome.status) == ("exit", 7)


@needs_qemu
def test_preemption(built: tuple[Path, Path]) -> None:
    """On one hart the long computation starts first, and the short ones started later end before it."""
    _status, lines = boot(*built, 1)
    long = lines.index("long")
    assert lines[:long].count("short") == 3


@needs_qemu
def test_panic_without_disk(built: tuple[Path, Path]) -> None:
    """One clear line, and the run fails."""
    status, lines = boot(built[0], None, 4)
    assert status == 1
    assert re.fullmatch(r"panic: hart \d: cannot read the superblock from the disk", lines[-1])


@needs_qemu
def test_panic_without_init(built: tuple[Path, Path], tmp_path: Path) -> None:
    """The same where the disk holds no /init."""
    status, lines = boot(built[0], create_image(tmp_path / "disk.img", {"/data": DATA}), 4)
    assert status == 1
    assert re.fullmatch(r"panic: hart \d: cannot run /init", lines[-1])
