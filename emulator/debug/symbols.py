# SPDX-License-Identifier: GPL-2.0-or-later
"""Symbols and source lines of several ELFs: the image itself, and what it loads (programs, modules)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from emulator.errors import ReplugError
from emulator.generated import GeneratedCode
from toolchain.dwarf_unwind import UnwindRow
from toolchain.errors import ToolchainError
from toolchain.image import Image
from toolchain.symbol_list import read_symbol_list


class Symbols:
    """Looks in the code that the guest has generated, then in the files that were added last first.

    generated: what there is of it now. Its names change with time, and where it has a template in the image,
    its lines and frames are those of the template.
    """

    def __init__(self, image: Image | None) -> None:
        self._files: list[tuple[Image, int]] = [] if image is None else [(image, 0)]
        self.generated: Callable[[], list[GeneratedCode]] = list

    def add(self, path: Path, offset: int = 0) -> Image:
        """The symbols of another ELF (or a list of them: System.map, nm), loaded so many bytes above where it
        was linked; ReplugError if there are none."""
        try:
            image = read_symbol_list(path) if _is_text(path) else Image.open(path)
        except ToolchainError as error:
            raise ReplugError(str(error)) from None
        self._files.insert(0, (image, offset))
        return image

    @property
    def files(self) -> list[tuple[Image, int]]:
        """Images and how far each is moved."""
        return self._files

    def address(self, name: str) -> int | None:
        """Of a symbol; None if no file has it."""
        for image, offset in self._files:
            symbol = image.symbol(name)
            if symbol is not None:
                return symbol.address + offset
        return None

    def size(self, name: str) -> int | None:
        """Bytes of a symbol, 0 if its file does not say."""
        for image, _ in self._files:
            symbol = image.symbol(name)
            if symbol is not None:
                return symbol.size
        return None

    def function(self, address: int) -> tuple[int, int] | None:
        """(start, bytes) of the function that an address lies in; 0 bytes: a label, nobody knows how many."""
        code = self.generated_at(address)
        if code is not None:
            return code.address, code.length
        for image, offset in self._files:
            found = image.function_at(address - offset)
            if found is not None:
                return found[0] + offset, found[1]
        return None

    def module(self, address: int) -> str | None:
        """The path of the file whose symbols name an address."""
        for image, offset in self._files:
            if image.symbol_at(address - offset) is not None:
                return str(image.path)
        return None

    def at(self, address: int) -> tuple[str, int] | None:
        """(name, offset in bytes) of the symbol at or below an address."""
        code = self.generated_at(address)
        if code is not None:
            return code.label, address - code.address
        for image, offset in self._files:
            found = image.symbol_at(address - offset)
            if found is not None:
                return found
        return None

    def line(self, address: int) -> tuple[str, int] | None:
        """(file, line) of the source."""
        template = self._in_template(address)
        if template is not None:
            address = template
        for image, offset in self._files:
            try:
                found = image.line_at(address - offset)
            except ToolchainError:
                continue
            if found is not None:
                return found
        return None

    def lines(self) -> Iterator[tuple[int, str, int]]:
        """(address, file, line) of all source lines."""
        for image, offset in self._files:
            try:
                rows = image.lines()
            except ToolchainError:
                continue
            yield from ((address + offset, file, line) for address, file, line in rows)

    def unwind(self, address: int) -> UnwindRow | None:
        """What debug information says of the frame of a function at an instruction."""
        template = self._in_template(address)
        if template is not None:
            address = template
        for image, offset in self._files:
            try:
                found = image.unwind_at(address - offset)
            except ToolchainError:
                continue
            if found is not None:
                return found
        return None

    def generated_at(self, address: int) -> GeneratedCode | None:
        """The code that was generated at an address, the latest if several were."""
        for code in reversed(self.generated()):
            if code.address <= address < code.address + code.length:
                return code
        return None

    def _in_template(self, address: int) -> int | None:
        """Where the instruction at an address was copied from."""
        code = self.generated_at(address)
        return None if code is None or code.template is None else code.template + address - code.address

    def name(self, address: int) -> str:
        """The address as `symbol+offset`, or in hexadecimal where there is no symbol."""
        found = self.at(address)
        if found is None:
            return f"{address:#x}"
        return f"{found[0]}+{found[1]}" if found[1] else found[0]

    def starting_with(self, prefix: str) -> list[str]:
        """Names, for completion."""
        return sorted(
            {
                symbol.name
                for image, _ in self._files
                for symbol in image.symbols
                if symbol.name.startswith(prefix)
            }
        )


def _is_text(path: Path) -> bool:
    """Whether it may be a list: what is no ELF begins with an address, in its text."""
    try:
        with path.open("rb") as file:
            return re.match(rb"[ \t\n]*[0-9a-fA-FUwv]+[ \t]", file.read(64)) is not None
    except (OSError, ValueError):
        return False
