# SPDX-License-Identifier: GPL-2.0-or-later
"""One preemption at every instruction: a reader and another process on two harts, one stopped after k
instructions of what it does while the other does all of its own.

By default what test_events.py does not do: pairs that replug each other, or whose owner writes, and a mutant
that only shows there. REPLUG_EVERY_INSTRUCTION=1 takes all instructions of all pairs, and all mutants.
"""

import os
import shutil
from array import array
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.cycles.oracle import Oracle
from emulator.machine import Snapshot
from guestos.images import GUESTOS, INCLUDE, build, disk_files, kernel_image, unix_images
from guestos.layout import constants
from toolchain.assemble import assemble
from toolchain.disk import create_image
from toolchain.image import Image

EVERY = bool(os.environ.get("REPLUG_EVERY_INSTRUCTION"))
STRIDE = int(
    os.environ.get("REPLUG_STRIDE", "1" if EVERY else "151")
)  # prime: over the pairs, all steps are met
LONGEST = 2600  # instructions of what is interrupted, at most: an open that has to replug
WHOLE = 60_000  # instructions in which the other is through with its own
LIMIT = 3_000_000  # a trial that needs more hangs
LOOK = 500  # instructions between two looks of the oracle
SOME = [("O", "2"), ("w", "l")]
S1 = 9
DATA = bytes((i * 7 + (i >> 8)) & 255 for i in range(60_000))

READERS = {
    "r": "reads a byte", "e": "reads to a bad pointer", "i": "reads a block from the disk",
    "w": "writes a byte", "O": "opens another file", "c": "closes and opens again", "d": "dups",
    "f": "forks", "x": "exits", "X": "execs",
}  # fmt: skip
OTHERS = {
    "o": "opens",
    "l": "opens and locks",
    "k": "opens and kills the reader",
    "2": "opens, has another open",
}


@dataclass(frozen=True)
class Guest:
    kernel: Path
    program: Path
    directory: Path


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    out = tmp_path_factory.mktemp("guest")
    library = next(image for image in unix_images() if image.name.endswith("/true.elf")).sources[:-1]
    program = assemble(
        [*library, Path(__file__).parent / "programs/meet.c"], out / "meet.elf",
        link_script=GUESTOS / "user/link.ld", include=[INCLUDE], root=GUESTOS.parent,
    )  # fmt: skip
    return Guest(build(kernel_image(), out), program, out)


class Meeting:
    """A machine whose two processes wait at the places where they meet."""

    def __init__(self, guest: Guest, choice: str, bootargs: str) -> None:
        disk = create_image(
            guest.directory / "meet.img",
            {**disk_files({"/meet": guest.program}, DATA), "/data2": DATA, "/choice": choice.encode()},
        )
        # Slices of one instruction: wherever the machine is stopped, that is the border of a slice.
        options = MachineOptions(harts=2, quantum=1, disk=disk, bootargs=f"init=/meet {bootargs}")
        self.machine = Machine(guest.kernel, options, per_instruction=True)
        image = Image.open(guest.program)
        places = []
        for name in ("at_reader", "at_other"):
            symbol = image.symbol(name)
            assert symbol is not None
            places.append(symbol.address)
        engine = self.machine.engine
        for _ in range(20_000):
            assert self.machine.run(500).reason == "limit", "they never met"
            at = [engine.get_pc(hart) for hart in range(2)]
            if sorted(at) == sorted(places):
                break
        self.reader = at.index(places[0])
        for hart in range(2):
            engine.set_x(hart, S1, 0)
        self.start: Snapshot = self.machine.snapshot()
        before = self.machine.instret(0)
        self.machine.run(1)
        # The slice that comes now is planned already; the schedule begins with the next, the other hart.
        self.next = 1 if self.machine.instret(0) > before else 0

    def trial(self, first: int, instructions: int, whole: int = WHOLE) -> str | None:
        """Hart `first` is stopped after so many instructions, while the other retires `whole` ones; what is
        wrong afterwards, or None.
        """
        machine = self.machine
        machine.restore(self.start)
        lengths = [instructions, whole] if first == self.next else [1, instructions, whole]
        machine.engine.follow_schedule(array("I", lengths))
        oracle = Oracle(machine)
        outcome = oracle.watch(LIMIT, LOOK)
        if outcome.reason != "exit":
            return f"it does not end: {outcome.reason}"
        if outcome.status != 0:
            return f"status {outcome.status}"
        if oracle.findings.violations:
            return oracle.findings.violations[0]
        return self.held()

    def held(self) -> str | None:
        """Flags and locks that are still set now that all processes but the first are gone."""
        c, machine = constants(), self.machine
        end = machine.image.symbol("descriptors_end")
        processes = machine.image.symbol("processes")
        assert end is not None and processes is not None
        for number in range(c["DESCRIPTORS"]):
            at = end.address - (number + 1) * c["DESCRIPTOR_BYTES"]
            for name in ("DESCRIPTOR_INSIDE", "DESCRIPTOR_DEPENDS"):
                if any(machine.read_physical(at + c[name], 4)):
                    return f"{name} of descriptor {number} is set at the end"
            for name in ("DESCRIPTOR_LOCK", "DESCRIPTOR_BLOCKED"):
                if any(machine.read_physical(at + c[name] + c["SLEEP_LOCK_HELD"], 4)):
                    return f"{name} of descriptor {number} is held at the end"
        for number in range(c["MAX_PROCESSES"]):
            at = processes.address + number * c["PROCESS_SIZE"] + c["PROCESS_LOCK"]
            if any(machine.read_physical(at + c["SLEEP_LOCK_HELD"], 4)):
                return f"the lock of process {number} is held at the end"
        return None


