// SPDX-License-Identifier: GPL-2.0-or-later
// The working directory.
#include "assembly.inc"
#include "descriptor.inc"
#include "errno.inc"
#include "hart.inc"
#include "inode.inc"
#include "process.inc"
#include "replug.inc"

#define CHDIR_FRAME         (PATH_MAX + 16)

    .text

// sys_chdir(a0 user path) -> 0 or -errno: relative paths begin there from now on.
ENTRY sys_chdir
    PATH_IS "trap", "chdir"
    addi    sp, sp, -CHDIR_FRAME
    sd      ra, PATH_MAX + 8(sp)
    mv      a1, a0
    mv      a0, sp
    jal     path_from_user
    bltz    a0, 1f
    mv      a0, sp
    jal     inode_lookup
    bltz    a0, 1f
    lw      t0, INODE_VNODE + VNODE_TYPE(a0)
    li      t1, VNODE_DIRECTORY
    beq     t0, t1, 2f
    jal     inode_release
    li      a0, -ENOTDIR
    j       1f
2:  ld      t0, HART_PROCESS(tp)
    ld      t1, PROCESS_DIRECTORY(t0)
    sd      a0, PROCESS_DIRECTORY(t0)
    li      a0, 0
    beqz    t1, 1f
    mv      a0, t1
    jal     inode_release
    li      a0, 0
1:  ld      ra, PATH_MAX + 8(sp)
    addi    sp, sp, CHDIR_FRAME
    ret
END sys_chdir
