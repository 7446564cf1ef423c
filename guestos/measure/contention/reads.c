// SPDX-License-Identifier: GPL-2.0-or-later
// Runs as /init: as many processes as the first character of /choice says read byte by byte, all at once; each a file of its own, or all
// of them the same one if the second character is an s.
#include "unix.h"

#define READS 100

static void reader(int number, int start)
{
    char name[] = "/data0", bytes[2];
    name[5] += (char)number;
    int fd = (int)open(name, O_RDONLY);
    if (read(fd, bytes, 1) != 1 || read(start, bytes, 2) != 2) /* the block is in memory: ready */
        exit(1);
    for (int i = 0; i < READS; i++)
        if (read(fd, bytes, 1) != 1)
            exit(2);
    exit(0);
}

int main(int count, char **arguments)
{
    char choice[2], all[16];
    u32 ends[2], status;
    (void)count, (void)arguments;
    if (read((int)open("/choice", O_RDONLY), choice, 2) != 2 || pipe(ends) != 0)
        return 1;
    int processes = choice[0] - '0';
    for (int i = 0; i < processes; i++)
        if (fork() == 0)
            reader(choice[1] == 's' ? 0 : i, (int)ends[0]);
    sleep(5); /* until they are */
    write((int)ends[1], all, 2 * (size_t)processes);
    for (int i = 0; i < processes; i++)
        if (wait(&status) < 0 || status != 0)
            return 2;
    return 0;
}
