# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents that GDB reads about the target: registers, threads, memory."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from emulator.debug.registers import Register
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.devices import virt_map

_MODES = {0: "U", 1: "S", 3: "M"}
_FIRST_FLOAT = 32  # DWARF's number of f0
_GENERIC = {1: "ra", 2: "sp", 8: "fp"} | {10 + i: f"arg{i + 1}" for i in range(8)}
_FLOAT_CSRS = ("fflags", "frm", "fcsr")


def target(registers: list[Register], xlen: int) -> str:
    """target.xml.

    No operating system: else GDB would step by breakpoints of its own, and let all harts run.
    """

    def line(number: int, register: Register) -> str:
        kinds = {"pc": "code_ptr", "f": "ieee_double"}
        kind = "data_ptr" if register.name in ("sp", "gp", "tp", "fp") else kinds.get(register.group, "int")
        return (
            f'    <reg name="{register.name}" bitsize="{register.bits}" type="{kind}" regnum="{number}"'
            f"{_for_lldb(register)}/>"
        )

    groups: dict[str, list[str]] = {"cpu": [], "fpu": [], "csr": [], "virtual": []}
    for number, register in enumerate(registers):
        if register.group in ("x", "pc"):
            groups["cpu"].append(line(number, register))
        elif register.group == "f" or register.name in _FLOAT_CSRS:
            groups["fpu"].append(line(number, register))
        elif register.group == "priv":
            groups["virtual"].append(line(number, register))
        else:
            groups["csr"].append(line(number, register))
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
    """RAM, and everything else: devices are no memory, but virtual addresses may be anywhere.

    All of it is `ram` to GDB, which would otherwise refuse addresses that only page tables know.
    """
    del session
    top = (1 << 64) - 1
    base = virt_map.RAM_BASE
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" '
        '"http://sourceware.org/gdb/gdb-memory-map.dtd">\n<memory-map>\n'
        f'  <memory type="ram" start="0x0" length="{base:#x}"/>\n'
        f'  <memory type="ram" start="{base:#x}" length="{top - base + 1:#x}"/>\n'
        "</memory-map>\n"
    )


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
