# SPDX-License-Identifier: GPL-2.0-or-later
# Which interrupt is taken, by whom and where: pending, enabled and delegated ones in random sets, from all modes with
# interrupts on and off, handlers vectored and not.  For every 64 cases: a line with a hash over what the handlers find.
#
# Defined from outside: XLEN, SEED, LINES.

    .equ CLINT, 0x02000000
    .equ UART, 0x10000000
    .equ FINISHER, 0x00100000
    .equ ALL, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 9

    .macro MIX register                 # into the hash in s2; clobbers t0
    mul s2, s2, s3
    add s2, s2, \register
    srli t0, s2, XLEN / 2 - 3
    xor s2, s2, t0
    .endm

    .macro RANDOM register              # the next number of a linear congruential generator, 31 bits
    li t0, 1103515245
    mul s5, s5, t0
    li t0, 12345
    add s5, s5, t0
    slli \register, s5, XLEN - 32
    srli \register, \register, XLEN - 31
    srli t0, \register, 16
    xor \register, \register, t0
    .endm

    .macro HANDLER status, cause, epc, tval, mode
    csrr t1, \cause
    MIX t1
    csrr t1, \epc
    MIX t1
    csrr t1, \tval
    MIX t1
    csrr t1, \status
    slli t1, t1, XLEN - 20              # without FS and what is above
    MIX t1
    li t1, \mode
    MIX t1
    .endm

    .globl _start
_start:
    li s3, 0x2545f491
    li s5, SEED
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li s6, LINES
next_line:
    li s2, 1
    li s7, 64
next_case:
    csrci mstatus, 8                    # MIE
    csrw mie, zero
    RANDOM s8                           # what is pending
    RANDOM t1
    or s8, s8, t1
    li t1, ALL
    and s8, s8, t1
    csrw mip, s8                        # SSIP, STIP, SEIP
    li t2, CLINT
    srli t3, s8, 3
    andi t3, t3, 1
    sw t3, 0(t2)                        # MSIP
    li t2, CLINT + 0x4000
    li t4, -1
    srli t3, s8, 7
    andi t3, t3, 1
    sub t3, t3, zero
    addi t3, t3, -1                     # 0 where MTIP is to be pending, else far away
    sw t4, 4(t2)
    sw t3, 0(t2)
    and t3, t3, t4
    sw t3, 4(t2)
    RANDOM s9
    RANDOM t1
    or s9, s9, t1
    csrw mie, s9
    RANDOM t1
    csrw mideleg, t1
    csrw medeleg, zero
    RANDOM t1                           # mode and what is unmasked: bits 0 to 3; vectored: bit 4 and 5
    la t2, machine_vectors
    srli t3, t1, 4
    andi t3, t3, 1
    or t2, t2, t3
    csrw mtvec, t2
    la t2, supervisor_vectors
    srli t3, t1, 5
    andi t3, t3, 1
    or t2, t2, t3
    csrw stvec, t2
    li t2, 0x19aa                       # MPP, SPP, MPIE, SPIE, MIE, SIE off
    csrc mstatus, t2
    andi t2, t1, 1
    slli t2, t2, 1                      # SIE
    csrs mstatus, t2
    andi t2, t1, 2
    slli t2, t2, 6                      # MPIE, to become MIE
    csrs mstatus, t2
    andi t2, t1, 12
    slli t2, t2, 9                      # MPP
    li t3, 2 << 11
    bne t2, t3, 1f
    li t2, 3 << 11
1:  csrs mstatus, t2
    la t2, 2f
    csrw mepc, t2
    mret
    .balign 4
2:  nop                                 # an interrupt is taken here, or none
    nop
    li t6, 77
    ecall

    .balign 256
machine_vectors:
    j machine_handler
    .rept 15
    addi s10, s10, 1                    # as many as it is far from the handler
    .endr
machine_handler:
    HANDLER mstatus, mcause, mepc, mtval, 3
    MIX s10
    j taken
    .balign 256
supervisor_vectors:
    j supervisor_handler
    .rept 15
    addi s10, s10, 1
    .endr
supervisor_handler:
    HANDLER sstatus, scause, sepc, stval, 1
    MIX s10
    csrr t1, sip
    MIX t1
    csrr t1, sie
    andi t1, t1, ALL                    # AIA has more
    MIX t1
    csrw sie, zero                      # back to M-mode
    ecall
taken:                                  # in M-mode, perhaps after S-mode has been here
    csrr t1, mip
    MIX t1
    li s10, 0
    csrw mie, zero
    addi s7, s7, -1
    bnez s7, next_case
    mv a0, s2
    call print
    addi s6, s6, -1
    bnez s6, next_line
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
