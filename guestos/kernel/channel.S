// SPDX-License-Identifier: GPL-2.0-or-later
// Pipes and pairs of sockets: reading, writing and releasing their ends. (pair.S makes them.)
//
// User memory is copied with the channel's spinlock held: a process's pages are all there, so a copy never sleeps.
#include "assembly.inc"
#include "channel.inc"
#include "errno.inc"
#include "inode.inc"
#include "layout.inc"
#include "syscall.inc"

    .text

// channel_read(a0 vnode, a1 user address, a2 bytes) -> bytes, 0 when all is read and nobody can write any more; -EFAULT or -EINTR.
// From a channel of messages: one message, cut off where it does not fit. May sleep.
ENTRY channel_read
    addi    sp, sp, -48
    sd      ra, 40(sp)
    sd      s0, 32(sp)
    sd      s1, 24(sp)
    sd      s2, 16(sp)
    sd      s3, 8(sp)
    ld      s0, VNODE_DATA(a0)
    mv      s1, a1
    mv      s2, a2
    mv      a0, s0                      // CHANNEL_LOCK is at 0
    jal     spin_acquire
1:  lw      t0, CHANNEL_BEGIN(s0)
    lw      t1, CHANNEL_END(s0)
    bne     t0, t1, 2f
    lw      t0, CHANNEL_WRITERS(s0)
    li      a0, 0
    beqz    t0, .Lread_unlock
    mv      a0, s0
    mv      a1, s0
    jal     sleep_interruptible
    beqz    a0, 1b
    j       .Lread_unlock

2:  subw    t1, t1, t0                  // bytes there
    lw      t2, CHANNEL_DATAGRAM(s0)
    bnez    t2, 3f
    mv      s3, t1                      // bytes that go
    bgeu    s2, s3, 4f
    mv      s3, s2
4:  mv      s2, s3                      // bytes to deliver
    j       5f
3:  andi    t1, t0, CHANNEL_BYTES - 1
    add     t1, t1, s0
    li      t2, CHANNEL_RING
    add     t1, t1, t2
    lwu     s3, 0(t1)
    addi    t0, t0, 4
    bgeu    s3, s2, 6f
    mv      s2, s3
6:  addi    s3, s3, 4 + 3
    andi    s3, s3, -4
5:  mv      a0, t0
    mv      a1, s1
    mv      a2, s2
    li      a3, 0
    mv      a4, s0
    jal     channel_copy
    bltz    a0, .Lread_unlock
    lw      t0, CHANNEL_BEGIN(s0)
    addw    t0, t0, s3
    sw      t0, CHANNEL_BEGIN(s0)
    addi    a0, s0, CHANNEL_BEGIN
    jal     wake_all
    mv      a0, s2
.Lread_unlock:
    mv      s1, a0
    mv      a0, s0
    jal     spin_release
    mv      a0, s1
    ld      ra, 40(sp)
    ld      s0, 32(sp)
    ld      s1, 24(sp)
    ld      s2, 16(sp)
    ld      s3, 8(sp)
    addi    sp, sp, 48
    ret
END channel_read

// pipe_write, socket_write(a0 vnode, a1 user address, a2 bytes) -> bytes; -EPIPE, with the signal for it, when nobody can read any
// more; -EMSGSIZE for a message that no channel holds; -EFAULT or -EINTR if nothing was written. May sleep.
ENTRY socket_write
    ld      a0, VNODE_DATA(a0)
    ld      a0, CHANNEL_PEER(a0)
    j       .Lwrite
END socket_write
ENTRY pipe_write
    ld      a0, VNODE_DATA(a0)
.Lwrite:
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    mv      s0, a0
    mv      s1, a1                      // from here
    mv      s2, a2                      // bytes left
    li      s3, 0                       // bytes written
    lw      s5, CHANNEL_DATAGRAM(s0)    // constant
    beqz    s5, 1f
    li      t0, CHANNEL_BYTES - 4
    li      a0, -EMSGSIZE
    bltu    t0, s2, .Lwrite_return
1:  mv      a0, s0
    jal     spin_acquire
.Lwrite_more:
    lw      t0, CHANNEL_READERS(s0)
    beqz    t0, .Lbroken
    lw      t0, CHANNEL_BEGIN(s0)
    lw      t1, CHANNEL_END(s0)
    subw    t1, t1, t0
    li      t0, CHANNEL_BYTES
    sub     t1, t0, t1                  // room
    bnez    s5, .Lmessage
    beqz    s2, .Lwrite_unlock
    mv      s4, s2                      // bytes to write now
    bgeu    t1, s4, .Lroom              // all of it
    add     t2, s2, s3
    bgeu    t0, t2, .Lwrite_wait        // it is to go in one piece
    mv      s4, t1
    bnez    s4, .Lroom
.Lwrite_wait:
    addi    a0, s0, CHANNEL_BEGIN
    mv      a1, s0
    jal     sleep_interruptible
    beqz    a0, .Lwrite_more
    j       .Lwrite_error
