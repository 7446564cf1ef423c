// SPDX-License-Identifier: GPL-2.0-or-later
// The process table: making processes, and giving them programs. (The first one is init.S, their end exit.S.)

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "descriptor.inc"
#include "vm.inc"
#include "errno.inc"

#define SWITCH_SIZE         112                     /* what context_switch pops: ra first */
#define SWITCH_RA           0
#define STANDARD_DESCRIPTORS 3

    .text
// process_allocate: a0 = where the process's first context switch shall go. Result a0 = a process in state EMBRYO with an identifier
// of its own, an empty frame and no address space, or 0 if the table is full. Takes the scheduler lock.
// Clobbers every caller-saved register.
ENTRY process_allocate
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    mv      s1, a0
    la      a0, scheduler_lock
    jal     spin_acquire
    la      s0, processes
    li      t2, MAX_PROCESSES
    la      t3, process_stacks + PROCESS_STACK_STRIDE - FRAME_SIZE
    li      t4, PROCESS_STACK_STRIDE
1:  lw      t0, PROCESS_STATE(s0)
    beqz    t0, .Lfree
    addi    s0, s0, PROCESS_SIZE
    add     t3, t3, t4
    addi    t2, t2, -1
    bnez    t2, 1b
    li      s0, 0
    j       .Lallocated
.Lfree:
    // All but the per-process lock: a replugger that was late for the process that had this place may still hold it.
    sd      zero, PROCESS_ID(s0)
    addi    t0, s0, PROCESS_PARENT
    addi    t1, s0, PROCESS_SIZE
2:  sd      zero, 0(t0)
    addi    t0, t0, 8
    bltu    t0, t1, 2b
    li      t0, STATE_EMBRYO
    sw      t0, PROCESS_STATE(s0)
    la      t0, process_next_id
    lw      t1, 0(t0)
    sw      t1, PROCESS_ID(s0)
    addi    t1, t1, 1
    sw      t1, 0(t0)
    la      t0, kernel_satp
    ld      t0, 0(t0)
    sd      t0, PROCESS_SATP(s0)
    sd      t3, PROCESS_FRAME(s0)
    addi    t0, t3, FRAME_SIZE
3:  addi    t0, t0, -8
    sd      zero, 0(t0)
    bne     t0, t3, 3b
    addi    t3, t3, -SWITCH_SIZE
    sd      s1, SWITCH_RA(t3)
    sd      zero, SWITCH_SIZE - 8(t3)   // gp
    sd      t3, PROCESS_SP(s0)
.Lallocated:
    la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s0
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 32
    ret
END process_allocate

// process_release: a0 = process in state EMBRYO that will not come to be. Frees its address space and its place in the table.
ENTRY process_release
    addi    sp, sp, -16
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    mv      s0, a0
    ld      a0, PROCESS_ROOT(s0)
    beqz    a0, 1f
    jal     page_table_destroy
1:  fence   rw, w                       // nothing of it is touched after it is seen free
    sw      zero, PROCESS_STATE(s0)
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    addi    sp, sp, 16
    ret
END process_release

// process_adopt: a0 = process, a1 = root of its new address space, a2 = entry, a3 = end of the program, a4 = stack pointer, a5 = path
// (kernel string). The process gets them: page table, heap, name and a frame that starts the program. Clobbers t0-t2, a5.
ENTRY process_adopt
    sd      a1, PROCESS_ROOT(a0)
    srli    t0, a1, PAGE_SHIFT
    li      t1, 1
    slli    t1, t1, SATP_SV39_SHIFT
    or      t0, t0, t1
    sd      t0, PROCESS_SATP(a0)
    sd      a3, PROCESS_BREAK_START(a0)
    sd      a3, PROCESS_BREAK(a0)
    ld      t0, PROCESS_FRAME(a0)
    addi    t1, t0, FRAME_HART          // all but the hart, which exec must keep
    mv      t2, t0
1:  sd      zero, 0(t2)
    addi    t2, t2, 8
    bltu    t2, t1, 1b
    sd      a2, FRAME_PC(t0)
    sd      a4, FRAME_SP(t0)
    addi    t0, a0, PROCESS_NAME
    addi    t1, t0, PROCESS_NAME_SIZE - 1
