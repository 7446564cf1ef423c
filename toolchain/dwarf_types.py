# SPDX-License-Identifier: GPL-2.0-or-later
"""Types of C as debug information has them (DWARF 5, chapter 5). All are read when they are asked for: they
may lead back to themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from elftools.dwarf.die import DIE
from elftools.dwarf.dwarf_expr import DWARFExprParser

_QUALIFIERS = {
    "DW_TAG_typedef": "",
    "DW_TAG_const_type": "const ",
    "DW_TAG_volatile_type": "volatile ",
    "DW_TAG_restrict_type": "",
    "DW_TAG_atomic_type": "_Atomic ",
}
_KINDS = {
    "DW_TAG_base_type": "base",
    "DW_TAG_pointer_type": "pointer",
    "DW_TAG_structure_type": "struct",
    "DW_TAG_union_type": "union",
    "DW_TAG_class_type": "struct",
    "DW_TAG_array_type": "array",
    "DW_TAG_enumeration_type": "enum",
    "DW_TAG_subroutine_type": "function",
}
_ENCODINGS = {2: "bool", 4: "float", 5: "signed", 6: "char", 7: "unsigned", 8: "char", 0x10: "char"}
_DEEPEST = 64


@dataclass(frozen=True)
class Member:
    """Of a struct or union: at so many bytes from its start. bits: of a bit field, (first bit from there,
    bits). name: "" of an anonymous struct or union."""

    name: str
    offset: int
    type: "Type"
    bits: tuple[int, int] | None = None


class Type:
    """kind: base, pointer, struct, union, array, enum, function or void (without qualifiers and typedefs).
    name: as C spells it. size: in bytes, 0 if nobody says."""

    def __init__(self, die: DIE | None, dimension: int = 0) -> None:
        self._spelled = die
        self._die = _plain(die)
        self._dimension = dimension  # of an array of arrays: how many are inside already

    @cached_property
    def kind(self) -> str:
        return "void" if self._die is None else _KINDS.get(str(self._die.tag), "void")

    @cached_property
    def name(self) -> str:
        return _spelling(self._spelled, 0, self._dimension)

    @cached_property
    def size(self) -> int:
        if self.kind == "array":
            return self.target.size * (self.count or 0)
        if self._die is None:
            return 0
        if self.kind == "pointer":
            return value(self._die, "DW_AT_byte_size", self._die.cu["address_size"])
        return value(self._die, "DW_AT_byte_size", 0)

    @cached_property
    def encoding(self) -> str:
        """Of a base type: bool, float, signed, unsigned or char."""
        assert self._die is not None
        return _ENCODINGS.get(value(self._die, "DW_AT_encoding", 7), "unsigned")

    @cached_property
    def is_signed(self) -> bool:
        """Whether numbers have a sign: `char` of RISC-V has none."""
        if self.kind == "enum":
            return any(number < 0 for number in self.enumerators)
        return self.kind == "base" and value(self._die, "DW_AT_encoding", 7) in (5, 6)

    @cached_property
    def target(self) -> "Type":
        """What a pointer points to, or what an array consists of."""
        assert self._die is not None
        if self.kind == "array" and self._dimension + 1 < len(self._counts):
            return Type(self._die, self._dimension + 1)
        return Type(referred(self._die, "DW_AT_type"))

    @cached_property
    def count(self) -> int | None:
        """Elements of an array, if its type says."""
        return self._counts[self._dimension] if self._dimension < len(self._counts) else None

    @cached_property
    def _counts(self) -> list[int | None]:
        return _counts(self._die)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """Of a struct or union."""
        if self._die is None or self.kind not in ("struct", "union"):
            return ()
        return tuple(_member(die) for die in children(self._die) if die.tag == "DW_TAG_member")

    @cached_property
    def enumerators(self) -> dict[int, str]:
        """Names of an enumeration's values."""
        if self._die is None or self.kind != "enum":
            return {}
        return {
            value(die, "DW_AT_const_value", 0): text(die, "DW_AT_name")
            for die in children(self._die)
            if die.tag == "DW_TAG_enumerator"
        }


