# SPDX-License-Identifier: GPL-2.0-or-later
"""The same program on our engine, on raw Unicorn and on QEMU, each timed alike.

Times are processor seconds of this thread (of the child process for QEMU), not of the clock on the wall:
other work on the host then disturbs them least.
"""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from emulator.bench.program import (
    END_POWER_OFF,
    END_TOHOST,
    RAM_BASE,
    RAM_SIZE,
    Program,
    address_of,
    elf_file,
    memory_image,
)
from emulator.devices.virt_map import VIRTIO_BASE
from emulator.engine import PAGE_SIZE, PAGE_TOUCHED, Engine, EngineConfig, StopReason
from emulator.engine.raw import RawMode, RawUnicorn
from emulator.errors import ReplugError

UNCUT = 1 << 60
"""A quantum (instructions) so long that a hart runs its program in one slice."""
QEMU = "qemu-system-riscv64"
SPIKE = "spike"
CHILD_TIMEOUT = 300
VIRTIO_MAGIC = 0x7472_6976


@dataclass(frozen=True)
class Run:
    """Processor seconds, instructions retired by all harts (0: not counted), result of hart 0, and rounds of
    slices (0 but on our engine)."""

    seconds: float
    instructions: int
    result: int
    rounds: int = 0


class Runner(Protocol):
    """Something that can run a program again and again."""

    def run(self, iterations: int) -> Run:
        """From the start to the end. ReplugError when it does not end as it should."""


def _read_device(_hart: int, address: int, _width: int) -> int | None:
    """A device that costs nothing: what remains is the engine's own way to a device in Python."""
    return VIRTIO_MAGIC if address == VIRTIO_BASE else None


def _write_device(_hart: int, _address: int, _width: int, _value: int) -> bool:
    return False


class EngineRunner:
    """The engine alone, exactly counting, without the rest of a machine.

    per_instruction: slices end after exactly `quantum` instructions instead of at the next block border.
    """

    def __init__(
        self, program: Program, *, harts: int = 1, quantum: int = UNCUT, per_instruction: bool = False
    ) -> None:
        self.program = program
        settings = {
            "harts": harts,
            "ram_base": RAM_BASE,
            "ram_size": RAM_SIZE,
            "quantum": quantum,
            "devices": 1,
        }
        if per_instruction:
            settings["per_instruction"] = 1
        self._engine = Engine(EngineConfig(**settings), _read_device, _write_device)
        for hart in range(harts):
            self._engine.set_pc(hart, RAM_BASE)
            self._engine.set_x(hart, 10, hart)
        self._engine.ram_write(RAM_BASE, memory_image(program, 1))
        self._start = self._engine.save()

    def run(self, iterations: int) -> Run:
        """Runs on what is translated already; the harts start anew."""
        engine = self._engine
        engine.ram_write(address_of(self.program, "iterations"), struct.pack("<Q", iterations))
        engine.restore(self._start)
        rounds = engine.rounds
        before = time.thread_time()
        reason = engine.run()
        seconds = time.thread_time() - before
        if reason is not StopReason.IDLE:
            raise ReplugError(f"benchmark {self.program.name}: the engine stopped for {reason.name.lower()}")
        place = address_of(self.program, "results") - RAM_BASE
        (result,) = struct.unpack_from("<Q", engine.ram, place)
        return Run(seconds, engine.total_instret, result, engine.rounds - rounds)

    def counts(self) -> dict[int, int]:
        """How often each instruction has retired in all runs so far, by its physical address."""
        counts: dict[int, int] = {}
        for page, flags in enumerate(self._engine.page_flags.tobytes()):
            if flags & PAGE_TOUCHED:
                counts |= self._engine.counts(RAM_BASE + page * PAGE_SIZE)
        return counts

    @staticmethod
    def can_count_single_instructions() -> bool:
        """Does this engine know slices of an exact length?"""
        return any(entry.name == "per_instruction" for entry in fields(EngineConfig))


