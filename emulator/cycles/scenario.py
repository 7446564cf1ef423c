# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs behind a report: which image on which machine, and what has to be true of it afterwards."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.cycles.code import CodeCosts, executed_instructions
from emulator.cycles.models import Model
from emulator.cycles.paths import PathCost, PathWatch
from emulator.cycles.programs import executed_pages
from emulator.cycles.recorder import Recorder, Window
from emulator.cycles.timeline import Timeline
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions
from emulator.replay import replay
from emulator.token import Token
from toolchain.image import Image

QUANTUM = 200  # fine enough that repluggers meet readers at every step

Console = Callable[[bytes], None]
Progress = Callable[[int], None]
"""Told now and then how many instructions have retired in this run."""

Unfinished = Callable[[Machine, Outcome], None]
"""Shown the machine when a run ended otherwise than by the guest's own word."""


@dataclass(frozen=True)
class Run:
    """One finished run: the costs of its paths, how it ended, its console, and its identity.

    code: what all code cost, and timeline: what each hart did when, if they were asked for.
    """

    name: str
    costs: list[PathCost]
    outcome: Outcome
    console: str
    instructions: int
    state_hash: str
    image_sha256: str
    code: CodeCosts | None = None
    timeline: Timeline | None = None

    def problems(self) -> list[str]:
        """Empty when the guest ended the run itself and was content."""
        if self.outcome.reason == "exit" and self.outcome.status == 0:
            return []
        return [f"{self.name}: ended by {self.outcome.reason} with status {self.outcome.status}"]

    def as_dict(self) -> dict[str, object]:
        """The run in the JSON report."""
        return {
            "name": self.name,
            "exit": {"reason": self.outcome.reason, "status": self.outcome.status},
            "instructions": self.instructions,
            "state_hash": self.state_hash,
        }


def run_image(
    image: Path | Image,
    options: MachineOptions,
    models: Sequence[Model],
    *,
    name: str | None = None,
    console: Console | None = None,
    progress: Progress | None = None,
    max_instructions: int | None = None,
    unfinished: Unfinished | None = None,
    with_code: bool = False,
    with_calls: bool = False,
    window: Window | None = None,
    programs: Sequence[Image] = (),
    token: Token | None = None,
) -> Run:
    """Run an image to its end while its named paths are watched, and all its code if asked for.

    window: which part of the run a timeline is made of.  programs: what the guest may load; their code is
    then told by function and line too.  token: the run to repeat, typed input included (None: there is none).

    `unfinished` is shown the machine when the run did not end by the guest's own word.
    """
    captured = bytearray()

    def listen(data: bytes) -> None:
        captured.extend(data)
        if console is not None:
            console(data)

    with Machine(image, options, listen) as machine:
        watch = PathWatch(machine, list(models))
        if with_calls:
            machine.engine.watch_calls()
        recorder = None if window is None else Recorder(machine, machine.image.notes, window, watch.calls)

        def tell() -> None:
            if progress is not None:
                progress(machine.engine.total_instret)

        def between(_reason: object) -> bool:
            tell()
            return False

        if token is None:
            outcome = machine.run(max_instructions, between)
        else:
            outcome = replay(machine, token, max_instructions, tell)
        if outcome.reason != "exit" and unfinished is not None:
            unfinished(machine, outcome)
        name = name or machine.image.path.name
        return Run(
            name=name,
            costs=watch.costs(),
            outcome=outcome,
            console=captured.decode(errors="replace"),
            instructions=machine.engine.total_instret,
            state_hash=machine.state_hash(),
            image_sha256=machine.image.sha256,
            code=_code(name, machine, watch, with_calls, programs) if with_code else None,
            timeline=None if recorder is None else recorder.timeline(),
        )


def _code(
    name: str, machine: Machine, watch: PathWatch, with_calls: bool, programs: Sequence[Image]
) -> CodeCosts:
    calls = machine.engine.call_edges() if with_calls else []
    pages = executed_pages(machine) if programs else []
    counts = executed_instructions(machine)
    return CodeCosts(name, machine.image, counts, calls, programs, pages, watch.generated())


@dataclass(frozen=True)
class Checksum:
    """What a program printed of a file it read, and what the host says of the same bytes."""

    line: str
    agrees: bool


_CHECKSUM = re.compile(r"^(?P<who>\w+):.*?(?P<bytes>\d+) bytes, crc32 (?P<crc>[0-9a-f]{8})")


def checksums(console: str, files: Sequence[bytes]) -> list[Checksum]:
    """Every checksum on the console, compared with the host's own over as many bytes of one of the files."""
    result = []
    for line in console.splitlines():
        match = _CHECKSUM.match(line)
        if match:
            length, found = int(match["bytes"]), int(match["crc"], 16)
            partly = "(first " in line
            agrees = any(
                zlib.crc32(data[:length]) == found
                for data in files
                if length == len(data) or (partly and length < len(data))
            )
            result.append(Checksum(line, agrees))
    return result


@dataclass(frozen=True)
class PaperImages:
    """The images of the paper's system: kernel and disk, the file on it, the measuring program of claim
    A1; bootargs: what makes the kernel run the programs of the report.
    """

    kernel: Path
    disk: Path
    files: tuple[bytes, ...]
    invocation: Path
    bootargs: str


@dataclass(frozen=True)
class PaperRun:
    """The paper's system run to its end: kernel first, then the bare-metal measuring program."""

    kernel: Run
    invocation: Run
    checksums: list[Checksum]

    @property
    def costs(self) -> list[PathCost]:
        return sorted(
            [*self.kernel.costs, *self.invocation.costs],
            key=lambda cost: (cost.name, sorted(cost.parameters.items()), cost.step),
        )

    def problems(self) -> list[str]:
        """What went wrong in the runs themselves, apart from any figure."""
        found = [*self.kernel.problems(), *self.invocation.problems()]
        if not self.checksums:
            found.append("no program printed a checksum")
        found += [
            f"the host's checksum is another: {check.line}" for check in self.checksums if not check.agrees
        ]
        return found


def run_paper(
    images: PaperImages,
    models: Sequence[Model],
    *,
    harts: int = 4,
    quantum: int = QUANTUM,
    console: Console | None = None,
    progress: Progress | None = None,
    unfinished: Unfinished | None = None,
    with_code: bool = False,
    with_calls: bool = False,
    window: Window | None = None,
    programs: Sequence[Image] = (),
) -> PaperRun:
    """Boot the kernel on its disk, read the file through every path, and measure the bare invocation."""
    if harts < 2:
        raise ReplugError("the report on the paper's system needs at least 2 harts: a reader and a replugger")
    kernel = run_image(
        images.kernel,
        MachineOptions(harts=harts, quantum=quantum, disk=images.disk, bootargs=images.bootargs),
        models,
        name="kernel",
        console=console,
        progress=progress,
        unfinished=unfinished,
        with_code=with_code,
        with_calls=with_calls,
        window=window,
        programs=programs,
    )
    invocation = run_image(
        images.invocation,
        MachineOptions(),
        models,
        name="invocation",
        unfinished=unfinished,
        with_code=with_code,
        with_calls=with_calls,
    )
    return PaperRun(kernel, invocation, checksums(kernel.console, images.files))
