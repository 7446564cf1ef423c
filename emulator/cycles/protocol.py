# SPDX-License-Identifier: GPL-2.0-or-later
"""What the paper's claims need beside the report's own run: other boots of our kernel, each with something
changed, and what they cost, say and do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from emulator.cycles.contention import Crowd, measure_crowd
from emulator.cycles.histogram import Spread
from emulator.cycles.models import IDEAL, Model
from emulator.cycles.oracle import Findings, Oracle
from emulator.cycles.paths import PathCost, PathWatch
from emulator.cycles.scenario import Run, checksums, run_image
from emulator.cycles.server import Served, measure_server
from emulator.cycles.streams import VARIANTS, Stream, measure_stream
from emulator.engine import Pipeline
from emulator.errors import ReplugError
from emulator.machine import Machine
from emulator.options import MachineOptions
from guestos.images import SCENARIO, Built, disk_files
from guestos.sample import sample_text
from toolchain.disk import create_image
from toolchain.image import PATH_BEGIN, PATH_END, PATH_STEP, PATH_THREAD, PathMark

HARTS = 4
QUANTUM = 200
FINE = 20  # a quantum for timing: harts' clocks are no further apart
SMALL = 150_000  # bytes of the file of the short runs: more than its direct blocks hold
LIMIT = 2_000_000_000  # instructions: what has not ended by then hangs
LOOK = 1000  # instructions between two looks of the oracle

AWAY = "away for the disk"
"""The path of a reader that has left specialised code, until it rejoins (guestos/kernel/is_read_leave.S)."""

Progress = Callable[[str], None]
"""Told what is run next."""

_ATOMICS = Model("atomics", "", "", Pipeline(atomic=1))
"""Cycles beyond one an instruction: the number of atomics."""


@dataclass(frozen=True)
class Residence:
    """Replugs that met a reader inside, under one set of boot arguments.

    pairs: for each of them (how long the reader stayed inside from step 4 on, how long the replugger waited
    in step 4), in ns of virtual time.  away: the same for each that met a reader which had left for the disk,
    with how long that stayed away.  waits: for every replug, whom ever it met, how long step 4 took.  spin:
    what step 4 cost the replugging hart, by model, over the contended ones, or over all where none was.
    """

    pairs: tuple[tuple[int, int], ...]
    away: tuple[tuple[int, int], ...]
    waits: tuple[int, ...]
    spin: Mapping[str, Spread]
    run: Run

    @property
    def slope(self) -> tuple[float, float]:
        """Least squares: ns of waiting for each ns of residence, and the constant in ns."""
        if len({residence for residence, _ in self.pairs}) < 2:
            raise ReplugError("no replug met a reader inside: nothing can be fitted")
        fit = linear_regression([x for x, _ in self.pairs], [y for _, y in self.pairs])
        return fit.slope, fit.intercept


@dataclass(frozen=True)
class ProtocolRuns:
    """locks: atomics that the cheapest call of a 1-byte read executes, by the path's name.

    crowd, crowd_on_one_file: reads on many harts at once, of a file each, and of one file.  generated: costs
    where each opening has a read of its own; counter: with an inside-counter; ladder: with three levels.
    consoles: what the programs of the report print, by the way in which they were run.  streams: a file that
    is not in memory, read by each of streams.VARIANTS.  served: a read by way of a server process.
    """

    locks: Mapping[str, int]
    crowd: Crowd
    crowd_on_one_file: Crowd
    waiting: Residence
    spinning: Residence
    leaving: Residence
    oracle: Findings
    generated: Sequence[PathCost]
    counter: Sequence[PathCost]
    consoles: Mapping[str, tuple[str, ...]]
    streams: Mapping[str, Stream]
    ladder: Sequence[PathCost]
    served: Served


def run_protocol(
    built: Built, directory: Path, models: Sequence[Model], progress: Progress = lambda _what: None
) -> ProtocolRuns:
    """All the runs.  built: the guest's images; directory: where the disks for them go."""
    small = create_image(directory / "small.img", disk_files(built.user, sample_text()[:SMALL]))
    occupy = create_image(
        directory / "occupy.img",
        {**disk_files(built.user, sample_text()), "/paper": built.user["/occupy"]},
    )
    consoles = {}
    progress("counting locks")
    counted = _run(built.kernel, small, [IDEAL, _ATOMICS], "")
    consoles["specialised"] = _said(counted)
    for name, arguments, quantum in (
        ("generic", "levels=-", QUANTUM),
        ("replugged once", "again=no", QUANTUM),
        ("prefetching", "levels=pe", QUANTUM),
        ("otherwise interleaved", "", 61),
    ):
        progress(f"the programs, {name}")
        consoles[name] = _said(_run(built.kernel, small, [IDEAL], arguments, quantum))
    progress("the programs, at three levels")
    ladder = _run(built.kernel, small, models, "levels=ews")
    consoles["at three levels"] = _said(ladder)
    progress("the programs, with generated code")
    generated = _run(built.kernel, small, models, "code=generated")
    consoles["generated"] = _said(generated)
    progress("readers all at once")
    crowd = measure_crowd(built.kernel, directory, models, one_file=False)
    crowd_on_one_file = measure_crowd(built.kernel, directory, models, one_file=True)
    progress("the programs, with an inside-counter")
    counter = _run(built.kernel, small, models, "inside=counter")
    consoles["inside-counter"] = _said(counter)
    progress("readers in their disk accesses")
    waiting = measure_residence(built.kernel, occupy, models, "")
    spinning = measure_residence(built.kernel, occupy, models, "blocked=no")
    leaving = measure_residence(built.kernel, occupy, models, "leave=yes")
    progress("reading ahead")
    data = sample_text()
    streams = {
        name: measure_stream(built.kernel, occupy, data, models, arguments)
        for name, arguments in VARIANTS.items()
    }
    progress("a file server, and the oracle")
    return ProtocolRuns(
        locks={
            cost.name: cost.cycles[_ATOMICS.name].min - cost.instructions.min
            for cost in counted.costs
            if cost.parameters == {"bytes": 1} and not cost.step
        },
        crowd=crowd,
        crowd_on_one_file=crowd_on_one_file,
        waiting=waiting,
        spinning=spinning,
        leaving=leaving,
        oracle=_watch(built.kernel, occupy),
        generated=generated.costs,
        counter=counter.costs,
        consoles=consoles,
        streams=streams,
        ladder=ladder.costs,
        served=measure_server(built.kernel, built.user, sample_text()[:SMALL], directory),
    )


