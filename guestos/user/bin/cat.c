// SPDX-License-Identifier: GPL-2.0-or-later
// cat [FILE]...: copies files, or the standard input, to the standard output.
#include "unix.h"

static char buffer[BLOCK];

static int copy(int fd, const char *name)
{
    long got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        long put = write_all(1, buffer, (size_t)got);
        if (put < 0)
            return complain("write", put);
    }
    return got < 0 ? complain(name, got) : 0;
}

int main(int count, char **arguments)
{
    int failed = 0;
    program = "cat";
    if (count < 2)
        return copy(0, "standard input");
    for (int i = 1; i < count; i++) {
        long fd = open(arguments[i], O_RDONLY);
        if (fd < 0) {
            failed = complain(arguments[i], fd);
            continue;
        }
        failed |= copy((int)fd, arguments[i]);
        close((int)fd);
    }
    return failed;
}
