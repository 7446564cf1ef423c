# SPDX-License-Identifier: GPL-2.0-or-later
# Every set of permissions of a page-table entry, under every privilege that can ask, with and without SUM and MXR: what a
# load, a store, a fetch, an AMO and an LR come to.  For every kind of page and every set of flags: a line with a hash
# over mcause, mtval, mepc, the entry afterwards and what was stored.
#
# Defined from outside: XLEN, MODE (of satp), LEVELS.
#
# The page in question is at TEST; the accesses of U- and S-mode are made by copies of `stub` in pages of their own.

    .if XLEN == 64
    .macro LOAD rd, at
    ld \rd, \at
    .endm
    .macro STORE rs, at
    sd \rs, \at
    .endm
    .equ INDEX_BITS, 9
    .equ MODE_SHIFT, 60
    .equ SIZE_SHIFT, 3
    .else
    .macro LOAD rd, at
    lw \rd, \at
    .endm
    .macro STORE rs, at
    sw \rs, \at
    .endm
    .equ INDEX_BITS, 10
    .equ MODE_SHIFT, 31
    .equ SIZE_SHIFT, 2
    .endif
    .equ SIZE, XLEN / 8
    .equ MEGA_SHIFT, 12 + INDEX_BITS
    .equ MEGA, 1 << MEGA_SHIFT
    .equ BASE, 0x40000000               # of a stretch with a last-level table
    .equ TEST, BASE + 0x5000
    .equ USER_STUB, BASE + 0x6000
    .equ SUPERVISOR_STUB, BASE + 0x7000
    .equ MEGA_TEST, BASE + MEGA + 0x5000
    .equ TABLE, 0x80800000              # pages: the root first, then one a level
    .equ LAST, TABLE + (LEVELS - 1) * 0x1000
    .equ ABOVE_LAST, LAST - 0x1000
    .equ TARGET, 0x80805000             # what the test page leads to
    .equ POINTER, 1
    .equ UART, 0x10000000
    .equ FINISHER, 0x00100000

    .macro MIX register                 # into the hash in s2; clobbers t0
    mul s2, s2, s3
    add s2, s2, \register
    srli t0, s2, XLEN / 2 - 3
    xor s2, s2, t0
    .endm

    .globl _start
_start:
    csrr t0, mhartid
0:  bnez t0, 0b                         # one hart is enough
    li s3, 0x2545f491
    la t0, handler
    csrw mtvec, t0
    li t0, -1                           # PMP: everything to everyone
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0

    li t0, TABLE                        # each level's table leads to the next one
    li t1, TABLE + 0x1000
    li t2, LEVELS - 1
    li t3, BASE
    li t4, 12 + INDEX_BITS * (LEVELS - 1)
1:  srl t5, t3, t4
    andi t5, t5, (1 << INDEX_BITS) - 1
    slli t5, t5, SIZE_SHIFT
    add t5, t5, t0
    srli t6, t1, 2
    ori t6, t6, POINTER
    STORE t6, 0(t5)
    mv t0, t1
    li t6, 0x1000
    add t1, t1, t6
    addi t4, t4, -INDEX_BITS
    addi t2, t2, -1
    bnez t2, 1b

    la t0, stub                         # the stubs: one page, mapped for U and for S
    srli t0, t0, 12
    slli t0, t0, 10
    ori t1, t0, 0x5b                    # V R X U A
    li t2, LAST + 6 * SIZE
    STORE t1, 0(t2)
    ori t1, t0, 0x4b                    # V R X A
    STORE t1, SIZE(t2)

    li s0, 0                            # kind of page: 0 small, 1 mega, 2 mega but misaligned
next_kind:
    li s1, 0                            # flags
next_flags:
    li s2, 1
    li s4, 0                            # SUM and MXR: bits 0 and 1; privilege: bits 2 and 3; access: from bit 4 on
