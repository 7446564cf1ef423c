# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents that GDB reads about the target: registers, threads, memory."""

from __future__ import annotations

from itertools import pairwise
from xml.sax.saxutils import quoteattr

from emulator.debug.registers import Register
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols

_MODES = {0: "U", 1: "S", 3: "M"}
_FIRST_FLOAT = 32  # DWARF's number of f0
_GENERIC = {1: "ra", 2: "sp", 8: "fp"} | {10 + i: f"arg{i + 1}" for i in range(8)}
_FLOAT_CSRS = ("fflags", "frm", "fcsr")
_TYPES = {
    "code_ptr": ("pc", "stvec", "sepc", "mtvec", "mepc"),
    "data_ptr": ("sp", "gp", "tp", "fp"),
    "int": ("mstatus", "misa", *_FLOAT_CSRS),
}


def target(registers: list[Register], xlen: int) -> str:
    """target.xml.

    No operating system: else GDB would step by breakpoints of its own, and let all harts run.
    """

    def line(number: int, register: Register) -> str:
        return (
            f'    <reg name="{register.name}" bitsize="{register.bits}" type="{_type(register, xlen)}" '
            f'regnum="{number}"{_for_lldb(register)}/>'
        )

    groups: dict[str, list[str]] = {"cpu": [], "fpu": [], "csr": [], "virtual": []}
    for number, register in enumerate(registers):
        groups[_feature(register)].append(line(number, register))
    features = [
        f'  <feature name="org.gnu.gdb.riscv.{name}">\n' + "\n".join(lines) + "\n  </feature>"
        for name, lines in groups.items()
    ]
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n<target version="1.0">\n'
        f"  <architecture>riscv:rv{xlen}</architecture>\n  <osabi>none</osabi>\n"
        + "\n".join(features)
        + "\n</target>\n"
    )


def _feature(register: Register) -> str:
    """Where GDB looks for it (manual, "RISC-V Features")."""
    if register.group == "f" or register.name in _FLOAT_CSRS:
        return "fpu"
    return {"x": "cpu", "pc": "cpu", "csr": "csr", "priv": "virtual"}[register.group]


def _type(register: Register, xlen: int) -> str:
    """CSRs whose fields GDB knows are `int`, as it expects them; the others are no signed numbers.

    With a type that has fields, GDB 13 would refuse `p $sstatus = 2` as an invalid cast.
    """
    for kind, names in _TYPES.items():
        if register.name in names:
            return kind
    return {"f": "ieee_double", "csr": f"uint{xlen}"}.get(register.group, "int")


def _for_lldb(register: Register) -> str:
    """Attributes that GDB passes over: numbers as in DWARF, and what the ABI uses a register for.

    LLDB has had an ABI for RISC-V since version 16; older ones take it from here.
    """
    if register.name == "pc":
        return ' generic="pc"'
    if register.group not in ("x", "f"):
        return ""
    number = register.index + (_FIRST_FLOAT if register.group == "f" else 0)
    said = f' dwarf_regnum="{number}" ehframe_regnum="{number}"'
    if register.group == "x":
        generic = _GENERIC.get(register.index)
        said += f' altname="x{register.index}"' + (f' generic="{generic}"' if generic else "")
    return said


def state(session: DebugSession, symbols: Symbols, hart: int) -> str:
    """What a hart does, in a few words."""
    engine = session.engine
    mode = _MODES.get(engine.get_privilege(hart), "?")
    doing = "waits for an interrupt" if engine.is_waiting(hart) else "runs"
    turn = ", its turn" if engine.next_hart == hart else ""
    return f"{mode}-mode, {doing}{turn}, {symbols.name(engine.get_pc(hart))}"


def threads(session: DebugSession, symbols: Symbols) -> str:
    """A thread for each hart; GDB counts them from 1."""
    lines = [
        f'  <thread id="{hart + 1:x}" core="{hart}" name={quoteattr(f"hart {hart}")}>'
        f"{_text(state(session, symbols, hart))}</thread>"
        for hart in range(session.machine.harts)
    ]
    return '<?xml version="1.0"?>\n<threads>\n' + "\n".join(lines) + "\n</threads>\n"


def memory_map(session: DebugSession) -> str:
    """RAM, the windows of devices, and what is between.

    All of it is `ram` to GDB: virtual addresses may be anywhere, and it would refuse those that are in no
    region. `info mem` shows where RAM and devices are all the same.
    """
    config = session.engine.config
    windows = [(each.base, each.base + each.size) for each in session.machine.bus.devices]
    windows += [(0, 1 << config.xlen), (config.ram_base, config.ram_base + config.ram_size)]
    borders = sorted({border for window in windows for border in window})
    lines = [
        f'  <memory type="ram" start="{start:#x}" length="{end - start:#x}"/>'
        for start, end in pairwise(borders)
    ]
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" '
        '"http://sourceware.org/gdb/gdb-memory-map.dtd">\n<memory-map>\n'
        + "\n".join(lines)
        + "\n</memory-map>\n"
    )


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
