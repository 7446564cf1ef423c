# SPDX-License-Identifier: GPL-2.0-or-later
"""The goldfish real-time clock: nanoseconds since 1970 from virtual time, and an alarm.

The clock starts at an epoch that is one of the run's options, never at the host's time.
"""

import struct

from emulator.devices import virt_map
from emulator.devices.device import BusError, Device, StateReader

_VERSION = 1
_FIELDS = "<QQIQ???I"
_MASK = (1 << 64) - 1
_LOW = 0xFFFF_FFFF


class Register:
    """Offsets in bytes."""

    TIME_LOW = 0x00
    TIME_HIGH = 0x04
    ALARM_LOW = 0x08
    ALARM_HIGH = 0x0C
    IRQ_ENABLED = 0x10
    CLEAR_ALARM = 0x14
    ALARM_STATUS = 0x18
    CLEAR_INTERRUPT = 0x1C


class GoldfishRtc(Device):
    """The clock shows `epoch` (seconds since 1970, UTC) at virtual time 0.

    Reading TIME_LOW latches TIME_HIGH. Writing either sets that half of the clock. ALARM_HIGH is to be
    written before ALARM_LOW, which arms the alarm; one in the past goes off at once.
    """

    name = "rtc"
    base = virt_map.RTC_BASE
    size = virt_map.RTC_SIZE

    def __init__(self, epoch: int) -> None:
        self._offset = epoch * 1_000_000_000 & _MASK  # of the clock to virtual time, in ns
        self._latest = 0  # virtual time that somebody has read: harts take turns, and time must not go back
        self._high = 0  # latched by a read
        self._alarm = 0
        self._alarm_set = False
        self._enabled = False
        self._pending = False
        self._generation = 0  # tells the event of this alarm from those of alarms before it

    def _time(self) -> int:
        self._latest = max(self._latest, self.board.now())
        return (self._latest + self._offset) & _MASK

    def read(self, offset: int, width: int) -> int:
        """Registers are 4 bytes wide; what does not exist reads as 0."""
        if width != 4 or offset & 3:
            raise BusError
        match offset:
            case Register.TIME_LOW:
                time = self._time()
                self._high = time >> 32
                return time & _LOW
            case Register.TIME_HIGH:
                return self._high
            case Register.ALARM_LOW:
                return self._alarm & _LOW
            case Register.ALARM_HIGH:
                return self._alarm >> 32
            case Register.IRQ_ENABLED:
                return int(self._enabled)
            case Register.ALARM_STATUS:
                return int(self._alarm_set)
            case _:
                return 0

    def write(self, offset: int, width: int, value: int) -> None:
        """Registers are 4 bytes wide; stores to what does not exist are ignored."""
        if width != 4 or offset & 3:
            raise BusError
        match offset:
            case Register.TIME_LOW:
                self._set_time(self._time() & ~_LOW | value)
            case Register.TIME_HIGH:
                self._set_time(self._time() & _LOW | value << 32)
            case Register.ALARM_LOW:
                self._alarm = self._alarm & ~_LOW | value
                self._arm()
            case Register.ALARM_HIGH:
                self._alarm = self._alarm & _LOW | value << 32
            case Register.IRQ_ENABLED:
                self._enabled = bool(value & 1)
                self._update()
            case Register.CLEAR_ALARM:
                self._alarm_set = False
                self._generation = (self._generation + 1) & _LOW
            case Register.CLEAR_INTERRUPT:
                self._pending = False
                self._update()

    def _set_time(self, time: int) -> None:
        self._offset = (self._offset + time - self._time()) & _MASK
        if self._alarm_set:
            self._arm()

    def _arm(self) -> None:
        self._generation = (self._generation + 1) & _LOW
        self._alarm_set = True
        wait = self._alarm - self._time()
        if wait <= 0:
            self.event(self._generation)
        elif wait < 1 << 62:  # else in 146 years
            self.board.schedule(self, wait, self._generation)

    def event(self, what: int) -> None:
        """The alarm goes off, unless it has been set anew or cleared meanwhile."""
        if what == self._generation and self._alarm_set:
            self._alarm_set = False
            self._pending = True
            self._update()

    def _update(self) -> None:
        self.board.set_interrupt(virt_map.RTC_IRQ, self._enabled and self._pending)

    def save(self) -> bytes:
        """The clock's offset, latches, the alarm."""
        return struct.pack("<B", _VERSION) + struct.pack(
            _FIELDS,
            self._offset,
            self._latest,
            self._high,
            self._alarm,
            self._alarm_set,
            self._enabled,
            self._pending,
            self._generation,
        )

    def restore(self, state: bytes) -> None:
        """As in Device."""
        reader = StateReader(self.name, _VERSION, state)
        values = reader.fields(_FIELDS)
        reader.finish()
        (
            self._offset,
            self._latest,
            self._high,
            self._alarm,
            self._alarm_set,
            self._enabled,
            self._pending,
            self._generation,
        ) = values
