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
    .8byte  sys_fork
    .8byte  sys_exec
    .8byte  sys_dup
    .8byte  sys_dup2
    .8byte  sys_pipe
    .8byte  sys_socketpair
    .8byte  sys_unlink
    .8byte  sys_mkdir
    .8byte  sys_chdir
    .8byte  sys_truncate
    .8byte  sys_ftruncate
    .8byte  sys_stat
    .8byte  sys_fstat
    .8byte  sys_fcntl
    .8byte  sys_sbrk
    .8byte  sys_getpid
    .8byte  sys_sleep
    .8byte  sys_kill
    .8byte  sys_signal
    .8byte  sys_link
    .8byte  sys_rename
    .8byte  sys_waitpid
    .8byte  sys_sigreturn
    .8byte  sys_process
    .if     (. - system_call_table) - 8 * SYSCALL_COUNT
    .error  "system_call_table does not match SYSCALL_COUNT"
    .endif
END system_call_table
