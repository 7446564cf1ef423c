# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of `replug cycles` in the form that was asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import IO

from rich.console import Console

from emulator.cli.common import write_json, write_text
from emulator.cli.version import version
from emulator.cycles.callgrind import callgrind
from emulator.cycles.claims import Claim
from emulator.cycles.code import CodeCosts
from emulator.cycles.code_rows import BY_FUNCTION, BY_LINE, Row, code_table, function_rows, line_rows
from emulator.cycles.commit_log import commit_log
from emulator.cycles.csv_table import paths_csv, table
from emulator.cycles.html_page import PageContent, figures_of, html_page, label_of
from emulator.cycles.models import Model
from emulator.cycles.path_compare import PathComparison, choose, compare, comparison_tables, place_of
from emulator.cycles.path_trace import trace_calls
from emulator.cycles.paths import PathCost
from emulator.cycles.repeat import Recipe
from emulator.cycles.scenario import PaperRun, Run
from emulator.cycles.speedscope import speedscope
from emulator.cycles.table import claim_table, columns_of, path_table, print_models
from emulator.cycles.timeline import Timeline
from emulator.cycles.trace_event import trace_event
from emulator.errors import ReplugError
from guestos.images import GUESTOS

LONGEST_CALL = 4000  # instructions, of calls whose lines a baseline keeps
LOGGED = 100_000  # instructions of a commit log, where nothing else is said
PLAIN_WIDTH = 140  # of a table that goes to no terminal


@dataclass(frozen=True)
class Report:
    """All that a report can show.  paper: the whole run of the scenario, None for an image.

    by_function, by_line: the runs' code is to be shown so.  compared: name and paths of another report.
    """

    models: Sequence[Model]
    costs: Sequence[PathCost]
    claims: Sequence[Claim]
    runs: Sequence[Run]
    paper: PaperRun | None
    by_function: bool
    by_line: bool
    compared: tuple[str, list[dict[str, object]]] | None = None
    side_by_side: PathComparison | None = None

    @property
    def code(self) -> list[CodeCosts]:
        """Of each run, where it was watched."""
        return [run.code for run in self.runs if run.code is not None]

    def functions(self) -> list[Row]:
        return [row for code in self.code for row in function_rows(code)]

    def lines(self) -> list[Row]:
        return [row for code in self.code for row in line_rows(code)]

    def as_dict(self) -> dict[str, object]:
        """The JSON report."""
        report: dict[str, object] = {
            "models": [{"name": m.name, "source": m.source, "limits": m.limits} for m in self.models],
            "paths": [cost.as_dict() for cost in self.costs],
            "claims": [claim.as_dict() for claim in self.claims],
            "runs": [run.as_dict() for run in self.runs],
        }
        if self.side_by_side is not None:
            report["comparison"] = self.side_by_side.as_dict()
        if self.by_function:
            report["functions"] = self.functions()
        if self.by_line:
            report["lines"] = self.lines()
        return report

    def as_csv(self) -> str:
        """One table: of lines or functions where they were asked for, else of paths."""
        if self.by_line:
            return table(BY_LINE, [[row[name] for name in BY_LINE] for row in self.lines()])
        if self.by_function:
            return table(BY_FUNCTION, [[row[name] for name in BY_FUNCTION] for row in self.functions()])
        return paths_csv(self.costs, self.models)


def write_report(report: Report, form: str, output: str, everything: bool) -> None:
    """Write it to the file `output`; "-" is stdout.  ReplugError when it cannot be written."""
    if form == "json":
        write_json(output, report.as_dict())
    elif form == "csv":
        write_text(output, report.as_csv())
    elif form == "callgrind":
        write_text(output, callgrind(report.code, f"replug {version()}"))
    elif form == "trace":
        run = next(run for run in report.runs if run.timeline is not None)
        write_text(output, trace_event(timeline_of(run), run.name) + "\n")
    elif form == "speedscope":
        timelines = [(run.name, timeline_of(run)) for run in report.runs if run.timeline is not None]
        write_text(output, speedscope(timelines, report.code, f"replug {version()}") + "\n")
    elif form == "html":
        write_text(output, html_page(_page(report)))
    elif output == "-":
        _print(sys.stdout, report, everything)
    else:
        text = StringIO()
        _print(text, report, everything)
        write_text(output, text.getvalue())


def _page(report: Report) -> PageContent:
    paper = report.paper
    names = ", ".join(run.name for run in report.runs)
    return PageContent(
        title="Replugging a read: what it costs" if paper is not None else f"What {names} costs",
        creator=f"Made by replug {version()}.",
        models=report.models,
        costs=report.costs,
        claims=report.claims,
        runs=report.runs,
        checksums=() if paper is None else paper.checksums,
        roots=[Path(), GUESTOS, *(code.image.path.parent for code in report.code)],
        compared=report.compared,
    )


