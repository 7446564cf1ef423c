# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug disasm`: an image, a part of it, or bytes, as instructions."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

import guestos
from emulator.cli.common import (
    NUMBER,
    check_json_target,
    json_option,
    parse_number,
    word_size_option,
    write_json,
)
from emulator.errors import ReplugError
from toolchain.disassemble import Instruction, disassemble, disassemble_image, listing, symbol_range
from toolchain.image import EXECUTE, Image

_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]+)")


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="ELF | HEX...")
@click.option("--symbol", "name", metavar="S", help="Only what this symbol names.")
@click.option("--range", "span", metavar="A:B", help="Only addresses A to B - 1; A:+N is N bytes from A on.")
@click.option("--source", is_flag=True, help="Put the source lines between.")
@word_size_option
@click.option(
    "--address", type=NUMBER, default=0, metavar="A", help="HEX: where the first byte lies.  [default: 0]"
)
@json_option
def disasm(
    *,
    what: tuple[str, ...],
    name: str | None,
    span: str | None,
    source: bool,
    bits: int,
    address: int,
    json_file: str | None,
) -> int:
    """Disassemble an ELF, or HEX bytes in the order of memory (as `replug asm` prints them; `-` reads stdin).

    \b
    Examples
      replug disasm kernel.elf --symbol is_read --source
      replug disasm kernel.elf --range 0x80000000:+64
      replug disasm 05 05 82 80
      replug disasm --bits 32 --address 0x80000000 37452301
    """
    check_json_target(json_file)
    if span is not None and name is not None:
        raise ReplugError("disasm: --symbol and --range exclude each other")
    if len(what) == 1 and what[0] != "-" and not _is_hex(what[0]):
        image = Image.open(Path(what[0]))
        start, end = _range(span) if span is not None else (None, None)
        if json_file != "-":
            roots = (Path(), *(Path(directory) for directory in guestos.__path__))
            lines = listing(image, symbol=name, start=start, end=end, source=source, source_roots=roots)
            for line in lines:
                click.echo(line)
        if json_file is not None:
            write_json(json_file, _result(image.bits, _of_image(image, name, start, end)))
        return 0
    if name is not None or span is not None or source:
        raise ReplugError("disasm: --symbol, --range and --source need an ELF")
    if not 0 <= address < 1 << bits:
        raise ReplugError(f"disasm: address {address:#x} does not fit in {bits} bits")
    instructions = list(disassemble(_bytes(what), address, bits=bits))
    if json_file != "-":
        for instruction in instructions:
            click.echo(f"{instruction.address:8x}:  {instruction.bytes.hex(' '):<12} {instruction}")
    if json_file is not None:
        write_json(json_file, _result(bits, instructions))
    return 0


def _is_hex(text: str) -> bool:
    """A file of that name counts more than the bytes that it could mean."""
    return (
        not Path(text).exists()
        and all(_HEX.fullmatch(piece) for piece in text.split())
        and bool(text.strip())
    )


def _bytes(pieces: tuple[str, ...]) -> bytes:
    text = " ".join(_stdin() if piece == "-" else piece for piece in pieces)
    digits = ""
    for piece in text.split():
        found = _HEX.fullmatch(piece)
        if found is None:
            raise ReplugError(f"disasm: {piece!r} is neither a file nor bytes in hexadecimal digits")
        if len(found[1]) % 2:
            raise ReplugError(f"disasm: {piece!r}: an odd number of digits is no number of bytes")
        digits += found[1]
    if not digits:
        raise ReplugError("disasm: no bytes")
    return bytes.fromhex(digits)


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise ReplugError("stdin: not text") from None


def _range(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    try:
        start = parse_number(first)
        end = start + parse_number(last[1:]) if last.startswith("+") else parse_number(last)
    except ValueError:
        raise ReplugError(
            f"--range: {text!r} is not of the form 0x80000000:0x80000040 or 0x80000000:+64"
        ) from None
    if not colon or end <= start or start < 0:
        raise ReplugError(f"--range: {text!r}: nothing lies between")
    return start, end


def _of_image(image: Image, name: str | None, start: int | None, end: int | None) -> list[Instruction]:
    if name is not None:
        spans = [symbol_range(image, name)]
    elif start is not None and end is not None:
        spans = [(start, end)]
    else:
        spans = [(s.vaddr, s.vaddr + len(s.data)) for s in image.segments if s.flags & EXECUTE and s.data]
    return [entry for first, last in spans for entry in disassemble_image(image, first, last)]


def _result(bits: int, instructions: list[Instruction]) -> dict[str, object]:
    rows = [
        {"address": entry.address, "bytes": entry.bytes.hex(), "text": str(entry)} for entry in instructions
    ]
    return {"bits": bits, "instructions": rows}
