# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole boots, ours and QEMU's with `-icount shift=0`: U-Boot, and any kernel that is named.

Both are processes of their own, and what counts is all the processor time that they take, start-up included:
what somebody waits for who boots something.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emulator.bench.engine import Benchmark, Settings, alternate
from emulator.bench.row import Row, Wanted, compared
from emulator.bench.runner import QEMU, find_qemu
from emulator.engine.build import build_directory
from emulator.errors import ReplugError
from emulator.loader.boot import open_bootable, prepare
from emulator.options import BUILTIN, NO_FIRMWARE, MachineOptions

U_BOOT = Path("/usr/lib/u-boot/qemu-riscv64/u-boot.bin")
U_BOOT_SUPERVISOR = Path("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin")
FW_JUMP = Path("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin")
TO_THE_PROMPT_AND_OFF = b"\n\n\n\nversion\npoweroff\n"

_LONGEST = 600.0
"""Seconds after which a boot is given up."""
_SHOWN = 300


@dataclass(frozen=True)
class BootCase:
    """A boot to measure.

    image: None where firmware is all that runs; typed: what is on the console from the start; until: text on
    the console with which it is over, None: when the machine powers off.
    """

    name: str
    image: Path | None
    options: MachineOptions
    typed: bytes = b""
    until: bytes | None = None


def our_command(case: BootCase) -> list[str]:
    """`replug boot` for it."""
    options = case.options
    command = [sys.executable, "-m", "emulator.cli.main", "boot", "--quiet"]
    command += ["--harts", str(options.harts), "--memory", str(options.memory)]
    command += [str(case.image)] if case.image is not None else []
    for name, value in (("bios", options.bios), ("initrd", options.initrd), ("disk", options.disk)):
        command += [f"--{name}", str(value)] if value is not None else []
    return command + (["--append", options.bootargs] if options.bootargs else [])


def qemu_command(case: BootCase) -> list[str]:
    """The same machine on QEMU.

    Our own firmware runs there as well, with our device tree, which keeps the image out of its memory.
    """
    options = case.options
    start = prepare(open_bootable(case.image) if case.image is not None else None, options)
    bios: Path | str | None = options.bios
    tree: list[str] = []
    if start.bios == BUILTIN:
        assert start.firmware is not None
        bios = start.firmware.path
        file = build_directory() / "bench" / f"{case.name}.dtb"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(next(piece.data for piece in start.placements if piece.address == start.tree))
        tree = ["-dtb", str(file)]
    command = [
        QEMU, "-machine", "virt", "-icount", "shift=0,sleep=off", "-display", "none", "-monitor", "none",
        "-serial", "stdio", "-smp", str(options.harts), "-m", f"{options.memory >> 20}M",
        "-bios", str(bios or NO_FIRMWARE), *tree,
    ]  # fmt: skip
    command += ["-kernel", str(case.image)] if case.image is not None else []
    command += ["-initrd", str(options.initrd)] if options.initrd is not None else []
    command += ["-append", options.bootargs] if options.bootargs else []
    if options.disk is not None:
        command += ["-global", "virtio-mmio.force-legacy=false", "-snapshot"]
        command += ["-drive", f"file={options.disk},if=none,format=raw,id=d0"]
        command += ["-device", "virtio-blk-device,drive=d0,bus=virtio-mmio-bus.0"]
    return command


def processor_seconds(command: list[str], typed: bytes, until: bytes | None) -> float:
    """User and system time of a process that is typed to, to its end or to a text in its output.

    ReplugError, with the end of its output, when it ends otherwise or takes too long.
    """
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert child.stdin is not None and child.stdout is not None
    # Not child.kill: that may reap the process, and with it the time that it took.
    late = threading.Timer(_LONGEST, os.kill, (child.pid, signal.SIGKILL))
    late.start()
    output = bytearray()
    try:
        child.stdin.write(typed)
        child.stdin.close()
        while until is None or until not in output[-(1 << 16) :]:
            piece = os.read(child.stdout.fileno(), 1 << 14)
            if not piece:
                break
            output += piece
        reached = until is None or until in output
        if until is not None:
            os.kill(child.pid, signal.SIGKILL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        late.cancel()
        if child.returncode is None:
            child.kill()
            child.wait()
        child.stdout.close()
    if not reached or (until is None and child.returncode != 0):
        end = " ".join(bytes(output[-_SHOWN:]).decode(errors="replace").split())
        raise ReplugError(f"{Path(command[0]).name}: the boot did not come to its end; it says: {end}")
    return usage.ru_utime + usage.ru_stime


def measure(case: BootCase, settings: Settings) -> Row:
    """Processor seconds of a boot, ours and QEMU's."""
    pairs = alternate(
        partial(processor_seconds, our_command(case), case.typed, case.until),
        partial(processor_seconds, qemu_command(case), case.typed, case.until),
        settings.repetitions_with_processes,
    )
    peer = "QEMU -icount shift=0"
    return compared(case.name, "s", pairs, peer, wanted=Wanted(1.0), less_is_better=True)


def benchmark(case: BootCase) -> Benchmark:
    """The row of a boot."""
    return Benchmark(case.name, partial(measure, case), partial(_missing, case))


def _missing(case: BootCase) -> str | None:
    if find_qemu() is None:
        return "qemu-system-riscv64 is not installed"
    for path in (case.options.bios, case.image):
        if isinstance(path, Path) and not path.is_file():
            return f"{path} is not there (make tools)"
    return None


CASES = (
    BootCase("u-boot", None, MachineOptions(bios=U_BOOT), TO_THE_PROMPT_AND_OFF),
    BootCase("u-boot-opensbi", U_BOOT_SUPERVISOR, MachineOptions(bios=FW_JUMP), TO_THE_PROMPT_AND_OFF),
    BootCase("u-boot-builtin", U_BOOT_SUPERVISOR, MachineOptions(bios=BUILTIN), TO_THE_PROMPT_AND_OFF),
)
BENCHMARKS = tuple(benchmark(case) for case in CASES)
