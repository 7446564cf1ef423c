// SPDX-License-Identifier: GPL-2.0-or-later
// Console input. The interrupt handler only collects characters and looks for Ctrl-C; lines are put together where they are read:
// what is typed before anybody reads shows up when somebody does. Editing: backspace or delete, Ctrl-U for the whole line, Ctrl-D
// for the end of the input (or of an unfinished line).
#include "assembly.inc"
#include "errno.inc"
#include "layout.inc"
#include "syscall.inc"

#define UART_RBR            0
#define UART_IER            1
#define UART_IER_RECEIVE    1
#define UART_LSR            5
#define UART_LSR_READY      1

#define CONTROL_C           3
#define CONTROL_D           4
#define BACKSPACE           8
#define CONTROL_U           21
#define DELETE              127

#define TYPED_BYTES         1024                    /* a power of two */
#define LINE_BYTES          1024                    /* a longer line arrives in pieces */

// console_input: under console_input_lock. Whoever waits for a character sleeps on it. A ring of what has been typed:
#define INPUT_BEGIN         TYPED_BYTES             /* u32, characters ever taken from it */
#define INPUT_END           (TYPED_BYTES + 4)       /* u32, characters ever typed */
// and the line in console_line:
#define INPUT_LINE_LENGTH   (TYPED_BYTES + 8)       /* u32 */
#define INPUT_LINE_TAKEN    (TYPED_BYTES + 12)      /* u32, characters of it delivered */
#define INPUT_LINE_COMPLETE (TYPED_BYTES + 16)      /* u32 */
#define INPUT_STOPPED       (TYPED_BYTES + 20)      /* u32, the ring was full: no interrupts until somebody reads */
#define INPUT_SIZE          (TYPED_BYTES + 24)

    .text
// console_input_initialise(): characters make interrupts from now on. Hart 0 at boot. Clobbers t0, t1. The receiver's FIFO stays
// off: switching it on would empty it, and lose what has been typed already.
ENTRY console_input_initialise
    li      t0, UART
    li      t1, UART_IER_RECEIVE
    sb      t1, UART_IER(t0)
    ret
END console_input_initialise

// console_interrupt(): takes the characters that have arrived. From plic_handle. Clobbers every caller-saved register.
ENTRY console_interrupt
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    li      s0, 0                       // was Ctrl-C among them?
    la      a0, console_input_lock
    jal     spin_acquire
    li      t2, UART
    la      t3, console_input
    li      t4, CONTROL_C
1:  lbu     t0, UART_LSR(t2)
    andi    t0, t0, UART_LSR_READY
    beqz    t0, 4f
    lw      t5, INPUT_END(t3)
    lw      t6, INPUT_BEGIN(t3)
    subw    t0, t5, t6
    li      t1, TYPED_BYTES
    beq     t0, t1, 3f
    lbu     t0, UART_RBR(t2)
    beq     t0, t4, 2f
    andi    t1, t5, TYPED_BYTES - 1
    add     t1, t1, t3
    sb      t0, 0(t1)
    addi    t5, t5, 1
    sw      t5, INPUT_END(t3)
    j       1b
2:  li      s0, 1                       // what was typed before it is void
    sw      t5, INPUT_BEGIN(t3)
    sw      zero, INPUT_LINE_LENGTH(t3)
    sw      zero, INPUT_LINE_TAKEN(t3)
    sw      zero, INPUT_LINE_COMPLETE(t3)
    j       1b
3:  sb      zero, UART_IER(t2)          // no room: the rest waits in the UART until somebody reads
    li      t0, 1
    sw      t0, INPUT_STOPPED(t3)
4:  la      a0, console_input
    jal     wake_all
    la      a0, console_input_lock
    jal     spin_release
    beqz    s0, 5f
    la      a0, .Ltext_interrupt
    li      a1, 3
    jal     console_write
    li      a0, SIGINT
    jal     signal_everybody
5:  ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
END console_interrupt

// console_device_read(a0 vnode, a1 user address, a2 bytes) -> bytes, at most the rest of one line; 0 at the end of the input; -EFAULT
// or -EINTR. Sleeps until there is a line.
ENTRY console_device_read
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    sd      s2, 0(sp)
    mv      s0, a1
    mv      s1, a2
    la      s2, console_input
    la      a0, console_input_lock
    jal     spin_acquire
