# SPDX-License-Identifier: GPL-2.0-or-later
# Executes one encoding after another, each with the same registers, in a page of c.ebreak: it goes wherever it goes and
# traps there.  For every GROUP encodings: a line with the first one's number and a hash over mcause, mepc, mtval, the
# registers, the data and the instructions retired of each.
#
# Defined from outside: XLEN, FIRST, COUNT, GROUP.  An encoding's number says how it is put together: below 0x10000 it is a parcel;
# from there on bits 0-4 are its bits 2-6 (the opcode), 5-7 its funct3, 8-14 its funct7, 15 (with 16) chooses rs2.

    .if XLEN == 64
    .macro LOAD rd, at
    ld \rd, \at
    .endm
    .macro STORE rs, at
    sd \rs, \at
    .endm
    .equ FILLER, 0x9002900290029002
    .equ NUMBER, 0x1234567890029002
    .else
    .macro LOAD rd, at
    lw \rd, \at
    .endm
    .macro STORE rs, at
    sw \rs, \at
    .endm
    .equ FILLER, 0x90029002
    .equ NUMBER, 0x12349002
    .endif
    .equ SIZE, XLEN / 8

    .equ ARENA,  0x80400000             # 12 KiB of c.ebreak; the encoding stands in the middle
    .equ SLOT,   ARENA + 0x1800
    .equ DATA,   0x80500000             # 8 KiB; registers point at the middle and up to 0x1f0 above it
    .equ UART,   0x10000000
    .equ FINISHER, 0x00100000
    .ifeq FIRST & 0x10000               # how far loads and stores reach from there
    .equ BELOW, 0
    .equ ABOVE, 0x400
    .else
    .equ BELOW, 0x800
    .equ ABOVE, 0xa00
    .endif
    .equ FACTOR, 0x2545f491

    .macro MIX register                 # into the hash in gp; clobbers tp
    li tp, FACTOR
    mul gp, gp, tp
    add gp, gp, \register
    srli tp, gp, 29
    xor gp, gp, tp
    .endm

    .section .text.start
    .globl _start
_start:
    la t0, calibrated
    csrw mtvec, t0
    csrr s0, minstret
    ecall
    .balign 4
calibrated:                             # does this machine count an ecall?
    csrr s1, minstret
    sub s1, s1, s0
    addi s1, s1, -1
    la t0, weight
    STORE s1, 0(t0)
    la t0, handler
    csrw mtvec, t0

    li t0, ARENA
    li t1, ARENA + 0x3000
    li t2, FILLER
1:  STORE t2, 0(t0)
    addi t0, t0, SIZE
    bne t0, t1, 1b
    li s0, FIRST
    li s1, 0
next:
    li t0, DATA + 0x1000 - BELOW        # numbers whose low half is c.ebreak: a jump here traps as well
    li t1, DATA + 0x1000 + ABOVE
    li t2, NUMBER
1:  .irp index, 0, 1, 2, 3, 4, 5, 6, 7
    STORE t2, \index * SIZE(t0)
    .endr
    addi t0, t0, 8 * SIZE
    bne t0, t1, 1b

    li t0, 0x10000                      # put it together
    blt s0, t0, parcel
    andi t1, s0, 31
    slli t1, t1, 2
    ori t1, t1, 3
    srli t2, s0, 5
    andi t2, t2, 7
    slli t2, t2, 12
    or t1, t1, t2
    srli t2, s0, 8
    andi t2, t2, 127
    slli t2, t2, 25
    or t1, t1, t2
    srli t2, s0, 15
    andi t2, t2, 1
    la t3, second
    add t3, t3, t2
    lbu t3, 0(t3)
    slli t3, t3, 20
    or t1, t1, t3
    li t3, 10 << 7 | 11 << 15           # a0 and a1
    or t1, t1, t3
    # Not these, which change the machine: CSR accesses, xret and wfi; jal goes too far.
    andi t2, t1, 0x7f
    li t3, 0x6f
    beq t2, t3, done
    li t3, 0x73
    bne t2, t3, store_word
    srli t2, s0, 5
    andi t2, t2, 7
    bnez t2, done
    j store_word