def children(die: DIE) -> Iterator[DIE]:
    """The DIEs right below one.

    Not by the library's iterator: where a damaged DW_AT_sibling leads back, that never ends.
    """
    at, depth = die.offset + die.size, 0
    while die.has_children:
        child = die.cu.get_DIE_from_refaddr(at)
        at = child.offset + child.size
        if child.is_null():
            depth -= 1
            if depth < 0:
                return
            continue
        if depth == 0:
            yield child
        if child.has_children:
            sibling = child.attributes.get("DW_AT_sibling")
            behind = 0
            if sibling is not None and sibling.form != "DW_FORM_ref_addr":
                behind = int(sibling.value) + die.cu.cu_offset
            if behind > at:
                at = behind
            else:
                depth += 1


def value(die: DIE | None, attribute: str, otherwise: int) -> int:
    """A number among a DIE's attributes."""
    found: Any = None if die is None else die.attributes.get(attribute)
    return found.value if found is not None and isinstance(found.value, int) else otherwise


def text(die: DIE, attribute: str) -> str:
    """A string among a DIE's attributes, "" if there is none."""
    found = die.attributes.get(attribute)
    return (
        found.value.decode(errors="replace") if found is not None and isinstance(found.value, bytes) else ""
    )


def referred(die: DIE, attribute: str) -> DIE | None:
    """The DIE that another one names."""
    return die.get_DIE_from_attribute(attribute) if attribute in die.attributes else None


def _plain(die: DIE | None) -> DIE | None:
    """Without qualifiers and typedefs."""
    for _ in range(_DEEPEST):
        if die is None or die.tag not in _QUALIFIERS:
            return die
        die = referred(die, "DW_AT_type")
    return None


def _spelling(die: DIE | None, depth: int, dimension: int = 0) -> str:
    if die is None or depth > _DEEPEST:
        return "void"
    name = text(die, "DW_AT_name")
    if die.tag in _QUALIFIERS and die.tag != "DW_TAG_typedef":
        return _QUALIFIERS[die.tag] + _spelling(referred(die, "DW_AT_type"), depth + 1)
    if die.tag == "DW_TAG_pointer_type":
        inner = _spelling(referred(die, "DW_AT_type"), depth + 1)
        return f"{inner}*" if inner.endswith("*") else f"{inner} *"
    if die.tag == "DW_TAG_array_type":
        counts = "".join(f"[{'' if n is None else n}]" for n in _counts(die)[dimension:])
        return f"{_spelling(referred(die, 'DW_AT_type'), depth + 1)} {counts}"
    if die.tag == "DW_TAG_subroutine_type":
        return f"{_spelling(referred(die, 'DW_AT_type'), depth + 1)} ()"
    word = {"struct": "struct ", "union": "union ", "enum": "enum "}.get(_KINDS.get(str(die.tag), ""), "")
    return word + (name or "(anonymous)")


def _counts(die: DIE | None) -> list[int | None]:
    """Elements of each dimension of an array."""
    counts: list[int | None] = []
    for child in children(die) if die is not None else ():
        if child.tag == "DW_TAG_subrange_type":
            count = value(child, "DW_AT_count", value(child, "DW_AT_upper_bound", -2) + 1)
            counts.append(count if count >= 0 else None)
    return counts or [None]


def _member(die: DIE) -> Member:
    kind = Type(referred(die, "DW_AT_type"))
    offset, width = _member_offset(die), value(die, "DW_AT_bit_size", 0)
    if not width:
        return Member(text(die, "DW_AT_name"), offset, kind)
    if "DW_AT_data_bit_offset" in die.attributes:  # from the start of the struct
        first = value(die, "DW_AT_data_bit_offset", 0)
        size = max(kind.size, 1)
        offset = first // 8 // size * size
        return Member(text(die, "DW_AT_name"), offset, kind, (first - 8 * offset, width))
    # DWARF 2 counts from the most significant bit of the storage
    storage = value(die, "DW_AT_byte_size", kind.size)
    first = 8 * storage - value(die, "DW_AT_bit_offset", 0) - width
    return Member(text(die, "DW_AT_name"), offset, kind, (first, width))


def _member_offset(die: DIE) -> int:
    found: Any = die.attributes.get("DW_AT_data_member_location")
    if found is None or isinstance(found.value, int):
        return 0 if found is None else found.value
    operations = DWARFExprParser(die.cu.structs).parse_expr(found.value)  # DWARF 2: DW_OP_plus_uconst N
    return operations[0].args[0] if operations and operations[0].op_name == "DW_OP_plus_uconst" else 0
