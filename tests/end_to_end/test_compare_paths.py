# SPDX-License-Identifier: GPL-2.0-or-later
"""Path against path, and the lines that a baseline names: of single calls, instruction by instruction."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Replug, one_line
from programs import finish

from emulator.cycles.path_trace import kind_of
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble
from toolchain.instruction import assemble_text

PROGRAM = f"""
#include "replug.inc"
    .globl _start
_start:
    la s0, data
    li s1, 3
1:  PATH_BEGIN "slow"
    amoadd.d t0, s1, (s0)
    ld t1, 8(s0)
    ld t2, 16(s0)
    beqz t1, 2f
    nop
2:  sd t1, 24(s0)
    mv t3, t1
    PATH_END "slow"
    nop
    PATH_BEGIN "fast"
    ld t1, 8(s0)
    fence
    mv t3, t1
    PATH_END "fast"
    addi s1, s1, -1
    bnez s1, 1b
{finish(0)}
    .data
    .balign 8
data: .dword 0, 0, 0, 0
"""


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Path]:
    def make(text: str) -> Path:
        (tmp_path / "program.S").write_text(text)
        return assemble(
            [tmp_path / "program.S"], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld",
            include=[INCLUDE], root=tmp_path,
        )  # fmt: skip

    return make


@pytest.mark.parametrize("quantum", [1, 3, 1000])
def test_path_against_path(replug: Replug, made: Callable[[str], Path], quantum: int) -> None:
    done = replug("cycles", made(PROGRAM), "-q", "--quantum", quantum, "--compare-paths", "slow", "fast",
                  "--format", "json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    comparison = report["comparison"]
    assert comparison["kinds"] == {
        "load": {"first": 2, "second": 1}, "store": {"first": 1, "second": 0},
        "branch": {"first": 1, "second": 0}, "lock": {"first": 1, "second": 0},
        "fence": {"first": 0, "second": 1}, "other": {"first": 1, "second": 1},
    }  # fmt: skip
    totals = {path["name"]: path["instructions"]["min"] for path in report["paths"]}
    for which, name in (("first", "slow"), ("second", "fast")):
        assert sum(kind[which] for kind in comparison["kinds"].values()) == totals[name]
    lines = {line["text"]: (line["first"], line["second"]) for line in comparison["lines"]}
    assert lines["amoadd.d t0, s1, (s0)"] == (1, 0) and lines["fence"] == (0, 1)
    assert all(line["place"].startswith("program.S:") for line in comparison["lines"])


def test_as_a_table(replug: Replug, made: Callable[[str], Path]) -> None:
    text = replug("cycles", made(PROGRAM), "-q", "--compare-paths", "slow", "fast").stdout.decode()
    assert (
        "only slow" in text and "only fast" in text and "amoadd.d t0, s1, (s0)" in text and "lock +1" in text
    )


def test_paths_that_are_none(replug: Replug, made: Callable[[str], Path]) -> None:
    complaint = one_line(replug("cycles", made(PROGRAM), "-q", "--compare-paths", "slow", "quick"))
    assert "'quick'" in complaint and "fast, slow" in complaint


def test_a_baseline_names_the_lines(replug: Replug, made: Callable[[str], Path], tmp_path: Path) -> None:
    """What is inserted moves all lines below; only the one that changed is named."""
    baseline = tmp_path / "baseline.json"
    assert replug("cycles", made(PROGRAM), "-q", "--save", baseline, "-o", tmp_path / "x").returncode == 0
    again = replug("cycles", made(PROGRAM), "-q", "--baseline", baseline, "-o", tmp_path / "x")
    assert (again.returncode, again.stderr) == (0, b"")
    changed = made(PROGRAM.replace("    ld t2, 16(s0)\n", "    ld t2, 16(s0)\n    xor t4, t4, t4\n"))
    done = replug("cycles", changed, "-q", "--baseline", baseline, "-o", tmp_path / "x")
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "slow: instructions min 6 -> 7" in line
    assert line.endswith("; lines: program.S: xor t4, t4, t4 (0 -> 1)")


KINDS = {
    "load": ("ld a0, 0(sp)", "lbu a0, 1(a1)", "c.ld a0, 8(a1)"),
    "store": ("sb a0, 3(a2)", "c.sdsp a0, 8(sp)"),
    "branch": ("beq a0, a1, 8", "c.beqz a0, 8"),
    "jump": ("jal ra, 16", "jalr ra, 0(a0)", "c.j 8", "c.jr ra", "c.jalr a0"),
    "lock": ("lr.w a0, (a1)", "amoswap.d a0, a1, (a2)"),
    "fence": ("fence rw, w",),
    "csr": ("csrrw a0, mstatus, a1",),
    "other": ("ecall", "add a0, a1, a2", "c.add a0, a1", "c.ebreak", "c.mv a0, a1"),
}


@pytest.mark.parametrize(("text", "kind"), [(text, kind) for kind, texts in KINDS.items() for text in texts])
def test_kinds(text: str, kind: str) -> None:
    assert kind_of(int.from_bytes(assemble_text(text), "little")) == kind
