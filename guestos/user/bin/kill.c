// SPDX-License-Identifier: GPL-2.0-or-later
// kill [-SIGNAL] PROCESS...: sends a signal (a number; 15 if none is given) to processes.
#include "unix.h"

int main(int count, char **arguments)
{
    int failed = 0, first = 1;
    long which = SIGTERM;
    program = "kill";
    if (count > 1 && arguments[1][0] == '-') {
        which = number(arguments[1] + 1, NULL);
        first = 2;
    }
    if (first >= count) {
        print(2, "usage: kill [-SIGNAL] PROCESS...\n");
        return 1;
    }
    for (int i = first; i < count; i++) {
        const char *end;
        long pid = number(arguments[i], &end);
        long error = *end || end == arguments[i] ? -EINVAL : kill((int)pid, (int)which);
        if (error < 0)
            failed = complain(arguments[i], error);
    }
    return failed;
}
