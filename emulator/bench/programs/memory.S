// SPDX-License-Identifier: GPL-2.0-or-later
// Loads and stores over 4 MiB: each iteration adds one array of doublewords to another, then updates one word in every
// 1040 bytes of the second, so that pages and cache lines change all the time. The arrays do not lie a power of two apart, which
// would make their pages fight for the same entries of any direct-mapped TLB.

    .equ ARRAY, 2 << 20                 // bytes
    .equ STRIDE, 1040

    .text
    .globl benchmark
benchmark:
    la      a2, source
    la      a3, target
    li      t0, ARRAY
    add     a4, a2, t0                  // end of the source
    add     a5, a3, t0                  // end of the target
    li      a7, 0x9e3779b9
    li      t2, STRIDE
    mv      t0, a2                      // numbers to begin with, whatever an earlier run has left
    mv      t1, a3
.Lfill:
    sd      a7, 0(t0)
    sd      t0, 0(t1)
    addi    t0, t0, 8
    addi    t1, t1, 8
    bltu    t0, a4, .Lfill
.Lloop:
    mv      t0, a2
    mv      t1, a3
.Ladd:
    .irp offset, 0, 8, 16, 24, 32, 40, 48, 56
    ld      t3, \offset(t0)
    ld      t4, \offset(t1)
    add     t3, t3, t4
    sd      t3, \offset(t1)
    .endr
    addi    t0, t0, 64
    addi    t1, t1, 64
    bltu    t0, a4, .Ladd
    mv      t1, a3
.Lstride:
    lw      t3, 0(t1)
    xor     t3, t3, a7
    addi    a7, a7, 1
    sw      t3, 0(t1)
    add     t1, t1, t2
    bltu    t1, a5, .Lstride
    addi    a0, a0, -1
    bnez    a0, .Lloop
    mv      t1, a3
.Lsum:
    ld      t3, 0(t1)
    add     a0, a0, t3
    addi    t1, t1, 8
    bltu    t1, a5, .Lsum
    ret

    .bss
    .balign 4096
source: .skip ARRAY
        .skip 37 << 12
target: .skip ARRAY
