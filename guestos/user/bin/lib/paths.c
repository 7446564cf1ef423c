// SPDX-License-Identifier: GPL-2.0-or-later
// Paths, as programs see them that put a file somewhere.
#include "unix.h"

static const char *last_name(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/' && path[1])
            name = path + 1;
    return name;
}

const char *into_directory(char *path, const char *from, const char *to)
{
    struct status status;
    if (stat(to, &status) < 0 || status.type != TYPE_DIRECTORY)
        return to;
    const char *name = last_name(from);
    size_t length = strlen(to), more = strlen(name);
    while (more && name[more - 1] == '/')
        more--;
    if (length + more + 2 > PATH_BYTES)
        return NULL;
    memcpy(path, to, length);
    path[length] = '/';
    memcpy(path + length + 1, name, more);
    path[length + 1 + more] = 0;
    return path;
}
