# SPDX-License-Identifier: GPL-2.0-or-later
"""Our firmware: each call of the SBI by a supervisor on three harts, and how it protects itself."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.errors import ReplugError
from emulator.firmware import builtin_firmware
from emulator.isa import Isa
from emulator.loader.boot import KERNEL_OFFSET
from emulator.report import describe
from toolchain.assemble import assemble

PROGRAM = Path(__file__).parent / "programs/sbi"
HARTS = 3
TYPED = b"abc"
CHECKS = 102

Supervisor = Callable[[int], Path]


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Supervisor:
    """The program for RV64 or RV32."""
    directory = tmp_path_factory.mktemp("sbi")

    def make(bits: int) -> Path:
        script = directory / f"sbi{bits}.ld"
        start = 0x8000_0000 + KERNEL_OFFSET[bits]
        script.write_text((PROGRAM / "sbi.ld").read_text().replace("START", hex(start)))
        return assemble(
            [PROGRAM / "start.S", PROGRAM / "main.c"],
            directory / f"sbi{bits}.elf",
            link_script=script,
            bits=bits,
            root=PROGRAM,
        )

    return make


def all_is_so(console: str) -> list[str]:
    """What was found, in order; nothing may be otherwise, and the program has to come to its end."""
    lines = [line for line in console.replace("\r", "").splitlines() if line]
    assert lines[-1] == "end", console
    assert "dbcn: written" in lines
    found = [line.lstrip("*+") for line in lines if line not in ("end", "dbcn: written")]
    assert [line for line in found if not line.endswith(": yes")] == [], console
    assert len(found) == CHECKS, console
    return found


def on_replug(image: Path, **options: object) -> tuple[str, Machine]:
    console = bytearray()
    chosen = MachineOptions(harts=HARTS, bios="builtin", **options)  # type: ignore[arg-type]
    with Machine(image, chosen, console.extend) as machine:
        machine.type(TYPED)
        outcome = machine.run(200_000_000)
        assert (outcome.reason, outcome.status) == ("exit", 0), console.decode()
    return console.decode(), machine


@pytest.mark.parametrize(
    ("isa", "quantum"), [("rv64", 1000), ("rv64gc", 1000), ("rv64", 7), ("rv32", 1000), ("rv32gc", 61)]
)
def test_each_call(supervisor: Supervisor, isa: str, quantum: int) -> None:
    set_of = Isa.parse(isa)
    console, _ = on_replug(supervisor(set_of.xlen), isa=set_of, quantum=quantum)
    all_is_so(console)


def test_each_call_on_qemu(supervisor: Supervisor, qemu: str) -> None:
    done = subprocess.run(
        [qemu, "-machine", "virt", "-smp", str(HARTS), "-m", "128M", "-nographic", "-monitor", "none",
         "-serial", "stdio", "-icount", "shift=3", "-bios", str(builtin_firmware(64).path),
         "-kernel", str(supervisor(64))],
        input=TYPED, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    ours, _ = on_replug(supervisor(64))
    assert all_is_so(done.stdout.decode()) == all_is_so(ours)


RESET = """
    li a7, {extension}
    li a6, 0
    li a0, {kind}
    li a1, {reason}
    ecall
1:  j 1b
"""


@pytest.mark.parametrize(
    ("extension", "kind", "reason", "status"),
    [
        (0x53525354, 0, 0, 0),
        (0x53525354, 0, 1, 1),
        (0x53525354, 1, 0, 0),
        (0x53525354, 2, 1, 0),
        (8, 0, 0, 0),
    ],
    ids=["off", "failed", "cold", "warm", "legacy"],
)
def test_ends_of_the_run(tmp_path: Path, extension: int, kind: int, reason: int, status: int) -> None:
    image = flat(tmp_path, RESET.format(extension=extension, kind=kind, reason=reason))
    with Machine(image) as machine:
        outcome = machine.run(1_000_000)
    assert (outcome.reason, outcome.status) == ("exit", status)


def flat(directory: Path, text: str) -> Path:
    """A flat file of assembly that does not care where it runs."""
    source, script = directory / "flat.s", directory / "flat.ld"
    source.write_text(f".text\n.globl _start\n_start:\n{text}\n")
    script.write_text("ENTRY(_start)\nSECTIONS { . = 0x80200000; .text : { *(.text) } }\n")
    elf = assemble([source], directory / "flat.elf", link_script=script, root=directory)
    with Machine(elf, MachineOptions(bios="builtin")) as machine:
        data = machine.image.segments[0].data
    path = directory / "flat.bin"
    path.write_bytes(data)
    return path


def test_flat_file_starts_as_the_manual_says(tmp_path: Path) -> None:
    with Machine(flat(tmp_path, "1: j 1b\n"), MachineOptions(harts=4, memory=8 << 20)) as machine:
        assert machine.run(100_000).reason == "limit"
        engine = machine.engine
        assert (engine.get_privilege(0), engine.get_pc(0)) == (1, 0x8020_0000)
        assert (engine.get_x(0, 10), engine.get_x(0, 11)) == (0, machine.start.tree)
        assert [engine.is_waiting(hart) for hart in range(4)] == [False, True, True, True]
        assert [engine.get_privilege(hart) for hart in range(1, 4)] == [3, 3, 3]


def test_report_names_what_the_firmware_does(tmp_path: Path) -> None:
    with Machine(flat(tmp_path, "1: j 1b\n"), MachineOptions(harts=2)) as machine:
        text = describe(machine, machine.run(100_000))
    assert "hart 0: runs at 0x80200000, supervisor mode" in text
    assert re.search(
        r"hart 1: waits at 0x800\w+ hart_wait\+0x\w+ \(hart_state\.S:\d+\), machine mode", text
    ), text


def test_image_may_not_lie_where_the_firmware_is(tmp_path: Path) -> None:
    path = tmp_path / "flat"
    path.write_bytes(bytes(4096))
    with pytest.raises(ReplugError, match="overlap"):
        Machine(path, MachineOptions(load_address=0x8000_0000))
