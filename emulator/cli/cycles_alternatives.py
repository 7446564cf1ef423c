# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles alternatives`: other ways to replace code under its callers, and what they cost."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from emulator.cli.common import check_json_target, say, write_json, write_text
from emulator.cli.guest import guest_directory
from emulator.cycles.alternatives import HARTS, Alternative, measure_all, models_of, problems
from emulator.cycles.alternatives_output import alternatives_table, as_csv, as_dict
from emulator.cycles.alternatives_plot import check_plot, plot
from emulator.cycles.models import Model
from emulator.cycles.table import columns_of, print_models
from emulator.engine.build import build_engine
from emulator.errors import ReplugError
from guestos.images import alternative_images, build

ALTERNATIVES = "alternatives"
FORMATS = ("table", "json", "csv")
WIDTH = 150  # of a table that goes to no terminal


def run_alternatives(
    model_names: str | None,
    harts: int | None,
    form: str,
    output: str,
    json_file: str | None,
    plot_file: Path | None,
    quiet: bool,
) -> int:
    """Measure all schemes and report.  Exit status 1 when one is not as safe as it says."""
    if form not in FORMATS:
        raise ReplugError(f"--format {form}: the scenario {ALTERNATIVES} has {', '.join(FORMATS)}")
    if harts is not None and not 1 <= harts <= max(HARTS):
        raise ReplugError(f"--harts {harts}: the scenario {ALTERNATIVES} runs on 1 to {max(HARTS)}")
    models = models_of(model_names)
    for target in (json_file, output, None if plot_file is None else str(plot_file)):
        check_json_target(target)
    if json_file == "-" and output == "-" and form == "csv":
        raise ReplugError(
            f"--json - and --format {form}: both would go to stdout; give one of them a file (-o)"
        )
    check_plot(plot_file)
    build_engine()
    images = {Path(image.name).stem: build(image, guest_directory()) for image in alternative_images()}
    rows = _measure(images, models, HARTS if harts is None else (harts,), quiet)
    if form == "json":
        write_json(output, as_dict(rows, models))
    elif form == "csv":
        write_text(output, as_csv(rows))
    elif not (output == "-" and json_file == "-"):
        _write_table(rows, models, output)
    if json_file is not None and not (form == "json" and output == "-" and json_file == "-"):
        write_json(json_file, as_dict(rows, models))
    if plot_file is not None:
        plot(rows, models, plot_file)
        if not quiet:
            say(f"replug: plot in {plot_file}")
    found = problems(rows)
    for problem in found:
        say(f"replug: {problem}")
    return 1 if found else 0


def _measure(
    images: dict[str, Path], models: list[Model], harts: tuple[int, ...], quiet: bool
) -> list[Alternative]:
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        return measure_all(images, models, harts)
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        return measure_all(
            images, models, harts,
            lambda what, done, runs: bar.update(task, description=what, completed=done, total=runs),
        )  # fmt: skip


def _write_table(rows: list[Alternative], models: list[Model], output: str) -> None:
    if output == "-":
        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH)
        _print(console, rows, models)
        return
    text = StringIO()
    _print(Console(file=text, width=WIDTH), rows, models)
    write_text(output, text.getvalue())


def _print(console: Console, rows: list[Alternative], models: list[Model]) -> None:
    missing: list[str] = []
    for model in models:
        table, missing = alternatives_table(rows, model, console.width)
        Console(file=console.file, width=max(console.width, columns_of(table))).print(table)
    if missing:
        console.print(
            f"without {', '.join(missing)}, for want of room: {WIDTH} columns, or -o FILE, show all",
            style="dim",
            highlight=False,
        )
    console.print(
        "call: an empty body, all harts at once; replacements on hart 0, spinning included; on others: "
        "cycles of the interrupts that it sends; occupied: the others are inside now and then; in I/O: one "
        "waits inside for 20 us of virtual time; cheaper: than the flag, above or below so many calls per "
        "(idle) replacement; old code ran: in so many calls after its replacement had returned. Medians.",
        highlight=False,
    )
    print_models(console, models)