2:  lbu     t2, 0(a5)
    sb      t2, 0(t0)
    addi    t0, t0, 1
    addi    a5, a5, 1
    beqz    t2, 3f
    bltu    t0, t1, 2b
    sb      zero, 0(t0)
3:  ret
END process_adopt

// sys_spawn: a0 = user path, a1 = user argument string or 0. Starts a program in a process of its own, which gets the caller's
// standard descriptors (0 to 2), working directory and signal dispositions. Result: the child's identifier or -errno.
ENTRY sys_spawn
    PATH_IS "trap", "spawn"
    addi    sp, sp, -48 - PATH_MAX - ARGUMENT_MAX
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    mv      s1, a1
    mv      a1, a0
    addi    a0, sp, 48
    jal     path_from_user
    bltz    a0, .Lspawned
    li      s2, 0                       // the argument
    beqz    s1, 1f
    addi    a0, sp, 48 + PATH_MAX
    mv      s2, a0
    mv      a1, s1
    li      a2, ARGUMENT_MAX
    jal     copy_string_from_user
    bltz    a0, .Lspawned
1:  la      a0, process_start
    jal     process_allocate
    mv      s0, a0
    li      a0, -ENOMEM
    beqz    s0, .Lspawned
    addi    a0, sp, 48
    mv      a1, s2
    jal     arguments_from_kernel
    bltz    a0, .Lspawn_failed
    mv      a1, a0
    addi    a0, sp, 48
    jal     image_load
    bltz    a0, .Lspawn_failed
    mv      a4, a3
    mv      a3, a2
    mv      a2, a1
    mv      a1, a0
    mv      a0, s0
    addi    a5, sp, 48
    jal     process_adopt
    li      a0, STANDARD_DESCRIPTORS
    jal     process_inherit
.Lspawned:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    addi    sp, sp, 48 + PATH_MAX + ARGUMENT_MAX
    ret
.Lspawn_failed:
    mv      s1, a0
    mv      a0, s0
    jal     process_release
    mv      a0, s1
    j       .Lspawned
END sys_spawn

// sys_fork: result: the child's identifier, 0 in the child, or -errno.
ENTRY sys_fork
    PATH_IS "trap", "fork"
    // sp is the frame. What a system call does not save, and user_start will load in the child: s0-s11 and gp are still the user's.
    .irp    i, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    sd      x\i, 8*\i(sp)
    .endr
    sd      gp, FRAME_GP(sp)
    mv      s1, sp
    addi    sp, sp, -16
    sd      ra, 0(sp)                   // (s0 and s1 are in the frame)
    la      a0, process_start
    jal     process_allocate
    mv      s0, a0
    li      a0, -ENOMEM
    beqz    s0, .Lforked
    ld      t0, HART_PROCESS(tp)
    ld      a0, PROCESS_ROOT(t0)
    jal     address_space_copy
    beqz    a0, .Lfork_failed
    sd      a0, PROCESS_ROOT(s0)
    srli    a0, a0, PAGE_SHIFT
    li      t1, 1
    slli    t1, t1, SATP_SV39_SHIFT
    or      a0, a0, t1
    sd      a0, PROCESS_SATP(s0)
    ld      t1, PROCESS_FRAME(s0)
    .irp    i, 0, 1, 2, 3, 4, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    ld      t0, 8*\i(s1)
    sd      t0, 8*\i(t1)
    .endr
    ld      t0, HART_PROCESS(tp)
    ld      t1, PROCESS_BREAK(t0)
    sd      t1, PROCESS_BREAK(s0)
    ld      t1, PROCESS_BREAK_START(t0)
    sd      t1, PROCESS_BREAK_START(s0)
    ld      t1, PROCESS_HANDLED(t0)     // and PROCESS_HANDLING
    sd      t1, PROCESS_HANDLED(s0)
    ld      t1, PROCESS_HANDLER(t0)
    sd      t1, PROCESS_HANDLER(s0)
    addi    t0, t0, PROCESS_NAME
    addi    t1, s0, PROCESS_NAME
    addi    t2, t0, PROCESS_NAME_SIZE
1:  ld      t3, 0(t0)
    sd      t3, 0(t1)
    addi    t0, t0, 8
    addi    t1, t1, 8
    bltu    t0, t2, 1b
    li      a0, MAX_DESCRIPTORS
    jal     process_inherit
