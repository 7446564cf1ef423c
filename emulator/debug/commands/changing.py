# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that change the machine: in the past, they begin a new timeline."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.debug.commands.registry import command
from emulator.debug.registers import write
from emulator.errors import ReplugError
from toolchain.disassemble import disassemble
from toolchain.errors import ToolchainError
from toolchain.instruction import assemble_text

if TYPE_CHECKING:
    from emulator.debug.commands.interpreter import Interpreter

GROUP = "Changing"
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.?))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "e": "\x1b", "\\": "\\"}
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}


@command(
    "set",
    group=GROUP,
    usage="$REGISTER = VALUE | [u8|u16|u32|u64] ADDRESS = VALUE",
    help="A register of this hart, or memory (a word, unless said otherwise).",
)
def _set(interpreter: Interpreter, rest: str) -> None:
    place, equals, text = rest.partition("=")
    if not equals:
        raise ReplugError("set PLACE = VALUE")
    value, place = interpreter.value(text), place.strip()
    if place.startswith("$"):
        register = interpreter.evaluator.registers.find(place[1:])
        if register is None:
            raise ReplugError(f"{place}: there is no such register")
        if interpreter.frame_number:
            raise ReplugError(f"{place}: only the innermost function's registers can be set (frame 0)")
        write(interpreter.session, interpreter.hart, register, value)
        return
    word, _, where = place.partition(" ")
    size = _SIZES.get(word, interpreter.session.engine.config.xlen // 8)
    address = interpreter.value(where if word in _SIZES else place.lstrip("*"))
    data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    interpreter.session.write_virtual(interpreter.hart, address, data)


@command("assemble", "asm", group=GROUP, usage="ADDRESS INSTRUCTION[; ...]", help="Put instructions there.")
def _assemble(interpreter: Interpreter, rest: str) -> None:
    place, _, text = rest.partition(" ")
    address, bits = interpreter.value(place), interpreter.session.engine.config.xlen
    try:
        code = assemble_text(text, address=address, bits=bits)
    except ToolchainError as error:
        raise ReplugError(_what_is_wrong(text, address, bits) or str(error)) from None
    before = interpreter.session.machine.read_virtual(interpreter.hart, address, len(code) + 2) or b""
    interpreter.session.write_virtual(interpreter.hart, address, code)
    interpreter.say(f"{address:#x}: {code.hex(' ')}")
    for old in disassemble(before, address, bits=bits):
        if old.address < address + len(code) < old.address + len(old.bytes):
            interpreter.say(f"it ends in the middle of what was at {old.address:#x}: {old}")


def _what_is_wrong(text: str, address: int, bits: int) -> str | None:
    """Of several instructions, the one that cannot be assembled, and why; None if each can by itself."""
    for each in text.split(";"):
        try:
            assemble_text(each, address=address, bits=bits)
        except ToolchainError as error:
            why = str(error).removeprefix("line 1: ")
            return f"{each.strip()}: {why}" if each.strip() else why
    return None


@command(
    "type",
    group=GROUP,
    usage="TEXT",
    help="Type a line at the console; \\x04 and the like work.\n"
    "Escapes are \\n \\r \\t \\e \\\\ \\xNN; with \\c at its end the line is not ended.",
)
def _type(interpreter: Interpreter, rest: str) -> None:
    text, whole = rest.removesuffix("\\c"), not rest.endswith("\\c")
    interpreter.session.type(_unescaped(text) + b"\n" * whole)


def _unescaped(text: str) -> bytes:
    """The bytes that a text with C's escapes stands for."""

    def meant(found: re.Match[str]) -> str:
        number, letter = found[1], found[2]
        if number:
            return chr(int(number, 16))
        if letter not in _ESCAPES:
            raise ReplugError(
                f"{found[0]}: no such escape (there are \\n \\r \\t \\e \\\\ \\xNN, and \\c at the end)"
            )
        return _ESCAPES[letter]

    # Bytes travel as the characters of the same number; what is typed beyond ASCII is UTF-8.
    return _ESCAPE.sub(meant, text.encode().decode("latin-1")).encode("latin-1")
