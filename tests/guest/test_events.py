# SPDX-License-Identifier: GPL-2.0-or-later
"""One preemption at every instruction of the protocol, and on another hart something happens to the file.

Two processes on two harts, each waiting for the host's word. One is walked through a call; after each
instruction at which it stands in code of the protocol it is frozen; the other one then does its own thing,
as far as it gets; then both go on. In two more rounds the one that is frozen has met the other one already:
in the holding tank, and in the replugger's spin. The invariants (guestos/PROTOCOL.md, section 7) are looked
at before each instruction, while the one is frozen, and at the end; the bytes delivered must be the next
ones of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from protocol_stage import (
    DATA,
    DUP,
    EXEC,
    EXIT,
    FORK,
    INTERRUPT,
    INTERRUPTED,
    KILL,
    KILL_OTHER,
    LOCK,
    LOCK_FAR,
    OPEN,
    OPEN_AND_READ,
    OTHERS_FORK,
    READ,
    READ_BEFORE,
    READ_MANY,
    READ_NOWHERE,
    RELEASE,
    REOPEN,
    SEEK,
    TRUNCATE,
    UNLINK,
    VISITS,
    WRITE_FAR,
    Place,
    Stage,
    make_program,
)

from guestos.images import build, kernel_image

OWNER = {
    READ: "read", READ_NOWHERE: "EFAULT", READ_MANY: "read much", SEEK: "lseek", DUP: "dup, close",
    FORK: "fork", EXEC: "exec", REOPEN: "close, open", LOCK: "fcntl", EXIT: "exit", INTERRUPTED: "EINTR",
    KILL_OTHER: "kill",
}  # fmt: skip
OTHER = {
    OPEN: "open, close", OPEN_AND_READ: "open, read, close", TRUNCATE: "truncate", KILL: "kill",
    LOCK_FAR: "lock", UNLINK: "unlink", WRITE_FAR: "write", OTHERS_FORK: "fork", INTERRUPT: "EINTR",
}  # fmt: skip
GUARDED = (OPEN, OPEN_AND_READ, TRUNCATE, LOCK_FAR, WRITE_FAR, OTHERS_FORK, INTERRUPT)
"""What the other one has done only when nobody is inside any more."""
OTHERS_RESULT = {OPEN_AND_READ: 10, WRITE_FAR: 10}


@dataclass
class Walk:
    """victim, first: who is walked through what; seconds: what the other one does at each moment.

    met: before that, "tank": the other one has opened the file as far as to the replugger's step 5, "tank's
    end": and has let the victim out again; "spin": the owner has entered the specialised read.
    """

    victim: str
    first: int
    seconds: tuple[int, ...]
    met: str = ""
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        what = (OWNER if self.victim == "owner" else OTHER)[self.first]
        return f"{self.victim} in {what}" + (f", met in the {self.met}" if self.met else "")

    @property
    def bystander(self) -> str:
        return "other" if self.victim == "owner" else "owner"


ALL_OF_OWNER = tuple(OWNER)
WALKS = [
    Walk("owner", READ, tuple(OTHER)),
    Walk("owner", READ_MANY, (OPEN, OPEN_AND_READ, TRUNCATE, KILL, LOCK_FAR, INTERRUPT)),
    *(Walk("owner", event, (OPEN,)) for event in OWNER if event not in (READ, READ_MANY, KILL_OTHER)),
    Walk("other", OPEN, ALL_OF_OWNER),
    Walk("other", TRUNCATE, (READ, DUP, EXIT)),
    Walk("other", LOCK_FAR, (READ, DUP, EXIT)),
    Walk("other", WRITE_FAR, (READ, DUP, EXIT)),
    Walk("owner", READ, (0, KILL, LOCK_FAR, INTERRUPT), met="tank"),
    Walk("other", OPEN, (0, FORK, DUP, EXIT, REOPEN), met="spin"),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    out = tmp_path_factory.mktemp("guest")
    with Stage(build(kernel_image(), out), make_program(out), out) as made:
        yield made


def moments(stage: Stage, walk: Walk) -> Iterator[tuple[int | None, Place, Frozen | None]]:
    """The victim's hart and place at each instruction of the protocol; whoever was frozen before."""
    stage.back(stage.start)
    before = meet(stage, walk)
    hart = stage.tell(walk.victim, walk.first)
    if walk.met == "tank's end":
        assert before is not None
        assert not stage.as_far_as_it_gets(walk.victim), "it does not sleep in the tank"
        stage.thaw(before.hart, before.pc)
        before = None
        hart = stage.awake(walk.victim)
    replug, seen = stage.address("replug"), Counter[tuple[int, int]]()
    last = False
    for now, place in stage.walk(walk.victim, hart):
        if walk.victim == "owner" and not walk.met:
            assert not stage.word("DESCRIPTOR_INSIDE") or place.invoked, "inside, but nobody is there (I5)"
        pc = 0 if now is None else stage.engine.get_pc(now)
        if pc == replug:
            assert stage.held_by(walk.victim) == [], "a replugger that holds a lock (I11)"
        wanted, last = place.protocol or last, place.protocol
        seen[pc, place.site] += wanted
        if wanted and seen[pc, place.site] <= (VISITS if pc == place.site else 1):
            yield now, place, before
        if place.step == 4 and seen[pc, place.site] > 2 * VISITS and stage.circles(now):
            assert walk.met == "spin", "it spins for ever, and nobody else is there (I6)"
            return


