# SPDX-License-Identifier: GPL-2.0-or-later
"""A bare-metal program in U-mode that is interrupted all the time, for tests of debuggers."""

STACK = """
        .bss
        .balign 16
        .skip 4096
    stack_top:
        .skip 64
"""
# Hart 0's user program counts and calls; the timer comes every tick (100 instructions).
TRAPS = """
        bnez a0, stop
        la t0, vector
        csrw mtvec, t0
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        la t0, handler_stack
        csrw mscratch, t0
        li t0, 0x80
        csrw mie, t0
        la t0, user
        csrw mepc, t0
        li t0, 0x1800
        csrc mstatus, t0
        li t0, 0x2004000
        li t1, 1
        sd t1, 0(t0)
        mret
    stop:
        wfi
        j stop

        .type user, @function
    user:
        la sp, stack_top
        li s1, 0
    1:  call work
        andi t2, s1, 3
        bnez t2, 1b
        ecall
    after_ecall:
        j 1b
        .size user, . - user

        .type work, @function
    work:
        addi sp, sp, -16
        sd ra, 8(sp)
        addi s1, s1, 1
        addi s2, s2, 1
        ld ra, 8(sp)
        addi sp, sp, 16
        ret
        .size work, . - work

        .balign 4
        .type vector, @function
    vector:                             # a stack of its own, by an exchange with mscratch
        csrrw sp, mscratch, sp
        addi sp, sp, -64
        sd ra, 0(sp)
        sd t0, 8(sp)
        sd t1, 16(sp)
        csrr t0, mscratch
        sd t0, 24(sp)
        call handler
        ld ra, 0(sp)
        ld t0, 8(sp)
        ld t1, 16(sp)
        addi sp, sp, 64
        csrrw sp, mscratch, sp
        mret
        .size vector, . - vector

        .type handler, @function
    handler:
        csrr t0, mcause
        bltz t0, 1f
        csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
        ret
    1:  li t0, 0x2004000
        ld t1, 0(t0)
        addi t1, t1, 1
        sd t1, 0(t0)
        ret
        .size handler, . - handler
        .bss
        .balign 16
        .skip 4096
    handler_stack:
        .skip 64
"""
