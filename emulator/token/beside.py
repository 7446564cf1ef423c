# SPDX-License-Identifier: GPL-2.0-or-later
"""What was put into RAM beside the image, in a token."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.errors import ReplugError
from emulator.options import BUILTIN, FROM_FILE, NO_FIRMWARE
from emulator.token.encoding import Reader, varint

HASH = 8
"""Bytes of a hash in a token: the first of the SHA-256."""

_BIOS_KINDS = (NO_FIRMWARE, BUILTIN, FROM_FILE)
_BIOS, _LOAD_ADDRESS, _INITRD, _DTB = 3, 4, 8, 16  # flags


@dataclass(frozen=True)
class Beside:
    """What was put into RAM beside the image.

    bios: "none", "builtin" or "file"; load_address: of a flat image, None where its place was the usual one;
    files: first 8 bytes of the SHA-256 of what the options `bios`, `initrd` and `dtb` put there.
    """

    bios: str = NO_FIRMWARE
    load_address: int | None = None
    files: tuple[tuple[str, bytes], ...] = ()

    def encode(self) -> bytes:
        """Its bytes in a token."""
        hashes = dict(self.files)
        flags = _BIOS_KINDS.index(self.bios) | _LOAD_ADDRESS * (self.load_address is not None)
        flags |= _INITRD * ("initrd" in hashes) | _DTB * ("dtb" in hashes)
        place = b"" if self.load_address is None else varint(self.load_address)
        return bytes((flags,)) + place + b"".join(hashes[name] for name in self._names(flags))

    @staticmethod
    def _names(flags: int) -> list[str]:
        wanted = {"bios": flags & _BIOS, "initrd": flags & _INITRD, "dtb": flags & _DTB}
        return [name for name, there in wanted.items() if there]

    @staticmethod
    def decode(reader: Reader) -> Beside:
        """The same back; ReplugError when it is damaged."""
        flags = reader.take(1)[0]
        if flags >= _DTB << 1 or flags & _BIOS >= len(_BIOS_KINDS):
            raise ReplugError("token: damaged: it says something that this Replug does not know")
        load_address = reader.varint() if flags & _LOAD_ADDRESS else None
        files = tuple((name, reader.take(HASH)) for name in Beside._names(flags))
        return Beside(_BIOS_KINDS[flags & _BIOS], load_address, files)

    def check(self, given: Beside) -> None:
        """ReplugError, with the reason, unless the same is `given`."""
        if self.bios != given.bios:
            raise ReplugError(f"token: the run was with firmware {self.bios!r}, not {given.bios!r} (--bios)")
        if self.load_address != given.load_address:
            raise ReplugError("token: the run was with another --load-address")
        wanted, found = dict(self.files), dict(given.files)
        for name in ("bios", "initrd", "dtb"):
            if name in wanted and name not in found:
                raise ReplugError(f"token: the run was with --{name} ({wanted[name].hex()}...)")
            if wanted.get(name) != found.get(name):
                was = (
                    f"with another --{name} ({wanted[name].hex()}...)"
                    if name in wanted
                    else f"without --{name}"
                )
                raise ReplugError(f"token: the run was {was}, not with {found[name].hex()}...")