def _options(disk: Path, arguments: str, quantum: int = QUANTUM) -> MachineOptions:
    return MachineOptions(harts=HARTS, quantum=quantum, disk=disk, bootargs=f"{SCENARIO} {arguments}")


def _run(kernel: Path, disk: Path, models: Sequence[Model], arguments: str, quantum: int = QUANTUM) -> Run:
    run = run_image(kernel, _options(disk, arguments, quantum), models, max_instructions=LIMIT)
    if run.problems():
        raise ReplugError(f"boot arguments {arguments!r}: {run.problems()[0]}\n{run.console}")
    return run


def _said(run: Run) -> tuple[str, ...]:
    """What the programs printed, sorted: they run at the same time.  The kernel's own words are left out."""
    return tuple(sorted(line for line in run.console.splitlines() if not line.startswith("kernel:")))


def _watch(kernel: Path, disk: Path) -> Findings:
    with Machine(kernel, _options(disk, "", quantum=60)) as machine:
        oracle = Oracle(machine)
        outcome = oracle.watch(LIMIT, LOOK)
        if outcome.reason != "exit" or outcome.status != 0:
            raise ReplugError(f"under the oracle: ended by {outcome.reason} with status {outcome.status}")
        return oracle.findings


def measure_residence(kernel: Path, disk: Path, models: Sequence[Model], arguments: str) -> Residence:
    """Boot the disk whose first program is user/occupy.S, and time every replug."""
    console = bytearray()
    with Machine(kernel, _options(disk, arguments, FINE), console.extend) as machine:
        by_name = {model.name: model for model in (IDEAL, *models)}
        watch = PathWatch(machine, list(by_name.values()))
        machine.engine.keep_events()
        timer = _Timer(watch)

        def between(_reason: object) -> bool:
            timer.take(machine)
            return False

        outcome = machine.run(LIMIT, between)
        timer.take(machine)
        text = console.decode(errors="replace")
        run = Run(
            "occupy", watch.costs(), outcome, text, machine.engine.total_instret, machine.state_hash(),
            machine.image.sha256,
        )  # fmt: skip
    if run.problems() or not all(check.agrees for check in checksums(text, [sample_text()])):
        raise ReplugError(f"boot arguments {arguments!r}: the run went wrong\n{text}")
    spins = [cost for cost in run.costs if cost.step.startswith("4 ")]
    contended = [cost for cost in spins if cost.name == "replug, contended"]
    spin = max(contended or spins, key=_calls, default=None)
    if spin is None:
        raise ReplugError(f"boot arguments {arguments!r}: nothing was replugged")
    return Residence(tuple(timer.pairs), tuple(timer.away), tuple(timer.waits), spin.cycles, run)


