# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug build`: make the engine and our guest, or a kernel of somebody's own."""

from __future__ import annotations

from pathlib import Path

import click

from emulator.cli.common import check_json_target, json_option, quiet_option, word_size_option, write_json
from emulator.cli.guest import build_guest
from emulator.errors import ReplugError
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import DEFAULT_CPU, assemble

_BARE = GUESTOS / "bare"
_ASSEMBLY, _C = (".S", ".s"), ".c"


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o", "output", type=click.Path(path_type=Path), metavar="FILE", help="SOURCES: the ELF to make."
)
@click.option(
    "--link-script",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="SOURCES: instead of ours, which begins at _start at the lowest address of RAM.",
)
@click.option(
    "-I",
    "include",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="SOURCES: for #include.",
)
@click.option("-D", "defines", multiple=True, metavar="NAME[=VALUE]", help="SOURCES: a macro.")
@click.option(
    "--cpu", default=DEFAULT_CPU, metavar="NAME", help="SOURCES: zig's -mcpu.  [default: rv64imac with CSRs]"
)
@word_size_option
@click.option(
    "--file", "data", type=click.Path(path_type=Path), help="Pack this file into our guest's disk, as /data."
)
@json_option
@quiet_option
def build(
    *,
    sources: tuple[Path, ...],
    output: Path | None,
    link_script: Path | None,
    include: tuple[Path, ...],
    defines: tuple[str, ...],
    cpu: str,
    bits: int,
    data: Path | None,
    json_file: str | None,
    quiet: bool,
) -> int:
    """Build the engine and the images of our guest OS, or SOURCES (.c, .S, .s) into a kernel of your own.

    Only what has changed is made again. The disk's /data is the file that the guest's programs read; by
    default a text of 1 MiB that is always the same.

    SOURCES become one bare-metal ELF for this machine, with the path macros (replug.h for C, replug.inc for
    assembly) at hand. Without any assembly among them, our start comes with it: every hart gets a stack and
    calls main(hart, device_tree), and what hart 0's main returns is the exit status.

    \b
    Examples
      replug build
      replug build --file /usr/share/dict/words
      replug build kernel.c -o kernel.elf
      replug build start.S kernel.c -DHARTS=2 --link-script mine.ld -o kernel.elf
      REPLUG_BUILD=/tmp/elsewhere replug build
    """
    check_json_target(json_file)
    if sources:
        if data is not None:
            raise ReplugError(
                "--file: goes into our own guest's disk: leave it out, or leave the sources out"
            )
        return _build_sources(sources, output, link_script, include, defines, cpu, bits, json_file, quiet)
    if output is not None or link_script is not None or include or defines:
        raise ReplugError("build: -o, --link-script, -I and -D need sources")
    return _build_ours(data, json_file, quiet)


def _build_sources(
    sources: tuple[Path, ...],
    output: Path | None,
    link_script: Path | None,
    include: tuple[Path, ...],
    defines: tuple[str, ...],
    cpu: str,
    bits: int,
    json_file: str | None,
    quiet: bool,
) -> int:
    for source in sources:
        if source.suffix not in (*_ASSEMBLY, _C):
            raise ReplugError(f"{source}: C (.c) and assembly (.S, .s) can be built")
        if not source.is_file():
            raise ReplugError(f"{source}: {'not a file' if source.exists() else 'no such file'}")
    if output is None:
        output = Path(sources[0].stem + ".elf")
    if output.is_dir():
        raise ReplugError(f"{output}: is a directory")
    everything = list(sources)
    if all(source.suffix == _C for source in sources):
        everything.insert(0, _BARE / "start.S")
    root = Path.cwd() if all(source.absolute().is_relative_to(Path.cwd()) for source in sources) else None
    made = assemble(
        everything,
        output,
        link_script=link_script or _BARE / "link.ld",
        include=[*include, INCLUDE],
        defines=dict(_define(text) for text in defines),
        cpu=cpu,
        bits=bits,
        root=root,
    )
    if json_file is not None:
        write_json(json_file, {"image": str(made)})
    if not quiet and json_file != "-":
        click.echo(f"{output}: {made.stat().st_size:,} bytes")
    return 0


def _define(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name.isidentifier():
        raise ReplugError(f"-D: {text!r}: not NAME or NAME=VALUE")
    return name, value or "1"


def _build_ours(data: Path | None, json_file: str | None, quiet: bool) -> int:
    made = build_guest(data, quiet)
    programs = {Path(name).stem: path for name, path in made.images.user.items()}
    if json_file is not None:
        result = {
            "engine": str(made.engine),
            "kernel": str(made.images.kernel),
            "disk": str(made.disk),
            "user": {name: str(path) for name, path in programs.items()},
            "measure": {name: str(path) for name, path in made.images.measure.items()},
        }
        write_json(json_file, result)
    if not quiet and json_file != "-":
        click.echo(f"engine    {made.engine}")
        click.echo(f"kernel    {made.images.kernel}")
        click.echo(f"programs  {made.images.kernel.parent / 'user'}: {', '.join(sorted(programs))}")
        if made.images.measure:
            click.echo(
                f"measure   {made.images.kernel.parent / 'measure'}: {', '.join(sorted(made.images.measure))}"
            )
        click.echo(f"disk      {made.disk}")
    return 0
