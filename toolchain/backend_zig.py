# SPDX-License-Identifier: GPL-2.0-or-later
"""Single instructions by `zig cc`: assembles and links, so labels, `la`, `call` and data are right too."""

import re
import tempfile
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from toolchain.assemble import DEFAULT_CPU
from toolchain.errors import ToolchainError
from toolchain.statements import split
from toolchain.zig import run_zig_cc, zig_version

_BASE = ".Lreplug_base"
_DIAGNOSTIC = re.compile(r"^code\.s:(\d+):\d+: error: (.*)$", re.MULTILINE)
_LINKER = re.compile(r"^(?:ld\.lld: )?error: (.*)$", re.MULTILINE)


class ZigBackend:
    """LLVM's assembler and linker from the `ziglang` wheel; about 0.05 s a call."""

    name = "zig"

    def unavailable(self) -> str | None:
        try:
            zig_version()
        except ToolchainError as error:
            return str(error)
        return None

    def assemble(self, text: str, address: int, bits: int) -> bytes:
        source = _with_targets(text, address, bits)
        cpu = DEFAULT_CPU.replace("rv64", f"rv{bits}")
        # A cache of its own, thrown away: each text is new, and would stay in a lasting one for ever.
        with tempfile.TemporaryDirectory(prefix="replug-asm-") as name:
            place = Path(name)
            (place / "code.s").write_text(source)
            (place / "link.ld").write_text(
                f"ENTRY({address:#x}) SECTIONS {{ . = {address:#x}; .text : {{ *(.text) }} }}\n"
            )
            arguments = [
                "-target", f"riscv{bits}-freestanding-none", f"-mcpu={cpu}", "-nostdlib", "-static", "-g0",
                "-Wl,--no-gc-sections", "-Wl,--build-id=none", "-Wl,-T,link.ld", "-o", "code.elf", "code.s",
            ]  # fmt: skip
            status, messages = run_zig_cc(arguments, directory=place, cache=place / "cache")
            if status != 0:
                raise ToolchainError(_message(messages))
            return _text_section(place / "code.elf")


def _with_targets(text: str, address: int, bits: int) -> str:
    """The text with numeric targets as symbols at that address, one line for each line of the user's."""
    lines: list[list[str]] = []
    symbols: dict[int, str] = {}
    for statement in split(text):
        target = statement.numeric_target()
        if target is not None:
            placed = statement.with_target(symbols.setdefault(target, f".Lreplug_target{len(symbols)}"))
        else:
            placed = statement
        lines += [[] for _ in range(statement.line - len(lines))]
        lines[statement.line - 1].append(f"{placed.labels} {placed.text}")
    # On the first line, so that line numbers stay the user's.
    start = f".text; {_BASE}:"
    body = "\n".join("; ".join([start, *line] if i == 0 else line) for i, line in enumerate(lines or [[]]))
    definitions = [
        f".set {symbol}, {_BASE} + ({_distance(target, address, bits)})" for target, symbol in symbols.items()
    ]
    return "\n".join([body, ".text", *definitions, ""])


def _distance(target: int, address: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (target - address + half) % (2 * half) - half


def _message(messages: str) -> str:
    found = [f"line {line}: {what}" for line, what in _DIAGNOSTIC.findall(messages)]
    found += _LINKER.findall(messages)
    return "\n".join(found) or messages.strip() or "zig cc failed without a message"


def _text_section(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            for section in elf.iter_sections():
                if (
                    section["sh_flags"] & SH_FLAGS.SHF_ALLOC
                    and section["sh_size"]
                    and section.name != ".text"
                ):
                    raise ToolchainError(f"something is in section {section.name}: only .text becomes bytes")
            text = elf.get_section_by_name(".text")
            return bytes(text.data()) if text is not None else b""
    except (OSError, ELFError) as error:
        raise ToolchainError(f"zig cc made no usable ELF: {error}") from None
