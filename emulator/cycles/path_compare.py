# SPDX-License-Identifier: GPL-2.0-or-later
"""Path against path: what the one does and the other does not, by kind of instruction and line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from emulator.cycles.path_trace import KINDS, Step
from emulator.cycles.paths import PathCost
from emulator.cycles.table import columns_of
from emulator.errors import ReplugError
from toolchain.image import Image

LONGEST_TEXT, SHORTEST_TEXT = 60, 12  # characters of a source line that are shown
LONGEST_KINDS, NARROW_KINDS = 100, 18  # characters in a row of kinds


@dataclass(frozen=True)
class LineDifference:
    """A source line (or, without one, an address) and how many instructions of it each of two calls executed.

    kinds: of the instructions of which the two calls have different numbers, first less second.
    """

    place: str
    text: str
    first: int
    second: int
    kinds: dict[str, int]

    def as_dict(self) -> dict[str, object]:
        return {
            "place": self.place,
            "text": self.text,
            "first": self.first,
            "second": self.second,
            "kinds": self.kinds,
        }


@dataclass(frozen=True)
class PathComparison:
    """The least expensive calls of two paths side by side."""

    labels: tuple[str, str]
    kinds: dict[str, tuple[int, int]]
    lines: list[LineDifference]

    def as_dict(self) -> dict[str, object]:
        return {
            "first": self.labels[0],
            "second": self.labels[1],
            "kinds": {
                kind: {"first": first, "second": second} for kind, (first, second) in self.kinds.items()
            },
            "lines": [line.as_dict() for line in self.lines],
        }


def choose(costs: Sequence[PathCost], wanted: str) -> PathCost:
    """The path of that name, or "name (bytes 1)"; where its calls have parameters, those with the least.
    ReplugError, with the names there are, when there is none, or no call of it that ran in one piece.
    """
    found = [cost for cost in costs if not cost.step and wanted in (cost.name, cost.full_label)]
    if not found:
        known = ", ".join(sorted({cost.name for cost in costs if not cost.step})) or "none"
        raise ReplugError(f"no call of the path {wanted!r} ended; those that did: {known}")
    whole = [cost for cost in found if cost.sample is not None]
    if not whole:
        raise ReplugError(f"{wanted}: each of its calls was cut; none can be looked at by itself")
    ordinary = [cost for cost in whole if all(value > 0 for value in cost.parameters.values())]
    return min(ordinary or whole, key=lambda cost: sorted(cost.parameters.items()))


def compare(
    image: Image,
    labels: tuple[str, str],
    calls: tuple[Sequence[Step], Sequence[Step]],
    roots: Sequence[Path],
) -> PathComparison:
    """Compare the instructions of two calls.  Raises ToolchainError if the debug information is damaged."""
    sums = [Counter(step.kind for step in call) for call in calls]
    kinds = {kind: (sums[0][kind], sums[1][kind]) for kind in KINDS if sums[0][kind] or sums[1][kind]}
    found: dict[tuple[str, str], list[Counter[str]]] = {}
    for which, call in enumerate(calls):
        for step in call:
            where = place_of(image, step.pc, roots)
            found.setdefault(where, [Counter(), Counter()])[which][step.kind] += 1
    lines = []
    for (place, text), (first, second) in found.items():
        if first != second:
            differing = {kind: first[kind] - second[kind] for kind in KINDS if first[kind] != second[kind]}
            lines.append(LineDifference(place, text, first.total(), second.total(), differing))
    return PathComparison(labels, kinds, lines)


_texts: dict[tuple[str, tuple[Path, ...]], list[str]] = {}


def source_text(file: str, roots: Sequence[Path]) -> list[str]:
    """Lines of a source file, empty if it is in none of the folders."""
    key = file, tuple(roots)
    if key not in _texts:
        _texts[key] = []
        for root in roots:
            path = root / file
            if path.is_file():
                _texts[key] = path.read_text(errors="replace").splitlines()
                break
    return _texts[key]


def place_of(image: Image, pc: int, roots: Sequence[Path]) -> tuple[str, str]:
    """("file:line", its text) of an instruction; ("symbol+offset", "") or its address without a line."""
    line = image.line_at(pc) if image.segment_at(pc) is not None else None
    if line is not None:
        text = source_text(line[0], roots)
        shown = text[line[1] - 1].strip() if line[1] <= len(text) else ""
        return f"{line[0]}:{line[1]}", " ".join(shown.split())
    symbol = image.symbol_at(pc)
    return (f"{symbol[0]}+{symbol[1]:#x}" if symbol else f"{pc:#x}"), ""


def comparison_tables(comparison: PathComparison, width: int) -> list[Table]:
    """By kind, then line by line: what only the first does, what both do, not as often, and the rest.

    width: columns of the screen.  Where there is not enough room, it is the sources' text that is cut.
    """
    first, second = comparison.labels
    kinds = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(f"{first} against {second}, one call each"))
    for heading in ("instructions", first, second, "no longer"):
        kinds.add_column(Text(heading), justify="left" if heading == "instructions" else "right")
    rows = [*comparison.kinds.items()]
    total = sum(pair[0] for _, pair in rows), sum(pair[1] for _, pair in rows)
    for kind, (one, other) in [*rows, ("all", total)]:
        kinds.add_row(kind, f"{one:,}", f"{other:,}", f"{one - other:,}")
    tables = [kinds]
    for title, chosen in (
        (f"only {first}", [line for line in comparison.lines if not line.second]),
        ("both, not as often", [line for line in comparison.lines if line.first and line.second]),
        (f"only {second}", [line for line in comparison.lines if not line.first]),
    ):
        if chosen:
            table = _line_table(title, chosen)
            if columns_of(table) > width:
                table = _line_table(title, chosen, kinds=NARROW_KINDS)
            if (excess := columns_of(table) - width) > 0:
                longest = min(max(len(line.text) for line in chosen), LONGEST_TEXT)
                text = max(longest - excess, SHORTEST_TEXT)
                table = _line_table(title, chosen, text=text, kinds=NARROW_KINDS)
            tables.append(table)
    return tables


def _line_table(
    title: str, lines: Sequence[LineDifference], *, text: int = LONGEST_TEXT, kinds: int = LONGEST_KINDS
) -> Table:
    """text: characters of a source's text, what is longer ends in an ellipsis; kinds: of a line of these."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(title), title_justify="left")
    table.add_column("line", no_wrap=True)
    table.add_column("source", no_wrap=True)
    for heading in ("first", "second"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("of which", no_wrap=True)
    for line in lines:
        shown = line.text if len(line.text) <= text else line.text[: text - 1] + "\N{HORIZONTAL ELLIPSIS}"
        table.add_row(
            Text(line.place), Text(shown), f"{line.first:,}", f"{line.second:,}", _telling(line, kinds)
        )
    return table


def _telling(line: LineDifference, longest: int) -> str:
    """The kinds of a line's instructions that say more than their number does."""
    rows = [""]
    for kind, count in line.kinds.items():
        if kind != "other":
            words = f"{kind} {count:+d}"
            if rows[-1] and len(rows[-1]) + 1 + len(words) > longest:
                rows.append("")
            rows[-1] = f"{rows[-1]} {words}".strip()
    return "\n".join(rows)
