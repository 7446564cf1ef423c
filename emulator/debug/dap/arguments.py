# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading the arguments of requests, whatever a client may send."""

from __future__ import annotations

from typing import Any

from emulator.errors import ReplugError

Arguments = dict[str, Any]
_MOST = 1 << 64


def number(arguments: Arguments, name: str, default: int | None = None) -> int:
    """A whole number; ReplugError if it is none, or is missing and has no default."""
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not -_MOST < value < _MOST:
        raise ReplugError(f"`{name}` has to be a whole number")
    return value


def text(arguments: Arguments, name: str, default: str | None = None) -> str:
    """A string; ReplugError if it is none, or is missing and has no default."""
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise ReplugError(f"`{name}` has to be a string")
    return value


def flag(arguments: Arguments, name: str, default: bool) -> bool:
    """True or false; ReplugError for anything else."""
    value = arguments.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ReplugError(f"`{name}` has to be true or false")
    return value


def table(arguments: Arguments, name: str) -> Arguments:
    """An object; ReplugError if it is none, {} if it is missing."""
    value = arguments.get(name, {})
    if not isinstance(value, dict):
        raise ReplugError(f"`{name}` has to be an object")
    return value


def tables(arguments: Arguments, name: str) -> list[Arguments]:
    """A list of objects; ReplugError if it is none, [] if it is missing."""
    value = arguments.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ReplugError(f"`{name}` has to be a list of objects")
    return value


def address(arguments: Arguments, name: str) -> int:
    """A reference to memory, such as "0x80000000"; ReplugError if it is none."""
    given = text(arguments, name)
    try:
        value = int(given, 0)
    except ValueError:
        value = -1
    if not 0 <= value < _MOST:
        raise ReplugError(f"{given}: not a reference to memory")
    return value
