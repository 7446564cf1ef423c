// SPDX-License-Identifier: GPL-2.0-or-later
// cp FROM TO: copies a file; into the directory TO, if it is one.
#include "unix.h"

static char buffer[BLOCK];

int main(int count, char **arguments)
{
    static char path[PATH_BYTES];
    struct status from_status, to_status;
    program = "cp";
    if (count != 3) {
        print(2, "usage: cp FROM TO\n");
        return 1;
    }
    const char *to = arguments[2];
    long in = open(arguments[1], O_RDONLY);
    if (in < 0)
        return complain(arguments[1], in);
    fstat((int)in, &from_status);
    if (from_status.type == TYPE_DIRECTORY)
        return complain(arguments[1], -EISDIR);
    to = into_directory(path, arguments[1], to);
    if (!to)
        return complain(arguments[2], -ENAMETOOLONG);
    if (stat(to, &to_status) == 0 && from_status.inode && to_status.inode == from_status.inode &&
        to_status.device == from_status.device) {
        print(2, "cp: %s and %s are the same file\n", arguments[1], to);
        return 1;
    }
    long out = creat(to);
    if (out < 0)
        return complain(to, out);
    long got;
    while ((got = read((int)in, buffer, sizeof buffer)) > 0) {
        long put = write_all((int)out, buffer, (size_t)got);
        if (put < 0)
            return complain(to, put);
    }
    return got < 0 ? complain(arguments[1], got) : 0;
}
