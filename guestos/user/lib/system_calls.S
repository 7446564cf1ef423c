// SPDX-License-Identifier: GPL-2.0-or-later
// The system calls as routines: arguments in a0-a2, result in a0 (-errno on failure). Clobber a1-a7 and t0-t6. unix.h declares them for C.

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
    SYSTEM_CALL open,  SYSCALL_OPEN     // (path, flags) -> descriptor
    SYSTEM_CALL creat, SYSCALL_CREAT    // (path) -> descriptor
    SYSTEM_CALL close, SYSCALL_CLOSE    // (descriptor) -> 0
    SYSTEM_CALL read,  SYSCALL_READ     // (descriptor, buffer, bytes) -> bytes read
    SYSTEM_CALL lseek, SYSCALL_LSEEK    // (descriptor, offset, whence) -> new offset
    SYSTEM_CALL write, SYSCALL_WRITE    // (descriptor, buffer, bytes) -> bytes written
    SYSTEM_CALL fork,  SYSCALL_FORK     // () -> pid of the child, 0 in the child
    SYSTEM_CALL exec,  SYSCALL_EXEC     // (path, strings ended by 0), does not return unless it fails
    SYSTEM_CALL dup,   SYSCALL_DUP      // (descriptor) -> descriptor
    SYSTEM_CALL dup2,  SYSCALL_DUP2     // (descriptor, number) -> number
    SYSTEM_CALL pipe,  SYSCALL_PIPE     // (u32[2]) -> 0
    SYSTEM_CALL socketpair, SYSCALL_SOCKETPAIR  // (type, u32[2]) -> 0
    SYSTEM_CALL unlink, SYSCALL_UNLINK  // (path) -> 0
    SYSTEM_CALL mkdir, SYSCALL_MKDIR    // (path) -> 0
    SYSTEM_CALL chdir, SYSCALL_CHDIR    // (path) -> 0
    SYSTEM_CALL truncate, SYSCALL_TRUNCATE      // (path, bytes) -> 0
    SYSTEM_CALL ftruncate, SYSCALL_FTRUNCATE    // (descriptor, bytes) -> 0
    SYSTEM_CALL stat,  SYSCALL_STAT     // (path, STAT_BYTES) -> 0
    SYSTEM_CALL fstat, SYSCALL_FSTAT    // (descriptor, STAT_BYTES) -> 0
    SYSTEM_CALL fcntl, SYSCALL_FCNTL    // (descriptor, command, lock) -> 0
    SYSTEM_CALL sbrk,  SYSCALL_SBRK     // (bytes) -> the end of the heap before
    SYSTEM_CALL getpid, SYSCALL_GETPID  // () -> pid
    SYSTEM_CALL sleep, SYSCALL_SLEEP    // (milliseconds) -> 0
    SYSTEM_CALL kill,  SYSCALL_KILL     // (pid, signal) -> 0
    SYSTEM_CALL signal, SYSCALL_SIGNAL  // (signal, SIGNAL_* or address) -> what it did before
    SYSTEM_CALL link,  SYSCALL_LINK     // (path, new path) -> 0
    SYSTEM_CALL rename, SYSCALL_RENAME  // (path, new path) -> 0
    SYSTEM_CALL waitpid, SYSCALL_WAITPID        // (pid or -1, u32 *status or 0, WNOHANG or 0) -> pid or 0
    SYSTEM_CALL process, SYSCALL_PROCESS        // (place in the table, PROCESS_INFO_BYTES) -> 0
