# SPDX-License-Identifier: GPL-2.0-or-later
"""Windows of the `virt` machine with nothing behind them: flash and PCI, where firmware looks for devices."""

from emulator.devices import virt_map
from emulator.devices.device import Device


class EmptyWindow(Device):
    """Reads as all ones, as a bus does on which nobody answers; stores go nowhere.

    All ones is what a PCI host gives for a device that is not there, and no answer to a flash chip's query.
    """

    def __init__(self, name: str, base: int, size: int) -> None:
        self.name = name
        self.base = base
        self.size = size

    def read(self, offset: int, width: int) -> int:
        """All ones."""
        return (1 << 8 * width) - 1

    def write(self, offset: int, width: int, value: int) -> None:
        """Without effect."""


def empty_windows() -> list[EmptyWindow]:
    """Those of the `virt` machine."""
    return [EmptyWindow(name, base, size) for name, base, size in virt_map.EMPTY_WINDOWS]
