// SPDX-License-Identifier: GPL-2.0-or-later
// /init: the first process. Runs a shell on the console; when the shell ends, so does the machine, with its status.
#include "unix.h"

int main(void)
{
    char *arguments[] = {"sh", NULL};
    u32 status = 1;
    program = "init";
    signal(SIGINT, SIGNAL_IGNORE);
    long shell = fork();
    if (shell < 0)
        return complain("cannot fork", shell);
    if (shell == 0)
        exit(complain("/bin/sh", exec("/bin/sh", arguments)));
    for (;;) {
        long pid = wait(&status); /* orphans come to us, too */
        if (pid == shell)
            return (int)status;
        if (pid < 0 && pid != -EINTR)
            return complain("wait", pid);
    }
}
