// SPDX-License-Identifier: GPL-2.0-or-later
// The lower level of specialisation: what is left of is_read, and what is possible for writing, when others have the file open too, or
// the file is written. The offset is still private to the descriptor, and what kind of file it is, of which file system, in which blocks,
// is still known; but the inode is locked, and its blocks are looked up at each call.
#include "assembly.inc"
#include "descriptor.inc"
#include "inode.inc"
#include "replug.inc"
#include "replug_invoke.inc"

    .text

// is_read_shared(a0 descriptor, t2 record, a1 user address, a2 bytes) -> bytes, 0 at the end of the file, or -errno.
ENTRY is_read_shared
    PATH_END "invocation"
    PATH_IS "trap", "specialised read, shared"
    la      a5, inode_read
    la      a4, copy_to_user
    j       .Ltransfer
END is_read_shared

// is_write: the same for writing.
ENTRY is_write
    PATH_IS "trap", "specialised write"
    la      a5, inode_write_data
    la      a4, copy_from_user
.Ltransfer:
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    mv      s0, t2                      // record
    mv      s1, a1
    mv      s2, a2
    mv      s3, a4
    mv      s4, a5
    ld      s5, RECORD_INODE(s0)
    mv      a0, s5
    jal     inode_lock                  // open since it was first read: cannot fail
    mv      a0, s5
    mv      a1, s1
    mv      a2, s2
    ld      a3, RECORD_OFFSET(s0)
    mv      a4, s3
    jalr    s4
    mv      s1, a0
    mv      a0, s5
    jal     inode_unlock
    bltz    s1, 1f                      // an error moves nothing
    ld      t0, RECORD_OFFSET(s0)
    add     t0, t0, s1
    sd      t0, RECORD_OFFSET(s0)
1:  addi    t2, s0, RECORD_TO_DESCRIPTOR
    PATH_BEGIN "flag clear"
    REPLUG_LEAVE DESCRIPTOR_INSIDE, t2
    PATH_END "flag clear"
    lw      t0, INODE_CHANCE(s5)        // could it be more specialised by now?
    beqz    t0, 2f
    mv      a0, t2
    jal     specialise_again            // outside, and so without waiting for itself (mutant M21)
2:  mv      a0, s1
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    PATH_VALUE "trap", "bytes", 10
    ret
END is_write
