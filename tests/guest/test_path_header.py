# SPDX-License-Identifier: GPL-2.0-or-later
"""The C header with the path marks: the same notes as from assembly, and no instruction for them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.cycles.models import IDEAL
from emulator.cycles.scenario import run_image
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble
from toolchain.image import PATH_BEGIN, PATH_END, PATH_IS, PATH_STEP, PATH_THREAD, PATH_VALUE, Image

HostTool = Callable[[str, str], str]
START = """
    .globl _start
_start:
    la sp, top
    jal main
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b
    .bss
    .balign 16
    .skip 4096
top:
"""

PROGRAM = """
#ifdef MARKED
#include "replug.h"
#else
#define REPLUG_PATH_BEGIN(name)
#define REPLUG_PATH_END(name)
#define REPLUG_PATH_STEP(name, step)
#define REPLUG_PATH_IS(name, variant)
#define REPLUG_PATH_VALUE(name, parameter, value)
#define REPLUG_PATH_THREAD(value)
#endif

volatile long cell;

__attribute__((noinline)) long sum(long count)
{
    long result = 0;
    REPLUG_PATH_BEGIN("sum");
    REPLUG_PATH_VALUE("sum", "count", count);
    REPLUG_PATH_STEP("sum", "loop");
    for (long i = 0; i < count; i++)
        result += cell;
    if (count == 0) {
        REPLUG_PATH_IS("sum", "sum of nothing");
        REPLUG_PATH_END("sum");
        return -1;
    }
    REPLUG_PATH_STEP("sum", "rest");
    cell = result;
    REPLUG_PATH_END("sum");
    return result;
}

long main(void)
{
    REPLUG_PATH_THREAD(&cell);
    sum(0);
    sum(3);
    return sum(5);
}
"""


def sources(directory: Path) -> list[Path]:
    (directory / "start.S").write_text(START)
    (directory / "program.c").write_text(PROGRAM)
    return [directory / "start.S", directory / "program.c"]


def made(directory: Path, *, marked: bool) -> Path:
    return assemble(
        sources(directory), directory / f"out{marked}.elf", link_script=GUESTOS / "measure/link.ld",
        include=[INCLUDE], defines={"MARKED": "1"} if marked else {}, root=directory,
    )  # fmt: skip


def test_every_kind_of_mark(tmp_path: Path) -> None:
    notes = Image.open(made(tmp_path, marked=True)).notes
    assert {(note.kind, note.name, note.detail) for note in notes} == {
        (PATH_BEGIN, "sum", ""), (PATH_END, "sum", ""), (PATH_VALUE, "sum", "count"),
        (PATH_STEP, "sum", "loop"), (PATH_STEP, "sum", "rest"), (PATH_IS, "sum", "sum of nothing"),
        (PATH_THREAD, "", ""),
    }  # fmt: skip
    assert all((note.register != 0) == (note.kind in (PATH_VALUE, PATH_THREAD)) for note in notes)


def test_costs_and_values(tmp_path: Path) -> None:
    run = run_image(made(tmp_path, marked=True), MachineOptions(), [IDEAL])
    assert run.outcome.status == 0
    whole = {cost.full_label: cost.instructions for cost in run.costs if not cost.step}
    assert list(whole) == ["sum (count 3)", "sum (count 5)", "sum of nothing (count 0)"]
    three, five = whole["sum (count 3)"], whole["sum (count 5)"]
    steps = {
        (cost.step, cost.parameters["count"]): cost.instructions.median for cost in run.costs if cost.step
    }
    loop = (steps["loop", 5] - steps["loop", 3]) // 2
    assert loop >= 3  # a load, an addition and the loop's own
    assert five.median - three.median == 2 * loop
    assert steps["rest", 3] == steps["rest", 5] >= 1


def test_marks_cost_no_instruction(tmp_path: Path) -> None:
    """The code is the same to the byte with the marks and without."""
    program = """
    volatile long cell;
    long main(void)
    {
        cell = 1;
        MARK(REPLUG_PATH_BEGIN("path"));
        long value = cell;
        MARK(REPLUG_PATH_STEP("path", "step"));
        MARK(REPLUG_PATH_VALUE("path", "value", value));
        cell = value;
        MARK(REPLUG_PATH_IS("path", "+variant"));
        MARK(REPLUG_PATH_END("path"));
        cell = 3;
        return 0;
    }
    """
    code = []
    for define in ("MARK(mark)=mark", "MARK(mark)="):
        (tmp_path / "start.S").write_text(START)
        (tmp_path / "program.c").write_text('#include "replug.h"\n' + program)
        name, _, value = define.partition("=")
        image = Image.open(
            assemble([tmp_path / "start.S", tmp_path / "program.c"], tmp_path / "out.elf",
                     link_script=GUESTOS / "measure/link.ld", include=[INCLUDE], defines={name: value},
                     root=tmp_path)
        )  # fmt: skip
        code.append([segment.data for segment in image.segments])
        assert len(image.notes) == (5 if value else 0)
    assert code[0] == code[1]


@pytest.mark.parametrize("optimise", ["-O0", "-O2"])
def test_gcc_takes_it_too(host_tool: HostTool, tmp_path: Path, optimise: str) -> None:
    gcc = host_tool("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf")
    out = tmp_path / "out.elf"
    script = GUESTOS / "measure/link.ld"
    subprocess.run(
        [gcc, "-march=rv64imac_zicsr", "-mabi=lp64", "-mcmodel=medany", "-nostdlib", "-static", optimise,
         "-DMARKED", "-I", INCLUDE, "-T", script, *sources(tmp_path), "-o", out],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    run = run_image(out, MachineOptions(), [IDEAL])
    assert [cost.full_label for cost in run.costs if not cost.step] == [
        "sum (count 3)", "sum (count 5)", "sum of nothing (count 0)"
    ]  # fmt: skip
