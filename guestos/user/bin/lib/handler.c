// SPDX-License-Identifier: GPL-2.0-or-later
// Handlers by signal: the kernel knows one routine, handler_entry (handler.S), which calls the one that is meant.
#include "unix.h"

void handler_entry(void);
void handler_call(int number);

static void (*handlers[SIGNALS])(int);

void handler_call(int number)
{
    handlers[number](number);
}

long handle(int number, void (*handler)(int))
{
    if (number < 1 || number >= SIGNALS)
        return -EINVAL;
    handlers[number] = handler;
    return signal(number, (long)handler_entry);
}