def compare_calls(recipe: Recipe, costs: Sequence[PathCost], wanted: tuple[str, str]) -> PathComparison:
    """The least expensive calls of two paths of a run, which is run again for it."""
    image = recipe.image
    chosen = [choose(costs, each) for each in wanted]
    samples = [cost.sample for cost in chosen if cost.sample is not None]
    first, second = trace_calls(recipe, samples)
    labels = (chosen[0].full_label, chosen[1].full_label)
    return compare(image, labels, (first, second), source_roots(image.path))


def call_lines(
    recipe: Recipe, costs: Sequence[PathCost], labels: Collection[str]
) -> dict[str, dict[str, int]]:
    """For each path of these labels, what its least expensive call executed of each source line, "FILE: TEXT"
    (texts stay where numbers move).  The run is run again for it.  Calls of thousands of instructions are
    left out.
    """
    chosen = [
        cost
        for cost in costs
        if cost.sample is not None
        and not cost.step
        and cost.full_label in labels
        and cost.sample.end - cost.sample.begin <= LONGEST_CALL
    ]
    samples = [cost.sample for cost in chosen if cost.sample is not None]
    image = recipe.image
    calls = trace_calls(recipe, samples)
    roots = source_roots(image.path)
    result: dict[str, dict[str, int]] = {}
    for cost, call in zip(chosen, calls, strict=True):
        lines = result.setdefault(cost.full_label, {})
        for step in call:
            place, text = place_of(image, step.pc, roots)
            line = f"{place.rpartition(':')[0]}: {text}" if text else place
            lines[line] = lines.get(line, 0) + 1
    return result


def source_roots(image: Path) -> list[Path]:
    """Where the sources' names of an image are looked up."""
    return [Path(), GUESTOS, image.parent]


def read_report(file: Path) -> tuple[str, list[dict[str, object]]]:
    """Name and "paths" of another run's JSON report; ReplugError ("FILE: what") when it is none."""
    try:
        value = json.loads(file.read_bytes())
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ReplugError(f"{file}: not a report (no JSON)") from None
    paths = value.get("paths") if isinstance(value, dict) else None
    if not isinstance(paths, list):
        raise ReplugError(f"{file}: not a report (replug cycles --json makes one)")
    try:
        for path in paths:
            label_of(path)
            if any(not isinstance(figure, int) for figure in figures_of(path)):
                raise TypeError
    except (KeyError, TypeError, AssertionError, AttributeError):
        raise ReplugError(f"{file}: a damaged report (its paths)") from None
    return str(file), paths


def timeline_of(run: Run) -> Timeline:
    """Of a run that was watched for it."""
    assert run.timeline is not None
    if not run.timeline.pieces:
        raise ReplugError(
            f"{run.name}: nothing to show: no path was open in the part of the run that was looked at"
        )
    return run.timeline


def write_log(recipe: Recipe, window: tuple[int, int | None], output: str) -> None:
    """The commit log of a part of a run: (start, length) in instructions."""
    start, length = window
    lines = commit_log(recipe, start=start, length=LOGGED if length is None else length)
    if output == "-":
        for line in lines:
            sys.stdout.write(f"{line}\n")
        return
    try:
        with Path(output).open("w") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise ReplugError(f"{output}: {error.strerror}") from None


def _print_paths(console: Console, report: Report, everything: bool) -> None:
    """On a narrow terminal with fewer columns; never with figures cut short."""
    table = path_table(report.costs, report.models, everything=everything)
    if (needed := columns_of(table)) > console.width:
        table = path_table(report.costs, report.models, everything=everything, narrow=True)
        needed = columns_of(table)
        console.print(f"medians, for want of room: {PLAIN_WIDTH} columns, or -o FILE, show all", style="dim")
    wide = Console(file=console.file, width=max(console.width, needed))
    wide.print(table)


def _print(stream: IO[str], report: Report, everything: bool) -> None:
    console = Console(file=stream, width=None if stream.isatty() else PLAIN_WIDTH)
    paper = report.paper
    if report.costs:
        _print_paths(console, report, everything or paper is None)
    if paper is not None:
        console.print(claim_table(report.claims, report.models, console.width))
    if report.side_by_side is not None:
        tables = comparison_tables(report.side_by_side, console.width)
        wide = Console(file=stream, width=max(console.width, *(columns_of(each) for each in tables)))
        for each in tables:
            wide.print(each)
    for code in report.code:
        if report.by_function:
            console.print(code_table(code, function_rows(code), by_line=False, everything=everything))
        if report.by_line:
            console.print(code_table(code, line_rows(code), by_line=True, everything=everything))
    print_models(console, report.models)
    if paper is not None:
        agreeing = sum(check.agrees for check in paper.checksums)
        console.print(
            f"checksums: {agreeing} of {len(paper.checksums)} equal the host's; "
            f"{paper.kernel.instructions:,} instructions; state {paper.kernel.state_hash}",
            highlight=False,
        )
