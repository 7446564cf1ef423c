# SPDX-License-Identifier: GPL-2.0-or-later
"""The interrupt controller: gateways, priorities, claims, and when a hart's line moves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.devices.device import BusError
from emulator.devices.plic import Plic
from emulator.engine import Engine, EngineConfig
from emulator.errors import ReplugError

DISK, UART = 1, 10
PENDING, ENABLE, CONTEXT = 0x1000, 0x2000, 0x20_0000


MIP = 0x344


class Harness:
    def __init__(self, harts: int = 2) -> None:
        config = EngineConfig(harts=harts, ram_size=1 << 16, devices=1)
        self.engine = Engine(config, lambda *_: None, lambda *_: False)
        self.plic = Plic(self.engine)

    def lines(self) -> set[tuple[int, int]]:
        """(hart, mode) of every external interrupt that is up; mode 3 = M, 1 = S."""
        return {
            (hart, mode)
            for hart in range(self.engine.config.harts)
            for mode, bit in ((3, 11), (1, 9))
            if (self.engine.get_csr(hart, MIP) or 0) >> bit & 1
        }

    def priority(self, irq: int, value: int) -> None:
        self.plic.write(4 * irq, 4, value)

    def enable(self, context: int, *irqs: int) -> None:
        self.plic.write(ENABLE + 0x80 * context, 4, sum(1 << irq for irq in irqs))

    def threshold(self, context: int, value: int) -> None:
        self.plic.write(CONTEXT + 0x1000 * context, 4, value)

    def claim(self, context: int) -> int:
        return self.plic.read(CONTEXT + 0x1000 * context + 4, 4)

    def complete(self, context: int, irq: int) -> None:
        self.plic.write(CONTEXT + 0x1000 * context + 4, 4, irq)


def ready(context: int = 1) -> Harness:
    harness = Harness()
    harness.priority(DISK, 1)
    harness.priority(UART, 1)
    harness.enable(context, DISK, UART)
    return harness


def test_contexts_are_m_and_s_of_each_hart() -> None:
    harness = Harness()
    harness.priority(UART, 1)
    for context, line in enumerate([(0, 3), (0, 1), (1, 3), (1, 1)]):
        harness.enable(context, UART)
        if context == 0:
            harness.plic.set_level(UART, True)
        assert line in harness.lines()
        harness.enable(context)
        assert harness.lines() == set()


def test_priority_zero_and_threshold_mask() -> None:
    harness = ready()
    harness.priority(UART, 0)
    harness.plic.set_level(UART, True)
    assert harness.lines() == set() and harness.claim(1) == 0
    harness.priority(UART, 3)
    assert harness.lines() == {(0, 1)}
    harness.threshold(1, 3)
    assert harness.lines() == set()
    assert harness.claim(1) == UART, "a claim ignores the threshold"


def test_claim_takes_highest_priority_then_lowest_number() -> None:
    harness = ready()
    harness.priority(UART, 2)
    harness.plic.set_level(DISK, True)
    harness.plic.set_level(UART, True)
    assert [harness.claim(1), harness.claim(1), harness.claim(1)] == [UART, DISK, 0]
    for irq in (DISK, UART):
        harness.plic.set_level(irq, False)
        harness.complete(1, irq)
    harness.priority(UART, 1)
    harness.plic.set_level(UART, True)
    harness.plic.set_level(DISK, True)
    assert harness.claim(1) == DISK


def test_source_above_31_and_source_0() -> None:
    harness = Harness()
    harness.priority(95, 1)
    harness.plic.write(ENABLE + 0x80 + 8, 4, 1 << 31)
    harness.plic.set_level(95, True)
    assert harness.plic.read(PENDING + 8, 4) == 1 << 31
    assert harness.claim(1) == 95
    harness.plic.write(ENABLE + 0x80, 4, 0xFFFF_FFFF)
    assert harness.plic.read(ENABLE + 0x80, 4) == 0xFFFF_FFFE
    harness.plic.write(0, 4, 7)
    assert harness.plic.read(0, 4) == 0


def test_request_stays_pending_when_the_line_falls() -> None:
    harness = ready()
    harness.plic.set_level(DISK, True)
    harness.plic.set_level(DISK, False)
    assert harness.lines() == {(0, 1)}
    assert harness.claim(1) == DISK


def test_line_that_stays_high_does_not_storm() -> None:
    harness = ready()
    harness.plic.set_level(UART, True)
    assert harness.claim(1) == UART
    assert harness.lines() == set()
    harness.complete(1, UART)
    assert harness.claim(1) == 0
    harness.plic.set_level(UART, True)
    assert harness.claim(1) == UART, "driving the line again is a new request"


def test_request_during_service_comes_after_completion() -> None:
    harness = ready()
    harness.plic.set_level(DISK, True)
    harness.claim(1)
    harness.plic.set_level(DISK, False)
    harness.plic.set_level(DISK, True)
    assert harness.claim(1) == 0 and harness.lines() == set()
    harness.complete(1, DISK)
    assert harness.lines() == {(0, 1)} and harness.claim(1) == DISK


def test_request_during_service_is_dropped_with_the_line() -> None:
    harness = ready()
    harness.plic.set_level(UART, True)
    harness.claim(1)
    harness.plic.set_level(UART, True)
    harness.plic.set_level(UART, False)
    harness.complete(1, UART)
    assert harness.claim(1) == 0


def test_completion_of_a_source_not_in_service_changes_nothing() -> None:
    harness = ready()
    harness.plic.set_level(DISK, True)
    before = harness.plic.save()
    for irq in (0, DISK, UART, 96, 0xFFFF_FFFF):
        harness.complete(1, irq)
    assert harness.plic.save() == before


@pytest.mark.parametrize(("offset", "width"), [(4, 1), (4, 2), (4, 8), (6, 4), (CONTEXT + 4, 8)])
def test_only_whole_registers(offset: int, width: int) -> None:
    harness = ready()
    with pytest.raises(BusError):
        harness.plic.read(offset, width)
    with pytest.raises(BusError):
        harness.plic.write(offset, width, 0)


def test_holes_read_as_zero_and_ignore_stores() -> None:
    harness = ready()
    before = harness.plic.save()
    holes = (0x180, 0x1FFC, ENABLE + 0x80 + 12, ENABLE + 0x80 * 4, CONTEXT + 8, CONTEXT + 0x4000, 0x5F_FFFC)
    for offset in (*holes, PENDING):
        harness.plic.write(offset, 4, 0xFFFF_FFFF)
        assert harness.plic.read(offset, 4) == 0
    assert harness.plic.save() == before


actions = st.lists(
    st.one_of(
        st.tuples(st.just("level"), st.integers(1, 95), st.booleans()),
        st.tuples(st.just("priority"), st.integers(0, 95), st.integers(0, 7)),
        st.tuples(st.just("enable"), st.integers(0, 11), st.integers(0, 0xFFFF_FFFF)),
        st.tuples(st.just("threshold"), st.integers(0, 3), st.integers(0, 7)),
        st.tuples(st.just("claim"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("complete"), st.integers(0, 3), st.integers(0, 95)),
    ),
    max_size=40,
)


def apply(harness: Harness, steps: list[tuple[str, int, int]]) -> list[int]:
    claims = []
    for kind, first, second in steps:
        if kind == "level":
            harness.plic.set_level(first, bool(second))
        elif kind == "priority":
            harness.priority(first, second)
        elif kind == "enable":
            harness.plic.write(ENABLE + 0x80 * (first // 3) + 4 * (first % 3), 4, second)
        elif kind == "threshold":
            harness.threshold(first, second)
        elif kind == "claim":
            claims.append(harness.claim(first))
        else:
            harness.complete(first, second)
    return claims


@settings(deadline=None)
@given(actions, actions)
def test_restored_controller_behaves_alike(
    before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]
) -> None:
    original, copy = Harness(), Harness()
    apply(original, before)
    copy.plic.restore(original.plic.save())
    assert copy.lines() == original.lines()
    assert copy.plic.save() == original.plic.save()
    assert apply(copy, after) == apply(original, after)
    assert copy.plic.save() == original.plic.save()


def test_state_of_another_machine_is_refused() -> None:
    state = ready().plic.save()
    with pytest.raises(ReplugError, match="plic"):
        Harness(harts=4).plic.restore(state)
    for wrong in (b"", state[:-1], state + b"\0", b"\xff" + state[1:]):
        with pytest.raises(ReplugError, match="plic"):
            Harness().plic.restore(wrong)
