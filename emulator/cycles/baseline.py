# SPDX-License-Identifier: GPL-2.0-or-later
"""Baselines: the exact costs of a run's paths, kept in a file and compared with those of a later run.

Counts are exact and a run is the same wherever it is repeated, so any difference means that the guest (or
the machine) changed; there is no tolerance to choose, and a comparison cannot fail by chance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from emulator.cycles.models import Model
from emulator.cycles.paths import PathCost
from emulator.errors import ReplugError

KIND = "replug baseline"
VERSION = 1

MOST_LINES = 8  # of a changed row that are named

Lines = Mapping[str, int]
"""Of the least expensive call of a path: source line as "FILE: TEXT" -> instructions executed of it."""

Figures = dict[str, int]
"""What is exact about one row: "calls", and "instructions min", "MODEL median" and so on."""


@dataclass(frozen=True)
class Subject:
    """What a run was of: a baseline goes with runs of the same subject only.

    name: the scenario, or the image's file name; options: everything else that was chosen, by name.  The
    image itself is no part of it: that is what changes between two runs that are compared.
    """

    name: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class Baseline:
    """The rows of a run by their labels, and the SHA-256 of each image that ran, by name.

    lines: by label, of the rows that have a call that can be looked at by itself.
    """

    subject: Subject
    images: Mapping[str, str]
    rows: Mapping[str, Figures]
    lines: Mapping[str, Lines]

    @staticmethod
    def of(
        subject: Subject,
        images: Mapping[str, str],
        costs: Sequence[PathCost],
        lines: Mapping[str, Lines] | None = None,
    ) -> Baseline:
        rows: dict[str, Figures] = {}
        for cost in costs:
            label, number = cost.full_label, 1
            while label in rows:  # paths of two images, or variants spelt alike
                number += 1
                label = f"{cost.full_label} #{number}"
            rows[label] = _figures(cost)
        return Baseline(subject, images, rows, lines or {})

    def as_dict(self) -> dict[str, object]:
        return {
            "kind": KIND,
            "version": VERSION,
            "subject": {"name": self.subject.name, "options": dict(self.subject.options)},
            "images": dict(self.images),
            "paths": dict(self.rows),
            "lines": {label: dict(lines) for label, lines in self.lines.items()},
        }

    def check_subject(self, subject: Subject, file: Path) -> None:
        """ReplugError unless this baseline, read from `file`, is of that subject."""
        if self.subject.name != subject.name:
            named = _on_one_line(self.subject.name)
            raise ReplugError(f"{file}: it is a baseline of {named}, not of {subject.name}")
        for option in sorted({*self.subject.options, *subject.options}):
            theirs, ours = self.subject.options.get(option), subject.options.get(option)
            if theirs != ours:
                what = _on_one_line(f"{option} {'none' if theirs is None else theirs}")
                raise ReplugError(f"{file}: it is of a run with {what}, this one has {ours or 'none'}")

    def changed_rows(self, now: Baseline) -> set[str]:
        """Labels of the rows that are there in both, with other figures."""
        return {label for label, row in self.rows.items() if label in now.rows and now.rows[label] != row}

    def _changed_lines(self, now: Baseline, label: str) -> str:
        if label not in self.lines or label not in now.lines:
            return ""
        return _line_changes(self.lines[label], now.lines[label])

    def changes(self, now: Baseline) -> list[str]:
        """One line for each row that changed, appeared or vanished, sorted by label; none: nothing did."""
        lines = []
        for label in sorted({*self.rows, *now.rows}):
            before, after = self.rows.get(label), now.rows.get(label)
            if before == after:
                continue
            if before is None or after is None:
                figures = after if before is None else before
                verb = "appeared" if before is None else "vanished"
                lines.append(f"{label}: {verb} ({_summary(figures or {})})")
            else:
                lines.append(f"{label}: {_difference(before, after)}{self._changed_lines(now, label)}")
        return [_on_one_line(line) for line in lines]


def _line_changes(before: Lines, after: Lines) -> str:
    """Which lines, the greatest change first."""
    changed = [(line, before.get(line, 0), after.get(line, 0)) for line in {*before, *after}]
    changed = [each for each in changed if each[1] != each[2]]
    if not changed:
        return ""
    changed.sort(key=lambda each: (-abs(each[2] - each[1]), each[0]))
    shown = "; ".join(f"{line} ({old} -> {new})" for line, old, new in changed[:MOST_LINES])
    more = len(changed) - MOST_LINES
    return f"; lines: {shown}" + (f"; and {more} more" if more > 0 else "")


def _on_one_line(text: str) -> str:
    """Names of paths may hold anything, and so may a file that was given as a baseline."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _figures(cost: PathCost) -> Figures:
    figures = {"calls": cost.calls}
    for name, spread in {"instructions": cost.instructions, **cost.cycles}.items():
        if name != "ideal":  # by definition the same as the instructions
            figures |= {f"{name} {key}": value for key, value in spread.as_dict().items()}
    return figures