def _calls(cost: PathCost) -> int:
    return cost.calls


@dataclass
class _Meeting:
    """A replug from its step 4 on.  Times in ns; left: when a reader last came out; back: from the disk."""

    began: int
    away: bool
    left: int | None = None
    back: int | None = None
    ended: int | None = None


class _Timer:
    """Follows repluggers through step 4, and the one reader out of the specialised path, and to the disk."""

    def __init__(self, watch: PathWatch) -> None:
        self._notes = watch.notes
        self._thread: dict[int, int] = {}  # hart -> thread
        self._is_away = False
        self._meetings: dict[int, _Meeting] = {}  # replugging thread -> its replug, from step 4 to step 5
        self._met_away: list[_Meeting] = []
        self.pairs: list[tuple[int, int]] = []
        self.waits: list[int] = []

    @property
    def away(self) -> list[tuple[int, int]]:
        """(how long the reader stayed away, how long the replugger waited), of each that met it there."""
        return [
            (each.back - each.began, each.ended - each.began)
            for each in self._met_away
            if each.back is not None and each.ended is not None
        ]

    def take(self, machine: Machine) -> None:
        for event in machine.engine.drain_events():
            note = self._notes[event.mark]
            if note.kind == PATH_THREAD:
                self._thread[event.hart] = event.value
            elif note.kind == PATH_END and note.name == "flag clear":
                for meeting in self._meetings.values():
                    meeting.left = event.time
            elif note.name == AWAY:
                self._is_away = note.kind == PATH_BEGIN
                for meeting in self._met_away:
                    if not self._is_away and meeting.back is None:
                        meeting.back = event.time
            elif note.name == "replug":
                self._replug(self._thread[event.hart], note, event.time)

    def _replug(self, thread: int, note: PathMark, time: int) -> None:
        if note.kind == PATH_STEP and note.detail.startswith("4 "):
            if thread not in self._meetings:  # each turn of the spin comes by here
                meeting = self._meetings[thread] = _Meeting(time, self._is_away)
                if self._is_away:
                    self._met_away.append(meeting)
        elif note.kind == PATH_STEP and note.detail.startswith("5 "):
            meeting = self._meetings.pop(thread)
            meeting.ended = time
            self.waits.append(time - meeting.began)
            if meeting.left is not None:
                self.pairs.append((meeting.left - meeting.began, time - meeting.began))
        elif note.kind == PATH_BEGIN:
            self._meetings.pop(thread, None)
