# SPDX-License-Identifier: GPL-2.0-or-later
"""Watched areas of RAM: the run stops right behind each access to them, and is the same run all the same."""

from random import Random

import pytest
from one_hart import (
    A0,
    A1,
    A2,
    CODE,
    DATA,
    LOAD_PAGE,
    MACHINE,
    MSTATUS,
    NOP,
    RAM,
    SATP,
    SIZE,
    STATUS_FS,
    STATUS_MPP,
    STATUS_MPRV,
    STORE_MISALIGNED,
    STORE_PAGE,
    Trap,
    addi,
    amo,
    load,
    one_hart,
    store,
)

from emulator.engine import Engine, EngineConfig, StopReason, WatchHit
from emulator.errors import ReplugError

LR, SC, ADD, SWAP = 2, 3, 0, 1
FSD, FLD = 0x00B5_3027, 0x0005_3587  # fsd f11, 0(a0); fld f11, 0(a0)


@pytest.mark.parametrize("exact", [0, 1])
@pytest.mark.parametrize(
    ("words", "is_store", "width", "value"),
    [
        ([store(A1, A0)], True, 8, 0x1122_3344_5566_7788),
        ([store(A1, A0, 4, 4)], True, 4, 0x5566_7788),
        ([store(A1, A0, 7, 1)], True, 1, 0x88),
        ([store(A1, A0, -2, 4)], True, 4, 0x5566_7788),
        ([load(A2, A0)], False, 8, 0),
        ([load(A2, A0, 2, 2)], False, 2, 0),
        ([amo(ADD, A2, A0, A1)], True, 8, 0x1122_3344_5566_7788),
        ([amo(LR, A2, A0, 0)], False, 8, 0),
        ([FSD], True, 8, 0),
        ([FLD], False, 8, 0),
    ],
)
def test_stops_right_behind_the_access(
    words: list[int], is_store: bool, width: int, value: int, exact: int
) -> None:
    with one_hart(per_instruction=exact) as hart:
        hart[MSTATUS] = STATUS_FS
        hart.engine.watch(DATA + 16, 8, loads=True)
        hart.write(CODE, [NOP, NOP, *words, addi(A1, A1, 1), addi(A1, A1, 1)])
        hart.engine.set_x(0, A0, DATA + 16)
        hart.engine.set_x(0, A1, 0x1122_3344_5566_7788)
        hart.engine.set_pc(0, CODE)
        assert hart.engine.run(5) is StopReason.WATCH
        hit = hart.engine.watch_hit
        assert (hit.hart, hit.pc, hit.width, hit.is_store) == (0, CODE + 8, width, is_store)
        assert (hit.before, hit.value) == (0, value)
        assert hart.engine.total_instret == 3
        assert hart.engine.get_pc(0) == CODE + 12
        assert hart.engine.get_x(0, A1) == 0x1122_3344_5566_7788
        assert hart.engine.run(2) is StopReason.LIMIT
        assert hart.engine.get_x(0, A1) == 0x1122_3344_5566_778A


def test_a_reservation_and_its_store() -> None:
    with one_hart() as hart:
        hart.engine.watch(DATA, 8)
        hart.write(CODE, [amo(LR, A2, A0, 0), amo(SC, A2, A0, A1), amo(SC, A2, A0, A1), NOP])
        hart.engine.set_x(0, A0, DATA)
        hart.engine.set_x(0, A1, 5)
        hart.engine.set_pc(0, CODE)
        assert hart.engine.run(4) is StopReason.WATCH
        assert hart.engine.watch_hit == WatchHit(0, CODE + 4, DATA, 8, True, 0, 5)
        assert hart.engine.run(2) is StopReason.LIMIT  # an SC that fails stores nothing
        assert hart.engine.get_x(0, A2) == 1


def test_only_what_is_watched() -> None:
    with one_hart() as hart:
        number = hart.engine.watch(DATA + 16, 4)
        words = [store(A1, A0, 8), store(A1, A0, 20, 4), load(A1, A0, 16), store(A1, A0, 16, 1), NOP]
        hart.write(CODE, words)
        for watched in (True, False):
            hart.engine.set_x(0, A0, DATA)
            hart.engine.set_pc(0, CODE)
            reason = hart.engine.run(5)
            assert reason is (StopReason.WATCH if watched else StopReason.LIMIT)
            assert hart.engine.get_pc(0) == CODE + (16 if watched else 20)
            if watched:
                hart.engine.unwatch(number)
        with pytest.raises(ReplugError, match="there is none"):
            hart.engine.unwatch(number)


def test_a_page_that_has_been_stored_to_and_is_loaded_from_first() -> None:
    """The load must not open the page to stores on the way."""
    with one_hart(per_instruction=0) as hart:
        hart.write(CODE, [store(A1, A0), load(A2, A0), store(A1, A0, 8), NOP])
        hart.engine.set_x(0, A0, DATA)
        hart.engine.set_pc(0, CODE)
        assert hart.engine.run(4) is StopReason.LIMIT
        hart.engine.watch(DATA + 8, 8)
        hart.engine.set_pc(0, CODE + 4)
        assert hart.engine.run(4) is StopReason.WATCH
        assert hart.engine.watch_hit.pc == CODE + 8


@pytest.mark.parametrize(("address", "length"), [(0, 8), (RAM - 1, 2), (RAM + SIZE - 4, 8), (DATA, 0)])
def test_only_ram_can_be_watched(address: int, length: int) -> None:
    with one_hart() as hart, pytest.raises(ReplugError, match="cannot be watched"):
        hart.engine.watch(address, length)


