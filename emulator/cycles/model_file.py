# SPDX-License-Identifier: GPL-2.0-or-later
"""Cost models from TOML files.

    name = "my-core"
    source = "where the figures are from"      # both are shown in reports
    limits = "what it leaves out"              # may be left out

    [cycles]            # what an instruction costs, by its kind; `default` for all that are not named
    default = 1
    load = 2
    divide = 34

    [edges]             # on top of that
    taken = 1           # a conditional branch that is taken
    mispredict = 0      # one that goes another way than backward taken, forward not
    jump = 1            # a direct jump or call
    indirect = 3        # an indirect one, returns excepted
    return = 2
    trap = 4            # a trap taken, and each return from one

    [caches]            # may be left out: L1 caches in each hart, coherent
    line = 64           # bytes; a power of two, as are the sets
    instruction_sets = 64
    instruction_ways = 2
    data_sets = 64
    data_ways = 4
    miss = 30           # cycles
    transfer = 60       # the line was written to by another hart
    upgrade = 30        # a store to a line that other harts have too

Kinds: alu, load, store, branch, jump, indirect, return, multiply, divide, fence, fence_i, amo, lr, sc, csr,
csr_float, system, ebreak, float, float_minmax, reserved, unknown.

A file with [pipeline] instead of [cycles] and [edges] is a single-issue in-order pipeline: the costs of
`emulator.engine.Pipeline` by name, each on top of one cycle an instruction.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from emulator.cycles.model import Model
from emulator.engine import KINDS, Caches, Pipeline
from emulator.errors import ReplugError

MOST = 1_000_000  # cycles
_EDGES = {
    "taken": "taken",
    "mispredict": "mispredict",
    "jump": "jump",
    "indirect": "indirect",
    "return": "ret",
    "trap": "trap",
}
_PIPELINE = tuple(field.name for field in fields(Pipeline) if field.name not in ("by_table", "table"))
_CACHES = tuple(field.name for field in fields(Caches))


def read_model(file: Path) -> Model:
    """A model from a file; ReplugError ("FILE: what and where") for all that is none."""
    try:
        value = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ReplugError(f"{file}: not a model (not UTF-8)") from None
    except tomllib.TOMLDecodeError as error:
        raise ReplugError(f"{file}: not TOML: {error}") from None
    _only(file, "the file", value, ("name", "source", "limits", "cycles", "edges", "pipeline", "caches"))
    if ("pipeline" in value) == ("cycles" in value):
        raise ReplugError(f"{file}: it needs either [cycles] or [pipeline]")
    if "pipeline" in value and "edges" in value:
        raise ReplugError(f"{file}: [edges] goes with [cycles]; a [pipeline] has its own")
    name = _text(file, value, "name", None)
    if name in ("ideal", "in-order", "in-order-caches"):
        raise ReplugError(f"{file}: name: {name} is one of the models that are there without a file")
    return Model(
        name=name,
        source=_text(file, value, "source", None),
        limits=_text(file, value, "limits", "as its file says"),
        pipeline=_pipeline(file, value) if "pipeline" in value else _table(file, value),
        caches=_caches(file, value) if "caches" in value else None,
    )


def _pipeline(file: Path, value: Mapping[str, Any]) -> Pipeline:
    costs: dict[str, Any] = {**_numbers(file, value, "pipeline", _PIPELINE)}
    return Pipeline(**costs)


def _table(file: Path, value: Mapping[str, Any]) -> Pipeline:
    cycles = _numbers(file, value, "cycles", ("default", *KINDS))
    edges = _numbers(file, value, "edges", tuple(_EDGES))
    default = cycles.get("default", 1)
    table = tuple(cycles.get(kind, default) for kind in KINDS)
    costs: dict[str, Any] = {_EDGES[edge]: cost for edge, cost in edges.items()}
    return Pipeline(by_table=1, table=table, **costs)


def _caches(file: Path, value: Mapping[str, Any]) -> Caches:
    found = Caches(**_numbers(file, value, "caches", _CACHES))
    for name in ("line", "instruction_sets", "data_sets"):
        number = getattr(found, name)
        if number < 1 or number & (number - 1):
            raise ReplugError(f"{file}: [caches] {name}: {number} is no power of two")
    if not 4 <= found.line <= 4096:
        raise ReplugError(f"{file}: [caches] line: {found.line}: 4 to 4096 bytes")
    for name in ("instruction_ways", "data_ways"):
        if not 1 <= getattr(found, name) <= 64:
            raise ReplugError(f"{file}: [caches] {name}: {getattr(found, name)}: 1 to 64")
    if max(found.instruction_sets, found.data_sets) > 1 << 16:
        raise ReplugError(f"{file}: [caches] at most {1 << 16} sets")
    return found


def _numbers(file: Path, value: Mapping[str, Any], table: str, names: Collection[str]) -> dict[str, int]:
    found = value.get(table, {})
    if not isinstance(found, dict):
        raise ReplugError(f"{file}: {table} is no table: [{table}] begins one")
    _only(file, f"[{table}]", found, names)
    for name, number in found.items():
        if type(number) is not int or not 0 <= number <= MOST:
            raise ReplugError(f"{file}: [{table}] {name}: {number!r} is no whole number from 0 to {MOST:,}")
    return found


def _only(file: Path, where: str, value: Mapping[str, Any], names: Collection[str]) -> None:
    for name in value:
        if name not in names:
            raise ReplugError(f"{file}: {where} has no {name!r}; there are {', '.join(names)}")


def _text(file: Path, value: Mapping[str, Any], name: str, default: str | None) -> str:
    text = value.get(name, default)
    if not isinstance(text, str) or not text or not text.isprintable() or "," in text * (name == "name"):
        raise ReplugError(f"{file}: {name}: a text of printable characters is needed")
    return text
