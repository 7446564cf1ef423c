// SPDX-License-Identifier: GPL-2.0-or-later
// ls [-l] [PATH]...: names of files, then of what is in directories, sorted; -l: kind, links, size and inode, too.
#include "unix.h"

#define FULL_BYTES 512
#define NAME_BYTES 61

static int details;

static void show(const char *path, const char *name)
{
    struct status status;
    if (!details) {
        print(1, "%s\n", name);
        return;
    }
    long error = stat(path, &status);
    if (error < 0) {
        complain(path, error);
        return;
    }
    const char *kinds = "?-dcps";
    print(1, "%c %3u %9u %5u %s\n", kinds[status.type < 6 ? status.type : 0], (u64)status.links, status.size,
          (u64)status.inode, name);
}

static char (*names)[NAME_BYTES];

static int list(const char *path)
{
    static char full[FULL_BYTES];
    struct entry entry;
    size_t count = 0, length = strlen(path);
    long fd = open(path, O_RDONLY), got;
    if (fd < 0)
        return complain(path, fd);
    names = (char(*)[NAME_BYTES])sbrk(0);
    while ((got = read((int)fd, &entry, sizeof entry)) == sizeof entry) {
        if (!entry.inode)
            continue;
        long error = sbrk(NAME_BYTES);
        if (error < 0)
            return complain(path, error);
        memcpy(names[count], entry.name, sizeof entry.name);
        names[count][NAME_BYTES - 1] = 0;
        size_t at = count++;
        for (; at && strcmp(names[at - 1], names[at]) > 0; at--) {
            char other[NAME_BYTES];
            memcpy(other, names[at], NAME_BYTES);
            memcpy(names[at], names[at - 1], NAME_BYTES);
            memcpy(names[at - 1], other, NAME_BYTES);
        }
    }
    close((int)fd);
    if (got < 0)
        return complain(path, got);
    for (size_t i = 0; i < count; i++) {
        if (length + strlen(names[i]) + 2 > FULL_BYTES)
            continue;
        memcpy(full, path, length);
        full[length] = '/';
        memcpy(full + length + 1, names[i], strlen(names[i]) + 1);
        show(full, names[i]);
    }
    sbrk(-(long)(count * NAME_BYTES));
    return 0;
}

int main(int count, char **arguments)
{
    struct status status;
    int failed = 0, first = 1;
    program = "ls";
    if (count > 1 && strcmp(arguments[1], "-l") == 0)
        details = 1, first = 2;
    if (first == count)
        return list(".");
    for (int i = first; i < count; i++) {
        long error = stat(arguments[i], &status);
        if (error < 0)
            failed = complain(arguments[i], error);
        else if (status.type != TYPE_DIRECTORY)
            show(arguments[i], arguments[i]);
    }
    for (int i = first; i < count; i++)
        if (stat(arguments[i], &status) == 0 && status.type == TYPE_DIRECTORY) {
            if (count - first > 1)
                print(1, "%s:\n", arguments[i]);
            failed |= list(arguments[i]);
        }
    return failed;
}
