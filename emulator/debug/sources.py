# SPDX-License-Identifier: GPL-2.0-or-later
"""Source files: where they lie on the host, and which addresses their lines have."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import guestos
from emulator.debug.symbols import Symbols
from emulator.errors import ReplugError

_OURS = Path(guestos.__file__).parent
"""The sources of the guest OS that comes with Replug."""
_Row = tuple[int, int]
"""(line, address)"""


class Sources:
    """roots: directories that relative names in the debug information may begin from, tried in this order."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self.roots: list[Path] = []
        self._found: dict[str, Path | None] = {}
        self._rows: dict[str, list[_Row]] = {}
        self._known = -1

    def forget(self) -> None:
        """Look again: there are other roots, or other files of symbols."""
        self._found.clear()
        self._known = -1

    def path(self, file: str) -> Path | None:
        """Where a file that the debug information names lies on this host; None if it is not found."""
        if file not in self._found:
            beside = [image.path.resolve().parent for image, _ in self._symbols.files]
            bases = [*self.roots, _OURS, Path.cwd(), *(p for base in beside for p in (base, *base.parents))]
            tried = (base / file for base in bases)
            self._found[file] = next((path.resolve() for path in tried if _is_file(path)), None)
        return self._found[file]

    def root(self, file: str) -> Path | None:
        """The directory that a relative name in the debug information begins from, if it is found."""
        path, parts = self.path(file), PurePosixPath(file).parts
        if path is None or PurePosixPath(file).is_absolute() or path.parts[-len(parts) :] != parts:
            return None
        return path.parents[len(parts) - 1]

    def described(self, file: str) -> dict[str, Any]:
        """The protocol's `Source`."""
        path = self.path(file)
        name = PurePosixPath(file).name
        return (
            {"name": name, "presentationHint": "deemphasize"}
            if path is None
            else {"name": name, "path": str(path)}
        )

    def all(self) -> list[dict[str, Any]]:
        """All that the program comes from."""
        self._read()
        return [self.described(file) for file in sorted(self._rows)]

    # --- lines ---

    def addresses(self, path: str, line: int) -> tuple[int, list[int]]:
        """(line, addresses) of the first line from `line` on that has code; one address a function.

        ReplugError when the file is not one of the program's, or has no code there.
        """
        rows = self.rows(path)
        actual = min((row for row, _ in rows if row >= line), default=None)
        if actual is None:
            raise ReplugError(f"{path}:{line}: no code comes from there")
        chosen: dict[str, int] = {}
        for row, address in rows:
            if row == actual:
                found = self._symbols.at(address)
                name = "" if found is None else found[0]
                chosen[name] = min(address, chosen.get(name, address))
        return actual, sorted(chosen.values())

    def rows(self, path: str) -> list[_Row]:
        """All (line, address) of a file as the client names it; ReplugError if the program has none of it."""
        self._read()
        resolved = resolve(path)
        matching = [file for file in self._rows if self.path(file) == resolved]
        if not matching:  # built elsewhere: the end of the name says which it is
            wanted = PurePosixPath(path).parts
            shared = {file: _shared(PurePosixPath(file).parts, wanted) for file in self._rows}
            most = max(shared.values(), default=0)
            matching = [file for file, parts in shared.items() if parts == most > 0]
        if not matching:
            raise ReplugError(f"{path}: the program has no lines of this file")
        return [row for file in matching for row in self._rows[file]]

    def of_file(self, file: str) -> list[_Row]:
        """All (line, address) of a file as the debug information names it."""
        self._read()
        return self._rows.get(file, [])

    def _read(self) -> None:
        if self._known == len(self._symbols.files):
            return
        self._rows.clear()
        for address, file, line in self._symbols.lines():
            self._rows.setdefault(file, []).append((line, address))
        self._known = len(self._symbols.files)


def resolve(path: str) -> Path:
    """A path as a client names it, made absolute; ReplugError for what cannot be one."""
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ReplugError(f"{path[:200]!r}: not a path: {error}") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, say: the debug information may say anything
        return False


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many parts at their ends are the same."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
