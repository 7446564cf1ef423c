# SPDX-License-Identifier: GPL-2.0-or-later
"""CSRs by the privileged manual: who may reach which, legal values, counters and their enables, views.

Numbers of sections are those of version 1.12 ("The RISC-V Instruction Set Manual, Volume II").
"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_hart import (
    A0,
    A1,
    A2,
    A3,
    CODE,
    CYCLE,
    ECALL,
    ILLEGAL,
    INSTRET,
    MACHINE,
    MCAUSE,
    MCOUNTEREN,
    MCOUNTINHIBIT,
    MCYCLE,
    MEDELEG,
    MEPC,
    MIDELEG,
    MIE,
    MINSTRET,
    MIP,
    MISA,
    MRET,
    MSCRATCH,
    MSTATUS,
    MTVEC,
    NOP,
    SATP,
    SCAUSE,
    SCOUNTEREN,
    SEPC,
    SFENCE,
    SIE,
    SIP,
    SRET,
    SSCRATCH,
    SSTATUS,
    STATUS_FS,
    STATUS_MIE,
    STATUS_MPIE,
    STATUS_MPP,
    STATUS_MPRV,
    STATUS_MXR,
    STATUS_SD,
    STATUS_SIE,
    STATUS_SPIE,
    STATUS_SPP,
    STATUS_SUM,
    STATUS_TSR,
    STATUS_TVM,
    STATUS_TW,
    STVEC,
    SUPERVISOR,
    TIME,
    USER,
    WFI,
    X0,
    OneHart,
    Trap,
    csr,
    csrr,
    csrw,
    one_hart,
)  # fmt: skip

ONES = (1 << 64) - 1
MODES = (USER, SUPERVISOR, MACHINE)


@pytest.fixture
def hart() -> Iterator[OneHart]:
    with one_hart() as made:
        yield made


# --- who may reach which (2.1, 2.2) ---

USER_LEVEL = {0x001, 0x002, 0x003, *range(0xC00, 0xC20)}
SUPERVISOR_LEVEL = {0x100, 0x104, 0x105, 0x106, 0x10A, *range(0x140, 0x145), 0x180}
MACHINE_LEVEL = {
    *range(0x300, 0x307), 0x30A, 0x320, *range(0x323, 0x340), *range(0x340, 0x345), 0x3A0, 0x3A2,
    *range(0x3B0, 0x3C0), 0xB00, *range(0xB02, 0xB20), *range(0xF11, 0xF16),
}  # fmt: skip
# Read-only zero or absent, as an implementation likes: more PMP entries, no triggers.
EITHER = {*range(0x3A4, 0x3B0, 2), *range(0x3C0, 0x3F0), *range(0x7A0, 0x7A4), 0x7A8}


def reachable(number: int, mode: int, writes: bool) -> bool:
    if number not in USER_LEVEL | SUPERVISOR_LEVEL | MACHINE_LEVEL:
        return False
    if writes and number >> 10 == 3:
        return False
    if 0xC03 <= number < 0xC20 and mode != MACHINE:
        return False  # enabled are only cycle, time and instret
    return mode >= (number >> 8 & 3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
def test_every_number(hart: OneHart, mode: int, writes: bool) -> None:
    hart[MSTATUS] = STATUS_FS
    hart[MCOUNTEREN] = hart[SCOUNTEREN] = 7
    wrong = []
    for number in range(0x1000):
        # Setting no bits is a write as well, unless the register is x0 (unprivileged manual, "Zicsr").
        word = csr(2, A0, number, A1 if writes else X0)
        trap = hart.step(mode, word, a1=0)
        expected = None if reachable(number, mode, writes) else Trap(ILLEGAL, word, hart[MEPC])
        if trap != expected and number not in EITHER:
            wrong.append(hex(number))
    assert not wrong


@pytest.mark.parametrize("mode", [SUPERVISOR, USER])
@pytest.mark.parametrize("number", [CYCLE, TIME, INSTRET, 0xC03, 0xC1F])
def test_counters_are_enabled_one_by_one(hart: OneHart, mode: int, number: int) -> None:
    """3.1.11 and 4.1.5: S-mode needs mcounteren's bit, U-mode scounteren's as well."""
    bit = 1 << (number & 31)
    for machine in (0, bit, ONES ^ bit, ONES):
        for supervisor in (0, bit, ONES ^ bit, ONES):
            hart[MCOUNTEREN], hart[SCOUNTEREN] = machine, supervisor
            legal = bool(machine & bit) and (mode == SUPERVISOR or bool(supervisor & bit))
            trap = hart.step(mode, csrr(A0, number))
            assert (trap is None) == legal, (hex(machine), hex(supervisor))
    hart[MCOUNTEREN] = hart[SCOUNTEREN] = 0
    assert hart.step(MACHINE, csrr(A0, number)) is None


@pytest.mark.parametrize("function", [1, 2, 3, 5, 6, 7])
def test_the_six_instructions(hart: OneHart, function: int) -> None:
    """Zicsr: what is read, what is written, and when nothing is."""
    old, operand = 0x0F0F_1234, 0x0FF0_0016
    value = 0x16 if function > 4 else operand
    written = {1: value, 2: old | value, 3: old & ~value}[function & 3]
    hart[MSCRATCH] = old
    assert hart.step(MACHINE, csr(function, A0, MSCRATCH, 0x16 if function > 4 else A1), a1=operand) is None
    assert (hart.x(A0), hart[MSCRATCH]) == (old, written)
    hart[MSCRATCH] = old  # the destination is the source, too
    assert hart.step(MACHINE, csr(function, A1, MSCRATCH, 0x16 if function > 4 else A1), a1=operand) is None
    assert (hart.x(A1), hart[MSCRATCH]) == (old, written)
    hart[MSCRATCH] = old  # no destination
    assert hart.step(MACHINE, csr(function, X0, MSCRATCH, 0x16 if function > 4 else A1), a1=operand) is None
    assert (hart.x(X0), hart[MSCRATCH]) == (0, written)
    hart[MSCRATCH] = old  # no source: only csrrw and csrrwi write
    assert hart.step(MACHINE, csr(function, A0, MSCRATCH, X0)) is None
    assert hart[MSCRATCH] == (0 if function & 3 == 1 else old)


def test_function_4_is_none(hart: OneHart) -> None:
    word = csr(4, A0, MSCRATCH, A1)
    assert hart.step(MACHINE, word) == Trap(ILLEGAL, word, CODE)


def test_an_illegal_access_changes_nothing(hart: OneHart) -> None:
    hart[MSCRATCH] = 77
    hart.step(SUPERVISOR, csr(1, A0, MSCRATCH, A1), a0=5, a1=6)
    assert (hart.x(A0), hart.x(A1), hart[MSCRATCH]) == (5, 6, 77)


# --- legal values (WARL) ---

STATUS_FIELDS = (
    STATUS_SIE | STATUS_MIE | STATUS_SPIE | STATUS_MPIE | STATUS_SPP | STATUS_MPP | STATUS_FS | STATUS_MPRV
    | STATUS_SUM | STATUS_MXR | STATUS_TVM | STATUS_TW | STATUS_TSR
)  # fmt: skip
SUPERVISOR_FIELDS = (
    STATUS_SIE | STATUS_SPIE | STATUS_SPP | STATUS_FS | STATUS_SUM | STATUS_MXR
)  # fmt: skip
UXL, SXL = 2 << 32, 2 << 34
ALWAYS = {
    # CSR: (bits that can be written, bits that are always set)
    MSTATUS: (STATUS_FIELDS, UXL | SXL),
    MEDELEG: (0xB3FF, 0),  # all but the ecall from machine mode and what does not exist
    MIDELEG: (0x222, 0),  # supervisor interrupts only (3.1.8)
    MIE: (0xAAA, 0),
    MTVEC: (ONES & ~2, 0),  # modes: direct and vectored
    STVEC: (ONES & ~2, 0),
    MEPC: (ONES & ~1, 0),
    SEPC: (ONES & ~1, 0),
    MSCRATCH: (ONES, 0),
    SSCRATCH: (ONES, 0),
    MCOUNTINHIBIT: (5, 0),  # no event counters
    MCOUNTEREN: (0xFFFF_FFFF, 0),
    SCOUNTEREN: (0xFFFF_FFFF, 0),
}


@pytest.mark.parametrize("number", ALWAYS)
@given(
    value=st.one_of(
        st.integers(0, ONES), st.sampled_from([0, ONES, 0x5555_5555_5555_5555, ONES << 32 & ONES])
    )
)
def test_what_is_written_and_read_back(number: int, value: int) -> None:
    with one_hart() as hart:
        mask, fixed = ALWAYS[number]
        expected = value & mask | fixed
        if number == MSTATUS:
            if value & STATUS_MPP == 2 << 11:  # no such mode: keeps what it had, which is legal
                expected &= ~STATUS_MPP
            if expected & STATUS_FS == STATUS_FS:
                expected |= STATUS_SD
        hart[number] = 0
        hart.run(MACHINE, [csrw(number, A1), csrr(A0, number)], a1=value)
        assert hart.x(A0) == expected == hart[number]


def test_what_cannot_be_changed(hart: OneHart) -> None:
    for number in (MISA, 0x323, 0x33F, 0xB03, 0xB1F):  # one set of extensions, no event counters
        before = hart[number]
        hart.run(MACHINE, [csrw(number, A1)], a1=~before & ONES)
        assert hart[number] == before
    extensions = {chr(ord("A") + bit) for bit in range(26) if hart[MISA] >> bit & 1}
    assert extensions == set("ACDFIMSU")
    assert hart[MISA] >> 62 == 2  # 64 bits
    assert [hart[number] for number in range(0xF11, 0xF16)] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("mode", range(16))
def test_satp_modes(hart: OneHart, mode: int) -> None:
    """4.1.11: a write with a mode that is not there (Bare, Sv39 and Sv48 are) has no effect at all."""
    before = 0x0123 << 44 | 0x8_1234
    hart[SATP] = before
    value = mode << 60 | 0xABCD << 44 | 0x0765_4321
    hart.run(MACHINE, [csrw(SATP, A1)], a1=value)
    assert hart[SATP] == (value if mode in (0, 8, 9) else before)


def test_fs_tells_whether_floating_point_state_is_dirty(hart: OneHart) -> None:
    fmv = 0xF200_0053 | A1 << 15 | 1 << 7  # fmv.d.x f1, a1
    assert hart.step(MACHINE, fmv) == Trap(ILLEGAL, fmv, CODE)
    assert hart.step(MACHINE, csrr(A0, 3)) is not None  # fcsr
    for state in (1, 2, 3):
        hart[MSTATUS] = state << 13
        assert hart[MSTATUS] & (STATUS_FS | STATUS_SD) == state << 13 | (STATUS_SD if state == 3 else 0)
        assert hart.step(MACHINE, fmv, a1=5) is None
        assert hart[MSTATUS] & (STATUS_FS | STATUS_SD) == STATUS_FS | STATUS_SD
        assert hart[SSTATUS] & (STATUS_FS | STATUS_SD) == STATUS_FS | STATUS_SD
        hart[MSTATUS] = state << 13
        assert hart.step(MACHINE, csrw(3, A1), a1=0xE5) is None  # fcsr
        assert hart.step(MACHINE, csrr(A0, 1)) is None
        assert hart.x(A0) == 5
        assert hart[MSTATUS] & STATUS_FS == STATUS_FS


# --- views ---


@given(machine=st.integers(0, ONES), written=st.integers(0, ONES))
def test_sstatus_shows_and_changes_its_part_of_mstatus(machine: int, written: int) -> None:
    with one_hart() as hart:
        hart[MSTATUS] = machine
        before = hart[MSTATUS]
        dirty = STATUS_SD if before & STATUS_FS == STATUS_FS else 0
        hart.run(SUPERVISOR, [csr(1, A0, SSTATUS, A1)], a1=written)
        assert hart.x(A0) == before & SUPERVISOR_FIELDS | UXL | dirty
        after = before & ~(SUPERVISOR_FIELDS | STATUS_SD) | written & SUPERVISOR_FIELDS
        assert hart[MSTATUS] == after | (STATUS_SD if after & STATUS_FS == STATUS_FS else 0)


@given(delegated=st.integers(0, 0xFFF), enabled=st.integers(0, 0xFFF), written=st.integers(0, ONES))
def test_sie_shows_and_changes_what_is_delegated(delegated: int, enabled: int, written: int) -> None:
    with one_hart() as hart:
        hart[MIDELEG], hart[MIE] = delegated, enabled
        mine = delegated & 0x222
        hart.run(SUPERVISOR, [csr(1, A0, SIE, A1)], a1=written)
        assert hart.x(A0) == enabled & mine
        assert hart[MIE] == (enabled & 0xAAA & ~mine) | (written & mine)


@given(delegated=st.integers(0, 0xFFF), pending=st.integers(0, 0xFFF), written=st.integers(0, ONES))
def test_sip_shows_what_is_delegated_and_changes_ssip(delegated: int, pending: int, written: int) -> None:
    """4.1.3: of SSIP, STIP and SEIP only the first can be written from S-mode, and only if delegated."""
    with one_hart() as hart:
        hart.run(MACHINE, [csrw(MIDELEG, A1), csrw(MIP, A2)], a1=delegated, a2=pending)
        hart.run(SUPERVISOR, [csr(1, A0, SIP, A1)], a1=written)
        mine = delegated & 0x222
        assert hart.x(A0) == pending & mine
        assert hart[MIP] == (pending & 0x222 & ~(mine & 2)) | (written & mine & 2)


def test_mip_shows_the_wires_but_set_and_clear_leave_them_out(hart: OneHart) -> None:
    """3.1.9: SEIP reads as the wire or software's bit; csrrs and csrrc work on software's bit alone."""
    hart.engine.set_line(0, 9, True)
    hart.engine.set_line(0, 11, True)
    hart.run(MACHINE, [csr(2, A0, MIP, A1)], a1=2)
    assert hart.x(A0) == 1 << 9 | 1 << 11
    assert hart[MIP] == 1 << 9 | 1 << 11 | 2
    hart.engine.set_line(0, 9, False)
    assert hart[MIP] == 1 << 11 | 2  # SEIP has not been latched
    hart.run(MACHINE, [csr(2, X0, MIP, A1)], a1=1 << 9)
    hart.engine.set_line(0, 9, True)
    hart.run(MACHINE, [csr(3, X0, MIP, A1)], a1=1 << 9 | 1 << 11)
    assert hart[MIP] == 1 << 9 | 1 << 11 | 2  # the wires do not obey
    hart.engine.set_line(0, 9, False)
    assert hart[MIP] == 1 << 11 | 2


# --- counters ---


def test_a_written_counter_holds_the_value_for_the_next_instruction(hart: OneHart) -> None:
    """3.1.10: with every way of writing; the other counter goes on."""
    for counter, other in ((MINSTRET, MCYCLE), (MCYCLE, MINSTRET)):
        hart[counter] = 0x100
        hart[other] = 0
        hart.run(MACHINE, [csrw(counter, A1), csrr(A0, counter), csrr(A2, other)], a1=1000)
        assert (hart.x(A0), hart.x(A2)) == (1000, 2)
        hart.run(MACHINE, [csr(2, A0, counter, A1), csrr(A2, counter)], a1=1 << 40)
        before = hart.x(A0)
        assert hart.x(A2) == before | 1 << 40
        hart.run(MACHINE, [csr(3, A0, counter, A1), csrr(A2, counter)], a1=1 << 40)
        assert hart.x(A2) == hart.x(A0) & ~(1 << 40)
        hart.run(MACHINE, [csr(5, A0, counter, 31), csrr(A2, counter)])
        assert hart.x(A2) == 31


def test_counters_have_64_bits(hart: OneHart) -> None:
    hart.run(MACHINE, [csrw(MINSTRET, A1), NOP, csrr(A0, MINSTRET), csrr(A2, MINSTRET)], a1=ONES)
    assert (hart.x(A0), hart.x(A2)) == (0, 1)


def test_lower_modes_read_the_same_counters(hart: OneHart) -> None:
    hart[MCOUNTEREN] = hart[SCOUNTEREN] = 7
    for mode in MODES:
        hart.run(MACHINE, [csrw(MINSTRET, A1), csrw(MCYCLE, A2)], a1=5000, a2=7000)
        # instret has counted the write of mcycle, and then the read of itself
        hart.run(mode, [csrr(A0, INSTRET), csrr(A1, CYCLE)])
        assert (hart.x(A0), hart.x(A1)) == (5001, 7001)


@pytest.mark.parametrize("bit", [0, 2])
def test_inhibited_one_by_one(hart: OneHart, bit: int) -> None:
    """3.1.12: the write to mcountinhibit itself is counted under the old value."""
    counter, other = (MCYCLE, MINSTRET) if bit == 0 else (MINSTRET, MCYCLE)
    hart[counter] = hart[other] = 0
    hart.run(
        MACHINE,
        [csrw(MCOUNTINHIBIT, A1), csrr(A0, counter), NOP, NOP, csrr(A2, counter), csrr(A3, other)],
        a1=1 << bit,
    )
    assert (hart.x(A0), hart.x(A2), hart.x(A3)) == (1, 1, 5)
    hart.run(MACHINE, [csrw(counter, A1), NOP, csrr(A0, counter)], a1=123)  # can be written all the same
    assert hart.x(A0) == 123
    hart.run(MACHINE, [csrw(MCOUNTINHIBIT, X0), csrr(A0, counter), csrr(A2, counter)])
    assert (hart.x(A0), hart.x(A2)) == (123, 124)


def test_inhibiting_stops_neither_time_nor_the_hosts_count(hart: OneHart) -> None:
    hart[MCOUNTINHIBIT] = 5
    before = (hart.engine.instret(0), hart.engine.now)
    hart.run(MACHINE, [NOP] * 10)
    assert (hart.engine.instret(0), hart.engine.now) == (before[0] + 10, before[1] + 10)


@pytest.mark.parametrize("mode", [USER, SUPERVISOR])
def test_what_traps_is_not_counted(hart: OneHart, mode: int) -> None:
    hart.run(MACHINE, [csrw(MINSTRET, X0)])
    hart.write(0x8000_0000, [csrr(A0, MINSTRET)])  # the handler
    hart.run(mode, [NOP, NOP, ECALL], count=3)
    assert (hart.x(A0), hart[MCAUSE]) == (2, 8 + mode)


# --- mstatus and the instructions it governs ---


@pytest.mark.parametrize("privilege", MODES)
def test_mret(hart: OneHart, privilege: int) -> None:
    """3.1.6.1: MIE gets MPIE, MPIE is set, MPP becomes user; 3.1.6.3: MPRV goes on the way down."""
    for enabled in (0, STATUS_MPIE):
        hart[MSTATUS] = privilege << 11 | enabled | STATUS_MPRV
        hart[MEPC] = 0x8000_2001
        hart.run(MACHINE, [MRET])
        assert hart.engine.get_pc(0) == 0x8000_2000
        assert hart.engine.get_privilege(0) == privilege
        expected = STATUS_MPIE | (STATUS_MIE if enabled else 0) | (STATUS_MPRV if privilege == MACHINE else 0)
        assert hart[MSTATUS] == expected | UXL | SXL


@pytest.mark.parametrize("from_", [SUPERVISOR, MACHINE])
@pytest.mark.parametrize("privilege", [USER, SUPERVISOR])
def test_sret(hart: OneHart, from_: int, privilege: int) -> None:
    for enabled in (0, STATUS_SPIE):
        hart[MSTATUS] = privilege << 8 | enabled | STATUS_MPRV
        hart[SEPC] = 0x8000_2000
        hart.run(from_, [SRET])
        assert hart.engine.get_privilege(0) == privilege
        assert hart[MSTATUS] == STATUS_SPIE | (STATUS_SIE if enabled else 0) | UXL | SXL


ALLOWED = {
    # instruction -> modes in which it is legal, the mstatus bit that makes it illegal in S-mode
    "mret": (MRET, (MACHINE,), 0),
    "sret": (SRET, (SUPERVISOR, MACHINE), STATUS_TSR),
    "wfi": (WFI, (SUPERVISOR, MACHINE), STATUS_TW),
    "sfence.vma": (SFENCE, (SUPERVISOR, MACHINE), STATUS_TVM),
    "sfence.vma a0, a1": (SFENCE | A0 << 15 | A1 << 20, (SUPERVISOR, MACHINE), STATUS_TVM),
    "reading satp": (csrr(A0, SATP), (SUPERVISOR, MACHINE), STATUS_TVM),
    "writing satp": (csr(2, X0, SATP, A1), (SUPERVISOR, MACHINE), STATUS_TVM),
}


@pytest.mark.parametrize("what", ALLOWED)
@pytest.mark.parametrize("mode", MODES)
def test_what_tvm_tw_and_tsr_forbid(what: str, mode: int) -> None:
    """3.1.6.5: each forbids its own in S-mode, none forbids anything in M-mode.  In U-mode wfi may be illegal
    always (3.3.3): here it is."""
    word, modes, trapped_by = ALLOWED[what]
    for bits in (0, STATUS_TVM, STATUS_TW, STATUS_TSR, STATUS_TVM | STATUS_TW | STATUS_TSR):
        with one_hart() as hart:  # with nothing to wake it, a wfi that is legal ends the run
            hart[MSTATUS] = bits
            hart[MEPC] = hart[SEPC] = CODE + 4
            trap = hart.step(mode, word, a1=0)
            legal = mode in modes and not (mode == SUPERVISOR and bits & trapped_by)
            assert trap == (None if legal else Trap(ILLEGAL, word, CODE)), hex(bits)
            assert hart.engine.is_waiting(0) == (legal and word == WFI)


def test_scause_and_mcause_hold_what_is_written(hart: OneHart) -> None:
    for number in (MCAUSE, SCAUSE):
        for value in (0, 15, 1 << 63 | 11):
            hart.run(MACHINE, [csrw(number, A1)], a1=value)
            assert hart[number] == value
