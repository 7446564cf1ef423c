# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking at a machine that stands still: harts, registers, memory, devices, as lines of text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emulator.devices.device import Device
from emulator.devices.virtio_mmio import KINDS, EmptySlot, VirtioDevice
from emulator.errors import ReplugError
from emulator.machine import Machine
from emulator.report import PRIVILEGES, place, symbol
from toolchain.disassemble import disassemble

REGISTERS = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
)  # fmt: skip
"""Names of the integer registers by number."""

_CSRS = {
    "mstatus": 0x300, "mie": 0x304, "mip": 0x344, "mtvec": 0x305, "mepc": 0x341, "mcause": 0x342,
    "mtval": 0x343, "sie": 0x104, "stvec": 0x105, "sepc": 0x141, "scause": 0x142, "stval": 0x143,
    "satp": 0x180,
}  # fmt: skip
_FORMAT = re.compile(r"/([0-9]*)([xduics]?)([bhwg]?)|/([0-9]*)([bhwg])([xdu])")
_WIDTHS = {"b": 1, "h": 2, "w": 4, "g": 8}
_ADDRESS = re.compile(
    r"\$?([A-Za-z_.][A-Za-z0-9_.$]*|0[xX][0-9a-fA-F]+|[0-9]+)(?:([+-])(0[xX][0-9a-fA-F]+|[0-9]+))?"
)
_MOST = 1024  # items at once
_LONGEST_STRING = 4096


def harts(machine: Machine, selected: int) -> Iterator[str]:
    """A line for each hart; `selected` is marked."""
    for hart in range(machine.harts):
        yield ("* " if hart == selected else "  ") + hart_line(machine, hart)


def hart_line(machine: Machine, hart: int) -> str:
    """Where a hart is and what it does."""
    engine = machine.engine
    doing = "waits (wfi)" if engine.is_waiting(hart) else "runs"
    return (
        f"hart {hart}: {place(machine, engine.get_pc(hart))}, {doing}, "
        f"{PRIVILEGES.get(engine.get_privilege(hart), '?')} mode, "
        f"{machine.instret(hart):,} instructions, {engine.traps(hart):,} traps"
    )


def registers(machine: Machine, hart: int) -> Iterator[str]:
    """The integer registers in four columns, the pc, and the CSRs of traps and translation."""
    engine = machine.engine
    digits = engine.config.xlen // 4
    values = [f"{name:<4} {engine.get_x(hart, number):0{digits}x}" for number, name in enumerate(REGISTERS)]
    for row in range(0, len(values), 4):
        yield "  ".join(values[row : row + 4])
    yield f"pc   {engine.get_pc(hart):0{digits}x}  {symbol(machine, engine.get_pc(hart)) or ''}".rstrip()
    named = [f"{name:<7} {engine.get_csr(hart, number) or 0:0{digits}x}" for name, number in _CSRS.items()]
    for row in range(0, len(named), 3):
        yield "  ".join(named[row : row + 3])


