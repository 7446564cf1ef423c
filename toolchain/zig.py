# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the compiler of the `ziglang` wheel (clang and lld)."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.installed import installed_version

TIMEOUT_SECONDS = 600
"""A build of ours takes seconds; a compiler that is silent for this long is stuck."""


@cache
def zig_version() -> str:
    """Version of the installed `ziglang` wheel, or ToolchainError if there is none."""
    version = installed_version("ziglang")
    if version is None:
        raise ToolchainError("the compiler is missing: pip install ziglang")
    return version


def default_cache() -> Path:
    """Where zig keeps what it compiled when the caller names no place.

    $ZIG_GLOBAL_CACHE_DIR, else replug/zig in the user's cache directory, else (not writable) in the
    directory for temporary files.
    """
    chosen = os.environ.get("ZIG_GLOBAL_CACHE_DIR")
    if chosen:
        return Path(chosen)
    fallback = Path(tempfile.gettempdir()) / f"replug-zig-{os.getuid()}"
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        directory = (Path(base) if base else Path.home() / ".cache") / "replug" / "zig"
        directory.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home directory is known
        return fallback
    return directory if os.access(directory, os.W_OK) else fallback


def run_zig_cc(arguments: Sequence[str], *, directory: Path, cache: Path | None) -> tuple[int, str]:
    """Run `zig cc ARGUMENTS` in `directory`; returns its exit status and what it wrote to stderr.

    Raises ToolchainError when the compiler is not installed, cannot be started or hangs.
    """
    zig_version()
    place = str((cache if cache is not None else default_cache()).absolute())
    environment = dict(os.environ)
    # clang names the compilation directory by $PWD when that leads to the same place.
    environment |= {"ZIG_GLOBAL_CACHE_DIR": place, "ZIG_LOCAL_CACHE_DIR": place, "PWD": str(directory)}
    try:
        Path(place).mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "ziglang", "cc", *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except OSError as error:
        raise ToolchainError(f"cannot run the compiler: {error}") from None
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"the compiler did not finish in {TIMEOUT_SECONDS} seconds") from None
    return done.returncode, (done.stderr + done.stdout).decode("utf-8", "replace")