parcel:
    andi t1, s0, 3
    addi t1, t1, -3
    beqz t1, done                       # half of a longer one
    li t1, 0xa001                       # c.j to itself
    beq s0, t1, done
    .if XLEN == 32
    li t1, 0x2001                       # c.jal to itself
    beq s0, t1, done
    .endif
    li t1, 0xfc7f
    and t1, s0, t1
    li t2, 0xe001                       # c.bnez to itself
    beq t1, t2, done
    li t1, 0x90020000
    or t1, t1, s0
store_word:
    li t0, SLOT
    sw t1, 0(t0)
    fence.i
    la t0, saved
    STORE s0, 0(t0)
    STORE s1, SIZE(t0)
    csrw mepc, zero
    li t1, 0x1888
    csrs mstatus, t1
    li t1, SLOT
    csrw mepc, t1
    li x31, DATA + 0x1000 + 31 * 16
    .irp register, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    addi x\register, x31, (\register - 31) * 16
    .endr
    csrw mscratch, x31
    csrr x31, minstret
    csrrw x31, mscratch, x31
    mret

    .balign 4
handler:
    csrw sscratch, gp
    csrw stval, tp
    csrr gp, minstret
    csrr tp, mscratch
    sub gp, gp, tp
    csrr tp, mcause                     # QEMU counts illegal instructions, ebreak and ecall (causes 2, 3, 11)
    addi tp, tp, -2
    beqz tp, 1f
    addi tp, tp, -1
    beqz tp, 1f
    addi tp, tp, -8
    bnez tp, 2f
1:  la tp, weight
    LOAD tp, 0(tp)
    sub gp, gp, tp
2:  .irp register, x1, x2, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15, x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x31
    MIX \register
    .endr
    csrr x5, mcause
    MIX x5
    addi x5, x5, -3
    beqz x5, 4f
    csrr x5, mtval                      # an ebreak's is open
    MIX x5
4:  csrr x5, mepc
    MIX x5
    csrr x5, sscratch
    MIX x5
    csrr x5, stval
    MIX x5
    li x5, DATA + 0x1000 - BELOW        # what it has stored
    li x6, DATA + 0x1000 + ABOVE
    li x7, NUMBER
5:  .irp index, 0, 1, 2, 3, 4, 5, 6, 7
    LOAD x8, \index * SIZE(x5)
    beq x8, x7, 6f
    MIX x8
    addi x9, x5, \index * SIZE
    MIX x9
6:
    .endr
    addi x5, x5, 8 * SIZE
    bne x5, x6, 5b
    la t0, saved
    LOAD s0, 0(t0)
    LOAD s1, SIZE(t0)
    slli t1, s1, 5
    sub s1, t1, s1
    add s1, s1, gp
done:
    addi s0, s0, 1
    li t0, FIRST
    sub t0, s0, t0
    li t1, GROUP
    remu t1, t0, t1
    bnez t1, next
    la sp, stack_top
    li t1, GROUP
    sub a0, s0, t1
    call print_number
    li a0, ' '
    call print_character
    mv a0, s1
    call print_number
    li a0, '\n'
    call print_character
    li s1, 0
    li t0, FIRST + COUNT
    bne s0, t0, next
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
6:  j 6b

print_character:
    li t0, UART
1:  lbu t1, 5(t0)
    andi t1, t1, 0x20
    beqz t1, 1b
    sb a0, 0(t0)
    ret

print_number:
    mv s3, ra
    mv s4, a0
    li s5, XLEN - 4
2:  srl t0, s4, s5
    andi t0, t0, 15
    la t1, digits
    add t0, t0, t1
    lbu a0, 0(t0)
    call print_character
    addi s5, s5, -4
    bgez s5, 2b
    jr s3

    .section .rodata
digits: .ascii "0123456789abcdef"
second: .byte 12, 0

    .data
    .balign 8
weight: .dword 0
saved: .dword 0, 0
    .bss
    .balign 16
    .skip 256
stack_top:
