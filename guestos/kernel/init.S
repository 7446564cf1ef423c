// SPDX-License-Identifier: GPL-2.0-or-later
// The first process.

#include "assembly.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"

    .text
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

// init_start: the first process begins here, in the kernel. Scheduler lock held. The boot argument init=PATH says which program it
// becomes, else /init.
init_start:
    la      a0, scheduler_lock
    jal     spin_release
    jal     file_system_mount
    jal     memory_file_system_mount
    jal     descriptors_console
    addi    sp, sp, -PATH_MAX
    la      a0, .Ltext_init_option
    mv      a1, sp
    li      a2, PATH_MAX
    jal     boot_option
    bnez    a0, 1f
    mv      a0, sp
    la      a1, .Ltext_init
    jal     format_string
    sb      zero, 0(a0)
1:  mv      a0, sp
    li      a1, 0
    jal     arguments_from_kernel
    bltz    a0, .Lno_init
    mv      a1, a0
    mv      a0, sp
    jal     image_load
    bltz    a0, .Lno_init
    mv      a4, a3
    mv      a3, a2
    mv      a2, a1
    mv      a1, a0
    ld      a0, HART_PROCESS(tp)
    mv      a5, sp
    jal     process_adopt
    jal     process_enter
    j       user_start
.Lno_init:
    mv      s0, sp                      // "cannot run PATH"
    addi    sp, sp, -PATH_MAX - 32
    mv      a0, sp
    la      a1, .Ltext_no_init
    jal     format_string
    mv      a1, s0
    jal     format_string
    sb      zero, 0(a0)
    mv      a0, sp
    j       panic

    .section .rodata
.Ltext_init_option: .asciz "init"
.Ltext_init:        .asciz "/init"
.Ltext_no_init:     .asciz "cannot run "
