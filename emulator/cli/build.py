# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug build`: the engine and the images of our guest."""

from __future__ import annotations

from pathlib import Path

import click

from emulator.cli.common import json_option, quiet_option, write_json
from emulator.cli.guest import build_guest


@click.command()
@click.option(
    "--file", "data", type=click.Path(path_type=Path), help="Pack this file into the guest's disk, as /data."
)
@json_option
@quiet_option
def build(data: Path | None, json_file: str | None, quiet: bool) -> int:
    """Build the engine and the images of our guest OS.

    Only what has changed is made again. The disk's /data is the file that the guest's programs read; by
    default a text of 1 MiB that is always the same.

    \b
    Examples
      replug build
      replug build --file /usr/share/dict/words
      REPLUG_BUILD=/tmp/elsewhere replug build
    """
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
