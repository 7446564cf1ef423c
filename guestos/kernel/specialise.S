// SPDX-License-Identifier: GPL-2.0-or-later
// Choosing and preparing the specialised read of a file that is being opened.
#include "assembly.inc"
#include "descriptor.inc"
#include "inode.inc"
#include "replug.inc"
#include "specialise.inc"

    .text

// specialise(a0 descriptor, a1 inode) -> a0 = 1 if the descriptor now reads through is_read, 0 if the file does not have what
// is_read takes for constant. The descriptor is not in use yet, and the caller holds INODE_SHARING and has seen that nobody
// else has the file open. Changes t0, t1.
//
// The offset is 0; window and map are empty until the first read.
ENTRY specialise
    PATH_BEGIN "specialise"
    lw      t0, INODE_VNODE + VNODE_TYPE(a1)
    li      t1, VNODE_REGULAR
    bne     t0, t1, 1f
    ld      t0, INODE_MOUNT(a1)
    lw      t1, MOUNT_TYPE(t0)
    addi    t1, t1, -MOUNT_TYPE_RPFS
    bnez    t1, 1f
    lw      t0, MOUNT_BLOCK_SHIFT(t0)
    li      t1, IS_READ_BLOCK_SHIFT
    bne     t0, t1, 1f

    la      t0, is_read
    sd      t0, DESCRIPTOR_RECORD + PATH_READ(a0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_OFFSET(a0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_LENGTH(a0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_BUFFER(a0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_MAP_COUNT(a0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_MAP_BUFFER(a0)
    sd      a1, DESCRIPTOR_RECORD + RECORD_INODE(a0)
    addi    t0, a0, DESCRIPTOR_RECORD
    fence   rw, w                       // the record before the pointer to it
    sd      t0, DESCRIPTOR_PATH(a0)
    li      t0, 1
    sw      t0, DESCRIPTOR_SPECIALISED(a0)
    sd      a0, INODE_SPECIALISED(a1)   // from now on a guard finds it
    li      a0, 1
2:  PATH_END "specialise"
    ret
1:  PATH_IS "specialise", "specialise, not possible"
    li      a0, 0
    j       2b
END specialise

// unspecialise(a0 descriptor that is specialised): the record lets go of its buffers. Nobody is inside, and nobody will be: the
// caller is the owner, or a replugger past its step 4.
ENTRY unspecialise
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, a0
    ld      a0, DESCRIPTOR_RECORD + RECORD_BUFFER(s0)
    beqz    a0, 1f
    jal     buffer_release
1:  ld      a0, DESCRIPTOR_RECORD + RECORD_MAP_BUFFER(s0)
    beqz    a0, 2f
    jal     buffer_release
2:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END unspecialise
