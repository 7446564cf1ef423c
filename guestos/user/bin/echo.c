// SPDX-License-Identifier: GPL-2.0-or-later
// echo [WORD]...: prints its arguments.
#include "unix.h"

int main(int count, char **arguments)
{
    static char line[2 * BLOCK];
    size_t length = 0;
    for (int i = 1; i < count; i++) {
        memcpy(line + length, arguments[i], strlen(arguments[i])); /* all arguments are shorter than a page */
        length += strlen(arguments[i]);
        line[length++] = i + 1 < count ? ' ' : '\n';
    }
    if (count < 2)
        line[length++] = '\n';
    return write_all(1, line, length) < 0;
}
