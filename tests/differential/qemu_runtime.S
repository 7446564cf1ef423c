# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the programs of a batch one after another and prints a line of hexadecimal numbers for each:
#
#   number  instructions  events  registers  memory
#
# instructions: retired from the start of the program to its end; events: a hash over every trap (cause, mepc, mtval,
# instructions retired until then) and every sample of the counter; registers, memory: hashes of what it has left.
#
# In a program:   gp  traps so far that QEMU counts as instructions, though they do not retire: ecall, ebreak and
#                     illegal instructions that its translator finds (opcode not SYSTEM; those it finds while it executes
#                     them, a CSR that is not there or an mret in user mode, it takes back, as it does faulting loads)
#                 tp  1 if this machine counts those, 0 if it goes by the manual; found out at the start, line "counts"
#                 s7  the counter at the start;  s8  where to go on after a jump to nowhere;  s9  the events
#                 s10 told by an interrupt: it has been;  s10 and s11 count loops;  t2-t6 belong to the trap handler
#                 s2-s6, sp  pointers (see qemu_programs.py)

    .equ PLAYGROUND, 0x80400000
    .equ CLINT,      0x02000000
    .equ UART,       0x10000000
    .equ FINISHER,   0x00100000
    .equ END_OF_PROGRAM, 0x7e5

    .macro MIX register                 # into the hash in s9
    slli t2, s9, 5
    sub s9, t2, s9
    add s9, s9, \register
    .endm

    .section .text.start
    .globl _start
_start:
    la sp, stack_top
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0                    # all of memory for supervisor and user mode
    li t0, 7
    csrw mcounteren, t0
    csrw scounteren, t0
    li t0, 0x88                         # timer and software interrupts, once mstatus.MIE or the mode lets them through
    csrw mie, t0
    la t0, 1f
    csrw mtvec, t0
    csrr s0, minstret
    ecall
    .balign 4
1:  csrr s1, minstret
    sub s0, s1, s0
    addi tp, s0, -1
    la a0, counts
    call print_text
    mv a0, tp
    call print_number
    call print_newline

    la t0, handler
    csrw mtvec, t0
    la s1, descriptors
next_program:
    la t0, current
    sd s1, 0(t0)
    ld t1, 0(s1)                        # entry
    beqz t1, power_off

    # The playground: four pages of numbers.
    li t2, PLAYGROUND
    li t3, 0x2545f4914f6cdd1d
    mv t4, t1
    li t5, 4 * 4096 / 8
    li t6, 4096 * 2 / 8                 # pages 0, 1, then 3, 4
1:  mul t4, t4, t3
    addi t4, t4, 1
    srli t0, t4, 29
    xor t4, t4, t0
    sd t4, 0(t2)
    addi t2, t2, 8
    addi t5, t5, -1
    bne t5, t6, 2f
    li t0, 4096
    add t2, t2, t0
2:  bnez t5, 1b

    li t0, CLINT + 0x4000
    li t2, -1
    sd t2, 0(t0)
    ld t2, 8(s1)                        # mode
    la t3, tables
    slli t4, t2, 3
    add t3, t3, t4
    ld t3, 0(t3)
    csrw satp, t3
    sfence.vma
    li t3, 0x1888                       # MPP, MPIE, MIE
    csrc mstatus, t3
    slli t2, t2, 11
    csrs mstatus, t2
    csrw mepc, t1

    ld x5, 16(s1)
    ld x6, 24(s1)
    ld x8, 32(s1)
    ld x10, 48(s1)
    ld x11, 56(s1)
    ld x12, 64(s1)
    ld x13, 72(s1)
    ld x14, 80(s1)
    ld x15, 88(s1)
    ld x16, 96(s1)
    ld x17, 104(s1)
    ld x9, 40(s1)
    li sp, PLAYGROUND + 0x400
    li s2, PLAYGROUND + 0x800
    li s3, PLAYGROUND + 0x1000
    li s4, PLAYGROUND + 0x2000
    li s5, 0
    li s6, PLAYGROUND + 0x5000
    li ra, 0
    li gp, 0
    li s8, 0
    li s9, 0
    li s10, 0
    li s11, 0
    li t6, 0
    csrr s7, minstret
    mret

    .balign 4
handler:
    csrr t5, minstret
    csrr t3, mcause
    bltz t3, interrupt
    csrr t4, mepc
    li t2, 1
    beq t3, t2, nowhere
    li t2, 12
    beq t3, t2, nowhere
    li t2, 3
    beq t3, t2, counted
    li t2, 8
    beq t3, t2, counted
    li t2, 9
    beq t3, t2, counted
    li t2, 11
    beq t3, t2, counted
    li t2, 2
    bne t3, t2, not_counted
    lhu t2, 0(t4)
    andi t2, t2, 0x7f
    xori t2, t2, 0x73
    beqz t2, not_counted
counted:
    add gp, gp, tp
