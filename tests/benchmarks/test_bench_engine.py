# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug bench engine`: every row is measured, and what it measures is what it says. No time is judged."""

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from emulator.bench import program as programs
from emulator.bench.engine import BENCHMARKS, Benchmark, Settings, alternate
from emulator.bench.program import Program
from emulator.bench.row import Wanted, alone, compared
from emulator.bench.runner import EngineRunner, RawRunner
from emulator.cli.bench import bench
from emulator.engine.raw import RawMode

TINY = Settings(repetitions=1, scale=0.0005)
ROWS = {
    "exact-integer", "exact-branchy", "memory-vs-default", "coremark-like", "vs-qemu-icount", "vs-qemu",
    "vs-spike", "slice-cost", "four-harts-slice-1000", "slice-1", "trap", "mmio-device", "mmio-uart",
    "csr-minstret", "wfi", "tlb-fill", "counts-by-address", "restore", "python-hook",
}  # fmt: skip


def test_the_rows_that_are_promised_are_there() -> None:
    names = [entry.name for entry in BENCHMARKS]
    assert set(names) >= ROWS
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("entry", BENCHMARKS, ids=lambda entry: entry.name)
def test_row(entry: Benchmark) -> None:
    missing = entry.missing()
    if missing is not None:
        pytest.skip(missing)
    row = entry.measure(TINY)
    assert row.name == entry.name
    assert math.isfinite(row.value) and row.spread[0] <= row.spread[1]
    assert (row.peer is None) == (row.ratio is None) == (row.peer_value is None)
    assert row.as_json().keys() >= {"name", "value", "unit", "peer", "ratio", "spread"}


@pytest.mark.parametrize(
    ("program", "iterations"),
    [
        (programs.EXACT_INTEGER, 300),
        (programs.EXACT_BRANCHY, 300),
        (programs.COREMARK_LIKE, 1),
    ],
    ids=lambda value: value.name if isinstance(value, Program) else None,
)
@pytest.mark.parametrize("quantum", [7, 1000, 1 << 60])
def test_counts_equal_those_of_a_hook_on_each_instruction(
    program: Program, iterations: int, quantum: int
) -> None:
    """The hook stops in front of the final `wfi`, which our hart retires."""
    ours = EngineRunner(program, quantum=quantum).run(iterations)
    hooked = RawRunner(program, RawMode.HOOK).run(iterations)
    assert ours.instructions == hooked.instructions + 1
    assert ours.result == hooked.result != 0


LOOPS = [
    (programs.EXACT_INTEGER, 64),
    (programs.TRAPS, 6),  # the ecall itself does not retire
    (programs.MMIO_DEVICE, 18),
    (programs.MMIO_CLINT, 18),
    (programs.CSR_MINSTRET, 18),
    (programs.CSR_TIME, 18),
    (programs.WFI, 5),
    (programs.TLB, 2 + 3 * 256 + 2),
    (programs.MEMORY, 2 + (8 * 4 + 3) * (2 << 20) // 64 + 1 + 6 * -(-(2 << 20) // 1040) + 2),
]


@pytest.mark.parametrize(("program", "instructions"), LOOPS, ids=[program.name for program, _ in LOOPS])
def test_an_iteration_has_as_many_instructions_as_its_source(program: Program, instructions: int) -> None:
    runner = EngineRunner(program)
    counts = [runner.run(iterations).instructions for iterations in (1, 2, 12)]
    assert counts[1] - counts[0] == instructions
    assert counts[2] - counts[0] == 11 * instructions


def test_counts_by_address_add_up() -> None:
    runner = EngineRunner(programs.COREMARK_LIKE)
    total = runner.run(2).instructions + runner.run(1).instructions
    assert sum(runner.counts().values()) == total


def test_blocks_are_as_long_as_the_rows_say() -> None:
    """About five instructions in exact-branchy, 64 in exact-integer."""
    assert 4 <= _mean_block(programs.EXACT_BRANCHY) <= 6
    assert _mean_block(programs.EXACT_INTEGER) > 50


def _mean_block(program: Program) -> float:
    # A quantum of one ends each slice, and so each round of one hart, at the next block border.
    run = EngineRunner(program, quantum=1).run(200)
    return run.instructions / run.rounds


def test_four_harts_do_four_times_the_work() -> None:
    one = EngineRunner(programs.COREMARK_LIKE).run(2)
    four = EngineRunner(programs.COREMARK_LIKE, harts=4, quantum=100).run(2)
    assert four.instructions == 4 * one.instructions
    assert four.result == one.result != 0


def test_slices_of_single_instructions_retire_the_same() -> None:
    if not EngineRunner.can_count_single_instructions():
        pytest.skip("this engine has block slices only")
    blocks = EngineRunner(programs.EXACT_BRANCHY).run(50)
    single = EngineRunner(programs.EXACT_BRANCHY, quantum=1, per_instruction=True).run(50)
    assert (single.instructions, single.result) == (blocks.instructions, blocks.result)
    assert single.rounds >= single.instructions


def test_alternate_takes_turns() -> None:
    calls: list[str] = []

    def call(who: str, value: float) -> float:
        calls.append(who)
        return value

    pairs = alternate(lambda: call("a", 1.0), lambda: call("b", 2.0), 2)
    assert pairs == [(1.0, 2.0), (1.0, 2.0)]
    assert calls == ["a", "b", "a", "b", "b", "a"]


def test_ratio_above_one_is_better_for_us() -> None:
    fast = compared("x", "MIPS", [(10.0, 5.0), (9.0, 3.0), (8.0, 8.0)], "peer", wanted=Wanted(2.5))
    assert (fast.value, fast.peer_value, fast.ratio, fast.spread) == (9.0, 5.0, 2.0, (1.0, 3.0))
    assert fast.reached is False
    cheap = compared("x", "ns", [(10.0, 20.0)], "peer", less_is_better=True, wanted=Wanted(2.0))
    assert cheap.ratio == 2.0 and cheap.reached is True
    assert alone("x", "ns", [1.0, 3.0, 2.0], Wanted(2.0, of_value=True, at_most=True)).reached is True
    assert alone("x", "ns", [1.0, 3.0, 2.5], Wanted(2.0, of_value=True, at_most=True)).reached is False
    assert alone("x", "ns", [1.0]).reached is None


def test_command_line(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    arguments = [
        "engine",
        "--row",
        "exact-integer",
        "--scale",
        "0.001",
        "--repetitions",
        "3",
        "--json",
        str(file),
    ]
    done = CliRunner().invoke(bench, arguments, catch_exceptions=False)
    assert "exact-integer" in done.output and "Unicorn," in done.output and "…" not in done.output
    written = json.loads(file.read_text())
    assert written["bench"] == "engine"
    (row,) = written["rows"]
    assert row["name"] == "exact-integer" and row["unit"] == "MIPS"
    assert row["peer"] == "raw Unicorn, virtual TLB"
    assert row["spread"][0] <= row["ratio"] <= row["spread"][1]


def test_a_row_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Exception, match="no row 'nonsense'"):
        CliRunner().invoke(bench, ["--row", "nonsense"], catch_exceptions=False)
