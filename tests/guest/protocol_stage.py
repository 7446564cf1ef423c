# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processes on two harts that do what the host tells them, one thing at a time; the host walks one of
them through its call instruction by instruction, stops it anywhere, and lets the other one do its own.

The guest's side is programs/events.c.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from emulator import Machine, MachineOptions
from emulator.cycles.oracle import Oracle
from emulator.devices.virtio_block import DiskTiming, VirtioBlock
from emulator.loader.elf import open_image
from emulator.machine import Snapshot
from guestos.images import GUESTOS, INCLUDE, SYSTEM
from guestos.layout import constants
from toolchain.assemble import assemble
from toolchain.disk import Source, create_image
from toolchain.image import PATH_BEGIN, PATH_END, PATH_IS, PATH_STEP

PROGRAMS = Path(__file__).parent / "programs"
DATA = random.Random(5).randbytes(80_000)
READ_BEFORE = 3  # bytes that the owner has read before anything happens
(READ, READ_NOWHERE, READ_MANY, SEEK, DUP, FORK, EXEC, REOPEN, LOCK, EXIT) = range(1, 11)
INTERRUPTED, KILL_OTHER = 11, 12
(OPEN, OPEN_AND_READ, TRUNCATE, KILL, LOCK_FAR, UNLINK, WRITE_FAR, OTHERS_FORK, INTERRUPT) = range(1, 10)
RELEASE = 10
# Routines that make up the protocol; what they call of the second kind belongs to it while they call it.
PROTOCOL = (
    "sys_read", "read", "read_from_tank", "read_through_pointer", "is_read", "is_read_blocks",
    "is_read_shared", "is_write",
    "holding_tank", "wait_in_tank", "replug", "guard_", "specialise", "unspecialise", "level_",
    "descriptor_share", "descriptor_close", "sys_lseek", "sys_exec", "process_adopt", "process_enter",
)  # fmt: skip
CALLED = (
    "spin_",
    "sleep_lock_",
    "sleep_on",
    "wake_",
    "copy_to_user",
    "buffer_get",
    "buffer_release",
    "inode_",
)
VISITS = (
    2  # of the same instruction in one walk, so that a loop is looked at in its first and in its next turn
)
S10, S11 = 26, 27
POOL = 24  # descriptors around the owner's: more than all processes have
CHUNK = 500  # instructions between two looks at whether a process is through
PATIENCE = 200_000  # instructions for a call while another one is stopped: a fork needs most of them
LONGEST = 3_000_000  # a call that needs more hangs
DISK = DiskTiming(read=3000, write=3000, flush=3000, per_kibibyte=0)
STUCK = ("spin_acquire", "sleep_lock_acquire", "sleep_lock_release", "replug")
"""Where a process that has to wait for the one that is stopped goes round and round."""


def make_program(out: Path) -> Path:
    user = GUESTOS / "user"
    return assemble(
        [
            user / "lib/system_calls.S", user / "bin/lib/start.S", user / "bin/lib/text.c",
            PROGRAMS / "events.c",
        ],
        out / "events.elf", link_script=user / "link.ld", include=[INCLUDE], root=GUESTOS.parent,
    )  # fmt: skip


@dataclass
class Place:
    """Where a process that is walked through its call stands.

    step: of the replugger, 0 outside; invoked: from the reader's step 1 until its flag is clear; body: from
    the first instruction of a specialised path until then; site: the last instruction of the protocol's own
    routines, where this is one that they have called.
    """

    step: int = 0
    invoked: bool = False
    body: bool = False
    protocol: bool = False
    site: int = 0


@dataclass(frozen=True)
class Moment:
    """The machine, and what an oracle has seen of it by then."""

    snapshot: Snapshot
    oracle: Oracle


