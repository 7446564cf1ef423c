// SPDX-License-Identifier: GPL-2.0-or-later
// Runs as /init: takes the blocks of a file away and gives them to another one while one of them is still being fetched ahead for the first.
// test_prefetch.py makes reads slow, writes quick, and the disk just large enough.
#include "unix.h"

#define BLOCKS 10

static u8 block[BLOCK];

static void fill(int seed)
{
    for (int i = 0; i < BLOCK; i++)
        block[i] = (u8)(seed + i);
}

int main(void)
{
    program = "ahead";
    long fd = creat("/small"); // the bitmap and the inodes are in memory from here on
    write((int)fd, block, 1);
    close((int)fd);
    unlink("/small");

    fd = open("/old", O_RDONLY);
    if (fd < 0)
        return complain("/old", fd);
    read((int)fd, block, BLOCK);
    if (read((int)fd, block, 1) != 1) // the block after it is there, and another one on its way
        return 1;
    unlink("/old");
    close((int)fd);
    fd = open("/new", O_RDWR | O_CREAT);
    for (int i = 0; i < BLOCKS; i++) {
        fill(i);
        long written = write((int)fd, block, BLOCK);
        if (written != BLOCK)
            return complain("/new", written);
    }
    sleep(50);
    lseek((int)fd, 0, SEEK_SET);
    for (int i = 0; i < BLOCKS; i++) {
        long got = read((int)fd, block, BLOCK);
        if (got != BLOCK)
            return complain("/new", got);
        for (int at = 0; at < BLOCK; at++)
            if (block[at] != (u8)(i + at)) {
                print(1, "block %d is not what was written\n", (long)i);
                return 2;
            }
    }
    return 0;
}
