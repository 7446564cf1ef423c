# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs for `qemu_runtime.S` by hand: what programs do, and places where a count is easily lost.

Registers and pointers as in qemu_programs.py.  They may use what is in WORK there, and ra, s10, s11.
"""

from qemu_pieces import MACHINE, SUPERVISOR, USER, WORK
from qemu_programs import Program

_ALL = (MACHINE, SUPERVISOR, USER)

# name -> (modes, code, functions behind it)
_TEXTS: dict[str, tuple[tuple[int, ...], str, str]] = {
    "recursion": (_ALL, "li a0, 12\n call fibonacci_{n}", """
    fibonacci_{n}:
        li t0, 2
        bltu a0, t0, 1f
        addi sp, sp, -24
        sd ra, 0(sp)
        sd a0, 8(sp)
        addi a0, a0, -1
        call fibonacci_{n}
        sd a0, 16(sp)
        ld a0, 8(sp)
        addi a0, a0, -2
        call fibonacci_{n}
        ld t1, 16(sp)
        add a0, a0, t1
        ld ra, 0(sp)
        addi sp, sp, 24
    1:  ret"""),
    "bubble sort": (_ALL, """
        li a0, 40
    1:  li a1, 0
        mv a2, s2
    2:  lh a3, 0(a2)
        lh a4, 2(a2)
        ble a3, a4, 3f
        sh a4, 0(a2)
        sh a3, 2(a2)
    3:  addi a2, a2, 2
        addi a1, a1, 1
        blt a1, a0, 2b
        addi a0, a0, -1
        bnez a0, 1b""", ""),
    "copying, never aligned": (_ALL, """
        addi a0, s2, -1999
        addi a1, s3, -3
        li a2, 200
    1:  ld a3, 0(a0)
        sd a3, 0(a1)
        addi a0, a0, 7
        addi a1, a1, 9
        addi a2, a2, -1
        bnez a2, 1b""", ""),
    "checksum by table": (_ALL, """
        li a0, -1
        li a1, 256
        mv a2, s2
    1:  lbu a3, 0(a2)
        xor a3, a3, a0
        andi a3, a3, 15
        slli a3, a3, 3
        add a3, a3, sp
        ld a3, 0(a3)
        srliw a0, a0, 4
        xor a0, a0, a3
        addi a2, a2, 1
        addi a1, a1, -1
        bnez a1, 1b""", ""),
    "jump table": (_ALL, """
        li s11, 24
    1:  andi t0, s11, 7
        slli t0, t0, 2
        la t1, 2f
        add t1, t1, t0
        jr t1
        .option push
        .option norvc
        .balign 4
    2:  j 10f
        j 11f
        j 12f
        j 3f
        j 10f
        j 12f
        j 11f
        j 3f
        .option pop
    10: addi a0, a0, 1
    11: addi a0, a0, 2
    12: addi a0, a0, 3
    3:  addi s11, s11, -1
        bnez s11, 1b""", ""),
    "spin lock": (_ALL, """
        sd zero, 0(s3)
        li s11, 50
    1:  li t0, 1
    2:  amoswap.w.aq t1, t0, (s3)
        bnez t1, 2b
        ld a0, 8(s3)
        addi a0, a0, 1
        sd a0, 8(s3)
        amoswap.w.rl zero, zero, (s3)
        addi s11, s11, -1
        bnez s11, 1b""", ""),
    "compare and swap": (_ALL, """
        li s11, 30
    1:  lr.d.aq t0, (s2)
        addi t1, t0, 5
        sc.d.rl a0, t1, (s2)
        bnez a0, 1b
        lr.w a1, (s3)
        bne a1, t1, 2f
        nop
    2:  sc.w a2, s11, (s3)
        addi s11, s11, -1
        bnez s11, 1b""", ""),
    "a block longer than a page": (_ALL, """
        li s11, 3
    1:  .rept 1500
        addi a0, a0, 3
        c.add a1, a0
        .endr
        addi s11, s11, -1
        beqz s11, 2f
        j 1b
    2:
        SAMPLE""", ""),
    "faults in long blocks": (_ALL, """
        li s11, 20
    1:  .rept 40
        addi a0, a0, 1
        .endr
        ld a1, 0(s5)
        .rept 40
        c.addi a0, 1
        .endr
        sd a1, 8(s5)
        SAMPLE
        addi s11, s11, -1
        bnez s11, 1b""", ""),
    "fault first and last in a block": (_ALL, """
        li s11, 9
    1:  lw a0, 0(s5)
        nop
        lw a0, 16(s5)
        j 2f
    2:  sb a0, 0(s5)
        addi s11, s11, -1
        bnez s11, 1b
        SAMPLE""", ""),
    "the same fault from two blocks": (_ALL, """
        li s11, 8
    1:  andi a0, s11, 1
        beqz a0, 2f
        addi a1, a1, 1
        addi a1, a1, 2
    2:  addi a1, a1, 3
        lw a2, 0(s5)
        addi a1, a1, 4
        SAMPLE
        addi s11, s11, -1
        bnez s11, 1b""", ""),
    "traps in a row": (_ALL, """
        ecall
        ebreak
        c.ebreak
        .half 0
        .word 0xffffffff
        ecall
        ecall
        SAMPLE""", ""),
    "a trap in a loop of one block": (_ALL, """
        li s11, 33
    1:  addi a0, a0, 1
        ecall
        addi s11, s11, -1
        bnez s11, 1b
        SAMPLE""", ""),
    "code read two ways": (_ALL, """
        li s11, 12
    1:  la t0, 2f
        andi t1, s11, 1
        slli t1, t1, 1
        add t0, t0, t1
        jr t0                         # to the lui, or into its middle: its upper half is c.addi a0, 1
        .option push
        .option norvc
    2:  lui a1, 0x05050
        .option pop
        addi a2, a2, 1
        addi s11, s11, -1
        bnez s11, 1b
        SAMPLE""", ""),
    "a page border in a loop": (_ALL, """
        j 1f
        .balign 4096
        .skip 4096 - 14
    1:  li s11, 40
    2:  c.addi a0, 1
        .option push
        .option norvc
        addi a1, a1, 1
        addi a1, a1, 1
        addi a1, a1, 1
        addi a1, a1, 1
        .option pop
        addi s11, s11, -1
        bnez s11, 2b
        SAMPLE""", ""),
    "an instruction of the engine across a page border": (_ALL, """
        j 1f
        .balign 4096
        .skip 4096 - 12
    1:  li s11, 12
        .option push
        .option norvc
        nop
    2:  .half 1, 1                    # two c.nop
        fence.i                       # at the page's last halfword
        nop
        .option pop
        addi s11, s11, -1
        bnez s11, 2b
        j 3f
        .balign 4096
        .skip 4096 - 2
    3:  rdinstret a0
        sub a0, a0, s7
        sub a0, a0, gp
        j 4f
        .balign 4096
        .skip 4096 - 2
    4:  ecall
        SAMPLE""", ""),
    "code made at run time": (_ALL, """
        addi a0, s3, -10              # across the border of two pages of data
        li a1, 0x00160613             # addi a2, a2, 1
        li a3, 0x00008067             # ret
        li s11, 10
    1:  sw a1, 0(a0)
        sw a1, 4(a0)
        sw a1, 8(a0)
        sw a3, 12(a0)
        fence.i
        jalr a0
        li a4, 1 << 20
        add a1, a1, a4
        addi s11, s11, -1
        bnez s11, 1b
        SAMPLE""", ""),
    "code rewritten by itself": (_ALL, """
        li s11, 5
    1:  la t0, 2f
        lw t1, 0(t0)
        li t2, 1 << 20
        add t1, t1, t2
        sw t1, 0(t0)
        fence.i
        .balign 4
    2:  .word 0x00060613              # addi a2, a2, 0
        addi s11, s11, -1
        bnez s11, 1b
        SAMPLE""", ""),
    "division at its limits": (_ALL, """
        li a0, 1 << 63
        li a1, -1
        div a2, a0, a1
        rem a3, a0, a1
        div a4, a0, zero
        remu a5, a0, zero
        divuw a6, a1, zero
        remw a7, a1, zero
        lui t0, 0x80000
        divw t1, t0, a1
        remw s0, t0, a1
        mulhsu s1, a1, a1""", ""),
    "counter written": ((MACHINE,), """
        li a0, 0x12345678
        csrw minstret, a0             # QEMU counts the write itself: tp
        csrr a1, minstret
        nop
        csrr a2, minstret
        sub a1, a1, a0
        sub a1, a1, tp
        sub a2, a2, a0
        sub a2, a2, tp
        csrw minstret, zero
        csrr a3, minstret
        sub a3, a3, tp
        csrrs a4, minstret, zero
        sub a4, a4, tp
        csrw minstret, s7             # the program's own start again: 17 instructions and less
        add s7, s7, tp
        addi s7, s7, -17
        SAMPLE""", ""),
    "interrupts one after another": ((MACHINE,), """
        li s11, 7
    1:  li t0, 0x02000000
        li t1, 1
        li s10, 2
        sw t1, 0(t0)
        csrsi mstatus, 8              # here it comes
        csrci mstatus, 8
        addi s11, s11, -1
        bnez s11, 1b
        li s10, 0
        SAMPLE""", ""),
}  # fmt: skip


def by_hand(first: int = 0) -> list[tuple[str, Program]]:
    """Every program in each of its modes, numbered from `first` on, with its name."""
    programs: list[tuple[str, Program]] = []
    for name, (modes, code, functions) in _TEXTS.items():
        for mode in modes:
            number = first + len(programs)
            text = f".balign 4\nprogram_{number}:\n{code}\n li t6, 0x7e5\n ecall\n{functions}\n".replace(
                "{n}", str(number)
            )
            programs.append((name, Program(number, mode, text, list(range(len(WORK))))))
    return programs
