// SPDX-License-Identifier: GPL-2.0-or-later
// How the programs give up.

#include "assembly.inc"

    .text
// fail: a0 = what went wrong, a1 = a number that tells more. Prints a line "WHAT: NUMBER" and exits with status 1.
ENTRY fail
    mv      s1, a1
    jal     print_string
    la      a0, .Lcolon
    jal     print_string
    mv      a0, s1
    jal     print_decimal
    jal     print_newline
    li      a0, 1
    j       exit
END fail

    .section .rodata
.Lcolon:
    .asciz  ": "
