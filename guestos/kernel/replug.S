// SPDX-License-Identifier: GPL-2.0-or-later
// The replugger: takes the specialised read out of a descriptor while its owner may be reading through it. The steps are those
// of the paper's section 4.1; guestos/PROTOCOL.md gives the whole protocol, its invariants and the mutants named here.
#include "assembly.inc"
#include "descriptor.inc"
#include "hart.inc"
#include "inode.inc"
#include "lock.inc"
#include "predicate.inc"
#include "process.inc"
#include "replug.inc"

    .text

// replug(a0 descriptor, a1 inode, a2 the process that owned the descriptor when it was found in INODE_SPECIALISED, a3 set of predicates
// that are false now, or about to be). On return the descriptor does not depend on any of them, or is no longer open. May sleep.
//
// The caller holds no lock: the thread inside may need any of them to come out (I11, mutant M22), and not its own per-process
// lock either: two processes that open each other's files would wait for each other (mutant M23). It is not inside a
// specialised path itself (mutant M21). The predicates stay false meanwhile (of an open: it is counted), so nobody comes to depend on
// them anew.
ENTRY replug
    // Step 1: the per-process lock of the owner: one replugger for a descriptor at a time (I2), and no close meanwhile.
    PATH_BEGIN "replug"
    PATH_STEP "replug", "1 per-process lock"
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    mv      s4, a3
    addi    a0, s2, PROCESS_LOCK
    jal     sleep_lock_acquire
    mv      s3, a0                      // s3: not 0 once it waited for anything, or somebody for it
    // Perhaps another guard has done it, or the owner has closed it. That is asked here, under the lock: a replugger that
    // asked before would store the offset a second time, over the reads made since (I9, mutants M11, M12). The memory may even
    // serve another opening by now: one of another process is not ours to touch, one of this process has not come to depend on
    // what is false.
    lw      s5, DESCRIPTOR_DEPENDS(s0)
    ld      t1, DESCRIPTOR_PROCESS(s0)
    and     t0, s5, s4
    beqz    t0, .Lalready_done
    bne     t1, s2, .Lalready_done
    ld      t1, DESCRIPTOR_INODE(s0)
    bne     t1, s1, .Lalready_done

    // Step 2: the per-file lock: whoever goes into the holding tank now stays there (mutant M14).
    PATH_STEP "replug", "2 per-file lock"
    addi    a0, s0, DESCRIPTOR_LOCK
    jal     sleep_lock_acquire
    or      s3, s3, a0

    // Step 3: the pointer to the holding tank: nobody enters the specialised path any more.
    PATH_STEP "replug", "3 pointer to the tank"
    la      t0, holding_tank_path
    sd      t0, DESCRIPTOR_PATH(s0)
    fence   w, r                        // visible before the flag is looked at (mutant M2), as the reader's flag is before
                                        // it loads the pointer: one of the two sees the other (mutants M1, M13)

    // Step 4: wait until the owner is not inside. What it did there is visible once its flag is seen clear.
    PATH_STEP "replug", "4 spin on the inside-flag"
.Lspin:
    lw      t0, DESCRIPTOR_INSIDE(s0)
    fence   r, rw
    bnez    t0, .Linside

    // Step 5: the most specialised path that does without what is false; by default that is the generic one, which takes the offset
    // from the system file table. The record's offset is only now final (I4, mutant M7).
    PATH_STEP "replug", "5 specialise"
    not     t0, s4
    and     a2, s5, t0
    jal     level_below
    mv      s5, a2                      // s5: the new level, 0 for generic
    bnez    a2, 1f
    la      a0, file_table_lock
    jal     spin_acquire
    ld      t2, DESCRIPTOR_FILE(s0)
    ld      t1, DESCRIPTOR_RECORD + RECORD_OFFSET(s0)
    sd      t1, FILE_OFFSET(t2)
    jal     spin_release
