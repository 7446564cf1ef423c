# SPDX-License-Identifier: GPL-2.0-or-later
"""The platform-level interrupt controller (PLIC).

Each source has a gateway that turns the device's level into requests:

* a device that drives its line high, also while it is high already, makes a request. A request pends at
  once, or, when the source is in service (claimed and not completed), waits in the gateway;
* a request that pends stays until it is claimed, even when the line goes low before (the manual's rule);
* a request that waits in the gateway is dropped when the line goes low, and pends at completion otherwise.

A line that merely stayed high during the service makes no new request at completion. There the manual
would repeat the interrupt for ever, and drivers that are written against QEMU (which repeats it only when
the device drives its line again) leave the 16550's transmitter interrupt unacknowledged. Every change in a
device that could matter drives the line again, so that nothing is lost.

Completion is accepted for any source that is in service, also one that is masked meanwhile (as in QEMU).
A claim ignores the threshold (as in the manual).
"""

import struct
from collections.abc import Callable

from emulator.devices import virt_map
from emulator.devices.device import BusError, Device, StateReader, bad_state

_VERSION = 1
_PENDING = 0x1000
_ENABLE = 0x2000
_ENABLE_STRIDE = 0x80
_CONTEXT = 0x20_0000
_CONTEXT_STRIDE = 0x1000
_PRIORITY_MASK = 7
_MASK_BYTES = virt_map.PLIC_SOURCES // 8
_ALL_SOURCES = (1 << virt_map.PLIC_SOURCES) - 2  # source 0 does not exist

MACHINE = 3
SUPERVISOR = 1


class Plic(Device):
    """95 sources with 7 priorities; context 2*hart is M-mode's, 2*hart+1 S-mode's.

    `hart_line(hart, mode, level)` drives the external interrupt of a hart (mode 3 = M, 1 = S); it is
    called on changes only, and once for each context by `restore`.
    """

    def __init__(
        self,
        harts: int,
        hart_line: Callable[[int, int, bool], None],
        name: str = "plic",
        base: int = virt_map.PLIC_BASE,
    ) -> None:
        self.name = name
        self.base = base
        self.size = virt_map.PLIC_SIZE
        self._hart_line = hart_line
        self._contexts = 2 * harts
        self._priority = [0] * virt_map.PLIC_SOURCES
        self._threshold = [0] * self._contexts
        # One bit a source in each of these numbers.
        self._enable = [0] * self._contexts
        self._pending = 0
        self._in_service = 0
        self._waiting = 0
        self._lines = [False] * self._contexts

    def set_level(self, irq: int, level: bool) -> None:
        """A device drives the line of source `irq` (1 to 95)."""
        bit = 1 << irq
        if level:
            if self._in_service & bit:
                self._waiting |= bit
            elif not self._pending & bit:
                self._pending |= bit
                self._update()
        else:
            self._waiting &= ~bit

    def _best(self, context: int, threshold: int) -> int:
        """The pending, enabled source of the highest priority above `threshold`, the lowest number among
        equals; 0 when there is none."""
        candidates = self._pending & self._enable[context]
        best = 0
        while candidates:
            bit = candidates & -candidates
            candidates ^= bit
            irq = bit.bit_length() - 1
            if self._priority[irq] > threshold:
                best = irq
                threshold = self._priority[irq]
        return best

    def _update(self) -> None:
        for context in range(self._contexts):
            level = self._best(context, self._threshold[context]) != 0
            if level != self._lines[context]:
                self._lines[context] = level
                self._hart_line(context >> 1, SUPERVISOR if context & 1 else MACHINE, level)

    def _claim(self, context: int) -> int:
        irq = self._best(context, 0)
        if irq:
            self._pending &= ~(1 << irq)
            self._in_service |= 1 << irq
            self._update()
        return irq

    def _complete(self, irq: int) -> None:
        bit = 1 << irq
        if not self._in_service & bit:
            return
        self._in_service &= ~bit
        if self._waiting & bit:
            self._waiting &= ~bit
            self._pending |= bit
            self._update()

    def read(self, offset: int, width: int) -> int:
        """Registers are 4 bytes wide and read so; what does not exist reads as 0."""
        if width != 4 or offset & 3:
            raise BusError
        if offset >= _CONTEXT:
            context, register = divmod(offset - _CONTEXT, _CONTEXT_STRIDE)
            if context < self._contexts:
                if register == 4:
                    return self._claim(context)
                if register == 0:
                    return self._threshold[context]
        elif offset >= _ENABLE:
            context, register = divmod(offset - _ENABLE, _ENABLE_STRIDE)
            if context < self._contexts:
                return self._enable[context] >> register * 8 & 0xFFFF_FFFF
        elif offset >= _PENDING:
            return self._pending >> (offset - _PENDING) * 8 & 0xFFFF_FFFF
        elif offset < 4 * virt_map.PLIC_SOURCES:
            return self._priority[offset >> 2]
        return 0

    def write(self, offset: int, width: int, value: int) -> None:
        """Registers are 4 bytes wide and written so; stores to what does not exist are ignored."""
        if width != 4 or offset & 3:
            raise BusError
        if offset >= _CONTEXT:
            context, register = divmod(offset - _CONTEXT, _CONTEXT_STRIDE)
            if context < self._contexts:
                if register == 4:
                    if value < virt_map.PLIC_SOURCES:
                        self._complete(value)
                elif register == 0:
                    self._threshold[context] = value & _PRIORITY_MASK
                    self._update()
        elif offset >= _ENABLE:
            context, register = divmod(offset - _ENABLE, _ENABLE_STRIDE)
            if context < self._contexts:
                shift = register * 8
                kept = self._enable[context] & ~(0xFFFF_FFFF << shift)
                self._enable[context] = (kept | (value & 0xFFFF_FFFF) << shift) & _ALL_SOURCES
                self._update()
        elif 4 <= offset < 4 * virt_map.PLIC_SOURCES:
            self._priority[offset >> 2] = value & _PRIORITY_MASK
            self._update()

    def save(self) -> bytes:
        """Priorities, thresholds, and the bit a source of everything else."""
        masks = (*self._enable, self._pending, self._in_service, self._waiting)
        return b"".join(
            (
                struct.pack("<BI", _VERSION, self._contexts),
                bytes(self._priority),
                bytes(self._threshold),
                *(mask.to_bytes(_MASK_BYTES, "little") for mask in masks),
            )
        )

    def restore(self, state: bytes) -> None:
        """As in Device; then drives every hart's line to where it belongs."""
        reader = StateReader(self.name, _VERSION, state)
        if reader.fields("<I")[0] != self._contexts:
            raise bad_state(self.name)
        priority = list(reader.fields(f"{virt_map.PLIC_SOURCES}B"))
        threshold = list(reader.fields(f"{self._contexts}B"))
        masks = [
            int.from_bytes(reader.fields(f"{_MASK_BYTES}s")[0], "little") for _ in range(self._contexts + 3)
        ]
        reader.finish()
        self._priority = priority
        self._threshold = threshold
        self._pending, self._in_service, self._waiting = masks[-3:]
        self._enable = masks[:-3]
        for context in range(self._contexts):
            level = self._best(context, self._threshold[context]) != 0
            self._lines[context] = level
            self._hart_line(context >> 1, SUPERVISOR if context & 1 else MACHINE, level)