class RawRunner:
    """Raw Unicorn from Python."""

    def __init__(self, program: Program, mode: RawMode) -> None:
        self.program = program
        self._raw = RawUnicorn(mode, ram_base=RAM_BASE, ram_size=RAM_SIZE)
        self._raw.write(RAM_BASE, memory_image(program, 1))

    def run(self, iterations: int) -> Run:
        """Up to the final `wfi`, which is not executed. Counts in mode HOOK only."""
        raw = self._raw
        raw.write(address_of(self.program, "iterations"), struct.pack("<Q", iterations))
        until = address_of(self.program, "finished")
        counted = raw.instructions
        before = time.thread_time()
        raw.run(RAM_BASE, until)
        seconds = time.thread_time() - before
        (result,) = struct.unpack("<Q", raw.read(address_of(self.program, "results"), 8))
        return Run(seconds, raw.instructions - counted, result)


class ProcessRunner(Protocol):
    """Another emulator, each run of which is a process of its own."""

    def run(self, iterations: int, expected: int | None = None) -> Run:
        """The whole process, start-up included. expected: the result the program must come to."""


def find_qemu() -> str | None:
    """Path of QEMU's RISC-V system emulator, None when it is not installed."""
    return shutil.which(QEMU)


class QemuRunner:
    """QEMU's `virt` machine with one hart; each run is a process of its own.

    icount: with `-icount shift=0`, its way to count instructions (and not to sleep in real time).
    """

    def __init__(self, program: Program, *, icount: bool) -> None:
        self.program = program
        self.icount = icount

    def run(self, iterations: int, expected: int | None = None) -> Run:
        """The whole process, start-up included. expected: the result the program must come to."""
        qemu = find_qemu()
        if qemu is None:
            raise ReplugError(f"{QEMU}: not installed")
        image = memory_image(self.program, iterations, ending=END_POWER_OFF, expected=expected or 0)
        with tempfile.NamedTemporaryFile(prefix="replug-bench-", suffix=".bin") as file:
            Path(file.name).write_bytes(image)
            command = [
                qemu, "-machine", "virt", "-bios", "none", "-m", str(RAM_SIZE >> 20), "-smp", "1",
                "-display", "none", "-monitor", "none", "-serial", "none",
                *(["-icount", "shift=0,sleep=off"] if self.icount else []),
                "-device", f"loader,file={file.name},addr={RAM_BASE:#x},force-raw=on",
            ]  # fmt: skip
            seconds, status, errors = _run_child(command)
        if status != 0 and expected is not None:
            raise ReplugError(f"benchmark {self.program.name} on QEMU: status {status} {errors.strip()}")
        return Run(seconds, 0, expected or 0)


def find_spike() -> str | None:
    """Path of Spike, the instruction set's simulator: `REPLUG_SPIKE`, or on the path; None: there is none."""
    return shutil.which(os.environ.get("REPLUG_SPIKE") or SPIKE)


class SpikeRunner:
    """Spike with one hart."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def run(self, iterations: int, expected: int | None = None) -> Run:
        """As in ProcessRunner."""
        spike = find_spike()
        if spike is None:
            raise ReplugError(f"{SPIKE}: not installed")
        image = elf_file(self.program, iterations, ending=END_TOHOST, expected=expected or 0)
        with tempfile.NamedTemporaryFile(prefix="replug-bench-", suffix=".elf") as file:
            Path(file.name).write_bytes(image)
            memory = f"-m{RAM_BASE:#x}:{RAM_SIZE:#x}"
            seconds, status, errors = _run_child([spike, "-p1", memory, "--isa=rv64imafdc", file.name])
        if status != 0 and expected is not None:
            raise ReplugError(f"benchmark {self.program.name} on Spike: status {status} {errors.strip()}")
        return Run(seconds, 0, expected or 0)


def _run_child(command: list[str]) -> tuple[float, int, str]:
    """Processor seconds (user and system), exit status, stderr. ReplugError when it takes too long."""
    with tempfile.TemporaryFile() as errors:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            status = child.wait(CHILD_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise ReplugError(f"{command[0]}: did not end within {CHILD_TIMEOUT} seconds") from None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        errors.seek(0)
        text = errors.read().decode("utf-8", "replace")
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, status, text
