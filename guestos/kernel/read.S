// SPDX-License-Identifier: GPL-2.0-or-later
// The system call read: the reader's steps 1-3, and the generic read, which takes nothing for granted.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"
#include "replug_invoke.inc"
#include "syscall.inc"

#define READ_FRAME          32

    .text

// sys_read(a0 fd, a1 user address, a2 bytes) -> bytes, 0 at the end of the file, or -errno.
ENTRY sys_read
    li      t0, MAX_DESCRIPTORS
    bgeu    a0, t0, .Lno_descriptor
    ld      t0, HART_PROCESS(tp)
    slli    t1, a0, 3
    add     t0, t0, t1
    ld      a0, PROCESS_DESCRIPTORS(t0)
    beqz    a0, .Lno_descriptor
    PATH_BEGIN "invocation"
    REPLUG_INVOKE a0, read
.Lno_descriptor:
    li      a0, -EBADF
    ret
END sys_read

// read(a0 descriptor, a1 user address, a2 bytes) -> bytes or -errno: the generic read. Which file, what kind of thing, of which
// file system, at which offset: it asks at every call, under the locks that protect the answers.
ENTRY read
    PATH_IS "invocation", "invocation, not specialised"
    PATH_END "invocation"
    PATH_IS "trap", "generic read"
    ld      t0, DESCRIPTOR_INODE(a0)
    beqz    t0, 1f
    lw      t0, INODE_CHANCE(t0)        // what it was specialised on may be true again
    bnez    t0, .Lchance
1:  PATH_BEGIN "generic read by step"
    PATH_STEP "generic read by step", "01 descriptor to file"
    addi    sp, sp, -READ_FRAME
.Lread:
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s1, a1
    mv      s2, a2
    ld      s0, DESCRIPTOR_FILE(a0)
    lw      t0, FILE_FLAGS(s0)
    andi    t0, t0, O_ACCMODE
    addi    t0, t0, -O_WRONLY
    beqz    t0, .Lnot_readable
    PATH_STEP "generic read by step", "02 file table: offset, vnode"
    mv      a0, s0
    jal     file_acquire
    PATH_STEP "generic read by step", "03 kind of file"
    mv      a3, a1
    mv      a1, s1
    mv      a2, s2
    ld      t0, VNODE_OPERATIONS(a0)
    ld      t0, VNODE_OP_READ(t0)
    jalr    t0
    PATH_STEP "generic read by step", "12 file table: offset"
    mv      s1, a0
    mv      a1, a0
    bgez    a1, 1f
    li      a1, 0                       // an error moves nothing
1:  mv      a0, s0
    jal     file_advance
    mv      a0, s1
.Lread_return:
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, READ_FRAME
    PATH_VALUE "trap", "bytes", 10
    PATH_VALUE "generic read by step", "bytes", 10
    PATH_END "generic read by step"
    ret
.Lchance:
    addi    sp, sp, -READ_FRAME
    sd      ra, 24(sp)
    sd      a0, 16(sp)
    sd      a1, 8(sp)
    sd      a2, 0(sp)
    jal     specialise_again
    ld      ra, 24(sp)
    ld      a0, 16(sp)
    ld      a1, 8(sp)
    ld      a2, 0(sp)
    addi    sp, sp, READ_FRAME
    PATH_BEGIN "invocation"
    REPLUG_INVOKE a0, read
.Lnot_readable:
    li      a0, -EBADF
    j       .Lread_return
END read

// Where a reader that has been in the holding tank comes out when the descriptor is no longer specialised.
ENTRY read_from_tank
    PATH_IS "invocation", "invocation, not specialised"
    PATH_END "invocation"
    PATH_IS "trap", "read through the holding tank"
    addi    sp, sp, -READ_FRAME
    j       .Lread
END read_from_tank

// The generic read as a target of step 3: a reader that passed step 1 just before the descriptor was replugged finds it
// behind the pointer, with its flag already set. Left set, the flag would hold up a later replugger for ever (mutant M5).
ENTRY read_through_pointer
    PATH_END "invocation"
    PATH_BEGIN "flag clear"
    REPLUG_LEAVE DESCRIPTOR_INSIDE, a0
    PATH_END "flag clear"
    j       read
END read_through_pointer

    .section .rodata
    .balign 8
DATA generic_path
    .dword  read_through_pointer, write_through_pointer
END generic_path
