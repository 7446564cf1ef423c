# SPDX-License-Identifier: GPL-2.0-or-later
"""The finisher: one register through which a guest ends its run."""

from collections.abc import Callable
from typing import Literal

from emulator.devices import virt_map
from emulator.devices.device import BusError, Device

PASS = 0x5555
FAIL = 0x3333
RESET = 0x7777

ExitReason = Literal["pass", "fail", "reset"]


class Finisher(Device):
    """SiFive's test device. Without state: what follows the request is the machine's decision.

    `request_exit(reason, code)` is called for a store of 0x5555 ("pass", code 0), of `code << 16 | 0x3333`
    ("fail", the 16-bit code) and of 0x7777 ("reset", 0). Other values are ignored.
    """

    def __init__(
        self,
        request_exit: Callable[[ExitReason, int], None],
        name: str = "finisher",
        base: int = virt_map.FINISHER_BASE,
    ) -> None:
        self.name = name
        self.base = base
        self.size = virt_map.FINISHER_SIZE
        self._request_exit = request_exit

    def read(self, offset: int, width: int) -> int:
        """Reads as 0, in 2 or 4 bytes."""
        if width not in (2, 4) or offset % width:
            raise BusError
        return 0

    def write(self, offset: int, width: int, value: int) -> None:
        """Offset 0, in 2 or 4 bytes, is the request; the rest of the page takes stores and ignores them."""
        if width not in (2, 4) or offset % width:
            raise BusError
        if offset:
            return
        request = value & 0xFFFF
        if request == PASS:
            self._request_exit("pass", 0)
        elif request == FAIL:
            self._request_exit("fail", value >> 16 & 0xFFFF)
        elif request == RESET:
            self._request_exit("reset", 0)
