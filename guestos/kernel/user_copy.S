// SPDX-License-Identifier: GPL-2.0-or-later
// Copies between the kernel and the current process's memory. User addresses are reached through the process's own page table with
// sstatus.SUM set only around the copy. A fault on the way ends the copy with -EFAULT (trap_from_kernel looks at the pc).
//
// The range check keeps a user pointer inside gigapage 1: S-mode could reach the kernel's own pages through any other address.

#include "assembly.inc"
#include "layout.inc"
#include "errno.inc"

#define SUM_UPPER           (SSTATUS_SUM >> 12)     /* for lui */

    .text
user_copy_start:
// copy_to_user: a0 = user destination, a1 = kernel source, a2 = bytes. Result 0 or -EFAULT (part may have been copied).
// Leaf; clobbers t0-t6, a1-a7.
ENTRY copy_to_user
    li      t0, 1                       // both "gigapage 1" and "one byte"
    srli    t1, a0, 30
    bne     t1, t0, .Lbad_to
    bne     a2, t0, .Lmany_to
    lui     t1, SUM_UPPER
    lbu     t2, 0(a1)
    csrs    sstatus, t1
    sb      t2, 0(a0)
    csrc    sstatus, t1
    li      a0, 0
    ret
.Lbad_to:
    bnez    a2, .Lfault                 // no bytes: no address is wrong
    li      a0, 0
    ret
.Lmany_to:
    mv      a3, a0
    j       user_copy
END copy_to_user

// copy_from_user: a0 = kernel destination, a1 = user source, a2 = bytes. Result and clobbers as copy_to_user.
ENTRY copy_from_user
    li      t0, 1
    srli    t1, a1, 30
    bne     t1, t0, .Lbad_from
    bne     a2, t0, .Lmany_from
    lui     t1, SUM_UPPER
    csrs    sstatus, t1
    lbu     t2, 0(a1)
    csrc    sstatus, t1
    sb      t2, 0(a0)
    li      a0, 0
    ret
.Lbad_from:
    bnez    a2, .Lfault
    li      a0, 0
    ret
.Lmany_from:
    mv      a3, a1
    j       user_copy
END copy_from_user

.Lfault:
    li      a0, -EFAULT
    ret

// user_copy: the common part. a0 = destination, a1 = source, a2 = bytes, a3 = whichever of the two is the user's, in gigapage 1, t0 = 1.
ENTRY user_copy
    beqz    a2, .Lnothing
    srli    t1, a2, 30                  // so that the sum below cannot wrap
    bnez    t1, .Lfault
    add     t1, a3, a2
    addi    t1, t1, -1                  // the last byte's address
    srli    t1, t1, 30
    bne     t1, t0, .Lfault
    lui     t1, SUM_UPPER
    csrs    sstatus, t1
    add     t0, a0, a2                  // end of the destination
    li      t1, 16
    bltu    a2, t1, .Lbytes
    andi    a6, t0, -8                  // end of the whole doublewords of the destination
.Lhead:
    andi    t1, a0, 7
    beqz    t1, .Lhead_done
    lb      t1, 0(a1)
    sb      t1, 0(a0)
    addi    a1, a1, 1
    addi    a0, a0, 1
    j       .Lhead
.Lhead_done:
    andi    t2, a1, 7
    bnez    t2, .Lmerge
    addi    a7, a6, -56                 // a block of 64 bytes fits while a0 is below this
    bgeu    a0, a7, .Ldoublewords
.Lblock:
    ld      t1, 0(a1)
    ld      t2, 8(a1)
    ld      t3, 16(a1)
    ld      t4, 24(a1)
    ld      t5, 32(a1)
    ld      t6, 40(a1)
    ld      a2, 48(a1)
    ld      a3, 56(a1)
    sd      t1, 0(a0)
    sd      t2, 8(a0)
    sd      t3, 16(a0)
    sd      t4, 24(a0)
    sd      t5, 32(a0)
    sd      t6, 40(a0)
    sd      a2, 48(a0)
    sd      a3, 56(a0)
    addi    a1, a1, 64
    addi    a0, a0, 64
    bltu    a0, a7, .Lblock
.Ldoublewords:
    bgeu    a0, a6, .Ltail
    ld      t1, 0(a1)
    sd      t1, 0(a0)
    addi    a1, a1, 8
    addi    a0, a0, 8
    j       .Ldoublewords

    // The source is t2 bytes into a doubleword: each doubleword of the destination comes from two aligned ones of the source.
    // Both hold bytes of the source range, so no page is touched that the range does not touch.
.Lmerge:
    sub     a1, a1, t2
    slli    t3, t2, 3                   // bits of the first that are not wanted
    neg     t4, t3                      // shifts take it modulo 64
    ld      t1, 0(a1)
    addi    a7, a6, -8                  // two doublewords fit while a0 is below this
    bgeu    a0, a7, .Lmerge_one
.Lmerge_two:
    ld      t5, 8(a1)
    srl     a2, t1, t3
    sll     a3, t5, t4
    ld      t1, 16(a1)
    or      a2, a2, a3
    sd      a2, 0(a0)
    srl     t5, t5, t3
    sll     t6, t1, t4
    or      t5, t5, t6
    sd      t5, 8(a0)
    addi    a1, a1, 16
    addi    a0, a0, 16
    bltu    a0, a7, .Lmerge_two
.Lmerge_one:
    bgeu    a0, a6, .Lmerge_end
    ld      t5, 8(a1)
    srl     t1, t1, t3
    sll     t6, t5, t4
    or      t1, t1, t6
    sd      t1, 0(a0)
    addi    a1, a1, 8
    addi    a0, a0, 8
.Lmerge_end:
    add     a1, a1, t2
    j       .Ltail

.Lbytes:
    lb      t1, 0(a1)
    sb      t1, 0(a0)
    addi    a1, a1, 1
    addi    a0, a0, 1
.Ltail:
    bltu    a0, t0, .Lbytes
    lui     t1, SUM_UPPER
    csrc    sstatus, t1
.Lnothing:
    li      a0, 0
    ret
END user_copy

// copy_string_from_user: a0 = kernel destination, a1 = user source, a2 = room in bytes (NUL included). Result: length without
// NUL, -EFAULT, or -ENAMETOOLONG if no NUL was found in that room. Leaf; clobbers t0-t4, a1, a2.
ENTRY copy_string_from_user
    li      t0, 1
    srli    t1, a1, 30
    bne     t1, t0, .Lfault
    li      t2, USER_END
    sub     t2, t2, a1                  // bytes up to the end of user space
    li      t3, -ENAMETOOLONG
    bgeu    t2, a2, 1f
    mv      a2, t2                      // the string would run out of user space
    li      t3, -EFAULT
1:  lui     t2, SUM_UPPER
    mv      t0, a1
    add     a2, a2, a1
    csrs    sstatus, t2
.Lstring:
    bgeu    a1, a2, .Lno_end
    lbu     t4, 0(a1)
    sb      t4, 0(a0)
    addi    a0, a0, 1
    addi    a1, a1, 1
    bnez    t4, .Lstring
    csrc    sstatus, t2
    sub     a0, a1, t0
    addi    a0, a0, -1
    ret
.Lno_end:
    csrc    sstatus, t2
    mv      a0, t3
    ret
END copy_string_from_user
user_copy_end:
    .globl  user_copy_start, user_copy_end

// user_copy_fault: where a fault between the two labels continues. ra is still the copy routine's caller: they are leaves.
ENTRY user_copy_fault
    lui     t1, SUM_UPPER
    csrc    sstatus, t1
    li      a0, -EFAULT
    ret
END user_copy_fault
