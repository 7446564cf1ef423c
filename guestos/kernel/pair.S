// SPDX-License-Identifier: GPL-2.0-or-later
// The system calls pipe and socketpair.
#include "assembly.inc"
#include "channel.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"
#include "syscall.inc"

    .text

// sys_pipe(a0 user address of two u32) -> 0 or -errno. The first number is to read from, the second to write to.
ENTRY sys_pipe
    PATH_IS "trap", "pipe"
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      a0, 0(sp)
    li      a0, 0
    jal     channel_create
    li      t0, -ENOMEM
    beqz    a0, 1f
    li      t0, VNODE_PIPE
    sw      t0, CHANNEL_READ_VNODE + VNODE_TYPE(a0)
    sw      t0, CHANNEL_WRITE_VNODE + VNODE_TYPE(a0)
    la      t0, pipe_read_operations
    sd      t0, CHANNEL_READ_VNODE + VNODE_OPERATIONS(a0)
    la      t0, pipe_write_operations
    sd      t0, CHANNEL_WRITE_VNODE + VNODE_OPERATIONS(a0)
    sd      a0, CHANNEL_READ_VNODE + VNODE_DATA(a0)
    sd      a0, CHANNEL_WRITE_VNODE + VNODE_DATA(a0)
    addi    a1, a0, CHANNEL_WRITE_VNODE
    addi    a0, a0, CHANNEL_READ_VNODE
    li      a2, O_RDONLY
    li      a3, O_WRONLY
    ld      a4, 0(sp)
    jal     pair_install
    mv      t0, a0
1:  mv      a0, t0
    ld      ra, 8(sp)
    addi    sp, sp, 16
    ret
END sys_pipe

// sys_socketpair(a0 type, SOCK_*, a1 user address of two u32) -> 0 or -errno. What is written to one can be read from the other.
ENTRY sys_socketpair
    PATH_IS "trap", "socketpair"
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      a1, 8(sp)
    addi    a0, a0, -SOCK_STREAM        // 0 for a stream, 1 for datagrams
    sd      a0, 0(sp)
    li      t0, SOCK_DGRAM - SOCK_STREAM
    bltu    t0, a0, .Lbad_type
    jal     channel_create
    beqz    a0, .Lno_memory
    mv      s0, a0
    ld      a0, 0(sp)
    jal     channel_create
    beqz    a0, .Lno_second
    sd      a0, CHANNEL_PEER(s0)
    sd      s0, CHANNEL_PEER(a0)
    li      t0, VNODE_SOCKET
    sw      t0, CHANNEL_READ_VNODE + VNODE_TYPE(a0)
    sw      t0, CHANNEL_READ_VNODE + VNODE_TYPE(s0)
    la      t0, socket_operations
    sd      t0, CHANNEL_READ_VNODE + VNODE_OPERATIONS(a0)
    sd      t0, CHANNEL_READ_VNODE + VNODE_OPERATIONS(s0)
    sd      a0, CHANNEL_READ_VNODE + VNODE_DATA(a0)
    sd      s0, CHANNEL_READ_VNODE + VNODE_DATA(s0)
    addi    a1, a0, CHANNEL_READ_VNODE
    addi    a0, s0, CHANNEL_READ_VNODE
    li      a2, O_RDWR
    li      a3, O_RDWR
    ld      a4, 8(sp)
    jal     pair_install
.Lsocket_return:
    ld      ra, 24(sp)
    ld      s0, 16(sp)
    addi    sp, sp, 32
    ret
.Lno_second:
    mv      a0, s0
    jal     page_free
.Lno_memory:
    li      a0, -ENOMEM
    j       .Lsocket_return
.Lbad_type:
    li      a0, -EINVAL
    j       .Lsocket_return
END sys_socketpair

// channel_create(a0 = 1 for messages) -> a0 = an empty channel with a reader and a writer, or 0.
channel_create:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    mv      a1, a0
    jal     page_allocate               // zeroed; keeps a1
    beqz    a0, 1f
    sw      a1, CHANNEL_DATAGRAM(a0)
    li      t0, 1
    sw      t0, CHANNEL_READERS(a0)
    sw      t0, CHANNEL_WRITERS(a0)
1:  ld      ra, 8(sp)
    addi    sp, sp, 16
    ret

// pair_install(a0, a1 vnodes, a2, a3 their flags, a4 user address of two u32) -> a0 = 0, with a descriptor for each vnode and their
// numbers there; or -errno, and both vnodes are released. May sleep.
pair_install:
    addi    sp, sp, -64
    sd      ra, 56(sp)
    sd      s0, 48(sp)
    sd      s1, 40(sp)
    sd      s2, 32(sp)
    sd      s3, 24(sp)
    mv      s1, a1
    mv      s2, a3
    mv      s3, a4
    jal     vnode_install
    mv      s0, a0
    bltz    a0, .Lfirst_failed
    sw      a0, 0(sp)
    mv      a0, s1
    mv      a2, s2
    jal     vnode_install
    bltz    a0, .Lsecond_failed
    mv      s1, a0
    sw      a0, 4(sp)
    mv      a0, s3
    mv      a1, sp
    li      a2, 8
    jal     copy_to_user
    beqz    a0, .Lpair_return
    mv      s2, a0
    mv      a0, s1
    jal     sys_close
.Lclose_first:
    mv      a0, s0
    jal     sys_close
    mv      a0, s2
.Lpair_return:
    ld      ra, 56(sp)
    ld      s0, 48(sp)
    ld      s1, 40(sp)
    ld      s2, 32(sp)
    ld      s3, 24(sp)
    addi    sp, sp, 64
    ret
.Lsecond_failed:                        // which has released the second vnode
    mv      s2, a0
    j       .Lclose_first
.Lfirst_failed:
    mv      a0, s1
    ld      t0, VNODE_OPERATIONS(a0)
    ld      t0, VNODE_OP_RELEASE(t0)
    jalr    t0
    mv      a0, s0
    j       .Lpair_return
    .size pair_install, . - pair_install

// vnode_install(a0 vnode without an inode, a2 flags) -> a0 = a new number in the current process's table for it, or -errno, and it is
// released.
vnode_install:
    addi    sp, sp, -32
    sd      ra, 24(sp)
    sd      s0, 16(sp)
    sd      s1, 8(sp)
    mv      s0, a0
    jal     descriptor_slot
    bltz    a0, 1f
    mv      s1, a0
    mv      a0, s0
    li      a1, 0
    jal     descriptor_create
    bltz    a0, 1f
    ld      t0, HART_PROCESS(tp)
    slli    t1, s1, 3
    add     t0, t0, t1
    sd      a0, PROCESS_DESCRIPTORS(t0)
    mv      a0, s1
2:  ld      ra, 24(sp)
    ld      s0, 16(sp)
    ld      s1, 8(sp)
    addi    sp, sp, 32
    ret
1:  mv      s1, a0
    mv      a0, s0
    ld      t0, VNODE_OPERATIONS(a0)
    ld      t0, VNODE_OP_RELEASE(t0)
    jalr    t0
    mv      a0, s1
    j       2b
    .size vnode_install, . - vnode_install
