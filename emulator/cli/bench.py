# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug bench`: how fast the emulator is, against others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from emulator.bench import boot, cycles, debug, engine, mca
from emulator.bench.row import Row
from emulator.bench.table import print_table
from emulator.cli.common import NUMBER, SIZE, check_json_target, json_option, quiet_option, say, write_json
from emulator.errors import ReplugError
from emulator.options import BUILTIN, NO_FIRMWARE, MachineOptions

PATH = click.Path(path_type=Path)
SUITES = {
    "boot": boot.BENCHMARKS,
    "engine": engine.BENCHMARKS,
    "cycles": cycles.BENCHMARKS,
    "debug": debug.BENCHMARKS,
    "mca": mca.BENCHMARKS,
}
TITLES = {
    "boot": "Whole boots, counting exactly (processor time, start-up included; ratio above 1: faster)",
    "engine": "The engine, counting exactly (processor time; ratio above 1: faster than the peer)",
    "debug": "The debugger on our kernel, four harts (seconds of the clock; ratio above 1: faster)",
    "cycles": "What reports cost, on our kernel (processor time; ratio 0.9: a tenth of the speed is lost)",
    "mca": "The in-order model and LLVM's, cycles an instruction of random straight-line blocks",
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
@click.option("--kernel", type=PATH, help="boot: a kernel of yours as well, to its power-off or to --until.")
@click.option("--until", metavar="TEXT", help="boot: what its console says when it is up.")
@click.option("--type", "typed", metavar="TEXT", help="boot: what is typed, \\n for return.", default="")
@click.option("--bios", metavar="none|builtin|FILE", help="boot: its firmware.")
@click.option("--initrd", type=PATH, help="boot: its initial RAM disk.")
@click.option("--disk", type=PATH, help="boot: its disk; stays as it is.")
@click.option("--append", metavar="ARGS", default="", help="boot: its arguments.")
@click.option("--harts", type=NUMBER, metavar="N", default=1, help="boot: its harts.  [default: 1]")
@click.option("--memory", type=SIZE, metavar="SIZE", default="128M", help="boot: its RAM.  [default: 128M]")
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
    **kernel: Any,
) -> int:
    """Measure the emulator on this computer, in turns with others that run the same guest programs.

    NAME is `engine`: programs with long and with short basic blocks, memory, lists and matrices on raw
    Unicorn and on QEMU and Spike (if they are installed; REPLUG_SPIKE names the latter), the cost of slices,
    traps, MMIO, CSRs, sleeping, address translation and counts by address.  `cycles`: what reports by
    function, by path, by line and under the cost models cost, as ratios.  `mca`: no speed, but the in-order
    model's figures beside those of llvm-mca; --repetitions is the number of blocks.  `debug`: a step back
    after 1, 10 and 100 million steps, the search for a variable's last write, and GDB beside QEMU: packets a
    second, its own stepi, conditional breakpoints and watchpoints.

    NAME is `boot`: U-Boot as firmware and under OpenSBI, and the kernel that --kernel names, on QEMU with
    -icount shift=0.

    \b
    Examples
      replug bench engine
      replug bench boot
      replug bench boot --row kernel --kernel Image --initrd initrd.cpio --memory 512M --append console=ttyS0
      replug bench boot --row kernel --kernel kernel/kernel --disk fs.img --harts 3 --until "starting sh"
      replug bench engine --row exact-branchy --repetitions 51
    """
    check_json_target(json_file)
    benchmarks = (*SUITES[name], *_kernel(name, kernel))
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


def _kernel(name: str, given: dict[str, Any]) -> list[engine.Benchmark]:
    """The row of the kernel that is named, if one is."""
    if given["kernel"] is None:
        return []
    if name != "boot":
        raise ReplugError("--kernel is for `replug bench boot`")
    bios = given["bios"]
    options = MachineOptions(
        harts=given["harts"],
        memory=given["memory"],
        disk=given["disk"],
        bootargs=given["append"],
        bios=bios if bios in (None, NO_FIRMWARE, BUILTIN) else Path(bios),
        initrd=given["initrd"],
    )
    typed = given["typed"].replace("\\n", "\n").encode()
    until = given["until"].encode() if given["until"] else None
    return [boot.benchmark(boot.BootCase("kernel", given["kernel"], options, typed, until))]
