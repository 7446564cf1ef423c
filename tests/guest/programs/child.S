// SPDX-License-Identifier: GPL-2.0-or-later
// What the argument asks for: see the ends of this file's routines. Runs as /child, made by base.S.

#include "assembly.inc"
#include "syscall.inc"

    .text
ENTRY main
    addi    sp, sp, -16
    sd      ra, 0(sp)
    lbu     t0, 0(a0)
    li      t1, 'q'
    beq     t0, t1, quit
    li      t1, 'o'
    beq     t0, t1, orphan
    li      t1, 'l'
    beq     t0, t1, long
    li      t1, 's'
    beq     t0, t1, short
    li      t1, 'f'
    beq     t0, t1, file
    li      t1, 'c'
    beq     t0, t1, copies
    addi    t0, t0, -'1'
    slli    t0, t0, 2
    la      t1, faults
    add     t0, t0, t1
    jr      t0

    .option push
    .option norvc
faults:
    j       1f
    j       2f
    j       3f
    j       4f
    j       5f
    j       6f
    ebreak                              // 7
    .option pop
1:  ld      t0, 0(zero)                 // no page
2:  la      t0, _start                  // code is not writable
    sd      zero, 0(t0)
3:  jr      sp                          // the stack is not executable
4:  csrr    t0, sstatus                 // not in U-mode
5:  li      sp, 0x7ffef000              // the first byte of the stack: a push reaches the page below
    sd      zero, -8(sp)
6:  li      t0, 0x80000000              // the kernel's code is not the user's
    lw      t0, 0(t0)

quit:
    li      a0, 42
    j       done

// Leaves a child behind.
orphan:
    la      a0, path_child
    la      a1, argument_short
    jal     spawn
    li      a0, 0
    j       done

long:
    li      t0, 60000000
    j       1f
short:
    li      t0, 1000000
1:  addi    t0, t0, -1
    bnez    t0, 1b
    jal     print_string                // the argument
    jal     print_newline
    li      a0, 3
    j       done

// The checksum of /data, read a page at a time.
file:
    la      a0, path_data
    li      a1, O_RDWR
    jal     open
    bltz    a0, failed
    mv      s0, a0
    li      s1, 0
1:  mv      a0, s0
    la      a1, buffer
    li      a2, 4096
    jal     read
    bltz    a0, failed
    beqz    a0, 2f
    mv      a2, a0
    la      a1, buffer
    mv      a0, s1
    jal     crc32
    mv      s1, a0
    j       1b
2:  la      a0, text_file
    jal     print_string
    mv      a0, s1
    li      a1, 8
    jal     print_hexadecimal
    jal     print_newline
    li      a0, 5
    j       done

// All small sizes at all alignments of both sides, and the checksum of what arrived; then pointers that turn bad on the way.
copies:
    la      a0, path_data
    li      a1, O_RDWR
    jal     open
    bltz    a0, failed
    mv      s0, a0
    li      s1, 0                       // checksum
    li      s2, 0                       // offset in the file
1:  li      s3, 0                       // alignment of the buffer
2:  li      s4, 0                       // bytes
3:  mv      a0, s0
    mv      a1, s2
    li      a2, 0
    jal     lseek
    bne     a0, s2, failed
    la      s5, buffer
    add     s5, s5, s3
    mv      a0, s0
    mv      a1, s5
    mv      a2, s4
    jal     read
    bne     a0, s4, failed
    mv      a0, s1
    mv      a1, s5
    mv      a2, s4
    jal     crc32
    mv      s1, a0
    addi    s4, s4, 1
    li      t0, 24
    blt     s4, t0, 4f
    addi    s4, s4, 50
4:  li      t0, 300
    blt     s4, t0, 3b
    addi    s3, s3, 1
    li      t0, 9
    blt     s3, t0, 2b
    addi    s2, s2, 1
    li      t0, 9
    blt     s2, t0, 1b
    la      a0, text_copies
    jal     print_string
    mv      a0, s1
    li      a1, 8
    jal     print_hexadecimal
    jal     print_newline
    la      s2, wrong
5:  ld      s3, 0(s2)
    beqz    s3, 6f
    mv      a0, s0
    li      a1, 0
    li      a2, 0
    jal     lseek
    mv      a0, s0
    mv      a1, s3
    ld      a2, 8(s2)
    jal     read
    mv      s4, a0
    la      a0, text_wrong
    jal     print_string
    mv      a0, s4
    jal     print_decimal
    jal     print_newline
    addi    s2, s2, 16
    j       5b
6:  li      a0, 6
    j       done

failed:
    la      a0, text_failed
    jal     print_string
    jal     print_newline
    li      a0, 1
done:
    ld      ra, 0(sp)
    addi    sp, sp, 16
    ret
END main

    .section .rodata
path_child:     .asciz "/child"
path_data:      .asciz "/data"
argument_short: .asciz "short"
text_file:      .asciz "file "
text_copies:    .asciz "copies "
text_wrong:     .asciz "wrong pointer: "
text_failed:    .asciz "child failed"
    .balign 8
wrong:                                  // address, bytes
    .8byte  0x7ffffff8, 1               // the unmapped page above the stack
    .8byte  0x7fffeff8, 9               // the last byte is on it
    .8byte  0x7fffeff8, 64
    .8byte  0x40000000, 1               // code
    .8byte  0x40000001, 200
    .8byte  0x80000000, 1               // the kernel
    .8byte  0x7fffffff, 2               // into it
    .8byte  0x02000000, 4               // a device
    .8byte  0x3fffffff, 2               // from below user space
    .8byte  -1, 2
    .8byte  0

    .bss
    .balign 64
buffer:
    .skip   4096 + 512
