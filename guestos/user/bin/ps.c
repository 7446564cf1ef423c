// SPDX-License-Identifier: GPL-2.0-or-later
// ps: the processes, one a line: identifier, parent, what it does, program.
#include "unix.h"

int main(void)
{
    static const char *const states[] = {"", "begins", "waits", "runs", "sleeps", "ended"};
    struct process found;
    program = "ps";
    print(1, "  PID PARENT STATE  PROGRAM\n");
    for (int place = 0; process(place, &found) == 0; place++)
        if (found.id && found.state <= 5) {
            const char *state = states[found.state];
            print(1, "%5u %6u %s", (u64)found.id, (u64)found.parent, state);
            for (size_t i = strlen(state); i < 7; i++)
                print(1, " ");
            print(1, "%s\n", found.name);
        }
    return 0;
}
