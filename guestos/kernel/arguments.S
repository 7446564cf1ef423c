// SPDX-License-Identifier: GPL-2.0-or-later
// The arguments of a program, and the address space that they and the program make together.
//
// They are put into the page that becomes the top of the new stack: at the program's first stack pointer their number, then their
// addresses, ended by 0, then the strings.

#include "assembly.inc"
#include "layout.inc"
#include "hart.inc"
#include "process.inc"
#include "vm.inc"
#include "errno.inc"

#define ARGUMENTS_START     (PAGE_SIZE - ARGUMENTS_BYTES)       /* in the page */
#define STACK_POINTER       (USER_STACK_TOP - ARGUMENTS_BYTES)

    .text
// arguments_from_user: a0 = user array of addresses of strings, ended by 0; 0 for none. Result a0 = the page, or -errno.
ENTRY arguments_from_user
    addi    sp, sp, -64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    mv      s1, a0
    jal     page_allocate
    mv      s0, a0                      // page
    li      a0, -ENOMEM
    beqz    s0, .Larguments_return
    li      t0, ARGUMENTS_START
    add     s2, s0, t0                  // where the number goes
    li      s3, 0                       // how many
    beqz    s1, 2f
1:  addi    a0, sp, 48
    slli    a1, s3, 3
    add     a1, a1, s1
    li      a2, 8
    jal     copy_from_user
    bltz    a0, .Larguments_failed
    ld      t0, 48(sp)
    beqz    t0, 2f
    slli    t1, s3, 3
    add     t1, t1, s2
    sd      t0, 8(t1)                   // the user's address, for now
    addi    s3, s3, 1
    li      t0, ARGUMENTS_MAX
    bgeu    t0, s3, 1b
    li      a0, -E2BIG
    j       .Larguments_failed
2:  sd      s3, 0(s2)
    slli    t0, s3, 3
    add     s4, s2, t0
    sd      zero, 8(s4)
    addi    s4, s4, 16                  // where the next string goes
    addi    s2, s2, 8
3:  beqz    s3, 5f
    mv      a0, s4
    ld      a1, 0(s2)
    li      a2, PAGE_SIZE
    add     a2, a2, s0
    sub     a2, a2, s4
    jal     copy_string_from_user
    bltz    a0, 4f
    li      t0, USER_STACK_TOP - PAGE_SIZE
    sub     t1, s4, s0
    add     t0, t0, t1
    sd      t0, 0(s2)
    add     s4, s4, a0
    addi    s4, s4, 1
    addi    s2, s2, 8
    addi    s3, s3, -1
    j       3b
4:  li      t0, -ENAMETOOLONG
    bne     a0, t0, .Larguments_failed
    li      a0, -E2BIG
.Larguments_failed:
    mv      s1, a0
    mv      a0, s0
    jal     page_free
    mv      a0, s1
    j       .Larguments_return
5:  mv      a0, s0
.Larguments_return:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    addi    sp, sp, 64
    ret
END arguments_from_user

// arguments_from_kernel: a0 = path, a1 = one more argument or 0: kernel strings of fewer than PATH_MAX and ARGUMENT_MAX bytes. Result
// a0 = the page, or -ENOMEM.
ENTRY arguments_from_kernel
    addi    sp, sp, -32
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    mv      s1, a0
    mv      s2, a1
    jal     page_allocate
    mv      s0, a0
    li      a0, -ENOMEM
    beqz    s0, 2f
    li      t0, ARGUMENTS_START
    add     t0, t0, s0
    li      t1, 1
    sd      t1, 0(t0)
    li      t1, STACK_POINTER + 32      // behind the number, two addresses and the 0
    sd      t1, 8(t0)
    addi    a0, t0, 32
    mv      a1, s1
    mv      s1, t0
    jal     format_string
    beqz    s2, 1f
    sb      zero, 0(a0)
    addi    a0, a0, 1
    li      t1, 2
    sd      t1, 0(s1)
    sub     t1, a0, s1
    li      t0, STACK_POINTER
    add     t1, t1, t0
    sd      t1, 16(s1)
    mv      a1, s2
    jal     format_string
1:  sb      zero, 0(a0)
    mv      a0, s0
2:  ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    addi    sp, sp, 32
    ret
END arguments_from_kernel

// image_load: a0 = path (kernel string), a1 = page of arguments, which it takes over. Result a0 = root of an address space with the
// program and its stack, a1 = entry, a2 = first page behind the program, a3 = stack pointer; or a0 = -errno. May sleep.
ENTRY image_load
    addi    sp, sp, -64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    mv      s1, a0
    mv      s2, a1                      // page of arguments, 0 once it is mapped
    jal     page_table_create
    mv      s0, a0
    li      s3, -ENOMEM
    beqz    s0, .Limage_failed
    mv      a1, s1
    jal     program_load
    mv      s3, a0
    bltz    a0, .Limage_failed
    mv      s4, a1

    li      s5, USER_STACK_TOP - PAGE_SIZE
    mv      a0, s0
    mv      a1, s5
    mv      a2, s2
    li      a3, PTE_USER_DATA
    jal     page_map
    bnez    a0, .Limage_no_memory
    li      s2, 0
1:  li      t0, PAGE_SIZE
    sub     s5, s5, t0
    li      t0, USER_STACK_TOP - USER_STACK_PAGES * PAGE_SIZE
    bltu    s5, t0, 2f
    jal     page_allocate
    beqz    a0, .Limage_no_memory
    mv      s2, a0
    mv      a2, a0
    mv      a0, s0
    mv      a1, s5
    li      a3, PTE_USER_DATA
    jal     page_map
    bnez    a0, .Limage_no_memory
    li      s2, 0
    j       1b
2:  mv      a0, s0
    mv      a1, s3
    mv      a2, s4
    li      a3, STACK_POINTER
.Limage_return:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    addi    sp, sp, 64
    ret
.Limage_no_memory:
    li      s3, -ENOMEM
.Limage_failed:
    beqz    s2, 3f
    mv      a0, s2
    jal     page_free
3:  beqz    s0, 4f
    mv      a0, s0
    jal     page_table_destroy
4:  mv      a0, s3
    j       .Limage_return
END image_load
