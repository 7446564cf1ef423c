// SPDX-License-Identifier: GPL-2.0-or-later
// Where every benchmark begins and ends, on one hart or several, on our machine, on raw Unicorn and on QEMU.
//
// Each hart calls benchmark(a0 = iterations, a1 = hart id) with a stack of its own and keeps what it returns in
// results[hart]. How it ends is said by the word at `ending`: 0, the hart sleeps for ever in `wfi` (our machine is
// then idle, and raw Unicorn stops); 1, it powers the machine off, with success if the result is the word at
// `expected`; 2, it says the same to Spike, by the word at `tohost`.

    .equ STACK_SHIFT, 14                // bytes a hart: 16 KiB
    .equ MAX_HARTS, 8
    .equ FINISHER, 0x100000
    .equ FINISHER_PASS, 0x5555
    .equ FINISHER_FAIL, 0x13333         // exit status 1
    .equ TO_POWER_OFF, 1
    .equ TOHOST_PASS, 1
    .equ TOHOST_FAIL, 3                 // exit status 1

    .section .text.entry, "ax", @progbits
    .globl _start
_start:
    mv      s0, a0
    la      sp, stacks
    addi    t0, s0, 1
    slli    t0, t0, STACK_SHIFT
    add     sp, sp, t0
    ld      a0, iterations
    mv      a1, s0
    jal     benchmark
    la      t0, results
    slli    t1, s0, 3
    add     t0, t0, t1
    sd      a0, 0(t0)
    ld      t0, ending
    beqz    t0, finished
    li      t1, TO_POWER_OFF
    bne     t0, t1, to_host
    ld      t0, expected
    li      t1, FINISHER
    li      t2, FINISHER_PASS
    beq     a0, t0, 1f
    li      t2, FINISHER_FAIL
1:  sw      t2, 0(t1)
    .globl finished
finished:
    wfi
    j       finished

to_host:
    ld      t0, expected
    li      t1, TOHOST_PASS
    beq     a0, t0, 1f
    li      t1, TOHOST_FAIL
1:  la      t0, tohost
    sd      t1, 0(t0)
2:  j       2b

    .data
    .balign 8
    .globl iterations, ending, expected
iterations: .dword 1
ending:     .dword 0
expected:   .dword 0
    .balign 64
    .globl tohost, fromhost
tohost:     .dword 0
fromhost:   .dword 0

    .bss
    .balign 16
    .globl results
results:    .skip 8 * MAX_HARTS
    .balign 4096
stacks:     .skip MAX_HARTS << STACK_SHIFT
