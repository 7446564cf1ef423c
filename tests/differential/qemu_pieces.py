# SPDX-License-Identifier: GPL-2.0-or-later
"""The pieces of generated programs that may stand anywhere: in a loop, a function, behind a branch."""

from __future__ import annotations

import random
from collections.abc import Callable

MACHINE, SUPERVISOR, USER = 3, 1, 0

WORK = ("t0", "t1", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7")
SHORT = ("s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5")  # what compressed instructions can name
ALU = (
    "add",
    "sub",
    "sll",
    "slt",
    "sltu",
    "xor",
    "srl",
    "sra",
    "or",
    "and",
    "addw",
    "subw",
    "sllw",
    "srlw",
    "sraw",
)
IMMEDIATE = ("addi", "slti", "sltiu", "xori", "ori", "andi", "addiw")
MULTIPLY = (
    "mul",
    "mulh",
    "mulhsu",
    "mulhu",
    "div",
    "divu",
    "rem",
    "remu",
    "mulw",
    "divw",
    "divuw",
    "remw",
    "remuw",
)
LOADS = {"lb": 1, "lbu": 1, "lh": 2, "lhu": 2, "lw": 4, "lwu": 4, "ld": 8}
STORES = {"sb": 1, "sh": 2, "sw": 4, "sd": 8}
ATOMIC = ("amoswap", "amoadd", "amoxor", "amoand", "amoor", "amomin", "amomax", "amominu", "amomaxu")
ORDER = ("", ".aq", ".rl", ".aqrl")
BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu")
ILLEGAL = (".word 0xffffffff", ".half 0", ".word 0x0000707b", ".word 0xfe00705b", ".half 0x4002")
VALUES = (
    0,
    1,
    2,
    7,
    0x7FF,
    0x8000_0000,
    0xFFFF_FFFF,
    1 << 63,
    (1 << 64) - 1,
    (1 << 63) - 1,
    0x0123_4567_89AB_CDEF,
)


class Pieces:
    """Adds instructions to a program; `random` decides which."""

    def __init__(self, number: int, source: random.Random, mode: int) -> None:
        self.number = number
        self.random = source
        self.mode = mode
        self.lines: list[str] = []
        self.after: list[str] = []  # functions, behind the end of the program
        self.labels = 0
        self.kinds: set[str] = set()

    # --- helpers ---

    def emit(self, *lines: str) -> None:
        self.lines += lines

    def label(self) -> str:
        self.labels += 1
        return f".Lp{self.number}_{self.labels}"

    def pick(self, choices: tuple[str, ...]) -> str:
        return self.random.choice(choices)

    def number_below(self, limit: int, step: int = 1) -> int:
        return self.random.randrange(0, limit, step)

    # --- what computes ---

    def alu(self) -> None:
        kind = self.number_below(4)
        if kind == 0:
            self.emit(f"{self.pick(ALU)} {self.pick(WORK)}, {self.pick(WORK)}, {self.pick(WORK)}")
        elif kind == 1:
            value = self.random.randint(-2048, 2047)
            self.emit(f"{self.pick(IMMEDIATE)} {self.pick(WORK)}, {self.pick(WORK)}, {value}")
        elif kind == 2:
            shift, bits = self.random.choice(
                (("slli", 64), ("srli", 64), ("srai", 64), ("slliw", 32), ("sraiw", 32))
            )
            self.emit(f"{shift} {self.pick(WORK)}, {self.pick(WORK)}, {self.number_below(bits)}")
        else:
            self.emit(f"{self.pick(('lui', 'auipc'))} {self.pick(WORK)}, {self.number_below(1 << 20)}")

    def compressed(self) -> None:
        one, other, wide = self.pick(SHORT), self.pick(SHORT), self.pick(WORK)
        self.emit(
            self.random.choice((
                f"c.addi {wide}, {self.random.choice((-32, -7, 1, 5, 31))}",
                f"c.li {wide}, {self.random.randint(-32, 31)}",
                f"c.addiw {wide}, {self.random.randint(-32, 31)}",
                f"c.mv {wide}, {self.pick(WORK)}",
                f"c.add {wide}, {self.pick(WORK)}",
                f"c.sub {one}, {other}",
                f"c.xor {one}, {other}",
                f"c.andi {one}, {self.random.randint(-32, 31)}",
                f"c.slli {wide}, {self.random.randint(1, 63)}",
                f"c.srai {one}, {self.random.randint(1, 63)}",
                f"c.addi4spn {one}, sp, {self.random.randrange(4, 1024, 4)}",
                f"c.sdsp {wide}, {self.number_below(512, 8)}(sp)",
                f"c.ldsp {wide}, {self.number_below(512, 8)}(sp)",
                f"c.lwsp {wide}, {self.number_below(256, 4)}(sp)",
                "c.nop",
            ))
        )  # fmt: skip

    def multiply(self) -> None:
        self.emit(f"{self.pick(MULTIPLY)} {self.pick(WORK)}, {self.pick(WORK)}, {self.pick(WORK)}")

    def memory(self) -> None:
        """Loads and stores that work, misaligned ones and such across a page border among them."""
        names = LOADS if self.number_below(2) else STORES
        name = self.pick(tuple(names))
        base, low, high = self.random.choice((("s2", -2048, 2000), ("s3", -8, 8), ("sp", -1000, 2000)))
        offset = self.random.randint(low, high)
        if self.number_below(2):
            offset = offset // names[name] * names[name]
        self.emit(f"{name} {self.pick(WORK)}, {offset}({base})")

    def atomic(self) -> None:
        width = self.pick(("w", "d"))
        operation = f"{self.pick(ATOMIC)}.{width}{self.pick(ORDER)}"
        self.emit(f"{operation} {self.pick(WORK)}, {self.pick(WORK)}, ({self.pick(('s2', 's3', 'sp'))})")

    def reservation(self) -> None:
        """LR and SC: alone, as a pair, with a store between them, and in the loop that they are for."""
        width, found, done = self.pick(("w", "d")), self.pick(WORK[:4]), self.pick(WORK[4:])
        base = self.pick(("s2", "s3"))
        kind = self.number_below(4)
        if kind == 0:
            self.emit(f"sc.{width} {done}, {found}, ({base})")  # nothing is reserved: fails
            self.kinds.add("sc without lr")
            return
        retry = self.label()
        self.emit(f"{retry}: lr.{width}{self.pick(('', '.aq'))} {found}, ({base})")
        if kind == 1:
            self.emit(f"sc.{width} {done}, {self.pick(WORK[4:])}, ({base})")
        elif kind == 2:
            self.emit(
                f"xori {found}, {found}, 1",
                f"s{width} {found}, 0({base})",
                f"sc.{width} {done}, {found}, ({base})",
            )
        else:
            self.emit(
                f"addi {found}, {found}, 3", f"sc.{width} {done}, {found}, ({base})", f"bnez {done}, {retry}"
            )
        self.emit(f"sc.{width} {done}, {found}, ({base})")  # no reservation is left
        self.kinds.add("lr and sc")

    # --- what traps ---

    def trap(self) -> None:
        self.emit(self.pick(("ecall", "ebreak", "c.ebreak", *ILLEGAL)))
        self.kinds.add("trap")

    def trap_of_system(self) -> None:
        """Illegal instructions that QEMU finds while it executes them."""
        choices = [
            "csrr a0, 0x7c0",
            "csrw 0xc00, a1",
            "csrrs a2, 0x5c0, a1",
            "csrr a3, fflags",
            "csrwi 0xf14, 1",
        ]
        if self.mode != MACHINE:
            choices += ["mret", "csrr a4, mstatus", "csrw mepc, a5", "csrr a0, mhartid"]
        if self.mode == USER:
            choices += ["sret", "sfence.vma", "wfi", "csrr a1, sscratch", "csrw satp, zero"]
        self.emit(self.random.choice(choices))
        self.kinds.add("illegal of SYSTEM")

    def fault(self) -> None:
        """Loads and stores in mid-block that fault, at the page border among them."""
        store = self.number_below(2)
        name = self.pick(tuple(STORES if store else LOADS))
        width = (STORES if store else LOADS)[name]
        base, offsets = self.random.choice((
            ("s5", (0, 8, 64)),
            ("s4", (0, 1, 16, *range(1 - width, 0))),  # in and into the page that is not mapped
            ("s6", (-2048, -1001, -8)),  # stores to the page that is only readable
            ("s6", (0, 1024, *range(1 - width, 0))),
        ))  # fmt: skip
        self.emit(f"{name} {self.pick(WORK)}, {self.random.choice(offsets)}({base})")
        self.kinds.add("fault")

    # --- what the engine emulates ---

    def csr(self) -> None:
        names = {MACHINE: ("mscratch", "sscratch", "scause", "stval", "mcause"),
                 SUPERVISOR: ("sscratch", "scause", "stval"), USER: ()}[self.mode]  # fmt: skip
        if not names:
            self.trap_of_system()
            return
        operation = self.pick(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"))
        source = str(self.number_below(32)) if operation.endswith("i") else self.pick((*WORK, "x0"))
        self.emit(f"{operation} {self.pick((*WORK, 'x0'))}, {self.pick(names)}, {source}")
        self.kinds.add("csr")

    def sample(self) -> None:
        """Read the counter in mid-program: what it has counted goes into the events."""
        self.emit("SAMPLE")
        self.kinds.add("sample")

    def some(self, count: int) -> None:
        """Pieces that may stand anywhere: in a loop, a function, behind a branch."""
        pieces: tuple[tuple[Callable[[], None], int], ...] = (
            (self.alu, 6), (self.compressed, 7), (self.multiply, 2), (self.memory, 6), (self.atomic, 2),
            (self.trap, 1), (self.trap_of_system, 1), (self.fault, 2), (self.csr, 1), (self.sample, 1),
        )  # fmt: skip
        for piece in self.random.choices([p for p, _ in pieces], [w for _, w in pieces], k=count):
            piece()
