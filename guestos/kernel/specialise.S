// SPDX-License-Identifier: GPL-2.0-or-later
// Giving a descriptor the most specialised code that what is true now allows: when a file is opened, and again when something has become
// true since.
#include "assembly.inc"
#include "descriptor.inc"
#include "hart.inc"
#include "inode.inc"
#include "predicate.inc"
#include "process.inc"
#include "replug.inc"

    .text

// specialise(a0 descriptor, a1 inode) -> a0 = 1 if the descriptor now reads through specialised code, else 0. The descriptor is not in
// use yet, its offset is 0, and the caller holds INODE_SHARING. Changes t0-t6, a1-a7.
ENTRY specialise
    PATH_BEGIN "specialise"
    mv      a6, ra
    jal     level_find
    beqz    a2, 1f
    li      a3, 0
    jal     specialise_install
    li      a0, 1
2:  PATH_END "specialise"
    jr      a6
1:  PATH_IS "specialise", "specialise, not possible"
    li      a0, 0
    j       2b
END specialise

// specialise_install(a0 descriptor that reads through generic code, a1 inode, a2 level, a3 offset): nobody is inside. Window and map are
// empty until the first read. The caller holds INODE_SHARING. Changes t0-t3, a4, a5.
specialise_install:
    ld      t0, LEVEL_READ(a2)
    lw      t1, code_generated
    bnez    t1, .Lgenerate
.Linstall:
    ld      t1, LEVEL_WRITE(a2)
    sd      t0, DESCRIPTOR_RECORD + PATH_READ(a0)
    sd      t1, DESCRIPTOR_RECORD + PATH_WRITE(a0)
    sd      a3, DESCRIPTOR_RECORD + RECORD_OFFSET(a0)
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
    lw      t0, LEVEL_NEEDS(a2)
    sw      t0, DESCRIPTOR_DEPENDS(a0)
    ld      t0, INODE_SPECIALISED(a1)
    sd      t0, DESCRIPTOR_NEXT(a0)
    sd      a0, INODE_SPECIALISED(a1)   // from now on a guard finds it
    ret

.Lgenerate:                             // code of its own in the place of is_read
    la      t1, is_read
    bne     t0, t1, .Linstall
    addi    sp, sp, -16
    sd      ra, 8(sp)
    jal     generate
    ld      ra, 8(sp)
    addi    sp, sp, 16
    j       .Linstall

// specialise_again(a0 descriptor of the current process, of a file whose INODE_CHANCE is set): its owner is here, so it is not inside,
// and takes the chance itself; nobody else has to wait for it. The caller holds no lock. May sleep.
ENTRY specialise_again
    PATH_BEGIN "specialise again"
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    mv      s0, a0
    ld      s1, DESCRIPTOR_INODE(a0)
    ld      a0, HART_PROCESS(tp)        // no replugger meanwhile
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_acquire
    addi    a0, s1, INODE_SHARING       // no guard either
    jal     spin_acquire
    sw      zero, INODE_CHANCE(s1)
    mv      a0, s0
    mv      a1, s1
    jal     level_find
    beqz    a2, .Lno_level
    lw      t0, LEVEL_NEEDS(a2)
    lw      t1, DESCRIPTOR_DEPENDS(s0)
    beq     t0, t1, .Lno_level          // it has that one already
    lw      t2, DESCRIPTOR_SPECIALISED(s0)
    bnez    t2, .Lclimb
    la      a0, file_table_lock         // the offset moves from the system file table to the record
    jal     spin_acquire
    ld      t2, DESCRIPTOR_FILE(s0)
    ld      a3, FILE_OFFSET(t2)
    jal     spin_release
    mv      a0, s0
    jal     specialise_install
.Lrelease:
    addi    a0, s1, INODE_SHARING
    jal     spin_release
    ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_release
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 48
    PATH_END "specialise again"
    ret
.Lclimb:                                // a more specialised level than it has: its record and its place in the list stay
    sw      t0, DESCRIPTOR_DEPENDS(s0)
    ld      t0, LEVEL_READ(a2)
    ld      t1, LEVEL_WRITE(a2)
    sd      t0, DESCRIPTOR_RECORD + PATH_READ(s0)
    sd      t1, DESCRIPTOR_RECORD + PATH_WRITE(s0)
    PATH_IS "specialise again", "specialise again, from another level"
    j       .Lrelease
.Lno_level:
    PATH_IS "specialise again", "specialise again, in vain"
    ld      t0, DESCRIPTOR_FILE(s0)     // a sharer that is about to close is counted still: look again at the next read
    lw      t0, FILE_REFERENCES(t0)
    ld      t1, INODE_OPENS(s1)
    sltiu   t1, t1, 2
    sltiu   t0, t0, 2
    xori    t0, t0, 1
    and     t0, t0, t1
    sw      t0, INODE_CHANCE(s1)
    j       .Lrelease
END specialise_again

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
2:  sd      zero, DESCRIPTOR_RECORD + RECORD_LENGTH(s0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_BUFFER(s0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_MAP_COUNT(s0)
    sd      zero, DESCRIPTOR_RECORD + RECORD_MAP_BUFFER(s0)
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END unspecialise

// unspecialise_unlink(a0 descriptor that is specialised, a1 inode): out of the inode's list. The caller holds INODE_SHARING.
// Changes t0, t1.
ENTRY unspecialise_unlink
    addi    t0, a1, INODE_SPECIALISED - DESCRIPTOR_NEXT
1:  ld      t1, DESCRIPTOR_NEXT(t0)
    beq     t1, a0, 2f
    mv      t0, t1
    j       1b
2:  ld      t1, DESCRIPTOR_NEXT(a0)
    sd      t1, DESCRIPTOR_NEXT(t0)
    ret
END unspecialise_unlink
