# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug conform`: run every test program of a folder, and say which do not pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from emulator.cli.common import (
    NUMBER,
    SIZE,
    check_json_target,
    isa_options,
    json_option,
    quiet_option,
    write_json,
)
from emulator.cluster import run_on_cluster
from emulator.conform.case import Case, Result, Verdict, run_case
from emulator.conform.suite import find_tests, read_permitted
from emulator.devices import virt_map
from emulator.engine.build import build_engine
from emulator.errors import ReplugError
from emulator.isa import Isa, isa_help
from emulator.options import MachineOptions
from emulator.pool import Lost, run_all, usable_cores

MAX_INSTRUCTIONS = 20_000_000
SECONDS = 120.0
_COLOURS: dict[Verdict, str] = {"pass": "green", "fail": "red", "time-out": "red", "cannot run": "red"}


@dataclass(frozen=True)
class _Row:
    """A test that was run: name below the folder; why it may fail, if it may."""

    name: str
    result: Result
    permitted: str | None

    @property
    def passes(self) -> bool:
        return self.result.verdict == "pass"

    @property
    def unexpected(self) -> bool:
        return not self.passes and self.permitted is None

    def as_json(self) -> dict[str, object]:
        result = self.result
        return {
            "name": self.name,
            "verdict": result.verdict,
            "number": result.number,
            "detail": result.detail,
            "permitted": self.permitted,
            "instructions": result.instructions,
            "seconds": round(result.seconds, 6),
        }


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--signature", "signatures", is_flag=True, help="Write TEST.signature beside each test.")
@click.option(
    "--signature-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the signatures below this folder instead.",
)
@click.option(
    "--permitted",
    "permitted_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Tests that may fail: a line is a name and the reason.",
)
@click.option("--jobs", type=NUMBER, metavar="N", help="Processes.  [default: one a core]")
@click.option(
    "--cluster", metavar="ADDRESS", help="Run on the workers of a dask scheduler, such as tcp://host:8786."
)
@click.option("--harts", type=NUMBER, default=1, metavar="N", help="Harts of the machine.  [default: 1]")
@click.option("--memory", type=SIZE, default=virt_map.RAM_DEFAULT_SIZE, metavar="SIZE", help="Its RAM.")
@click.option(
    "--max-instructions",
    type=NUMBER,
    default=MAX_INSTRUCTIONS,
    metavar="N",
    help="Instructions after which a test has timed out.  [default: 20 million]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=SECONDS,
    show_default=True,
    metavar="S",
    help="Of this computer, after which a test is given up.",
)
@isa_options
@json_option
@quiet_option
def conform(
    folder: Path,
    signatures: bool,
    signature_dir: Path | None,
    permitted_file: Path | None,
    jobs: int | None,
    cluster: str | None,
    harts: int,
    memory: int,
    max_instructions: int,
    seconds: float,
    isa: str | None,
    strict_nan_boxing: bool,
    json_file: str | None,
    quiet: bool,
) -> int:
    """Run every ELF below DIR that has the symbol `tohost`, such as riscv-tests, and report on each.

    A test passes by storing 1 to `tohost`; case number << 1 | 1 is a failure. Each has a machine of its own,
    as of `replug boot`. ELF files without `tohost` are left out.

    A signature is what lies between begin_signature and end_signature when the test ends, 4 bytes a line, in
    hexadecimal. A permitted failure stays in the table and does not count against the suite.

    \b
    Examples
      replug conform riscv-tests/isa
      replug conform riscv-tests/isa --permitted known.txt --json result.json
      replug conform suite --signature-dir signatures
      replug conform /shared/suite --cluster tcp://scheduler:8786   # workers see /shared as well

    Exit status: 0 when no test fails that is not permitted to, else 1.
    """
    if isa == "help":
        click.echo(isa_help())
        return 0
    check_json_target(json_file)
    if jobs is not None and jobs < 1:
        raise ReplugError(f"--jobs: {jobs}: at least 1")
    if max_instructions < 1:
        raise ReplugError(f"--max-instructions: {max_instructions}: at least 1")
    permitted = {} if permitted_file is None else read_permitted(permitted_file)
    files = find_tests(folder)
    options = MachineOptions(
        harts=harts,
        memory=memory,
        isa=None if isa is None else Isa.parse(isa),
        strict_nan_boxing=strict_nan_boxing,
    )
    names = [file.relative_to(folder) for file in files]
    place = signature_dir if signature_dir is not None else folder if signatures else None
    cases = [
        Case(
            file,
            options,
            max_instructions,
            None if place is None else place.resolve() / name.with_name(f"{name.name}.signature"),
        )
        for file, name in zip(files, names, strict=True)
    ]
    if cluster is not None:
        if jobs is not None:
            raise ReplugError("--jobs: the processes of a --cluster are its workers")
        cases = [replace(case, file=case.file.resolve()) for case in cases]
        results = _collect(run_on_cluster(run_case, cases, cluster, seconds), len(cases), quiet)
    else:
        build_engine()  # here, not in every process of the pool at once
        results = _collect(run_all(run_case, cases, jobs or usable_cores(), seconds), len(cases), quiet)
    left_out = [
        str(name) for name, result in zip(names, results, strict=True) if result.verdict == "no tohost"
    ]
    rows = [
        _Row(str(name), result, permitted.get(name.as_posix(), permitted.get(name.name)))
        for name, result in zip(names, results, strict=True)
        if result.verdict != "no tohost"
    ]
    if not rows:
        raise ReplugError(f"{folder}: {len(left_out)} ELF files, none of them with the symbol tohost")
    if json_file is not None:
        write_json(json_file, _as_json(folder, rows, left_out))
    if json_file != "-":
        _print(rows, len(left_out), quiet)
    return 1 if any(row.unexpected for row in rows) else 0


