# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles`: what each named path of a guest costs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from emulator.cycles.claims import Claim, claims, missing
from emulator.cycles.models import Model, models_by_name
from emulator.cycles.paths import PathCost
from emulator.cycles.scenario import HARTS, QUANTUM, PaperImages, PaperRun, Run, run_image, run_paper
from emulator.cycles.table import claim_table, path_table, print_models
from emulator.engine.build import build_directory
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions
from emulator.report import describe
from guestos.images import build_all
from guestos.sample import sample_text

PAPER = "paper"
TABLE_WIDTH = 118


class _Display:
    """Progress on stderr while the guest runs; its console goes to stdout unless stdout is the result."""

    def __init__(self, quiet: bool, console_to_stderr: bool) -> None:
        self._quiet = quiet
        self._stream = sys.stderr if console_to_stderr else sys.stdout
        self._console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=self._console, transient=True
        )
        self._task = self._progress.add_task("starting", total=None)
        self._began = time.monotonic()

    def running(self) -> AbstractContextManager[object]:
        return nullcontext() if self._quiet or not self._console.is_terminal else self._progress

    def say(self, text: str) -> None:
        self._progress.update(self._task, description=text)
        if not self._quiet and not self._console.is_terminal:
            self._console.print(text, highlight=False)

    def instructions(self, retired: int) -> None:
        rate = retired / max(time.monotonic() - self._began, 1e-9) / 1e6
        self._progress.update(self._task, description=f"running: {retired / 1e6:,.0f} M instructions, {rate:,.0f} M/s")

    def guest(self, data: bytes) -> None:
        if not self._quiet:
            self._stream.write(data.decode(errors="replace"))
            self._stream.flush()

    def wild(self, machine: Machine, outcome: Outcome) -> None:
        self._console.print(describe(machine, outcome), highlight=False, markup=False)


def _paper_images(file: Path | None, display: _Display) -> PaperImages:
    try:
        data = file.read_bytes() if file is not None else sample_text()
    except OSError as error:
        raise ReplugError(f"--file: {file}: {error.strerror}") from None

    def progress(what: str, done: int, total: int) -> None:
        if done < total:
            display.say(f"building {what} ({done + 1} of {total})")

    built = build_all(build_directory() / "guest", progress, data=data)
    assert built.disk is not None, "data were given"
    return PaperImages(built.kernel, built.disk, data, built.measure["invocation"])


def _list_paths(target: str, image: Path) -> None:
    declared: dict[str, set[str]] = {}
    for note in open_image(image).notes:
        if note.name:
            declared.setdefault(note.name, set()).update([note.detail] if note.detail else [])
    if not declared:
        raise ReplugError(f"{target}: declares no paths (see guestos/include/replug.inc)")
    for name in sorted(declared):
        click.echo(name)
        for detail in sorted(declared[name]):
            click.echo(f"    {detail}")


def _as_json(models: Sequence[Model], costs: Sequence[PathCost], judged: Sequence[Claim], runs: Sequence[Run]) -> str:
    report = {
        "models": [{"name": m.name, "source": m.source, "limits": m.limits} for m in models],
        "paths": [cost.as_dict() for cost in costs],
        "claims": [claim.as_dict() for claim in judged],
        "runs": [
            {"name": run.name, "instructions": run.instructions, "state_hash": run.state_hash,
             "exit": {"reason": run.outcome.reason, "status": run.outcome.status}}
            for run in runs
        ],
    }  # fmt: skip
    return json.dumps(report, indent=2) + "\n"


def _write(destination: str, text: str) -> None:
    if destination == "-":
        sys.stdout.write(text)
        return
    try:
        Path(destination).write_text(text)
    except OSError as error:
        raise ReplugError(f"{destination}: {error.strerror}") from None


def _paper_report(run: PaperRun, models: Sequence[Model], everything: bool, console: Console) -> list[Claim]:
    judged = claims(run.costs, [model.name for model in models])
    console.print(path_table(run.costs, models, everything=everything))
    console.print(claim_table(judged, models))
    print_models(console, models)
    agreeing = sum(check.agrees for check in run.checksums)
    console.print(
        f"checksums: {agreeing} of {len(run.checksums)} equal the host's; "
        f"{run.kernel.instructions:,} instructions; state {run.kernel.state_hash}",
        highlight=False,
    )
    return judged


