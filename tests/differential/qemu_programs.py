# SPDX-License-Identifier: GPL-2.0-or-later
"""Bare-metal programs for `qemu_runtime.S`, generated from a seed: assembly whose every count has one right
answer.

Pointers that a program finds, all into a playground of pages (in supervisor and user mode; machine mode
finds RAM all over):

    page 0, 1  readable, writable, executable     sp = page 0 + 0x400, s2 = page 0 + 0x800, s3 = start of
    page 1 page 2     not mapped                         s4 = start of page 2
    page 3     readable, writable
    page 4     readable                           s6 = start of page 5
    page 5     mapped to where no memory is       s5 = 0: nothing is there either

Left out, because QEMU 7.2 and the manuals do not agree on what there is to count, or the manuals leave it
open:

    mcountinhibit     QEMU's counters go on while they are inhibited, and lose time when they are read
                      (privileged manual, 3.1.12); tests/guest/test_engine_csrs.py has them
    mtval after       zero in QEMU, the address here; both may (3.1.16)
    ebreak
    sepc, mepc bit 0  QEMU keeps it, the manual has it read as zero (3.1.14)
    AMO and SC that   QEMU reports the load that fails (causes 4, 5, 13), the manual a store/AMO (3.1.15, 6,
    7, 15); fault             QEMU's SC without a reservation does not look at the address at all
    SC after a trap,  QEMU keeps the reservation, we drop it; both may (unprivileged manual, "Zalrsc")
    or of other width
    where a timer's   both may take it at any instruction; so a loop that waits for it is taken out of the
    count by its own interrupt comes   number of turns, and what a sleeping hart's counter does (QEMU's goes
    on with time) by its value
                      before wfi and at the start of the trap
    stores to code    without a fence.i behind them (unprivileged manual, "Zifencei")
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from qemu_pieces import ALU, BRANCHES, MACHINE, SHORT, SUPERVISOR, USER, VALUES, WORK, Pieces

MODES = {MACHINE: "machine", SUPERVISOR: "supervisor", USER: "user"}

# The instructions retired so far, less what QEMU counts too many, into the hash of events.
SAMPLE = """
    .macro SAMPLE
    rdinstret t3
    sub t3, t3, s7
    sub t3, t3, gp
    slli t4, s9, 5
    sub s9, t4, s9
    add s9, s9, t3
    .endm
"""


@dataclass
class Program:
    """Assembly text with its entry at label `program_N`; registers: what WORK's hold at the start."""

    number: int
    mode: int
    text: str
    registers: list[int]
    kinds: set[str] = field(default_factory=set)


