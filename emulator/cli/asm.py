# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug asm`: instructions to bytes."""

from __future__ import annotations

import sys

import click

from emulator.cli.common import NUMBER, check_json_target, json_option, word_size_option, write_json
from emulator.errors import ReplugError
from toolchain.disassemble import disassemble
from toolchain.instruction import assemble_text, backends


@click.command()
@click.argument("text", nargs=-1)
@click.option(
    "--backends", "list_backends", is_flag=True, help="Say which assemblers are usable here, and why not."
)
@click.option("--backend", metavar="NAME", help="Use this assembler.  [default: the first that can]")
@word_size_option
@click.option(
    "--address", type=NUMBER, default=0, metavar="A", help="Where the first byte lies.  [default: 0]"
)
@json_option
def asm(
    *,
    text: tuple[str, ...],
    list_backends: bool,
    backend: str | None,
    bits: int,
    address: int,
    json_file: str | None,
) -> int:
    """Assemble TEXT and show its bytes (in the order of memory) and what they mean.

    Each TEXT is a line: quote an instruction with its operands. `-` reads from stdin. Compressed forms are
    used where they exist; a numeric branch target is an address, `. + 8` a distance.

    \b
    Examples
      replug asm "addi a0, a0, 1" ret
      replug asm --address 0x80000000 "j 0x80000010"
      replug asm --bits 32 "lui a0, 0x12345"
      replug asm - < loop.S
      replug asm --backends
    """
    check_json_target(json_file)
    if list_backends:
        return _list(bits, json_file)
    if not text:
        raise ReplugError('asm: nothing to assemble (try `replug asm "addi a0, a0, 1"`)')
    lines = [_stdin() if line == "-" else line for line in text]
    code = assemble_text("\n".join(lines), address=address, bits=bits, backend=backend)
    instructions = list(disassemble(code, address, bits=bits))
    if json_file != "-":
        width = max(len(instruction.bytes) for instruction in instructions) * 3
        for instruction in instructions:
            click.echo(f"{instruction.address:8x}:  {instruction.bytes.hex(' '):<{width}} {instruction}")
    if json_file is not None:
        result = {
            "bytes": code.hex(),
            "address": address,
            "bits": bits,
            "instructions": [
                {"address": entry.address, "bytes": entry.bytes.hex(), "text": str(entry)}
                for entry in instructions
            ],
        }
        write_json(json_file, result)
    return 0


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise ReplugError("stdin: not text") from None


def _list(bits: int, json_file: str | None) -> int:
    found = backends(bits)
    if json_file is not None:
        rows = [{"name": entry.name, "usable": entry.usable, "reason": entry.reason} for entry in found]
        write_json(json_file, {"bits": bits, "backends": rows})
    if json_file != "-":
        for entry in found:
            click.echo(f"{entry.name:<10} {'usable' if entry.usable else f'not usable: {entry.reason}'}")
    return 0