def _collect(ended: Iterator[tuple[int, Result | Lost]], total: int, quiet: bool) -> list[Result]:
    results: dict[int, Result] = {}
    with _progress(total, quiet) as bar:
        for number, result in ended:
            results[number] = Result("cannot run", detail=result.why) if isinstance(result, Lost) else result
            bar.advance(bar.task_ids[0])
    return [results[number] for number in range(total)]


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Progress]:
    """A bar on stderr where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("testing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        bar.add_task("", total=total)
        yield bar


def _as_json(folder: Path, rows: list[_Row], left_out: list[str]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "tests": [row.as_json() for row in rows],
        "counts": dict(Counter(row.result.verdict for row in rows)),
        "unexpected": [row.name for row in rows if row.unexpected],
        "permitted_but_passing": [row.name for row in rows if row.passes and row.permitted is not None],
        "left_out": left_out,
    }


def _print(rows: list[_Row], left_out: int, quiet: bool) -> None:
    """All tests, those that do not pass last; --quiet: only the ones that nobody expects to fail."""
    shown = [row for row in rows if row.unexpected] if quiet else sorted(rows, key=lambda row: not row.passes)
    # Where no terminal sets a width, lines are as long as they need to be: others may read them.
    console = Console()
    if not console.is_terminal:
        console = Console(width=1000)
    if shown:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("test", overflow="fold")
        table.add_column("result", no_wrap=True)
        table.add_column("instructions", justify="right", no_wrap=True)
        table.add_column("", overflow="fold")
        for row in shown:
            verdict = row.result.verdict
            number = "" if row.result.number is None else f" {row.result.number}"
            remark = row.result.detail
            if row.permitted is not None:
                remark += (
                    f"{'; ' if remark else ''}{'may fail' if row.passes else 'permitted'}: {row.permitted}"
                )
            colour = _COLOURS[verdict] if row.permitted is None or row.passes else "yellow"
            table.add_row(
                escape(row.name),
                f"[{colour}]{verdict}{number}[/{colour}]",
                f"{row.result.instructions:,}",
                escape(remark),
            )
        console.print(table)
    if not quiet:
        click.echo(_summary(rows, left_out))


def _summary(rows: list[_Row], left_out: int) -> str:
    counts = Counter(row.result.verdict for row in rows)
    parts = [f"{counts[verdict]} {verdict}" for verdict in _COLOURS if counts[verdict] or verdict == "pass"]
    text = f"{len(rows)} tests: {', '.join(parts)}"
    permitted = sum(not row.passes and row.permitted is not None for row in rows)
    if permitted:
        text += f"; {permitted} of the failures permitted"
    return text + (f"; left out, without tohost: {left_out}" if left_out else "")