@pytest.mark.parametrize("bootargs", ["", "levels=pews", "leave=yes"] if EVERY else [""])
@pytest.mark.parametrize(("reader", "other"), [(r, o) for r in READERS for o in OTHERS] if EVERY else SOME)
def test_one_preemption(guest: Guest, reader: str, other: str, bootargs: str) -> None:
    meeting = Meeting(guest, reader + other, bootargs)
    with meeting.machine:
        offset = sum(map(ord, reader + other)) % STRIDE
        for first in (0, 1):
            for instructions in range(1 + offset, LONGEST, STRIDE):
                wrong = meeting.trial(first, instructions)
                assert wrong is None, f"hart {first} stopped after {instructions} instructions: {wrong}"


@dataclass(frozen=True)
class Mutant:
    """A text of a source (or include file) replaced; which reader and other process show it, who is stopped,
    after which numbers of instructions, and for how many of the other's.
    """

    name: str
    file: str
    old: str
    new: str
    choice: str
    stopped: str
    points: range
    whole: int = WHOLE


MUTANTS = [
    Mutant(
        "M3 the pointer is loaded before the flag is set",
        "include/replug_invoke.inc",
        "    sw      t0, DESCRIPTOR_INSIDE(\\descriptor)\n",
        "    ld      t2, DESCRIPTOR_PATH(\\descriptor)\n    sw      t0, DESCRIPTOR_INSIDE(\\descriptor)\n",
        "ro",
        "reader",
        range(30, 90),
    ),
    Mutant(
        "M5 the generic target leaves the flag set",
        "kernel/read.S",
        "    REPLUG_LEAVE DESCRIPTOR_INSIDE, a0\n",
        "",
        "eo",
        "reader",
        range(30, 90),
        whole=1500,
    ),
    Mutant(
        "M11 no re-check",
        "kernel/replug.S",
        "    beqz    t0, .Lalready_done\n",
        "",
        "do",
        "other",
        range(600, LONGEST, 4),
    ),
    Mutant(
        "M23 a guard holds its own per-process lock",
        "kernel/guards.S",
        "    mv      a3, s1\n    jal     replug\n    j       .Lagain\n",
        """    sd      a0, 0(sp)
    sd      a2, -8(sp)
    addi    sp, sp, -16
    ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_acquire
    ld      a0, 16(sp)
    ld      a2, 8(sp)
    mv      a1, s0
    mv      a3, s1
    jal     replug
    ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_release
    addi    sp, sp, 16
    j       .Lagain
""",
        "O2",
        "reader",
        range(800, LONGEST, 23),
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS if EVERY else MUTANTS[-1:], ids=lambda mutant: mutant.name)
def test_mutant_is_found(guest: Guest, mutant: Mutant, tmp_path: Path) -> None:
    """By one preemption, wherever it has to be."""
    for directory in ("kernel", "include"):
        shutil.copytree(GUESTOS / directory, tmp_path / directory)
    source = tmp_path / mutant.file
    text = source.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.file} has changed: {mutant.old!r}"
    text = text.replace(mutant.old, mutant.new)
    if mutant.name.startswith("M3"):  # what comes behind loads it no more
        head, tail = text.split(mutant.new)
        text = head + mutant.new + tail.replace("    ld      t2, DESCRIPTOR_PATH(\\descriptor)\n", "", 1)
    source.write_text(text)
    kernel = assemble(
        sorted((tmp_path / "kernel").glob("*.S")), tmp_path / "kernel.elf",
        link_script=GUESTOS / "link.ld", include=[tmp_path / "include"], root=tmp_path,
    )  # fmt: skip
    meeting = Meeting(Guest(kernel, guest.program, tmp_path), mutant.choice, "")
    with meeting.machine:
        first = meeting.reader if mutant.stopped == "reader" else 1 - meeting.reader
        found = ((point, meeting.trial(first, point, mutant.whole)) for point in mutant.points)
        print(next((point, wrong) for point, wrong in found if wrong is not None))
