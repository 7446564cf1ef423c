# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine may have beyond RV64GC: there when asked for, illegal when not, counted once either way."""

import pytest
from one_hart import (
    A0,
    A1,
    A2,
    CODE,
    DATA,
    HANDLER,
    ILLEGAL,
    INTERRUPT,
    MACHINE,
    MCOUNTEREN,
    MIDELEG,
    MIE,
    MIP,
    MISA,
    MSTATUS,
    MTVEC,
    NOP,
    RAM,
    SATP,
    SFENCE,
    SIE,
    SIP,
    STATUS_MPP,
    STATUS_MPRV,
    STORE_PAGE,
    SUPERVISOR,
    SUPERVISOR_HANDLER,
    USER,
    WFI,
    OneHart,
    Trap,
    addi,
    csrr,
    csrw,
    load,
    one_hart,
    store,
)

from emulator.engine import EXTENSIONS, Engine, EngineConfig, StopReason

STIMECMP, STIMECMPH, MENVCFG, MENVCFGH = 0x14D, 0x15D, 0x30A, 0x31A
STCE, ADUE = 1 << 63, 1 << 61
TIMER = 5  # the supervisor's: a bit of mip
TICK = 100
ALL = sum(EXTENSIONS.values())


def operation(function7: int, function3: int, opcode: int = 0x33, rs2: int = A2) -> int:
    return function7 << 25 | rs2 << 20 | A1 << 15 | function3 << 12 | A0 << 7 | opcode


SH1ADD, CPOP, BSET, CZERO_EQZ, CZERO_NEZ = (
    operation(0x10, 2),
    operation(0x30, 1, 0x13, 2),
    operation(0x14, 1),
    operation(0x07, 5),
    operation(0x07, 7),
)
CTZW = operation(0x30, 1, 0x1B, 1)
SAMPLES = {"zba": (SH1ADD, 23), "zbb": (CPOP, 3), "zbs": (BSET, 519), "zicond": (CZERO_NEZ, 0)}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("mode", [USER, SUPERVISOR, MACHINE])
@pytest.mark.parametrize("exact", [0, 1])
def test_each_extension_is_there_or_illegal(name: str, mode: int, exact: int) -> None:
    word, result = SAMPLES[name]
    with one_hart(extensions=EXTENSIONS[name], per_instruction=exact) as hart:
        hart.run(mode, [NOP, word, NOP], a1=7, a2=9)
        assert hart.engine.get_x(0, A0) == result
        assert hart.engine.traps(0) == 0
    with one_hart(extensions=ALL & ~EXTENSIONS[name], per_instruction=exact) as hart:
        assert hart.step(mode, word, a1=7, a2=9) == Trap(ILLEGAL, word, CODE)
        assert hart.engine.get_x(0, A0) == 0


@pytest.mark.parametrize("exact", [0, 1])
@pytest.mark.parametrize("at", [CODE, CODE + 0xFFE], ids=["in a page", "across two pages"])
def test_they_count_once(exact: int, at: int) -> None:
    """In a block, at its start, after others; and each address by its own count."""
    words = [SH1ADD, SH1ADD, addi(A2, A0, 0), SH1ADD, CPOP, CZERO_EQZ, addi(A0, A0, 1)]
    with one_hart(extensions=ALL, per_instruction=exact, quantum=1) as hart:
        for run in range(1, 4):
            before = hart.engine.total_instret
            hart.run(MACHINE, words, at=at, count=len(words), a1=5, a2=1)
            # Counting by block, the jump behind the last one belongs to the same block.
            assert hart.engine.total_instret - before == len(words) + (not exact)
            assert hart.engine.get_x(0, A0) == 6
            assert hart.engine.get_pc(0) == at + 4 * len(words)
            counts = hart.engine.counts(at & ~0xFFF) | hart.engine.counts((at & ~0xFFF) + 0x1000)
            assert [counts[at + 4 * i] for i in range(len(words))] == [run] * len(words)