1:  mv      a0, s0
    jal     unspecialise

    // Step 6: the descriptor: all of the above before the pointer, the pointer before a guard sees that nothing depends on the
    // predicates any more.
    PATH_STEP "replug", "6 descriptor update"
    bnez    s5, .Lless_specialised
    la      t0, generic_path
    fence   rw, w
    sd      t0, DESCRIPTOR_PATH(s0)
    sw      zero, DESCRIPTOR_SPECIALISED(s0)
    addi    a0, s1, INODE_SHARING
    jal     spin_acquire
    mv      a0, s0
    mv      a1, s1
    jal     unspecialise_unlink
    sw      zero, DESCRIPTOR_DEPENDS(s0)
    addi    a0, s1, INODE_SHARING
    jal     spin_release                // .rl: after the pointer
.Lupdated:

    // Step 7: the per-file lock: the holding tank lets go.
    PATH_STEP "replug", "7 release file"
    lw      t0, DESCRIPTOR_LOCK + SLEEP_LOCK_HELD(s0)
    addi    t0, t0, -1                  // 0 unless somebody awaits it
    or      s3, s3, t0
    addi    a0, s0, DESCRIPTOR_LOCK
    jal     sleep_lock_release

    // Step 8: the per-process lock: the next replugger finds nothing left to do.
    PATH_STEP "replug", "8 release process"
    lw      t0, PROCESS_LOCK + SLEEP_LOCK_HELD(s2)
    addi    t0, t0, -1
    or      s3, s3, t0
    beqz    s3, .Luncontended
    PATH_IS "replug", "replug, contended"
    la      s1, replug_counts + REPLUG_CONTENDED
.Lrelease_process:
    addi    a0, s2, PROCESS_LOCK
    jal     sleep_lock_release
    PATH_END "replug"
    li      t0, 1
    amoadd.d zero, t0, (s1)
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    ret
.Luncontended:                          // waited for nothing, and kept nobody waiting
    PATH_IS "replug", "replug, uncontended"
    la      s1, replug_counts + REPLUG_UNCONTENDED
    j       .Lrelease_process
.Lless_specialised:                     // the record stays, with its offset; the functions are the level's
    ld      t0, LEVEL_READ(s5)
    ld      t1, LEVEL_WRITE(s5)
    sd      t0, DESCRIPTOR_RECORD + PATH_READ(s0)
    sd      t1, DESCRIPTOR_RECORD + PATH_WRITE(s0)
    addi    t0, s0, DESCRIPTOR_RECORD
    fence   rw, w
    sd      t0, DESCRIPTOR_PATH(s0)
    fence   w, w
    lw      t0, LEVEL_NEEDS(s5)
    sw      t0, DESCRIPTOR_DEPENDS(s0)
    j       .Lupdated
.Lalready_done:
    PATH_IS "replug", "replug, already done"
    la      s1, replug_counts + REPLUG_ALREADY_DONE
    j       .Lrelease_process

    // Somebody is inside. If it waits for the disk, sleep until it has what it waits for, and look at the flag again: it is
    // still inside (mutant M15). This is looked at on every turn, for the wait may begin after the first.
.Linside:
    li      s3, 1
    lw      t0, replug_waits_blocked    // (boot argument blocked=no: as if there were no such semaphore)
    beqz    t0, 1f
    lw      t0, DESCRIPTOR_BLOCKED + SLEEP_LOCK_HELD(s0)
    beqz    t0, 1f
    addi    a0, s0, DESCRIPTOR_BLOCKED
    jal     sleep_lock_acquire
    addi    a0, s0, DESCRIPTOR_BLOCKED
    jal     sleep_lock_release
    j       .Lspin
    // If it runs on another hart it is out in a moment: spin. If not, it needs a hart, perhaps this one.
1:  lw      t0, PROCESS_STATE(s2)
    li      t1, STATE_RUNNING
    beq     t0, t1, .Lspin
    jal     preempt
    j       .Lspin
END replug
