// SPDX-License-Identifier: GPL-2.0-or-later
// Short basic blocks, about five instructions each, with the mix of a compiled program: mostly conditional
// branches, some of them hard to predict, calls with their returns, and indirect jumps and calls through tables.
// The nop keeps two of the return addresses apart that would share one slot of Unicorn's small jump cache, always
// missing: a matter of luck in real programs.

    .text
    .globl benchmark
benchmark:
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    mv      s0, a0
    li      s1, 0x2545f4914f6cdd1d      // the random numbers
    li      s2, 0                       // the result
    la      s3, cases
    la      s4, functions
.Lloop:
    slli    t0, s1, 13
    xor     s1, s1, t0
    srli    t0, s1, 7
    xor     s1, s1, t0
    slli    t0, s1, 17
    xor     s1, s1, t0
    andi    t1, s1, 1
    beqz    t1, 1f                      // as good as random
    addi    s2, s2, 3
    xor     s2, s2, s1
    srli    t0, s2, 2
    sub     s2, s2, t0
1:  andi    t1, s1, 0x1e
    bnez    t1, 2f                      // nearly always taken
    srli    t0, s1, 3
    add     s2, s2, t0
    slli    s2, s2, 1
2:  li      t2, 4                       // a short loop
    srli    t3, s1, 20
3:  add     s2, s2, t3
    srli    t3, t3, 5
    slli    t4, s2, 3
    xor     t3, t3, t4
    addi    t2, t2, -1
    bnez    t2, 3b
    srli    a0, s1, 32
    mv      a1, s2
    jal     absolute_difference
    mv      s2, a0
    li      t0, 100
    bltu    s2, t0, 4f                  // nearly never taken
    srli    s2, s2, 1
    xori    s2, s2, 0x2f
    j       5f
4:  addi    s2, s2, 1000
    slli    t1, s2, 2
    add     s2, s2, t1
5:  srli    t0, s1, 40                  // a switch
    andi    t0, t0, 3 << 2
    add     t0, t0, s3
    lw      t1, 0(t0)
    add     t1, t1, s3
    jr      t1
.Lcase0:
    addi    s2, s2, 17
    xor     s2, s2, s1
    j       6f
.Lcase1:
    srli    t0, s2, 9
    add     s2, s2, t0
    j       6f
.Lcase2:
    slli    t0, s2, 3
    sub     s2, t0, s2
    bgez    s2, 6f
    neg     s2, s2
    j       6f
.Lcase3:
    not     s2, s2
    andi    t0, s2, 3
    add     s2, s2, t0
6:  mv      a0, s2
    srli    a1, s1, 50
    andi    a1, a1, 15
    jal     clamp_steps
    add     s2, s2, a0
    srli    t0, s1, 44                  // a call through a pointer, the same one seven times of eight
    andi    t0, t0, 7
    snez    t0, t0
    slli    t0, t0, 3
    add     t0, t0, s4
    ld      t1, 0(t0)
    mv      a0, s2
    nop
    jalr    t1
    mv      s2, a0
    addi    s0, s0, -1
    bnez    s0, .Lloop
    mv      a0, s2
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    addi    sp, sp, 64
    ret

absolute_difference:
    and     a2, a0, a1
    or      a3, a0, a1
    add     a2, a2, a3
    bltu    a0, a1, 1f
    xor     a0, a0, a2
    sub     a0, a0, a1
    ret
1:  sub     a0, a1, a0
    slli    a2, a2, 1
    add     a0, a0, a2
    ret

// Halves a0 a few times, as a search through a tree would.
clamp_steps:
    li      t0, 3
1:  andi    t1, a0, 1
    slli    t2, t1, 3
    add     t2, t2, a1
    beqz    t1, 2f
    srli    a0, a0, 1
    xori    a0, a0, 0x123
    add     a0, a0, t2
2:  srli    a0, a0, 2
    addi    a0, a0, 1
    sltu    t2, a1, a0
    addi    t0, t0, -1
    and     t2, t2, t0
    bnez    t2, 1b
    ret

rotate:
    slli    t0, a0, 11
    addi    a0, a0, 7
    srli    t1, a0, 53
    or      a0, t0, t1
    ret

mix:
    slli    t0, a0, 5
    add     a0, a0, t0
    addi    sp, sp, -16
    sd      ra, 8(sp)
    jal     rotate
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret

    .section .rodata
    .balign 8
functions:
    .dword  mix, rotate
cases:
    .word   .Lcase0 - cases, .Lcase1 - cases, .Lcase2 - cases, .Lcase3 - cases
