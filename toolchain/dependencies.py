# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files does an assembly source read: #include, .include, .incbin, and INCLUDE of link scripts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolchain.errors import ToolchainError

_PREPROCESSOR = re.compile(
    rb'^[ \t]*#[ \t]*(include|embed)[ \t]*("[^"\n]*"|<[^>\n]*>|[A-Za-z_]\w*)', re.MULTILINE
)
# An assembler directive may follow a label or another statement, so not only at the start of a line.
_ASSEMBLER = re.compile(rb'(?:^|[\s;:])\.(include|incbin)[ \t]+("[^"\n]*"|[^\s",;]+)', re.MULTILINE)
_LINK_SCRIPT = re.compile(rb'(?:^|[\s;{}])INCLUDE[ \t]+"?([^\s";]+)"?', re.MULTILINE)


@dataclass
class Dependencies:
    """What a build reads.

    files: every file found, in a stable order. absent: names that were looked for and not found
    (perhaps in a branch that is not compiled). embedded: those of `files` that only the assembler
    sees (.incbin, .include), which the compiler's own cache does not notice. unknown: places whose
    file name could not be told ("FILE: .incbin \\name"); such a build must never be skipped.
    """

    files: list[Path] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    embedded: list[Path] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ToolchainError(f"{path}: {error.strerror or error}") from None


def _find(name: str, places: Iterable[Path]) -> Path | None:
    for place in places:
        candidate = place / name
        if candidate.is_file():
            return candidate
    return None


def scan(
    sources: Sequence[Path],
    *,
    root: Path,
    include: Sequence[Path],
    defines: Mapping[str, str],
    link_script: Path | None,
) -> Dependencies:
    """Find what `sources` and `link_script` read, following what is included.

    `root` is the compiler's working directory. Conditions (#if) are not evaluated: too many files
    cost a rebuild, too few would keep a stale output.
    """
    found = Dependencies()
    seen: set[Path] = set()
    pending = list(sources)
    while pending:
        path = pending.pop(0)
        if path in seen:
            continue
        seen.add(path)
        found.files.append(path)
        text = _read(path)
        statements = [(kind.decode(), name, False) for kind, name in _PREPROCESSOR.findall(text)]
        statements += [("." + kind.decode(), name, True) for kind, name in _ASSEMBLER.findall(text)]
        for kind, argument, assembler in statements:
            name = argument.decode("utf-8", "replace")
            if name[0] not in '"<':
                name = defines.get(name, "")
            name = name.strip('"<>')
            if not name or "\\" in name:
                found.unknown.append(f"{path}: {kind} {argument.decode('utf-8', 'replace')}")
                continue
            target = _find(name, [path.parent, root, *include])
            if target is None:
                found.absent.append(name)
                continue
            if assembler or kind == "embed":
                found.embedded.append(target)
            if kind in ("include", ".include"):
                pending.append(target)
    if link_script is not None:
        _scan_link_script(link_script, root, found, seen)
    found.files += [path for path in dict.fromkeys(found.embedded) if path not in seen]
    return found


def _scan_link_script(link_script: Path, root: Path, found: Dependencies, seen: set[Path]) -> None:
    pending = [link_script]
    while pending:
        path = pending.pop(0)
        if path in seen:
            continue
        seen.add(path)
        found.files.append(path)
        for argument in _LINK_SCRIPT.findall(_read(path)):
            name = argument.decode("utf-8", "replace")
            target = _find(name, [root, path.parent])
            if target is None:
                found.absent.append(name)
            else:
                pending.append(target)
