# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug sweep`: a report over a grid of parameters."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from emulator.cli.common import json_option, quiet_option, say, write_json
from emulator.cli.guest import HARTS
from emulator.cycles.baseline import file_hash
from emulator.cycles.models import models_by_name
from emulator.cycles.scenario import QUANTUM
from emulator.engine.build import build_directory, build_engine
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from emulator.pool import usable_cores
from emulator.sweep.job import Job
from emulator.sweep.run import parts_folder, run_jobs
from emulator.sweep.spec import PAPER, Spec, read_spec
from emulator.sweep.table import check_output, columns, draw, write_table
from guestos import images
from guestos.sample import SAMPLE_SIZE, sample_text

OPTIONS = ("harts", "quantum", "memory", "bootargs")


@click.command()
@click.argument("spec", type=click.Path(path_type=Path), metavar="SPEC.toml")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes.  [default: as many as cores]")
@click.option(
    "--cluster", metavar="ADDRESS", help="Run on the workers of a dask scheduler, such as tcp://host:8786."
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For each run.")
@click.option(
    "-o", "output", type=click.Path(path_type=Path), metavar="FILE",
    help="The table: .csv or .parquet.  [default: SPEC.csv]",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Run all points, also those whose results are kept.")
@json_option
@quiet_option
def sweep(
    *,
    spec: Path,
    jobs: int | None,
    cluster: str | None,
    timeout: float | None,
    output: Path | None,
    again: bool,
    json_file: str | None,
    quiet: bool,
) -> int:
    """Run a guest at every point of a grid of parameters, and write what its paths cost into one table.

    SPEC.toml names the image, the grid (harts, quantum, memory, bootargs, disk, image, file_size), the cost
    models and, if wanted, plots; emulator/sweep/spec.py shows one. The results of single points are kept
    beside the table: a sweep that was interrupted goes on where it was, and one whose grid has grown runs
    what is new. Points whose image or disk has changed are run again.

    \b
    Examples
      replug sweep quanta.toml
      replug sweep quanta.toml -o quanta.parquet --jobs 8
      replug sweep quanta.toml --cluster tcp://scheduler:8786   # workers see the same files

    Exit status 1: a run failed, or a plot has nothing to show; the table has the rest.
    """
    asked = read_spec(spec)
    table = output if output is not None else spec.with_suffix(".csv")
    check_output(table, asked.plots)
    models_by_name(asked.models)
    if cluster is not None and jobs is not None:
        raise ReplugError("--jobs: the processes of a --cluster are its workers")
    build_engine()
    todo = [_job(asked, point) for point in asked.points]
    folder = parts_folder(table)
    if again:
        shutil.rmtree(folder, ignore_errors=True)
    with _bar(quiet) as progress:
        results, problems = run_jobs(
            todo, folder, processes=jobs or usable_cores(), cluster=cluster,
            seconds=timeout or math.inf, progress=progress,
        )  # fmt: skip
    rows = [row for each in results for row in each]
    write_table(table, rows)
    for row in {id(each[0]): each[0] for each in results if each}.values():
        if (row["exit"], row["status"]) != ("exit", 0) and asked.max_instructions is None:
            point = ", ".join(f"{name} {row[name]}" for name, _ in todo[0].point)
            problems.append(f"{point}: ended by {row['exit']} with status {row['status']}")
    for plot in asked.plots:
        problem = draw(plot, rows, table.parent)
        problems += [] if problem is None else [problem]
    if not quiet:
        say(f"replug: {table}: {len(rows):,} lines of {len(todo):,} runs")
    if json_file is not None:
        write_json(json_file, {"columns": columns(rows), "rows": rows, "problems": problems})
    for problem in problems:
        say(f"replug: {problem}")
    return 1 if problems else 0


@cache
def _paper(size: int) -> tuple[Path, Path]:
    """Our kernel, and a disk with a file of so many bytes."""
    folder = build_directory() / "sweep" / f"file-{size}"
    built = images.build_all(folder, data=sample_text(size))
    assert built.disk is not None
    return built.kernel, built.disk


def _job(spec: Spec, point: Mapping[str, Any]) -> Job:
    options: dict[str, int | str] = {name: point[name] for name in OPTIONS if name in point}
    disk: Path | None = spec.folder / str(point["disk"]) if "disk" in point else None
    if point["image"] == PAPER:
        image, our_disk = _paper(int(point.get("file_size", SAMPLE_SIZE)))
        disk = disk if disk is not None else our_disk
        ours: dict[str, int | str] = {"harts": HARTS, "quantum": QUANTUM, "bootargs": images.SCENARIO}
        options = ours | options
    else:
        image = spec.folder / str(point["image"])
    files = tuple(file_hash(Path(name)) for name in spec.models.split(",") if name.endswith(".toml"))
    return Job(
        point=tuple(point.items()),
        image=str(image.resolve()),
        options=tuple(sorted(options.items())),
        disk=None if disk is None else str(disk.resolve()),
        models=spec.models,
        max_instructions=spec.max_instructions,
        inputs=(open_image(image).sha256, file_hash(disk), *files),
    )


@contextmanager
def _bar(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else a line at the end of each tenth."""
    console = Console(stderr=True)
    if quiet:
        yield lambda _done, _all: None
        return
    if not console.is_terminal:
        shown = [-1]

        def tell(done: int, every: int) -> None:
            if done * 10 // every != shown[0]:
                shown[0] = done * 10 // every
                say(f"replug: {done} of {every} runs")

        yield tell
        return
    with Progress(
        TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
        transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None)
        yield lambda done, every: bar.update(task, completed=done, total=every)
