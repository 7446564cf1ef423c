// SPDX-License-Identifier: GPL-2.0-or-later
// For xv6-riscv, in the place of its user/init.c: the system call whose price guestos/PROTOCOL.md (section 12) compares with our
// generic read. It reads a file that is cached, byte by byte; nothing else runs.
#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "user/user.h"

#define READS 200 // all in the file's first block

int main(void)
{
    char byte;
    int fd = open("README", O_RDONLY);
    int delivered = 0;
    for (int i = 0; i < READS; i++)
        delivered += read(fd, &byte, 1);
    if (delivered == READS)
        close(fd); // the host sees by this call that all of them were served
    for (;;)
        ;
}
