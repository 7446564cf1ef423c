# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of `replug cycles` in the form that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import IO

from rich.console import Console

from emulator.cli.common import write_json, write_text
from emulator.cycles.claims import Claim
from emulator.cycles.csv_table import paths_csv
from emulator.cycles.models import Model
from emulator.cycles.paths import PathCost
from emulator.cycles.scenario import PaperRun, Run
from emulator.cycles.table import claim_table, path_table, print_models

PLAIN_WIDTH = 118  # of a table that goes to no terminal


@dataclass(frozen=True)
class Report:
    """All that a report can show.  paper: the whole run of the scenario, None for an image."""

    models: Sequence[Model]
    costs: Sequence[PathCost]
    claims: Sequence[Claim]
    runs: Sequence[Run]
    paper: PaperRun | None

    def as_dict(self) -> dict[str, object]:
        """The JSON report."""
        return {
            "models": [{"name": m.name, "source": m.source, "limits": m.limits} for m in self.models],
            "paths": [cost.as_dict() for cost in self.costs],
            "claims": [claim.as_dict() for claim in self.claims],
            "runs": [run.as_dict() for run in self.runs],
        }


def write_report(report: Report, form: str, output: str, everything: bool) -> None:
    """Write it to the file `output`; "-" is stdout.  ReplugError when it cannot be written."""
    if form == "json":
        write_json(output, report.as_dict())
    elif form == "csv":
        write_text(output, paths_csv(report.costs, report.models))
    elif output == "-":
        _print(sys.stdout, report, everything)
    else:
        text = StringIO()
        _print(text, report, everything)
        write_text(output, text.getvalue())


def _print(stream: IO[str], report: Report, everything: bool) -> None:
    console = Console(file=stream, width=None if stream.isatty() else PLAIN_WIDTH)
    paper = report.paper
    console.print(path_table(report.costs, report.models, everything=everything or paper is None))
    if paper is not None:
        console.print(claim_table(report.claims, report.models))
    print_models(console, report.models)
    if paper is not None:
        agreeing = sum(check.agrees for check in paper.checksums)
        console.print(
            f"checksums: {agreeing} of {len(paper.checksums)} equal the host's; "
            f"{paper.kernel.instructions:,} instructions; state {paper.kernel.state_hash}",
            highlight=False,
        )
