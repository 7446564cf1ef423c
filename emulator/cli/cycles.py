# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles`: what each named path of a guest costs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from emulator.cli.common import check_json_target, json_option, quiet_option, say, write_json
from emulator.cli.guest import HARTS, build_guest
from emulator.cycles.claims import Claim, claims, missing
from emulator.cycles.models import Model, models_by_name
from emulator.cycles.paths import PathCost, declared_paths
from emulator.cycles.scenario import QUANTUM, PaperImages, PaperRun, Run, run_image, run_paper
from emulator.cycles.table import claim_table, path_table, print_models
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions
from emulator.report import describe
from guestos.sample import sample_text

PAPER = "paper"
PLAIN_WIDTH = 118  # of a table that goes to no terminal


class _Display:
    """While the guest runs: how far it is on stderr, its console on `stream`."""

    def __init__(self, stream: IO[str], quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._began = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("running", total=None)

    @contextmanager
    def shown(self) -> Iterator[None]:
        if self._quiet or not self._progress.console.is_terminal:
            yield
            return
        with self._progress:
            yield

    def instructions(self, retired: int) -> None:
        rate = retired / max(time.monotonic() - self._began, 1e-9) / 1e6
        self._progress.update(
            self._task, description=f"running: {retired / 1e6:,.0f} M instructions, {rate:,.0f} M/s"
        )

    def guest(self, data: bytes) -> None:
        if not self._quiet:
            self._stream.write(data.decode(errors="replace"))
            self._stream.flush()

    def unfinished(self, machine: Machine, outcome: Outcome) -> None:
        say(describe(machine, outcome))


def _paper_images(file: Path | None, quiet: bool) -> PaperImages:
    made = build_guest(file, quiet)
    files = (sample_text(),) if file is None else (file.read_bytes(), sample_text())
    return PaperImages(made.images.kernel, made.disk, files, made.images.measure["invocation"])


def _report(
    models: Sequence[Model], costs: Sequence[PathCost], judged: Sequence[Claim], runs: Sequence[Run]
) -> dict[str, object]:
    return {
        "models": [{"name": m.name, "source": m.source, "limits": m.limits} for m in models],
        "paths": [cost.as_dict() for cost in costs],
        "claims": [claim.as_dict() for claim in judged],
        "runs": [run.as_dict() for run in runs],
    }


def _print(
    stream: IO[str],
    paper: PaperRun | None,
    costs: Sequence[PathCost],
    judged: Sequence[Claim],
    models: Sequence[Model],
    everything: bool,
) -> None:
    console = Console(file=stream, width=None if stream.isatty() else PLAIN_WIDTH)
    console.print(path_table(costs, models, everything=everything or paper is None))
    if paper is not None:
        console.print(claim_table(judged, models))
    print_models(console, models)
    if paper is not None:
        agreeing = sum(check.agrees for check in paper.checksums)
        console.print(
            f"checksums: {agreeing} of {len(paper.checksums)} equal the host's; "
            f"{paper.kernel.instructions:,} instructions; state {paper.kernel.state_hash}",
            highlight=False,
        )


def _list_paths(image: Path) -> int:
    declared = declared_paths(open_image(image))
    if not declared:
        raise ReplugError(f"{image}: declares no paths (guestos/include/replug.inc tells how)")
    for name, details in declared.items():
        click.echo(name)
        for detail in details:
            click.echo(f"    {detail}")
    return 0


@click.command()
@click.argument("target", metavar="[SCENARIO|IMAGE]", default=PAPER)
@click.option("--model", "model_names", default="ideal,in-order", show_default=True, help="Cost models.")
@click.option("--harts", type=int, help=f"Number of harts (scenario: {HARTS}, image: 1).")
@click.option("--quantum", type=int, help=f"Instructions a slice (scenario: {QUANTUM}, image: 1000).")
@click.option(
    "--file", type=click.Path(path_type=Path), help="Scenario: the file to read instead of our text."
)
@click.option("--disk", type=click.Path(path_type=Path), help="IMAGE: the disk in virtio slot 0.")
@click.option("--max-instructions", type=click.IntRange(min=1), help="IMAGE: end the run after so many.")
@click.option("--paths", "list_paths", is_flag=True, help="List the declared paths and end.")
@click.option("--all", "everything", is_flag=True, help="Show every path, also those that no claim is about.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("-o", "output", metavar="FILE", default="-", help="Where the report goes; - is stdout.")
@json_option
@quiet_option
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
) -> int:
    """Run a guest and report what each of its named paths cost, in instructions and in cycles.

    Without an argument, or with the scenario `paper`, our own kernel boots on four harts and reads a file
    through its specialised and its generic read while other programs open the same file; the paper's figures
    stand beside ours. Exit status 1: a claim does not hold, or something went wrong in the run.

    Paths are declared in a guest's source with the macros of guestos/include/replug.inc; they cost no
    instruction.

    \b
    Examples
      replug cycles                            boot, read, replug, report
      replug cycles --file /etc/services       the same, reading that file
      replug cycles --paths                    which paths our kernel declares
      replug cycles my.elf --harts 2 --all     any image that declares paths
      replug cycles --quiet --json report.json
    """
    models = models_by_name(model_names)
    for target_file in (json_file, output):
        check_json_target(target_file)
    if target == PAPER and (disk is not None or max_instructions is not None):
        raise ReplugError(f"--disk and --max-instructions go with an image, not with the scenario {PAPER}")
    if target != PAPER and file is not None:
        raise ReplugError(f"--file goes with the scenario {PAPER}, not with an image")
    result_on_stdout = json_file == "-" or (form == "json" and output == "-")
    display = _Display(sys.stderr if result_on_stdout else sys.stdout, quiet)
    paper = None
    if target == PAPER:
        images = _paper_images(file, quiet)
        if list_paths:
            return _list_paths(images.kernel)
        with display.shown():
            paper = run_paper(
                images,
                models,
                harts=HARTS if harts is None else harts,
                quantum=QUANTUM if quantum is None else quantum,
                console=display.guest,
                progress=display.instructions,
                unfinished=display.unfinished,
            )
        costs, runs, problems = paper.costs, [paper.kernel, paper.invocation], paper.problems()
        problems += [f"no calls: {row}" for row in missing(costs)]
    else:
        if list_paths:
            return _list_paths(Path(target))
        options = MachineOptions(
            harts=1 if harts is None else harts, quantum=1000 if quantum is None else quantum, disk=disk
        )
        with display.shown():
            run = run_image(
                Path(target),
                options,
                models,
                console=display.guest,
                progress=display.instructions,
                unfinished=display.unfinished,
                max_instructions=max_instructions,
            )
        costs, runs, problems = run.costs, [run], run.problems()
        if not costs:
            problems.append(f"{target}: no declared path was taken to its end")
    judged = claims(costs, [model.name for model in models]) if paper is not None else []
    problems += [f"claim {claim.id} does not hold" for claim in judged if not claim.holds]
    if form == "json":
        write_json(output, _report(models, costs, judged, runs))
    elif output != "-":
        with Path(output).open("w") as stream:
            _print(stream, paper, costs, judged, models, everything)
    elif json_file != "-":
        _print(sys.stdout, paper, costs, judged, models, everything)
    if json_file is not None:
        write_json(json_file, _report(models, costs, judged, runs))
    for problem in problems:
        say(f"replug: {problem}")
    return 1 if problems else 0
