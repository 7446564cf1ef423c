# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers by name: what debuggers show, read and write."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.debug.session import DebugSession
from emulator.engine import Engine
from emulator.errors import ReplugError

X_NAMES = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
    "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
    "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
]  # fmt: skip
F_NAMES = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7",
    "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7",
    "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
]  # fmt: skip
CSR_NAMES = {
    "fflags": 0x001, "frm": 0x002, "fcsr": 0x003,
    "cycle": 0xC00, "time": 0xC01, "instret": 0xC02,
    "cycleh": 0xC80, "timeh": 0xC81, "instreth": 0xC82,
    "sstatus": 0x100, "sie": 0x104, "stvec": 0x105, "scounteren": 0x106, "senvcfg": 0x10A,
    "sscratch": 0x140, "sepc": 0x141, "scause": 0x142, "stval": 0x143, "sip": 0x144, "stimecmp": 0x14D,
    "stimecmph": 0x15D, "satp": 0x180,
    "mstatus": 0x300, "misa": 0x301, "medeleg": 0x302, "mideleg": 0x303, "mie": 0x304, "mtvec": 0x305,
    "mcounteren": 0x306, "menvcfg": 0x30A, "mstatush": 0x310, "menvcfgh": 0x31A, "mcountinhibit": 0x320,
    "mscratch": 0x340, "mepc": 0x341, "mcause": 0x342, "mtval": 0x343, "mip": 0x344,
    "mcycle": 0xB00, "minstret": 0xB02, "mcycleh": 0xB80, "minstreth": 0xB82,
    "mvendorid": 0xF11, "marchid": 0xF12, "mimpid": 0xF13, "mhartid": 0xF14,
    **{f"pmpcfg{i}": 0x3A0 + i for i in range(4)},
    **{f"pmpaddr{i}": 0x3B0 + i for i in range(16)},
}  # fmt: skip
_ALIASES = {
    **{f"x{i}": name for i, name in enumerate(X_NAMES)},
    **{f"f{i}": name for i, name in enumerate(F_NAMES)},
    "s0": "fp",
}


@dataclass(frozen=True)
class Register:
    """group: "x", "pc", "f", "csr" or "priv"; index: of the register or CSR."""

    name: str
    group: str
    index: int
    bits: int


class Registers:
    """The registers that the harts of a machine have."""

    def __init__(self, engine: Engine) -> None:
        wide = engine.config.xlen
        self._all = [Register(name, "x", index, wide) for index, name in enumerate(X_NAMES)]
        self._all.append(Register("pc", "pc", 0, wide))
        self._all += [Register(name, "f", index, 64) for index, name in enumerate(F_NAMES)]
        self._all += [
            Register(name, "csr", number, wide)
            for name, number in CSR_NAMES.items()
            if engine.get_csr(0, number) is not None
        ]
        self._all.append(Register("priv", "priv", 0, wide))
        self._by_name = {register.name: register for register in self._all}

    @property
    def all(self) -> list[Register]:
        """In the order in which GDB numbers them: x, pc, f, CSRs, priv."""
        return self._all

    def find(self, name: str) -> Register | None:
        """By any of its names; None when there is none."""
        name = name.lower()
        return self._by_name.get(_ALIASES.get(name, name))


def read(engine: Engine, hart: int, register: Register) -> int:
    """The value, as an unsigned number."""
    match register.group:
        case "x":
            value = engine.get_x(hart, register.index)
        case "pc":
            value = engine.get_pc(hart)
        case "f":
            value = engine.get_f(hart, register.index)
        case "csr":
            value = engine.get_csr(hart, register.index) or 0
        case _:
            value = engine.get_privilege(hart)
    return value & ((1 << register.bits) - 1)


def write(session: DebugSession, hart: int, register: Register, value: int) -> None:
    """Set it; ReplugError for what cannot be written."""
    value &= (1 << register.bits) - 1
    if register.group == "x":
        if register.index == 0:
            raise ReplugError("zero cannot be written")
        session.set_x(hart, register.index, value)
    elif register.group == "pc":
        session.set_pc(hart, value)
    elif register.group == "f":
        session.set_f(hart, register.index, value)
    elif register.group == "csr":
        session.set_csr(hart, register.index, value)
    else:
        session.set_privilege(hart, value)
