# SPDX-License-Identifier: GPL-2.0-or-later
"""The report in the format of Valgrind's Callgrind, which KCachegrind and callgrind_annotate read.

One event, Ir: instructions retired, by function and source line.  Self costs only: who called whom is not
recorded, so a function's inclusive cost is its own.  Each run is an object file of its own (`ob=`).
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.cycles.code import CodeCosts, LineCost, Place

UNKNOWN = "???"  # what the tools show as a file that they do not know


class _Names:
    """`(number) name` at the first mention, `(number)` afterwards."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        name = "".join(character if character.isprintable() else "?" for character in name) or "?"
        if name in self._numbers:
            return f"({self._numbers[name]})"
        self._numbers[name] = len(self._numbers) + 1
        return f"({self._numbers[name]}) {name}"


def callgrind(codes: Sequence[CodeCosts], creator: str) -> str:
    """The file's text.  creator: the program and its version.

    Raises ToolchainError if the debug information of an image is damaged.
    """
    total = sum(code.instructions for code in codes)
    out = [
        "# callgrind format",
        "version: 1",
        f"creator: {creator}",
        f"cmd: {' '.join(code.run for code in codes)}".replace("\n", "?"),
        "desc: Note: self costs only, calls are not recorded",
        "positions: line",
        "event: Ir : instructions retired",
        "events: Ir",
        f"summary: {total}",
        "",
    ]
    objects, files, functions = _Names(), _Names(), _Names()
    for code in codes:
        out.append(f"ob={objects(code.run)}")
        by_place: dict[Place, list[LineCost]] = {}
        for cost in code.lines():
            by_place.setdefault(cost.place, []).append(cost)
        for place, costs in sorted(by_place.items(), key=lambda entry: entry[0].address):
            first = code.image.line_at(place.address) if costs[0].line is not None else None
            out += _function(place, first[0] if first else UNKNOWN, costs, files, functions)
    return "\n".join([*out, f"totals: {total}"]) + "\n"


def _function(
    place: Place, home: str, costs: Sequence[LineCost], files: _Names, functions: _Names
) -> list[str]:
    """Its lines, those of its own file first: code that another file gave it (a macro) follows with `fi=`."""
    out = [f"fl={files(home)}", f"fn={functions(place.name)}"]
    current = home
    placed = [(cost.line or (UNKNOWN, 0), cost.instructions) for cost in costs]
    for (file, line), instructions in sorted(placed, key=lambda entry: (entry[0][0] != home, entry[0])):
        if file != current:
            out.append(f"{'fe' if file == home else 'fi'}={files(file)}")
            current = file
        out.append(f"{line} {instructions}")
    return [*out, ""]
