# SPDX-License-Identifier: GPL-2.0-or-later
"""Named paths: the marks that a guest's source leaves in its ELF, and what the paths between them cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from emulator.cycles.histogram import Spread
from emulator.cycles.models import IDEAL, Model
from emulator.engine import PathPart, PathRow
from emulator.generated import GeneratedCode, GeneratedNames
from emulator.machine import Machine
from toolchain.image import PATH_THREAD, PATH_VALUE, Image, PathMark

APPENDED = 1 << 31


@dataclass(frozen=True)
class Part:
    """A part of what the calls of a path cost.  cycles: model name -> spread."""

    instructions: Spread
    cycles: dict[str, Spread]

    def as_dict(self) -> dict[str, object]:
        return {
            "instructions": self.instructions.as_dict(),
            "cycles": {model: spread.as_dict() for model, spread in self.cycles.items()},
        }

    def of_models(self, names: Collection[str]) -> Part:
        """The same without the cycles of other models than these."""
        return Part(self.instructions, {name: self.cycles[name] for name in names})


@dataclass(frozen=True)
class Sample:
    """A call: from when its hart had retired `begin` instructions to when it had retired `end`."""

    hart: int
    begin: int
    end: int


@dataclass(frozen=True)
class PathCost:
    """One line of a report: a path (or a step of it) with its variant and parameters, and the costs of its
    calls.

    instructions and cycles (model name -> spread) include callees, other paths open inside this one among
    them, and exceptions that it caused; own leaves those other paths out.  Interrupts that cut the path are
    in neither, but told apart; so is time in which its thread had no hart, which is told nowhere.
    histogram: instructions -> number of calls.  sample: the first of the least expensive calls, if it ran on
    one hart without anything in between.
    """

    name: str
    step: str
    parameters: dict[str, int]
    calls: int
    instructions: Spread
    cycles: dict[str, Spread]
    own: Part
    interrupts: Part
    histogram: Mapping[int, int] = field(default_factory=dict, repr=False, compare=False)
    sample: Sample | None = field(default=None, compare=False)

    def of_models(self, names: Collection[str]) -> PathCost:
        """The same without the cycles of other models than these."""
        return replace(
            self,
            cycles={name: self.cycles[name] for name in names},
            own=self.own.of_models(names),
            interrupts=self.interrupts.of_models(names),
        )

    @property
    def label(self) -> str:
        return path_label(self.name, self.step)

    @property
    def full_label(self) -> str:
        """The label with the parameters."""
        return path_label(self.name, self.step, self.parameters)

    def as_dict(self) -> dict[str, object]:
        """The row of the JSON report."""
        row: dict[str, object] = {"name": self.name, "parameters": self.parameters}
        if self.step:
            row["step"] = self.step
        row["calls"] = self.calls
        row["instructions"] = self.instructions.as_dict()
        row["cycles"] = {model: spread.as_dict() for model, spread in self.cycles.items()}
        row["own"] = self.own.as_dict()
        row["interrupts"] = self.interrupts.as_dict()
        return row


def path_label(name: str, step: str = "", parameters: Mapping[str, int] | None = None) -> str:
    """How a path, or a step of it, is called in reports."""
    label = f"{name}: {step}" if step else name
    detail = ", ".join(f"{key} {value}" for key, value in (parameters or {}).items())
    return f"{label} ({detail})" if detail else label


def _signed(value: int) -> int:
    """A register's value as the number it most likely is: results of system calls may be negative."""
    return value - (1 << 64) if value >> 63 else value


def declared_paths(image: Image) -> dict[str, list[str]]:
    """The paths that an image declares, with their variants, steps and parameters, all sorted."""
    found: dict[str, set[str]] = {}
    for note in image.notes:
        if note.name:
            found.setdefault(note.name, set()).update([note.detail] if note.detail else [])
    return {name: sorted(found[name]) for name in sorted(found)}


class PathWatch:
    """Watches the marks of an image on a machine.  Make it before the machine runs."""

    def __init__(self, machine: Machine, models: Sequence[Model]) -> None:
        self._machine = machine
        self._models = models
        self._model_numbers = {
            model.name: machine.engine.set_pipeline(model.pipeline, model.caches)
            for model in models
            if model.pipeline is not None
        }
        self._numbers: dict[str, int] = {"": 0}
        self.notes: dict[int, PathMark] = {}  # by the number of the mark, as in the engine's events
        image = machine.image
        for note in image.notes:
            captures = note.kind in (PATH_VALUE, PATH_THREAD)
            detail = self._number(note.detail.removeprefix("+"))
            if note.detail.startswith("+"):
                detail |= APPENDED
            number = machine.engine.mark(
                image.physical(note.address),
                note.kind,
                self._number(note.name),
                detail,
                note.register if captures else 0,
            )
            self.notes[number] = note
        self._generated = GeneratedNames(machine.engine, image, self._number)

    def generated(self) -> list[GeneratedCode]:
        """The code that the guest has generated so far."""
        return self._generated()

    def _number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def calls(self, label: str) -> int:
        """How many calls of a path, or of a variant of one, have ended so far."""
        number = self._numbers.get(label, 0)
        engine = self._machine.engine
        names = {note.name for note in self._machine.image.notes}
        if label in names:
            return engine.path_calls(number)
        return sum(engine.path_calls(self._numbers[name], number) for name in names if number)

    def costs(self) -> list[PathCost]:
        """What the paths that ended so far cost; no line without calls.  Sorted by name, parameters and
        step.
        """
        texts = {number: text for text, number in self._numbers.items()}
        costs = [self._cost(row, texts) for row in self._machine.engine.path_rows() if row.calls]
        return sorted(costs, key=lambda cost: (cost.name, sorted(cost.parameters.items()), cost.step))

    def _cost(self, row: PathRow, texts: dict[int, str]) -> PathCost:
        name = texts[row.name]
        for variant in row.variants:
            text = texts[variant & ~APPENDED]
            name = f"{name} +{text}" if variant & APPENDED else text
        total = self._part(row.total)
        return PathCost(
            name=name,
            step=texts[row.step],
            parameters={texts[number]: _signed(value) for number, value in row.parameters.items()},
            calls=row.calls,
            instructions=total.instructions,
            cycles=total.cycles,
            own=self._part(row.own),
            interrupts=self._part(row.interrupts),
            histogram=row.total.instructions,
            sample=None if row.sample is None else Sample(*row.sample),
        )

    def _part(self, part: PathPart) -> Part:
        instructions = Spread.of(part.instructions)
        return Part(
            instructions,
            {
                model.name: instructions
                if model is IDEAL
                else Spread.of(part.cycles[self._model_numbers[model.name]])
                for model in self._models
            },
        )
