# SPDX-License-Identifier: GPL-2.0-or-later
"""Small guests that use a virtio device by polling: sources for the fixture `guest`."""

_START = """
        li s0, {base}
        li t0, 3
        sw t0, 0x70(s0)          # acknowledged, there is a driver
        li t0, 1
        sw t0, 0x24(s0)
        sw t0, 0x20(s0)          # VERSION_1
        li t0, 11
        sw t0, 0x70(s0)          # features are agreed upon
        sw zero, 0x30(s0)
        li t0, 8
        sw t0, 0x38(s0)
        la t0, descriptors
        sw t0, 0x80(s0)
        la t0, available
        sw t0, 0x90(s0)
        la t0, used
        sw t0, 0xa0(s0)
        li t0, 1
        sw t0, 0x44(s0)
        li t0, 15
        sw t0, 0x70(s0)
"""
_REQUEST = """
        li t1, 0x100000
        li t2, 0x5555
        sw t2, 0(t1)
        j .
    request:                     # descriptor 0 to the device, and wait; clobbers t0 to t4
        la t1, available
        lhu t2, 2(t1)
        andi t3, t2, 7
        slli t3, t3, 1
        add t3, t3, t1
        sh zero, 4(t3)
        fence
        addi t2, t2, 1
        sh t2, 2(t1)
        fence
    notify:
        sw zero, 0x50(s0)
        la t4, used
    1:  lhu t0, 2(t4)
        bne t0, t2, 1b
        ret
"""
_RINGS = """
    available: .zero 24
        .balign 4
    used: .zero 72
        .balign 4096
    data: .zero 512
        .balign 4096
    other: .dword 0
"""

DISK = (
    _START.format(base=0x1000_1000)
    + """
        li s1, 0
    write:                       # 1 to sector 0, 2 to sector 1, 3 to sector 2
        addi s2, s1, 1
        la t1, data
        sd s2, 0(t1)
        la t1, header
        li t0, 1
        sw t0, 0(t1)
        sd s1, 8(t1)
        call request
    written:
        addi s1, s1, 1
        li t0, 3
        bne s1, t0, write
        la t1, header            # and sector 2 back
        sw zero, 0(t1)
        li t0, 2
        sd t0, 8(t1)
        la t1, data
        sd zero, 0(t1)
        la t1, descriptors
        li t0, 3
        sh t0, 28(t1)            # the device writes to the data now
        call request
        la t1, data
        ld s3, 0(t1)
"""
    + _REQUEST
    + """
        .data
        .balign 16
    descriptors:
        .dword header
        .word 16
        .half 1, 1
        .dword data
        .word 512
        .half 1, 2
        .dword status
        .word 1
        .half 2, 0
        .zero 80
    header: .zero 16
    status: .dword 0
"""
    + _RINGS
)
"""Writes three sectors, and reads one: s1 is how many it has written, s3 what it has read."""

ENTROPY = (
    _START.format(base=0x1000_4000)
    + "        call request\n"
    + _REQUEST
    + """
        .data
        .balign 16
    descriptors:
        .dword data
        .word 8
        .half 2, 0
        .zero 112
"""
    + _RINGS
)
"""Gets eight random bytes, by the store to QueueNotify itself."""
