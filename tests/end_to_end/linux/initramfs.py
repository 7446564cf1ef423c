# SPDX-License-Identifier: GPL-2.0-or-later
"""An initramfs with one program in it, as Linux unpacks it (cpio, `newc` format)."""

from pathlib import Path

from toolchain.assemble import assemble

_HERE = Path(__file__).resolve().parent
_DIRECTORY, _CHARACTER_DEVICE, _PROGRAM = 0o40755, 0o20600, 0o100755
_CONSOLE = (5, 1)


def make_initramfs(directory: Path) -> Path:
    """Build the program and pack it in `directory`; the path of the initramfs."""
    program = assemble([_HERE / "init.c"], directory / "init", link_script=None, root=_HERE)
    path = directory / "initramfs.cpio"
    path.write_bytes(
        _entry(1, "dev", _DIRECTORY)
        + _entry(2, "dev/console", _CHARACTER_DEVICE, device=_CONSOLE)
        + _entry(3, "init", _PROGRAM, program.read_bytes())
        + _entry(0, "TRAILER!!!", 0)
    )
    return path


def _entry(number: int, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return _padded(header) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
