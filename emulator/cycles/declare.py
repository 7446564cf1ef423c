# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths of images that declare none themselves, from a TOML file.

    [path.call]                     # a path named "call"
    begin = "uservec"               # a place, or a list of them: what PATH_BEGIN would stand before
    end = "userret:sret"            # the call ends before this instruction counts

    [path.call.is]                  # variants: from which place on the call is reported as what
    read = "sys_read"

    [path.call.steps]               # from which place on it is in which step
    "1 trap" = "uservec"
    "2 file" = ["fileread", "filewrite"]

    [path.call.values]              # parameters: a place, and the register that holds the value there
    bytes = "sys_read:ret a0"

    thread = "swtch:ret a1"         # optional: the register that names the thread that runs from here on

A place is a SYMBOL, SYMBOL+OFFSET (a number of bytes), or SYMBOL:MNEMONIC, the first such instruction of
it, as `replug disasm` writes it (`ret` is also the compressed one).  The meaning is that of the macros in
guestos/include/replug.inc.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from emulator.errors import ReplugError
from toolchain.disassemble import disassemble_image, symbol_range
from toolchain.errors import ToolchainError
from toolchain.image import PATH_BEGIN, PATH_END, PATH_IS, PATH_STEP, PATH_THREAD, PATH_VALUE, Image, PathMark

_REGISTERS = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", *(f"a{i}" for i in range(8)),
    *(f"s{i}" for i in range(2, 12)), *(f"t{i}" for i in range(3, 7)),
)  # fmt: skip
_PLACE = re.compile(
    r"(?P<symbol>[^\s:+]+)(?:\+(?P<offset>0x[0-9a-fA-F]+|\d+)|:(?P<mnemonic>[a-z][a-z0-9.]*))?"
)
_KEYS = ("begin", "end", "is", "steps", "values")
_ORDER = (PATH_THREAD, PATH_END, PATH_BEGIN, PATH_IS, PATH_STEP, PATH_VALUE)
"""Of marks on one instruction: a call ends before the next begins, and is open before it is described. But a
value where calls only end is that of the call that ends.
"""


def declare(image: Image, file: Path) -> Image:
    """The image with the paths of a file beside those that it declares itself.

    ReplugError ("FILE: what and where") when the file is none, or speaks of what is not in the image.
    """
    try:
        value = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ReplugError(f"{file}: declares no paths (not UTF-8)") from None
    except tomllib.TOMLDecodeError as error:
        raise ReplugError(f"{file}: not TOML: {error}") from None
    try:
        marks = list(_marks(image, value))
    except (ReplugError, ToolchainError) as error:
        raise ReplugError(f"{file}: {error}") from None
    begins = {(mark.name, mark.address) for mark in marks if mark.kind == PATH_BEGIN}
    ends = {(mark.name, mark.address) for mark in marks if mark.kind == PATH_END} - begins

    def place(mark: PathMark) -> int:
        last = mark.kind == PATH_VALUE and (mark.name, mark.address) in ends
        return -1 if last else _ORDER.index(mark.kind)

    return replace(image, notes=(*image.notes, *sorted(marks, key=place)))


def _marks(image: Image, value: dict[str, Any]) -> Iterator[PathMark]:
    _only("the file", value, ("path", "thread"))
    paths = value.get("path")
    if not isinstance(paths, dict) or not paths:
        raise ReplugError("it declares no path ([path.NAME] begins one)")
    for address, register in _captures(image, "thread", value.get("thread", [])):
        yield PathMark(PATH_THREAD, address, register, "", "")
    for name, path in paths.items():
        where = f"path.{name}"
        if not isinstance(path, dict):
            raise ReplugError(f"{where} is no table: [{where}] begins one")
        _only(f"[{where}]", path, _KEYS)
        for key, kind in (("begin", PATH_BEGIN), ("end", PATH_END)):
            if not path.get(key):
                raise ReplugError(f"[{where}] has no {key}")
            for place in _places(f"{where}.{key}", path[key]):
                yield PathMark(kind, _address(image, f"{where}.{key}", place), 0, name, "")
        for key, kind in (("is", PATH_IS), ("steps", PATH_STEP)):
            for detail, places in _details(where, path, key):
                for place in places:
                    yield PathMark(kind, _address(image, f"{where}.{key}", place), 0, name, detail)
        for detail, places in _details(where, path, "values"):
            for address, register in _captures(image, f"{where}.values", places):
                yield PathMark(PATH_VALUE, address, register, name, detail)


def _details(where: str, path: dict[str, Any], key: str) -> Iterator[tuple[str, list[str]]]:
    found = path.get(key, {})
    if not isinstance(found, dict):
        raise ReplugError(f"{where}.{key} is no table: [{where}.{key}] begins one")
    for detail, places in found.items():
        if not detail:
            raise ReplugError(f"{where}.{key}: a name is needed")
        yield detail, _places(f"{where}.{key}", places)


def _places(where: str, value: object) -> list[str]:
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise ReplugError(f"{where}: {value!r} is no place, and no list of places")
    return places


def _captures(image: Image, where: str, value: object) -> Iterator[tuple[int, int]]:
    """Addresses and registers of "PLACE REGISTER"."""
    for text in _places(where, value):
        place, _, register = text.strip().rpartition(" ")
        if not place:
            raise ReplugError(f"{where}: {text!r}: a place and a register are needed, as in 'read:ret a0'")
        name = "s0" if register == "fp" else register
        if re.fullmatch(r"x([12]?\d|3[01])", name):
            number = int(name[1:])
        elif name in _REGISTERS:
            number = _REGISTERS.index(name)
        else:
            raise ReplugError(f"{where}: {text!r}: there is no register {register!r}")
        yield _address(image, where, place.strip()), number


def _address(image: Image, where: str, place: str) -> int:
    match = _PLACE.fullmatch(place)
    if match is None:
        raise ReplugError(f"{where}: {place!r} is no place: SYMBOL, SYMBOL+OFFSET or SYMBOL:MNEMONIC")
    start, end = symbol_range(image, match["symbol"])
    if match["mnemonic"] is not None:
        for instruction in disassemble_image(image, start, end):
            wanted = match["mnemonic"]
            if instruction.mnemonic == wanted or (wanted == "ret" and str(instruction) == "c.jr ra"):
                return instruction.address
        raise ReplugError(f"{where}: {place!r}: {match['symbol']} has no such instruction")
    address = start + int(match["offset"] or "0", 0)
    if address not in {instruction.address for instruction in disassemble_image(image, start, end)}:
        raise ReplugError(f"{where}: {place!r}: no instruction of {match['symbol']} begins there")
    return address


def _only(where: str, value: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in value:
        if name not in names:
            raise ReplugError(f"{where} has no {name!r}; there are {', '.join(names)}")
