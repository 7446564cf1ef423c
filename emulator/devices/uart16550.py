# SPDX-License-Identifier: GPL-2.0-or-later
"""The 16550 UART: the machine's console.

The line has no speed: what is written to THR is out at once, and a character that waits on the host's side
is in the receiver at once when there is room. So the transmitter is always empty, the receiver never
overruns from outside, and the character time-out comes as soon as the FIFO holds something. The host's
queue is unbounded; the receiver FIFO is its first 16 characters (one when FIFOs are off). A reset of the
receiver FIFO leaves those characters on the line, because drivers reset the FIFO as they start, and input
that was piped in before would lose its beginning. The modem lines are up and never change.
"""

import struct
from collections import deque
from collections.abc import Callable

from emulator.devices import virt_map
from emulator.devices.device import BusError, Device, StateReader, blob

_VERSION = 1
_FIFO_SIZE = 16
_TRIGGERS = (1, 4, 8, 14)

_DIVISOR_LATCH = 0x80  # LCR
_LOOPBACK = 0x10  # MCR
_FIFO_ENABLE = 0x01  # FCR
_RECEIVER_RESET = 0x02
_FCR_KEPT = 0xC9

_IER_RECEIVE = 0x01
_IER_TRANSMIT = 0x02
_IER_LINE_STATUS = 0x04

_IIR_NONE = 0x01
_IIR_TRANSMIT = 0x02
_IIR_RECEIVE = 0x04
_IIR_LINE_STATUS = 0x06
_IIR_TIMEOUT = 0x0C
_IIR_FIFO = 0xC0

_LSR_DATA_READY = 0x01
_LSR_OVERRUN = 0x02
_LSR_TRANSMITTER_EMPTY = 0x60  # THRE and TEMT
_MSR_LINES_UP = 0xB0  # DCD, DSR, CTS