@click.command(
    epilog="""\b
Examples:
  replug cycles                          the paper's system: boot, read, replug, report
  replug cycles --file /etc/services     the same, reading that file
  replug cycles kernel.elf --harts 2     any image whose source declares paths
  replug cycles --paths                  which paths our kernel declares
  replug cycles --quiet --json report.json
"""
)
@click.argument("target", metavar="[SCENARIO|IMAGE]", default=PAPER)
@click.option("--model", "model_names", default="ideal,in-order", show_default=True, help="Cost models, with commas.")
@click.option("--harts", type=int, help=f"Number of harts (scenario: {HARTS}, image: 1).")
@click.option("--quantum", type=int, help=f"Instructions a slice (scenario: {QUANTUM}, image: 1000).")
@click.option("--file", type=click.Path(path_type=Path), help="The file that the guest reads (default: a 1 MiB text).")
@click.option("--disk", type=click.Path(path_type=Path), help="Disk image, when an IMAGE is given.")
@click.option("--max-instructions", type=click.IntRange(min=1), help="End an IMAGE's run after so many.")
@click.option("--paths", "list_paths", is_flag=True, help="List the declared paths and end.")
@click.option("--all", "everything", is_flag=True, help="Show every path, not only those that the paper speaks of.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-o", "output", default="-", help="Where the report goes (default: stdout).")
@click.option("--json", "json_file", metavar="FILE", help="Write the machine-readable report too; - is stdout.")
@click.option("--quiet", is_flag=True, help="Only the report: no progress, no guest console.")
def cycles(
    target: str,
    model_names: str,
    harts: int | None,
    quantum: int | None,
    file: Path | None,
    disk: Path | None,
    max_instructions: int | None,
    list_paths: bool,
    everything: bool,
    form: str,
    output: str,
    json_file: str | None,
    quiet: bool,
) -> None:
    """Run a guest and report what each of its named paths cost, in instructions and in cycles.

    Without an argument, or with the scenario `paper`, our own kernel boots on four harts, reads a file through its
    specialised and its generic read while other programs open the same file, and the figures of the paper are set
    beside ours.  Exit status 1 says that a claim does not hold or that something went wrong in the run.

    Paths are declared in a guest's source with the macros of guestos/include/replug.inc; they cost no instruction.
    """
    models = models_by_name(model_names)
    to_stdout = output == "-"
    display = _Display(quiet, console_to_stderr=form == "json" and to_stdout or json_file == "-")
    if target != PAPER and file is not None:
        raise ReplugError(f"--file: goes with the scenario {PAPER}, not with an image")
    if target == PAPER and disk is not None:
        raise ReplugError(f"--disk: goes with an image, not with the scenario {PAPER}")
    with display.running():
        if target == PAPER:
            images = _paper_images(file, display)
            if list_paths:
                _list_paths(target, images.kernel)
                return
            paper = run_paper(
                images, models, harts=HARTS if harts is None else harts,
                quantum=QUANTUM if quantum is None else quantum,
                console=display.guest, progress=display.instructions, wild=display.wild,
            )  # fmt: skip
            costs, runs, problems = paper.costs, [paper.kernel, paper.invocation], paper.problems()
        else:
            if list_paths:
                _list_paths(target, Path(target))
                return
            paper = None
            options = MachineOptions(harts=1 if harts is None else harts, quantum=1000 if quantum is None else quantum, disk=disk)
            run = run_image(
                Path(target), options, models,
                console=display.guest, progress=display.instructions, wild=display.wild, max_instructions=max_instructions,
            )  # fmt: skip
            costs, runs = run.costs, [run]
            problems = [] if run.outcome.status == 0 else [f"{run.name}: ended by {run.outcome.reason} with status {run.outcome.status}"]
            if not costs:
                problems.append(f"{target}: no declared path was taken to its end")
    judged = claims(costs, [model.name for model in models]) if paper is not None else []
    if form == "json":
        _write(output, _as_json(models, costs, judged, runs))
    else:
        with nullcontext(sys.stdout) if to_stdout else _opened(output) as stream:
            console = Console(file=stream, width=None if stream is sys.stdout and sys.stdout.isatty() else TABLE_WIDTH)
            if paper is not None:
                _paper_report(paper, models, everything, console)
            else:
                console.print(path_table(costs, models, everything=True))
                print_models(console, models)
    if json_file is not None:
        _write(json_file, _as_json(models, costs, judged, runs))
    if paper is not None:
        problems += [f"no calls: {row}" for row in missing(costs)]
    problems += [f"claim {claim.id} does not hold" for claim in judged if not claim.holds]
    for problem in problems:
        click.echo(f"replug: {problem}", err=True)
    if problems:
        sys.exit(1)


def _opened(path: str) -> AbstractContextManager[object]:
    try:
        return Path(path).open("w")
    except OSError as error:
        raise ReplugError(f"{path}: {error.strerror}") from None
