// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel asks of the flattened device tree: how much RAM there is, and the boot arguments.

#include "assembly.inc"

#define FDT_MAGIC           0xd00dfeed
#define FDT_STRUCTURE       8                       /* offsets in the header */
#define FDT_STRINGS         12
#define FDT_BEGIN_NODE      1
#define FDT_END_NODE        2
#define FDT_PROPERTY        3
#define FDT_NOP             4

#define BOOT_ARGUMENTS_BYTES 512

    .text
// device_tree_memory_size: a0 = device tree, 0 = none. Result a0 = bytes of RAM in the first range of the first node /memory@...,
// 0 if that was not found. Addresses and sizes there are two cells each, as on every 64-bit `virt` machine.
// Clobbers every caller-saved register.
ENTRY device_tree_memory_size
    addi    sp, sp, -16
    sd      ra, 8(sp)
    la      t4, .Lname_memory
    la      t5, .Lname_reg
    jal     device_tree_property
    li      t0, 16
    bltu    a1, t0, 1f                  // not found, or not as expected
    mv      a2, a0
    addi    a0, a2, 8
    jal     .Lload_cell
    slli    a5, a0, 32
    addi    a0, a2, 12
    jal     .Lload_cell
    or      a0, a0, a5
    j       2f
1:  li      a0, 0
2:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END device_tree_memory_size

// device_tree_boot_arguments: a0 = device tree, 0 = none. Keeps the boot arguments, as many as there is room for, where boot_option
// finds them. Clobbers every caller-saved register.
ENTRY device_tree_boot_arguments
    addi    sp, sp, -16
    sd      ra, 8(sp)
    la      t4, .Lname_chosen
    la      t5, .Lname_bootargs
    jal     device_tree_property
    la      t0, boot_arguments
    li      t1, BOOT_ARGUMENTS_BYTES - 1
    bgeu    t1, a1, 1f
    mv      a1, t1
1:  beqz    a1, 2f
    lbu     t1, 0(a0)
    sb      t1, 0(t0)
    addi    a0, a0, 1
    addi    t0, t0, 1
    addi    a1, a1, -1
    j       1b
2:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END device_tree_boot_arguments

// boot_option: a0 = name (kernel string), a1 = where its value goes, a2 = room there, NUL included. Looks for the word NAME=VALUE among
// the boot arguments. Result a0 = 1, or 0 if there is none or its value does not fit. Clobbers t0-t3, a1, a2.
ENTRY boot_option
    la      t0, boot_arguments
    li      t3, ' '
.Lword:
    lbu     t1, 0(t0)
    beqz    t1, .Lno_option
    mv      t2, a0
1:  lbu     t1, 0(t2)
    beqz    t1, 2f
    lbu     a3, 0(t0)
    bne     a3, t1, .Lskip_word
    addi    t0, t0, 1
    addi    t2, t2, 1
    j       1b
2:  lbu     t1, 0(t0)
    addi    t1, t1, -'='
    beqz    t1, 3f
.Lskip_word:
    lbu     t1, 0(t0)
    beqz    t1, .Lno_option
    addi    t0, t0, 1
    bne     t1, t3, .Lskip_word
    j       .Lword
3:  addi    t0, t0, 1
    beqz    a2, .Lno_option
    lbu     t1, 0(t0)
    beqz    t1, 4f
    beq     t1, t3, 4f
    sb      t1, 0(a1)
    addi    a1, a1, 1
    addi    a2, a2, -1
    j       3b
4:  sb      zero, 0(a1)
    li      a0, 1
    ret
.Lno_option:
    li      a0, 0
    ret
END boot_option

// device_tree_property: a0 = device tree, 0 = none, t4 = how the node's name begins, t5 = the property's name. Result a0 = address of
// its value in the first such node, a1 = its bytes, 0 if that was not found. Clobbers every caller-saved register.
device_tree_property:
    mv      t6, ra
    beqz    a0, .Lnot_found
    mv      a1, a0
    jal     .Lload_cell
    li      t0, FDT_MAGIC
    bne     a0, t0, .Lnot_found
    addi    a0, a1, FDT_STRUCTURE
    jal     .Lload_cell
    add     a2, a1, a0                  // cursor in the structure
    addi    a0, a1, FDT_STRINGS
    jal     .Lload_cell
    add     a3, a1, a0                  // strings
    li      a4, 0                       // inside the node?
.Ltoken:
    mv      a0, a2
    jal     .Lload_cell
    addi    a2, a2, 4
    li      t0, FDT_BEGIN_NODE
    beq     a0, t0, .Lbegin
    li      t0, FDT_END_NODE
    beq     a0, t0, .Lend_node
    li      t0, FDT_PROPERTY
    beq     a0, t0, .Lproperty
    li      t0, FDT_NOP
    beq     a0, t0, .Ltoken
    j       .Lnot_found                 // the end, or not a device tree

.Lbegin:
    mv      a5, a2
    mv      a6, t4
    jal     .Lstarts_with
    mv      a4, a0
1:  lbu     t0, 0(a2)                   // skip the name and its padding
    addi    a2, a2, 1
    bnez    t0, 1b
    addi    a2, a2, 3
    andi    a2, a2, -4
    j       .Ltoken
.Lend_node:
    li      a4, 0
    j       .Ltoken

.Lproperty:
    mv      a0, a2
    jal     .Lload_cell
    mv      a7, a0                      // length
    addi    a0, a2, 4
    jal     .Lload_cell
    add     a5, a3, a0                  // name
    addi    a2, a2, 8                   // value
    beqz    a4, .Lskip
    mv      a6, t5
    jal     .Lstarts_with
    beqz    a0, .Lskip
    lbu     t0, 0(a5)                   // no more than that
    bnez    t0, .Lskip
    mv      a0, a2
    mv      a1, a7
    jr      t6
.Lskip:
    add     a2, a2, a7
    addi    a2, a2, 3
    andi    a2, a2, -4
    j       .Ltoken
.Lnot_found:
    li      a0, 0
    li      a1, 0
    jr      t6

// .Lload_cell: a0 = address of a big-endian u32. Result a0 = its value. Clobbers t0, t1.
.Lload_cell:
    lbu     t0, 0(a0)
    slli    t0, t0, 8
    lbu     t1, 1(a0)
    or      t0, t0, t1
    slli    t0, t0, 8
    lbu     t1, 2(a0)
    or      t0, t0, t1
    slli    t0, t0, 8
    lbu     t1, 3(a0)
    or      a0, t0, t1
    ret

// .Lstarts_with: a5 = string, a6 = prefix. Result a0 = 1 if it starts so, else 0. Clobbers t0, t1, a5, a6.
.Lstarts_with:
    lbu     t0, 0(a6)
    beqz    t0, 1f
    lbu     t1, 0(a5)
    addi    a5, a5, 1
    addi    a6, a6, 1
    beq     t0, t1, .Lstarts_with
    li      a0, 0
    ret
1:  li      a0, 1
    ret

    .section .rodata
.Lname_memory: .asciz "memory@"
.Lname_reg:    .asciz "reg"
.Lname_chosen: .asciz "chosen"
.Lname_bootargs: .asciz "bootargs"

    .bss
boot_arguments:                         // ended by NUL
    .skip   BOOT_ARGUMENTS_BYTES