@dataclass(frozen=True)
class Frozen:
    """A process that stands on the spot until it is let go on from `pc`."""

    hart: int
    pc: int | None


def meet(stage: Stage, walk: Walk) -> Frozen | None:
    """Bring the bystander to where the victim is to meet it, and freeze it there."""
    if not walk.met:
        return None
    event, reached = {
        "tank": (OPEN, lambda place: place.step == 5),
        "tank's end": (OPEN, lambda place: place.step == 5),
        "spin": (READ, lambda place: place.body),
    }[walk.met]
    hart = stage.tell(walk.bystander, event)
    for now, place in stage.walk(walk.bystander, hart):
        if now is not None and reached(place):
            return Frozen(now, stage.freeze(now))
    raise AssertionError("it never came there")


def delivered(event: int, result: int, at: int) -> int:
    """Checks what the owner's call gave at this offset; returns the offset after it (I4)."""
    if event in (READ, FORK):
        assert result == DATA[at], f"not the byte at {at}, but {result}"
        return at + 1
    if event == READ_NOWHERE:
        assert result == -14
    elif event == READ_MANY:
        assert result == 5000
        return at + 5000
    elif event in (SEEK, REOPEN):
        assert result == at
    elif event == INTERRUPTED:
        assert result == 1, "the call was not interrupted"
    else:
        assert result == 0
    return at


