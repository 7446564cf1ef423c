// SPDX-License-Identifier: GPL-2.0-or-later
// Where a program in assembly starts: main(a0 = argument string, "" if there is none) returns the exit status in a0.

#include "assembly.inc"

    .section .text.entry, "ax", @progbits
ENTRY _start
    la      a0, .Lnone
    ld      t0, 0(sp)                   // the number of arguments, the program's name among them; then their addresses
    li      t1, 2
    bltu    t0, t1, 1f
    ld      a0, 16(sp)
1:  jal     main
    j       exit
END _start

    .section .rodata
.Lnone: .asciz  ""
