# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact counts, traps and results of bare-metal programs, against QEMU under `-icount shift=0`.

QEMU's `minstret` there counts instructions, and with them the traps that `qemu_runtime.S` takes out again.
More programs: REPLUG_QEMU_SEED (the first of the seeds) and REPLUG_QEMU_BATCHES in the environment.
"""

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from qemu_by_hand import by_hand
from qemu_programs import MODES, Program, batch, generate

from emulator import Machine, MachineOptions
from toolchain.assemble import assemble

PROGRAMS = 300  # in a batch
SEED = int(os.environ.get("REPLUG_QEMU_SEED", "2026"))
BATCHES = int(os.environ.get("REPLUG_QEMU_BATCHES", "3"))

COLUMNS = ("number", "instructions", "events", "registers", "memory")

LINK_SCRIPT = """
ENTRY(_start)
SECTIONS
{
    . = 0x80000000;
    .text : { *(.text.start) *(.text) }
    .rodata : { *(.rodata .descriptors) }
    . = ALIGN(4096);
    .data : { *(.data) }
    .bss : { *(.bss) }
    . = 0x80300000;
    .tables : { *(.tables) }
}
"""


def build(programs: list[Program], directory: Path) -> Path:
    script, source = directory / "batch.ld", directory / "batch.s"
    script.write_text(LINK_SCRIPT)
    source.write_text(batch(programs))
    runtime = Path(__file__).with_name("qemu_runtime.S")
    return assemble([runtime, source], directory / "batch.elf", link_script=script)


def on_replug(image: Path, quantum: int = 1000, per_instruction: bool = False) -> list[str]:
    console = bytearray()
    options = MachineOptions(quantum=quantum)
    with Machine(image, options, console.extend, per_instruction=per_instruction) as machine:
        outcome = machine.run(1_000_000_000)
    assert (outcome.reason, outcome.status) == ("exit", 0), (outcome, console[-200:])
    return console.decode().split("\n")


def on_qemu(image: Path, qemu: str) -> list[str]:
    done = subprocess.run(
        [qemu, "-machine", "virt", "-bios", "none", "-nographic", "-icount", "shift=0", "-kernel",
         str(image)], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout.decode().replace("\r", "").split("\n")


def compare(what: str, programs: list[Program], ours: list[str], theirs: list[str]) -> None:
    assert (ours[0], theirs[0]) == ("counts 0", "counts 1")  # does an ecall count?
    for program, one, other in zip(programs, ours[1:], theirs[1:], strict=False):
        if one != other:
            values = zip(COLUMNS, one.split(), other.split(), strict=True)
            found = [f"{name} {a}, QEMU {b}" for name, a, b in values if a != b]
            place = f"{what}, program {program.number} ({MODES[program.mode]} mode)"
            raise AssertionError(f"{place}: {'; '.join(found)}\n{program.text}")
    assert len(ours) == len(theirs) == len(programs) + 2  # the first line, and what follows the last one


@pytest.mark.parametrize("seed", range(SEED, SEED + BATCHES))
def test_generated_programs(seed: int, qemu: str, tmp_path: Path) -> None:
    print(f"seed {seed}")
    programs = generate(seed, PROGRAMS)
    image = build(programs, tmp_path)
    reference = on_qemu(image, qemu)
    ours = on_replug(image)
    compare(f"seed {seed}", programs, ours, reference)
    # However the run is cut into slices, and whichever way it is counted.
    assert on_replug(image, quantum=23) == ours
    assert on_replug(image, per_instruction=True) == ours


def test_programs_by_hand(qemu: str, tmp_path: Path) -> None:
    named = by_hand()
    programs = [program for _, program in named]
    image = build(programs, tmp_path)
    ours = on_replug(image)
    compare("by hand", programs, ours, on_qemu(image, qemu))
    assert on_replug(image, per_instruction=True) == ours


def test_every_kind_of_piece_is_there() -> None:
    """In every run, and each more than once: a generator that has lost one tests nothing."""
    kinds = Counter(
        (kind, program.mode) for seed in range(SEED, SEED + BATCHES) for program in generate(seed, PROGRAMS)
        for kind in program.kinds
    )  # fmt: skip
    found = {kind for kind, _ in kinds}
    assert found == {
        "trap", "illegal of SYSTEM", "fault", "jump to nowhere", "code across a page border",
        "code up to a page not mapped", "csr", "sample", "minstret written", "code modified", "timer", "wfi",
        "wfi with an interrupt pending", "interrupt unmasked", "loop", "call", "lr and sc", "sc without lr",
        "program across a page border",
    }  # fmt: skip
    assert min(kinds.values()) >= 10, kinds
