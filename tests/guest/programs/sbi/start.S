// SPDX-License-Identifier: GPL-2.0-or-later
// Where harts enter S-mode, and accesses that may trap.

#if __riscv_xlen == 64
#define STORE sd
#define LOAD ld
#else
#define STORE sw
#define LOAD lw
#endif
#define STACK_SHIFT 12

    .section .text.entry, "ax"
    .globl _start
_start:                                 // hart 0: a0 = hart, a1 = device tree
    la      sp, stacks + (1 << STACK_SHIFT)
    j       main

    .text
    .globl hart_entry
hart_entry:                             // all others: a0 = hart, a1 = what hart_start was given
    la      sp, stacks + (1 << STACK_SHIFT)
    slli    t0, a0, STACK_SHIFT
    add     sp, sp, t0
    csrr    a2, satp
    csrr    a3, sstatus
    csrr    a4, sie
    j       hart_main

// unsigned long attempt(unsigned long kind, unsigned long value): do what may trap; scause, or -1 if nothing did.
// kind 0: load from value, 1: store there, 2: jump there, 3: an illegal instruction, 4: ebreak, 5: ecall from U-mode.
    .globl attempt
attempt:
    addi    sp, sp, -16
    STORE   ra, (sp)
    la      t0, trapped
    csrw    stvec, t0
    la      t0, attempts
    slli    a0, a0, 3
    add     t0, t0, a0
    li      a0, -1
    jr      t0
    .option push
    .option norvc
    .balign 8
attempts:
    LOAD    t0, (a1)
    j       attempted
    STORE   zero, (a1)
    j       attempted
    jalr    ra, a1
    j       attempted
    .word   0
    j       attempted
    ebreak
    j       attempted
    j       from_user
    nop
    .option pop
from_user:
    li      t0, 1 << 8                  // SPP = U
    csrc    sstatus, t0
    la      t0, 1f
    csrw    sepc, t0
    sret
1:  ecall
    .balign 4
trapped:
    csrr    a0, scause
attempted:
    LOAD    ra, (sp)
    addi    sp, sp, 16
    ret

    .globl patched
    .balign 4
    .option push
    .option norvc
patched:                                // int patched(void): 1 until the instruction is changed
    li      a0, 1
    ret
    .option pop

    .bss
    .balign 4096
stacks:
    .skip   8 << STACK_SHIFT
