# SPDX-License-Identifier: GPL-2.0-or-later
"""The file that the guest reads when no other is given: text made of the project's own sources."""

from pathlib import Path

SAMPLE_SIZE = 1 << 20
_PACKAGES = ("guestos", "emulator", "toolchain")
_SUFFIXES = (".S", ".inc", ".c", ".h", ".py", ".md")


def sample_text(size: int = SAMPLE_SIZE) -> bytes:
    """Exactly `size` bytes: the sources one after another, from the start again where they do not suffice."""
    top = Path(__file__).resolve().parents[1]
    parts = []
    for package in _PACKAGES:
        for path in sorted((top / package).rglob("*")):
            if path.suffix in _SUFFIXES and path.is_file():
                parts.append(path.read_bytes())
    text = b"".join(parts)
    return (text * (size // len(text) + 1))[:size]