not_counted:
    li t2, END_OF_PROGRAM
    beq t6, t2, end_of_program
    sub t5, t5, s7
    sub t5, t5, gp
    MIX t5
    MIX t3
    MIX t4
    addi t3, t3, -3
    beqz t3, 1f                         # of ebreak mtval may be mepc or zero (manual, 3.1.16)
    csrr t3, mtval
    MIX t3
1:  lbu t2, 0(t4)                       # go on behind it
    andi t2, t2, 3
    addi t2, t2, -3
    bnez t2, 2f
    addi t4, t4, 2
2:  addi t4, t4, 2
    csrw mepc, t4
    mret
nowhere:
    sub t5, t5, s7
    sub t5, t5, gp
    MIX t5
    MIX t3
    MIX t4
    csrr t3, mtval
    MIX t3
    csrw mepc, s8
    mret

# Where an interrupt comes while a program spins or sleeps is for each machine to say; where it has just been unmasked
# (s10 is 2) there is one right place.
interrupt:
    MIX t3
    la t2, interrupt_count
    sd t5, 0(t2)
    addi s10, s10, -2
    bnez s10, 1f
    sub t5, t5, s7
    sub t5, t5, gp
    MIX t5
    csrr t4, mepc
    MIX t4
1:  li s10, 1
    li t2, CLINT
    sw zero, 0(t2)
    li t2, CLINT + 0x4000
    li t3, -1
    sd t3, 0(t2)
    mret

end_of_program:
    csrw satp, zero
    sub t5, t5, s7
    sub t5, t5, gp
    la t3, result
    sd t5, 0(t3)
    sd s9, 8(t3)
    .irp register, ra, sp, x5, x6, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s8, s10, s11
    MIX \register
    .endr
    sd s9, 16(t3)
    li s9, 0
    li t3, PLAYGROUND
    li t4, PLAYGROUND + 5 * 4096
1:  ld t5, 0(t3)
    MIX t5
    addi t3, t3, 8
    bne t3, t4, 1b
    la t3, result
    sd s9, 24(t3)

    la sp, stack_top
    la s1, current
    ld s1, 0(s1)
    la a0, descriptors
    sub a0, s1, a0
    li a1, 112
    divu a0, a0, a1
    call print_number
    la s0, result
    li s2, 4
2:  li a0, ' '
    call print_character
    ld a0, 0(s0)
    call print_number
    addi s0, s0, 8
    addi s2, s2, -1
    bnez s2, 2b
    call print_newline
    addi s1, s1, 112
    j next_program

power_off:
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b

print_newline:
    li a0, '\n'
print_character:
    li t0, UART
1:  lbu t1, 5(t0)
    andi t1, t1, 0x20
    beqz t1, 1b
    sb a0, 0(t0)
    ret

print_text:
    mv s2, a0
    mv s3, ra
1:  lbu a0, 0(s2)
    beqz a0, 2f
    call print_character
    addi s2, s2, 1
    j 1b
2:  jr s3

print_number:                           # a0, without leading zeros
    mv s3, ra
    mv s4, a0
    li s5, 60
1:  srl t0, s4, s5
    bnez t0, 2f
    addi s5, s5, -4
    bgtz s5, 1b
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
counts: .asciz "counts "
digits: .ascii "0123456789abcdef"

    .data
    .balign 8
current: .dword 0
    .globl interrupt_count
interrupt_count: .dword 0               # the counter when the latest interrupt came
result: .dword 0, 0, 0, 0
tables:                                 # satp by mode: Sv39 for user and supervisor mode
    .dword 8 << 60 | 0x80300, 8 << 60 | 0x80308, 0, 0

    .bss
    .balign 16
    .skip 1024
stack_top:

# The same virtual as physical addresses; leaves with A and D set.
    .equ RWX, 0xcf
    .equ RW, 0xc7
    .equ R, 0x43
    .macro PAGE_TABLES at, user         # root, then those for gigapages 0 and 2, then the playground's
    .org \at - 0x80300000
    .dword ((\at + 0x1000) >> 2) | 1, 0, ((\at + 0x2000) >> 2) | 1
    .org \at - 0x80300000 + 0x1000
    .skip 16 * 8
    .dword (CLINT >> 2) | RW | \user
    .org \at - 0x80300000 + 0x2000
    .dword (0x80000000 >> 2) | RWX | \user, (0x80200000 >> 2) | RWX | \user, ((\at + 0x3000) >> 2) | 1
    .org \at - 0x80300000 + 0x3000
    .dword (PLAYGROUND >> 2) | RWX | \user
    .dword ((PLAYGROUND + 0x1000) >> 2) | RWX | \user
    .dword 0
    .dword ((PLAYGROUND + 0x3000) >> 2) | RW | \user
    .dword ((PLAYGROUND + 0x4000) >> 2) | R | \user
    .dword (0x90000000 >> 2) | RW | \user   # beyond the RAM
    .endm

    .section .tables, "aw"              # linked at 0x80300000
    PAGE_TABLES 0x80300000, 0x10
    PAGE_TABLES 0x80308000, 0
    .org 0x10000
