// SPDX-License-Identifier: GPL-2.0-or-later
// Where a kernel of somebody's own starts that has no start of its own: every hart, in M-mode, with a stack of 16 KiB and
// floating point on, calls main(hart, device_tree). What hart 0's main returns is the exit status; the others sleep.
// A trap that nobody handles ends the machine with status 128 + its cause.

#define FINISHER            0x100000
#define FINISHER_PASS       0x5555
#define FINISHER_FAIL       0x3333
#define STACK_SHIFT         14
#define HARTS               64
#define MSTATUS_FS          0x6000
#define STATUS_TRAP         128

    .section .text.entry, "ax", @progbits
    .globl  _start
_start:                             // a0: hart, a1: device tree
    la      t0, .Ltrap
    csrw    mtvec, t0
    li      t0, MSTATUS_FS
    csrs    mstatus, t0
    slli    t0, a0, STACK_SHIFT
    la      sp, .Lstacks_end
    sub     sp, sp, t0
    mv      s0, a0
    jal     main
    bnez    s0, .Lsleep
.Lend:                              // a0: status
    li      t1, FINISHER_PASS
    beqz    a0, 1f
    slli    t1, a0, 16
    li      t2, FINISHER_FAIL
    or      t1, t1, t2
1:  li      t0, FINISHER
    sw      t1, 0(t0)
.Lsleep:
    wfi
    j       .Lsleep

    .balign 4
.Ltrap:
    csrr    a0, mcause
    addi    a0, a0, STATUS_TRAP
    j       .Lend

    .bss
    .balign 16
    .skip   HARTS << STACK_SHIFT
.Lstacks_end:
