// SPDX-License-Identifier: GPL-2.0-or-later
// The guards: every place at which a predicate may become false or true passes through here. The table guard_sites (predicates.S) names
// them all. A guard that makes a predicate false returns when no code that depends on it is left; what is done with the file, or who
// gets to see it, comes after the guard.
//
//   guard_open    open and creat: one more has the file open
//   guard_write   write: the blocks of the file are about to change
//   guard_seek    lseek
//   guard_close   close and exit: one less has it open, and the specialised code dies with its descriptor
//   guard_file_shared   fork, spawn, dup, dup2: another descriptor gets the same open file, and with it the offset
//   guard_change_begin, guard_change_end    truncate: the file changes under whoever has it open
//   guard_user_lock     fcntl: a process locks a part of the file
//
// The caller of a guard holds no lock at all: a body that it waits for may need any of them (mutants M22, M23). May sleep.
#include "assembly.inc"
#include "descriptor.inc"
#include "hart.inc"
#include "inode.inc"
#include "predicate.inc"
#include "process.inc"
#include "replug.inc"

    .text

// guard_falsify(a0 inode, a1 set of predicates): they are false now, or about to be, and nobody will find them true; on return no
// descriptor of the inode depends on any of them.
ENTRY guard_falsify
    PATH_BEGIN "guard"
    PATH_IS "guard", "guard, not taken"
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
.Lagain:
    addi    a0, s0, INODE_SHARING
    jal     spin_acquire
    ld      t2, INODE_SPECIALISED(s0)
1:  beqz    t2, 2f
    lw      t0, DESCRIPTOR_DEPENDS(t2)
    and     t0, t0, s1
    bnez    t0, 3f
    ld      t2, DESCRIPTOR_NEXT(t2)
    j       1b
2:  jal     spin_release
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    PATH_END "guard"
    ret
    // One that depends on it. Its owner is read under the lock that its close takes too: it is the owner of this very opening.
3:  PATH_IS "guard", "guard, taken"
    ld      a2, DESCRIPTOR_PROCESS(t2)
    jal     spin_release
    mv      a0, t2
    mv      a1, s0
    mv      a3, s1
    jal     replug
    j       .Lagain
END guard_falsify

// guard_open(a0 inode, a1 the descriptor that opens it, or 0 if the file is about to be changed) -> a0 = 1 if that was specialised.
//
// It counts and decides in one critical section, and publishes the descriptor there: of two openers one is second, and finds the first.
ENTRY guard_open
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, a0
    li      s1, 0
    addi    a0, a0, INODE_SHARING
    jal     spin_acquire
    ld      s2, INODE_OPENS(s0)
    addi    t1, s2, 1
    sd      t1, INODE_OPENS(s0)
    beqz    a1, 1f
    mv      a0, a1
    mv      a1, s0
    jal     specialise
    mv      s1, a0
1:  addi    a0, s0, INODE_SHARING
    jal     spin_release
    beqz    s2, 2f
    mv      a0, s0                      // shared, for as long as our count stands
    li      a1, PREDICATE_NO_INODE_SHARE
    jal     guard_falsify
2:  mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
END guard_open

// guard_write(a0 descriptor of the current process): is_read holds on to the block it last read, and takes the map of blocks
// for constant: reading through it and writing do not go together.
ENTRY guard_write
    PATH_BEGIN "guard"
    PATH_IS "guard", "guard of one descriptor, not taken"
    ld      a1, DESCRIPTOR_INODE(a0)
    li      t0, 1
    beqz    a1, .Lnot_taken             // of no file system: nothing depends on what it is
    sw      t0, DESCRIPTOR_WRITTEN(a0)
    li      a3, PREDICATE_READ_ONLY | PREDICATE_NO_HOLES
.Lown:
    lw      t0, DESCRIPTOR_DEPENDS(a0)
    and     t0, t0, a3
    bnez    t0, 1f
.Lnot_taken:
    PATH_END "guard"
    ret
1:  PATH_IS "guard", "guard of one descriptor, taken"
    PATH_END "guard"
    ld      a2, DESCRIPTOR_PROCESS(a0)
    j       replug
END guard_write