def play(
    stage: Stage, walk: Walk, hart: int | None, place: Place, before: Frozen | None, second: int
) -> None:
    """The victim stands still, the other one does `second`; both go on; the owner reads on."""
    bystander = walk.bystander
    frozen = None if hart is None else Frozen(hart, stage.freeze(hart))
    still = frozen is not None and frozen.pc is not None
    alone = place.step in (5, 6) or (place.step == 4 and not stage.word("DESCRIPTOR_INSIDE"))
    alone = alone and stage.word("DESCRIPTOR_PATH", 8) != stage.descriptor + stage.c["DESCRIPTOR_RECORD"]
    kept = stage.kept() if still and alone else None
    executed = stage.body_executions() if still and alone and place.step in (5, 6) else None
    at = READ_BEFORE
    owner_events, others_events = (
        ([walk.first], [second]) if walk.victim == "owner" else ([second], [walk.first])
    )
    if before is not None:
        stage.thaw(before.hart, before.pc)
        done = stage.as_far_as_it_gets(bystander)
        if walk.met == "spin":
            assert done, "the reader does not come out"
            at = delivered(READ, stage.result("owner"), at)
        if second and done:
            stage.tell(bystander, second)
        elif second:
            second, (owner_events, others_events) = 0, ([READ], [OPEN])
        if not second:
            others_events = [OPEN]
    else:
        stage.tell(bystander, second)
    done = stage.as_far_as_it_gets(bystander)
    walk.counts["finished" if done else "had to wait"] += 1
    if kept is not None:
        assert stage.kept() == kept, "another one has changed what the replugger is about to change (I2, I9)"
    if executed is not None:
        assert stage.body_executions() == executed, "somebody runs the old body in step 5 or 6 (I1)"
    other_event = others_events[-1]
    if still and walk.victim == "owner" and done and other_event in GUARDED:
        assert not place.body, "the guard has returned while the owner is in the old body (I1, I3)"
    stage.check_oracle()
    if frozen is not None:
        stage.thaw(frozen.hart, frozen.pc)
    owner_event = owner_events[-1] if walk.victim == "owner" or second else 0
    finish(stage, walk, owner_event, other_event, at)


def finish(stage: Stage, walk: Walk, owner_event: int, other_event: int, at: int) -> None:
    """Both go on to the end of their calls; then the owner reads on."""
    if owner_event == EXIT or other_event == KILL:
        assert stage.until_idle(), "the machine does not end (I6)"
        said = stage.console.partition(b"\n")[0]
        assert said == b"owner ended with %d" % (7 if owner_event == EXIT else 128 + 15), said
        return
    if other_event == INTERRUPT:
        assert stage.until_idle("other")
        stage.as_far_as_it_gets("owner")  # it may wait for the lock
        stage.tell("other", RELEASE)
    others = () if owner_event == KILL_OTHER else ("other",)
    assert stage.until_idle("owner", *others), f"a call does not come back (I6, I7) {stage.last_words}"
    if not (owner_event == REOPEN and other_event == UNLINK):
        if other_event == INTERRUPT and stage.result("owner") == -4:
            walk.counts["EINTR"] += 1
        elif owner_event and owner_event != EXEC:
            at = delivered(owner_event, stage.result("owner"), at)
        if others:
            assert stage.result("other") == OTHERS_RESULT.get(other_event, 0)
        if owner_event not in (REOPEN, KILL_OTHER):
            stage.check_at_rest()
        for _ in range(2):
            stage.tell("owner", READ)
            assert stage.until_idle("owner", *others), (
                f"a call does not come back (I6, I7) {stage.last_words}"
            )
            at = delivered(READ, stage.result("owner"), at)


def run_walk(stage: Stage, walk: Walk) -> int:
    """Every moment of a walk, with everything that the other one does; how many that were."""
    played = 0
    for number, (hart, place, before) in enumerate(moments(stage, walk)):
        if before is None and not stage.idle(walk.bystander):
            walk.counts["passed over"] += (
                1  # it is in a timer's interrupt just now, and cannot be told anything
            )
            continue
        moment = stage.mark()
        for second in walk.seconds:
            where = "asleep" if hart is None else f"{stage.routine(hart)} at {stage.engine.get_pc(hart):#x}"
            try:
                play(stage, walk, hart, place, before, second)
            except AssertionError as error:
                names = OTHER if walk.victim == "owner" else OWNER
                raise AssertionError(
                    f"{walk.name}, frozen at its moment {number} ({where}, step {place.step}), the other one "
                    f"in {names.get(second, 'nothing more')}: {error}"
                ) from error
            played += 1
            stage.back(moment)
    return played


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.name)
def test_event_in_the_middle(stage: Stage, walk: Walk) -> None:
    played = run_walk(stage, walk)
    assert played > 20
    assert walk.counts["passed over"] * 50 < played
    if walk.victim == "owner" and INTERRUPT in walk.seconds:
        assert walk.counts["EINTR"], "no read was interrupted"