.Lforked:
    ld      ra, 0(sp)
    ld      s0, 8*8(s1)
    addi    sp, sp, 16
    ld      s1, 8*9(s1)
    ret
.Lfork_failed:
    mv      a0, s0
    jal     process_release
    li      a0, -ENOMEM
    j       .Lforked
END sys_fork

// process_inherit: s0 = process in state EMBRYO, complete but for what it has from its parent, the current process: so many
// descriptors (a0; the guard replugs those that are specialised, before the child runs), the working directory, the signals'
// dispositions. Makes it runnable. Result a0 = its identifier. No lock held. May sleep.
process_inherit:
    addi    sp, sp, -16
    sd      ra, 0(sp)
    sd      s1, 8(sp)
    mv      a1, a0
    mv      a0, s0
    jal     descriptors_share
    ld      t0, HART_PROCESS(tp)
    ld      a0, PROCESS_DIRECTORY(t0)
    beqz    a0, 1f
    jal     inode_hold
    sd      a0, PROCESS_DIRECTORY(s0)
1:  la      a0, scheduler_lock
    jal     spin_acquire
    ld      t0, HART_PROCESS(tp)
    sd      t0, PROCESS_PARENT(s0)
    lw      t1, PROCESS_IGNORED(t0)
    sw      t1, PROCESS_IGNORED(s0)
    lw      t1, PROCESS_CAUGHT(t0)
    sw      t1, PROCESS_CAUGHT(s0)
    lw      s1, PROCESS_ID(s0)          // read now: the child may end, and its place be taken, before we return
    mv      a0, s0
    jal     make_runnable
    la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s1
    ld      ra, 0(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 16
    ret
    .size process_inherit, . - process_inherit

// sys_exec: a0 = user path, a1 = user array of argument strings, ended by 0. The current process goes on as that program, with its
// descriptors, specialised or not. Does not return; or returns -errno, and nothing has changed.
ENTRY sys_exec
    PATH_IS "trap", "exec"
    addi    sp, sp, -32 - PATH_MAX
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    mv      s1, a1
    mv      a1, a0
    addi    a0, sp, 32
    jal     path_from_user
    bltz    a0, .Lexec_return
    mv      a0, s1
    jal     arguments_from_user
    bltz    a0, .Lexec_return
    mv      a1, a0
    addi    a0, sp, 32
    jal     image_load
    bltz    a0, .Lexec_return
    ld      s0, HART_PROCESS(tp)
    ld      s1, PROCESS_ROOT(s0)
    mv      a4, a3
    mv      a3, a2
    mv      a2, a1
    mv      a1, a0
    mv      a0, s0
    addi    a5, sp, 32
    jal     process_adopt
    la      a0, scheduler_lock
    jal     spin_acquire
    sw      zero, PROCESS_CAUGHT(s0)
    sd      zero, PROCESS_HANDLED(s0)   // and PROCESS_HANDLING: the handler's code is gone
    jal     spin_release
    jal     process_enter
    mv      a0, s1
    jal     page_table_destroy
    PATH_END "trap"
    j       user_start
.Lexec_return:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    addi    sp, sp, 32 + PATH_MAX
    ret
END sys_exec

// process_enter(): this hart goes over to the page table that the current process has just got, and fetches what was stored there.
ENTRY process_enter
    ld      t0, HART_PROCESS(tp)
    ld      t1, HART_ID(tp)
    li      t2, 1
    sll     t2, t2, t1
    sw      t2, PROCESS_HARTS(t0)       // no other hart has fetched from the new pages
    ld      t0, PROCESS_SATP(t0)
    csrw    satp, t0
    sfence.vma
    fence.i
    ret
END process_enter

// process_start: where a new process's first context switch goes. Scheduler lock held.
process_start:
    la      a0, scheduler_lock
    jal     spin_release
    j       user_start

    .data
    .balign 4
process_next_id:
    .word   1

    .bss
    .balign 64
DATA processes                          // struct process[MAX_PROCESSES]; the first is init
    .skip   MAX_PROCESSES * PROCESS_SIZE
END processes

    .section .stacks, "aw", @nobits
    .balign PAGE_SIZE
DATA process_stacks
    .skip   MAX_PROCESSES * PROCESS_STACK_STRIDE
END process_stacks
