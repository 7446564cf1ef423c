// SPDX-License-Identifier: GPL-2.0-or-later
// Where all harts begin, and how one enters the supervisor.
#include "firmware.inc"

// In: a0 = hart, a1 = device tree, a2 = what comes next (struct fw_dynamic_info of OpenSBI: magic, version, address,
// mode, options, boot hart; XLEN bits each). Hart 0 goes there; the others are stopped until somebody starts them.
    .section .text.entry, "ax"
ENTRY _start
    li      t0, MAX_HARTS
    bgeu    a0, t0, too_many
    la      s0, hart_areas
    slli    t0, a0, HART_SHIFT
    add     s0, s0, t0
    li      t0, HART_BYTES
    add     sp, s0, t0
    csrw    mscratch, s0
    sw      a0, HART_ID(s0)
    mv      s1, a1
    mv      s2, a2
    jal     machine_setup
    lw      t0, HART_ID(s0)
    bnez    t0, hart_wait

    mv      a0, s1
    jal     count_harts
    la      t0, harts
    sw      a0, (t0)
    mv      t0, s0                  // all but us are stopped, also those that have not come here yet
    li      t1, HSM_STOPPED
    li      t2, HART_BYTES
1:  addi    a0, a0, -1
    beqz    a0, 2f
    add     t0, t0, t2
    sw      t1, HART_STATE(t0)
    j       1b
2:
    LOAD    t0, 2 * REGISTER_BYTES(s2)
    STORE   t0, HART_START_ADDRESS(s0)
    STORE   s1, HART_START_ARGUMENT(s0)
    j       hart_begin
too_many:
    wfi
    j       too_many
END _start

    .text
// machine_setup: what a hart needs once: traps to us, the supervisor's own traps and counters to the supervisor, our
// memory and the CLINT to nobody else.
// Clobbers: t0-t2.
machine_setup:
    la      t0, trap_entry
    csrw    mtvec, t0
    // All but calls from S and M: 0 to 8, and the page faults 12, 13, 15.
    li      t0, 0xb1ff
    csrw    medeleg, t0
    li      t0, 0x222
    csrw    mideleg, t0
    li      t0, -1
    csrw    mcounteren, t0
    csrw    mie, zero

    // PMP (privileged manual, section 3.7.1): our block, the CLINT's 64 KiB, all memory; the first that fits counts.
    la      t0, firmware_start
    srli    t0, t0, 2
    la      t1, firmware_end
    la      t2, firmware_start
    sub     t1, t1, t2
    srli    t1, t1, 3
    addi    t1, t1, -1
    or      t0, t0, t1
    csrw    pmpaddr0, t0
    li      t0, (CLINT_MSIP >> 2) | (0x10000 / 8 - 1)
    csrw    pmpaddr1, t0
    li      t0, -1
    csrw    pmpaddr2, t0
    li      t0, 0x1f1818            // NAPOT each; nothing, nothing, RWX
    csrw    pmpcfg0, t0

    // Sstc, if there is one: the supervisor then has a timer of its own. Where there is no such CSR at all, the
    // access traps to the label behind it.
    la      t0, 1f
    csrrw   t1, mtvec, t0
#if __riscv_xlen == 64
    li      t0, 1
    slli    t0, t0, 63
    csrs    CSR_MENVCFG, t0
    csrr    t2, CSR_MENVCFG
#else
    lui     t0, 0x80000
    csrs    CSR_MENVCFGH, t0
    csrr    t2, CSR_MENVCFGH
#endif
    bgez    t2, 1f
    la      t0, has_sstc
    sw      t0, (t0)                // any value but 0
    .balign 4
1:  csrw    mtvec, t1
    ret

// hart_begin: into S-mode for the first time, or again after hart_stop, with nothing pending.
// In: s0. Does not return.
ENTRY hart_begin
    li      t0, INTERRUPT_SSI | INTERRUPT_STI
    csrc    mip, t0
    jal     timer_off

// hart_enter: into S-mode, as HART_START_ADDRESS and HART_START_ARGUMENT say (SBI 2.0, section 9.2).
// In: s0. Does not return.
ENTRY hart_enter
    // Started before the fences: a hart that asks for one from here on does not pass us by.
    fence   rw, rw
    sw      zero, HART_STATE(s0)    // HSM_STARTED
    fence   rw, rw
    csrw    satp, zero
    sfence.vma
    fence.i
    csrw    sie, zero
    li      t0, INTERRUPT_MSI
    csrs    mie, t0
    li      t0, MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_SIE
    csrc    mstatus, t0
    li      t0, MSTATUS_MPP_S
    csrs    mstatus, t0
    LOAD    t0, HART_START_ADDRESS(s0)
    csrw    mepc, t0
    lw      a0, HART_ID(s0)
    LOAD    a1, HART_START_ARGUMENT(s0)
    mret
END hart_enter
END hart_begin

// count_harts: how many cpu@... nodes the device tree has, up to MAX_HARTS.
// In: a0 = device tree. Out: a0. Clobbers: t0-t6, a1-a3.
count_harts:
    mv      a2, ra
    mv      t5, a0
    addi    t0, a0, 8
    jal     big_endian              // offset of the structure block
    add     t5, t5, t1
    li      a0, 0
    li      a1, MAX_HARTS
1:  mv      t0, t5
    jal     big_endian
    addi    t5, t5, 4
    li      t2, 1                   // FDT_BEGIN_NODE
    beq     t1, t2, 2f
    li      t2, 3                   // FDT_PROP: length, name, value
    beq     t1, t2, 5f
    li      t2, 9                   // FDT_END; all others stand alone
    bne     t1, t2, 1b
    jr      a2
2:  la      t3, cpu_name
    mv      t0, t5
3:  lbu     t4, (t3)
    beqz    t4, 4f
    lbu     t6, (t0)
    addi    t3, t3, 1
    addi    t0, t0, 1
    beq     t4, t6, 3b
    j       6f
4:  beq     a0, a1, 6f
    addi    a0, a0, 1
6:  lbu     t6, (t5)                // to the end of the name, and on to the next word
    addi    t5, t5, 1
    bnez    t6, 6b
    j       7f
5:  mv      t0, t5
    jal     big_endian
    addi    t5, t5, 8
    add     t5, t5, t1
7:  addi    t5, t5, 3
    andi    t5, t5, -4
    j       1b

// big_endian: t1 = the u32 at t0. Clobbers: t2-t4.
big_endian:
    li      t1, 0
    li      t3, 4
1:  lbu     t2, (t0)
    slli    t1, t1, 8
    or      t1, t1, t2
    addi    t0, t0, 1
    addi    t3, t3, -1
    bnez    t3, 1b
    ret

    .section .rodata
cpu_name:
    .asciz  "cpu@"

    .data
    .balign 4
    .globl  harts, has_sstc
harts:                              // u32, how many there are; hart 0 writes it before any other can ask
    .word   1
has_sstc:                           // u32, whether supervisors have a timer of their own
    .word   0

    .bss
    .balign 16
    .globl  hart_areas
hart_areas:
    .skip   MAX_HARTS * HART_BYTES
