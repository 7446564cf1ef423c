# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles --format callgrind`, as Valgrind's own reader understands it."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Replug
from programs import finish

from emulator.cycles.callgrind import callgrind
from emulator.cycles.code import CodeCosts
from guestos.images import GUESTOS, build, measure_images
from toolchain.assemble import assemble
from toolchain.image import Image

ROW = re.compile(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+(\S+):(\S+)")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (found,) = [image for image in measure_images() if image.name.endswith("invocation.elf")]
    return build(found, tmp_path_factory.mktemp("image"))


@pytest.fixture
def annotate(host_tool: Callable[[str, str], str]) -> Callable[..., str]:
    tool = host_tool("callgrind_annotate", "valgrind")

    def run(*arguments: object, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [tool, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, cwd=cwd
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def test_functions_as_callgrind_annotate_reads_them(
    replug: Replug, image: Path, tmp_path: Path, annotate: Callable[..., str]
) -> None:
    out, report = tmp_path / "callgrind.out", tmp_path / "report.json"
    done = replug("cycles", image, "-q", "--format", "callgrind", "-o", out, "--functions", "--json", report)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    result = json.loads(report.read_text())
    text = annotate("--threshold=100", "--auto=no", out)
    (total,) = re.findall(r"([\d,]+) \(100\.0%\)\s+PROGRAM TOTALS", text)
    assert int(total.replace(",", "")) == result["runs"][0]["instructions"]
    read = {
        match[3]: int(match[1].replace(",", ""))
        for match in map(ROW.match, text.splitlines())
        if match is not None and match[3] != "PROGRAM"
    }
    assert read == {row["function"]: row["instructions"] for row in result["functions"]}
    assert "measure/lib/print.S:print_character" in text and "[invocation.elf]" in text


def test_source_lines_are_annotated(
    replug: Replug, image: Path, tmp_path: Path, annotate: Callable[..., str]
) -> None:
    out = tmp_path / "callgrind.out"
    out.write_bytes(replug("cycles", image, "-q", "--format", "callgrind").stdout)
    text = annotate("--threshold=100", "--auto=yes", f"--include={GUESTOS}", out, cwd=GUESTOS)
    source = (GUESTOS / "measure/invocation.S").read_text()
    (line,) = [line for line in source.splitlines() if line.strip().startswith("REPLUG_INVOKE")]
    (annotated,) = [row for row in text.splitlines() if row.endswith(line)]
    assert annotated.split()[0] == "14,000"  # seven instructions, through two loops of 1000


def test_a_function_of_two_files(replug: Replug, tmp_path: Path, annotate: Callable[..., str]) -> None:
    """What an included file adds to a function stays the function's, and that file's."""
    (tmp_path / "middle.inc").write_text("addi t0, t0, 1\naddi t0, t0, 1\n")
    source = tmp_path / "whole.S"
    source.write_text(f'.globl _start\n_start:\n    nop\n#include "middle.inc"\n    nop\n{finish(0)}')
    image = assemble(
        [source], tmp_path / "whole.elf", link_script=GUESTOS / "measure/link.ld", include=[tmp_path],
        root=tmp_path,
    )  # fmt: skip
    out = tmp_path / "callgrind.out"
    assert replug("cycles", image, "-q", "--format", "callgrind", "-o", out).returncode == 0
    text = out.read_text()
    assert re.search(r"\nfi=\(\d+\) \S*middle\.inc\n1 1\n2 1\n\n", text), text
    rows = [
        match.groups() for match in map(ROW.match, annotate("--threshold=100", out).splitlines()) if match
    ]
    assert [(cost, function) for cost, file, function in rows if file.endswith("middle.inc")] == [
        ("2", "_start")
    ]


def test_odd_names_stay_on_their_line(image: Path) -> None:
    opened = Image.open(image)
    text = callgrind([CodeCosts("a\nfn=b", opened, {opened.entry: 3, 0x9000_0000: 4})], "test")
    assert "\nob=(1) a?fn=b\n" in text
    assert "\nfl=(2) ???\nfn=(2) other code 0x90000000 to 0x90000000\n0 4\n" in text
    assert text.endswith("\ntotals: 7\n")


# Costs are known: leaf 5, middle 6 and two calls of it, a recursion four deep, a trap that the code causes.
CALLS = f"""
    .globl _start
_start:
    la t0, handler
    csrw mtvec, t0
    la sp, top
    jal ra, middle
    li a0, 3
    jal ra, again
    ecall
{finish(0)}
    .type _start, @function
    .size _start, . - _start
    .macro FUNCTION name
    .balign 4
    .type \\name, @function
\\name:
    .endm
    FUNCTION middle
    mv s0, ra
    la t1, leaf
    jalr ra, t1
    jal ra, leaf
    jr s0
    .size middle, . - middle
    FUNCTION leaf
    nop
    nop
    nop
    nop
    ret
    .size leaf, . - leaf
    FUNCTION again
    beqz a0, 1f
    addi sp, sp, -16
    sd ra, 0(sp)
    addi a0, a0, -1
    jal ra, again
    ld ra, 0(sp)
    addi sp, sp, 16
1:  ret
    .size again, . - again
    FUNCTION handler
    csrr t1, mepc
    addi t1, t1, 4
    csrw mepc, t1
    jal ra, leaf
    mret
    .size handler, . - handler
    .bss
    .balign 16
    .skip 1024
top:
"""


def test_calls_and_inclusive_costs(replug: Replug, tmp_path: Path, annotate: Callable[..., str]) -> None:
    source = tmp_path / "calls.S"
    source.write_text(CALLS)
    image = assemble([source], tmp_path / "calls.elf", link_script=GUESTOS / "measure/link.ld", root=tmp_path)
    out = tmp_path / "callgrind.out"
    assert replug("cycles", image, "-q", "--format", "callgrind", "-o", out).returncode == 0
    rows = map(ROW.match, annotate("--threshold=100", "--inclusive=yes", "--auto=no", out).splitlines())
    inclusive = {match[3]: int(match[1].replace(",", "")) for match in rows if match is not None}
    leaf, middle, again = 5, 6, 3 * 8 + 2
    handler = 5
    assert inclusive["middle"] == middle + 2 * leaf
    assert inclusive["leaf"] == 3 * leaf
    assert inclusive["handler"] == handler + leaf
    own = 12
    assert inclusive["_start"] == own + (middle + 2 * leaf) + again + (handler + leaf)
    edges = re.findall(r"\ncfn=\(\d+\)(?: \w+)?\ncalls=(\d+) \d+\n\d+ (\d+)", out.read_text())
    assert sorted((int(calls), int(cost)) for calls, cost in edges) == sorted(
        [(1, leaf)] * 3 + [(1, middle + 2 * leaf), (1, again), (3, 2 + 10 + 18), (1, handler + leaf)]
    )  # fmt: skip
