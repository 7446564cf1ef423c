// SPDX-License-Identifier: GPL-2.0-or-later
// cp FROM TO: copies a file; into the directory TO, if it is one.
#include "unix.h"

#define PATH_BYTES 256

static char buffer[BLOCK];

static const char *last_name(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/' && path[1])
            name = path + 1;
    return name;
}

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
    if (stat(to, &to_status) == 0 && to_status.type == TYPE_DIRECTORY) {
        const char *name = last_name(arguments[1]);
        if (strlen(to) + strlen(name) + 2 > PATH_BYTES)
            return complain(to, -ENAMETOOLONG);
        memcpy(path, to, strlen(to));
        path[strlen(to)] = '/';
        memcpy(path + strlen(to) + 1, name, strlen(name) + 1);
        to = path;
    }
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
