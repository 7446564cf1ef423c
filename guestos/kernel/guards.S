// SPDX-License-Identifier: GPL-2.0-or-later
// The guards: every place at which "this file is not shared" or "it is only read" may become false passes through here.
//
//   guard_open    open and creat: one more has the file open
//   guard_write   write: the blocks of the file are about to change
//   guard_close   close and exit: one less has it open, and the specialised code dies with its descriptor
//
// spawn gives a child no descriptor of its parent, and there is no dup: no guard is needed there.
#include "assembly.inc"
#include "descriptor.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"

    .text

// guard_open(a0 inode, a1 the descriptor that opens it, or 0 if it must stay generic) -> a0 = 1 if it was specialised, else 0.
// The caller holds no lock at all: a body that this waits for may need any of them (mutants M22, M23). May sleep.
ENTRY guard_open
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    li      s1, 0
    addi    a0, a0, INODE_SHARING
    jal     spin_acquire
    ld      t0, INODE_OPENS(s0)
    addi    t1, t0, 1
    sd      t1, INODE_OPENS(s0)
    bnez    t0, 1f

    // Nobody else: decide and publish in one step, so that whoever comes second finds the descriptor.
    beqz    a1, 2f
    mv      a0, a1
    mv      a1, s0
    jal     specialise
    mv      s1, a0
2:  addi    a0, s0, INODE_SHARING
    jal     spin_release
    j       3f

    // Shared, for as long as our count stands: nobody will specialise it now. A descriptor that is specialised is replugged
    // before we go on. Its owner is read under the lock that its close takes too, so it is the owner of this very opening.
1:  ld      t2, INODE_SPECIALISED(s0)
    beqz    t2, 2b
    ld      a2, DESCRIPTOR_PROCESS(t2)
    addi    a0, s0, INODE_SHARING
    jal     spin_release
    mv      a0, t2
    mv      a1, s0
    jal     replug
3:  mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END guard_open

// guard_write(a0 descriptor of the current process): is_read holds on to the block it last read, and takes the map of blocks
// for constant: reading through it and writing do not go together. Preserves nothing. May sleep.
ENTRY guard_write
    lw      t0, DESCRIPTOR_SPECIALISED(a0)
    bnez    t0, 1f
    ret
1:  ld      a1, DESCRIPTOR_INODE(a0)
    ld      a2, DESCRIPTOR_PROCESS(a0)
    j       replug
END guard_write

// guard_close(a0 descriptor): it no longer counts as an open of its inode. The caller holds the per-process lock of the owner
// and nobody is inside, for the owner is here: no replugger is, or will be, at work on this descriptor.
ENTRY guard_close
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    ld      a2, DESCRIPTOR_INODE(a0)
    addi    a0, a2, INODE_SHARING
    jal     spin_acquire
    ld      t0, INODE_OPENS(a2)
    addi    t0, t0, -1
    sd      t0, INODE_OPENS(a2)
    ld      t0, INODE_SPECIALISED(a2)
    bne     t0, a1, 1f
    sd      zero, INODE_SPECIALISED(a2)
1:  jal     spin_release
    ld      ra, 8(sp)
    lw      t0, DESCRIPTOR_SPECIALISED(a1)
    addi    sp, sp, 16
    beqz    t0, 2f
    sw      zero, DESCRIPTOR_SPECIALISED(a1)
    la      t0, generic_path
    sd      t0, DESCRIPTOR_PATH(a1)
    mv      a0, a1
    j       unspecialise
2:  ret
END guard_close