@pytest.mark.parametrize("xlen", [32, 64])
@pytest.mark.parametrize("value", [0, 1, 1 << 31, (1 << 64) - 1, 0x1234_5678_9ABC_DEF0])
@pytest.mark.parametrize("condition", [0, 1, 1 << 31, 1 << 32, 1 << 63])
def test_conditional_zero(xlen: int, value: int, condition: int) -> None:
    top = (1 << xlen) - 1
    with one_hart(xlen=xlen, extensions=EXTENSIONS["zicond"]) as hart:
        for word, when in ((CZERO_EQZ, condition & top == 0), (CZERO_NEZ, condition & top != 0)):
            hart.run(MACHINE, [word], a1=value, a2=condition)
            assert hart.engine.get_x(0, A0) == (0 if when else value & top)


@pytest.mark.parametrize(
    ("value", "zeros"), [(1 << 63, 32), (0, 32), (1 << 31, 31), (0xFFFF_FFFF_0000_0010, 4)]
)
def test_ctzw_sees_the_low_word_only(value: int, zeros: int) -> None:
    with one_hart(extensions=ALL) as hart:
        hart.run(MACHINE, [CTZW], a1=value)
        assert hart.engine.get_x(0, A0) == zeros


def test_64_bit_encodings_are_illegal_with_32_bits() -> None:
    with one_hart(xlen=32, extensions=ALL) as hart:
        for word in (CTZW, operation(0x04, 0, 0x3B), operation(0x31, 5, 0x13)):
            assert hart.step(MACHINE, word) == Trap(ILLEGAL, word, CODE)


def test_second_half_that_becomes_another_instruction() -> None:
    """The first half of sh1add is that of slt: what it is depends on the page behind."""
    at, behind = CODE + 0xFFE, CODE + 0x1000
    slt = operation(0, 2)
    with one_hart(extensions=ALL) as hart:
        for _ in range(2):
            for word, result in ((SH1ADD, 15), (slt, 1), (operation(0x0E, 2), None)):
                hart.write(at, [word & 0xFFFF], "H")
                hart.write(behind, [word >> 16], "H")
                trap = hart.step_at(MACHINE, at, a1=3, a2=9)
                if result is None:
                    assert trap == Trap(ILLEGAL, word, at)
                else:
                    assert (trap, hart.engine.get_x(0, A0)) == (None, result)


def test_misa_has_b_when_all_three_are_there() -> None:
    for extensions, expected in ((ALL, 2), (ALL & ~EXTENSIONS["zbs"], 0), (0, 0)):
        with one_hart(extensions=extensions) as hart:
            assert hart[MISA] & 2 == expected


# --- the supervisor's timer (Sstc) ---


@pytest.fixture
def timer() -> OneHart:
    """S-mode may use it, and its interrupt goes to S-mode."""
    hart = OneHart(extensions=EXTENSIONS["sstc"], quantum=1)
    hart[MENVCFG] = STCE
    hart[MCOUNTEREN] = 2
    hart[MIDELEG] = 1 << TIMER
    hart[MIE] = 1 << TIMER
    return hart


def test_stimecmp_sets_the_bit(timer: OneHart) -> None:
    assert timer[STIMECMP] == (1 << 64) - 1
    assert not timer[MIP] & 1 << TIMER
    timer[STIMECMP] = 0
    assert timer[MIP] & timer[SIP] & 1 << TIMER
    timer[MIP] = 0  # read-only while the timer drives it
    timer[SIP] = 0
    assert timer[MIP] & 1 << TIMER
    timer[STIMECMP] = 1
    assert not timer[MIP] & 1 << TIMER
    timer[MIP] = 1 << TIMER
    assert not timer[MIP] & 1 << TIMER


def test_without_stce_the_bit_is_software_s(timer: OneHart) -> None:
    timer[MENVCFG] = 0
    timer[STIMECMP] = 0
    assert not timer[MIP] & 1 << TIMER
    timer[MIP] = 1 << TIMER
    assert timer[MIP] & 1 << TIMER
    timer[MIP] = 0
    assert not timer[MIP] & 1 << TIMER


@pytest.mark.parametrize("width", [64, 32])
def test_who_may_reach_stimecmp(width: int) -> None:
    low, high = (MENVCFG, None) if width == 64 else (None, MENVCFGH)
    with one_hart(xlen=width, extensions=EXTENSIONS["sstc"]) as hart:
        for number in (STIMECMP, STIMECMPH):
            there = number == STIMECMP or width == 32
            for enabled in (False, True):
                for counters in (0, 2):
                    hart[low or high or 0] = (STCE if low else STCE >> 32) if enabled else 0
                    hart[MCOUNTEREN] = counters
                    word = csrr(A0, number)
                    for mode in (USER, SUPERVISOR, MACHINE):
                        legal = there and (
                            mode == MACHINE or (mode == SUPERVISOR and enabled and counters == 2)
                        )
                        expected = None if legal else Trap(ILLEGAL, word, CODE)
                        assert hart.step(mode, word) == expected, (number, enabled, counters, mode)


def test_without_sstc_there_is_nothing() -> None:
    with one_hart(extensions=ALL & ~EXTENSIONS["sstc"]) as hart:
        assert hart.step(MACHINE, csrr(A0, STIMECMP)) == Trap(ILLEGAL, csrr(A0, STIMECMP), CODE)
        hart[MENVCFG] = (1 << 64) - 1
        assert hart[MENVCFG] == ADUE | 1
    with one_hart() as hart:
        hart[MENVCFG] = (1 << 64) - 1
        assert hart[MENVCFG] == 1


def test_both_halves_with_32_bits() -> None:
    with one_hart(xlen=32, extensions=EXTENSIONS["sstc"]) as hart:
        assert (hart[STIMECMP], hart[STIMECMPH]) == (0xFFFF_FFFF, 0xFFFF_FFFF)
        hart[STIMECMP] = 0x89AB_CDEF
        hart[STIMECMPH] = 0x0123_4567
        assert (hart[STIMECMP], hart[STIMECMPH]) == (0x89AB_CDEF, 0x0123_4567)
        hart[MENVCFGH] = STCE >> 32
        assert not hart[MIP] & 1 << TIMER
        hart[STIMECMPH] = 0
        hart[STIMECMP] = 0
        assert hart[MIP] & 1 << TIMER


def test_interrupt_at_its_time(timer: OneHart) -> None:
    """The supervisor sleeps until then, and finds the time when it wakes."""
    timer.write(CODE, [csrw(STIMECMP, A0), WFI, NOP])
    timer[0x100] = 2  # sstatus.SIE
    timer.go(SUPERVISOR, CODE, 3, a0=40)
    assert timer.trap() == Trap(INTERRUPT | TIMER, 0, CODE + 8, SUPERVISOR)
    assert timer.engine.now == 40 * TICK + 1  # the handler's first instruction
    assert timer.engine.get_pc(0) == SUPERVISOR_HANDLER


def test_a_time_that_has_passed_interrupts_at_once(timer: OneHart) -> None:
    timer[0x100] = 2
    timer.run(SUPERVISOR, [NOP, csrw(STIMECMP, 0), NOP, NOP], count=2)
    assert timer.trap() == Trap(INTERRUPT | TIMER, 0, CODE + 8, SUPERVISOR)


def test_enabling_the_timer_interrupts_at_once(timer: OneHart) -> None:
    timer[MENVCFG] = 0
    timer[STIMECMP] = 0
    timer[MIDELEG] = 0
    timer[MSTATUS] = 8
    timer.run(MACHINE, [NOP, csrw(MENVCFG, A0), NOP], count=2, a0=STCE)
    assert timer.trap() == Trap(INTERRUPT | TIMER, 0, CODE + 8)


def test_timer_survives_being_saved(timer: OneHart) -> None:
    timer[STIMECMP] = 7
    state = timer.engine.save()
    with one_hart(extensions=EXTENSIONS["sstc"], quantum=1) as other:
        other.engine.restore(state)
        other[MIE] = 1 << TIMER
        other.write(CODE, [WFI, NOP])
        other.go(SUPERVISOR, CODE, 2)
        assert other.engine.now == 7 * TICK + 1


