// SPDX-License-Identifier: GPL-2.0-or-later
// The system file table and its lock, the File Table Lock.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "lock.inc"

    .text

// file_table_initialise(): all entries free.
ENTRY file_table_initialise
    la      t0, files
    li      t1, FILES
    li      t2, 0
1:  sd      t2, FILE_NEXT(t0)
    mv      t2, t0
    addi    t0, t0, FILE_BYTES
    addi    t1, t1, -1
    bnez    t1, 1b
    la      t0, file_free_list
    sd      t2, 0(t0)
    ret
END file_table_initialise

// file_allocate(a0 vnode, whose reference the file takes over, a1 flags) -> a0 = file with one reference, at offset 0; or -ENFILE.
ENTRY file_allocate
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a3, a0
    la      a0, file_table_lock
    jal     spin_acquire
    la      t0, file_free_list
    ld      a2, 0(t0)
    beqz    a2, 1f
    ld      t1, FILE_NEXT(a2)
    sd      t1, 0(t0)
    li      t1, 1
    sw      t1, FILE_REFERENCES(a2)
    sw      a1, FILE_FLAGS(a2)
    sd      zero, FILE_OFFSET(a2)
    sd      a3, FILE_VNODE(a2)
    jal     spin_release
    mv      a0, a2
    j       2f
1:  jal     spin_release
    li      a0, -ENFILE
2:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END file_allocate

// file_acquire(a0 file) -> a0 = its vnode, a1 = its offset: one reference more, so that it stays while the lock is not held.
//
// A file that several descriptors share, after fork or dup, and that has a position, stays with this caller until file_advance:
// of two that read through it at once, each byte goes to one of them only (I4). One that a single descriptor has needs no such
// lock: its owner is here, so nobody else comes, and nobody can begin to share it. May sleep then.
ENTRY file_acquire
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    la      a0, file_table_lock
    jal     spin_acquire
    lw      t2, FILE_REFERENCES(a2)
    addi    t0, t2, 1
    sw      t0, FILE_REFERENCES(a2)
    ld      a1, FILE_OFFSET(a2)
    ld      a3, FILE_VNODE(a2)
    jal     spin_release
    mv      a0, a3
    addi    t2, t2, -1
    bnez    t2, 1f
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
1:  lw      t0, VNODE_TYPE(a3)
    li      t1, VNODE_DIRECTORY         // regular files are below, what has no position is above
    bgtu    t0, t1, 2f
    sd      a2, 0(sp)
    addi    a0, a2, FILE_POSITION
    jal     sleep_lock_acquire
    ld      a2, 0(sp)
    ld      a1, FILE_OFFSET(a2)         // nobody else moves it now
    ld      a0, FILE_VNODE(a2)
2:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END file_acquire

// file_advance(a0 file from file_acquire, a1 bytes): the offset goes on by so much, and one reference is given back.
ENTRY file_advance
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    la      a0, file_table_lock
    jal     spin_acquire
    ld      t0, FILE_OFFSET(a2)
    add     t0, t0, a1
    sd      t0, FILE_OFFSET(a2)
    ld      t0, FILE_POSITION + SLEEP_LOCK_OWNER(a2)
    ld      t1, HART_PROCESS(tp)
    bne     t0, t1, .Lunreference
    jal     spin_release                // it was shared: the next one may have it
    sd      a2, 0(sp)
    addi    a0, a2, FILE_POSITION
    jal     sleep_lock_release
    ld      a0, 0(sp)
    ld      ra, 8(sp)
    addi    sp, sp, 16
    j       file_release
END file_advance

// file_share(a0 file): one reference more, for another descriptor. Changes t0, t1.
ENTRY file_share
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    la      a0, file_table_lock
    jal     spin_acquire
    lw      t0, FILE_REFERENCES(a2)
    addi    t0, t0, 1
    sw      t0, FILE_REFERENCES(a2)
    jal     spin_release
    mv      a0, a2
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END file_share

// file_release(a0 file): one reference less; the last one frees the file and releases its vnode.
ENTRY file_release
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a2, a0
    la      a0, file_table_lock
    jal     spin_acquire
.Lunreference:
    lw      t0, FILE_REFERENCES(a2)
    addi    t0, t0, -1
    sw      t0, FILE_REFERENCES(a2)
    beqz    t0, 1f
    jal     spin_release
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
1:  ld      a1, FILE_VNODE(a2)
    la      t0, file_free_list
    ld      t1, 0(t0)
    sd      t1, FILE_NEXT(a2)
    sd      a2, 0(t0)
    jal     spin_release
    mv      a0, a1
    ld      t0, VNODE_OPERATIONS(a0)
    ld      t0, VNODE_OP_RELEASE(t0)
    ld      ra, 8(sp)
    addi    sp, sp, 16
    jr      t0
END file_release

    .bss
    .balign 8
DATA file_table_lock
    .space  8
END file_table_lock
file_free_list:
    .space  8
files:
    .space  FILES * FILE_BYTES
