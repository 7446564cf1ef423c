# SPDX-License-Identifier: GPL-2.0-or-later
"""What a sweep is asked to do, from a TOML file.

image = "my.elf"            # from the folder of this file; "paper" (the default) is our own guest's report

[grid]                      # every combination is run; a single value need not be a list
harts = [1, 2, 4]
quantum = [50, 200, 1000]
memory = ["64M", "128M"]
bootargs = ["", "fast"]
disk = ["a.img", "b.img"]
image = ["a.elf", "b.elf"]  # instead of the one above
file_size = [65536, 1048576]    # "paper" only: bytes of the file that is read
model = ["ideal", "in-order", "in-order-caches"]    # not a dimension: one run has them all

[run]
max_instructions = 100_000_000  # end each run after so many; may be left out

[[plot]]                    # as many as wanted; may be left out
path = "specialised read (bytes 1)"
x = "harts"                 # a parameter of the grid
y = "in-order"              # instructions, or a model's name; the medians are shown
lines = "quantum"           # a line for each value of this one; may be left out
file = "reads.svg"          # .svg or .png, from the folder of the table
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.errors import ReplugError

PAPER = "paper"
PARAMETERS = ("image", "harts", "quantum", "memory", "bootargs", "disk", "file_size")
_NUMBERS = ("harts", "quantum", "memory", "file_size")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
MOST_JOBS = 100_000

Value = int | str
Point = Mapping[str, Value]
"""A value for each parameter that the grid names."""


@dataclass(frozen=True)
class Plot:
    """Medians of a path over a parameter."""

    path: str
    x: str
    y: str
    lines: str | None
    file: str


@dataclass(frozen=True)
class Spec:
    """A sweep: its points in the order of the grid.  models: names, with commas between."""

    points: tuple[Point, ...]
    models: str
    max_instructions: int | None
    plots: tuple[Plot, ...]
    folder: Path


def read_spec(file: Path) -> Spec:
    """ReplugError ("FILE: what and where") for all that is none."""
    try:
        value = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ReplugError(f"{file}: not a sweep (not UTF-8)") from None
    except tomllib.TOMLDecodeError as error:
        raise ReplugError(f"{file}: not TOML: {error}") from None
    _only(file, "the file", value, ("image", "grid", "run", "plot"))
    grid = dict(_table(file, value, "grid"))
    _only(file, "[grid]", grid, (*PARAMETERS, "model"))
    models = grid.pop("model", "ideal,in-order")
    names = models if isinstance(models, list) else [models]
    if not names or any(not isinstance(name, str) for name in names):
        raise ReplugError(f"{file}: [grid] model: names of models are needed")
    grid.setdefault("image", value.get("image", PAPER))
    dimensions = {name: _values(file, name, grid[name]) for name in PARAMETERS if name in grid}
    run = _table(file, value, "run")
    _only(file, "[run]", run, ("max_instructions",))
    limit = run.get("max_instructions")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ReplugError(f"{file}: [run] max_instructions: {limit!r}: a number of instructions is needed")
    count = 1
    for values in dimensions.values():
        count *= len(values)
    if count > MOST_JOBS:
        raise ReplugError(f"{file}: [grid] has {count:,} points; at most {MOST_JOBS:,} are possible")
    points = tuple(
        dict(zip(dimensions, values, strict=True)) for values in itertools.product(*dimensions.values())
    )
    for point in points:
        if "file_size" in point and point["image"] != PAPER:
            raise ReplugError(f"{file}: [grid] file_size goes with the image {PAPER!r} only")
    return Spec(points, ",".join(names), limit, _plots(file, value, dimensions), file.parent)


def _values(file: Path, name: str, given: Any) -> list[Value]:
    values = given if isinstance(given, list) else [given]
    if not values:
        raise ReplugError(f"{file}: [grid] {name}: no value")
    return [_value(file, name, each) for each in values]


def _value(file: Path, name: str, value: Any) -> Value:
    if name not in _NUMBERS:
        if not isinstance(value, str):
            raise ReplugError(f"{file}: [grid] {name}: {value!r} is no text")
        return value
    if isinstance(value, str) and value[:-1].isdigit() and value[-1] in _UNITS:
        return int(value[:-1]) * _UNITS[value[-1]]
    if type(value) is not int or value < 1:
        raise ReplugError(f"{file}: [grid] {name}: {value!r} is no number above 0 (or size such as 64M)")
    return value


def _plots(file: Path, value: Mapping[str, Any], grid: Mapping[str, object]) -> tuple[Plot, ...]:
    found = value.get("plot", [])
    if not isinstance(found, list) or any(not isinstance(each, dict) for each in found):
        raise ReplugError(f"{file}: plot: [[plot]] begins one")
    plots = []
    for each in found:
        _only(file, "[[plot]]", each, ("path", "x", "y", "lines", "file"))
        for name in ("path", "x", "y", "file"):
            if not isinstance(each.get(name), str):
                raise ReplugError(f"{file}: [[plot]] {name}: a text is needed")
        for name in ("x", "lines"):
            if each.get(name) is not None and each[name] not in grid:
                raise ReplugError(f"{file}: [[plot]] {name}: {each[name]!r} is no parameter of the grid")
        if not each["file"].endswith((".svg", ".png")):
            raise ReplugError(f"{file}: [[plot]] file: the name of an .svg or a .png file is needed")
        plots.append(Plot(each["path"], each["x"], each["y"], each.get("lines"), each["file"]))
    return tuple(plots)


def _table(file: Path, value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name, {})
    if not isinstance(found, dict):
        raise ReplugError(f"{file}: {name} is no table: [{name}] begins one")
    return found


def _only(file: Path, where: str, value: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in value:
        if name not in names:
            raise ReplugError(f"{file}: {where} has no {name!r}; there are {', '.join(names)}")
