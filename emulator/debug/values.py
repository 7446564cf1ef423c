# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of C programs: of a type, in memory or a register; shown, taken apart and changed."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from emulator.debug.frames import StackFrame
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError
from toolchain.dwarf_location import InMemory, InRegister, Known, Place
from toolchain.dwarf_types import Type

_F0 = 32  # DWARF's number of f0
_MOST_TEXT = 200  # characters of a string
_MOST_SHOWN = 8  # members or elements in one line
_DEEPEST = 3
_HEX_FROM = 1 << 16  # numbers that are often addresses or masks


class NoValueError(ReplugError):
    """What is asked for has no value in this state; in another, it may have one."""


@dataclass(frozen=True)
class Context:
    """Whose values they are: a hart's, in one of its frames."""

    session: DebugSession
    symbols: Symbols
    hart: int
    frame: StackFrame

    def load(self, address: int, size: int) -> int | None:
        """A number in memory, as the hart sees it."""
        data = self.session.machine.read_virtual(self.hart, address & (1 << 64) - 1, size)
        return None if data is None else int.from_bytes(data, "little")

    def register(self, number: int) -> int | None:
        """Of a DWARF number; None if what it was in this frame is not known."""
        engine = self.session.engine
        if self.frame.how:
            return self.frame.registers.get(number)
        if number < _F0:  # as it is now: it may have been set
            return engine.get_x(self.hart, number) & (1 << engine.config.xlen) - 1
        return engine.get_f(self.hart, number - _F0) if number < 2 * _F0 else None