class Generator(Pieces):
    """One program."""

    # --- what branches ---

    def branch(self) -> None:
        over = self.label()
        if self.number_below(3) == 0:
            self.emit(f"{self.pick(('c.beqz', 'c.bnez'))} {self.pick(SHORT)}, {over}")
        else:
            self.emit(f"{self.pick(BRANCHES)} {self.pick(WORK)}, {self.pick(WORK)}, {over}")
        self.some(self.random.randint(1, 4))
        self.emit(f"{over}:")

    def jump(self) -> None:
        over = self.label()
        self.emit(f"{self.pick(('j', 'c.j', 'tail_'))} {over}".replace("tail_", "jal x0,"))
        self.some(self.random.randint(1, 3))
        self.emit(f"{over}:")

    def loop(self, depth: int = 0) -> None:
        start, counter = self.label(), ("s11", "s10")[depth]
        self.emit(f"li {counter}, {self.random.randint(1, 12)}", f"{start}:")
        for _ in range(self.random.randint(1, 5)):
            if depth == 0 and self.number_below(8) == 0:
                self.loop(1)
            else:
                self.some(1)
        self.emit(f"addi {counter}, {counter}, -1", f"bnez {counter}, {start}")
        self.kinds.add("loop")

    def call(self) -> None:
        function, kind = self.label(), self.number_below(4)
        body = self.lines
        self.lines = []
        self.some(self.random.randint(1, 4))
        self.after += [f"{function}:", *self.lines, self.pick(("ret", "c.jr ra", "jalr x0, 0(ra)"))]
        self.lines = body
        if kind == 0:
            self.emit(f"call {function}")
        elif kind == 1:
            self.emit(f"jal {function}")
        else:
            self.emit(f"la t0, {function}", self.pick(("c.jalr t0", "jalr ra, 0(t0)", "jalr ra, 1(t0)")))
        self.kinds.add("call")

    # --- where nothing can be fetched ---

    def nowhere(self) -> None:
        """A jump to where nothing can be fetched."""
        back = self.label()
        self.emit(f"la s8, {back}", self.pick(("jr s5", "jalr ra, 4(s5)", "c.jr s5")))
        self.some(1)
        self.emit(f"{back}:")
        self.kinds.add("jump to nowhere")

    def end_of_page(self) -> None:
        """Code that runs up to the end of a page: the next one is not mapped, or has a return at its
        start.
        """
        back = self.label()
        halves = self.random.randint(1, 5)
        self.emit("li t0, 0x0505")  # c.addi a0, 1
        self.emit(*(f"sh t0, {-2 * i}(s4)" for i in range(1, halves + 1)))
        crossing = self.number_below(2)
        if crossing:
            self.emit("li t0, 0x0513", "sh t0, -2(s4)")  # the first half of addi a0, a0, 1
        if self.mode == MACHINE:
            self.emit("li t0, 0x0015", f"sh t0, {0 if crossing else 4}(s4)")
            self.emit("li t0, 0x8082", f"sh t0, {2 if crossing else 0}(s4)")
        self.emit("fence.i", f"la s8, {back}", f"jalr ra, {-2 * halves}(s4)", f"{back}:")
        self.kinds.add(
            "code across a page border" if self.mode == MACHINE else "code up to a page not mapped"
        )

    # --- what the engine emulates ---

    def write_counter(self) -> None:
        """The counter goes on from another value: the next instruction reads that (privileged manual,
        3.1.10; unprivileged manual, "Zicsr").  QEMU counts the write itself on top, which tp makes good."""
        if self.mode != MACHINE:
            self.sample()
            return
        self.emit("csrr t3, minstret", "sub t3, t3, s7", f"csrw minstret, {(value := self.pick(WORK))}",
                  f"add s7, {value}, tp", "sub s7, s7, t3", "addi s7, s7, -3")  # fmt: skip
        self.sample()
        self.kinds.add("minstret written")

    def modified_code(self) -> None:
        """A function whose first instruction is stored anew before each call."""
        function, start = self.label(), self.label()
        turns = self.random.randint(1, 5)
        self.after += [".balign 4", f"{function}:", ".word 0", "ret"]
        self.emit(f"li s11, {turns}", f"la t0, {function}", "li t1, 0x00150513", f"{start}:")
        self.emit("sw t1, 0(t0)", "fence.i", f"call {function}", "li a1, 1 << 20", "add t1, t1, a1")
        self.emit("addi s11, s11, -1", f"bnez s11, {start}")
        self.kinds.add("code modified")

    # --- interrupts ---

    def timer(self) -> None:
        """Spin until the timer's interrupt comes; the turns of the loop are taken out of the count."""
        again, turns = self.label(), self.random.randint(0, 6)
        self.emit("li s10, 0", "li s11, 0")  # first: in the lower modes nothing masks the interrupt
        self.set_timer(self.random.randint(1, 8))
        self.emit("csrsi mstatus, 8" if self.mode == MACHINE else "nop", f"{again}:", "addi s11, s11, 1")
        self.emit(
            *(f"{self.pick(ALU)} t0, {self.pick(WORK[2:])}, {self.pick(WORK[2:])}" for _ in range(turns))
        )
        self.emit(f"beqz s10, {again}", "csrci mstatus, 8" if self.mode == MACHINE else "nop")
        self.emit(f"li t1, {turns + 2}", "mul t1, t1, s11", "add s7, s7, t1", "li s11, 0", "li t1, 0")
        # The interrupt's handler is part of the count; so is the turn that it cut in two, once.
        self.kinds.add("timer")

    def set_timer(self, ticks: int) -> None:
        self.emit("li t0, 0x0200bff8", "ld t1, 0(t0)", f"addi t1, t1, {ticks}")
        self.emit("li t0, 0x02004000", "sd t1, 0(t0)", "li t1, 0")

    def unmask(self) -> None:
        """A pending interrupt, unmasked: it comes right then, and a wfi in front of that does nothing."""
        if self.mode != MACHINE:
            self.timer()
            return
        self.emit("li t0, 0x02000000", "li t1, 1", "li s10, 2", "sw t1, 0(t0)")
        if self.number_below(2):
            # At wfi QEMU leaves its translated block, having counted it to the end: here one jump, which
            # comes again.
            self.emit(".balign 8", "wfi", f"j {(on := self.label())}", f"{on}:", "add gp, gp, tp")
            self.kinds.add("wfi with an interrupt pending")
        self.emit("csrsi mstatus, 8")
        self.some(1)
        self.emit("csrci mstatus, 8", "li s10, 0")
        self.kinds.add("interrupt unmasked")

    def sleep(self) -> None:
        """wfi until the timer's interrupt; the counter's value before, and at the start of the trap,
        bridge the gap.
        """
        if self.mode == USER:
            self.timer()
            return
        self.set_timer(self.random.randint(30, 60))
        machine = self.mode == MACHINE
        # In supervisor mode the timer's interrupt is never masked: it must not come before the wfi.
        self.emit("li s10, 0", *(["csrsi mstatus, 8"] if machine else []), "rdinstret t0", "wfi", "nop",
                  *(["csrci mstatus, 8"] if machine else []))  # fmt: skip
        self.emit(
            "la t1, interrupt_count",
            "ld t1, 0(t1)",
            "sub t1, t1, t0",
            "add s7, s7, t1",
            "li t0, 0",
            "li t1, 0",
        )
        self.kinds.add("wfi")

    # --- programs ---

    def generate(self) -> Program:
        """One program of some dozens of pieces."""
        larger: tuple[tuple[Callable[[], None], int], ...] = (
            (self.branch, 4), (self.jump, 1), (self.loop, 4), (self.call, 3), (self.reservation, 2),
            (self.nowhere, 1), (self.end_of_page, 1), (self.write_counter, 1), (self.modified_code, 1),
            (self.timer, 1), (self.unmask, 1), (self.sleep, 1),
        )  # fmt: skip
        for _ in range(self.random.randint(3, 10)):
            self.some(self.random.randint(0, 6))
            self.random.choices([p for p, _ in larger], [w for _, w in larger])[0]()
        self.some(self.random.randint(0, 6))
        place = [".balign 4"]
        if self.number_below(3) == 0:  # across a page border, at any halfword
            place = [".balign 4096", f".skip 4096 - {self.random.randrange(2, 120, 2)}"]
            self.kinds.add("program across a page border")
        text = "\n".join(
            [*place, f"program_{self.number}:", *self.lines, "li t6, 0x7e5", "ecall", *self.after]
        )
        values = [
            self.random.choice((*VALUES, self.random.getrandbits(64), self.number_below(64))) for _ in WORK
        ]
        return Program(self.number, self.mode, text, values, self.kinds)


def generate(seed: int, count: int) -> list[Program]:
    """`count` programs that this seed stands for."""
    source = random.Random(seed)
    modes = (MACHINE, MACHINE, SUPERVISOR, USER)
    return [Generator(number, source, source.choice(modes)).generate() for number in range(count)]


def batch(programs: list[Program]) -> str:
    """The assembly of a batch: the programs and the table by which `qemu_runtime.S` finds them."""
    parts = ["# SPDX-License-Identifier: GPL-2.0-or-later", SAMPLE, ".text", ".option rvc"]
    parts += [program.text for program in programs]
    parts += ['.section .descriptors, "a"', ".globl descriptors", ".balign 8", "descriptors:"]
    for program in programs:
        values = ", ".join(f"{value:#x}" for value in program.registers)
        parts.append(f".dword program_{program.number}, {program.mode}, {values}")
    parts.append(".dword 0")
    return "\n".join(parts) + "\n"
