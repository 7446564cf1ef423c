# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers of devices that the engine does itself, as Python reaches them: as hart 0 would."""

from emulator.devices.device import BusError
from emulator.engine import Engine


def load(engine: Engine, address: int, width: int) -> int:
    """Load of `width` bytes at a physical address; BusError where nothing answers so."""
    value = engine.device_load(0, address, width)
    if value is None:
        raise BusError
    return value


def store(engine: Engine, address: int, width: int, value: int) -> None:
    """Store of `width` bytes at a physical address; BusError where nothing answers so."""
    if not engine.device_store(0, address, width, value):
        raise BusError
