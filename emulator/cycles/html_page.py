# SPDX-License-Identifier: GPL-2.0-or-later
"""The report as one HTML page that needs nothing but itself: no network, no other file."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.cycles.claims import Claim
from emulator.cycles.models import Model
from emulator.cycles.page_source import annotated_sources
from emulator.cycles.page_timeline import timeline_data
from emulator.cycles.paths import PathCost, path_label
from emulator.cycles.scenario import Checksum, Run

_PAGE = Path(__file__).resolve().parent / "page"
MOST_VALUES = 400  # of a path's distribution; more are put together


@dataclass(frozen=True)
class PageContent:
    """All that a page shows.  roots: folders in which the sources' names are looked up; compared: the name
    and the "paths" of another run's JSON report.
    """

    title: str
    creator: str
    models: Sequence[Model]
    costs: Sequence[PathCost]
    claims: Sequence[Claim]
    runs: Sequence[Run]
    checksums: Sequence[Checksum]
    roots: Sequence[Path]
    compared: tuple[str, Sequence[Mapping[str, object]]] | None = None


def html_page(content: PageContent) -> str:
    """The page's text.  Raises ToolchainError if the debug information of an image is damaged."""
    timeline = next((run.timeline for run in content.runs if run.timeline is not None), None)
    data = {
        "title": content.title,
        "subtitle": _subtitle(content),
        "creator": content.creator,
        "models": [{"name": m.name, "source": m.source, "limits": m.limits} for m in content.models],
        "claims": [claim.as_dict() for claim in content.claims],
        "runs": [run.as_dict() for run in content.runs],
        "checks": {"agree": sum(c.agrees for c in content.checksums), "all": len(content.checksums)}
        if content.checksums
        else None,
        "paths": [_path(cost) for cost in content.costs],
        "timeline": timeline_data(timeline) if timeline is not None and timeline.pieces else None,
        "sources": annotated_sources(
            [run.code for run in content.runs if run.code is not None], content.roots
        ),
        "comparison": _comparison(content),
    }
    page = (_PAGE / "page.html").read_text()
    for mark, text in (
        ("/*TITLE*/", html.escape(content.title)),
        ("/*STYLE*/", (_PAGE / "page.css").read_text()),
        ("/*SCRIPT*/", (_PAGE / "page.js").read_text()),
        ("/*DATA*/", embedded(data)),
    ):
        page = page.replace(mark, text, 1)
    return page


def embedded(data: object) -> str:
    """JSON that no text in it can take out of its script element."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _subtitle(content: PageContent) -> str:
    ends = "; ".join(f"{run.name}: {run.outcome.reason}, status {run.outcome.status}" for run in content.runs)
    return f"Exact counts of every instruction that retired. How the runs ended: {ends}."


def _path(cost: PathCost) -> dict[str, object]:
    return {
        "name": cost.name,
        "step": cost.step,
        "parameters": cost.parameters,
        "calls": cost.calls,
        "own": cost.own.instructions.median,
        "instructions": cost.instructions.as_dict(),
        "cycles": {model: spread.as_dict() for model, spread in cost.cycles.items()},
        "interrupts": cost.interrupts.instructions.total,
        "histogram": binned(cost.histogram, MOST_VALUES),
    }


def binned(histogram: Mapping[int, int], most: int) -> list[tuple[int, int]]:
    """Sorted (value, count); where there are too many, values near each other under the least of them."""
    values = sorted(histogram.items())
    if len(values) <= most:
        return values
    low, high = values[0][0], values[-1][0]
    width = (high - low) // (most - 1) + 1
    sums: dict[int, int] = {}
    for value, count in values[:-1]:
        start = low + (value - low) // width * width
        sums[start] = sums.get(start, 0) + count
    return [*sorted(sums.items()), values[-1]]


def _comparison(content: PageContent) -> dict[str, object] | None:
    if content.compared is None:
        return None
    name, paths = content.compared
    before = {label_of(path): path for path in paths}
    now = {label_of(cost.as_dict()): cost.as_dict() for cost in content.costs}
    rows = []
    for label in sorted({*before, *now}):
        pair = [figures_of(side.get(label)) for side in (before, now)]
        rows.append([label, *(figure for both in zip(*pair, strict=True) for figure in both)])
    return {"before": name, "rows": rows}


def label_of(path: Mapping[str, object]) -> str:
    """Of a path of a JSON report."""
    parameters = path["parameters"]
    assert isinstance(parameters, Mapping)
    return path_label(str(path["name"]), str(path.get("step", "")), parameters)


def figures_of(path: Mapping[str, object] | None) -> tuple[object, object, object]:
    """(calls, least, median) of a path of a JSON report."""
    if path is None:
        return None, None, None
    instructions = path["instructions"]
    assert isinstance(instructions, Mapping)
    return path["calls"], instructions["min"], instructions["median"]
