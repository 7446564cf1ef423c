// SPDX-License-Identifier: GPL-2.0-or-later
// Where a measuring program of many harts starts. Hart 0 counts the harts in the device tree and runs main, whose result ends the machine
// (0 = success); the others run follow. All are in M-mode with inter-hart interrupts on. Any other trap ends the machine with status 2.
#include "layout.inc"
#include "replug.inc"
#include "scheme.inc"

#define STACK_SHIFT         10
#define STATUS_TRAP         2
#define FDT_STRUCTURE       8
#define FDT_STRUCTURE_SIZE  36
#define FDT_BEGIN_NODE      0x01000000      /* tokens are big-endian */
#define FDT_CPU             0x40757063      /* "cpu@" */
#define MSTATUS_MIE         0x8
#define MIE_SOFTWARE        0x8

    .section .text.entry, "ax", @progbits
ENTRY _start
    csrw    mie, zero
    la      t0, interrupt_vector
    csrw    mtvec, t0
    li      t0, MAX_HARTS
    bgeu    a0, t0, .Lunused
    la      tp, scheme_harts
    slli    t0, a0, SCHEME_HART_SHIFT
    add     tp, tp, t0
    sd      a0, SCHEME_HART_ID(tp)
    csrw    mscratch, tp
    la      sp, stacks
    addi    t0, a0, 1
    slli    t0, t0, STACK_SHIFT
    add     sp, sp, t0
    PATH_THREAD 4
    la      t0, hart_count
    beqz    a0, .Lfirst
1:  lw      t1, 0(t0)
    beqz    t1, 1b
    fence   r, rw
    jal     prepare
    jal     follow
.Lunused:
    csrw    mie, zero
    wfi
    j       .Lunused

.Lfirst:
    jal     count_harts
    fence   rw, w
    la      t0, hart_count
    sw      a0, 0(t0)
    jal     prepare
    jal     main
.Lend:
    li      t1, FINISHER_PASS
    beqz    a0, 1f
    slli    t1, a0, 16
    li      t2, FINISHER_FAIL
    or      t1, t1, t2
1:  fence   rw, rw
    li      t0, FINISHER
    sw      t1, 0(t0)
    j       .Lunused
END _start

// unexpected_trap: ends the machine. a0 = mcause.
ENTRY unexpected_trap
    li      a0, STATUS_TRAP
    j       .Lend
END unexpected_trap

// prepare: this hart's descriptor, its random numbers, its interrupts.
prepare:
    la      t1, descriptors
    la      t0, scheme_traits
    lw      t0, 0(t0)
    andi    t0, t0, TRAIT_SHARED
    ld      t2, SCHEME_HART_ID(tp)
    bnez    t0, 1f
    slli    t0, t2, DESCRIPTOR_SHIFT
    add     t1, t1, t0
1:  sd      t1, SCHEME_HART_DESCRIPTOR(tp)
    li      t0, 1
    sw      t0, SPECIALISED(t1)
    addi    t2, t2, 1
    sd      t2, SCHEME_HART_RANDOM(tp)
    li      t0, MIE_SOFTWARE
    csrw    mie, t0
    csrsi   mstatus, MSTATUS_MIE
    ret

// count_harts: a1 = device tree -> a0 = its nodes cpu@..., at most MAX_HARTS. Changes t0-t5.
count_harts:
    lwu     t0, FDT_STRUCTURE(a1)
    jal     t5, .Lbig_endian
    add     t2, a1, t0
    lwu     t0, FDT_STRUCTURE_SIZE(a1)
    jal     t5, .Lbig_endian
    add     t3, t2, t0
    addi    t3, t3, -4
    li      a0, 0
1:  bgeu    t2, t3, 3f
    lw      t0, 0(t2)
    lw      t1, 4(t2)
    addi    t2, t2, 4
    li      t4, FDT_BEGIN_NODE
    bne     t0, t4, 1b
    li      t4, FDT_CPU
    bne     t1, t4, 1b
    addi    a0, a0, 1
    j       1b
3:  li      t0, MAX_HARTS
    bgeu    t0, a0, 4f
    mv      a0, t0
4:  ret

// .Lbig_endian: t0 = u32 of the other byte order -> t0. Changes t1, t4. Called through t5.
.Lbig_endian:
    andi    t4, t0, 0xff
    slli    t4, t4, 24
    srli    t1, t0, 8
    andi    t1, t1, 0xff
    slli    t1, t1, 16
    or      t4, t4, t1
    srli    t1, t0, 16
    andi    t1, t1, 0xff
    slli    t1, t1, 8
    or      t4, t4, t1
    srli    t0, t0, 24
    or      t0, t0, t4
    jr      t5

    .data
    .balign 4
DATA hart_count                         // u32; not 0: hart 0 has counted
    .word   0
END hart_count

    .bss
    .balign 128
DATA scheme_harts
    .skip   MAX_HARTS << SCHEME_HART_SHIFT
END scheme_harts
    .balign 64
DATA descriptors
    .skip   MAX_HARTS << DESCRIPTOR_SHIFT
END descriptors
    .balign 16
stacks:
    .skip   MAX_HARTS << STACK_SHIFT
