# SPDX-License-Identifier: GPL-2.0-or-later
"""DWARF call frame information (.debug_frame, .eh_frame) by pyelftools: where a function keeps its caller's
registers (DWARF 5, section 6.4)."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import Any

from elftools.common.exceptions import DWARFError
from elftools.dwarf.callframe import FDE, CallFrameInfo, RegisterRule
from elftools.dwarf.structs import DWARFStructs

_SECTION_LIMIT = 1 << 22
"""Decoded by the library, a byte can take some hundred bytes of memory: as for line tables."""
_MOST_ENTRY = 1 << 16


class Kept(Enum):
    """Where a caller's register is."""

    SAME = "the register still has it"
    UNDEFINED = "nowhere: of the return address, there is no caller"
    AT = "in memory, at the CFA plus an offset"
    IS = "it is the CFA plus an offset"
    IN = "in another register"
    UNKNOWN = "an expression says, which nobody here evaluates"


_KINDS = {
    RegisterRule.UNDEFINED: Kept.UNDEFINED,
    RegisterRule.SAME_VALUE: Kept.SAME,
    RegisterRule.OFFSET: Kept.AT,
    RegisterRule.VAL_OFFSET: Kept.IS,
    RegisterRule.REGISTER: Kept.IN,
}


@dataclass(frozen=True)
class UnwindRow:
    """At an instruction: the CFA (the caller's sp) is register `cfa_register` plus `cfa_offset`.

    registers: by DWARF number (x0 to x31 are 0 to 31) where the caller's are, with an offset or a register's
    number; those that are not named are the same. return_register: the one that holds the return address.
    """

    cfa_register: int
    cfa_offset: int
    registers: Mapping[int, tuple[Kept, int]]
    return_register: int


class UnwindTable:
    """debug_frame, eh_frame: contents of the sections; eh_address: of the second; bits: 32 or 64.

    Raises what the library raises, or its DWARFError, for tables that are damaged or too large.
    """

    def __init__(self, debug_frame: bytes, eh_frame: bytes, eh_address: int, bits: int) -> None:
        entries: list[FDE] = []
        for data, address, is_eh in ((debug_frame, 0, False), (eh_frame, eh_address, True)):
            if len(data) > _SECTION_LIMIT:
                raise DWARFError(f"it has more than {_SECTION_LIMIT} bytes")
            if not data:
                continue
            structs = DWARFStructs(True, 32, bits // 8)
            table = CallFrameInfo(BytesIO(data), len(data), address, structs, is_eh)
            entries += [entry for entry in table.get_entries() if isinstance(entry, FDE)]
        entries.sort(key=_start)
        self._entries = entries
        self._starts = [_start(entry) for entry in entries]

    def at(self, address: int) -> UnwindRow | None:
        """The row that holds for the instruction at an address; None: the tables say nothing."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._starts[index] + self._entries[index].header["address_range"]:
            return None
        entry = self._entries[index]
        if len(entry.instructions) > _MOST_ENTRY:
            raise DWARFError(f"the entry at offset {entry.offset:#x} is too long")
        found: dict[Any, Any] | None = None
        for row in entry.get_decoded().table:
            if row["pc"] > address:
                break
            found = row
        if found is None or found["cfa"].reg is None:
            return None
        registers = {
            number: (_KINDS.get(rule.type, Kept.UNKNOWN), rule.arg if isinstance(rule.arg, int) else 0)
            for number, rule in found.items()
            if isinstance(number, int)
        }
        return UnwindRow(found["cfa"].reg, found["cfa"].offset, registers, _return_register(entry))


def _start(entry: FDE) -> int:
    return int(entry.header["initial_location"])


def _return_register(entry: FDE) -> int:
    assert entry.cie is not None  # the library gives every FDE its CIE
    return int(entry.cie.header["return_address_register"])
