// SPDX-License-Identifier: GPL-2.0-or-later
// mv FROM... TO: gives files and directories other names; with several, or where TO is a directory, the same ones in it. A file goes to another
// file system by being copied.
#include "unix.h"

static char buffer[BLOCK];

static long copy(const char *from, const char *to)
{
    struct status status;
    long error = stat(from, &status), got;
    if (error < 0)
        return error;
    if (status.type != TYPE_REGULAR)
        return -EXDEV;
    long in = open(from, O_RDONLY);
    if (in < 0)
        return in;
    long out = creat(to);
    if (out < 0) {
        close((int)in);
        return out;
    }
    while ((got = read((int)in, buffer, sizeof buffer)) > 0)
        if ((error = write_all((int)out, buffer, (size_t)got)) < 0)
            break;
    close((int)in);
    close((int)out);
    if (got < 0 || error < 0) {
        unlink(to);
        return got < 0 ? got : error;
    }
    return unlink(from);
}

int main(int count, char **arguments)
{
    static char path[PATH_BYTES];
    struct status status;
    int failed = 0;
    program = "mv";
    if (count < 3) {
        print(2, "usage: mv FROM... TO\n");
        return 1;
    }
    const char *last = arguments[count - 1];
    if (count > 3 && (stat(last, &status) < 0 || status.type != TYPE_DIRECTORY))
        return complain(last, -ENOTDIR);
    for (int i = 1; i < count - 1; i++) {
        const char *to = into_directory(path, arguments[i], last);
        if (!to) {
            failed = complain(last, -ENAMETOOLONG);
            continue;
        }
        long error = rename(arguments[i], to);
        if (error == -EXDEV)
            error = copy(arguments[i], to);
        if (error < 0)
            failed = complain(arguments[i], error);
    }
    return failed;
}
