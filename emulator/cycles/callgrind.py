# SPDX-License-Identifier: GPL-2.0-or-later
"""The report in the format of Valgrind's Callgrind, which KCachegrind and callgrind_annotate read.

One event, Ir: instructions retired, by function and source line, and calls with what they took, callees
included.  A trap that code causes itself is a call of its handler; an interrupt is nobody's.  Each run is an
object file of its own (`ob=`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
        calls = _calls(code)
        for place, costs in sorted(by_place.items(), key=lambda entry: entry[0].address):
            out += _function(place, _home(code, place, costs), costs, files, functions)
            for call in calls.get(place, ()):
                out += _call(code, call, files, functions)
            out.append("")
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
    return out


def _home(code: CodeCosts, place: Place, costs: Sequence[LineCost]) -> str:
    """The file that a function is said to be in."""
    first = code.first_line(place) if costs[0].line is not None else None
    return first[0] if first else UNKNOWN


@dataclass(frozen=True)
class _Call:
    """All calls of a function from one line; position: line of its first instruction."""

    line: int
    callee: Place
    home: str
    position: int
    calls: int
    instructions: int


def _calls(code: CodeCosts) -> dict[Place, list[_Call]]:
    """By caller.  Places of which nothing retired (a call cut off at the end of the run) are left out."""
    sums: dict[tuple[Place, int, Place], tuple[int, int]] = {}
    for edge in code.calls:
        source, target = code.place_of(edge.site), code.place_of(edge.callee)
        if source is not None and target is not None:
            key = source[0], source[1][1] if source[1] else 0, target[0]
            calls, instructions = sums.get(key, (0, 0))
            sums[key] = calls + edge.calls, instructions + edge.instructions
    result: dict[Place, list[_Call]] = {}
    for (caller, line, callee), (calls, instructions) in sums.items():
        first = code.first_line(callee)
        home, position = first or (UNKNOWN, 0)
        result.setdefault(caller, []).append(_Call(line, callee, home, position, calls, instructions))
    return result


def _call(code: CodeCosts, call: _Call, files: _Names, functions: _Names) -> list[str]:
    return [
        f"cfi={files(call.home)}",
        f"cfn={functions(call.callee.name)}",
        f"calls={call.calls} {call.position}",
        f"{call.line} {call.instructions}",
    ]
