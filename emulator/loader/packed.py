# SPDX-License-Identifier: GPL-2.0-or-later
"""Packed images: gzip files, and Linux's EFI zboot images, whose payload firmware has to unpack as well."""

import struct
import zlib
from pathlib import Path

from emulator.errors import ReplugError
from emulator.loader.flat import LARGEST_FILE

_GZIP = b"\x1f\x8b"
_ZBOOT = b"MZ\0\0zimg"
# Linux, drivers/firmware/efi/libstub/zboot-header.S: offset and size of the payload, and how it is packed.
_ZBOOT_HEADER = struct.Struct("<8s II 8x 32s")


def unpack(data: bytes, path: Path) -> bytes:
    """What is packed in these bytes, or the bytes themselves; ReplugError when it cannot be unpacked."""
    if data.startswith(_ZBOOT):
        return _zboot(data, path)
    if data.startswith(_GZIP):
        return _gunzip(data, path)
    return data


def _zboot(data: bytes, path: Path) -> bytes:
    if len(data) < _ZBOOT_HEADER.size:
        raise ReplugError(f"{path}: an EFI zboot image that is cut short in its header")
    _, place, size, kind = _ZBOOT_HEADER.unpack_from(data)
    kind = kind.split(b"\0")[0]
    if place + size > len(data):
        raise ReplugError(f"{path}: an EFI zboot image that is cut short: its payload ends beyond the file")
    if kind != b"gzip":
        name = kind.decode(errors="replace")
        raise ReplugError(f"{path}: an EFI zboot image packed by {name!r}: only gzip can be unpacked here")
    return _gunzip(data[place : place + size], path)


def _gunzip(data: bytes, path: Path) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        result = unpacker.decompress(data, LARGEST_FILE)
    except zlib.error as error:
        raise ReplugError(f"{path}: damaged gzip data ({error})") from None
    if not unpacker.eof:
        raise ReplugError(
            f"{path}: gzip data that is cut short, or unpacks to more than {LARGEST_FILE} bytes"
        )
    if not result:
        raise ReplugError(f"{path}: nothing is packed in it")
    return result
