# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the jobs of a sweep: what is done already is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from emulator.cluster import run_on_cluster
from emulator.errors import ReplugError
from emulator.pool import Lost, run_all
from emulator.sweep.job import Job, Row, run_job

KIND = "replug sweep point 1"


def parts_folder(table: Path) -> Path:
    """Where the results of single points are kept, so that a sweep that was ended can be gone on with."""
    return table.with_name(f".{table.name}.parts")


def _kept(folder: Path, job: Job) -> list[Row] | None:
    try:
        value = json.loads((folder / f"{job.key}.json").read_bytes())
    except (OSError, ValueError):
        return None
    rows = value.get("rows") if isinstance(value, dict) and value.get("kind") == KIND else None
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else None


def _keep(folder: Path, job: Job, rows: list[Row]) -> None:
    file = folder / f"{job.key}.json"
    partial = file.with_suffix(".partial")
    try:
        partial.write_text(json.dumps({"kind": KIND, "rows": rows}))
        partial.replace(file)
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    *,
    processes: int,
    cluster: str | None,
    seconds: float,
    progress: Callable[[int, int], None],
) -> tuple[list[list[Row]], list[str]]:
    """Rows by job, and what went wrong.  progress: told how many are done, of how many."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ReplugError(f"{folder}: {error.strerror}") from None
    results: dict[int, list[Row]] = {}
    for index, job in enumerate(jobs):
        rows = _kept(folder, job)
        if rows is not None:
            results[index] = rows
    left = [index for index in range(len(jobs)) if index not in results]
    progress(len(results), len(jobs))
    problems = []
    todo = [jobs[index] for index in left]
    ending = (
        run_all(run_job, todo, processes, seconds)
        if cluster is None
        else run_on_cluster(run_job, todo, cluster, seconds)
    )
    if not todo:
        return [results[index] for index in range(len(jobs))], []
    done = len(results)
    for number, result in ending:
        index = left[number]
        if isinstance(result, Lost):
            point = ", ".join(f"{name} {value}" for name, value in jobs[index].point)
            problems.append(f"{point}: {result.why}")
        else:
            results[index] = result
            _keep(folder, jobs[index], result)
        done += 1
        progress(done, len(jobs))
    return [results.get(index, []) for index in range(len(jobs))], problems
