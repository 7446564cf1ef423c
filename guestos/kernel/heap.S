// SPDX-License-Identifier: GPL-2.0-or-later
// A process's heap, and its own number.
#include "assembly.inc"
#include "errno.inc"
#include "hart.inc"
#include "layout.inc"
#include "process.inc"
#include "replug.inc"
#include "vm.inc"

    .text

// sys_sbrk(a0 bytes, may be negative) -> the end of the heap before, or -errno. New memory is zero. Pages are given back when the end
// leaves them.
ENTRY sys_sbrk
    PATH_IS "trap", "sbrk"
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    sd      s4, 0(sp)
    ld      s0, HART_PROCESS(tp)
    ld      s1, PROCESS_BREAK(s0)
    li      s4, -ENOMEM
    li      t0, USER_END                // no sum below wraps
    bgt     a0, t0, .Lbreak_return
    neg     t0, t0
    blt     a0, t0, .Lbreak_return
    add     s2, s1, a0                  // the new end
    ld      t0, PROCESS_BREAK_START(s0)
    blt     s2, t0, .Lbreak_return
    li      t0, USER_IMAGE_END
    bgt     s2, t0, .Lbreak_return
    li      t0, PAGE_SIZE - 1
    add     s3, s1, t0
    srli    s3, s3, PAGE_SHIFT
    slli    s3, s3, PAGE_SHIFT          // first page that the heap does not have
    bltu    s2, s1, .Lshrink
.Lgrow:
    bgeu    s3, s2, .Lbreak_done
    jal     page_allocate
    beqz    a0, .Lno_memory
    mv      s4, a0
    mv      a2, a0
    ld      a0, PROCESS_ROOT(s0)
    mv      a1, s3
    li      a3, PTE_USER_DATA
    jal     page_map
    bnez    a0, .Lno_table
    li      t0, PAGE_SIZE
    add     s3, s3, t0
    j       .Lgrow
.Lbreak_done:
    sd      s2, PROCESS_BREAK(s0)
    mv      s4, s1
.Lbreak_fence:
    sfence.vma                          // the walk may have been remembered as it was
.Lbreak_return:
    mv      a0, s4
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    ld      s4, 0(sp)
    addi    sp, sp, 48
    ret
.Lno_table:
    mv      a0, s4
    jal     page_free
.Lno_memory:                            // back to where it was
    mv      s2, s1
    mv      a0, s3
    li      s1, -ENOMEM
    mv      s4, s1
    jal     heap_cut
    j       .Lbreak_fence
.Lshrink:
    mv      a0, s3
    jal     heap_cut
    j       .Lbreak_done
END sys_sbrk

// heap_cut: a0 = first page that the heap does not have, s0 = process, s2 = its new end, below. Frees the pages between them. No other
// hart has this page table: the process is here. Clobbers every caller-saved register.
heap_cut:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s3, 16(sp)
    sd      s4, 8(sp)
    mv      s3, a0
    li      t0, PAGE_SIZE - 1
    add     s4, s2, t0
    srli    s4, s4, PAGE_SHIFT
    slli    s4, s4, PAGE_SHIFT          // first page to free
1:  bgeu    s4, s3, 2f
    li      t0, PAGE_SIZE
    sub     s3, s3, t0
    ld      a0, PROCESS_ROOT(s0)
    mv      a1, s3
    jal     page_table_walk
    ld      t0, 0(a0)
    sd      zero, 0(a0)
    sfence.vma                          // before the page can be anything else
    slli    a0, t0, 10
    srli    a0, a0, 10 + PTE_PPN_SHIFT
    slli    a0, a0, PAGE_SHIFT
    jal     page_free
    j       1b
2:  ld      ra, 24(sp)
    ld      s3, 16(sp)
    ld      s4, 8(sp)
    addi    sp, sp, 32
    ret
    .size heap_cut, . - heap_cut

// sys_getpid() -> the process's identifier.
ENTRY sys_getpid
    PATH_IS "trap", "getpid"
    ld      a0, HART_PROCESS(tp)
    lwu     a0, PROCESS_ID(a0)
    ret
END sys_getpid
