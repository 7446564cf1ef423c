# SPDX-License-Identifier: GPL-2.0-or-later
"""The UART 16550, the machine's console: its registers are the engine's own (engine/uart.c)."""

from collections.abc import Callable

from emulator.devices import virt_map
from emulator.devices.device import Device, bad_state
from emulator.devices.engine_device import load, store
from emulator.engine import Engine


class Uart16550(Device):
    """A 16550 with 16-byte FIFOs. What the guest sends waits for `deliver`, then goes to `write_output`."""

    name = "uart0"
    base = virt_map.UART_BASE
    size = virt_map.UART_SIZE

    def __init__(self, engine: Engine, write_output: Callable[[bytes], None]) -> None:
        self._engine = engine
        self._write_output = write_output

    def receive(self, data: bytes) -> None:
        """Characters arrive from the host; any number at any time, none is lost."""
        self._engine.console_type(data)

    def deliver(self) -> None:
        """Hand on what the guest has sent since the last time."""
        output = self._engine.console_output()
        if output:
            self._write_output(output)

    def take(self) -> int | None:
        """The next character from the host for somebody else (HTIF's console); None: there is none."""
        return self._engine.console_take()

    @property
    def unread(self) -> int:
        """How many characters from the host the guest has not read yet."""
        return self._engine.console_unread

    @property
    def receive_enabled(self) -> bool:
        """Whether a character that arrives makes an interrupt, and so may wake a hart."""
        return self._engine.console_listens

    def read(self, offset: int, width: int) -> int:
        """As the chip; BusError behind register 7 and for accesses that are not aligned."""
        return load(self._engine, self.base + offset, width)

    def write(self, offset: int, width: int, value: int) -> None:
        """As the chip; BusError behind register 7 and for accesses that are not aligned."""
        store(self._engine, self.base + offset, width, value)

    def save(self) -> bytes:
        """Registers, then the characters that are unread."""
        return self._engine.save_uart()

    def restore(self, state: bytes) -> None:
        """As in Device."""
        if not self._engine.restore_uart(state):
            raise bad_state(self.name)
