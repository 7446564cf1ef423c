# SPDX-License-Identifier: GPL-2.0-or-later
"""The flattened device tree format (DTB), version 17 of the devicetree specification: writing and reading.

Our own, because it is small, and because the libraries for it either need a C compiler or have had no
release for years.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emulator.errors import ReplugError

_MAGIC = 0xD00D_FEED
_VERSION = 17
_OLDEST_COMPATIBLE = 16
_HEADER = struct.Struct(">10I")
_RESERVATION = struct.Struct(">QQ")

_BEGIN_NODE = 1
_END_NODE = 2
_PROPERTY = 3
_NOP = 4
_END = 9
_DEEPEST = 64


@dataclass
class Node:
    """A node: its name with unit address, properties in order, and child nodes in order."""

    name: str
    properties: dict[str, bytes] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)

    def child(self, name: str) -> "Node | None":
        """The child of that name, None when there is none."""
        return next((child for child in self.children if child.name == name), None)


def cells(*values: int) -> bytes:
    """A property of 32-bit cells."""
    return struct.pack(f">{len(values)}I", *values)


def wide(*values: int) -> bytes:
    """A property of 64-bit numbers, two cells each."""
    return struct.pack(f">{len(values)}Q", *values)


def strings(*values: str) -> bytes:
    """A property of one or more strings."""
    return b"".join(value.encode() + b"\0" for value in values)


def write_tree(root: Node, reservations: Sequence[tuple[int, int]] = ()) -> bytes:
    """The DTB of a tree, a multiple of 8 bytes long. The same tree gives the same bytes.

    reservations: (address, size in bytes) of RAM that its reader must leave alone.
    """
    names: dict[str, int] = {}
    parts: list[bytes] = []
    _write_node(root, parts, names)
    parts.append(cells(_END))
    structure = b"".join(parts)
    table = strings(*names)
    kept = b"".join(_RESERVATION.pack(*entry) for entry in [*reservations, (0, 0)])
    structure_at = _HEADER.size + len(kept)
    table_at = structure_at + len(structure)
    padding = bytes(-(table_at + len(table)) % 8)
    header = _HEADER.pack(
        _MAGIC,
        table_at + len(table) + len(padding),
        structure_at,
        table_at,
        _HEADER.size,
        _VERSION,
        _OLDEST_COMPATIBLE,
        0,  # the hart that boots
        len(table),
        len(structure),
    )
    return header + kept + structure + table + padding


def _write_node(node: Node, parts: list[bytes], names: dict[str, int]) -> None:
    parts.append(cells(_BEGIN_NODE) + _padded(strings(node.name)))
    for name, value in node.properties.items():
        if name not in names:
            names[name] = sum(len(known.encode()) + 1 for known in names)
        parts.append(cells(_PROPERTY, len(value), names[name]) + _padded(value))
    for child in node.children:
        _write_node(child, parts, names)
    parts.append(cells(_END_NODE))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def read_tree(data: bytes, what: str = "device tree") -> Node:
    """The tree of a DTB; ReplugError, which calls it `what`, when it is malformed.

    What it reserves is not part of it: see read_reservations.
    """
    try:
        header = _HEADER.unpack_from(data)
        magic, size, structure_at, table_at, _, version, compatible, _, table_size, structure_size = header
        if magic != _MAGIC:
            raise _Malformed("the magic number is wrong")
        if version < _VERSION or compatible > _VERSION:
            raise _Malformed(f"version {version} is not readable as version {_VERSION}")
        ends = (structure_at + structure_size, table_at + table_size)
        if size > len(data) or max(ends) > size:
            raise _Malformed("it is cut short")
        table = data[table_at : table_at + table_size]
        return _read_root(data[structure_at : structure_at + structure_size], table)
    except _Malformed as error:
        raise ReplugError(f"{what}: {error}") from None
    except (struct.error, ValueError):
        raise ReplugError(f"{what}: it is cut short or damaged") from None


def read_reservations(data: bytes, what: str = "device tree") -> list[tuple[int, int]]:
    """(address, size in bytes) of the RAM that a DTB reserves; ReplugError when it is malformed."""
    found = []
    try:
        place = _HEADER.unpack_from(data)[4]
        while (entry := _RESERVATION.unpack_from(data, place)) != (0, 0):
            found.append(entry)
            place += _RESERVATION.size
    except struct.error:
        raise ReplugError(f"{what}: it is cut short or damaged") from None
    return found


class _Malformed(Exception):
    """What is wrong with a DTB."""


def _read_root(structure: bytes, table: bytes) -> Node:
    root: Node | None = None
    open_nodes: list[Node] = []
    for token, name, value in _tokens(structure, table):
        if token == _BEGIN_NODE:
            node = Node(name)
            if open_nodes:
                open_nodes[-1].children.append(node)
            elif root is None:
                root = node
            else:
                raise _Malformed("it has two roots")
            open_nodes.append(node)
            if len(open_nodes) > _DEEPEST:
                raise _Malformed(f"nodes are nested deeper than {_DEEPEST}")
        elif not open_nodes:
            raise _Malformed("something is outside the root")
        elif token == _END_NODE:
            open_nodes.pop()
        else:
            open_nodes[-1].properties[name] = value
    if root is None or open_nodes:
        raise _Malformed("a node does not end")
    return root


def _tokens(structure: bytes, table: bytes) -> Iterator[tuple[int, str, bytes]]:
    """(token, name, value) up to the end token; struct.error and ValueError when it is cut short."""
    position = 0
    while True:
        (token,) = struct.unpack_from(">I", structure, position)
        position += 4
        if token == _BEGIN_NODE:
            end = structure.index(b"\0", position)
            yield token, structure[position:end].decode(), b""
            position = (end + 4) // 4 * 4
        elif token == _PROPERTY:
            length, name_at = struct.unpack_from(">II", structure, position)
            position += 8
            value = structure[position : position + length]
            if len(value) != length or name_at >= len(table):
                raise _Malformed("a property leaves its block")
            yield token, table[name_at : table.index(b"\0", name_at)].decode(), value
            position = (position + length + 3) // 4 * 4
        elif token == _END_NODE:
            yield token, "", b""
        elif token == _END:
            return
        elif token != _NOP:
            raise _Malformed(f"{token:#x} is no token")
