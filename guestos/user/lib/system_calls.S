// SPDX-License-Identifier: GPL-2.0-or-later
// The system calls as routines: arguments in a0-a2, result in a0 (-errno on failure). Clobber a1-a7 and t0-t6.

#include "assembly.inc"
#include "syscall.inc"

    .text
.macro SYSTEM_CALL name, number
ENTRY \name
    li      a7, \number
    ecall
    ret
END \name
.endm

    SYSTEM_CALL spawn, SYSCALL_SPAWN    // (path, argument string or 0) -> pid
    SYSTEM_CALL exit,  SYSCALL_EXIT     // (status), does not return
    SYSTEM_CALL wait,  SYSCALL_WAIT     // (u32 *status or 0) -> pid
    SYSTEM_CALL yield, SYSCALL_YIELD    // () -> 0
    SYSTEM_CALL open,  SYSCALL_OPEN     // (path) -> descriptor
    SYSTEM_CALL creat, SYSCALL_CREAT    // (path) -> descriptor
    SYSTEM_CALL close, SYSCALL_CLOSE    // (descriptor) -> 0
    SYSTEM_CALL read,  SYSCALL_READ     // (descriptor, buffer, bytes) -> bytes read
    SYSTEM_CALL lseek, SYSCALL_LSEEK    // (descriptor, offset, whence) -> new offset
    SYSTEM_CALL write, SYSCALL_WRITE    // (descriptor, buffer, bytes) -> bytes written
