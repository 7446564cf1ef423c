# SPDX-License-Identifier: GPL-2.0-or-later
"""What instruction set a machine has: reading and writing the names that the ISA manual gives it.

A name is `rv64` or `rv32`, for everything there is; with letters, such as `rv64gc`, for no more than they
say; and then extensions, each behind an underscore: `rv64gc_zba_zbb`, `rv32_svade`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulator.errors import ReplugError

BASE = "imafdc"
"""Letters that every machine has."""

ALWAYS = ("zicntr", "zicsr", "zifencei", "zihpm")

OPTIONAL = {
    "zba": "address generation: emulated, each at the price of a CSR access",
    "zbb": "basic bit manipulation: emulated likewise",
    "zbs": "single bits: emulated likewise",
    "zicond": "conditional operations: emulated likewise",
    "sstc": "supervisor timer: stimecmp, once menvcfg.STCE is set",
    "svadu": "A and D bits of page tables are set by hardware while menvcfg.ADUE is 1, as it is at first",
    "svade": "A and D bits fault instead; together with svadu: until menvcfg.ADUE is set",
}
"""Extensions that a name can ask for, and what they are."""

_DEFAULT = frozenset(OPTIONAL) - {"svade"}
_EMULATED = frozenset({"zba", "zbb", "zbs", "zicond"})
_NAME = re.compile(r"rv(32|64)([a-z]*)((?:_[a-z0-9]+)*)")


@dataclass(frozen=True)
class Isa:
    """An instruction set.

    name: as it was asked for; xlen: bits of a register, 32 or 64; extensions: those of OPTIONAL that there
    are; announced: those of them that the device tree names.
    """

    name: str
    xlen: int
    extensions: frozenset[str]
    announced: frozenset[str]

    @staticmethod
    def default(xlen: int) -> Isa:
        """Everything there is; what is emulated works, but the device tree does not invite to it."""
        return Isa(f"rv{xlen}", xlen, _DEFAULT, _DEFAULT - _EMULATED)

    @staticmethod
    def parse(text: str) -> Isa:
        """The set that a name stands for; ReplugError when no machine here has it."""
        found = _NAME.fullmatch(text.strip().lower())
        if found is None:
            raise ReplugError(f"instruction set {text!r}: not a name such as rv64, rv32 or rv64gc_zba")
        xlen, letters = int(found[1]), found[2].replace("g", "imafd")
        named = frozenset(found[3].split("_")) - {"", *ALWAYS}
        unknown = [*(set(letters) - set(BASE)), *(named - OPTIONAL.keys())]
        if unknown:
            raise ReplugError(
                f"instruction set {text!r}: {', '.join(sorted(unknown))}: not there; --isa help lists what is"
            )
        missing = [letter for letter in BASE if letters and letter not in letters]
        if missing:
            raise ReplugError(
                f"instruction set {text!r}: leaves out {' '.join(missing)}; every machine has rv{xlen}{BASE}"
            )
        default = Isa.default(xlen)
        if letters:
            extensions = announced = named
        else:
            kept = default.extensions - ({"svadu"} if "svade" in named else frozenset())
            extensions = kept | named
            announced = (default.announced & kept) | named
        return Isa(text.strip().lower(), xlen, extensions, announced)

    @property
    def hardware_ad(self) -> bool:
        """At reset, are A and D bits set by hardware?"""
        return "svade" not in self.extensions

    def device_tree_string(self) -> str:
        """The property riscv,isa: single letters, then extensions by category and alphabet."""
        names = sorted(name for name in (*ALWAYS, *self.announced) if name[0] == "z")
        supervisor = sorted(name for name in self.announced if name[0] == "s")
        # Among the Z extensions the second letter counts first, in the order of the single letters.
        names.sort(key=lambda name: ("iemafdqlcbkjtpvh".find(name[1]), name))
        return "_".join([f"rv{self.xlen}{BASE}", *names, *supervisor])

    @property
    def mmu_type(self) -> str:
        """The largest paging mode, for the device tree."""
        return "sv48" if self.xlen == 64 else "sv32"


def isa_help() -> str:
    """What `--isa help` prints."""
    lines = [
        "rv64   what an ELF64 gets: all of the below; M, S (Sv39, Sv48) and U mode, 16 PMP entries",
        "rv32   what an ELF32 gets: the same with 32 bits; M, S (Sv32) and U mode",
        "",
        "always there:",
        f"  {BASE}  {' '.join(ALWAYS)}",
        "there unless a name says how much it wants (rv64gc: none of these, rv64gc_zba_sstc: those two):",
    ]
    lines += [f"  {name:<8}{what}" for name, what in OPTIONAL.items() if name != "svade"]
    lines += ["only where asked for (rv64_svade):", f"  {'svade':<8}{OPTIONAL['svade']}", ""]
    lines += [
        "the device tree of rv64 names what runs at full speed (what is emulated works all the same):",
        f"  {Isa.default(64).device_tree_string()}",
        "that of any other name says what was asked for, such as rv64gc_zba_zbb_zbs:",
        f"  {Isa.parse('rv64gc_zba_zbb_zbs').device_tree_string()}",
    ]
    return "\n".join(lines)
