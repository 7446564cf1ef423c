# SPDX-License-Identifier: GPL-2.0-or-later
"""Small bare-metal guests."""


def finish(status: int) -> str:
    """Ends the run with this status."""
    value = 0x5555 if status == 0 else status << 16 | 0x3333
    return f"""
    li t0, 0x100000
    li t1, {value}
    sw t1, 0(t0)
9:  j 9b
"""


HELLO = f"""
    bnez a0, sleep
    li t0, 0x10000000
    la t1, text
1:  lbu t2, 0(t1)
    beqz t2, 2f
    sb t2, 0(t0)
    addi t1, t1, 1
    j 1b
2:  {finish(0)}
sleep:
    wfi
    j sleep
    .data
text: .asciz "hello\\n"
"""

# Writes back what it reads, in brackets, until a q: spins on the line status.
ECHO = f"""
    bnez a0, sleep
    li s0, 0x10000000
next:
    lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, next
    lbu s1, 0(s0)
    li t0, '['
    sb t0, 0(s0)
    sb s1, 0(s0)
    li t0, ']'
    sb t0, 0(s0)
    li t0, 'q'
    bne s1, t0, next
    {finish(7)}
sleep:
    wfi
    j sleep
"""

# The same, but asleep until the UART's interrupt comes through the PLIC.
ECHO_ASLEEP = f"""
    bnez a0, sleep
    li s0, 0x10000000
    li s2, 0x0c000000
    li t0, 1
    sw t0, 40(s2)          # priority of source 10
    li t1, 0x0c002000
    li t0, 1 << 10
    sw t0, 0(t1)           # enabled for hart 0 in machine mode
    li s3, 0x0c200000
    sw zero, 0(s3)         # threshold
    li t0, 1
    sb t0, 1(s0)           # receive interrupt
    li t0, 1 << 11
    csrw mie, t0
    li t0, '>'
    sb t0, 0(s0)
next:
    wfi
    lw s4, 4(s3)           # claim
    beqz s4, next
3:  lbu t0, 5(s0)
    andi t0, t0, 1
    beqz t0, 4f
    lbu s1, 0(s0)
    li t0, '['
    sb t0, 0(s0)
    sb s1, 0(s0)
    li t0, ']'
    sb t0, 0(s0)
    li t0, 'q'
    beq s1, t0, 5f
    j 3b
4:  sw s4, 4(s3)           # complete
    j next
5:  {finish(7)}
sleep:
    wfi
    j sleep
"""

SPIN = """
spin:
    addi a1, a1, 1
    call work
    j spin
work:
    ret
"""

# Goes where nothing is; there is no trap vector either.
NOWHERE = """
    li t0, 0x40000000
    jr t0
"""

# The handler's first instruction traps.
BAD_HANDLER = """
    la t0, handler
    csrw mtvec, t0
    nop
    lw a0, 8(zero)
    .balign 4
handler:
    lw t1, 16(zero)
    mret
"""

ASLEEP = """
sleep:
    wfi
    j sleep
"""
