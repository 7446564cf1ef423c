// SPDX-License-Identifier: GPL-2.0-or-later
// The one thing the kernel asks of the flattened device tree: how much RAM there is.

#include "assembly.inc"

#define FDT_MAGIC           0xd00dfeed
#define FDT_STRUCTURE       8                       /* offsets in the header */
#define FDT_STRINGS         12
#define FDT_BEGIN_NODE      1
#define FDT_END_NODE        2
#define FDT_PROPERTY        3
#define FDT_NOP             4

    .text
// device_tree_memory_size: a0 = device tree, 0 = none. Result a0 = bytes of RAM in the first range of the first node /memory@...,
// 0 if that was not found. Addresses and sizes there are two cells each, as on every 64-bit `virt` machine.
// Clobbers every caller-saved register.
ENTRY device_tree_memory_size
    mv      t6, ra
    beqz    a0, .Lnot_found
    mv      a1, a0
    mv      a0, a1
    jal     .Lload_cell
    li      t0, FDT_MAGIC
    bne     a0, t0, .Lnot_found
    addi    a0, a1, FDT_STRUCTURE
    jal     .Lload_cell
    add     a2, a1, a0                  // cursor in the structure
    addi    a0, a1, FDT_STRINGS
    jal     .Lload_cell
    add     a3, a1, a0                  // strings
    li      a4, 0                       // inside the memory node?
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
    la      a6, .Lname_memory
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
    la      a6, .Lname_reg
    jal     .Lstarts_with
    beqz    a0, .Lskip
    addi    a0, a2, 8
    jal     .Lload_cell
    slli    a5, a0, 32
    addi    a0, a2, 12
    jal     .Lload_cell
    or      a0, a0, a5
    jr      t6
.Lskip:
    add     a2, a2, a7
    addi    a2, a2, 3
    andi    a2, a2, -4
    j       .Ltoken
.Lnot_found:
    li      a0, 0
    jr      t6
END device_tree_memory_size

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