.Lagain:
    lw      t0, INPUT_LINE_COMPLETE(s2)
    bnez    t0, .Lline
    lw      t0, INPUT_BEGIN(s2)
    lw      t1, INPUT_END(s2)
    beq     t0, t1, .Lwait
    addi    t1, t0, 1
    sw      t1, INPUT_BEGIN(s2)
    andi    t0, t0, TYPED_BYTES - 1
    add     t0, t0, s2
    lbu     a0, 0(t0)
    jal     console_character
    lw      t0, INPUT_STOPPED(s2)
    beqz    t0, .Lagain
    sw      zero, INPUT_STOPPED(s2)
    li      t0, UART
    li      t1, UART_IER_RECEIVE
    sb      t1, UART_IER(t0)
    j       .Lagain
.Lwait:
    mv      a0, s2
    la      a1, console_input_lock
    jal     sleep_interruptible
    beqz    a0, .Lagain
    j       .Lread_unlock               // -EINTR

.Lline:
    lw      t0, INPUT_LINE_TAKEN(s2)
    lw      t1, INPUT_LINE_LENGTH(s2)
    sub     t1, t1, t0
    bgeu    t1, s1, 1f
    mv      s1, t1                      // no more than the line has
1:  mv      a0, s0
    la      a1, console_line
    add     a1, a1, t0
    mv      a2, s1
    jal     copy_to_user                // no page is missing, so this does not sleep
    bltz    a0, .Lread_unlock
    lw      t0, INPUT_LINE_TAKEN(s2)
    lw      t1, INPUT_LINE_LENGTH(s2)
    add     t0, t0, s1
    sw      t0, INPUT_LINE_TAKEN(s2)
    mv      a0, s1
    bne     t0, t1, .Lread_unlock
    sw      zero, INPUT_LINE_COMPLETE(s2)
    sw      zero, INPUT_LINE_TAKEN(s2)
    sw      zero, INPUT_LINE_LENGTH(s2)
.Lread_unlock:
    mv      s0, a0
    la      a0, console_input_lock
    jal     spin_release
    mv      a0, s0
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    ld      s2, 0(sp)
    addi    sp, sp, 32
    ret
END console_device_read

// console_character(a0 character): the next one of the line. console_input_lock held. Clobbers every caller-saved register.
console_character:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    la      s0, console_input
    li      t0, '\r'
    bne     a0, t0, 1f
    li      a0, '\n'
1:  li      t0, CONTROL_D
    beq     a0, t0, .Lcomplete
    li      t0, BACKSPACE
    beq     a0, t0, .Lerase
    li      t0, DELETE
    beq     a0, t0, .Lerase
    li      t0, CONTROL_U
    beq     a0, t0, .Lerase_all
    lw      t0, INPUT_LINE_LENGTH(s0)
    la      t1, console_line
    add     t1, t1, t0
    sb      a0, 0(t1)
    addi    t0, t0, 1
    sw      t0, INPUT_LINE_LENGTH(s0)
    li      t1, LINE_BYTES
    bne     t0, t1, 2f
    li      t0, 1                       // as long as a line can be: its reader gets a piece
    sw      t0, INPUT_LINE_COMPLETE(s0)
2:  sb      a0, 0(sp)
    li      t0, '\n'
    bne     a0, t0, 3f
    li      t0, 1
    sw      t0, INPUT_LINE_COMPLETE(s0)
3:  mv      a0, sp                      // echo
    li      a1, 1
    jal     console_write
    j       .Lcharacter_done
.Lcomplete:
    li      t0, 1
    sw      t0, INPUT_LINE_COMPLETE(s0)
    j       .Lcharacter_done
.Lerase:
    jal     console_erase
    j       .Lcharacter_done
.Lerase_all:
    jal     console_erase
    bnez    a0, .Lerase_all
.Lcharacter_done:
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    addi    sp, sp, 32
    ret

// console_erase() -> a0 = 1 if there was a character to take from the line.
console_erase:
    la      t0, console_input
    lw      a0, INPUT_LINE_LENGTH(t0)
    beqz    a0, 1f
    addi    a0, a0, -1
    sw      a0, INPUT_LINE_LENGTH(t0)
    addi    sp, sp, -16
    sd      ra, 8(sp)
    la      a0, .Ltext_erase
    li      a1, 3
    jal     console_write
    ld      ra, 8(sp)
    addi    sp, sp, 16
    li      a0, 1
1:  ret

    .section .rodata
.Ltext_interrupt:   .ascii "^C\n"
.Ltext_erase:       .ascii "\b \b"

    .bss
    .balign 8
DATA console_input
    .skip   INPUT_SIZE
END console_input
console_input_lock:
    .skip   4
console_line:
    .skip   LINE_BYTES
