// SPDX-License-Identifier: GPL-2.0-or-later
// Code generated when a file is opened: a read of this one opening's own, made from a template by partial evaluation. The address of the
// record is a constant in it, so it need not be kept across the copy. (Boot argument code=generated; otherwise all descriptors share
// is_read, whose parameters are in the record. Which of the two pays, and when, the report says.)
#include "assembly.inc"
#include "descriptor.inc"
#include "generate.inc"
#include "hart.inc"
#include "inode.inc"
#include "layout.inc"
#include "replug.inc"
#include "replug_invoke.inc"

    .section .rodata
    .balign 4
    .option push
    .option norelax
    .option norvc                       // so that the places of what is filled in are known
// As is_read. What is filled in: the pairs auipc + x of which the comments tell the target.
generated_template:
    ld      t0, RECORD_OFFSET(t2)
    ld      t1, RECORD_START(t2)
    ld      t3, RECORD_LENGTH(t2)
    sub     t1, t0, t1
    bgeu    t1, t3, .Lblocks
    sub     t3, t3, t1
    bltu    t3, a2, .Lblocks
    ld      t3, RECORD_BASE(t2)
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      a2, 0(sp)
    mv      a0, a1
    add     a1, t3, t1
.Lcopy:
    auipc   t0, 0                       // copy_to_user
    jalr    ra, 0(t0)
.Lrecord:
    auipc   t2, 0                       // the record
    addi    t2, t2, 0
    ld      ra, 8(sp)
    bnez    a0, 1f
    ld      t0, RECORD_OFFSET(t2)
    ld      a0, 0(sp)
    add     t0, t0, a0
    sd      t0, RECORD_OFFSET(t2)
1:  addi    sp, sp, 16
.Lleave:
    REPLUG_LEAVE RECORD_TO_INSIDE, t2, 0
.Lreturn:
    ret
.Lblocks:
    auipc   t1, 0                       // is_read_blocks
    jalr    zero, 0(t1)
generated_template_end:
    .option pop
    .org    generated_template + (1 << CODE_SLOT_SHIFT)     // an error if it does not fit a slot

    .text

// generate(a0 descriptor) -> t0 = address of its own read, for its record; is_read for a descriptor without a slot. On return every hart
// fetches it as it is now. Preserves a0-a3, a6. The caller may hold spinlocks: harts take the interrupt even where they spin.
ENTRY generate
    PATH_BEGIN "generate"
    la      t0, descriptors_end
    sub     t0, t0, a0
    li      t1, DESCRIPTOR_BYTES
    divu    t0, t0, t1
    addi    t0, t0, -1                  // they are taken from the end
    li      t1, CODE_SLOTS
    bgeu    t0, t1, .Lno_slot
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      a2, 16(sp)
    sd      a3, 8(sp)
    slli    t0, t0, CODE_SLOT_SHIFT
    la      s0, code_pool
    add     s0, s0, t0                  // where it is written
    li      s1, CODE_POOL
    add     s1, s1, t0                  // where it runs

    la      t0, generated_template
    la      t1, generated_template_end
    mv      t2, s0
1:  lw      t3, 0(t0)
    sw      t3, 0(t2)
    addi    t0, t0, 4
    addi    t2, t2, 4
    bltu    t0, t1, 1b

    la      a4, copy_to_user
    la      a5, .Lcopy
    jal     fill_in
    addi    a4, a0, DESCRIPTOR_RECORD
    la      a5, .Lrecord
    jal     fill_in
    la      a4, is_read_blocks
    la      a5, .Lblocks
    jal     fill_in
    jal     code_publish
    CODE_GENERATED "is_read", "generated_template", 9
    CODE_VALUE "is_read", "descriptor", 10
    mv      t0, s1
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      a2, 16(sp)
    ld      a3, 8(sp)
    addi    sp, sp, 48
    PATH_END "generate"
    ret
.Lno_slot:
    PATH_IS "generate", "generate, no slot"
    la      t0, is_read
    PATH_END "generate"
    ret
