// SPDX-License-Identifier: GPL-2.0-or-later
// Loading a program: an ELF64 executable for RISC-V, from the file system into a new address space, page by page.

#include "assembly.inc"
#include "layout.inc"
#include "process.inc"
#include "vm.inc"
#include "errno.inc"

// ELF header
#define ELF_IDENT           0
#define ELF_TYPE            16                      /* u16 */
#define ELF_MACHINE         18                      /* u16 */
#define ELF_ENTRY           24
#define ELF_SEGMENTS        32                      /* u64 file offset of the program headers */
#define ELF_SEGMENT_SIZE    54                      /* u16 */
#define ELF_SEGMENT_COUNT   56                      /* u16 */
#define ELF_HEADER_SIZE     64
#define ELF_IDENT_GOOD      0x00010102464c457f      /* magic, 64 bits, little endian, version 1, System V */
#define ELF_EXECUTABLE      2
#define ELF_RISCV           243
#define ELF_SEGMENTS_MAX    16

// Program header
#define SEGMENT_TYPE        0                       /* u32 */
#define SEGMENT_FLAGS       4                       /* u32 */
#define SEGMENT_OFFSET      8
#define SEGMENT_ADDRESS     16
#define SEGMENT_FILE_SIZE   32
#define SEGMENT_SIZE        40
#define SEGMENT_HEADER_SIZE 56
#define SEGMENT_LOAD        1
#define FLAG_EXECUTE        1
#define FLAG_WRITE          2

#define FILE_OFFSET_MAX     0x40000000              /* keeps sums of offsets and sizes from wrapping */

    .text
// program_load: a0 = root of an address space without user pages, a1 = path (kernel string).
// Result a0 = entry address, a1 = the first page behind its last segment; or a0 = -ENOEXEC for what is no proper program, or another
// -errno. May sleep. On failure some pages may be
// mapped: page_table_destroy frees them. Clobbers every caller-saved register.
ENTRY program_load
    addi    sp, sp, -64 - ELF_HEADER_SIZE - 64
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    mv      s0, a0
    mv      a0, a1
    li      s5, USER_BASE               // end of the segments so far
    jal     inode_lookup
    bltz    a0, .Lreturn
    mv      s1, a0

    addi    a1, sp, 64
    li      a2, 0
    li      a3, ELF_HEADER_SIZE
    jal     inode_read_at
    li      t0, ELF_HEADER_SIZE
    bne     a0, t0, .Lshort
    addi    t0, sp, 64
    ld      t1, ELF_IDENT(t0)
    li      t2, ELF_IDENT_GOOD
    bne     t1, t2, .Lbad
    lhu     t1, ELF_TYPE(t0)
    li      t2, ELF_EXECUTABLE
    bne     t1, t2, .Lbad
    lhu     t1, ELF_MACHINE(t0)
    li      t2, ELF_RISCV
    bne     t1, t2, .Lbad
    lhu     t1, ELF_SEGMENT_SIZE(t0)
    li      t2, SEGMENT_HEADER_SIZE
    bne     t1, t2, .Lbad
    lhu     s2, ELF_SEGMENT_COUNT(t0)   // how many are left
    beqz    s2, .Lbad
    li      t2, ELF_SEGMENTS_MAX
    bgtu    s2, t2, .Lbad
    ld      s3, ELF_SEGMENTS(t0)        // file offset of the next program header
    li      t2, FILE_OFFSET_MAX
    bgeu    s3, t2, .Lbad
    li      s4, 0                       // does a segment with code hold the entry?

.Lsegment:
    mv      a0, s1
    addi    a1, sp, 64 + ELF_HEADER_SIZE
    mv      a2, s3
    li      a3, SEGMENT_HEADER_SIZE
    jal     inode_read_at
    li      t0, SEGMENT_HEADER_SIZE
    bne     a0, t0, .Lshort
    add     s3, s3, t0
    addi    a2, sp, 64 + ELF_HEADER_SIZE
    lwu     t0, SEGMENT_TYPE(a2)
    li      t1, SEGMENT_LOAD
    bne     t0, t1, .Lnext_segment
    lwu     t0, SEGMENT_FLAGS(a2)
    andi    t0, t0, FLAG_EXECUTE
    beqz    t0, 1f
    ld      t0, 64 + ELF_ENTRY(sp)
    ld      t1, SEGMENT_ADDRESS(a2)
    sub     t0, t0, t1
    ld      t1, SEGMENT_FILE_SIZE(a2)
    sltu    t0, t0, t1
    or      s4, s4, t0
1:  ld      t0, SEGMENT_ADDRESS(a2)
    ld      t1, SEGMENT_SIZE(a2)
    add     t0, t0, t1
    bgeu    s5, t0, 2f
    mv      s5, t0
