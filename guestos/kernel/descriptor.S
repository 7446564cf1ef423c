// SPDX-License-Identifier: GPL-2.0-or-later
// Descriptors: the memory they live in, and a process's table of them.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"
#include "syscall.inc"

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

// descriptor_create(a0 vnode, whose reference it takes over, a1 inode or 0, a2 flags) -> a0 = a descriptor of the current process
// that is not specialised and in no table yet, with an open file; or -ENFILE.
ENTRY descriptor_create
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, a1
    mv      a1, a2
    jal     file_allocate
    bltz    a0, 1f
    mv      a1, s0
    ld      a2, HART_PROCESS(tp)
    jal     descriptor_allocate
1:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END descriptor_create

// descriptor_allocate(a0 file, whose reference it takes over, a1 inode or 0, a2 process) -> a0 = a descriptor of that process that is
// not specialised and in no table yet. Changes t0, t1, a0-a3.
descriptor_allocate:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      t2, a0
    la      a0, descriptor_pool_lock
    jal     spin_acquire
    la      t0, descriptor_free_list
    ld      a3, 0(t0)                   // there is one for each slot of each process's table
    ld      t1, DESCRIPTOR_NEXT(a3)
    sd      t1, 0(t0)
    jal     spin_release
    sd      t2, DESCRIPTOR_FILE(a3)
    sd      a1, DESCRIPTOR_INODE(a3)
    sd      a2, DESCRIPTOR_PROCESS(a3)
    la      t0, generic_path
    sd      t0, DESCRIPTOR_PATH(a3)
    mv      a0, a3
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
    .size descriptor_allocate, . - descriptor_allocate

// descriptor_share(a0 descriptor of the current process, a1 process) -> a0 = a descriptor of that process, in no table yet, with
// the same open file: what fork, dup and dup2 make. The guard has seen to it that neither is specialised. The caller holds no
// lock. May sleep.
ENTRY descriptor_share
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
    ld      a0, DESCRIPTOR_FILE(s0)
    jal     file_share
    ld      a1, DESCRIPTOR_INODE(s0)
    mv      a2, s1
    jal     descriptor_allocate
    mv      s1, a0
    ld      t0, DESCRIPTOR_INODE(s0)
    beqz    t0, 1f
    mv      a1, s1
    mv      a0, s0
    jal     guard_file_shared
1:  mv      a0, s1
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END descriptor_share

// descriptors_share(a0 process that has no descriptors, a1 how many slots): it gets those of the current process. The caller holds
// no lock. May sleep.
ENTRY descriptors_share
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, a0
    slli    s1, a1, 3
1:  addi    s1, s1, -8
    bltz    s1, 2f
    ld      t0, HART_PROCESS(tp)
    add     t0, t0, s1
    ld      a0, PROCESS_DESCRIPTORS(t0)
    beqz    a0, 1b
    mv      a1, s0
    jal     descriptor_share
    add     t0, s0, s1
    sd      a0, PROCESS_DESCRIPTORS(t0)
    j       1b
2:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
END descriptors_share

// descriptors_console(): the current process, the first one, gets the console as its standard input, output and error output.
ENTRY descriptors_console
    addi    sp, sp, -16
    sd      ra, 8(sp)
    la      a0, console_vnode
    li      a1, 0
    li      a2, O_RDWR
    jal     descriptor_create
    ld      t0, HART_PROCESS(tp)
    sd      a0, PROCESS_DESCRIPTORS(t0)
    ld      a1, HART_PROCESS(tp)
    jal     descriptor_share
    ld      t0, HART_PROCESS(tp)
    sd      a0, PROCESS_DESCRIPTORS + 8(t0)
    ld      a1, HART_PROCESS(tp)
    jal     descriptor_share
    ld      t0, HART_PROCESS(tp)
    sd      a0, PROCESS_DESCRIPTORS + 16(t0)
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END descriptors_console

// descriptor_close(a0 descriptor of the current process, already out of its table): the file loses a reference, the memory goes
// back to the pool. Waits for a replugger that is at work on the descriptor. What the process has locked of the file is unlocked.
// May sleep.
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
    ld      a0, DESCRIPTOR_INODE(s0)
    jal     user_locks_drop
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

// descriptor_slot() -> a0 = the lowest free number in the current process's table, or -EMFILE. Changes t0-t3.
ENTRY descriptor_slot
    ld      t0, HART_PROCESS(tp)
    li      a0, 0
    li      t2, MAX_DESCRIPTORS
1:  ld      t3, PROCESS_DESCRIPTORS(t0)
    beqz    t3, 2f
    addi    t0, t0, 8
    addi    a0, a0, 1
    bltu    a0, t2, 1b
    li      a0, -EMFILE
2:  ret
END descriptor_slot

// descriptor_of(a0 fd) -> a0 = that descriptor of the current process, or -EBADF. Changes t0, t1.
ENTRY descriptor_of
    li      t0, MAX_DESCRIPTORS
    bgeu    a0, t0, 1f
    ld      t0, HART_PROCESS(tp)
    slli    t1, a0, 3
    add     t1, t1, t0
    ld      a0, PROCESS_DESCRIPTORS(t1)
    beqz    a0, 1f
    ret
1:  li      a0, -EBADF
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

// sys_dup(a0 fd) -> the lowest free number, for the same open file; or -errno.
ENTRY sys_dup
    PATH_IS "trap", "dup"
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    jal     descriptor_of
    bltz    a0, 1f
    mv      s0, a0
    jal     descriptor_slot
    bltz    a0, 1f
    mv      t0, a0
    mv      a0, s0
    mv      s0, t0
    ld      a1, HART_PROCESS(tp)
    jal     descriptor_share
    ld      t0, HART_PROCESS(tp)
    slli    t1, s0, 3
    add     t0, t0, t1
    sd      a0, PROCESS_DESCRIPTORS(t0)
    mv      a0, s0
1:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END sys_dup

// sys_dup2(a0 fd, a1 number) -> that number, which stands for the same open file from now on; what it stood for is closed. Or
// -EBADF.
ENTRY sys_dup2
    PATH_IS "trap", "dup"
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     descriptor_of
    bltz    a0, 2f
    beq     s0, s1, 1f                  // already so
    mv      s0, a0
    li      t0, MAX_DESCRIPTORS
    li      a0, -EBADF
    bgeu    s1, t0, 2f
    mv      a0, s1
    jal     sys_close                   // perhaps there is nothing to close
    mv      a0, s0
    ld      a1, HART_PROCESS(tp)
    jal     descriptor_share
    ld      t0, HART_PROCESS(tp)
    slli    t1, s1, 3
    add     t0, t0, t1
    sd      a0, PROCESS_DESCRIPTORS(t0)
1:  mv      a0, s1
2:  PATH_IS "trap", "dup"
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
END sys_dup2

    .bss
    .balign 64
descriptors:
    .space  DESCRIPTORS * DESCRIPTOR_BYTES
    .globl  descriptors_end
descriptors_end:
descriptor_free_list:
    .space  8
descriptor_pool_lock:
    .space  8
