# SPDX-License-Identifier: GPL-2.0-or-later
"""The in-order model against LLVM's machine code analyser (llvm-mca), on straight-line code.

llvm-mca has a scheduling model of its own for the SiFive U54, a core of the family whose manual our in-order
model follows.  Random blocks of each kind run on our machine, many copies one after another, and through
llvm-mca; compared are the cycles that a block more takes.  The two models are not expected to agree
everywhere: a multiplication takes 5 cycles by the manual and 4 by LLVM, a division 65 and 33.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from random import Random

from emulator.bench.engine import Benchmark, Settings
from emulator.bench.row import Row, compared
from emulator.cycles.models import IDEAL, IN_ORDER
from emulator.cycles.scenario import run_image
from emulator.errors import ReplugError
from emulator.options import MachineOptions
from toolchain.assemble import assemble

TOOL = "llvm-mca"
CPU = "sifive-u54"
COPIES = 16
LENGTH = 12  # instructions a block
_REGISTERS = ("a0", "a1", "a2", "a3", "a4", "a5", "t0", "t1", "t2", "t3")
_LINK = """
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(7); }
SECTIONS { . = 0x80000000; .text : { *(.text .text.*) } :text .data : { *(.data) } :text }
"""
_INCLUDE = Path(__file__).resolve().parents[2] / "guestos" / "include"


def _instruction(kind: str, random: Random) -> str:
    rd, first, second = (random.choice(_REGISTERS) for _ in range(3))
    offset = 8 * random.randrange(64)
    if kind == "mixed":
        kind = random.choice(("integer", "integer", "integer", "loads", "stores", "multiply"))
    if kind == "loads":
        return f"ld {rd}, {offset}(s0)" if random.random() < 0.5 else f"add {rd}, {first}, {second}"
    if kind == "stores":
        return f"sd {first}, {offset}(s0)" if random.random() < 0.5 else f"xor {rd}, {first}, {second}"
    if kind == "multiply":
        return f"mul {rd}, {first}, {second}" if random.random() < 0.3 else f"sub {rd}, {first}, {second}"
    if kind == "divide":
        return f"divu {rd}, {first}, {second}" if random.random() < 0.2 else f"or {rd}, {first}, {second}"
    return f"{random.choice(('add', 'sub', 'and', 'or', 'xor', 'sltu'))} {rd}, {first}, {second}"


def block(kind: str, random: Random) -> list[str]:
    """Instructions of one block."""
    return [_instruction(kind, random) for _ in range(LENGTH)]


def analysed(lines: list[str]) -> float:
    """Cycles that a block more takes by llvm-mca."""
    totals = []
    for copies in (COPIES, 2 * COPIES):
        done = subprocess.run(
            [TOOL, "-march=riscv64", f"-mcpu={CPU}", f"-iterations={copies}"],
            input="\n".join(lines) + "\n", capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = re.search(r"^Total Cycles:\s+(\d+)$", done.stdout, re.MULTILINE)
        if found is None:
            what = done.stderr.strip().splitlines() or ["says nothing"]
            raise ReplugError(f"{TOOL}: {what[0]}")
        totals.append(int(found[1]))
    return (totals[1] - totals[0]) / COPIES


def modelled(blocks: list[list[str]]) -> list[float]:
    """The same by our model, on our machine: each block in two paths with so many copies of it."""
    text = ['#include "replug.inc"', "    .option norvc", "    .globl _start", "_start:", "    la s0, data"]
    for number, lines in enumerate(blocks):
        for copies in (COPIES, 2 * COPIES):
            # A basic block of its own: what was before it is over.
            text += ["    j 1f", "    .balign 4096", "1:  nop", f'    PATH_BEGIN "{number} {copies}"']
            text += lines * copies
            text += [f'    PATH_END "{number} {copies}"', "    nop"]
    text += ["    li t0, 0x100000", "    li t1, 0x5555", "    sw t1, 0(t0)", "1:  j 1b", "    .data",
             "    .balign 8", "data: .skip 1024", ""]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder) / "blocks.S", Path(folder) / "link.ld"
        source.write_text("\n".join(text))
        script.write_text(_LINK)
        image = assemble(
            [source], Path(folder) / "blocks.elf", link_script=script, include=[_INCLUDE], root=Path(folder)
        )
        run = run_image(image, MachineOptions(), [IDEAL, IN_ORDER], max_instructions=10_000_000)
    cycles = {cost.name: cost.cycles[IN_ORDER.name].min for cost in run.costs}
    return [
        (cycles[f"{number} {2 * COPIES}"] - cycles[f"{number} {COPIES}"]) / COPIES
        for number in range(len(blocks))
    ]


def differences(kind: str, count: int, seed: int) -> list[tuple[float, float]]:
    """(our cycles, llvm-mca's) an instruction, of so many random blocks of a kind."""
    random = Random(f"{kind} {seed}")
    blocks = [block(kind, random) for _ in range(count)]
    return [
        (ours / LENGTH, analysed(lines) / LENGTH)
        for ours, lines in zip(modelled(blocks), blocks, strict=True)
    ]


KINDS = ("integer", "loads", "stores", "multiply", "divide", "mixed")


def _measure(kind: str, settings: Settings) -> Row:
    pairs = differences(kind, settings.repetitions, seed=1)
    return compared(f"in-order model: {kind}", "cycles/instruction", pairs, f"{TOOL}, {CPU}")


def _missing() -> str | None:
    return None if shutil.which(TOOL) else f"{TOOL} is not installed (Debian package llvm)"


BENCHMARKS = tuple(Benchmark(kind, partial(_measure, kind), _missing) for kind in KINDS)