class Uart16550(Device):
    """A 16550 with 16-byte FIFOs; `write_output(bytes)` gets what the guest sends, as it sends it.

    Each of the eight registers is a byte; a wider aligned access reaches the one at its address.
    """

    def __init__(
        self,
        write_output: Callable[[bytes], None],
        name: str = "uart0",
        base: int = virt_map.UART_BASE,
        irq: int = virt_map.UART_IRQ,
    ) -> None:
        self.name = name
        self.base = base
        self.size = virt_map.UART_SIZE
        self._irq = irq
        self._write_output = write_output
        self._line: deque[int] = deque()  # from the host, unread
        self._looped: deque[int] = deque()  # sent to itself in loopback, unread
        self._ier = 0
        self._fcr = 0
        self._lcr = 0
        self._mcr = 0
        self._scratch = 0
        self._divisor = 0
        self._overrun = False
        self._transmit_request = False
        self._level = False

    def receive(self, data: bytes) -> None:
        """Characters arrive from the host; any number at any time, none is lost."""
        if data:
            self._line.extend(data)
            self._update()

    @property
    def unread(self) -> int:
        """How many characters from the host the guest has not read yet."""
        return len(self._line)

    @property
    def receive_enabled(self) -> bool:
        """Whether a character that arrives makes an interrupt, and so may wake a hart."""
        return bool(self._ier & _IER_RECEIVE)

    def _waiting(self) -> int:
        """Characters that the guest could read, were the FIFO unbounded."""
        if self._mcr & _LOOPBACK:
            return len(self._looped)
        return len(self._looped) + len(self._line)

    def _cause(self) -> int:
        """The interrupt identification, the FIFO bits aside."""
        ier = self._ier
        if ier & _IER_LINE_STATUS and self._overrun:
            return _IIR_LINE_STATUS
        if ier & _IER_RECEIVE:
            waiting = self._waiting()
            if waiting:
                below = self._fcr & _FIFO_ENABLE and waiting < _TRIGGERS[self._fcr >> 6]
                return _IIR_TIMEOUT if below else _IIR_RECEIVE
        if self._transmit_request:
            return _IIR_TRANSMIT
        return _IIR_NONE

    def _update(self) -> None:
        """Drive the interrupt line; also while it is high already (a new request, see plic.py)."""
        level = self._ier != 0 and self._cause() != _IIR_NONE
        if level or self._level:
            self._level = level
            self.board.set_interrupt(self._irq, level)

    def read(self, offset: int, width: int) -> int:
        """As the chip; BusError behind register 7 and for accesses that are not aligned."""
        if offset > 7 or offset % width:
            raise BusError
        if offset == 5:
            value = _LSR_TRANSMITTER_EMPTY
            if self._waiting():
                value |= _LSR_DATA_READY
            if self._overrun:
                value |= _LSR_OVERRUN
                self._overrun = False
                self._update()
            return value
        if offset == 0:
            return self._divisor & 0xFF if self._lcr & _DIVISOR_LATCH else self._receive_one()
        if offset == 2:
            return self._identify()
        if offset == 1:
            return self._divisor >> 8 if self._lcr & _DIVISOR_LATCH else self._ier
        if offset == 3:
            return self._lcr
        if offset == 4:
            return self._mcr
        if offset == 6:
            return self._modem_status()
        return self._scratch

    def _receive_one(self) -> int:
        if self._looped:
            character = self._looped.popleft()
        elif self._line and not self._mcr & _LOOPBACK:
            character = self._line.popleft()
        else:
            return 0
        self._update()
        return character

    def _identify(self) -> int:
        cause = self._cause()
        if cause == _IIR_TRANSMIT:
            self._transmit_request = False
            self._update()
        return cause | _IIR_FIFO if self._fcr & _FIFO_ENABLE else cause

    def _modem_status(self) -> int:
        if not self._mcr & _LOOPBACK:
            return _MSR_LINES_UP
        # DTR, RTS, OUT1 and OUT2 come back as DSR, CTS, RI and DCD.
        mcr = self._mcr
        return (mcr & 0x0C) << 4 | (mcr & 0x02) << 3 | (mcr & 0x01) << 5

    def write(self, offset: int, width: int, value: int) -> None:
        """As the chip; BusError behind register 7 and for accesses that are not aligned."""
        if offset > 7 or offset % width:
            raise BusError
        value &= 0xFF
        if offset == 0:
            if self._lcr & _DIVISOR_LATCH:
                self._divisor = self._divisor & 0xFF00 | value
            else:
                self._send(value)
        elif offset == 1:
            if self._lcr & _DIVISOR_LATCH:
                self._divisor = self._divisor & 0x00FF | value << 8
            else:
                self._enable_interrupts(value & 0x0F)
        elif offset == 2:
            self._control_fifos(value)
        elif offset == 3:
            self._lcr = value
        elif offset == 4:
            self._mcr = value & 0x1F
            self._update()
        elif offset == 7:
            self._scratch = value

    def _send(self, value: int) -> None:
        if self._mcr & _LOOPBACK:
            if len(self._looped) < (_FIFO_SIZE if self._fcr & _FIFO_ENABLE else 1):
                self._looped.append(value)
            else:
                self._overrun = True
        else:
            self._write_output(bytes((value,)))
        self._transmit_request = bool(self._ier & _IER_TRANSMIT)
        self._update()

    def _enable_interrupts(self, value: int) -> None:
        if (value ^ self._ier) & _IER_TRANSMIT:
            self._transmit_request = bool(value & _IER_TRANSMIT)
        self._ier = value
        self._update()

    def _control_fifos(self, value: int) -> None:
        if value & _RECEIVER_RESET or (value ^ self._fcr) & _FIFO_ENABLE:
            self._looped.clear()
        # The other bits count only together with the enable bit.
        self._fcr = value & _FCR_KEPT if value & _FIFO_ENABLE else 0
        self._update()

    def save(self) -> bytes:
        """Registers, then the characters that are unread."""
        return (
            struct.pack(
                "<BBBBBBH???",
                _VERSION,
                self._ier,
                self._fcr,
                self._lcr,
                self._mcr,
                self._scratch,
                self._divisor,
                self._overrun,
                self._transmit_request,
                self._level,
            )
            + blob(bytes(self._looped))
            + blob(bytes(self._line))
        )

    def restore(self, state: bytes) -> None:
        """As in Device."""
        reader = StateReader(self.name, _VERSION, state)
        registers = reader.fields("<BBBBBH")
        flags = reader.fields("<???")
        looped = reader.blob()
        line = reader.blob()
        reader.finish()
        self._ier, self._fcr, self._lcr, self._mcr, self._scratch, self._divisor = registers
        self._overrun, self._transmit_request, self._level = flags
        self._looped = deque(looped)
        self._line = deque(line)
