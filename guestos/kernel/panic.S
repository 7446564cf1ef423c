// SPDX-License-Identifier: GPL-2.0-or-later
// The end of the run: panic and power-off. Usable from M-mode (paging off) as well: all addresses are identity-mapped.

#include "assembly.inc"
#include "layout.inc"
#include "hart.inc"

#define STOP_ROUNDS         100000

    .text
// panic: a0 = message. Prints it with the hart's number, stops the other harts and ends the machine with failure 1.
ENTRY panic
    mv      s0, a0
    li      s1, 0
    j       .Lpanic
END panic

// panic_trap: as panic, for a trap. a0 = cause, a1 = pc, a2 = address or other trap value, a3 = message, tp = struct hart.
ENTRY panic_trap
    mv      s2, a0
    mv      s3, a1
    mv      s4, a2
    mv      s0, a3
    mv      s5, ra
    li      s1, 1
.Lpanic:
    // Only the first hart reports. Others stop here, or in machine_trap when the software interrupt below reaches them.
    ld      t2, HART_ID(tp)
    addi    t3, t2, 1
    li      t1, 1
    la      t4, panicking
1:  lr.w.aqrl t0, (t4)
    beq     t0, t3, .Lagain
    bnez    t0, .Lstop
    sc.w.aqrl t0, t3, (t4)
    bnez    t0, 1b
    li      t0, CLINT_MSIP
    la      t3, harts_present
    lw      t3, 0(t3)
    ori     t3, t3, 1
    sll     t4, t1, t2
    not     t4, t4
    and     t3, t3, t4                  // every hart that exists but this one
    mv      s6, t3
.Lnext_hart:
    andi    t4, t3, 1
    beqz    t4, 1f
    sw      t1, 0(t0)
1:  addi    t0, t0, 4
    srli    t3, t3, 1
    bnez    t3, .Lnext_hart

    // Give them a while to stop, so that nothing is printed into the report. (One that is in M-mode itself never answers.)
    li      t0, STOP_ROUNDS
2:  la      t2, harts_stopped
    lw      t2, 0(t2)
    beq     t2, s6, 3f
    addi    t0, t0, -1
    bnez    t0, 2b
3:
    // The console is used without its lock, whose holder may be stopped.
    la      a0, .Ltext_panic
    jal     console_string
    ld      a0, HART_ID(tp)
    jal     console_decimal
    la      a0, .Ltext_colon
    jal     console_string
    mv      a0, s0
    jal     console_string
    beqz    s1, .Lend
    la      a0, .Ltext_cause
    jal     console_string
    mv      a0, s2
    jal     console_hexadecimal
    la      a0, .Ltext_pc
    jal     console_string
    mv      a0, s3
    jal     console_hexadecimal
    la      a0, .Ltext_address
    jal     console_string
    mv      a0, s4
    jal     console_hexadecimal
    la      a0, .Ltext_return
    jal     console_string
    mv      a0, s5
    jal     console_hexadecimal
.Lend:
    la      a0, .Ltext_newline
    jal     console_string
    li      a0, 1
    j       power_off
.Lagain:                                // the report itself has failed
    li      a0, 1
    j       power_off
.Lstop:
    wfi
    j       .Lstop
END panic_trap

// power_off: a0 = exit status, 0 = success. Ends the machine through the finisher. Does not return.
ENTRY power_off
    li      t1, FINISHER_PASS
    beqz    a0, 1f
    slli    t1, a0, 16
    li      t2, FINISHER_FAIL
    or      t1, t1, t2
1:  fence   rw, rw
    li      t0, FINISHER
    sw      t1, 0(t0)
2:  wfi
    j       2b
END power_off

    .section .rodata
.Ltext_panic:   .asciz "\npanic: hart "
.Ltext_colon:   .asciz ": "
.Ltext_cause:   .asciz ": cause "
.Ltext_pc:      .asciz ", pc "
.Ltext_address: .asciz ", address "
.Ltext_return:  .asciz ", ra "
.Ltext_newline: .asciz "\n"

    .data
    .balign 4
DATA panicking                          // u32, 1 + number of the first hart that panics
    .word   0
END panicking
DATA harts_stopped                      // u32, bit h: hart h has stopped because another has panicked
    .word   0
END harts_stopped
