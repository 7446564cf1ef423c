# SPDX-License-Identifier: GPL-2.0-or-later
"""What an assembler for single instructions offers, and the test that it has to pass."""

from typing import Protocol

from toolchain.errors import ToolchainError
from toolchain.known_encodings import ADDRESS, INVALID, KNOWN
from toolchain.statements import split


class DeclinedError(ToolchainError):
    """The text may be right, but this backend cannot do it (it has no linker); another one can."""


class Backend(Protocol):
    """An assembler. All of them read the same text the same way (see toolchain.statements)."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    def unavailable(self) -> str | None:
        """Why it cannot be used here (not installed, no RISC-V), or None."""

    def assemble(self, text: str, address: int, bits: int) -> bytes:
        """Bytes of `text` placed at `address`; RVC forms where they exist. Raises ToolchainError."""


def self_test(backend: Backend, bits: int) -> str | None:
    """Why the backend's answers cannot be trusted for this word size, or None if all are right."""
    cases = [(text, known) for text, only, known in KNOWN if only in (0, bits)]
    # All that may lie anywhere goes in at once: a compiler that has to be started is slow to ask.
    anywhere = [case for case in cases if not any(s.numeric_target() is not None for s in split(case[0]))]
    if _answer(backend, "\n".join(text for text, _ in anywhere), bits) == "".join(
        known for _, known in anywhere
    ):
        cases = [case for case in cases if case not in anywhere]
    for text, known in cases:
        made = _answer(backend, text, bits)
        if made != known:
            return f"fails the self-test: `{text}` gives {made or 'nothing'} instead of {known}"
    for text in INVALID:
        try:
            made = backend.assemble(text, ADDRESS, bits).hex()
        except ToolchainError:
            continue
        return f"fails the self-test: `{text}` is no instruction, but gives {made or 'nothing'}"
    return None


def _answer(backend: Backend, text: str, bits: int) -> str:
    try:
        return backend.assemble(text, ADDRESS, bits).hex()
    except ToolchainError as error:
        return f"an error ({error})"