class Stage:
    """A machine at the moment at which both processes wait and the owner's descriptor is specialised."""

    def __init__(
        self,
        kernel: Path,
        program: Path,
        out: Path,
        bootargs: str = "",
        *,
        twin: bool = False,
        body: str = "is_read",
        data: bytes = DATA,
    ) -> None:
        """twin: there is a third process, on a third hart, that can do what the owner can; body: the read
        through which the owner reads; data: the file.
        """
        files: dict[str, Source] = {**SYSTEM, "/init": program, "/f": data}
        if twin:
            files["/twin"] = b"yes"
        disk = create_image(out / "stage.img", files)
        loop = open_image(program).symbol("event_loop")
        assert loop is not None
        self.loop = loop.address
        self.console = bytearray()
        self._names = ("owner", "other", *(["twin"] if twin else []))
        options = MachineOptions(harts=len(self._names), quantum=100, disk=disk, bootargs=bootargs)
        self._give_up = 0
        self.machine = Machine(kernel, options, self.console.extend, per_instruction=True)
        (block,) = (device for device in self.machine.virtio.devices if isinstance(device, VirtioBlock))
        block.timing = DISK
        self.engine = self.machine.engine
        self.c = c = constants()
        self._harts = self.address("harts") + c["HART_PROCESS"]
        processes = self.address("processes")
        self._process = {name: processes + (1 + i) * c["PROCESS_SIZE"] for i, name in enumerate(self._names)}
        self._process_locks = [
            processes + i * c["PROCESS_SIZE"] + c["PROCESS_LOCK"] for i in range(c["MAX_PROCESSES"])
        ]
        self._marks = self._read_marks()
        self._body = self.address(body)
        self.parking = self.address("text_end") - 2
        assert self.machine.read_physical(self.parking, 2) == b"\0\0"  # padding of the kernel's text
        self.engine.ram_write(self.parking, b"\x01\xa0")  # c.j to itself
        for _ in range(1000):
            self.machine.run(10_000)
            if all(self.idle(name) for name in self._names):
                break
        slots = self._process["owner"] + c["PROCESS_DESCRIPTORS"]
        self.descriptor = self.read(slots + 8 * 3, 8)
        self.inode = self.word("DESCRIPTOR_INODE", 8)
        end = self.address("descriptors_end")
        size = c["DESCRIPTOR_BYTES"]
        self._pool = min(
            max(self.descriptor - POOL // 2 * size, end - c["DESCRIPTORS"] * size), end - POOL * size
        )
        assert self.word("DESCRIPTOR_SPECIALISED") == 1
        self._awaited = {
            *self._process_locks, self.address("user_locks"), self.inode + c["INODE_LOCK"],
            *(self.descriptor + c[word] for word in ("DESCRIPTOR_LOCK", "DESCRIPTOR_BLOCKED")),
        }  # fmt: skip
        self.start = self.mark()

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.machine.close()

    def _read_marks(self) -> dict[int, list[tuple[str, int]]]:
        """What the kernel's own notes say about places: (word of Place, value) by address."""
        found: dict[int, list[tuple[str, int]]] = {}
        for note in self.machine.image.notes:
            what = None
            if note.name == "replug" and note.kind == PATH_STEP:
                what = "step", int(note.detail.split()[0])
            elif note.name == "replug" and note.kind == PATH_END:
                what = "step", 0
            elif note.name == "invocation" and note.kind == PATH_BEGIN:
                what = "invoked", 1
            elif note.name == "flag clear" and note.kind == PATH_END:
                what = "invoked", 0
            elif note.name == "trap" and note.kind == PATH_IS and note.detail.startswith("specialised"):
                what = "body", 1
            if what is not None:
                found.setdefault(note.address, []).append(what)
        return found

    # --- looking ---

    def address(self, name: str) -> int:
        symbol = self.machine.image.symbol(name)
        assert symbol is not None
        return symbol.address

    def read(self, address: int, size: int) -> int:
        return int.from_bytes(self.machine.read_physical(address, size), "little")

    def word(self, offset: str, size: int = 4) -> int:
        """Of the owner's descriptor."""
        return self.read(self.descriptor + self.c[offset], size)

    def hart_of(self, name: str) -> int | None:
        """The hart that this process runs on."""
        wanted = self._process[name]
        for hart in range(len(self._names)):
            if self.read(self._harts + hart * self.c["HART_SIZE"], 8) == wanted:
                return hart
        return None

    def idle(self, name: str) -> bool:
        """Whether it waits for the host's word."""
        hart = self.hart_of(name)
        return (
            hart is not None
            and self.loop <= self.engine.get_pc(hart) < self.loop + 8
            and self.engine.get_x(hart, S11) == 0
        )

    def result(self, name: str) -> int:
        """What its last call gave."""
        hart = self.hart_of(name)
        assert hart is not None
        value = self.engine.get_x(hart, S10)
        return value - (1 << 64) if value >> 63 else value

    def routine(self, hart: int) -> str:
        found = self.machine.image.symbol_at(self.engine.get_pc(hart))
        return "" if found is None else found[0]

    def kept(self) -> bytes:
        """What of the owner's descriptor nobody but a replugger may change while one is at work (I2, I9)."""
        data = self.machine.read_physical(self.descriptor, self.c["DESCRIPTOR_BYTES"])
        path, lock = self.c["DESCRIPTOR_PATH"], self.c["DESCRIPTOR_LOCK"]
        return (
            data[: self.c["DESCRIPTOR_INSIDE"]] + data[path:lock] + data[self.c["DESCRIPTOR_RECORD"] :][:104]
        )

    def body_executions(self) -> int:
        """How often the specialised read has been entered."""
        page = self._body & ~4095
        return self.engine.counts(page).get(self._body, 0)

    def held_by(self, name: str) -> list[str]:
        """Sleeping locks of the protocol that this process holds."""
        owner, c = self.c["SLEEP_LOCK_OWNER"], self.c
        locks = [(f"the lock of process {i}", at) for i, at in enumerate(self._process_locks)]
        locks += [(word, self.descriptor + c[word]) for word in ("DESCRIPTOR_LOCK", "DESCRIPTOR_BLOCKED")]
        locks.append(("the inode's lock", self.inode + c["INODE_LOCK"]))
        return [what for what, at in locks if self.read(at + owner, 8) == self._process[name]]

    # --- acting ---

    def mark(self) -> Moment:
        """This moment, to come back to."""
        oracle = Oracle(self.machine)
        oracle.look()
        self.oracle = oracle.copy()
        return Moment(self.machine.snapshot(), oracle)

    def back(self, to: Moment) -> None:
        self.machine.restore(to.snapshot)
        del self.console[:]
        self.oracle = to.oracle.copy()

    def share(self, name: str) -> None:
        """Give a process the owner's descriptor, too: no system call does that."""
        slot = self.c["PROCESS_DESCRIPTORS"] + 8 * 3
        self.engine.ram_write(self._process[name] + slot, self.descriptor.to_bytes(8, "little"))

    def tell(self, name: str, event: int) -> int:
        hart = self.hart_of(name)
        assert hart is not None, f"{name} waits for nobody's word"
        self.engine.set_x(hart, S11, event)
        return hart

    def walk(self, name: str, hart: int) -> Iterator[tuple[int | None, Place]]:
        """Its hart and place after each instruction of its call, to the call's end; hart None: it has gone to
        sleep.  While it sleeps and whoever looks on does nothing, time goes on.
        """
        place, engine = Place(), self.engine
        now: int | None = hart
        protocol = False
        self._give_up = engine.total_instret + PATIENCE
        while True:
            if now is None:
                if not self._woken(name):
                    return
            else:
                _, ended = self.machine.advance(partial(engine.run_steps, 1 << 30, now, 1))
                if ended is not None or self.idle(name):
                    return
            now = self.hart_of(name)
            if now is not None:
                for what, value in self._marks.get(engine.get_pc(now), ()):
                    if what == "step":
                        place.step = value
                    else:
                        setattr(place, what, bool(value))
                        if what == "invoked" and not value:
                            place.body = False
                routine = self.routine(now)
                if routine.startswith(PROTOCOL):
                    place.site = engine.get_pc(now)
                    protocol = True
                else:
                    protocol = protocol and routine.startswith(CALLED)
            place.protocol = protocol
            yield now, place

    def circles(self, hart: int | None) -> bool:
        """Whether it stands in the replugger itself."""
        return hart is not None and self.routine(hart) == "replug"

    def awake(self, name: str) -> int:
        """Let the machine run until this process is on a hart again; that hart."""
        assert self._woken(name), "it does not wake up"
        hart = self.hart_of(name)
        assert hart is not None
        return hart

    def _woken(self, name: str) -> bool:
        """Let the machine run until it is on a hart again."""
        for _ in range(LONGEST // CHUNK):
            if self.hart_of(name) is not None:
                return True
            if self.machine.run(20).reason != "limit" or self.engine.total_instret > self._give_up:
                return False
        return False

    def freeze(self, hart: int) -> int | None:
        """Let it spin on the spot from now on; the pc for `thaw`.  None: it is in user mode and goes on."""
        if self.engine.get_privilege(hart) != 1:
            return None
        pc = self.engine.get_pc(hart)
        self.engine.set_pc(hart, self.parking)
        return pc

    def thaw(self, hart: int, pc: int | None) -> None:
        if pc is None:
            return
        while self.engine.get_pc(hart) != self.parking:
            self.machine.run(1)  # it is in the M-mode stub for a timer interrupt
        self.engine.set_pc(hart, pc)

    def as_far_as_it_gets(self, name: str) -> bool:
        """Let the machine run until this process has done its thing, or goes round in circles; the former."""
        stuck = 0
        for _ in range(PATIENCE // CHUNK):
            if self.idle(name):
                return True
            if self.machine.run(CHUNK).reason == "exit":
                return False
            stuck = stuck + 1 if self._waits(name) else 0
            if stuck > 1:
                return False
        return self.idle(name)

    def _waits(self, name: str) -> bool:
        """For a lock, it seems, asleep or not."""
        hart = self.hart_of(name)
        if hart is not None:
            return self.routine(hart) in STUCK
        channel = self.read(self._process[name] + self.c["PROCESS_CHANNEL"], 8)
        return channel in self._awaited

    def until_idle(self, *names: str) -> bool:
        """Let both go on until these processes wait again (without a name: until the machine has ended)."""
        for _ in range(LONGEST // CHUNK):
            if names and all(self.idle(name) for name in names):
                return True
            if self.machine.run(CHUNK).reason == "exit":
                return not names
        return False

    # --- judging ---

    @property
    def last_words(self) -> str:
        """What was said on the console lately: a panic says why."""
        return self.console[-200:].decode(errors="replace")

    def check_oracle(self) -> None:
        """I5 and I8."""
        self.oracle.look()
        violations = self.oracle.findings.violations
        assert not violations, violations

    def check_at_rest(self) -> None:
        """Both wait: nobody is inside any descriptor, no lock is held (I5, I6, I7, I10)."""
        c = self.c
        size, locks = c["DESCRIPTOR_BYTES"], c["DESCRIPTOR_LOCK"]
        pool = self.machine.read_physical(self._pool, POOL * size)
        inside, record = c["DESCRIPTOR_INSIDE"], c["DESCRIPTOR_RECORD"]
        zeros = bytes(record - locks)
        for start in range(0, len(pool), size):
            one = pool[start : start + size]
            at = self._pool + start
            assert one[inside : inside + 4] == b"\0\0\0\0", f"somebody is inside the descriptor at {at:#x}"
            assert one[locks:record] == zeros, f"a lock of the descriptor at {at:#x} is held"
        for number, lock in enumerate(self._process_locks[:6]):
            assert self.read(lock, 8) == 0, f"the lock of process {number} is held"
        self.check_oracle()