// guard_seek(a0 descriptor of the current process): its offset is about to be moved.
ENTRY guard_seek
    PATH_BEGIN "guard"
    PATH_IS "guard", "guard of one descriptor, not taken"
    ld      a1, DESCRIPTOR_INODE(a0)
    li      t0, SEQUENTIAL_STRETCH
    beqz    a1, .Lnot_taken
    sd      t0, DESCRIPTOR_SEEKS(a0)    // and AHEAD: what is asked for next is not known any more
    li      a3, PREDICATE_SEQUENTIAL_ACCESS
    j       .Lown
END guard_seek

// guard_close(a0 descriptor): it no longer counts as an open of its inode. The caller holds the per-process lock of the owner
// and nobody is inside, for the owner is here: no replugger is, or will be, at work on this descriptor. If one opening is left, "not
// shared" is true again: its owner finds the chance to specialise it.
ENTRY guard_close
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    ld      a1, DESCRIPTOR_INODE(a0)
    addi    a0, a1, INODE_SHARING
    jal     spin_acquire
    ld      t0, INODE_OPENS(a1)
    addi    t0, t0, -1
    sd      t0, INODE_OPENS(a1)
    lw      t1, specialise_chances
    sltiu   t0, t0, 2
    and     t0, t0, t1
    sw      t0, INODE_CHANCE(a1)
    lw      t2, DESCRIPTOR_DEPENDS(a2)
    beqz    t2, 1f
    mv      a0, a2
    jal     unspecialise_unlink
    sw      zero, DESCRIPTOR_DEPENDS(a2)
    addi    a0, a1, INODE_SHARING
1:  jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    sw      zero, DESCRIPTOR_WRITTEN(a2)        // as the next opening will find them
    sd      zero, DESCRIPTOR_SEEKS(a2)  // and AHEAD
    beqz    t2, 2f
    sw      zero, DESCRIPTOR_SPECIALISED(a2)
    la      t0, generic_path
    sd      t0, DESCRIPTOR_PATH(a2)
    mv      a0, a2
    j       unspecialise
2:  ret
END guard_close

// guard_file_shared(a0 descriptor of the current process, a1 new descriptor, of this or another process, that has the same open
// file): both are counted from here on, so neither will be specialised on having it alone, and the first one is not when this returns:
// the offset is the file's. The second one's owner has not run yet.
ENTRY guard_file_shared
    addi    sp, sp, -16
    sd      ra, 8(sp)
    ld      a1, DESCRIPTOR_INODE(a0)
    addi    a0, a1, INODE_SHARING
    jal     spin_acquire
    ld      t0, INODE_OPENS(a1)
    addi    t0, t0, 1
    sd      t0, INODE_OPENS(a1)
    jal     spin_release
    mv      a0, a1
    li      a1, PREDICATE_NO_FP_SHARE | PREDICATE_NO_INODE_SHARE
    ld      ra, 8(sp)
    addi    sp, sp, 16
    j       guard_falsify
END guard_file_shared

// guard_change_begin(a0 inode, referenced): the file is about to change by way of its name. Counts like an open, until
// guard_change_end.
ENTRY guard_change_begin
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    addi    a0, a0, INODE_SHARING
    jal     spin_acquire
    ld      t0, INODE_OPENS(a1)
    addi    t0, t0, 1
    sd      t0, INODE_OPENS(a1)
    jal     spin_release
    mv      a0, a1
    li      a1, PREDICATE_NO_INODE_SHARE | PREDICATE_READ_ONLY | PREDICATE_NO_HOLES
    ld      ra, 8(sp)
    addi    sp, sp, 16
    j       guard_falsify
END guard_change_begin

// guard_change_end(a0 inode). Changes t0, t1, a1.
ENTRY guard_change_end
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    addi    a0, a0, INODE_SHARING
    jal     spin_acquire
    ld      t0, INODE_OPENS(a1)
    addi    t0, t0, -1
    sd      t0, INODE_OPENS(a1)
    lw      t1, specialise_chances
    sltiu   t0, t0, 2
    and     t0, t0, t1
    sw      t0, INODE_CHANCE(a1)
    jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END guard_change_end

// guard_user_lock(a0 inode, referenced): a process has locked a part of it, which counts already (INODE_USER_LOCKS): from now on readers
// must ask whether they meet a lock.
ENTRY guard_user_lock
    li      a1, PREDICATE_NO_USER_LOCKS
    j       guard_falsify
END guard_user_lock

    .data
    .balign 4
DATA specialise_chances                 // u32, 0: what was replugged stays generic (boot argument again=no)
    .word   1
END specialise_chances
