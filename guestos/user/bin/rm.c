// SPDX-License-Identifier: GPL-2.0-or-later
// rm FILE...: removes files and empty directories.
#include "unix.h"

int main(int count, char **arguments)
{
    int failed = 0;
    program = "rm";
    if (count < 2) {
        print(2, "usage: rm FILE...\n");
        return 1;
    }
    for (int i = 1; i < count; i++) {
        long error = unlink(arguments[i]);
        if (error < 0)
            failed = complain(arguments[i], error);
    }
    return failed;
}
