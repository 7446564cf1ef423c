# SPDX-License-Identifier: GPL-2.0-or-later
"""Backends without a linker, mcasm and Keystone: one plain instruction at a time, no symbols.

What needs symbols or directives is declined, not guessed: the zig backend does it.
"""

import importlib
import importlib.metadata
from typing import Any

from toolchain.backend import DeclinedError
from toolchain.errors import ToolchainError
from toolchain.statements import BRANCHES, FAR_JUMPS, Statement, split

_ADDRESS_LOADS = frozenset(("la", "lla", "lga", "la.tls.ie", "la.tls.gd"))
_MEMORY = frozenset(
    ("lb", "lbu", "lh", "lhu", "lw", "lwu", "ld", "sb", "sh", "sw", "sd", "flw", "fld", "fsw", "fsd")
)


class SingleBackend:
    """Common part: statements one by one; a numeric target becomes the distance that LLVM expects."""

    name = ""

    def unavailable(self) -> str | None:
        raise NotImplementedError

    def encode(self, text: str, bits: int) -> bytes:
        """Bytes of one instruction, symbols excluded; ToolchainError if it has none."""
        raise NotImplementedError

    def assemble(self, text: str, address: int, bits: int) -> bytes:
        code = b""
        half = 1 << (bits - 1)
        for statement in split(text):
            target = statement.numeric_target()
            self._decline_symbols(statement, target)
            if target is None:
                code += self._encode_at(statement.line, statement.text, bits)
            else:
                distance = (target - address - len(code) + half) % (2 * half) - half
                code += self._encode_at(statement.line, statement.with_target(str(distance)).text, bits)
        return code

    def _encode_at(self, line: int, text: str, bits: int) -> bytes:
        try:
            made = self.encode(text, bits)
        except ToolchainError as error:
            raise type(error)(f"line {line}: {error}") from None
        if not made:
            raise ToolchainError(f"line {line}: {self.name} gives no bytes for `{text}`")
        return made

    def _decline_symbols(self, statement: Statement, target: int | None) -> None:
        mnemonic, operands = statement.mnemonic, statement.operands
        if statement.labels:
            what = "labels"
        elif mnemonic.startswith("."):
            what = "directives"
        elif mnemonic in FAR_JUMPS or mnemonic in _ADDRESS_LOADS or (mnemonic in BRANCHES and target is None):
            what = f"the target of `{mnemonic}`"
        elif any("%" in operand for operand in operands) or (
            mnemonic in _MEMORY and len(operands) > 1 and "(" not in operands[1]
        ):
            what = "symbols"
        else:
            return
        raise DeclinedError(f"line {statement.line}: {self.name} cannot do {what}: use the backend zig")


class McasmBackend(SingleBackend):
    """LLVM's machine code layer in process (optional wheel `mcasm`); about 0.1 ms an instruction."""

    name = "mcasm"

    def unavailable(self) -> str | None:
        try:
            importlib.import_module("mcasm")
        except ImportError as error:
            return f"mcasm is not installed ({error}): pip install mcasm"
        return None

    def encode(self, text: str, bits: int) -> bytes:
        mcasm: Any = importlib.import_module("mcasm")
        made: list[bytes] = []
        problems: list[str] = []
        symbolic: list[str] = []

        class Collector(mcasm.Streamer):  # type: ignore[misc]
            def emit_instruction(self, state: Any, instruction: Any, data: bytes, fixups: list[Any]) -> None:
                made.append(data)
                symbolic.extend("a symbol" for _ in fixups)

            def emit_label(self, state: Any, symbol: Any, location: Any) -> None:
                symbolic.append("the address of the instruction")

            def diagnostic(self, state: Any, diagnostic: Any) -> None:
                if diagnostic.kind == mcasm.mc.Diagnostic.Kind.Error:
                    problems.append(diagnostic.message)

        # The dialect of this LLVM has no `.option arch`, but takes the extensions from this attribute.
        prelude = f'.text\n.attribute arch, "rv{bits}i2p0_m2p0_a2p0_c2p0"\n'
        good = mcasm.Assembler(f"riscv{bits}").assemble(Collector(), prelude + text + "\n")
        if problems or not good:
            raise ToolchainError(problems[0] if problems else "cannot be assembled")
        if symbolic:
            raise DeclinedError(f"mcasm cannot do {symbolic[0]} in `{text}`: use the backend zig")
        return b"".join(made)


class KeystoneBackend(SingleBackend):
    """Keystone, wherever the installed library has RISC-V (the release 0.9.2 has not)."""

    name = "keystone"

    def unavailable(self) -> str | None:
        try:
            keystone: Any = importlib.import_module("keystone")
        except ImportError as error:
            return f"keystone-engine is not installed ({error}): pip install keystone-engine"
        architecture = getattr(keystone, "KS_ARCH_RISCV", None)
        if architecture is None or not keystone.ks_arch_supported(architecture):
            try:
                version = importlib.metadata.version("keystone-engine")
            except importlib.metadata.PackageNotFoundError:
                version = "of unknown version"
            return f"the installed keystone-engine {version} has no RISC-V"
        return None

    def encode(self, text: str, bits: int) -> bytes:
        keystone: Any = importlib.import_module("keystone")
        try:
            engine = keystone.Ks(keystone.KS_ARCH_RISCV, getattr(keystone, f"KS_MODE_RISCV{bits}"))
            made, _count = engine.asm(f".option rvc\n{text}")
        except (keystone.KsError, AttributeError) as error:
            raise ToolchainError(f"keystone: {error}") from None
        return bytes(made or ())
