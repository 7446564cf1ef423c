# SPDX-License-Identifier: GPL-2.0-or-later
"""One instruction, or a few lines, to bytes."""

from dataclasses import dataclass
from functools import cache

from toolchain.backend import Backend, self_test
from toolchain.backend_single import KeystoneBackend, McasmBackend
from toolchain.backend_zig import ZigBackend
from toolchain.errors import ToolchainError
from toolchain.statements import split

_BACKENDS: tuple[Backend, ...] = (KeystoneBackend(), McasmBackend(), ZigBackend())
"""In the order in which they are tried. The last one can do everything."""


@dataclass(frozen=True)
class BackendStatus:
    """Can this backend be used here? reason: why not, or "" if it can."""

    name: str
    usable: bool
    reason: str


def backends(bits: int = 64) -> list[BackendStatus]:
    """State of every backend, in the order in which they are tried; each was really run."""
    found = []
    for backend in _BACKENDS:
        reason = _unusable(backend.name, bits)
        found.append(BackendStatus(backend.name, reason is None, reason or ""))
    return found


def assemble_text(text: str, *, address: int = 0, bits: int = 64, backend: str | None = None) -> bytes:
    """Bytes of `text` (statements separated by newline or `;`) as they lie in memory at `address`.

    Compressed forms are used where they exist (RV64IMAC or RV32IMAC). A numeric branch target is an
    address, in every backend; `. + 8` is a distance. backend: one of `backends()`; by default the
    first usable one that can do this text. Raises ToolchainError with the line for text that has no
    encoding, that makes no bytes, or (backend named) that this backend cannot do.
    """
    if bits not in (32, 64):
        raise ToolchainError(f"bits must be 32 or 64, not {bits}")
    if not 0 <= address < 1 << bits or address % 2:
        raise ToolchainError(f"address {address:#x} is odd or does not fit in {bits} bits")
    if not text.isascii() or "\0" in text:
        bad = next(character for character in text if not character.isascii() or character == "\0")
        raise ToolchainError(f"the text contains {bad!a}: only ASCII is assembled")
    if not any(statement.mnemonic for statement in split(text)):
        raise ToolchainError("nothing to assemble")
    if backend is not None:
        return _made(_by_name(backend, bits), text, address, bits)
    failure: ToolchainError | None = None
    for candidate in _BACKENDS:
        # The last one works or says why by itself; testing it first would only cost time.
        if candidate is not _BACKENDS[-1] and _unusable(candidate.name, bits) is not None:
            continue
        try:
            return _made(candidate, text, address, bits)
        except ToolchainError as error:
            failure = error
    assert failure is not None
    raise failure


def _made(backend: Backend, text: str, address: int, bits: int) -> bytes:
    code = backend.assemble(text, address, bits)
    if not code:
        raise ToolchainError("the text makes no bytes")
    return code


def _by_name(name: str, bits: int) -> Backend:
    backend = _find(name)
    reason = _unusable(name, bits)
    if reason is not None:
        raise ToolchainError(f"backend {name} cannot be used: {reason}")
    return backend


def _find(name: str) -> Backend:
    for backend in _BACKENDS:
        if backend.name == name:
            return backend
    known = ", ".join(backend.name for backend in _BACKENDS)
    raise ToolchainError(f"backend {name!r} is not one of {known}")


@cache
def _unusable(name: str, bits: int) -> str | None:
    """Why this backend cannot be used; asked once a process, for the self-test takes a while."""
    backend = _find(name)
    return backend.unavailable() or self_test(backend, bits)
