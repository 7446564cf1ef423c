# SPDX-License-Identifier: GPL-2.0-or-later
"""Variables of C programs by their debug information (.debug_info, DWARF 2 to 5), read by pyelftools: which
there are at an instruction, of which types, and where they are."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

from elftools.common.exceptions import DWARFError
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarf_expr import DWARFExprOp, DWARFExprParser
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo
from elftools.dwarf.locationlists import LocationEntry, LocationParser
from elftools.dwarf.ranges import BaseAddressEntry, RangeEntry

from toolchain.dwarf_location import Frame, Place, locate
from toolchain.dwarf_types import Type, children, referred, text, value

_SECTION_LIMIT = 1 << 22
"""Decoded by the library, a byte takes some microseconds: as for line tables."""
_DEEPEST = 64
_MOST_KEPT = 1 << 10
_SECTIONS = (
    ".debug_info", ".debug_aranges", ".debug_abbrev", "", "", ".debug_str", ".debug_loc", ".debug_ranges", "",
    "", "", ".debug_addr", ".debug_str_offsets", ".debug_line_str", ".debug_loclists", ".debug_rnglists", "",
    "", "",
)  # fmt: skip
"""In the order in which the library wants them; those that are not needed here have no names."""
_SCOPES = ("DW_TAG_lexical_block", "DW_TAG_inlined_subroutine")
_VARIABLES = ("DW_TAG_variable", "DW_TAG_formal_parameter")


@dataclass(frozen=True)
class Variable:
    """A variable or parameter. is_parameter: of the function itself."""

    name: str
    type: Type
    is_parameter: bool
    _die: DIE
    _base: tuple[DWARFExprOp, ...]

    def place(self, address: int, frame: Frame) -> Place | None:
        """Where it is while the instruction at `address` is executed; None: nobody knows, such as of what
        has been optimized away."""
        operations = _location(self._die, address)
        return locate(operations, self._base, frame, 8 * self._die.cu["address_size"])


class VariableTable:
    """content: gives a section's bytes by its name; bits: 32 or 64.

    Raises what the library raises, or its DWARFError, for what is damaged or larger than 4 MiB.
    """

    def __init__(self, content: Callable[[str], bytes], bits: int) -> None:
        if len(content(".debug_info")) > _SECTION_LIMIT:
            raise DWARFError(f"it has more than {_SECTION_LIMIT} bytes")
        sections = [_descriptor(name, content(name)) if name else None for name in _SECTIONS]
        self._info = DWARFInfo(DwarfConfig(True, "RISC-V", bits // 8), *sections)
        self._found: dict[int, list[Variable]] = {}  # by address: conditions ask again and again
        self._has_info = bool(content(".debug_info"))

    def at(self, address: int) -> list[Variable]:
        """The local variables and parameters that C code at an address could name: of inner blocks first,
        of each name only the innermost."""
        if address not in self._found:
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            self._found[address] = self._at(address)
        return list(self._found[address])

    def _at(self, address: int) -> list[Variable]:
        found: dict[str, Variable] = {}
        function = self._function(address)
        if function is not None:
            base = tuple(_attribute_location(function, "DW_AT_frame_base", address))
            for scope in reversed(list(_scopes(function, address))):
                for variable in _variables(scope, base):
                    found.setdefault(variable.name, variable)
        return list(found.values())

    def globals(self, address: int | None = None) -> dict[str, Variable]:
        """By name, what is not local. address: of code, whose own file's come first, and alone if they
        stand there under the same name."""
        chosen = dict(self._globals)
        unit = None if address is None else self._unit(address)
        if unit is not None:
            chosen |= {variable.name: variable for variable in _variables(unit, ())}
        return chosen

    @cached_property
    def _globals(self) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for unit in self._units:
            for variable in _variables(unit, ()):
                found.setdefault(variable.name, variable)
        return found

    @cached_property
    def _units(self) -> list[DIE]:
        return [unit.get_top_DIE() for unit in self._info.iter_CUs()] if self._has_info else []

    def _unit(self, address: int) -> DIE | None:
        index = bisect_right(self._functions, address, key=lambda each: each[0]) - 1
        if index < 0 or address >= self._functions[index][1]:
            return None
        return self._functions[index][2].cu.get_top_DIE()

    def _function(self, address: int) -> DIE | None:
        index = bisect_right(self._functions, address, key=lambda each: each[0]) - 1
        if index < 0 or address >= self._functions[index][1]:
            return None
        return self._functions[index][2]

    @cached_property
    def _functions(self) -> list[tuple[int, int, DIE]]:
        """(start, end, DIE) of all that have code, by start."""
        found = [
            (start, end, die)
            for unit in self._units
            for die in children(unit)
            if die.tag == "DW_TAG_subprogram"
            for start, end in _ranges(die)
        ]
        return sorted(found, key=lambda each: each[:2])


def _descriptor(name: str, data: bytes) -> DebugSectionDescriptor | None:
    return DebugSectionDescriptor(BytesIO(data), name, 0, len(data), 0) if data else None


def _ranges(die: DIE) -> Iterator[tuple[int, int]]:
    """(start, end) of a DIE's code."""
    low = die.attributes.get("DW_AT_low_pc")
    high = die.attributes.get("DW_AT_high_pc")
    if low is not None and high is not None:
        is_address = high.form in ("DW_FORM_addr", "DW_FORM_addrx")
        yield low.value, high.value if is_address else low.value + high.value
    elif "DW_AT_ranges" in die.attributes and isinstance(die.cu, CompileUnit):
        lists = die.dwarfinfo.range_lists()
        base = value(die.cu.get_top_DIE(), "DW_AT_low_pc", 0)
        entries = lists.get_range_list_at_offset(value(die, "DW_AT_ranges", 0), die.cu) if lists else []
        for entry in entries:
            if isinstance(entry, BaseAddressEntry):
                base = entry.base_address
            elif isinstance(entry, RangeEntry):
                moved = 0 if entry.is_absolute else base
                yield entry.begin_offset + moved, entry.end_offset + moved


