# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols from lists in text: what `nm` prints, a kernel's System.map, /proc/kallsyms, xv6's kernel.sym."""

import hashlib
import re
from itertools import pairwise
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.image import EXECUTE, READ, WRITE, Image, Segment, Symbol

_LINE = re.compile(r"([0-9a-fA-F]{1,16})\s+(?:([A-Za-z?])\s+)?(\S+)(?:\s+\[.*\])?\s*")
_KINDS = {"t": "function", "w": "function", "a": "absolute"} | dict.fromkeys("bdrsg", "object")
_LONGEST = 1 << 26  # bytes; Linux's is a tenth of that
_MOST_SIZE = 1 << 16
"""Bytes of a function at most, as a list does not tell where one ends."""


def read_symbol_list(path: Path) -> Image:
    """Lines of `address [type] name` as an image without contents; ToolchainError for all else."""
    try:
        data = path.read_bytes()
        if len(data) > _LONGEST:
            raise ToolchainError(f"{path}: more than {_LONGEST >> 20} MiB are no list of symbols")
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise ToolchainError(f"{path}: neither an ELF file nor a list of symbols") from None
    except (OSError, ValueError) as error:
        raise ToolchainError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    found: list[tuple[int, str, str]] = []
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            if not line.strip() or line.split()[0] in ("U", "w", "v"):
                continue  # nm: not defined there
            raise ToolchainError(f"{path}:{number}: not `address [type] name`, nor is this an ELF file")
        kind = _KINDS.get((match[2] or "").lower(), "label")
        found.append((int(match[1], 16), match[3], kind))
    found.sort()
    if not found:
        raise ToolchainError(f"{path}: no symbols")
    ends = [min(following[0] - each[0], _MOST_SIZE) for each, following in pairwise(found)] + [0]
    symbols = tuple(
        Symbol(name, address, size if kind == "function" else 0, kind)
        for (address, name, kind), size in zip(found, ends, strict=True)
    )
    first, last = found[0][0], found[-1][0]
    segment = Segment(first, first, b"", last - first + _MOST_SIZE, EXECUTE | WRITE | READ)
    return Image(
        path=path,
        entry=0,
        bits=64,
        segments=(segment,),
        symbols=symbols,
        notes=(),
        sha256=hashlib.sha256(data).hexdigest(),
        mapping=(),
        _elf=None,
    )
