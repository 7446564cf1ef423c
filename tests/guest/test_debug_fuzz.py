# SPDX-License-Identifier: GPL-2.0-or-later
"""Random machines, run whole and cut at random places, with breakpoints and watchpoints: the same run.

Without address translation: random code changes page tables without saying so (sfence.vma), and what is still
in the TLB is no part of a state.
"""

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from emulator.engine import Access, Engine, StopReason

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_runner import Fuzzed
from fuzzing import PAGE, PAGES, RAM, Piece, is_bare, make_case

INSTRUCTIONS = 1500
SEEDS, GROUPS = 60, 5
_ENDS = {"LIMIT"}


def _disturb(engine: Engine, rng: Random) -> None:
    """Breakpoints and watchpoints where they may be met."""
    for number in range(rng.choice((0, 10))):
        page = rng.choice((engine.get_pc(0) & ~(PAGE - 1), RAM))
        engine.add_breakpoint(number, page + 2 * rng.randrange(PAGE // 2))
    for number in range(rng.choice((0, 4))):
        kind = rng.choice((Access.READ, Access.WRITE, Access.READ | Access.WRITE))
        place = RAM + PAGE * rng.randrange(PAGES) + 8 * rng.randrange(PAGE // 8)
        engine.add_watchpoint(
            100 + number, place, rng.choice((1, 8, 64, PAGE)), kind, physical=rng.random() < 0.5
        )
    engine.scan(rng.random() < 0.5)


def _in_pieces(engine: Engine, end: int, rng: Random) -> None:
    while engine.total_instret < end:
        count = min(rng.choice((1, 1, 2, 3, 7, 20, 100, 1000)), end - engine.total_instret)
        before = engine.total_instret
        reason = engine.run_instructions(count)
        if reason is StopReason.LIMIT:
            assert engine.total_instret == before + count
        elif reason is StopReason.BREAK:
            hit = engine.last_hit
            assert (engine.get_pc(hit.hart), engine.steps) == (hit.pc, hit.step)
            engine.pass_breakpoint(hit.hart)
        else:
            assert reason is StopReason.WATCHPOINT
        if rng.random() < 0.3:
            engine.restore(engine.save())


@pytest.mark.parametrize("group", range(GROUPS))
def test_however_it_is_cut_it_is_the_same_run(group: int) -> None:
    compared = 0
    for seed in range(group * SEEDS, (group + 1) * SEEDS):
        case = make_case(seed)
        if case.config.per_instruction or not is_bare(case):
            continue
        case = replace(case, pieces=[Piece(INSTRUCTIONS, "nothing", 0)])
        whole, cut = Fuzzed(case.config), Fuzzed(case.config)
        try:
            whole.run(case)
            if set(whole.reasons) != _ENDS:
                continue  # it went to sleep, or wild, or a device has had a hand in where it was cut
            cut.prepare(case)
            rng = Random(seed)
            _disturb(cut.engine, rng)
            _in_pieces(cut.engine, whole.engine.total_instret, rng)
            whole.engine.run(1)
            cut.engine.run(1)
            assert cut.digest() == whole.digest(), seed
            compared += 1
        finally:
            whole.close()
            cut.close()
    assert compared > 0