def _scopes(die: DIE, address: int) -> Iterator[DIE]:
    """A function, and the blocks in it that hold an address, inwards."""
    for _ in range(_DEEPEST):
        yield die
        inner = next(
            (
                child
                for child in children(die)
                if child.tag in _SCOPES and any(start <= address < end for start, end in _ranges(child))
            ),
            None,
        )
        if inner is None:
            return
        die = inner


def _variables(scope: DIE, base: tuple[DWARFExprOp, ...]) -> Iterator[Variable]:
    """Those of a scope itself that have a name; declarations of what is elsewhere are none."""
    for die in children(scope):
        if die.tag not in _VARIABLES or "DW_AT_declaration" in die.attributes:
            continue
        named = die
        for _ in range(_DEEPEST):  # of an inlined function, all that is the same each time is said once
            other = referred(named, "DW_AT_abstract_origin") or referred(named, "DW_AT_specification")
            if other is None or text(named, "DW_AT_name"):
                break
            named = other
        name = text(named, "DW_AT_name")
        if name:
            kind = Type(referred(named, "DW_AT_type"))
            is_parameter = die.tag == "DW_TAG_formal_parameter" and scope.tag == "DW_TAG_subprogram"
            yield Variable(name, kind, is_parameter, die, base)


def _location(die: DIE, address: int) -> list[DWARFExprOp]:
    if "DW_AT_const_value" in die.attributes and "DW_AT_location" not in die.attributes:
        number = value(die, "DW_AT_const_value", 0) & (1 << 64) - 1
        return [DWARFExprOp(0, "DW_OP_constu", [number], 0), DWARFExprOp(0, "DW_OP_stack_value", [], 0)]
    return _attribute_location(die, "DW_AT_location", address)


def _attribute_location(die: DIE, name: str, address: int) -> list[DWARFExprOp]:
    """The expression that holds at an address; [] if none does."""
    attribute = die.attributes.get(name)
    if attribute is None:
        return []
    parser = LocationParser(die.dwarfinfo.location_lists())
    version = die.cu["version"]
    if not parser.attribute_has_location(attribute, version):
        return []
    parsed = parser.parse_from_attribute(attribute, version, die)
    if not isinstance(parsed, list):
        return _operations(die, parsed.loc_expr)
    base = value(die.cu.get_top_DIE(), "DW_AT_low_pc", 0)
    for entry in parsed:
        if not isinstance(entry, LocationEntry):
            base = getattr(entry, "base_address", base)
            continue
        moved = 0 if entry.is_absolute else base
        is_default = entry.begin_offset == entry.end_offset == -1
        if is_default or entry.begin_offset + moved <= address < entry.end_offset + moved:
            return _operations(die, entry.loc_expr)
    return []


def _operations(die: DIE, expression: bytes | list[int]) -> list[DWARFExprOp]:
    """Decoded; addresses that stand in .debug_addr are put in."""
    operations = DWARFExprParser(die.cu.structs).parse_expr(expression)
    return [
        each._replace(op_name="DW_OP_addr", args=[die.dwarfinfo.get_addr(die.cu, each.args[0])])
        if each.op_name in ("DW_OP_addrx", "DW_OP_GNU_addr_index")
        else each
        for each in operations
    ]