2:  mv      a0, s0
    mv      a1, s1
    jal     segment_load
    bltz    a0, .Lrelease
.Lnext_segment:
    addi    s2, s2, -1
    bnez    s2, .Lsegment
    beqz    s4, .Lbad
    ld      a0, 64 + ELF_ENTRY(sp)
    andi    t0, a0, 1
    beqz    t0, .Lrelease
    j       .Lbad

.Lshort:                                // an error, or the file ends before the header does
    bltz    a0, .Lrelease
.Lbad:
    li      a0, -ENOEXEC
.Lrelease:
    mv      s4, a0
    mv      a0, s1
    jal     inode_release
    mv      a0, s4
    li      t0, PAGE_SIZE - 1
    add     a1, s5, t0
    srli    a1, a1, PAGE_SHIFT
    slli    a1, a1, PAGE_SHIFT
.Lreturn:
    ld      ra, 0(sp)
    ld      s5, 48(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    addi    sp, sp, 64 + ELF_HEADER_SIZE + 64
    ret
END program_load

// segment_load: a0 = root, a1 = inode, a2 = program header of a segment to load. Maps and fills its pages.
// Result 0, -ENOEXEC or another -errno. May sleep. Clobbers every caller-saved register.
ENTRY segment_load
    addi    sp, sp, -96
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    sd      s6, 56(sp)
    sd      s7, 64(sp)
    sd      s8, 72(sp)
    mv      s0, a0
    mv      s1, a1
    ld      s2, SEGMENT_ADDRESS(a2)
    ld      s3, SEGMENT_FILE_SIZE(a2)
    ld      s4, SEGMENT_SIZE(a2)
    ld      s5, SEGMENT_OFFSET(a2)
    bltu    s4, s3, .Lbad_segment
    li      t0, FILE_OFFSET_MAX
    bgeu    s5, t0, .Lbad_segment
    li      t0, USER_BASE
    bltu    s2, t0, .Lbad_segment
    li      t0, USER_IMAGE_END
    bltu    t0, s2, .Lbad_segment
    sub     t0, t0, s2                  // room from its address on
    bltu    t0, s4, .Lbad_segment

    lwu     t0, SEGMENT_FLAGS(a2)
    andi    t0, t0, FLAG_EXECUTE | FLAG_WRITE
    li      s6, PTE_USER_CONSTANT
    beqz    t0, 1f
    li      s6, PTE_USER_CODE
    addi    t0, t0, -FLAG_EXECUTE
    beqz    t0, 1f
    li      s6, PTE_USER_DATA
    addi    t0, t0, FLAG_EXECUTE - FLAG_WRITE
    bnez    t0, .Lbad_segment           // writable and executable
1:  add     s4, s4, s2                  // end in memory
    add     s3, s3, s2                  // end of what the file gives
    sub     s5, s5, s2                  // file offset - address
    srli    s7, s2, PAGE_SHIFT
    slli    s7, s7, PAGE_SHIFT          // page at hand

.Lpage:
    bgeu    s7, s4, .Lall_pages
    jal     page_allocate
    beqz    a0, .Lsegment_no_memory
    mv      s8, a0
    mv      a0, s0
    mv      a1, s7
    mv      a2, s8
    mv      a3, s6
    jal     page_map
    bnez    a0, .Lnot_mapped
    // From the file: the part of [address, end of file part) that lies in this page. The rest stays zero.
    mv      t0, s7
    bgeu    t0, s2, 2f
    mv      t0, s2
2:  li      t1, PAGE_SIZE
    add     t1, t1, s7
    bgeu    s3, t1, 3f
    mv      t1, s3
3:  bgeu    t0, t1, .Lnext_page
    sub     a1, t0, s7
    add     a1, a1, s8
    add     a2, s5, t0
    sub     a3, t1, t0
    mv      s8, a3
    mv      a0, s1
    jal     inode_read_at
    bltz    a0, .Lsegment_return
    bne     a0, s8, .Lbad_segment       // the file ends before the segment does
.Lnext_page:
    li      t0, PAGE_SIZE
    add     s7, s7, t0
    j       .Lpage

.Lall_pages:
    li      a0, 0
.Lsegment_return:
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    ld      s7, 64(sp)
    ld      s8, 72(sp)
    addi    sp, sp, 96
    ret
.Lnot_mapped:                           // another segment has that page (-EEXIST), or no memory for a table
    mv      s7, a0
    mv      a0, s8
    jal     page_free
    li      t0, -EEXIST
    mv      a0, s7
    bne     a0, t0, .Lsegment_return
.Lbad_segment:
    li      a0, -ENOEXEC
    j       .Lsegment_return
.Lsegment_no_memory:
    li      a0, -ENOMEM
    j       .Lsegment_return
END segment_load