.Lmessage:
    mv      s4, s2
    addi    t2, s2, 4 + 3
    andi    t2, t2, -4
    bltu    t1, t2, .Lwrite_wait
    lw      t0, CHANNEL_END(s0)
    andi    t1, t0, CHANNEL_BYTES - 1
    add     t1, t1, s0
    li      t2, CHANNEL_RING
    add     t1, t1, t2
    sw      s2, 0(t1)                   // nobody looks at it before END has moved
    addi    a0, t0, 4
    j       2f
.Lroom:
    lw      a0, CHANNEL_END(s0)
2:  mv      a1, s1
    mv      a2, s4
    li      a3, 1
    mv      a4, s0
    jal     channel_copy
    bltz    a0, .Lwrite_error
    add     s1, s1, s4
    add     s3, s3, s4
    sub     s2, s2, s4
    beqz    s5, 3f
    addi    s4, s4, 4 + 3
    andi    s4, s4, -4
3:  lw      t0, CHANNEL_END(s0)
    addw    t0, t0, s4
    sw      t0, CHANNEL_END(s0)
    mv      a0, s0
    jal     wake_all
    bnez    s2, .Lwrite_more
.Lwrite_unlock:
    mv      a0, s3
    j       4f
.Lbroken:
    mv      a0, s0
    jal     spin_release
    li      a0, SIGPIPE
    jal     signal_current
    li      a0, -EPIPE
    beqz    s3, .Lwrite_return
    mv      a0, s3
    j       .Lwrite_return
.Lwrite_error:
    beqz    s3, 4f
    mv      a0, s3
4:  mv      s3, a0
    mv      a0, s0
    jal     spin_release
    mv      a0, s3
.Lwrite_return:
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    ret
END pipe_write

// channel_copy(a0 place among the bytes ever put in, a1 user address, a2 bytes, a3 = 0 to the user or 1 from it, a4 channel) -> a0 = 0
// or -EFAULT. Channel lock held.
channel_copy:
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    sd      s4, 16(sp)
    sd      s5, 8(sp)
    mv      s0, a4
    mv      s1, a1
    mv      s2, a2
    mv      s3, a0
    mv      s4, a3
1:  li      a0, 0
    beqz    s2, 3f
    andi    t0, s3, CHANNEL_BYTES - 1
    li      s5, CHANNEL_BYTES
    sub     s5, s5, t0                  // up to the ring's end
    bgeu    s2, s5, 2f
    mv      s5, s2
2:  li      t1, CHANNEL_RING
    add     t0, t0, t1
    add     t0, t0, s0
    mv      a0, s1
    mv      a1, t0
    mv      a2, s5
    bnez    s4, 4f
    jal     copy_to_user
    j       5f
4:  mv      a1, s1
    mv      a0, t0
    jal     copy_from_user
5:  bltz    a0, 3f
    add     s1, s1, s5
    sub     s2, s2, s5
    add     s3, s3, s5
    j       1b
3:  ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    ld      s4, 16(sp)
    ld      s5, 8(sp)
    addi    sp, sp, 64
    ret
    .size channel_copy, . - channel_copy

// The ends' releases(a0 vnode): the reading end of a pipe, the writing end, a socket, which is the end of one channel and the beginning
// of the other.
pipe_release_read:
    ld      a0, VNODE_DATA(a0)
    li      a1, CHANNEL_READERS
    j       channel_leave
pipe_release_write:
    ld      a0, VNODE_DATA(a0)
    li      a1, CHANNEL_WRITERS
    j       channel_leave
socket_release:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    ld      s0, VNODE_DATA(a0)
    ld      a0, CHANNEL_PEER(s0)
    li      a1, CHANNEL_WRITERS
    jal     channel_leave
    mv      a0, s0
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    li      a1, CHANNEL_READERS

// channel_leave(a0 channel, a1 = CHANNEL_READERS or CHANNEL_WRITERS): nobody is that any more. Who leaves last frees the channel.
channel_leave:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    mv      s1, a1
    jal     spin_acquire
    add     s1, s1, s0
    sw      zero, 0(s1)
    mv      a0, s0
    jal     wake_all
    addi    a0, s0, CHANNEL_BEGIN
    jal     wake_all
    lw      t0, CHANNEL_READERS(s0)
    lw      t1, CHANNEL_WRITERS(s0)
    or      s1, t0, t1
    mv      a0, s0
    jal     spin_release
    bnez    s1, 1f
    jal     page_free
1:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
    .size channel_leave, . - channel_leave

// The wrong end of a pipe is never reached: its descriptor's flags say what it is for.
pipe_wrong_end:
    li      a0, -EBADF
    ret
channel_size:
    li      a0, -ESPIPE
    ret

    .section .rodata
    .balign 8
DATA pipe_read_operations
    .dword  channel_read, pipe_wrong_end, channel_size, pipe_release_read
END pipe_read_operations
DATA pipe_write_operations
    .dword  pipe_wrong_end, pipe_write, channel_size, pipe_release_write
END pipe_write_operations
DATA socket_operations
    .dword  channel_read, socket_write, channel_size, socket_release
END socket_operations
