# SPDX-License-Identifier: GPL-2.0-or-later
"""Our guest: where its images are, what its disk holds, and having them made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import guestos
import toolchain
from emulator.cli.common import say
from emulator.engine.build import build_directory, build_engine, make_build_directory
from emulator.errors import ReplugError
from guestos.sample import SAMPLE_SIZE, sample_text
from toolchain.installed import installed_version

if TYPE_CHECKING:
    from guestos.images import Built

HARTS = 4
SOURCES = Path(guestos.__file__).parent
# A file smaller than the sample has too few reads of 64 KB for a report, one larger than this does not stay
# in the guest's buffer cache (512 blocks of 4096 bytes): then the sample is read as well.
FITS_IN_CACHE = 3 << 19

_SUFFIXES = (".S", ".c", ".h", ".inc", ".ld", ".py")

Step = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Guest:
    """What was made: the engine's library, the kernel and the disk."""

    engine: Path
    images: Built
    disk: Path


def guest_directory() -> Path:
    """Where the guest's images are: kernel.elf, user/, measure/, disk.img."""
    return build_directory() / "guest"


def build_guest(data: Path | None, quiet: bool = False) -> Guest:
    """Make the engine and all images, with `data` (by default our sample text) as /data on the disk."""
    from guestos.images import build_all  # noqa: PLC0415 (to build, not to boot)

    if data is not None and not data.is_file():
        raise ReplugError(f"{data}: {'not a file' if data.exists() else 'no such file'}")
    make_build_directory("guest")
    new = not _is_of_these_sources()
    with _progress(quiet or not new) as step:
        step("the engine", 0, 1)
        engine = build_engine()
        unfit = data is not None and not SAMPLE_SIZE <= data.stat().st_size <= FITS_IN_CACHE
        built = build_all(
            guest_directory(),
            step,
            data=data if data is not None else sample_text(),
            sample=sample_text() if unfit else None,
        )
    assert built.disk is not None  # it was given data
    if new:
        _stamp().write_text(f"{_sources_digest()}\n")
    return Guest(engine, built, built.disk)


def our_guest(quiet: bool = False) -> tuple[Path, Path]:
    """(kernel, disk) as `replug build` has made them; made now if they are not there, or of other sources."""
    kernel, disk = guest_directory() / "kernel.elf", guest_directory() / "disk.img"
    if not _is_of_these_sources():
        made = build_guest(None, quiet)
        return made.images.kernel, made.disk
    return kernel, disk


def _sources_digest() -> str:
    """Of all that the guest's images are made of: its sources, and what makes images of them."""
    digest = hashlib.sha256(str(installed_version("ziglang")).encode())
    for top in (SOURCES, Path(toolchain.__file__).parent):
        for path in sorted(top.rglob("*")):
            if path.is_file() and path.suffix in _SUFFIXES:
                digest.update(f"{path.relative_to(top)} {path.stat().st_size} ".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp() -> Path:
    return guest_directory() / "guest.stamp"


def _is_of_these_sources() -> bool:
    """Whether kernel and disk are there, and of the sources as they are: not of those before an update."""
    try:
        made_of = _stamp().read_text().strip()
    except (OSError, ValueError):
        return False
    there = all((guest_directory() / name).is_file() for name in ("kernel.elf", "disk.img"))
    return there and made_of == _sources_digest()


@contextmanager
def _progress(quiet: bool) -> Iterator[Step]:
    """A display of the steps on stderr: a bar on a terminal, else a line a step."""
    if quiet:
        yield lambda _what, _done, _steps: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, steps: say(f"building {what}") if done < steps else None
        return
    columns = (
        TextColumn("building {task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, steps: bar.update(task, description=what, completed=done, total=steps)
