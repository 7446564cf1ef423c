# SPDX-License-Identifier: GPL-2.0-or-later
"""One preemption at every instruction of the protocol, and on another hart something happens to the file.

Two processes on two harts, each waiting for the host's word. One is told to do something and frozen after
each number of instructions at which it stands in code of the protocol; the other one then does its own
thing, as far as it gets; then both go on. The invariants (guestos/PROTOCOL.md, section 7) are looked at
while the one is frozen and at the end; the bytes delivered must be the next ones of the file.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.cycles.oracle import Oracle
from emulator.loader.elf import open_image
from emulator.machine import Snapshot
from guestos.images import GUESTOS, INCLUDE, SYSTEM, build, kernel_image
from guestos.layout import constants
from toolchain.assemble import assemble
from toolchain.disk import create_image

PROGRAMS = Path(__file__).parent / "programs"
DATA = random.Random(5).randbytes(80_000)
EVERY = 1 if os.environ.get("REPLUG_EVERY_INSTRUCTION") else 23
"""Of the instructions of the protocol, one in so many; all of them on request (minutes)."""

(READ, READ_NOWHERE, READ_MANY, SEEK, DUP, FORK, EXEC, REOPEN, LOCK, EXIT) = range(1, 11)
(OPEN, OPEN_AND_READ, TRUNCATE, KILL, LOCK_FAR, UNLINK, WRITE_FAR, OTHERS_FORK) = range(1, 9)
OWNER = {
    READ: "read", READ_NOWHERE: "EFAULT", READ_MANY: "read much", SEEK: "lseek", DUP: "dup, close",
    FORK: "fork", EXEC: "exec", REOPEN: "close, open", LOCK: "fcntl", EXIT: "exit",
}  # fmt: skip
OTHER = {
    OPEN: "open, close", OPEN_AND_READ: "open, read, close", TRUNCATE: "truncate", KILL: "kill",
    LOCK_FAR: "lock", UNLINK: "unlink", WRITE_FAR: "write", OTHERS_FORK: "fork",
}  # fmt: skip
# Routines that make up the protocol: a process is frozen in these, and on the way into and out of them.
PROTOCOL = (
    "sys_read", "read", "read_from_tank", "read_through_pointer", "is_read", "is_read_blocks", "holding_tank",
    "replug", "guard_", "specialise", "unspecialise", "level_find", "descriptor_share", "descriptor_close",
    "sys_lseek", "sys_exec", "process_adopt", "process_enter",
)  # fmt: skip
S10, S11 = 26, 27
LONGEST = 8_000_000
GUARDED = (OPEN, OPEN_AND_READ, TRUNCATE, LOCK_FAR, WRITE_FAR, OTHERS_FORK)
"""What the other one may do only when nobody is inside any more."""


@dataclass
class Stage:
    """The machine, and the moment at which both processes wait and the owner's descriptor is specialised."""

    machine: Machine
    start: Snapshot
    loop: int
    console: bytearray
    oracle: Oracle
    descriptor: int
    parking: int

    def step(self, hart: int, count: int) -> None:
        """Until this hart has retired so many instructions more, or sleeps."""
        engine = self.machine.engine
        end = engine.instret(hart) + count
        while (left := end - engine.instret(hart)) > 0 and not engine.is_waiting(hart):
            self.machine.run(left)

    def freeze(self, hart: int) -> int:
        """Let it spin on the spot from now on; the pc at which `thaw` lets it go on."""
        pc = self.machine.engine.get_pc(hart)
        self.machine.engine.set_pc(hart, self.parking)
        return pc

    def back(self) -> None:
        """To the moment at which both wait."""
        self.machine.restore(self.start)
        del self.console[:]
        self.oracle = Oracle(self.machine)

    def both(self, done: tuple[str, ...]) -> bool:
        """Let both go on until these processes wait again (or the machine has ended)."""
        for _ in range(LONGEST // 2000):
            if done and all(self.idle(name) for name in done):
                return True
            if self.machine.run(2000).reason == "exit":
                return not done
        return False

    def on(self, name: str) -> int | None:
        """The hart that this process runs on."""
        c, machine = constants(), self.machine
        harts = address(machine, "harts")
        processes = address(machine, "processes")
        wanted = processes + {"owner": 1, "other": 2}[name] * c["PROCESS_SIZE"]
        for hart in range(2):
            at = harts + hart * c["HART_SIZE"] + c["HART_PROCESS"]
            if int.from_bytes(machine.read_physical(at, 8), "little") == wanted:
                return hart
        return None

    def idle(self, name: str) -> bool:
        hart = self.on(name)
        return (
            hart is not None
            and self.loop <= self.machine.engine.get_pc(hart) < self.loop + 8
            and self.machine.engine.get_x(hart, S11) == 0
        )

    def tell(self, name: str, event: int) -> int:
        hart = self.on(name)
        assert hart is not None
        self.machine.engine.set_x(hart, S11, event)
        return hart

    def result(self, name: str) -> int:
        hart = self.on(name)
        assert hart is not None
        value = self.machine.engine.get_x(hart, S10)
        return value - (1 << 64) if value >> 63 else value

    def word(self, offset: str, size: int = 4) -> int:
        """Of the owner's descriptor."""
        return int.from_bytes(
            self.machine.read_physical(self.descriptor + constants()[offset], size), "little"
        )

    def routine(self, hart: int) -> str:
        found = self.machine.image.symbol_at(self.machine.engine.get_pc(hart))
        return "" if found is None else found[0]


def address(machine: Machine, name: str) -> int:
    symbol = machine.image.symbol(name)
    assert symbol is not None
    return symbol.address


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    out = tmp_path_factory.mktemp("guest")
    user = GUESTOS / "user"
    program = assemble(
        [
            user / "lib/system_calls.S", user / "bin/lib/start.S", user / "bin/lib/text.c",
            PROGRAMS / "events.c",
        ],
        out / "events.elf", link_script=user / "link.ld", include=[INCLUDE], root=GUESTOS.parent,
    )  # fmt: skip
    disk = create_image(out / "disk.img", {**SYSTEM, "/init": program, "/f": DATA})
    loop = open_image(program).symbol("event_loop")
    assert loop is not None
    console = bytearray()
    options = MachineOptions(harts=2, quantum=100, disk=disk)
    with Machine(build(kernel_image(), out), options, console.extend, per_instruction=True) as machine:
        made = Stage(machine, Snapshot(0, b"", {}, b"", 0), loop.address, console, Oracle(machine), 0, 0)
        made.parking = address(machine, "text_end") - 2
        assert machine.read_physical(made.parking, 2) == b"\0\0"  # padding of the kernel's text
        machine.engine.ram_write(made.parking, b"\x01\xa0")  # c.j to itself
        for _ in range(1000):
            machine.run(10_000)
            if made.idle("owner") and made.idle("other"):
                break
        c = constants()
        slots = address(machine, "processes") + c["PROCESS_SIZE"] + c["PROCESS_DESCRIPTORS"]
        made.descriptor = int.from_bytes(machine.read_physical(slots + 8 * 3, 8), "little")
        assert made.word("DESCRIPTOR_SPECIALISED") == 1
        made.start = machine.snapshot()
        yield made


def moments(stage: Stage, name: str, event: int) -> list[int]:
    """After how many instructions of this call, undisturbed, the process stands in code of the protocol."""
    machine = stage.machine
    stage.back()
    hart = stage.tell(name, event)
    found = []
    for count in range(1, 200_000):
        stage.step(hart, 1)
        if stage.idle(name) or machine.engine.is_waiting(hart):
            break
        if stage.routine(hart).startswith(PROTOCOL):
            found.append(count)
    assert found, "the call never came through the protocol"
    edges = {count + 1 for count in found} - set(found)
    return sorted({*found, *edges})[::EVERY]


def check_frozen(stage: Stage, owner: int | None, done: bool, other: int) -> None:
    """The owner, if it is the frozen one, goes on from here (I1, I3, I8). Behind the clear of its flag the
    body touches nothing any more.
    """
    inside = stage.word("DESCRIPTOR_INSIDE")
    if owner is not None and inside and done and other in GUARDED:
        body = stage.routine(owner)
        assert not body.startswith("is_read"), "the guard has returned while the owner is inside (I1, I3)"
    stage.oracle.look()
    assert stage.oracle.findings.violations == []


def check_end(stage: Stage) -> None:
    """Both wait: nobody is inside, no lock is held, what is specialised may be (I5, I6, I7, I8)."""
    c = constants()
    assert stage.word("DESCRIPTOR_INSIDE") == 0
    assert stage.word("DESCRIPTOR_BLOCKED") == 0
    for lock in ("DESCRIPTOR_LOCK", "DESCRIPTOR_BLOCKED"):
        held = stage.machine.read_physical(stage.descriptor + c[lock] + c["SLEEP_LOCK_HELD"], 4)
        assert int.from_bytes(held, "little") == 0, f"{lock} is held"
    processes = address(stage.machine, "processes")
    for number in (1, 2):
        at = processes + number * c["PROCESS_SIZE"] + c["PROCESS_LOCK"] + c["SLEEP_LOCK_HELD"]
        assert int.from_bytes(stage.machine.read_physical(at, 4), "little") == 0
    stage.oracle.look()
    assert stage.oracle.findings.violations == []


def delivered(event: int, result: int, at: int) -> int:
    """Checks what the owner's call gave at this offset; returns the offset after it."""
    if event in (READ, FORK):
        assert result == DATA[at], f"the byte at {at}"
        return at + 1
    if event == READ_NOWHERE:
        assert result == -14
    elif event == READ_MANY:
        assert result == 5000
        return at + 5000
    elif event in (SEEK, REOPEN):
        assert result == at
    else:
        assert result == 0
    return at


def play(stage: Stage, frozen: str, first: int, count: int, second: int) -> None:
    """`frozen` gets so far with `first`; the other one does `second`; both go on; the owner reads on."""
    stage.back()
    names = ("owner", "other") if frozen == "owner" else ("other", "owner")
    owner_event, other_event = (first, second) if frozen == "owner" else (second, first)
    engine = stage.machine.engine
    hart = stage.tell(names[0], first)
    stage.step(hart, count)
    in_kernel = engine.get_privilege(hart) == 1
    pc = stage.freeze(hart) if in_kernel else 0
    stage.tell(names[1], second)
    for _ in range(60):
        if stage.idle(names[1]) or stage.machine.run(1000).reason == "exit":
            break
    if in_kernel:
        while engine.get_pc(hart) != stage.parking:
            stage.machine.run(1)  # it is in the M-mode stub for a timer interrupt
        engine.set_pc(hart, pc)
    check_frozen(stage, hart if frozen == "owner" else None, stage.idle("other"), other_event)

    if owner_event == EXIT or other_event == KILL:
        assert stage.both(()), "the machine does not end"
        said = stage.console.partition(b"\n")[0]
        assert said == b"owner ended with %d" % (7 if owner_event == EXIT else 128 + 15)
        return
    assert stage.both(("owner", "other")), "a call does not come back (I6, I7)"
    at = 3
    unopened = owner_event == REOPEN and other_event == UNLINK
    if not unopened:
        if owner_event != EXEC:
            at = delivered(owner_event, stage.result("owner"), at)
        assert stage.result("other") == (10 if other_event in (OPEN_AND_READ, WRITE_FAR) else 0)
        if owner_event != REOPEN:
            check_end(stage)
        for _ in range(4):
            stage.tell("owner", READ)
            assert stage.both(("owner", "other"))
            at = delivered(READ, stage.result("owner"), at)


def cases() -> Iterator[tuple[str, int, int]]:
    for event in OTHER:
        yield "owner", READ, event
        yield "owner", READ_MANY, event
    for event in OWNER:
        yield "other", OPEN, event
        yield "other", TRUNCATE, event
        if event not in (READ, READ_MANY):
            yield "owner", event, OPEN
    for event in (READ, FORK, DUP, EXIT):
        yield "other", LOCK_FAR, event
        yield "other", WRITE_FAR, event


def name_of(case: tuple[str, int, int]) -> str:
    frozen, first, second = case
    mine, theirs = (OWNER, OTHER) if frozen == "owner" else (OTHER, OWNER)
    return f"{frozen} in {mine[first]}; {theirs[second]}"


@pytest.mark.parametrize("case", list(cases()), ids=name_of)
def test_event_in_the_middle(stage: Stage, case: tuple[str, int, int]) -> None:
    frozen, first, second = case
    for count in moments(stage, frozen, first):
        try:
            play(stage, frozen, first, count, second)
        except AssertionError as error:
            raise AssertionError(f"after {count} instructions: {error}") from error
