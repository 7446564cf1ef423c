// SPDX-License-Identifier: GPL-2.0-or-later
// From reset in M-mode to S-mode, on every hart.
//
// All harts arrive here at once, with paging off. Each sets up its own M-mode state. Hart 0 goes on to initialise the kernel
// (boot.S); the others announce themselves in harts_present and wait until it has finished.

#include "assembly.inc"
#include "layout.inc"
#include "hart.inc"

#define MSTATUS_MPP         0x1800
#define MSTATUS_MPP_S       0x800
#define MSTATUS_FS_VS       0x6600                  /* floating-point and vector state: off, nobody saves it */
#define MIE_SOFTWARE        0x8
#define MIE_TIMER           0x80

// Exceptions that S-mode handles: all that U-mode or S-mode can cause, except ecall from S-mode (9), which nobody makes.
#define DELEGATED_EXCEPTIONS 0xb1ff
// S-level software (1), timer (5) and external (9) interrupts.
#define DELEGATED_INTERRUPTS 0x222

    .section .text.entry, "ax", @progbits

// _start: reset entry. a0 = hart id, a1 = device tree. Does not return.
ENTRY _start
    csrr    s0, mhartid
    mv      s1, a1
    li      t0, MAX_HARTS
    bgeu    s0, t0, .Lunused_hart
    csrw    mie, zero
    la      t0, machine_trap
    csrw    mtvec, t0

    // tp = this hart's struct hart, sp = its own stack
    la      tp, harts
    slli    t0, s0, HART_SHIFT
    add     tp, tp, t0
    csrw    mscratch, tp
    sd      s0, HART_ID(tp)
    la      sp, hart_stacks + HART_STACK_STRIDE
    li      t0, HART_STACK_STRIDE
    mul     t0, t0, s0
    add     sp, sp, t0
    sd      sp, HART_STACK_TOP(tp)

    // this hart's timer and software-interrupt words in the CLINT; no timer until a process runs
    li      t0, CLINT_MTIMECMP
    slli    t1, s0, 3
    add     t0, t0, t1
    sd      t0, HART_TIMECMP(tp)
    li      t1, -1
    sd      t1, 0(t0)
    li      t0, CLINT_MSIP
    slli    t1, s0, 2
    add     t0, t0, t1
    sd      t0, HART_MSIP(tp)

    // PMP: S-mode and U-mode may reach all memory; what a page may do is Sv39's business
    li      t0, -1
    srli    t0, t0, 10
    csrw    pmpaddr0, t0
    li      t0, 0x0f                    // top of range, R W X
    csrw    pmpcfg0, t0

    li      t0, DELEGATED_EXCEPTIONS
    csrw    medeleg, t0
    li      t0, DELEGATED_INTERRUPTS
    csrw    mideleg, t0
    li      t0, 7                       // cycle, time, instret
    csrw    mcounteren, t0
    csrw    scounteren, t0
    csrw    satp, zero

    la      s2, boot_primary
    beqz    s0, .Lenter_supervisor

    // Wait for hart 0. The announcement must be visible before the flag is read, as hart 0 sets the flag before it reads who is
    // present: else hart 0 could miss us and we the flag, and nobody would end our wfi. The AMO's .aq orders the load after it.
    la      t0, harts_present
    li      t1, 1
    sll     t1, t1, s0
    amoor.w.aqrl zero, t1, (t0)
    csrwi   mie, MIE_SOFTWARE
    la      t0, boot_released
.Lwait:
    lw      t1, 0(t0)
    bnez    t1, .Lreleased
    wfi                                 // M-mode interrupts are off: the software interrupt only ends the wfi
    j       .Lwait
.Lreleased:
    fence   r, rw                       // everything that hart 0 initialised is visible from here on
    ld      t0, HART_MSIP(tp)
    sw      zero, 0(t0)
    la      s2, boot_secondary

.Lenter_supervisor:
    li      t0, MIE_SOFTWARE | MIE_TIMER
    csrw    mie, t0
    li      t0, MSTATUS_MPP | MSTATUS_FS_VS
    csrc    mstatus, t0
    li      t0, MSTATUS_MPP_S
    csrs    mstatus, t0
    csrw    mepc, s2
    mv      a0, s1
    mret

.Lunused_hart:                          // more harts than the kernel has room for: they sleep for ever
    csrw    mie, zero
    wfi
    j       .Lunused_hart
END _start

// The two words are in .data, not .bss: harts write them while the loader's work is the only initialisation that has happened.
    .data
    .balign 4
DATA harts_present                      // u32, bit h: hart h waits or has waited for boot_released
    .word   0
END harts_present
DATA boot_released                      // u32, set by hart 0 when the kernel is ready for the other harts
    .word   0
END boot_released

    .bss
    .balign 128
DATA harts                              // struct hart[MAX_HARTS]
    .skip   MAX_HARTS * HART_SIZE
END harts

// Each stack has a page below it that boot.S unmaps.
    .section .stacks, "aw", @nobits
    .balign PAGE_SIZE
DATA hart_stacks
    .skip   MAX_HARTS * HART_STACK_STRIDE
END hart_stacks
