// SPDX-License-Identifier: GPL-2.0-or-later
// The table of system calls, by number. Handlers get a0-a2 from the user, return a0, and keep the calling convention.

#include "assembly.inc"
#include "errno.inc"
#include "syscall.inc"

    .text
// sys_none: numbers without a call.
sys_none:
    li      a0, -ENOSYS
    ret

    .section .rodata
    .balign 8
DATA system_call_table
    .8byte  sys_none
    .8byte  sys_spawn
    .8byte  sys_exit
    .8byte  sys_wait
    .8byte  sys_yield
    .8byte  sys_open
    .8byte  sys_creat
    .8byte  sys_close
    .8byte  sys_read
    .8byte  sys_lseek
    .8byte  sys_write
    .if     (. - system_call_table) - 8 * SYSCALL_COUNT
    .error  "system_call_table does not match SYSCALL_COUNT"
    .endif
END system_call_table
