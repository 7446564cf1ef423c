// SPDX-License-Identifier: GPL-2.0-or-later
// ln FILE NAME: gives a file another name; in the directory NAME, if it is one.
#include "unix.h"

int main(int count, char **arguments)
{
    static char path[PATH_BYTES];
    program = "ln";
    if (count != 3) {
        print(2, "usage: ln FILE NAME\n");
        return 1;
    }
    const char *to = into_directory(path, arguments[1], arguments[2]);
    if (!to)
        return complain(arguments[2], -ENAMETOOLONG);
    long error = link(arguments[1], to);
    return error < 0 ? complain(error == -EEXIST || error == -EXDEV ? to : arguments[1], error) : 0;
}
