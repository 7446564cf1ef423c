# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's predicates, evaluated from outside at every turn: I8 and A9 of guestos/PROTOCOL.md."""

import random
import shutil
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.cycles.oracle import PREDICATES, Findings, Oracle
from guestos.images import GUESTOS, SCENARIO, Built, build_all
from guestos.layout import constants
from toolchain.assemble import assemble
from toolchain.image import Image

DATA = random.Random(5).randbytes(30_000)
STEP = 300
SKIPPED = 9_000_000  # instructions: the readers that come before those who contend


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("guest")
    built = build_all(out, data=DATA)
    assert built.disk is not None
    return built


def watched(kernel: Path, built: Built, *, length: int = 6_000_000, bootargs: str = SCENARIO) -> Findings:
    options = MachineOptions(harts=4, quantum=60, disk=built.disk, bootargs=bootargs)
    with Machine(kernel, options) as machine:
        machine.run(SKIPPED)
        oracle = Oracle(machine)
        oracle.watch(length, STEP)
        return oracle.findings


def mutant(built: Built, tmp_path: Path, file: str, old: str, new: str) -> Path:
    del built
    kernel = tmp_path / "kernel"
    shutil.copytree(GUESTOS / "kernel", kernel)
    text = (kernel / file).read_text()
    assert text.count(old) == 1, f"{file} has changed: {old!r}"
    (kernel / file).write_text(text.replace(old, new))
    return assemble(
        sorted(kernel.glob("*.S")), tmp_path / "kernel.elf",
        link_script=GUESTOS / "link.ld", include=[GUESTOS / "include"], root=tmp_path,
    )  # fmt: skip


def test_predicates_hold_and_guards_come_first(built: Built) -> None:
    findings = watched(built.kernel, built)
    assert findings.violations == []
    assert findings.unguarded == []
    assert findings.changes["NO_INODE_SHARE"] > 20
    assert findings.specialised > 1000
    exclusive = {"FS_CONSTANT", "NO_FP_SHARE", "NO_INODE_SHARE", "READ_ONLY", "NO_USER_LOCKS"}
    assert set(findings.levels) == {sum(constants()[f"PREDICATE_{name}"] for name in exclusive)}


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        (
            "guards.S",
            "    li      a1, PREDICATE_NO_INODE_SHARE\n    jal     guard_falsify\n",
            "",
            "NO_INODE_SHARE",
        ),
        (  # it specialises in spite of others, whom it finds later
            "predicates.S",
            "    ld      t1, INODE_OPENS(a1)\n    addi    t1, t1, -1\n    seqz    t1, t1\n",
            "    li      t1, 1\n",
            "NO_INODE_SHARE",
        ),
    ],
)
def test_a_missing_guard_is_found(
    built: Built, tmp_path: Path, file: str, old: str, new: str, found: str
) -> None:
    findings = watched(mutant(built, tmp_path, file, old, new), built)
    assert any(found in violation for violation in findings.violations)


def test_registry_is_what_it_says(built: Built) -> None:
    """Every predicate has a row, a bit of its own and a name; every one can become false somewhere, but for
    the true invariant, and no level needs what using it makes false.
    """
    image, c = Image.open(built.kernel), constants()

    def read(address: int, size: int) -> int:
        segment = image.segment_at(address)
        assert segment is not None
        start = address - segment.vaddr
        return int.from_bytes(segment.data[start : start + size], "little")

    def text(address: int) -> str:
        characters = []
        while character := read(address, 1):
            characters.append(chr(character))
            address += 1
        return "".join(characters)

    table = image.symbol("predicates")
    sites = image.symbol("guard_sites")
    levels = image.symbol("levels")
    assert table is not None and sites is not None and levels is not None
    rows = {}
    for number in range(c["PREDICATES"]):
        at = table.address + number * c["PREDICATE_BYTES"]
        rows[text(read(at + c["PREDICATE_NAME"], 8))] = (read(at, 4), read(at + c["PREDICATE_CLASS"], 4))
    assert {name: bit for name, (bit, _) in rows.items()} == {
        name: c[f"PREDICATE_{name}"] for name in PREDICATES
    }
    assert table.size == c["PREDICATES"] * c["PREDICATE_BYTES"]
    falsified = 0
    at = sites.address
    while name := read(at, 8):
        assert text(name)
        falsified |= read(at + c["SITE_FALSIFIES"], 4)
        at += c["SITE_BYTES"]
    constant = sum(bit for bit, kind in rows.values() if kind & c["CLASS_TRUE_INVARIANT"])
    assert falsified == c["PREDICATE_ALL"] & ~constant
    at, seen = levels.address, []
    while needs := read(at, 4):
        assert not needs & read(at + c["LEVEL_FALSIFIES"], 4)
        seen.append(needs)
        at += c["LEVEL_BYTES"]
    assert len(seen) == len(set(seen)) >= 3
    assert all(
        seen[i] & ~seen[j] for i in range(len(seen)) for j in range(i + 1, len(seen))
    )  # most special first
