# SPDX-License-Identifier: GPL-2.0-or-later
"""Which virtio device is in which of the eight slots: disk, network, console, entropy; the rest is empty."""

from __future__ import annotations

from collections.abc import Callable

from emulator.devices import virt_map
from emulator.devices.device import Device
from emulator.devices.disk import Disk
from emulator.devices.echo_host import EchoHost
from emulator.devices.network import Backend, Link, Loopback
from emulator.devices.options import DeviceOptions
from emulator.devices.virtio_block import VirtioBlock
from emulator.devices.virtio_console import VirtioConsole
from emulator.devices.virtio_entropy import VirtioEntropy
from emulator.devices.virtio_mmio import EmptySlot
from emulator.devices.virtio_network import VirtioNetwork

DISK, NETWORK, CONSOLE, ENTROPY = range(4)


class VirtioSlots:
    """The devices of a machine; `network` and `console` are None where there is none, `link` unless the
    network's cable leads outside."""

    def __init__(self, options: DeviceOptions, disk: Disk | None, console: Callable[[bytes], None]) -> None:
        self.link = Link() if options.net == "link" else None
        self.network: VirtioNetwork | None = None
        if options.net != "none":
            self.network = VirtioNetwork(NETWORK, self._backend(options.net))
        self.console = VirtioConsole(CONSOLE, console) if options.console == "virtio" else None
        there: dict[int, Device | None] = {
            DISK: VirtioBlock(disk, DISK) if disk is not None else None,
            NETWORK: self.network,
            CONSOLE: self.console,
            ENTROPY: VirtioEntropy(ENTROPY, options.seed),
        }
        self.devices = [there.get(slot) or EmptySlot(slot) for slot in range(virt_map.VIRTIO_SLOTS)]

    def _backend(self, net: str) -> Backend:
        if self.link is not None:
            return self.link
        return EchoHost() if net == "echo" else Loopback()
