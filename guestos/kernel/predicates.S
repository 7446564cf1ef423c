// SPDX-License-Identifier: GPL-2.0-or-later
// The registry: every invariant and quasi-invariant that specialised code may depend on, how to find out whether it is true, and
// the places where it may become false or true (the guards, guards.S).
#include "assembly.inc"
#include "descriptor.inc"
#include "inode.inc"
#include "predicate.inc"
#include "specialise.inc"
#include "syscall.inc"

    .text

// The checks: (a0 descriptor, a1 its inode) -> t1 not 0 if it is true now. Called through t0; change t1-t3 and no other register.
// The caller holds the inode's SHARING and the owner's process lock, or the descriptor is not in use yet: the answer stays true until
// one of them is released.

check_fs_constant:
    ld      t1, DESCRIPTOR_FILE(a0)
    lw      t1, FILE_FLAGS(t1)
    andi    t1, t1, O_WRONLY | O_APPEND // it cannot be read, or every write moves the offset first
    bnez    t1, .Lno
    lw      t1, INODE_VNODE + VNODE_TYPE(a1)
    addi    t1, t1, -VNODE_REGULAR
    bnez    t1, .Lno
    ld      t2, INODE_MOUNT(a1)
    lw      t1, MOUNT_TYPE(t2)
    addi    t1, t1, -MOUNT_TYPE_RPFS
    bnez    t1, .Lno
    lw      t1, MOUNT_BLOCK_SHIFT(t2)
    addi    t1, t1, -IS_READ_BLOCK_SHIFT
    seqz    t1, t1
    jr      t0
.Lno:
    li      t1, 0
    jr      t0

check_no_fp_share:
    ld      t1, DESCRIPTOR_FILE(a0)
    lw      t1, FILE_REFERENCES(t1)
    addi    t1, t1, -1
    seqz    t1, t1
    jr      t0

check_no_inode_share:
    ld      t1, INODE_OPENS(a1)
    addi    t1, t1, -1
    seqz    t1, t1
    jr      t0

check_read_only:
    lw      t1, DESCRIPTOR_WRITTEN(a0)
    seqz    t1, t1
    jr      t0

check_no_user_locks:
    lw      t1, INODE_USER_LOCKS(a1)
    seqz    t1, t1
    jr      t0

// Only what can be seen without the disk: a file that needs no indirect block, and has all the others.
check_no_holes:
    ld      t1, INODE_SIZE(a1)
    li      t2, DIRECT_BLOCKS << IS_READ_BLOCK_SHIFT
    bgtu    t1, t2, .Lno
    li      t2, (1 << IS_READ_BLOCK_SHIFT) - 1
    add     t1, t1, t2
    srli    t1, t1, IS_READ_BLOCK_SHIFT
    slli    t1, t1, 2                   // the entries of the map that are in use end here
    addi    t2, a1, INODE_DIRECT
    add     t1, t1, t2
1:  beq     t1, t2, 2f
    lw      t3, 0(t2)
    addi    t2, t2, 4
    bnez    t3, 1b
    j       .Lno
2:  li      t1, 1
    jr      t0

check_sequential_access:
    lw      t1, DESCRIPTOR_SEEKS(a0)
    seqz    t1, t1
    jr      t0

    .section .rodata
    .balign 8
.macro PREDICATE bit, class, check, name
    .word   \bit, \class
    .dword  \check, \name
.endm
// In the order in which they are asked: what is most often false comes first.
DATA predicates
    PREDICATE PREDICATE_NO_INODE_SHARE, CLASS_VALIDITY, check_no_inode_share, .Lno_inode_share
    PREDICATE PREDICATE_FS_CONSTANT, CLASS_TRUE_INVARIANT | CLASS_VALIDITY, check_fs_constant, .Lfs_constant
    PREDICATE PREDICATE_READ_ONLY, CLASS_VALIDITY, check_read_only, .Lread_only
    PREDICATE PREDICATE_NO_FP_SHARE, CLASS_VALIDITY, check_no_fp_share, .Lno_fp_share
    PREDICATE PREDICATE_NO_USER_LOCKS, CLASS_VALIDITY, check_no_user_locks, .Lno_user_locks
    PREDICATE PREDICATE_SEQUENTIAL_ACCESS, CLASS_EFFICIENCY, check_sequential_access, .Lsequential_access
    PREDICATE PREDICATE_NO_HOLES, CLASS_VALIDITY, check_no_holes, .Lno_holes
END predicates

// Where the guards are. Reports and tests read this table; a site that changes a predicate without being named here is a bug.
.macro SITE name, falsifies, establishes
    .dword  \name
    .word   \falsifies, \establishes
.endm
DATA guard_sites
    SITE    .Lopen, PREDICATE_NO_INODE_SHARE, 0
    SITE    .Lcreat, PREDICATE_NO_INODE_SHARE | PREDICATE_READ_ONLY | PREDICATE_NO_HOLES, 0
    SITE    .Lshare, PREDICATE_NO_FP_SHARE | PREDICATE_NO_INODE_SHARE, 0
    SITE    .Ltruncate, PREDICATE_NO_INODE_SHARE | PREDICATE_READ_ONLY | PREDICATE_NO_HOLES, PREDICATE_NO_INODE_SHARE
    SITE    .Lwrite, PREDICATE_READ_ONLY | PREDICATE_NO_HOLES, 0
    SITE    .Lseek, PREDICATE_SEQUENTIAL_ACCESS, 0
    SITE    .Lfcntl, PREDICATE_NO_USER_LOCKS, PREDICATE_NO_USER_LOCKS
    SITE    .Lclose, 0, PREDICATE_NO_INODE_SHARE | PREDICATE_NO_FP_SHARE | PREDICATE_NO_USER_LOCKS
    .dword  0, 0
END guard_sites

.Lfs_constant:          .asciz "FS_CONSTANT"
.Lno_fp_share:          .asciz "NO_FP_SHARE"
.Lno_inode_share:       .asciz "NO_INODE_SHARE"
.Lread_only:            .asciz "READ_ONLY"
.Lno_user_locks:        .asciz "NO_USER_LOCKS"
.Lno_holes:             .asciz "NO_HOLES"
.Lsequential_access:    .asciz "SEQUENTIAL_ACCESS"
.Lopen:                 .asciz "open"
.Lcreat:                .asciz "creat"
.Lshare:                .asciz "fork, dup, dup2"
.Ltruncate:             .asciz "truncate"
.Lwrite:                .asciz "write"
.Lseek:                 .asciz "lseek"
.Lfcntl:                .asciz "fcntl"
.Lclose:                .asciz "close"
