// SPDX-License-Identifier: GPL-2.0-or-later
// Descriptors: the memory they live in, and a process's table of them.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"

    .text

// descriptors_initialise(): all free. Their locks are free and their flags clear for good: nobody initialises them again.
ENTRY descriptors_initialise
    la      t0, descriptors
    li      t1, DESCRIPTORS
    li      t2, 0
1:  sd      t2, DESCRIPTOR_NEXT(t0)
    mv      t2, t0
    addi    t0, t0, DESCRIPTOR_BYTES
    addi    t1, t1, -1
    bnez    t1, 1b
    la      t0, descriptor_free_list
    sd      t2, 0(t0)
    ret
END descriptors_initialise

// descriptor_create(a0 vnode, whose reference it takes over, a1 inode or 0) -> a0 = a descriptor of the current process that is
// not specialised and in no table yet, with an open file; or -ENFILE.
ENTRY descriptor_create
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s1, a1
    jal     file_allocate
    bltz    a0, 2f
    mv      s0, a0
    la      a0, descriptor_pool_lock
    jal     spin_acquire
    la      t0, descriptor_free_list
    ld      a1, 0(t0)                   // there is one for each slot of each process's table
    ld      t1, DESCRIPTOR_NEXT(a1)
    sd      t1, 0(t0)
    jal     spin_release
    sd      s0, DESCRIPTOR_FILE(a1)
    sd      s1, DESCRIPTOR_INODE(a1)
    ld      t0, HART_PROCESS(tp)
    sd      t0, DESCRIPTOR_PROCESS(a1)
    la      t0, generic_path
    sd      t0, DESCRIPTOR_PATH(a1)
    mv      a0, a1
2:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END descriptor_create

// descriptor_close(a0 descriptor of the current process, already out of its table): the file loses a reference, the memory goes
// back to the pool. Waits for a replugger that is at work on the descriptor. May sleep.
ENTRY descriptor_close
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, a0
    ld      t0, DESCRIPTOR_INODE(s0)
    beqz    t0, 1f
    ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_acquire
    mv      a0, s0
    jal     guard_close
    ld      a0, HART_PROCESS(tp)
    addi    a0, a0, PROCESS_LOCK
    jal     sleep_lock_release
1:  ld      a2, DESCRIPTOR_FILE(s0)
    la      a0, descriptor_pool_lock
    jal     spin_acquire
    la      t0, descriptor_free_list
    ld      t1, 0(t0)
    sd      t1, DESCRIPTOR_NEXT(s0)
    sd      s0, 0(t0)
    jal     spin_release
    mv      a0, a2
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    j       file_release
END descriptor_close

// descriptors_close_all(a0 process, the current one): on exit.
ENTRY descriptors_close_all
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    addi    s0, a0, PROCESS_DESCRIPTORS
    addi    s1, s0, 8 * MAX_DESCRIPTORS
1:  ld      a0, 0(s0)
    beqz    a0, 2f
    sd      zero, 0(s0)
    jal     descriptor_close
2:  addi    s0, s0, 8
    bltu    s0, s1, 1b
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END descriptors_close_all

// descriptor_slot() -> a0 = the lowest free number in the current process's table, or -EMFILE. Changes t0-t4.
ENTRY descriptor_slot
    ld      t0, HART_PROCESS(tp)
    lw      t1, PROCESS_DETACHED(t0)
    ori     t1, t1, -1 << STANDARD_DESCRIPTORS      // bit f: an empty slot f is free
    li      a0, 0
    li      t2, MAX_DESCRIPTORS
1:  ld      t3, PROCESS_DESCRIPTORS(t0)
    bnez    t3, 2f
    srl     t4, t1, a0
    andi    t4, t4, 1
    bnez    t4, 3f
2:  addi    t0, t0, 8
    addi    a0, a0, 1
    bltu    a0, t2, 1b
    li      a0, -EMFILE
3:  ret
END descriptor_slot

// descriptor_of(a0 fd) -> a0 = that descriptor of the current process, or -EBADF. The standard ones get theirs, the console, when
// they are first asked for.
ENTRY descriptor_of
    li      t0, MAX_DESCRIPTORS
    bgeu    a0, t0, .Lbad
    ld      t0, HART_PROCESS(tp)
    slli    t1, a0, 3
    add     t1, t1, t0
    ld      t2, PROCESS_DESCRIPTORS(t1)
    beqz    t2, 1f
    mv      a0, t2
    ret
1:  li      t2, STANDARD_DESCRIPTORS
    bgeu    a0, t2, .Lbad
    lw      t2, PROCESS_DETACHED(t0)
    srl     t2, t2, a0
    andi    t2, t2, 1
    bnez    t2, .Lbad
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      t1, 0(sp)
    la      a0, console_vnode
    li      a1, 0
    jal     descriptor_create
    ld      ra, 8(sp)
    ld      t1, 0(sp)
    addi    sp, sp, 16
    bltz    a0, 2f
    sd      a0, PROCESS_DESCRIPTORS(t1)
2:  ret
.Lbad:
    li      a0, -EBADF
    ret
END descriptor_of

// sys_close(a0 fd) -> 0 or -EBADF.
ENTRY sys_close
    PATH_IS "trap", "close"
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, a0
    jal     descriptor_of
    bltz    a0, 1f
    ld      t0, HART_PROCESS(tp)
    li      t1, 1                       // that of a number above the standard ones means nothing
    sll     t1, t1, s0
    lw      t2, PROCESS_DETACHED(t0)
    or      t2, t2, t1
    sw      t2, PROCESS_DETACHED(t0)
    slli    t1, s0, 3
    add     t0, t0, t1
    sd      zero, PROCESS_DESCRIPTORS(t0)
    jal     descriptor_close
    li      a0, 0
1:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END sys_close

    .bss
    .balign 64
descriptors:
    .space  DESCRIPTORS * DESCRIPTOR_BYTES
descriptor_free_list:
    .space  8
descriptor_pool_lock:
    .space  8
