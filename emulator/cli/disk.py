# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug disk`: make disk images with the guest's file system, look into them, check them."""

from __future__ import annotations

from pathlib import Path

import click

from emulator.cli.common import NUMBER, check_json_target, json_option, quiet_option, write_json
from emulator.cli.guest import build_guest
from emulator.errors import ReplugError
from guestos.images import SYSTEM
from toolchain.disk import (
    Directory,
    Source,
    check_image,
    create_image,
    extract_image,
    folder_files,
    list_image,
)

_IMAGE = click.argument("image", type=click.Path(path_type=Path))


@click.group(invoke_without_command=True)
@click.pass_context
def disk(context: click.Context) -> int | None:
    """Make, list, unpack and check disk images of our guest's file system (RPFS).

    \b
    Examples
      replug disk create data.img README.md bin/hello=hello.elf
      replug disk pack data.img my-folder
      replug disk list data.img
      replug disk extract data.img out/
      replug disk check data.img
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return 0
    return None


@disk.command()
@_IMAGE
@click.argument("files", nargs=-1, metavar="[PATH=]FILE...")
@click.option(
    "--blocks", type=NUMBER, metavar="N", help="Size in blocks of 4096 bytes.  [default: 256 stay free]"
)
@quiet_option
def create(image: Path, files: tuple[str, ...], blocks: int | None, quiet: bool) -> int:
    """Make IMAGE with FILES in it: each under its own name in the root, or under PATH.

    \b
    Examples
      replug disk create data.img README.md
      replug disk create data.img /bin/hello=hello.elf --blocks 1024
    """
    if blocks is not None and blocks < 1:
        raise ReplugError(f"--blocks: {blocks}: at least 1")
    contents: dict[str, Path | bytes] = {}
    for entry in files:
        # A file whose own name has a = in it is taken as it is.
        path, equals, source = ("", "", entry) if Path(entry).exists() else entry.partition("=")
        if not equals:
            source = entry
            path = f"/{Path(entry).name}"
        if path in contents:
            raise ReplugError(f"disk create: {path} is given twice")
        contents[path] = Path(source)
    create_image(image, contents, blocks=blocks)
    if not quiet:
        click.echo(f"{image}: {len(contents)} files, {image.stat().st_size} bytes")
    return 0


@disk.command()
@_IMAGE
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--blocks", type=NUMBER, metavar="N", help="Size in blocks.  [default: as create]")
@quiet_option
def pack(image: Path, folder: Path, blocks: int | None, quiet: bool) -> int:
    """Make IMAGE to boot our guest from: its own programs, and all of the host's FOLDER beside them.

    \b
    Example
      replug disk pack data.img my-folder && replug boot --disk data.img
    """
    if not folder.is_dir():
        raise ReplugError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    own: dict[str, Source] = {**SYSTEM, **build_guest(None, quiet).images.user}
    contents = folder_files(folder)
    for path, source in contents.items():
        if path in own and not isinstance(source, Directory):
            raise ReplugError(f"{folder}: {path} would take the place of a file of our guest")
    create_image(image, {**contents, **own}, blocks=blocks)
    if not quiet:
        click.echo(f"{image}: {len(contents)} files and directories, {image.stat().st_size} bytes")
    return 0


@disk.command("list")
@_IMAGE
@json_option
def list_files(image: Path, json_file: str | None) -> int:
    """List the files of IMAGE: inode, kind, size in bytes, path.

    \b
    Example
      replug disk list data.img
    """
    check_json_target(json_file)
    entries = list_image(image)
    if json_file is not None:
        rows = [
            {
                "path": entry.path,
                "kind": entry.kind,
                "size": entry.size,
                "inode": entry.inode,
                "links": entry.links,
                "blocks": entry.blocks,
            }
            for entry in entries
        ]
        write_json(json_file, {"image": str(image), "entries": rows})
    if json_file != "-":
        for entry in entries:
            click.echo(f"{entry.inode:5}  {entry.kind:<9}  {entry.size:10}  {entry.path}")
    return 0


@disk.command()
@_IMAGE
@click.argument("directory", type=click.Path(path_type=Path))
@quiet_option
def extract(image: Path, directory: Path, quiet: bool) -> int:
    """Copy the files of IMAGE below DIRECTORY, which is made if it is not there.

    \b
    Example
      replug disk extract data.img out/
    """
    written = extract_image(image, directory)
    if not quiet:
        for path in written:
            click.echo(str(path))
    return 0


@disk.command()
@_IMAGE
@json_option
@quiet_option
def check(image: Path, json_file: str | None, quiet: bool) -> int:
    """Check that IMAGE is consistent; exit status 1, with a line for each finding, when it is not.

    \b
    Example
      replug disk check data.img
    """
    check_json_target(json_file)
    problems = check_image(image)
    if json_file is not None:
        write_json(json_file, {"image": str(image), "problems": problems})
    if json_file != "-" and not (quiet and not problems):
        for line in problems or ["consistent"]:
            click.echo(f"{image}: {line}")
    return 1 if problems else 0
