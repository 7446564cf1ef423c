# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiling the engine: plain C, by the clang of the `ziglang` wheel, against the Unicorn of the `unicorn`
wheel.

The library is kept under a name that says what went into it, so that it is rebuilt exactly when something
changed and several checkouts or versions never disturb each other.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import _cffi_backend

from emulator.errors import ReplugError
from toolchain.installed import installed_version

_HERE = Path(__file__).resolve().parent
_ELSEWHERE = "REPLUG_BUILD=FOLDER names another place"
FLAGS = ("-O2", "-g", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fno-sanitize=all")


def engine_sources() -> Path:
    """Folder of the C sources.  `REPLUG_ENGINE_SOURCES` names another one: with a bug planted in it,
    by which the tests are tested.
    """
    return Path(os.environ.get("REPLUG_ENGINE_SOURCES", _HERE))


def engine_flags() -> tuple[str, ...]:
    """The compiler's flags; `REPLUG_ENGINE_FLAGS` adds to them, separated by blanks."""
    return FLAGS + tuple(os.environ.get("REPLUG_ENGINE_FLAGS", "").split())


def build_directory() -> Path:
    """Where built things go: `REPLUG_BUILD`, else `build/` of a checkout, else the user's cache.

    ReplugError when there is no such place.
    """
    chosen = os.environ.get("REPLUG_BUILD")
    if chosen:
        return Path(chosen)
    checkout = _HERE.parents[1]
    if (checkout / "pyproject.toml").is_file() and (checkout / "guestos").is_dir():
        return checkout / "build"
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(cache) if cache else Path.home() / ".cache") / "replug"
    except RuntimeError:
        raise ReplugError(f"no home directory is known: {_ELSEWHERE}") from None


def make_build_directory(name: str) -> Path:
    """The folder `name` in it, made if it is not there. ReplugError where nothing can be written."""
    directory = build_directory() / name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ReplugError(
            f"{directory}: {error.strerror}: nothing can be built there; {_ELSEWHERE}"
        ) from None
    return directory


def unicorn_package() -> Path:
    """Folder of the installed `unicorn` package, found without importing it."""
    spec = importlib.util.find_spec("unicorn")
    if spec is None or spec.origin is None:
        raise ReplugError("the package 'unicorn' is not installed: pip install unicorn")
    return Path(spec.origin).parent


def unicorn_library() -> Path:
    """The shared library inside the `unicorn` wheel."""
    for name in ("libunicorn.so.2", "libunicorn.2.dylib"):
        path = unicorn_package() / "lib" / name
        if path.is_file():
            return path
    raise ReplugError(f"{unicorn_package() / 'lib'}: no Unicorn library of version 2 in it")


def _fingerprint(sources: Path, flags: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for path in sorted([*sources.glob("*.c"), *sources.glob("*.h")]):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    digest.update(" ".join(flags).encode())
    for package in ("unicorn", "ziglang"):
        digest.update(str(installed_version(package)).encode())
    return digest.hexdigest()[:16]


def build_engine() -> Path:
    """The engine's shared library, compiled if it is not there yet; and `bindings_of` it.

    Raises ReplugError with the compiler's own words when it does not compile.
    """
    library = unicorn_library()
    sources, flags = engine_sources(), engine_flags()
    target = build_directory() / "engine" / f"replug-engine-{_fingerprint(sources, flags)}.so"
    if not target.is_file():
        _compile(library, sources, flags, target)
    if not bindings_of(target).is_file():
        _build_bindings(bindings_of(target))
    return target


def _compile(library: Path, sources: Path, flags: tuple[str, ...], target: Path) -> None:
    make_build_directory("engine")
    cache = build_directory() / "zig-cache"
    environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        output = Path(scratch) / target.name
        command = [
            sys.executable, "-m", "ziglang", "cc", *flags,
            f"-I{unicorn_package() / 'include'}",
            f"-ffile-prefix-map={sources}=engine",
            *(str(path) for path in sorted(sources.glob("*.c"))),
            str(library), f"-Wl,-rpath,{library.parent}",
            "-o", str(output),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise ReplugError(f"the engine does not compile:\n{done.stderr.strip()}")
        output.replace(target)


def bindings_of(library: Path) -> Path:
    """A Python module beside an engine's library: what cffi has to know of it."""
    return library.with_name(f"{library.stem}-cffi-{_cffi_backend.__version__}.py")


def _build_bindings(target: Path) -> None:
    """cffi would read it from `replug.h` at each start, by a parser of C in Python."""
    import cffi  # noqa: PLC0415 (see above)
    from cffi.recompiler import make_py_source  # noqa: PLC0415

    text = (engine_sources() / "replug.h").read_text()
    ffi = cffi.FFI()
    ffi.cdef(text.split("/* cffi begin */")[1].split("/* cffi end */")[0])
    make_build_directory("engine")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        output = Path(scratch) / target.name
        make_py_source(ffi, "engine", str(output))
        output.replace(target)
