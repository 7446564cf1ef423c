// SPDX-License-Identifier: GPL-2.0-or-later
// One trap an iteration: ecall, a handler that steps over it (csrr, addi, csrw) and mret.

    .text
    .globl benchmark
benchmark:
    la      t0, handler
    csrw    mtvec, t0
.Lloop:
    .option push
    .option norvc
    ecall
    .option pop
    addi    a0, a0, -1
    bnez    a0, .Lloop
    csrr    a0, mcause
    ret

    .balign 4
handler:
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    mret
