# SPDX-License-Identifier: GPL-2.0-or-later
"""The header of a Linux `Image` for RISC-V (Linux, Documentation/arch/riscv/boot-image-header.rst)."""

import struct
from dataclasses import dataclass
from pathlib import Path

from emulator.errors import ReplugError

_HEADER = struct.Struct("<II QQQ II Q 8s 4s I")
_MAGIC2 = b"RSC\x05"
_MAGIC2_AT = 56
_BIG_ENDIAN = 1


@dataclass(frozen=True)
class LinuxHeader:
    """text_offset: bytes from the start of RAM to where the kernel wants to be; size: bytes of RAM that it
    takes from there, the file and what is zero behind it."""

    text_offset: int
    size: int


def linux_header(data: bytes, path: Path) -> LinuxHeader | None:
    """The header of these bytes, None when they are no Linux `Image`; ReplugError when it makes no sense."""
    if data[_MAGIC2_AT : _MAGIC2_AT + len(_MAGIC2)] != _MAGIC2:
        return None
    if len(data) < _HEADER.size:
        raise ReplugError(f"{path}: a Linux Image that is cut short in its header")
    _, _, text_offset, size, flags, *_ = _HEADER.unpack_from(data)
    if flags & _BIG_ENDIAN:
        raise ReplugError(f"{path}: a Linux Image for big-endian harts")
    pe_end = _end_of_pe_sections(data)
    if pe_end > len(data):
        raise ReplugError(f"{path}: a Linux Image of {pe_end} bytes that is cut short after {len(data)}")
    return LinuxHeader(text_offset, max(size, len(data)))


def _end_of_pe_sections(data: bytes) -> int:
    """Where the file ends by its PE header, 0 when it has none: an Image may be an EFI program too."""
    (pe_at,) = struct.unpack_from("<I", data, 60)
    if data[:2] != b"MZ" or data[pe_at : pe_at + 4] != b"PE\0\0" or pe_at + 24 > len(data):
        return 0
    (count,) = struct.unpack_from("<H", data, pe_at + 6)
    (optional_size,) = struct.unpack_from("<H", data, pe_at + 20)
    end = 0
    for index in range(count):
        place = pe_at + 24 + optional_size + 40 * index
        if place + 40 > len(data):
            break
        raw_size, raw_at = struct.unpack_from("<II", data, place + 16)
        end = max(end, raw_at + raw_size)
    return end