@pytest.mark.parametrize("watched", [DATA + 0xFFC, DATA + 0x1000])
@pytest.mark.parametrize("offset", [0xFF9, 0xFFB, 0xFFE, 0xFFF])
def test_across_two_pages(watched: int, offset: int) -> None:
    value = 0x1122_3344_5566_7788
    with one_hart() as hart:
        hart.engine.watch(watched, 4, loads=True)
        hart.write(CODE, [store(A1, A0), load(A2, A0), NOP])
        hart.engine.set_x(0, A0, DATA + offset)
        hart.engine.set_x(0, A1, value)
        hart.engine.set_pc(0, CODE)
        for is_store in (True, False):
            assert hart.engine.run(3) is StopReason.WATCH
            hit = hart.engine.watch_hit
            behind = watched == DATA + 0x1000
            assert hit.is_store == is_store
            assert hit.address == (watched if behind else DATA + offset)
            assert hit.width == (offset + 8 - 0x1000 if behind else 0x1000 - offset)
            assert hit.value == (value >> 8 * (8 - hit.width) if behind else value & (1 << 8 * hit.width) - 1)
        assert hart.engine.get_x(0, A2) == value
        assert hart.read(DATA + offset) == value


PAGE = 1 << 30 | 0x5000


@pytest.mark.parametrize(
    ("word", "cause"), [(store(A1, A0), STORE_PAGE), (load(A2, A0), LOAD_PAGE), (amo(SWAP, A2, A0, A1), 15)]
)
@pytest.mark.parametrize("crossing", [False, True])
def test_exceptions_come_first(word: int, cause: int, crossing: bool) -> None:
    """The first page is mapped and watched, the second one is not there; what faults has done nothing."""
    table, target = DATA, DATA + 0x5000
    with one_hart() as hart:
        first, second = table + 0x1000, table + 0x2000
        hart.write(table + 8, [first >> 12 << 10 | 1], "Q")
        hart.write(first, [second >> 12 << 10 | 1], "Q")
        hart.write(second + 40, [target >> 12 << 10 | 0xC7], "Q")
        hart[SATP] = 8 << 60 | table >> 12
        hart[MSTATUS] = STATUS_MPRV | STATUS_MPP & 1 << 11
        hart.engine.watch(target, 4096, loads=True)
        address = PAGE + 0xFFC if crossing else PAGE + 0x1000
        trap = hart.step(MACHINE, word, a0=address, a1=7)
        if crossing and cause == 15 and word == amo(SWAP, A2, A0, A1):
            assert trap == Trap(STORE_MISALIGNED, address, CODE)
        else:
            assert trap == Trap(cause, PAGE + 0x1000, CODE)
        assert hart.read(target + 0xFF8) == 0


def program(source: Random) -> list[int]:
    """Loads, stores, atomics and arithmetic in blocks of all lengths, round and round."""
    words = []
    for _ in range(source.randrange(60, 200)):
        offset = source.randrange(0, 2040)
        width = source.choice((1, 2, 4, 8))
        kind = source.randrange(8)
        if kind == 0:
            words.append(store(A1, A0, offset, width))
        elif kind == 1:
            words.append(load(A2, A0, offset, width))
        elif kind == 2:
            words.append(amo(ADD, A2, A0, A1))
        elif kind == 3:
            words.append(0x0080_006F if source.random() < 0.5 else 0x0000_0463)  # j or beqz over the next
            words.append(addi(A1, A1, 3))
        else:
            words.append(addi(A1, A1, source.randrange(-9, 9)))
    back = 4 * len(words)
    immediate = -back & 0x1F_FFFF
    words.append(
        (immediate >> 20 & 1) << 31 | (immediate >> 1 & 0x3FF) << 21 | (immediate >> 11 & 1) << 20
        | (immediate >> 12 & 0xFF) << 12 | 0x6F
    )  # fmt: skip
    return words


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("harts", [1, 3])
def test_the_run_is_the_same_with_and_without(seed: int, harts: int) -> None:
    """Slices of all harts end where they would have ended, wherever the stops for watches are; also when the
    state is saved there and brought back.
    """
    source = Random(seed)
    words = program(source)
    quantum = source.choice((1, 5, 33, 100))
    seen = []
    for watches, saved in ((0, False), (1, False), (5, False), (5, True)):
        engine = Engine(
            EngineConfig(harts=harts, ram_size=1 << 20, quantum=quantum), lambda *_: None, lambda *_: False
        )
        engine.ram_write(RAM, b"".join((word & 0xFFFF_FFFF).to_bytes(4, "little") for word in words))
        for hart in range(harts):
            engine.set_pc(hart, RAM)
            engine.set_x(hart, A0, RAM + 0x8000)
        engine.record_schedule()
        picks = Random(seed + 1000)
        for _ in range(watches):
            address = RAM + 0x8000 + picks.randrange(2048)
            engine.watch(address, picks.randrange(1, 200), loads=picks.random() < 0.5)
        stops = 0
        end = 20_000
        while engine.total_instret < end:
            while engine.run(max(end - engine.total_instret, 0)) is StopReason.WATCH:
                stops += 1
                if saved:
                    engine.restore(engine.save())
        assert stops > 0 if watches == 5 else watches or not stops
        seen.append((engine.schedule(), engine.save(), bytes(engine.ram[0x8000:0x9000])))
        engine.close()
    assert seen[0] == seen[1] == seen[2] == seen[3]
