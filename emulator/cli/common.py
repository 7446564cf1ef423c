# SPDX-License-Identifier: GPL-2.0-or-later
"""What the commands share: reading sizes, addresses and ranges, and writing results."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from emulator.errors import ReplugError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"(0x[0-9a-f]+|[0-9]+)\s*([KMG]?)(?:i?B)?", re.IGNORECASE)

Function = TypeVar("Function", bound=Callable[..., Any])


def parse_number(text: str) -> int:
    """A number as assembly writes it, with an optional `_` between digits; ValueError when it is none."""
    return int(text.strip(), 0)


class Size(click.ParamType[int, str]):
    """A size in bytes: 134217728, 0x8000000, 128M, 1G (powers of 1024)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is not a size such as 128M or 1G", param, ctx)
        number = int(found[1], 16) if found[1][:2] in ("0x", "0X") else int(found[1])
        return number * _UNITS[found[2].upper()]


class Number(click.ParamType[int, str]):
    """A whole number, decimal or 0x...."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_number(value)
        except ValueError:
            self.fail(f"{value!r} is not a number such as 16 or 0x10", param, ctx)


class Range(click.ParamType[tuple[int, int | None], str]):
    """START or START:LENGTH, both numbers."""

    name = "window"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        if isinstance(value, tuple):
            return value
        start, colon, length = value.partition(":")
        try:
            found = parse_number(start), parse_number(length) if colon else None
        except ValueError:
            self.fail(f"{value!r} is not START[:LENGTH]", param, ctx)
        if found[0] < 0 or (found[1] is not None and found[1] <= 0):
            self.fail(f"{value!r}: the start may not be negative, and the length not 0", param, ctx)
        return found


SIZE = Size()
WINDOW = Range()
NUMBER = Number()


def json_option(function: Function) -> Function:
    """The option --json, alike for all commands."""
    return click.option(
        "--json",
        "json_file",
        metavar="FILE",
        help="Write the machine-readable result to FILE; - is stdout.",
    )(function)


def quiet_option(function: Function) -> Function:
    """The option --quiet, alike for all commands."""
    return click.option("--quiet", "-q", is_flag=True, help="Say nothing that was not asked for.")(function)


def isa_options(function: Function) -> Function:
    """The options --isa and --strict-nan-boxing, alike for the commands that make a machine."""
    function = click.option(
        "--strict-nan-boxing",
        is_flag=True,
        help="Single-precision operands that are not NaN-boxed count as NaN; costs speed.",
    )(function)
    return click.option(
        "--isa",
        metavar="NAME|help",
        help="Instruction set, such as rv64gc_zba; help lists what there is.  [default: all, IMAGE's width]",
    )(function)


def word_size_option(function: Function) -> Function:
    """The option --bits, alike for the commands that need to know."""
    return click.option(
        "--bits",
        type=click.Choice(["32", "64"]),
        default="64",
        callback=lambda _context, _parameter, value: int(value),
        help="Width of the registers.  [default: 64]",
    )(function)


def write_json(file: str, value: object) -> None:
    """Write a result as JSON; ReplugError when FILE cannot be written."""
    write_text(file, json.dumps(value, indent=2) + "\n")


def write_text(file: str, text: str) -> None:
    """Write text to a file, - is stdout; ReplugError when FILE cannot be written."""
    if file == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ReplugError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


def check_json_target(file: str | None) -> None:
    """ReplugError if a result could not be written there: better now than after a long run."""
    if file is None or file == "-":
        return
    path = Path(file)
    if path.is_dir():
        raise ReplugError(f"{file}: is a directory")
    if not path.parent.is_dir():
        raise ReplugError(f"{file}: no such directory: {path.parent}")


def say(message: str) -> None:
    """A remark of ours, which must not mix with output that others read."""
    print(message, file=sys.stderr, flush=True)
