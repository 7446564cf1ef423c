// SPDX-License-Identifier: GPL-2.0-or-later
// Sixteen loads from one device register an iteration (-DLOAD=lbu -DADDRESS=0x10000005).

    .text
    .globl benchmark
benchmark:
    mv      a1, a0
    li      a2, ADDRESS
.Lloop:
    .rept 16
    LOAD    t0, 0(a2)
    .endr
    addi    a1, a1, -1
    bnez    a1, .Lloop
    ret
