// SPDX-License-Identifier: GPL-2.0-or-later
// Where the kernel lets a handler begin: a0 = signal; every register is restored by sigreturn.

#include "assembly.inc"
#include "syscall.inc"

    .text
ENTRY handler_entry
    jal     handler_call                // which leaves sp as it is
    li      a7, SYSCALL_SIGRETURN
    ecall
END handler_entry
