// SPDX-License-Identifier: GPL-2.0-or-later
// The process table: making processes. (Their end is in exit.S.)

#include "assembly.inc"
#include "replug.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "vm.inc"
#include "errno.inc"

#define SWITCH_SIZE         112                     /* what context_switch pops: ra first */
#define SWITCH_RA           0

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

// process_load: a0 = process without address space, a1 = path (kernel string), a2 = argument (kernel string, < ARGUMENT_MAX bytes).
// Makes its address space, with the program and a stack that begins with the argument, fills its frame and its name.
// Result 0 or -errno (the caller then calls process_release). May sleep. Clobbers every caller-saved register.
ENTRY process_load
    addi    sp, sp, -64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    jal     page_table_create
    beqz    a0, .Lno_memory
    sd      a0, PROCESS_ROOT(s0)
    srli    t0, a0, PAGE_SHIFT
    li      t1, 1
    slli    t1, t1, SATP_SV39_SHIFT
    or      t0, t0, t1
    sd      t0, PROCESS_SATP(s0)

    mv      a1, s1
    jal     program_load
    bltz    a0, .Lloaded
    ld      t0, PROCESS_FRAME(s0)
    sd      a0, FRAME_PC(t0)

    li      s3, USER_STACK_PAGES
    li      s4, USER_STACK_TOP - USER_STACK_PAGES * PAGE_SIZE
1:  jal     page_allocate
    beqz    a0, .Lno_memory
    mv      a2, a0
    ld      a0, PROCESS_ROOT(s0)
    mv      a1, s4
    li      a3, PTE_USER_DATA
    mv      a4, a2
    jal     page_map
    beqz    a0, 2f
    mv      a0, a4
    jal     page_free
    j       .Lno_memory
2:  li      t0, PAGE_SIZE
    add     s4, s4, t0
    addi    s3, s3, -1
    bnez    s3, 1b

    // The argument lies at the top of the stack, whose last page is at a4; the stack begins below it.
    ld      t0, PROCESS_FRAME(s0)
    li      t1, USER_STACK_TOP - ARGUMENT_MAX
    sd      t1, FRAME_SP(t0)
    sd      t1, FRAME_A0(t0)
    li      t1, PAGE_SIZE - ARGUMENT_MAX
    add     a0, a4, t1
    mv      a1, s2
    jal     format_string
    addi    a0, s0, PROCESS_NAME
    addi    t1, a0, PROCESS_NAME_SIZE - 1
3:  lbu     t0, 0(s1)
    sb      t0, 0(a0)
    addi    a0, a0, 1
    addi    s1, s1, 1
    beqz    t0, 4f
    bltu    a0, t1, 3b
4:  li      a0, 0
.Lloaded:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    addi    sp, sp, 64
    ret
.Lno_memory:
    li      a0, -ENOMEM
    j       .Lloaded
END process_load

// sys_spawn: a0 = user path, a1 = user argument string or 0. Result: the child's identifier or -errno.
ENTRY sys_spawn
    PATH_IS "trap", "spawn"
    addi    sp, sp, -32 - PATH_MAX - ARGUMENT_MAX
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    mv      s1, a1
    mv      a1, a0
    addi    a0, sp, 32
    li      a2, PATH_MAX
    jal     copy_string_from_user
    bltz    a0, .Lspawned
    sb      zero, 32 + PATH_MAX(sp)
    beqz    s1, 1f
    addi    a0, sp, 32 + PATH_MAX
    mv      a1, s1
    li      a2, ARGUMENT_MAX
    jal     copy_string_from_user
    bltz    a0, .Lspawned
1:  la      a0, process_start
    jal     process_allocate
    mv      s0, a0
    li      a0, -ENOMEM
    beqz    s0, .Lspawned
    mv      a0, s0
    addi    a1, sp, 32
    addi    a2, sp, 32 + PATH_MAX
    jal     process_load
    bltz    a0, .Lfailed

    la      a0, scheduler_lock
    jal     spin_acquire
    ld      t0, HART_PROCESS(tp)
    sd      t0, PROCESS_PARENT(s0)
    lw      s1, PROCESS_ID(s0)          // read now: the child may end, and its place be taken, before we return
    mv      a0, s0
    jal     make_runnable
    la      a0, scheduler_lock
    jal     spin_release
    mv      a0, s1
.Lspawned:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    addi    sp, sp, 32 + PATH_MAX + ARGUMENT_MAX
    ret
.Lfailed:
    mv      s1, a0
    mv      a0, s0
    jal     process_release
    mv      a0, s1
    j       .Lspawned
END sys_spawn

// process_start: where a new process's first context switch goes. Scheduler lock held.
process_start:
    la      a0, scheduler_lock
    jal     spin_release
    j       user_start

// process_create_first: makes init and leaves it runnable. Hart 0 at boot. The file system can only be mounted by a process,
// since the disk makes its caller sleep: init itself does that before it becomes a user program.
ENTRY process_create_first
    addi    sp, sp, -16
    sd      ra, 0(sp)
    la      a0, init_start
    jal     process_allocate
    jal     make_runnable               // no other hart is up yet
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END process_create_first

// init_start: the first process begins here, in the kernel. Scheduler lock held.
init_start:
    la      a0, scheduler_lock
    jal     spin_release
    jal     file_system_mount
    ld      a0, HART_PROCESS(tp)
    la      a1, .Ltext_init
    la      a2, .Ltext_empty
    jal     process_load
    bltz    a0, .Lno_init
    ld      t0, HART_PROCESS(tp)        // move to the address space that it has just got
    ld      t0, PROCESS_SATP(t0)
    csrw    satp, t0
    sfence.vma
    fence.i
    j       user_start
.Lno_init:
    la      a0, .Ltext_no_init
    j       panic

    .section .rodata
.Ltext_init:    .asciz "/init"
.Ltext_empty:   .asciz ""
.Ltext_no_init: .asciz "cannot run /init"

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
