# SPDX-License-Identifier: GPL-2.0-or-later
"""Assemble (or compile) and link guest programs: one call, one ELF, only when something changed."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain.dependencies import Dependencies, scan
from toolchain.errors import ToolchainError
from toolchain.output import check_output
from toolchain.zig import run_zig_cc, zig_version

DEFAULT_CPU = "generic_rv64+m+a+c+zicsr+zifencei"

_STAMP_FORMAT = 1
_log = logging.getLogger(__name__)

# Freestanding C without the checks that zig adds by default (they call into a runtime we do not have).
_C_FLAGS = (
    "-O2",
    "-ffreestanding",
    "-fno-sanitize=undefined",
    "-fno-stack-protector",
    "-fno-pic",
    "-mcmodel=medany",
)


def assemble(
    sources: Sequence[Path],
    output: Path,
    *,
    link_script: Path | None,
    include: Sequence[Path] = (),
    defines: Mapping[str, str] = {},
    cpu: str = DEFAULT_CPU,
    bits: int = 64,
    cache: Path | None = None,
    root: Path | None = None,
) -> Path:
    """Build the ELF `output` from `sources` (.S goes through cpp, .s does not, .c is compiled).

    link_script: linker script, or None for the linker's own layout. include: directories for
    #include, .include and .incbin. defines: preprocessor macros, name to value. cpu: zig's -mcpu
    (for 32 bits, `generic_rv64` reads `generic_rv32`). bits: 64 or 32. cache: the compiler's
    cache directory. root: directory that file names in the debug information are relative to, and
    the compiler's working directory; by default the current directory if all sources are in it, else
    their nearest common parent.

    The bytes depend only on the inputs and the compiler's version, not on where the tree lies, as
    long as `root` is its top. Nothing runs when a stamp beside `output` says that it was made from
    these very inputs and is intact. Returns `output`. Raises ToolchainError with the compiler's own
    messages (FILE:LINE:COLUMN) when the build fails; an older `output` is then left as it was.
    """
    if bits not in (32, 64):
        raise ToolchainError(f"{output}: bits must be 32 or 64, not {bits}")
    if not sources:
        raise ToolchainError(f"{output}: no sources to build it from")
    check_output(output)
    output = output.absolute()
    sources = [source.absolute() for source in sources]
    include = [directory.absolute() for directory in include]
    link_script = link_script.absolute() if link_script is not None else None
    top = root.absolute() if root is not None else _default_root(sources)

    found = scan(sources, root=top, include=include, defines=defines, link_script=link_script)
    arguments = _arguments(
        sources, link_script=link_script, include=include, defines=defines, cpu=cpu, bits=bits, root=top
    )
    digests = {path: hashlib.sha256(_read(path)).hexdigest() for path in found.files}
    arguments.append(_cache_mark(found, digests, top))
    inputs = _inputs_digest(arguments, found, digests, top)
    stamp = output.with_name(output.name + ".stamp")
    if not found.unknown and _up_to_date(output, stamp, inputs):
        return output
    _build(arguments, output, top, cache)
    _write_stamp(stamp, inputs, hashlib.sha256(_read(output)).hexdigest())
    return output


def _default_root(sources: Sequence[Path]) -> Path:
    current = Path.cwd()
    if all(source.is_relative_to(current) for source in sources):
        return current
    return Path(os.path.commonpath([source.parent for source in sources]))


def _relative(path: Path, root: Path) -> str:
    """Name of a file for the compiler: relative where that is possible without going up."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _arguments(
    sources: Sequence[Path],
    *,
    link_script: Path | None,
    include: Sequence[Path],
    defines: Mapping[str, str],
    cpu: str,
    bits: int,
    root: Path,
) -> list[str]:
    if bits == 32:
        cpu = cpu.replace("generic_rv64", "generic_rv32", 1)
    arguments = [
        "-target", f"riscv{bits}-freestanding-none", f"-mcpu={cpu}",
        "-nostdlib", "-static", "-g",
        "-Wl,--no-gc-sections", "-Wl,--build-id=none",
    ]  # fmt: skip
    # The last map that fits wins, so the tree's own top comes last.
    outside = sorted({str(source.parent) for source in sources if not source.is_relative_to(root)})
    arguments += [f"-ffile-prefix-map={directory}=." for directory in [*outside, str(root)]]
    if any(source.suffix == ".c" for source in sources):
        arguments += _C_FLAGS
    if link_script is not None:
        arguments += [f"-Wl,-T,{_relative(link_script, root)}"]
    for directory in include:
        arguments += ["-I", _relative(directory, root)]
    arguments += [f"-D{name}={value}" for name, value in sorted(defines.items())]
    return arguments + [_relative(source, root) for source in sources]


def _cache_mark(found: Dependencies, digests: Mapping[Path, str], root: Path) -> str:
    """A macro for what the compiler's cache overlooks, so that it does not hand back a stale object.

    It follows #include, but neither the content of .incbin and .include files nor a file that
    appears where it was looked for in vain.
    """
    if found.unknown:
        return f"-D__REPLUG_INPUTS={os.urandom(8).hex()}"
    names = [_relative(path, root) for path in found.files]
    text = json.dumps([names, sorted(set(found.absent)), [digests[path] for path in found.embedded]])
    return f"-D__REPLUG_INPUTS={hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _inputs_digest(
    arguments: Sequence[str], found: Dependencies, digests: Mapping[Path, str], root: Path
) -> str:
    portable = [argument.replace(str(root), "ROOT") for argument in arguments]
    files = [(_relative(path, root), digest) for path, digest in digests.items()]
    text = json.dumps([_STAMP_FORMAT, zig_version(), portable, files, sorted(set(found.absent))])
    return hashlib.sha256(text.encode()).hexdigest()


def _up_to_date(output: Path, stamp: Path, inputs: str) -> bool:
    try:
        recorded = json.loads(stamp.read_text())
        made = hashlib.sha256(output.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return False
    return bool(recorded == {"inputs": inputs, "output": made})


def _build(arguments: Sequence[str], output: Path, root: Path, cache: Path | None) -> None:
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        status, messages = run_zig_cc([*arguments, "-o", str(partial)], directory=root, cache=cache)
        if status != 0 or not partial.is_file():
            raise ToolchainError(
                f"{output.name}: cannot be built\n{messages.strip() or f'exit status {status}'}"
            )
        if messages.strip():
            _log.warning("%s: %s", output.name, messages.strip())
        partial.replace(output)
    except OSError as error:
        raise ToolchainError(f"{output}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)


def _write_stamp(stamp: Path, inputs: str, made: str) -> None:
    try:
        stamp.write_text(json.dumps({"inputs": inputs, "output": made}) + "\n")
    except OSError as error:
        raise ToolchainError(f"{stamp}: {error.strerror or error}") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ToolchainError(f"{path}: {error.strerror or error}") from None