END generate

// fill_in(a4 target, a5 the pair in the template; s0, s1): in the slot, the pair reaches the target from where it runs. Changes t0-t3.
fill_in:
    la      t0, generated_template
    sub     a5, a5, t0
    add     t0, s1, a5
    sub     t0, a4, t0                  // distance
    li      t1, 0x800
    add     t1, t0, t1
    li      t2, 0xfffff000
    and     t1, t1, t2                  // the upper 20 bits, of a distance below 2 GiB
    add     t3, s0, a5
    lw      t2, 0(t3)
    or      t2, t2, t1
    sw      t2, 0(t3)
    slli    t0, t0, 20                  // the lower 12
    lw      t2, 4(t3)
    or      t2, t2, t0
    sw      t2, 4(t3)
    ret

// code_publish(): every hart has executed fence.i after what this one has stored. The other harts do it in M-mode (machine.S), where
// interrupts between harts are always open. Changes t0-t3, a2-a5.
ENTRY code_publish
    la      t0, code_lock
    li      t1, 1
1:  amoswap.w.aq t2, t1, (t0)
    bnez    t2, 1b
    la      a4, code_generation
    lw      a5, 0(a4)
    addi    a5, a5, 1
    fence   rw, w                       // the code before the number,
    sw      a5, 0(a4)
    fence   w, o                        // the number before the interrupts
    fence.i
    la      t3, harts_present           // all but hart 0
    lw      t3, 0(t3)
    ori     t3, t3, 1
    ld      t2, HART_ID(tp)
    sll     t2, t1, t2
    not     t2, t2
    and     t3, t3, t2                  // the others
    li      a2, CLINT_MSIP
    mv      a3, t3
2:  andi    t2, a3, 1
    beqz    t2, 3f
    sw      t1, 0(a2)
3:  addi    a2, a2, 4
    srli    a3, a3, 1
    bnez    a3, 2b
    la      a2, harts
    mv      a3, t3
4:  andi    t2, a3, 1
    beqz    t2, 6f
5:  lw      t2, HART_CODE_GENERATION(a2)
    bne     t2, a5, 5b
6:  addi    a2, a2, HART_SIZE
    srli    a3, a3, 1
    bnez    a3, 4b
    fence   r, rw
    amoswap.w.rl zero, zero, (t0)
    ret
END code_publish

// Marks on the code of each slot: what the report calls it.
.macro NOTE_AT address, kind, register, name, detail
    .pushsection .note.replug, "", @note
    .balign 4
    .4byte 7, .Lnote_end_\@ - .Lnote_\@, \kind
    .asciz "Replug"
    .byte 0
.Lnote_\@:
    .8byte \address
    .4byte \register, 0
    .asciz "\name"
    .asciz "\detail"
.Lnote_end_\@:
    .balign 4
    .popsection
.endm
    .set    slot, 0
    .rept   CODE_SLOTS
    NOTE_AT code_pool + slot, PATH_KIND_END, 0, "invocation", ""
    NOTE_AT code_pool + slot, PATH_KIND_IS, 0, "trap", "generated read"
    NOTE_AT code_pool + slot + (.Lleave - generated_template), PATH_KIND_BEGIN, 0, "flag clear", ""
    NOTE_AT code_pool + slot + (.Lreturn - generated_template), PATH_KIND_END, 0, "flag clear", ""
    NOTE_AT code_pool + slot + (.Lreturn - generated_template), PATH_KIND_VALUE, 10, "trap", "bytes"
    .set    slot, slot + (1 << CODE_SLOT_SHIFT)
    .endr

    .data
    .balign 4
DATA code_generated                     // u32, 1: the exclusive level's read is generated for each opening
    .word   0
END code_generated
DATA code_generation                    // u32, how often code has been published
    .word   0
END code_generation
code_lock:                              // spinlock
    .word   0

    .bss
    .balign PAGE_SIZE
DATA code_pool
    .skip   CODE_POOL_BYTES
END code_pool
