# SPDX-License-Identifier: GPL-2.0-or-later
"""A run under a debugger, to be moved through in both directions.

    with DebugSession(image, options, console) as session:
        session.break_at(address)              # breakpoints, watchpoints: break_at, watch, watch_register
        stop = session.run()                   # forward, until something stops it
        stop = session.step_hart(hart)         # an instruction or trap of a hart; the others go as scheduled
        stop = session.step_machine()          # of whichever hart's turn it is
        stop = session.reverse_step_hart(hart) # to in front of what the hart did last
        stop = session.reverse()               # back, to the latest breakpoint, watched access, or the start
        session.goto(session.position.step - 1)
        session.last_access(address, 8)        # who wrote there last: goes there
        session.set_x(hart, 10, 0)             # edits; in the past, they begin a new timeline
        session.token()                        # names the run, with all that was done to it

Every state has a name (Position). The machine stands at exactly the same states whichever way it gets there:
going back restores a checkpoint and runs from there, with what came from outside (timeline.py) repeated.
What leaves the machine happens once (outside.py): it is not done again when the past is run again.

run.py has what is kept of a run, forward.py the way forward, backwards.py the ways back. All is called from
one thread, but `pause`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from emulator.debug.backwards import Backwards
from emulator.debug.causes import Causes
from emulator.debug.records import INTERNAL, Breakpoint, Stop, StopKind
from emulator.engine import PAGE_SIZE, Access
from emulator.errors import ReplugError
from emulator.token import Edit, Switch, What

_MIE, _MIP = 0x304, 0x344


class DebugSession(Backwards):
    """See above; how it is made: run.py."""

    def __enter__(self) -> DebugSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and files back to the host."""
        self.machine.close()

    # --- breakpoints ---

    def break_at(
        self,
        address: int,
        *,
        harts: frozenset[int] | None = None,
        satp: int | None = None,
        condition: str | None = None,
        temporary: bool = False,
        text: str = "",
        owner: str = "",
    ) -> Breakpoint:
        """Stop in front of the instruction at a virtual address, of any hart and address space by default.

        What is mapped there now does not matter: what is to be stopped may still have to be loaded.
        ReplugError for an odd address, which no instruction has.
        """
        if address & 1:
            raise ReplugError(f"{address:#x}: no instruction begins at an odd address")
        breakpoint = Breakpoint(
            self.breakpoints.new_number(owner),
            Access.EXECUTE,
            address,
            harts=harts,
            satp=satp,
            condition=condition,
            temporary=temporary,
            text=text,
            owner=owner,
        )
        self.breakpoints.add(breakpoint)
        return breakpoint

    def watch(
        self,
        address: int,
        length: int,
        kind: Access = Access.WRITE,
        *,
        hart: int = 0,
        physical: bool = False,
        condition: str | None = None,
        text: str = "",
        owner: str = "",
    ) -> Breakpoint:
        """Stop behind accesses to bytes at a virtual address.

        If that leads to RAM as `hart` sees it now, the bytes there are meant, by whichever address they are
        reached, and devices' writes count as well; else the virtual address, in any address space.
        physical: the address is.
        """
        place = address if physical else self.engine.translate(hart, address)
        in_ram = place is not None and self.is_ram(place, length)
        breakpoint = Breakpoint(
            self.breakpoints.new_number(owner),
            kind,
            place if place is not None and in_ram else address,
            length=length,
            physical=in_ram,
            condition=condition,
            text=text,
            owner=owner,
        )
        self.breakpoints.add(breakpoint)
        return breakpoint

    def watch_register(self, hart: int, index: int, *, text: str = "", owner: str = "") -> Breakpoint:
        """Stop behind an instruction that changes x0 to x31 or f0 to f31 (32 to 63) of a hart: slow."""
        breakpoint = Breakpoint(
            self.breakpoints.new_number(owner),
            Access.REGISTER,
            index,
            harts=frozenset((hart,)),
            text=text,
            owner=owner,
        )
        self.breakpoints.add(breakpoint)
        return breakpoint

    def catch_traps(
        self,
        causes: Causes,
        *,
        harts: frozenset[int] | None = None,
        condition: str | None = None,
        text: str = "",
        owner: str = "",
    ) -> Breakpoint:
        """Stop behind a trap with any of these causes, in front of its handler's first instruction."""
        breakpoint = Breakpoint(
            self.breakpoints.new_number(owner),
            Access.TRAP,
            causes=causes,
            harts=harts,
            condition=condition,
            text=text,
            owner=owner,
        )
        self.breakpoints.add(breakpoint)
        return breakpoint

    def rearm(self) -> None:
        """Breakpoints were changed by `look` while it was live: they count at once."""
        if self._is_live:
            self.breakpoints.arm()

    def is_ram(self, physical: int, length: int) -> bool:
        """Whether all of so many bytes from a physical address on are RAM."""
        config = self.engine.config
        return config.ram_base <= physical and physical + length <= config.ram_base + config.ram_size

    # --- forward ---

    def run(self, limit: int | None = None) -> Stop:
        """Go on until something stops it; at most to a step, if `limit` says so."""
        return self._live(lambda: self._forward(limit))

    def step_machine(self, count: int = 1) -> Stop:
        """So many steps of whichever harts have their turn."""
        return self.run(self.engine.steps + count)

    def step_hart(self, hart: int, count: int = 1) -> Stop:
        """So many steps of one hart, the others going on as the schedule has it.

        A hart that waits for an interrupt steps when it is woken.
        """
        return self._live(lambda: self._forward(None, hart, self.hart_steps(hart) + count))

    def step_hart_alone(self, hart: int, count: int = 1) -> Stop:
        """So many steps of one hart while the others stand still: against the schedule.

        Where it was not this hart's turn, that makes another schedule, and of the past a new timeline. It
        ends early (StopKind.IDLE) where the hart waits and nothing that has happened will wake it.
        """
        return self._live(lambda: self._alone(hart, self.hart_steps(hart) + count))

    def type(self, data: bytes) -> None:
        """Characters for the console; they arrive at the next border of a block when the machine runs."""
        self._typed += data

    @property
    def pausing(self) -> bool:
        """Whether `pause` was called since the latest run began: it may have come to its end first."""
        return self._pausing

    def pause(self) -> None:
        """From any thread or signal handler: what runs stops soon."""
        self._pausing = True

    def _live(self, go: Callable[[], Stop]) -> Stop:
        """Forward as the user asked for it: breakpoints stop it, and input comes."""
        self.breakpoints.arm()
        self._pausing = False
        self._is_live = True
        self._outside.begin(self.engine.now)
        try:
            return self._stopped(go())
        finally:
            self._is_live = False

    def _alone(self, hart: int, end: int) -> Stop:
        if self.machine.harts == 1:
            return self._forward(None, hart, end)
        while self.hart_steps(hart) < end:
            if self.stop.kind.final and self.stop.position == self.position:
                return self.stop
            if self.engine.is_waiting(hart) and not self._would_wake(hart):
                return self._made(StopKind.IDLE, hart)
            if self.engine.next_hart != hart:
                self._do(Switch(self._settled_step(), hart), "stepping one hart against the schedule")
                self.breakpoints.arm()  # both of these are done without them
                self._is_live = True
            stop = self._forward(None, hart, end, alone=True)
            if stop.kind is not StopKind.STEP:
                return stop
        return self._made(StopKind.STEP, hart)

    def _would_wake(self, hart: int) -> bool:
        mip, mie = self.engine.get_csr(hart, _MIP), self.engine.get_csr(hart, _MIE)
        return bool((mip or 0) & (mie or 0))

    # --- who did it last ---

    def last_access(self, address: int, length: int, kind: Access = Access.WRITE, hart: int = 0) -> Stop:
        """To the state in front of the latest access to these bytes, else to the start."""
        return self.last_hit([self.watch(address, length, kind, hart=hart, owner=INTERNAL)])

    def last_change(self, places: list[tuple[int, int]]) -> Stop:
        """To the state in front of the latest write that has changed any of these bytes of RAM (physical
        address, length), else to the start."""
        read = self.machine.read_physical
        while True:
            after = [read(*place) for place in places]
            stop = self.last_hit([self.watch(*place, physical=True, owner=INTERNAL) for place in places])
            if stop.kind is not StopKind.WATCHPOINT or [read(*place) for place in places] != after:
                return stop

    def changed_by(self, address: int, length: int) -> int | None:
        """The hart that has last changed these bytes of RAM (physical address); None if none has in this run.

        The past is searched, and the machine stands where it stood.
        """
        step, stood = self._settled_step(), self.stop
        stop = self.last_change([(address, length)])
        self._goto(step)
        self.stop = stood
        return stop.hart if stop.kind is StopKind.WATCHPOINT else None

    def last_execution(self, *addresses: int, harts: frozenset[int] | None = None) -> Stop:
        """To the latest state before now in which a hart is about to execute at any of these virtual
        addresses, else to the start."""
        return self.last_hit([self.break_at(address, harts=harts, owner=INTERNAL) for address in addresses])

    def last_trap(self, hart: int, causes: Causes) -> Stop:
        """To the state in front of the latest trap of a hart with any of these causes, else to the start."""
        return self.last_hit([self.catch_traps(causes, harts=frozenset((hart,)), owner=INTERNAL)])

    # --- edits ---

    def _edit(self, hart: int, what: What, index: int = 0, value: int = 0, data: bytes = b"") -> None:
        """Change something in the machine as it stands; the same will be done when the past is run again.

        In the past, a new timeline begins here: what followed is gone.
        """
        edit = Edit(self._settled_step(), hart, what, index, value & ((1 << 64) - 1), data)
        self._do(edit, "an edit")
        self.stop = self._made(StopKind.STEP, self.stop.hart)

    def _settled_step(self) -> int:
        """The step, where the machine stands in the state that has this name."""
        self._settle()
        return self.engine.steps

    def set_x(self, hart: int, index: int, value: int) -> None:
        """Write an integer register."""
        self._edit(hart, What.X, index, value)

    def set_f(self, hart: int, index: int, value: int) -> None:
        """Write a floating-point register (its bits)."""
        self._edit(hart, What.F, index, value)

    def set_pc(self, hart: int, value: int) -> None:
        """Let a hart go on elsewhere."""
        self._edit(hart, What.PC, value=value)

    def set_privilege(self, hart: int, mode: int) -> None:
        """0 user, 1 supervisor, 3 machine; ReplugError for others."""
        if mode not in (0, 1, 3):
            raise ReplugError(f"privilege mode {mode}: 0 (user), 1 (supervisor) and 3 (machine) exist")
        self._edit(hart, What.PRIVILEGE, value=mode)

    def set_csr(self, hart: int, number: int, value: int) -> None:
        """Write a CSR as the hart would in M-mode; ReplugError where there is none, or it is read-only."""
        if self.engine.get_csr(hart, number) is None or number >> 10 == 3:
            raise ReplugError(f"CSR {number:#x} cannot be written")
        self._edit(hart, What.CSR, number, value)

    def write_physical(self, address: int, data: bytes) -> None:
        """Write RAM; code is what harts fetch at once. ReplugError where it is not all RAM."""
        if not self.is_ram(address, len(data)):
            raise ReplugError(f"{address:#x}: {len(data)} bytes from there are not all RAM")
        self._edit(0, What.RAM, address, data=bytes(data))

    def write_virtual(self, hart: int, address: int, data: bytes) -> None:
        """The same by a virtual address as a hart sees it; ReplugError where something is not mapped."""
        pieces = []
        done = 0
        while done < len(data):
            at = address + done
            physical = self.engine.translate(hart, at)
            size = min(len(data) - done, PAGE_SIZE - at % PAGE_SIZE)
            if physical is None or not self.is_ram(physical, size):
                raise ReplugError(f"{at:#x}: hart {hart} has no RAM there")
            pieces.append((physical, data[done : done + size]))
            done += size
        for physical, piece in pieces:
            self.write_physical(physical, piece)
