// SPDX-License-Identifier: GPL-2.0-or-later
// mkdir DIRECTORY...: makes directories.
#include "unix.h"

int main(int count, char **arguments)
{
    int failed = 0;
    program = "mkdir";
    if (count < 2) {
        print(2, "usage: mkdir DIRECTORY...\n");
        return 1;
    }
    for (int i = 1; i < count; i++) {
        long error = mkdir(arguments[i]);
        if (error < 0)
            failed = complain(arguments[i], error);
    }
    return failed;
}