def _summary(figures: Figures) -> str:
    parts = [f"calls {figures['calls']:,}"]
    if "instructions median" in figures:
        parts.append(f"instructions median {figures['instructions median']:,}")
    return ", ".join(parts)


def _difference(before: Figures, after: Figures) -> str:
    def text(figure: int | None) -> str:
        return "none" if figure is None else f"{figure:,}"

    return ", ".join(
        f"{key} {text(before.get(key))} -> {text(after.get(key))}"
        for key in dict.fromkeys([*after, *before])
        if before.get(key) != after.get(key)
    )


def file_hash(file: Path | None) -> str:
    """First half of the SHA-256 of a file's bytes, in hexadecimal; "none" for no file."""
    if file is None:
        return "none"
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:32]
    except (OSError, ValueError) as error:
        raise ReplugError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


def model_options(models: Sequence[Model]) -> dict[str, str]:
    """The chosen models: a baseline is of those, with the very figures that they had (their hash)."""
    options = {}
    for model in models:
        figures = "" if model.pipeline is None else json.dumps(asdict(model.pipeline), sort_keys=True)
        options[f"model {model.name}"] = hashlib.sha256(figures.encode()).hexdigest()[:16]
    return options


def read_baseline(file: Path) -> Baseline:
    """A baseline from a file; ReplugError ("FILE: what") for all that is none of this version."""
    try:
        value = json.loads(file.read_bytes())
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ReplugError(f"{file}: not a baseline (no JSON)") from None
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise ReplugError(f"{file}: not a baseline (replug cycles --save makes one)")
    if value.get("version") != VERSION or isinstance(value["version"], bool):
        raise ReplugError(f"{file}: a baseline of another version; this Replug reads version {VERSION}")
    subject, rows = value.get("subject"), value.get("paths")
    if not isinstance(subject, dict) or not isinstance(rows, dict) or type(subject.get("name")) is not str:
        raise ReplugError(f"{file}: a damaged baseline (subject or paths)")
    for label, figures in rows.items():
        if not isinstance(figures, dict) or any(type(figure) is not int for figure in figures.values()):
            raise ReplugError(f"{file}: a damaged baseline (figures of {label!r})")
        if "calls" not in figures:
            raise ReplugError(f"{file}: a damaged baseline (no calls of {label!r})")
    lines = value.get("lines", {})
    if not isinstance(lines, dict) or any(
        not isinstance(each, dict) or any(type(count) is not int for count in each.values())
        for each in lines.values()
    ):
        raise ReplugError(f"{file}: a damaged baseline (lines)")
    options = _texts(file, "options", subject.get("options"))
    return Baseline(
        Subject(subject["name"], options), _texts(file, "images", value.get("images")), rows, lines
    )


def _texts(file: Path, name: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or any(type(text) is not str for text in value.values()):
        raise ReplugError(f"{file}: a damaged baseline ({name})")
    return value
