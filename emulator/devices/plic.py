# SPDX-License-Identifier: GPL-2.0-or-later
"""The interrupt controller (PLIC), which the engine does itself (engine/plic.c), as a device among others."""

from emulator.devices import virt_map
from emulator.devices.device import Device, bad_state
from emulator.devices.engine_device import load, store
from emulator.engine import Engine


class Plic(Device):
    """95 sources with 7 priorities; context 2*hart is M-mode's, 2*hart+1 S-mode's."""

    name = "plic"
    base = virt_map.PLIC_BASE
    size = virt_map.PLIC_SIZE

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set_level(self, irq: int, level: bool) -> None:
        """A device drives the line of source `irq` (1 to 95)."""
        self._engine.set_interrupt(irq, level)

    def read(self, offset: int, width: int) -> int:
        """Registers are 4 bytes wide and read so; what does not exist reads as 0."""
        return load(self._engine, self.base + offset, width)

    def write(self, offset: int, width: int, value: int) -> None:
        """Registers are 4 bytes wide and written so; stores to what does not exist are ignored."""
        store(self._engine, self.base + offset, width, value)

    def save(self) -> bytes:
        """Priorities, thresholds, and the bit a source of everything else."""
        return self._engine.save_plic()

    def restore(self, state: bytes) -> None:
        """As in Device; every hart's line goes to where it belongs."""
        if not self._engine.restore_plic(state):
            raise bad_state(self.name)