@dataclass(frozen=True)
class Value:
    """bits: of a bit field, (first, number) from the place on. path: the expression that gives it."""

    context: Context
    type: Type
    place: Place
    path: str
    bits: tuple[int, int] | None = None

    # --- what it is ---

    @property
    def address(self) -> int | None:
        """None if it is not in memory."""
        return self.place.address if isinstance(self.place, InMemory) else None

    @property
    def is_scalar(self) -> bool:
        """Whether it is a number, an enumerator or a pointer."""
        return self.type.kind in ("base", "enum", "pointer")

    def number(self) -> int:
        """Of a scalar, with its sign (of a float its bits); of others the address, as in C."""
        if not self.is_scalar:
            if self.address is None:
                raise ReplugError(f"{self.path}: it is not in memory")
            return self.address
        size = self.type.size
        if not 0 < size <= 16:
            raise ReplugError(f"{self.path}: a number of {size} bytes")
        width = 8 * size
        raw = self._raw(size)
        if self.bits is not None:
            first, width = self.bits
            raw >>= max(first, 0)
        raw &= (1 << width) - 1
        return raw - (1 << width) if self.type.is_signed and raw >> width - 1 else raw

    def _raw(self, size: int) -> int:
        raw: int | None
        if isinstance(self.place, InMemory):
            raw = self.context.load(self.place.address, size)
        elif isinstance(self.place, InRegister):
            raw = self.context.register(self.place.number)
        else:
            raw = self.place.value
        if raw is None:
            where = (
                f"hart {self.context.hart} has no memory there" if self.address is not None else "not known"
            )
            raise NoValueError(f"{self.path}: {where}")
        return raw

    # --- parts ---

    def parts(self, start: int = 0, count: int | None = None) -> list[tuple[str, Value]]:
        """Members by name, elements by `[index]`, what a pointer points to as its members or `*`."""
        kind, target = self.type.kind, self.type
        if kind == "array":
            end = self.type.count or 0
            end = end if count is None else min(end, start + count)
            return [(f"[{index}]", self.element(index)) for index in range(start, end)]
        if kind == "pointer":
            target = self.type.target
            if target.kind not in ("struct", "union"):
                return [("*", self.pointed())] if target.size else []
        found = [(each.name or "(anonymous)", self._part(each.name, index))
                 for index, each in enumerate(target.members)]  # fmt: skip
        return found[start:] if count is None else found[start : start + count]

    @property
    def has_parts(self) -> bool:
        """Whether `parts` gives any (if it is not a null pointer)."""
        if self.type.kind == "pointer":
            target = self.type.target
            return bool(target.members or target.size) and target.kind != "function"
        return bool(self.type.members) or (self.type.kind == "array" and bool(self.type.count))

    def _part(self, name: str, index: int) -> Value:
        holder = self.pointed() if self.type.kind == "pointer" else self
        member = holder.type.members[index]
        mark = "->" if self.type.kind == "pointer" else "."
        path = f"{_primary(self.path)}{mark}{name}" if name else self.path
        return Value(self.context, member.type, holder._at(member.offset), path, member.bits)

    def _at(self, offset: int) -> Place:
        if isinstance(self.place, InMemory):
            return InMemory((self.place.address + offset) & (1 << 64) - 1)
        return Known(self._raw(0) >> 8 * offset)

    def member(self, name: str) -> Value:
        """Of a struct or union, or of what a pointer points to; of anonymous members, too."""
        target = self.type.target if self.type.kind == "pointer" else self.type
        if not target.members:
            raise ReplugError(f"{self.path}: {target.name} has no members")
        found = self._member(name, 0)
        if found is None:
            raise ReplugError(f"{self.path}: {target.name} has no member {name}")
        return found

    def _member(self, name: str, depth: int) -> Value | None:
        members = self.type.target.members if self.type.kind == "pointer" else self.type.members
        for index, each in enumerate(members):
            if each.name == name:
                return self._part(name, index)
            if not each.name and depth < _DEEPEST:
                found = self._part("", index)._member(name, depth + 1)
                if found is not None:
                    return found
        return None

    def element(self, index: int) -> Value:
        """Of an array, or from where a pointer points on."""
        if self.type.kind == "pointer":
            start: int | None = self.number()
        else:
            start = self.address
        if self.type.kind not in ("pointer", "array") or start is None or not self.type.target.size:
            raise ReplugError(f"{self.path}: {self.type.name} has no elements")
        place = InMemory((start + index * self.type.target.size) & (1 << 64) - 1)
        return Value(self.context, self.type.target, place, f"{_primary(self.path)}[{index}]")

    def pointed(self) -> Value:
        """What a pointer points to."""
        if self.type.kind == "array":
            return self.element(0)
        if self.type.kind != "pointer":
            raise ReplugError(f"{self.path}: {self.type.name} is no pointer")
        return Value(self.context, self.type.target, InMemory(self.number()), f"*{self.path}")

    # --- as text ---

    def text(self, depth: int = 0) -> str:
        """In one line, as C people read it; what cannot be read says so."""
        try:
            return self._text(depth)
        except ReplugError as error:
            return f"({str(error).removeprefix(f'{self.path}: ')})"

    def _text(self, depth: int) -> str:
        kind = self.type.kind
        if kind == "base":
            return self._base_text()
        if kind == "enum":
            number = self.number()
            name = self.type.enumerators.get(number)
            return str(number) if name is None else f"{name} ({number})"
        if kind == "pointer":
            return self._pointer_text(self.number())
        if kind == "array" and _is_char(self.type.target):
            return _quoted(self._string(self.number(), self.type.count or 0))
        if kind in ("struct", "union", "array"):
            return self._parts_text(depth)
        return f"{self.number():#x}"

    def _base_text(self) -> str:
        number, encoding = self.number(), self.type.encoding
        if encoding == "float" and self.type.size in (4, 8):
            data = (number & (1 << 8 * self.type.size) - 1).to_bytes(self.type.size, "little")
            return f"{struct.unpack('<f' if self.type.size == 4 else '<d', data)[0]:g}"
        if encoding == "bool" and number in (0, 1):
            return ("false", "true")[number]
        if encoding == "char" and 32 <= number < 127:
            return f"{number} {chr(number)!r}"
        return f"{number} = {number:#x}" if number >= _HEX_FROM else str(number)

    def _pointer_text(self, number: int) -> str:
        name = self.context.symbols.name(number)
        shown = f"{number:#x}" if not number or name.startswith("0x") else f"{number:#x} <{name}>"
        if number and _is_char(self.type.target):
            text = self._string(number, _MOST_TEXT)
            shown += f" {_quoted(text)}" if text else ""
        return shown

    def _string(self, address: int, limit: int) -> bytes:
        data = b""
        while len(data) < min(limit, _MOST_TEXT) and (byte := self.context.load(address + len(data), 1)):
            data += bytes((byte,))
        return data

    def _parts_text(self, depth: int) -> str:
        if depth >= _DEEPEST:
            return "{...}"
        parts = self.parts(0, _MOST_SHOWN + 1)
        shown = [
            part.text(depth + 1) if name.startswith("[") else f"{name} = {part.text(depth + 1)}"
            for name, part in parts[:_MOST_SHOWN]
        ]
        return "{" + ", ".join(shown + ["..."] * (len(parts) > _MOST_SHOWN)) + "}"

    # --- changed ---

    def assign(self, number: int) -> None:
        """Set a scalar, to the low bits of a number; ReplugError for what cannot be set."""
        if not self.is_scalar:
            raise ReplugError(f"{self.path}: {self.type.name} cannot be set at once, its parts can")
        size = self.type.size
        if self.bits is not None:
            first, width = self.bits
            mask = (1 << width) - 1 << first
            number = self._raw(size) & ~mask | number << first & mask
        if isinstance(self.place, InMemory):
            data = (number & (1 << 8 * size) - 1).to_bytes(size, "little")
            self.context.session.write_virtual(self.context.hart, self.place.address, data)
        elif isinstance(self.place, InRegister) and not self.context.frame.how:
            self._assign_register(self.place.number, number)
        else:
            raise ReplugError(f"{self.path}: it is nowhere where it could be changed")

    def _assign_register(self, register: int, number: int) -> None:
        session, hart = self.context.session, self.context.hart
        if register >= _F0:
            session.set_f(hart, register - _F0, number | (-1 << 32 if self.type.size == 4 else 0))
            return
        width = 8 * self.type.size
        number &= (1 << width) - 1
        if width <= 32 and (self.type.is_signed or width == 32):  # as the ABI has 32-bit values in registers
            number -= (number >> width - 1) << width
        session.set_x(hart, register, number)


def _is_char(kind: Type) -> bool:
    return kind.kind == "base" and kind.encoding == "char" and kind.size == 1


def _quoted(data: bytes) -> str:
    shown = data.decode("latin-1").encode("unicode_escape").decode().replace('"', '\\"')
    return f'"{shown}"' + ("..." if len(data) == _MOST_TEXT else "")


def _primary(path: str) -> str:
    """With parentheses where a part would else be of something else."""
    return f"({path})" if path.startswith("*") else path
