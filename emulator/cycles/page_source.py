# SPDX-License-Identifier: GPL-2.0-or-later
"""The annotated source of the HTML page: each line with how often it ran, and its instructions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emulator.cycles.code import CodeCosts
from toolchain.disassemble import disassemble
from toolchain.image import Image

Instruction = tuple[str, str, int]
"""Address, text, how often it retired."""


def annotated_sources(codes: Sequence[CodeCosts], roots: Sequence[Path]) -> list[dict[str, object]]:
    """A file each: {"run", "name", "instructions", "lines", "found"}; those that were found first, and
    then those with the most instructions.

    A line is [number, text, how often or null, instructions]; a file that is not found shows the lines that
    ran, without text; code whose line is not known is under the name of its function.
    """
    found: list[dict[str, object]] = []
    for code in codes:
        files: dict[str, dict[int, list[Instruction]]] = {}
        sums: dict[str, int] = {}
        for executed in code.executed():
            file, line = executed.line or (f"({executed.place.name})", 0)
            text = "" if executed.image is None else _assembly(executed.image, executed.address)
            entry = (f"{executed.address:#x}", text, executed.count)
            files.setdefault(file, {}).setdefault(line, []).append(entry)
            sums[file] = sums.get(file, 0) + executed.count
        for name, lines in files.items():
            source = _text(name, roots)
            found.append(
                {
                    "run": code.run,
                    "name": name,
                    "instructions": sums[name],
                    "lines": _lines(source, lines),
                    "found": bool(source),
                }
            )
    return sorted(found, key=lambda file: (not file["found"], -int(str(file["instructions"]))))


def _assembly(image: Image, address: int) -> str:
    segment = image.segment_at(address)
    if segment is None:
        return ""
    first = segment.data[address - segment.vaddr :][:4]
    if first and first[0] & 3 != 3:
        first = first[:2]
    return str(next(disassemble(first, address, bits=image.bits), ""))


def _lines(text: Sequence[str], ran: dict[int, list[Instruction]]) -> list[list[object]]:
    numbers = range(1, len(text) + 1) if text else sorted(ran)
    result: list[list[object]] = []
    for number in [*(each for each in sorted(ran) if text and each not in numbers), *numbers]:
        instructions = ran.get(number, [])
        most = max((count for _, _, count in instructions), default=None)
        source = text[number - 1] if text and 1 <= number <= len(text) else "(no source)"
        result.append([number, source, most, instructions])
    return result


def _text(name: str, roots: Sequence[Path]) -> list[str]:
    for root in roots:
        path = root / name
        try:
            if path.is_file():
                return path.read_text(errors="replace").splitlines()
        except (OSError, ValueError):
            continue
    return []
