# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's own devices as Python asks for them: accesses, interrupts, the console, their state."""

from __future__ import annotations

from typing import Any


class EngineDevices:
    """The part of Engine for the PLIC and the UART, which answer when its configuration says `devices=1`."""

    _ffi: Any
    _lib: Any
    _machine: Any

    def _checked(self, hart: int) -> int:
        raise NotImplementedError

    def device_load(self, hart: int, address: int, width: int) -> int | None:
        """Load from a device at a physical address as this hart would, with all its effects.

        width: 1, 2, 4 or 8 bytes. None: an access fault.
        """
        value = self._ffi.new("uint64_t *")
        done = self._lib.replug_device_load(self._machine, self._checked(hart), address, width, value)
        return int(value[0]) if done == 0 else None

    def device_store(self, hart: int, address: int, width: int, value: int) -> bool:
        """The same for a store. False: an access fault."""
        value &= (1 << 8 * width) - 1
        done = self._lib.replug_device_store(self._machine, self._checked(hart), address, width, value)
        return bool(done == 0)

    # --- the interrupt controller ---

    def set_interrupt(self, irq: int, level: bool) -> None:
        """Drive the wire of source `irq` (1 to 95); high while high is a new request (see plic.c)."""
        self._lib.replug_set_interrupt(self._machine, irq, int(level))

    def save_plic(self) -> bytes:
        """Its state: canonical, versioned."""
        return self._saved(self._lib.replug_plic_save)

    def restore_plic(self, state: bytes) -> bool:
        """Back to such a state, the interrupt lines of the harts as well. False: it does not fit."""
        return bool(self._lib.replug_plic_restore(self._machine, state, len(state)) == 0)

    # --- the console ---

    def console_type(self, data: bytes) -> None:
        """Characters arrive from the host; any number at any time, none is lost."""
        self._lib.replug_console_type(self._machine, data, len(data))

    @property
    def console_unread(self) -> int:
        """How many characters from the host the guest has not read yet."""
        return int(self._lib.replug_console_unread(self._machine))

    def console_take(self) -> int | None:
        """The next of them, taken in the guest's stead; None: there is none."""
        character = int(self._lib.replug_console_take(self._machine))
        return None if character < 0 else character

    @property
    def console_listens(self) -> bool:
        """Whether a character that arrives makes an interrupt, and so may wake a hart."""
        return bool(self._lib.replug_console_listens(self._machine))

    def console_output(self) -> bytes:
        """What the guest has sent since the last call."""
        data = self._ffi.new("uint8_t **")
        length = int(self._lib.replug_console_output(self._machine, data))
        if not length:
            return b""
        output = bytes(self._ffi.buffer(data[0], length))
        self._lib.replug_console_drain(self._machine)
        return output

    def save_uart(self) -> bytes:
        """Its state: canonical, versioned."""
        return self._saved(self._lib.replug_uart_save)

    def restore_uart(self, state: bytes) -> bool:
        """Back to such a state. False: it does not fit."""
        return bool(self._lib.replug_uart_restore(self._machine, state, len(state)) == 0)

    def _saved(self, save: Any) -> bytes:
        size = save(self._machine, self._ffi.NULL)
        buffer = self._ffi.new("uint8_t[]", size)
        save(self._machine, buffer)
        return bytes(self._ffi.buffer(buffer, size))