def address_of(machine: Machine, hart: int, text: str) -> int:
    """A number, a register, `pc` or a symbol, and perhaps an offset: `sp`, `main+0x10`, `0x80000000`.

    ReplugError for anything else.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ReplugError(f"{text!r}: not an address such as 0x80000000, sp or main+4")
    name, sign, offset = found[1], found[2], int(found[3] or "0", 0)
    image_symbol = machine.image.symbol(name)
    if name == "pc":
        base = machine.engine.get_pc(hart)
    elif name in REGISTERS and (image_symbol is None or text.startswith("$")):
        base = machine.engine.get_x(hart, REGISTERS.index(name))
    elif image_symbol is not None:
        base = image_symbol.address
    elif name[0].isdigit():
        base = int(name, 0)
    else:
        raise ReplugError(f"{name}: neither a register nor a symbol of the image")
    return (base - offset if sign == "-" else base + offset) & (1 << machine.engine.config.xlen) - 1


def memory(machine: Machine, hart: int, words: list[str], *, physical: bool) -> Iterator[str]:
    """What `x/NFU ADDRESS` asks for, words being `/NFU` (may be left out) and `ADDRESS`.

    N: how many; F: x hexadecimal, d signed, u unsigned, c characters, s string, i instructions; U: b, h, w or
    g, units of 1, 2, 4 or 8 bytes. ReplugError when it is not understood, or memory is not there.
    """
    format_, *rest = words if words and words[0].startswith("/") else ["/8xw", *words]
    found = _FORMAT.fullmatch(format_)
    if found is None or len(rest) != 1:
        raise ReplugError("x/NFU ADDRESS: N a number, F one of x d u c s i, U one of b h w g")
    count = int(found[1] or found[4] or "1")
    kind, unit = found[2] or found[6] or "x", found[3] or found[5] or "w"
    if not 0 < count <= _MOST:
        raise ReplugError(f"{count}: 1 to {_MOST} at once")
    address = address_of(machine, hart, rest[0])
    if kind == "i":
        yield from instructions(machine, hart, address, count, physical=physical)
    elif kind == "s":
        for _ in range(count):
            text = _string(machine, hart, address, physical)
            yield f"{address:#x}: {text.decode(errors='backslashreplace')!r}"
            address += len(text) + 1
    elif kind == "c":
        yield f"{address:#x}: {_bytes(machine, hart, address, count, physical)!r}"
    else:
        yield from _numbers(machine, address, _bytes(machine, hart, address, count * _WIDTHS[unit], physical),
                            kind, _WIDTHS[unit])  # fmt: skip


def _numbers(machine: Machine, address: int, data: bytes, kind: str, width: int) -> Iterator[str]:
    a_row = 16 // width
    units = [data[start : start + width] for start in range(0, len(data), width)]
    for row in range(0, len(units), a_row):
        values = (int.from_bytes(unit, "little", signed=kind == "d") for unit in units[row : row + a_row])
        shown = "  ".join(f"{value:0{2 * width}x}" if kind == "x" else str(value) for value in values)
        name = symbol(machine, address + row * width)
        yield f"{address + row * width:#x}{f' <{name}>' if name else ''}: {shown}"


def instructions(
    machine: Machine, hart: int, address: int, count: int, *, physical: bool = False
) -> Iterator[str]:
    """So many instructions from an address on, the one that the hart is at marked."""
    data = b""
    for length in (4 * count, 4 * count - 2):  # the last one may be the last of what is there
        found = _there(machine, hart, address, length, physical)
        if found is not None:
            data = found
            break
    if not data:
        raise ReplugError(f"{address:#x}: not in memory")
    for _, instruction in zip(
        range(count), disassemble(data, address, bits=machine.engine.config.xlen), strict=False
    ):
        here = "=>" if instruction.address == machine.engine.get_pc(hart) and not physical else "  "
        target = instruction.target()
        name = symbol(machine, target) if target is not None else None
        yield f"{here} {place(machine, instruction.address)}: {instruction}{f' <{name}>' if name else ''}"


def _there(machine: Machine, hart: int, address: int, length: int, physical: bool) -> bytes | None:
    if not physical:
        return machine.read_virtual(hart, address, length)
    try:
        return machine.read_physical(address, length)
    except ReplugError:
        return None


def _bytes(machine: Machine, hart: int, address: int, length: int, physical: bool) -> bytes:
    data = _there(machine, hart, address, length, physical)
    if data is None:
        what = "physical memory" if physical else f"the memory of hart {hart}"
        raise ReplugError(f"{address:#x}: {length} bytes from there are not in {what}")
    return data


def _string(machine: Machine, hart: int, address: int, physical: bool) -> bytes:
    text = b""
    while len(text) < _LONGEST_STRING:
        byte = _bytes(machine, hart, address + len(text), 1, physical)
        if byte == b"\0":
            break
        text += byte
    return text


def devices(machine: Machine) -> Iterator[str]:
    """Each device in the order of addresses, and how it does; empty virtio slots are left out."""
    for device in machine.bus.devices:
        if not isinstance(device, EmptySlot):
            yield f"{device.base:#012x}  {device.name:<9} {_state(machine, device)}".rstrip()


def _state(machine: Machine, device: Device) -> str:
    if isinstance(device, VirtioDevice):
        kind = KINDS.get(device.device_id, str(device.device_id))
        fault = f": {device.last_fault}" if device.last_fault else ""
        return f"{kind}, {device.condition}{fault}"
    if device is machine.uart:
        return f"console, {machine.uart.unread} characters unread"
    return ""
