# SPDX-License-Identifier: GPL-2.0-or-later
"""One conformance test: run it, and say how it went."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emulator.devices import virt_map
from emulator.errors import ReplugError
from emulator.loader.elf import open_image
from emulator.machine import Machine
from emulator.options import MachineOptions
from emulator.report import headline, place
from toolchain.image import Image

BEGIN, END = "begin_signature", "end_signature"
_WORD = 4  # bytes in a line of a signature

Verdict = Literal["pass", "fail", "time-out", "cannot run", "no tohost"]


@dataclass(frozen=True)
class Case:
    """What to run: the ELF, for how many instructions at most; where its signature goes, None if nowhere."""

    file: Path
    options: MachineOptions
    max_instructions: int
    signature: Path | None = None


@dataclass(frozen=True)
class Result:
    """How it went.

    number: of the case that failed, as the test gives it through `tohost`; None when it gave none.
    detail: one line of what else is known; instructions: retired over all harts; seconds: on the host.
    """

    verdict: Verdict
    number: int | None = None
    detail: str = ""
    instructions: int = 0
    seconds: float = 0.0


def run_case(case: Case) -> Result:
    """Run a test to its end; what cannot be run is a result too."""
    started = time.monotonic()
    try:
        image = open_image(case.file)
        if image.symbol("tohost") is None:
            return Result("no tohost")
        result = _run(image, case)
    except ReplugError as error:
        result = Result("cannot run", detail=str(error).removeprefix(f"{case.file}: "))
    return Result(
        result.verdict, result.number, result.detail, result.instructions, time.monotonic() - started
    )


def _run(image: Image, case: Case) -> Result:
    with Machine(image, case.options) as machine:
        outcome = machine.run(case.max_instructions)
        instructions = machine.engine.total_instret
        if outcome.reason == "limit":
            where = place(machine, machine.engine.get_pc(0))
            return Result("time-out", detail=f"hart 0 at {where}", instructions=instructions)
        if outcome.reason != "exit":
            return Result("fail", detail=headline(machine, outcome), instructions=instructions)
        if case.signature is not None:
            _write_signature(machine, case.signature)
        if outcome.status:
            return Result("fail", outcome.status, instructions=instructions)
        return Result("pass", instructions=instructions)


def _write_signature(machine: Machine, file: Path) -> None:
    """What lies from begin_signature to end_signature, a word of 4 bytes a line, in hexadecimal.

    ReplugError when the symbols are missing or in disorder, or the file cannot be written.
    """
    begin, end = machine.image.symbol(BEGIN), machine.image.symbol(END)
    if begin is None or end is None:
        raise ReplugError(f"no signature: {BEGIN if begin is None else END} is missing")
    if not virt_map.RAM_BASE <= begin.address <= end.address <= virt_map.RAM_BASE + machine.options.memory:
        raise ReplugError(f"no signature: {begin.address:#x} to {end.address:#x} is no area of RAM")
    data = machine.read_physical(begin.address, end.address - begin.address)
    words = [data[at : at + _WORD] for at in range(0, len(data), _WORD)]
    text = "".join(f"{int.from_bytes(word, 'little'):08x}\n" for word in words)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError as error:
        raise ReplugError(f"{file}: {error.strerror}") from None
