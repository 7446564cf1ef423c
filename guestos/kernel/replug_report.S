// SPDX-License-Identifier: GPL-2.0-or-later
// How often a replug took which course, how often a reader was held in the tank, and what was fetched ahead: counted where it happens,
// shown when init ends.
#include "assembly.inc"
#include "buffer.inc"
#include "descriptor.inc"

#define REPORT_BYTES        192

    .text

// replug_report(): a line on the console, and another if blocks were fetched ahead. Clobbers every caller-saved register.
ENTRY replug_report
    addi    sp, sp, -16
    sd      ra, 8(sp)
    la      a0, .Lreplugs
    la      a1, replug_counts
    jal     report_line
    la      a1, prefetch_counts
    ld      t0, PREFETCH_ASKED(a1)
    beqz    t0, 1f
    la      a0, .Lprefetches
    jal     report_line
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END replug_report

// report_line(a0 table of texts, ended by 0, a1 table of the u64 numbers that come between them). Clobbers every caller-saved register.
report_line:
    addi    sp, sp, -32 - REPORT_BYTES
    sd      ra, REPORT_BYTES + 24(sp)
    sd      s0, REPORT_BYTES + 16(sp)
    sd      s1, REPORT_BYTES + 8(sp)
    mv      s0, a0
    mv      s1, a1
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
    .size report_line, . - report_line

    .section .rodata
.Lkernel:       .asciz "kernel: replugs: "
.Luncontended:  .asciz " uncontended, "
.Lcontended:    .asciz " contended, "
.Lalready_done: .asciz " already done; reads held in the tank: "
.Lend:          .asciz "\n"
.Lahead:        .asciz "kernel: blocks fetched ahead: "
.Lin_time:      .asciz ", there when needed: "
.Llate:         .asciz ", on their way then: "
    .balign 8
.Lreplugs:      // in the order of the counters
    .8byte  .Lkernel, .Luncontended, .Lcontended, .Lalready_done, .Lend, 0
.Lprefetches:
    .8byte  .Lahead, .Lin_time, .Llate, .Lend, 0

    .bss
    .balign 8
DATA replug_counts
    .skip   REPLUG_COUNTS_BYTES
END replug_counts
