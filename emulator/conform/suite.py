# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of a folder, and those of them that may fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from emulator.errors import ReplugError

_ELF_MAGIC = b"\x7fELF"
_RELOCATABLE = (b"\x01\x00", b"\x00\x01")  # e_type of what a linker has yet to put together


def find_tests(folder: Path) -> list[Path]:
    """Every ELF below `folder` that is not an object file for a linker, sorted; links to folders are not
    followed.

    ReplugError when the folder cannot be read or holds none.
    """
    if not folder.is_dir():
        raise ReplugError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    tests = sorted(path for path in _files(folder) if _is_program(path))
    if not tests:
        raise ReplugError(f"{folder}: no ELF files there")
    return tests


def _files(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise ReplugError(f"{error.filename}: {error.strerror}")

    for place, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            path = Path(place, name)
            if path.is_file():
                yield path


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(18)
    except OSError as error:
        raise ReplugError(f"{path}: {error.strerror}") from None
    return head.startswith(_ELF_MAGIC) and head[16:18] not in _RELOCATABLE


def read_permitted(file: Path) -> dict[str, str]:
    """Name of a test -> why it may fail, from lines `NAME REASON`; # begins a comment line.

    The name is a file's name, or its path below the folder. ReplugError when the file cannot be read, a
    reason is missing or a name comes twice.
    """
    try:
        text = file.read_text()
    except (OSError, ValueError) as error:
        raise ReplugError(f"{file}: {getattr(error, 'strerror', None) or 'is no text'}") from None
    permitted: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, *reason = line.split(maxsplit=1)
        if not reason:
            raise ReplugError(f"{file}:{number}: {name}: a reason is needed, in the same line")
        if name in permitted:
            raise ReplugError(f"{file}:{number}: {name}: is there twice")
        permitted[name] = reason[0].strip()
    return permitted
