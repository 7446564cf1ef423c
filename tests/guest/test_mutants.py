# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own programs notice when a line of the replugging protocol is missing.

The mutants are those of guestos/PROTOCOL.md, section 9, that plain interleaving shows soon; the others are
for an exhaustive exploration.
"""

import random
import re
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from guestos.images import GUESTOS, SCENARIO, Built, build_all, disk_files
from toolchain.assemble import assemble
from toolchain.disk import create_image

LIMIT = 1_500_000_000  # instructions; a run without a mutant needs fewer than half
QUANTA = (1000, 137)
SPIN = """    PATH_STEP "replug", "4 spin on the inside-flag"
"""
SPECIALISE = """    PATH_STEP "replug", "5 specialise"
"""
MIGRATE = """    ld      t2, DESCRIPTOR_FILE(s0)
    ld      t1, DESCRIPTOR_RECORD + RECORD_OFFSET(s0)
    sd      t1, FILE_OFFSET(t2)
"""


FAILING = "    bnez    a0, 9f\n"
RELOAD = "    ld      t0, RECORD_OFFSET(s0)"
LEFT = '    PATH_END "flag clear"\n'
TANK_RELEASE = "    addi    a0, a0, DESCRIPTOR_LOCK\n    jal     sleep_lock_release\n"
UNBLOCKED = "    jal     sleep_lock_release\n    j       "


@dataclass(frozen=True)
class Mutant:
    """Texts to replace in a kernel source (each occurs exactly once), and the size of the file to read."""

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    data_bytes: int = 150_000


MUTANTS = [
    Mutant(
        "M6 tank leaves the flag set",
        "holding_tank.S",
        (("    REPLUG_LEAVE DESCRIPTOR_INSIDE, a0\n", ""),),
    ),
    Mutant(
        "M7 offset before the spin",
        "replug.S",
        ((MIGRATE, ""), (SPIN, MIGRATE + SPIN)),
    ),
    Mutant(
        "M8 failing read leaves the flag set",
        "is_read.S",
        (
            ("    bnez    a0, 1f\n    ld      t0, RECORD_OFFSET(s0)", FAILING + RELOAD),
            (LEFT + "    ld      ra, 24(sp)", LEFT + "9:  ld      ra, 24(sp)"),
        ),
    ),
    Mutant(
        "M11 no re-check",
        "replug.S",
        (("    beqz    t0, .Lalready_done\n", ""),),
    ),
    Mutant(
        "M13 no spin",
        "replug.S",
        (("    bnez    t0, .Linside\n", ""),),
    ),
    Mutant(
        "M13 no pointer to the tank",
        "replug.S",
        (("    la      t0, holding_tank_path\n    sd      t0, DESCRIPTOR_PATH(s0)\n", ""),),
    ),
    Mutant(
        "M14 tank does not wait",
        "holding_tank.S",
        (
            ("    jal     sleep_lock_acquire\n    ld      a0, 16(sp)\n" + TANK_RELEASE, ""),
            ("    REPLUG_INVOKE a0, 1f\n1:", ""),
        ),
    ),
    Mutant(
        "M15 the end of blocked is taken for the end",
        "replug.S",
        ((UNBLOCKED + ".Lspin\n", UNBLOCKED + ".Lgo_on\n"), (SPECIALISE, ".Lgo_on:\n" + SPECIALISE)),
        data_bytes=3_000_000,  # more than the buffer cache holds, so that readers do block inside
    ),
    Mutant(
        "M20 no guard in open",
        "guards.S",
        (("    li      a1, PREDICATE_NO_INODE_SHARE\n    jal     guard_falsify\n", ""),),
    ),
    Mutant(
        "M20 no guard in write",
        "guards.S",
        (("    bnez    t0, 1f\n.Lnot_taken:\n", ".Lnot_taken:\n"),),
    ),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"))


def data_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def fault(kernel: Path, programs: dict[str, Path], data: bytes, quantum: int) -> str | None:
    """What is wrong with a whole run of this kernel, or None."""
    disk = create_image(kernel.with_name("disk.img"), disk_files(programs, data))
    console = bytearray()
    options = MachineOptions(harts=4, quantum=quantum, disk=disk, bootargs=SCENARIO)
    with Machine(kernel, options, console=console.extend) as machine:
        outcome = machine.run(LIMIT)
    text = console.decode(errors="replace")
    if outcome.reason != "exit":
        return f"the run does not end: {outcome.reason}"
    if outcome.status != 0:
        return text
    expected = {f"{zlib.crc32(data):08x}", f"{zlib.crc32(data[: 1 << 20]):08x}"}
    wrong = set(re.findall(r"crc32 (\w+)", text)) - expected
    return f"wrong checksums: {wrong}" if wrong else None


@pytest.mark.parametrize("quantum", QUANTA)
@pytest.mark.parametrize("size", sorted({mutant.data_bytes for mutant in MUTANTS}))
def test_kernel_without_mutant_is_sound(built: Built, size: int, quantum: int) -> None:
    assert fault(built.kernel, built.user, data_of(size), quantum) is None


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_noticed(mutant: Mutant, built: Built, tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    shutil.copytree(GUESTOS / "kernel", kernel)
    source = kernel / mutant.file
    text = source.read_text()
    for old, new in mutant.edits:
        assert text.count(old) == 1, f"{mutant.file} has changed: {old!r}"
        text = text.replace(old, new)
    source.write_text(text)
    image = assemble(
        sorted(kernel.glob("*.S")),
        tmp_path / "kernel.elf",
        link_script=GUESTOS / "link.ld",
        include=[GUESTOS / "include"],
        root=tmp_path,
    )
    data = data_of(mutant.data_bytes)
    assert any(fault(image, built.user, data, quantum) is not None for quantum in QUANTA)
