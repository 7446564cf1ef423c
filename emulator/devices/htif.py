# SPDX-License-Identifier: GPL-2.0-or-later
"""HTIF: the two doublewords `tohost` and `fromhost` in RAM by which test programs speak with their host."""

from __future__ import annotations

import struct
from collections.abc import Callable

from emulator.devices.device import BusError, Device, StateReader
from emulator.engine import NO_LIMIT, WatchHit
from emulator.errors import ReplugError
from toolchain.image import Image

LOOK = 1000
"""Instructions, over all harts, between two looks at a `tohost` whose request is not whole yet."""

_VERSION = 3
_PAYLOAD = (1 << 48) - 1
_SYSTEM, _CONSOLE = 0, 1  # devices
_CONSOLE_READ, _CONSOLE_WRITE = 0, 1  # commands
_CHARACTER = 0x100  # in the answer to a read
_SYS_WRITE, _SYS_EXIT = 64, 93
_EBADF, _EFAULT, _ENOSYS = 9, 14, 38
_LONGEST_WRITE = 1 << 20  # bytes; a longer write is done in part, as write() may


class Htif(Device):
    """Answers what the guest stores to `tohost`: device << 56 | command << 48 | payload.

    * payload of device 0 with bit 0 set: the end of the run, 1 for success, else test number << 1 | 1
      (`request_exit("pass" or "fail", payload >> 1)`);
    * payload of device 0 with bit 0 clear: address of eight doublewords, a system call's number and its
      arguments. write (64) to 1 and 2 is console output, exit (93) ends the run, others fail with ENOSYS. The
      result replaces the number, and 1 in `fromhost` says that it is there;
    * device 1, command 1: the payload's low byte is console output;
    * device 1, command 0: a character is wanted. When there is one, `fromhost` gets device 1, command 0 and
      0x100 | the character (what the UART's driver has not read is taken, through `read_character`).

    Once taken, a request is replaced by 0. Other devices and commands are taken and ignored.

    The engine stops right behind each store to `tohost`. A request is taken when both halves have been
    stored, at once or one after the other, so that a test that ends by it has its exact count. Where
    a guest stores one half only, or the answer before has not been fetched, the machine looks again at the
    first block border at or after every LOOK instructions, counted over all harts, and when nothing else can
    happen; what two looks in a row find is taken. However a run is cut, the looks are at the same places.
    """

    name = "htif"
    size = 0  # no registers: it lives in RAM

    def __init__(
        self,
        tohost: int,
        fromhost: int | None,
        request_exit: Callable[[str, int], None],
        console: Callable[[bytes], None],
        read_character: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.base = tohost
        self._fromhost = fromhost
        self._request_exit = request_exit
        self._console = console
        self._halves = 0  # that have been stored since the request before: 1 the lower one, 2 the upper one
        self._waiting = False  # there is a request that has not been taken
        self._read_character = read_character
        self._reading = False  # a character is wanted, and there was none
        self._seen = 0
        self._looked = 0  # looks at multiples of LOOK so far: instructions // LOOK

    def stored(self, hit: WatchHit, instructions: int) -> bool:
        """The engine has stopped for this access, when so many had retired on all harts: was it to `tohost`?

        Raises ReplugError when what is asked for is the address of a system call that is not in RAM.
        """
        first, behind = max(hit.address - self.base, 0), min(hit.address + hit.width - self.base, 8)
        if not hit.is_store or first >= behind:
            return False
        self._halves |= (first < 4) | (behind > 4) << 1
        request = self._load(self.base)
        if self._halves == 3:
            self._halves = 0
            self._waiting = request != 0 and not self._served(request)
        else:
            self._waiting = request != 0
        if self._waiting or self._reading:
            self._looked = instructions // LOOK
        return True

    def until_look(self, instructions: int) -> int:
        """Instructions until the next look, when so many have retired over all harts."""
        return LOOK - instructions % LOOK if self._waiting or self._reading else NO_LIMIT

    def look(self, instructions: int, last: bool = False) -> None:
        """Look at `tohost` if it is time. last: nothing follows, so that what is there is all there will be.

        Raises ReplugError when it holds no address of a system call that is in RAM.
        """
        if not (self._waiting or self._reading) or (instructions // LOOK == self._looked and not last):
            return
        self._looked = instructions // LOOK
        if self._reading:
            self._answer_read()
        if not self._waiting:
            return
        request = self._load(self.base)
        confirmed = request == self._seen or last
        self._seen = request
        if request and confirmed and self._served(request):
            self._halves = 0
            self._waiting = False

    def _served(self, request: int) -> bool:
        if not self._take(request):
            return False
        self._store(self.base, 0)
        self._seen = 0
        return True

    def _answer_read(self) -> None:
        """Give the guest the character that it wants, if there is one and the earlier answer is taken."""
        if self._fromhost is None or self._load(self._fromhost):
            return
        character = self._read_character()
        if character is not None:
            self._reading = False
            self._store(self._fromhost, _CONSOLE << 56 | _CONSOLE_READ << 48 | _CHARACTER | character)

    def _load(self, address: int) -> int:
        return int.from_bytes(self.board.memory_read(address, 8), "little")

    def _store(self, address: int, value: int) -> None:
        self.board.memory_write(address, value.to_bytes(8, "little"))

    def _take(self, request: int) -> bool:
        """Do what is asked for; False when the guest first has to take an earlier answer."""
        device, command, payload = request >> 56, request >> 48 & 0xFF, request & _PAYLOAD
        if device == _CONSOLE and command == _CONSOLE_WRITE:
            self._console(bytes((payload & 0xFF,)))
        elif device == _CONSOLE and command == _CONSOLE_READ:
            self._reading = True
            self._answer_read()
        elif device == _SYSTEM and command == 0:
            if payload & 1:
                self._exit(payload >> 1)
                return True
            if self._fromhost is not None and self._load(self._fromhost):
                return False
            self._system_call(payload)
        return True

    def _exit(self, code: int) -> None:
        self._request_exit("fail" if code else "pass", code)

    def _system_call(self, block: int) -> None:
        try:
            number, *arguments = struct.unpack("<8Q", self.board.memory_read(block, 64))
        except BusError:
            raise ReplugError(
                f"tohost: {block:#x}: a system call is to be described there, and is not in RAM"
            ) from None
        if number == _SYS_EXIT:
            self._exit(arguments[0] & 0x7FFF_FFFF)
            return
        result = self._write(*arguments[:3]) if number == _SYS_WRITE else -_ENOSYS
        self._store(block, result & (1 << 64) - 1)
        if self._fromhost is not None:
            self._store(self._fromhost, 1)

    def _write(self, descriptor: int, address: int, length: int) -> int:
        if descriptor not in (1, 2):
            return -_EBADF
        length = min(length, _LONGEST_WRITE)
        try:
            data = self.board.memory_read(address, length)
        except BusError:
            return -_EFAULT
        if data:
            self._console(data)
        return length

    def save(self) -> bytes:
        return struct.pack(
            "<BB??QQ", _VERSION, self._halves, self._waiting, self._reading, self._seen, self._looked
        )

    def restore(self, state: bytes) -> None:
        reader = StateReader(self.name, _VERSION, state)
        self._halves, self._waiting, self._reading, self._seen, self._looked = reader.fields("<B??QQ")
        reader.finish()


def symbol_in_ram(image: Image, name: str, ram_base: int, ram_size: int) -> int | None:
    """Physical address of the doubleword with this name, None if the image has none.

    ReplugError when it is not inside RAM, or not aligned to 8 bytes.
    """
    symbol = image.symbol(name)
    if symbol is None:
        return None
    address = symbol.address
    segment = image.segment_at(address)
    # Linkers that know no physical addresses write 0 for all (see place_elf).
    if segment is not None and any(other.paddr for other in image.segments):
        address += segment.paddr - segment.vaddr
    if not ram_base <= address <= ram_base + ram_size - 8 or address % 8:
        raise ReplugError(f"{image.path}: {name} at {address:#x} is no aligned doubleword in RAM")
    return address
