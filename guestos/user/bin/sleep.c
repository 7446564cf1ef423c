// SPDX-License-Identifier: GPL-2.0-or-later
// sleep MILLISECONDS
#include "unix.h"

int main(int count, char **arguments)
{
    program = "sleep";
    if (count != 2) {
        print(2, "usage: sleep MILLISECONDS\n");
        return 1;
    }
    return sleep((u64)number(arguments[1], NULL)) < 0;
}
