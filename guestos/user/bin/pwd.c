// SPDX-License-Identifier: GPL-2.0-or-later
// pwd: the path of the working directory, found by going up and looking for the name of each directory in the one above it.
#include "unix.h"

static char result[PATH_BYTES * 2];

int main(void)
{
    struct status here, above, named;
    struct entry entry;
    size_t begin = sizeof result - 1;
    char path[64 + 4];
    program = "pwd";
    for (;;) {
        long error = stat(".", &here);
        if (error == 0)
            error = stat("..", &above);
        if (error < 0)
            return complain(".", error);
        if (here.inode == above.inode && here.device == above.device)
            break;
        long fd = open("..", O_RDONLY);
        if (fd < 0)
            return complain("..", fd);
        int found = 0;
        while (!found && read((int)fd, &entry, sizeof entry) == sizeof entry) {
            if (!entry.inode || strcmp(entry.name, ".") == 0 || strcmp(entry.name, "..") == 0)
                continue;
            memcpy(path, "../", 3);
            memcpy(path + 3, entry.name, sizeof entry.name);
            path[3 + sizeof entry.name] = 0;
            found = stat(path, &named) == 0 && named.inode == here.inode && named.device == here.device;
        }
        close((int)fd);
        size_t length = strlen(path + 3);
        if (!found || length + 1 > begin)
            return complain(".", found ? -ENAMETOOLONG : -ENOENT);
        begin -= length + 1;
        result[begin] = '/';
        memcpy(result + begin + 1, path + 3, length);
        error = chdir("..");
        if (error < 0)
            return complain("..", error);
    }
    print(1, "%s\n", result[begin] ? result + begin : "/");
    return 0;
}
