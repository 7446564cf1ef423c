# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug bench`: how fast the emulator is, against others."""

from __future__ import annotations

import click
from rich.console import Console

from emulator.bench import engine
from emulator.bench.row import Row
from emulator.bench.table import print_table
from emulator.cli.common import check_json_target, json_option, quiet_option, say, write_json
from emulator.errors import ReplugError

SUITES = {"engine": engine.BENCHMARKS}
TITLES = {
    "engine": "The engine, counting exactly (processor time; ratio above 1: faster than the peer)",
}


@click.command()
@click.argument("name", type=click.Choice(sorted(SUITES)), default="engine", metavar="[NAME]")
@click.option("--row", "wanted_rows", multiple=True, metavar="ROW", help="Only this row; may be repeated.")
@click.option(
    "--repetitions",
    type=click.IntRange(1),
    default=15,
    show_default=True,
    help="Measurements for each row, of which the median counts.",
)
@click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Make the measurements so many times as long.",
)
@click.option("--check", is_flag=True, help="Exit with status 1 if a wanted figure is not reached.")
@json_option
@quiet_option
def bench(
    *,
    name: str,
    wanted_rows: tuple[str, ...],
    repetitions: int,
    scale: float,
    check: bool,
    json_file: str | None,
    quiet: bool,
) -> int:
    """Measure the emulator on this computer, in turns with others that run the same guest programs.

    NAME is `engine`: programs with long and with short basic blocks, memory, lists and matrices on raw
    Unicorn and on QEMU and Spike (if they are installed; REPLUG_SPIKE names the latter), the cost of slices,
    traps, MMIO, CSRs, sleeping, address translation and counts by address.

    \b
    Examples
      replug bench engine
      replug bench engine --row exact-branchy --repetitions 51
    """
    check_json_target(json_file)
    benchmarks = SUITES[name]
    known = [entry.name for entry in benchmarks]
    for row in wanted_rows:
        if row not in known:
            raise ReplugError(f"bench {name}: no row {row!r}; there are: {', '.join(known)}")
    settings = engine.Settings(repetitions, scale)
    rows: list[Row] = []
    for entry in benchmarks:
        if wanted_rows and entry.name not in wanted_rows:
            continue
        missing = entry.missing()
        if not quiet:
            say(f"{entry.name}: {f'left out: {missing}' if missing else 'measuring'}")
        if missing is None:
            rows.append(entry.measure(settings))
    if json_file != "-":
        print_table(Console(width=None), TITLES[name], rows)
    if json_file is not None:
        write_json(json_file, {"bench": name, "rows": [row.as_json() for row in rows]})
    return 1 if check and any(row.reached is False for row in rows) else 0
