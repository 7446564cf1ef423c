# SPDX-License-Identifier: GPL-2.0-or-later
"""The real-time clock: time from the epoch and virtual time, setting it, the alarm, state."""

import pytest
from device_board import TestBoard

from emulator.devices.device import BusError
from emulator.devices.goldfish_rtc import GoldfishRtc, Register

EPOCH = 1_700_000_000
SECOND = 1_000_000_000
IRQ = 11


class Harness:
    def __init__(self) -> None:
        self.board = TestBoard()
        self.rtc = GoldfishRtc(EPOCH)
        self.board.add(self.rtc)

    def time(self) -> int:
        low = self.rtc.read(Register.TIME_LOW, 4)
        return self.rtc.read(Register.TIME_HIGH, 4) << 32 | low

    def alarm(self, time: int) -> None:
        self.rtc.write(Register.ALARM_HIGH, 4, time >> 32)
        self.rtc.write(Register.ALARM_LOW, 4, time & 0xFFFF_FFFF)

    @property
    def level(self) -> bool:
        return bool(self.board.interrupts) and self.board.interrupts[-1] == (IRQ, True)


def test_time_is_the_epoch_and_virtual_time() -> None:
    harness = Harness()
    assert harness.time() == EPOCH * SECOND
    harness.board.time = 12_345_678_901
    assert harness.time() == EPOCH * SECOND + 12_345_678_901


def test_the_high_half_is_of_the_moment_when_the_low_one_was_read() -> None:
    harness = Harness()
    before = harness.rtc.read(Register.TIME_LOW, 4)
    harness.board.time = 1 << 33
    assert harness.rtc.read(Register.TIME_HIGH, 4) << 32 | before == EPOCH * SECOND


def test_time_never_goes_back_for_a_hart_whose_slice_begins_earlier() -> None:
    harness = Harness()
    harness.board.time = 5000
    later = harness.time()
    harness.board.time = 4000
    assert harness.time() == later


def test_setting_the_clock() -> None:
    harness = Harness()
    harness.board.time = 777
    wanted = 42 * SECOND
    harness.rtc.write(Register.TIME_HIGH, 4, wanted >> 32)
    harness.rtc.write(Register.TIME_LOW, 4, wanted & 0xFFFF_FFFF)
    assert harness.time() == wanted
    harness.board.time += 10
    assert harness.time() == wanted + 10


def test_alarm() -> None:
    harness = Harness()
    harness.rtc.write(Register.IRQ_ENABLED, 4, 1)
    harness.alarm(EPOCH * SECOND + 1000)
    assert harness.rtc.read(Register.ALARM_STATUS, 4) == 1
    assert harness.rtc.read(Register.ALARM_HIGH, 4) == (EPOCH * SECOND + 1000) >> 32
    assert not harness.level and harness.board.queue.next_time() == 1000
    harness.board.run()
    assert harness.level and harness.rtc.read(Register.ALARM_STATUS, 4) == 0
    harness.rtc.write(Register.CLEAR_INTERRUPT, 4, 1)
    assert not harness.level


def test_alarm_in_the_past_goes_off_at_once_and_waits_until_it_is_enabled() -> None:
    harness = Harness()
    harness.alarm(5)
    assert not harness.level
    harness.rtc.write(Register.IRQ_ENABLED, 4, 1)
    assert harness.level


def test_alarm_cleared_or_moved() -> None:
    harness = Harness()
    harness.rtc.write(Register.IRQ_ENABLED, 4, 1)
    harness.alarm(EPOCH * SECOND + 1000)
    harness.rtc.write(Register.CLEAR_ALARM, 4, 1)
    harness.board.run()
    assert not harness.level
    harness.alarm(EPOCH * SECOND + 5000)
    harness.alarm(EPOCH * SECOND + 9000)
    harness.board.run()
    assert harness.level and harness.board.time == 9000


def test_alarm_follows_a_clock_that_is_set() -> None:
    harness = Harness()
    harness.rtc.write(Register.IRQ_ENABLED, 4, 1)
    harness.alarm(EPOCH * SECOND + 100 * SECOND)
    harness.rtc.write(Register.TIME_LOW, 4, (EPOCH * SECOND + SECOND) & 0xFFFF_FFFF)
    assert harness.board.queue.next_time() == 99 * SECOND
    harness.board.run()
    assert harness.level


def test_an_alarm_that_never_comes() -> None:
    harness = Harness()
    harness.alarm((1 << 64) - 1)
    assert len(harness.board.queue) == 0 and harness.rtc.read(Register.ALARM_STATUS, 4) == 1


@pytest.mark.parametrize(("offset", "width"), [(0, 1), (0, 2), (0, 8), (2, 4)])
def test_only_whole_registers(offset: int, width: int) -> None:
    harness = Harness()
    with pytest.raises(BusError):
        harness.rtc.read(offset, width)
    with pytest.raises(BusError):
        harness.rtc.write(offset, width, 0)


def test_holes() -> None:
    harness = Harness()
    state = harness.rtc.save()
    harness.rtc.write(0x20, 4, 1)
    assert harness.rtc.read(0x20, 4) == 0 and harness.rtc.save() == state


def test_state() -> None:
    harness, other = Harness(), Harness()
    harness.rtc.write(Register.IRQ_ENABLED, 4, 1)
    harness.board.time = 100
    harness.alarm(EPOCH * SECOND + 1000)
    harness.time()
    other.rtc.restore(harness.rtc.save())
    other.board.time = 100
    other.board.queue.restore(harness.board.queue.save())
    assert other.rtc.save() == harness.rtc.save() and other.time() == harness.time()
    other.board.run()
    assert other.level
