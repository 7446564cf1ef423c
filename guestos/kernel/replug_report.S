// SPDX-License-Identifier: GPL-2.0-or-later
// How often a replug took which course, and how often a reader was held in the tank: counted where it happens, shown when init ends.
#include "assembly.inc"
#include "descriptor.inc"

#define REPORT_BYTES        192

    .text

// replug_report(): one line on the console. Clobbers every caller-saved register.
ENTRY replug_report
    addi    sp, sp, -32 - REPORT_BYTES
    sd      ra, REPORT_BYTES + 24(sp)
    sd      s0, REPORT_BYTES + 16(sp)
    sd      s1, REPORT_BYTES + 8(sp)
    la      s0, .Lparts
    la      s1, replug_counts
    mv      a0, sp
1:  ld      a1, 0(s0)
    jal     format_string
    addi    s0, s0, 8
    ld      t0, 0(s0)
    beqz    t0, 2f                      // no number after the last part
    ld      a1, 0(s1)
    addi    s1, s1, 8
    jal     format_decimal
    j       1b
2:  sub     a1, a0, sp
    mv      a0, sp
    jal     console_write
    ld      ra, REPORT_BYTES + 24(sp)
    ld      s0, REPORT_BYTES + 16(sp)
    ld      s1, REPORT_BYTES + 8(sp)
    addi    sp, sp, 32 + REPORT_BYTES
    ret
END replug_report

    .section .rodata
.Lkernel:       .asciz "kernel: replugs: "
.Luncontended:  .asciz " uncontended, "
.Lcontended:    .asciz " contended, "
.Lalready_done: .asciz " already done; reads held in the tank: "
.Lend:          .asciz "\n"
    .balign 8
.Lparts:        // in the order of the counters
    .8byte  .Lkernel, .Luncontended, .Lcontended, .Lalready_done, .Lend, 0

    .bss
    .balign 8
DATA replug_counts
    .skip   REPLUG_COUNTS_BYTES
END replug_counts