def test_a_hart_sleeps_until_its_supervisor_timer_while_another_works() -> None:
    engine = Engine(
        EngineConfig(harts=2, ram_size=1 << 20, extensions=EXTENSIONS["sstc"], quantum=100),
        lambda *_: None,
        lambda *_: False,
    )
    engine.ram_write(
        RAM, b"".join(word.to_bytes(4, "little") for word in (WFI, addi(A0, A0, 1), 0xFFDF_F06F))
    )
    engine.ram_write(RAM + 0x100, (0x6F).to_bytes(4, "little"))
    engine.set_pc(0, RAM)
    engine.set_pc(1, RAM + 0x100)
    for number, value in ((MENVCFG, STCE), (STIMECMP, 200), (MIE, 1 << TIMER)):
        assert engine.set_csr(0, number, value)
    assert engine.run(19_000) is StopReason.LIMIT
    assert engine.get_x(0, A0) == 0
    engine.run(10_000)
    assert engine.get_x(0, A0) > 0
    engine.close()


# --- A and D bits (Svadu and Svade) ---

TABLE = DATA
PAGE = 1 << 30 | 0x5000  # mapped to DATA's neighbour


def paged(hart: OneHart, bits: int) -> int:
    """One page in Sv39 at PAGE with these bits in its entry; the entry's address."""
    target = DATA + 0x5000
    first, second = TABLE + 0x1000, TABLE + 0x2000
    for address, entry in (
        (TABLE + 8 * (PAGE >> 30), first >> 12 << 10 | 1),
        (first, second >> 12 << 10 | 1),
        (second + 8 * 5, target >> 12 << 10 | bits),
    ):
        hart.write(address, [entry], "Q")
    hart[SATP] = 8 << 60 | TABLE >> 12
    return second + 8 * 5


VRW, ACCESSED, DIRTY = 7, 1 << 6, 1 << 7


@pytest.mark.parametrize("hardware", [0, 1])
@pytest.mark.parametrize("enabled", [None, False, True])
def test_a_and_d_bits(hardware: int, enabled: bool | None) -> None:
    """menvcfg.ADUE decides where there is one; at first it is what hardware_ad says."""
    extensions = 0 if enabled is None else EXTENSIONS["svadu"]
    with one_hart(hardware_ad=hardware, extensions=extensions) as hart:
        assert bool(hart[MENVCFG] & ADUE) == bool(hardware and extensions)
        if enabled is not None:
            hart[MENVCFG] = ADUE if enabled else 0
        sets = hardware if enabled is None else enabled
        entry = paged(hart, VRW)
        hart[MSTATUS] = STATUS_MPRV | STATUS_MPP & 1 << 11
        trap = hart.step(MACHINE, store(A1, A0), a0=PAGE)
        assert trap == (None if sets else Trap(STORE_PAGE, PAGE, CODE))
        assert hart.read(entry) & (ACCESSED | DIRTY) == (ACCESSED | DIRTY if sets else 0)
        entry = paged(hart, VRW)
        hart[MSTATUS] = STATUS_MPRV | STATUS_MPP & 1 << 11
        trap = hart.step(MACHINE, load(A1, A0), a0=PAGE)
        assert (trap is None) == bool(sets)
        assert hart.read(entry) & (ACCESSED | DIRTY) == (ACCESSED if sets else 0)


def test_switching_adue_off_takes_effect_after_sfence() -> None:
    with one_hart(extensions=EXTENSIONS["svadu"]) as hart:
        paged(hart, VRW)
        hart.write(CODE, [load(A1, A0), csrw(MENVCFG, 0), SFENCE, store(A1, A0)])
        hart[MSTATUS] = STATUS_MPRV | STATUS_MPP & 1 << 11
        hart[MTVEC] = HANDLER
        hart.go(MACHINE, CODE, 4, a0=PAGE)
        assert hart.trap() == Trap(STORE_PAGE, PAGE, CODE + 12)


def test_sie_shows_the_supervisor_s_timer_only_when_delegated(timer: OneHart) -> None:
    assert timer[SIE] == 1 << TIMER
    timer[MIDELEG] = 0
    assert timer[SIE] == 0