next_case:
    # The entry.
    li t0, TARGET
    li t1, LAST + 5 * SIZE
    li s5, TEST
    beqz s0, 1f
    srli t0, t0, MEGA_SHIFT
    slli t0, t0, MEGA_SHIFT
    li t1, ABOVE_LAST + ((BASE >> MEGA_SHIFT) + 1 & (1 << INDEX_BITS) - 1) * SIZE
    li s5, MEGA_TEST
    addi t2, s0, -1
    slli t2, t2, 12
    add t0, t0, t2
1:  srli t0, t0, 2
    or t0, t0, s1
    STORE t0, 0(t1)
    mv s6, t1
    li t0, TARGET                       # what is there: an ecall, and a number
    li t1, 0x73
    sw t1, 0(t0)
    li t1, 0x1234
    STORE t1, 8(t0)
    li t0, MODE << (MODE_SHIFT - 12)
    slli t0, t0, 12
    li t1, TABLE >> 12
    or t0, t0, t1
    csrw satp, t0
    sfence.vma

    li t0, 0xe1888                      # mstatus: MPRV, SUM, MXR, MPP, MPIE, MIE off
    csrc mstatus, t0
    andi t0, s4, 3
    slli t0, t0, 18
    csrs mstatus, t0
    srli s7, s4, 4                      # the access
    mv a0, s5
    li a1, 1
    la s8, done
    srli t0, s4, 2
    andi t0, t0, 3
    li t1, 2
    bge t0, t1, really
    slli t0, t0, 11                     # M-mode with MPRV, MPP U or S
    li t1, 1 << 17
    or t0, t0, t1
    la t2, stub
    slli t1, s7, 3
    add t2, t2, t1
    la t1, 1f
    li t3, 2
    beq s7, t3, done                    # MPRV means nothing to a fetch
    csrs mstatus, t0
    jr t2
1:
really:                                 # U- or S-mode itself
    li t2, USER_STUB
    andi t0, t0, 1
    beqz t0, 1f
    li t2, SUPERVISOR_STUB
    li t1, 1 << 11
    csrs mstatus, t1
1:  slli t1, s7, 3
    add t2, t2, t1
    la t1, stub                         # its place in the page
    slli t1, t1, XLEN - 12
    srli t1, t1, XLEN - 12
    add t2, t2, t1
    csrw mepc, t2
    mret

    .balign 4
handler:
    li t0, 1 << 17
    csrc mstatus, t0
    csrr t1, mcause
    MIX t1
    csrr t1, mtval
    MIX t1
    csrr t1, mepc
    andi t1, t1, 0x7ff
    MIX t1
    jr s8
done:
    LOAD t1, 0(s6)                      # the entry: A and D
    li t2, 3
    bne s7, t2, 1f
    ori t1, t1, 0x40                    # an AMO that may not store may have loaded: A is open, as for speculation
1:  MIX t1
    li t1, TARGET
    LOAD t1, 8(t1)
    MIX t1
    addi s4, s4, 1
    li t0, 5 << 4
    bne s4, t0, next_case

    slli a0, s0, 8                      # a line
    or a0, a0, s1
    call print
    mv a0, s2
    call print
    li t0, UART
    li t1, '\n'
    sb t1, 0(t0)
    addi s1, s1, 1
    li t0, 0x100
    bne s1, t0, next_flags
    addi s0, s0, 1
    li t0, 3
    bne s0, t0, next_kind
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
2:  j 2b

print:                                  # a0 in hexadecimal digits, and a blank
    li t0, UART
    li t1, XLEN / 4
1:  srli t2, a0, XLEN - 4
    slli a0, a0, 4
    li t3, 10
    blt t2, t3, 2f
    addi t2, t2, 'a' - 10 - '0'
2:  addi t2, t2, '0'
    sb t2, 0(t0)
    addi t1, t1, -1
    bnez t1, 1b
    li t2, ' '
    sb t2, 0(t0)
    ret

    .balign 4096
stub:                                   # eight bytes each: load, store, fetch, AMO, LR
    LOAD a2, 8(a0)
    ecall
    STORE a1, 8(a0)
    ecall
    jr a0
    ecall
    amoadd.w a2, a1, (a0)
    ecall
    lr.w a2, (a0)
    ecall
