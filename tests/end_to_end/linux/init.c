// SPDX-License-Identifier: GPL-2.0-or-later
// The only program of an initramfs: says where it runs, repeats a line that is typed, and powers off. Without a C
// library: Linux's system calls by their numbers.

typedef unsigned long word;

enum { READ = 63, WRITE = 64, SCHED_GETAFFINITY = 123, REBOOT = 142, UNAME = 160 };

static long call(word number, word a, word b, word c)
{
    register word a0 __asm__("a0") = a;
    register word a1 __asm__("a1") = b;
    register word a2 __asm__("a2") = c;
    register word a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return (long)a0;
}

static word length(const char *text)
{
    word count = 0;
    while (text[count])
        count++;
    return count;
}

static void print(const char *text) { call(WRITE, 1, (word)text, length(text)); }

void _start(void)
{
    static char names[6][65]; // struct utsname: the third is the release, the fifth the machine
    static word harts[16];
    char digits[3] = {0};
    word count = 0;
    call(UNAME, (word)names, 0, 0);
    const long bytes = call(SCHED_GETAFFINITY, 0, sizeof harts, (word)harts);
    for (long i = 0; i < bytes / (long)sizeof *harts; i++)
        for (word mask = harts[i]; mask; mask &= mask - 1)
            count++;
    digits[0] = (char)('0' + count / 10);
    digits[1] = (char)('0' + count % 10);
    print("init: ");
    print(names[2]);
    print(" on ");
    print(names[4]);
    print(", harts: ");
    print(digits);
    print("\ninit: type something\n");
    static char line[80];
    const long typed = call(READ, 0, (word)line, sizeof line - 1);
    line[typed > 0 ? typed : 0] = 0;
    print("init: typed: ");
    print(line);
    call(REBOOT, 0xfee1dead, 672274793, 0x4321fedc);
    for (;;)
        ;
}
