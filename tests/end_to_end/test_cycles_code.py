# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles --functions` and `--lines`: every instruction that retired is told of, exactly once."""

import csv
import json
import struct
from io import StringIO
from pathlib import Path

import pytest
from command import Guest, Replug, one_line
from programs import finish

from emulator import MachineOptions
from emulator.cycles.code import CodeCosts
from emulator.cycles.models import IDEAL
from emulator.cycles.scenario import run_image
from guestos.images import SCENARIO, build_all
from toolchain.image import Image

# A function that is called 10 times, has a label inside it, and is followed by one that is never called.
CALLS = f"""
    li s0, 10
again:
    call work
    addi s0, s0, -1
    bnez s0, again
    j over
    .type work, @function
work:
    li t0, 1
inside:
    addi t0, t0, 1
    ret
    .size work, . - work
    .type never, @function
never:
    nop
    nop
    ret
    .size never, . - never
over:
    {finish(0)}
"""

# Copies a routine of 4 instructions behind the image and runs it 7 times.
COPIES = f"""
    la t0, routine
    li t1, 0x80200000
    ld t2, 0(t0)
    sd t2, 0(t1)
    ld t2, 8(t0)
    sd t2, 8(t1)
    fence.i
    li s0, 7
1:  jalr t1
    addi s0, s0, -1
    bnez s0, 1b
    {finish(0)}
    .balign 8
    .option norvc
routine:
    nop
    nop
    nop
    ret
"""


def without_symbols(image: Path, file: Path) -> Path:
    """The same ELF without a section header table, as `strip --strip-section-headers` leaves it."""
    data = bytearray(image.read_bytes())
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<3H", data, 58, 0, 0, 0)
    file.write_bytes(data)
    return file


def test_functions(replug: Replug, guest: Guest) -> None:
    done = replug("cycles", guest(CALLS), "-q", "--functions", "--json", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    result = json.loads(done.stdout)
    rows = {row["function"]: row for row in result["functions"]}
    assert (rows["work"]["instructions"], rows["work"]["executions"]) == (30, 10)
    assert "inside" not in rows and "never" not in rows
    assert rows["again"]["executions"] == 10
    (run,) = result["runs"]
    assert sum(row["instructions"] for row in result["functions"]) == run["instructions"]
    assert sum(row["share"] for row in result["functions"]) == pytest.approx(1)
    costs = [row["instructions"] for row in result["functions"]]
    assert costs == sorted(costs, reverse=True)


def test_lines(replug: Replug, guest: Guest) -> None:
    image = guest(CALLS)
    done = replug("cycles", image, "-q", "--lines", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = list(csv.DictReader(StringIO(done.stdout.decode())))
    work = [row for row in rows if row["function"] == "work"]
    assert [(row["instructions"], row["executions"]) for row in work] == [("10", "10")] * 3
    first = 4 + CALLS.splitlines().index("    li t0, 1")  # the fixture puts three lines in front
    assert sorted(int(row["line"]) for row in work) == [first, first + 2, first + 3]
    assert all(row["file"].endswith(".s") for row in rows)
    functions = list(csv.DictReader(StringIO(
        replug("cycles", image, "-q", "--functions", "--format", "csv").stdout.decode()
    )))  # fmt: skip
    assert sum(int(row["instructions"]) for row in rows) == sum(int(row["instructions"]) for row in functions)


def test_table(replug: Replug, guest: Guest) -> None:
    text = replug("cycles", guest(CALLS), "-q", "--functions", "--lines").stdout.decode()
    assert "code by function" in text and "code by source line" in text
    (row,) = [line.split() for line in text.splitlines() if line.split()[:1] == ["work"]]
    assert row[1] == "30" and row[3] == "10"


def test_code_that_is_not_of_the_image(replug: Replug, guest: Guest) -> None:
    result = json.loads(replug("cycles", guest(COPIES), "-q", "--functions", "--json", "-").stdout)
    (other,) = [row for row in result["functions"] if row["function"].startswith("other code")]
    assert other["function"] == "other code 0x80200000 to 0x8020000c"
    assert (other["instructions"], other["executions"], other["address"]) == (28, 7, 0x8020_0000)


def test_without_symbols(replug: Replug, guest: Guest, tmp_path: Path) -> None:
    """What was a function is a range; what never ran parts two ranges."""
    image = without_symbols(guest(CALLS), tmp_path / "stripped.elf")
    done = replug("cycles", image, "--functions", "--json", "-")
    assert done.returncode == 0
    assert f"replug: {image}: it has no symbols; its code is told by address\n" in done.stderr.decode()
    result = json.loads(done.stdout)
    assert all(row["function"].startswith("code without a symbol 0x8000") for row in result["functions"])
    assert len(result["functions"]) == 2
    assert sum(row["instructions"] for row in result["functions"]) == result["runs"][0]["instructions"]
    assert result["functions"][0]["executions"] == 1


def test_one_table_at_a_time(replug: Replug, guest: Guest) -> None:
    line = one_line(replug("cycles", guest(CALLS), "--functions", "--lines", "--format", "csv"))
    assert "--functions or --lines" in line


def test_loaded_elsewhere_than_it_runs(guest: Guest) -> None:
    """Symbols are of virtual addresses, counts of physical ones."""
    data = bytearray(guest(CALLS).read_bytes())
    (headers,) = struct.unpack_from("<H", data, 56)
    moved = 0x4000_0000
    for at in range(64, 64 + 56 * headers, 56):
        physical = struct.unpack_from("<Q", data, at + 24)[0]
        if physical:
            struct.pack_into("<Q", data, at + 24, physical + moved)
    image = Image.read(bytes(data), Path("moved.elf"))
    work = image.symbol("work")
    assert work is not None
    code = CodeCosts("moved", image, {work.address + moved: 5, work.address: 3})
    here, there = code.functions()
    assert (here.place.name, here.instructions) == ("work", 5)
    assert there.place.name.startswith("other code")


def test_kernel_and_its_programs_add_up(tmp_path: Path) -> None:
    """Four harts, page tables, traps, programs of the guest's own and code made at run time."""
    built = build_all(tmp_path, data=b"some text\n" * 30_000)
    run = run_image(
        built.kernel,
        MachineOptions(harts=4, quantum=200, disk=built.disk, bootargs=SCENARIO),
        [IDEAL],
        max_instructions=30_000_000,
        with_code=True,
    )
    assert run.code is not None
    functions, lines = run.code.functions(), run.code.lines()
    assert sum(cost.instructions for cost in functions) == run.instructions == run.code.instructions
    assert sum(cost.instructions for cost in lines) == run.instructions
    names = {cost.place.name for cost in functions}
    assert {"trap_vector", "sys_read", "is_read"} <= names
    assert sum(name.startswith("other code") for name in names) >= 2
    by_file = {cost.line[0] for cost in lines if cost.line is not None}
    assert {"kernel/is_read.S", "kernel/trap.S"} <= by_file
