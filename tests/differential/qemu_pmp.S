# SPDX-License-Identifier: GPL-2.0-or-later
# Physical memory protection: what loads, stores and fetches from M-, S- and U-mode come to at sixteen pages, under each
# configuration of a table.  For each configuration: a line with a hash over the traps and what was stored.
#
# Defined from outside: XLEN.  The table, behind `configurations`: pmpcfg for entries 1 to 4 as a word, then pmpaddr1 to 4 as
# words; a word of all ones ends it.  Entry 0 opens the page of `stub`.  Locked entries stay, as do those after them.

    .equ PAGES, 0x80800000
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
    li s3, 0x2545f491
    la t0, handler
    csrw mtvec, t0
    la t0, stub                         # NAPOT, 4 KiB
    srli t0, t0, 2
    ori t0, t0, 0x1ff
    csrw pmpaddr0, t0
    la s0, configurations
next_configuration:
    lw t0, 0(s0)
    li t1, -1
    beq t0, t1, finish
    lw t1, 4(s0)
    csrw pmpaddr1, t1
    lw t1, 8(s0)
    csrw pmpaddr2, t1
    lw t1, 12(s0)
    csrw pmpaddr3, t1
    lw t1, 16(s0)
    csrw pmpaddr4, t1
    .if XLEN == 64
    slli t0, t0, 32                     # without its sign
    srli t0, t0, 24
    ori t0, t0, 0x1d
    csrw pmpcfg0, t0
    .else
    srli t1, t0, 24
    csrw pmpcfg1, t1
    slli t0, t0, 8
    ori t0, t0, 0x1d
    csrw pmpcfg0, t0
    .endif
    addi s0, s0, 20
    li s2, 1
    li s4, 0                            # page: bits 0 to 3; access: 4 and 5; privilege: from bit 6 on
next_case:
    andi t0, s4, 15
    slli t0, t0, 12
    li a0, PAGES
    add a0, a0, t0
    la t1, spare                        # what is there, or is meant to be
    li t2, 0x73
    sw t2, 0(t1)
    la s8, 1f                           # M-mode may not be allowed to, either
    li t1, 0x73
    sw t1, 0(a0)
    li t1, 0x1234
    sw t1, 8(a0)
1:  fence.i
    andi s7, s4, 0x30
    srli s7, s7, 4
    li t0, 3
    beq s7, t0, done
    li t0, 0x21888                      # mstatus: MPRV, MPP, MPIE, MIE off
    csrc mstatus, t0
    li a1, 0x77
    la s8, done
    srli s6, s4, 6
    la t2, stub
    slli t1, s7, 3
    add t2, t2, t1
    beqz s6, machine
    li t1, 1
    beq s6, t1, 2f                      # U-mode
    li t1, 2
    bne s6, t1, 1f
    li t1, 1 << 11                      # S-mode
    csrs mstatus, t1
    j 2f
1:  li t1, 1 << 17                      # M-mode with MPRV and MPP U
    csrs mstatus, t1
machine:
    la ra, done
    jr t2
2:  csrw mepc, t2
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
    MIX t1
    jr s8
done:
    li t0, 1 << 17
    csrc mstatus, t0
    addi s4, s4, 1
    li t0, 4 << 6
    bne s4, t0, next_case
    mv a0, s2
    call print
    j next_configuration
finish:
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
2:  j 2b

print:                                  # a0 in hexadecimal digits, and the line's end
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
    li t2, '\n'
    sb t2, 0(t0)
    ret

    .balign 4096
stub:                                   # eight bytes each: load, store, fetch
    lw a2, 8(a0)
    ecall
    sw a1, 8(a0)
    ecall
    jr a0
    ecall
    .balign 4096
    .data
    .balign 4
spare: .word 0
configurations:
