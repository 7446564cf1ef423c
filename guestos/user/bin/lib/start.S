// SPDX-License-Identifier: GPL-2.0-or-later
// Where a program in C starts: main(number of arguments, their addresses) returns the exit status.

#include "assembly.inc"

    .section .text.entry, "ax", @progbits
ENTRY _start
    ld      a0, 0(sp)
    addi    a1, sp, 8
    jal     main
    j       exit
END _start
