// SPDX-License-Identifier: GPL-2.0-or-later
// Two processes that meet where the host wants: a reader that does something to the file it reads, and another that
// does something to the same file, or to the reader. /choice says what: two letters.
#include "unix.h"

#define BEFORE 5
#define AFTER 12
#define COLD 40960  // a block that nobody has read yet

static char choice[2];
static const char *const data = "/data";
static char *const arguments[] = {(char *)"/meet", (char *)"done", 0};

// Both wait in a loop until the host clears the register.
static void meet_reader(void)
{
    register long held __asm__("s1") = 1;
    __asm__ volatile(".globl at_reader\nat_reader: 1: bnez %0, 1b" : "+r"(held));
}

static void meet_other(void)
{
    register long held __asm__("s1") = 1;
    __asm__ volatile(".globl at_other\nat_other: 1: bnez %0, 1b" : "+r"(held));
}

static long fd, position;

static void check(int bytes)
{
    for (; bytes > 0; bytes--, position++) {
        unsigned char byte = 0;
        if (read((int)fd, &byte, 1) != 1 || byte != (unsigned char)(position * 7 + (position >> 8)))
            exit(10);
    }
}

static int reader(void)
{
    u32 status = 0;
    long other;
    fd = open(data, O_RDWR);
    if (fd < 0)
        return 11;
    check(BEFORE);
    if (choice[0] == 'i')
        position = lseek((int)fd, COLD, SEEK_SET);
    meet_reader();
    switch (choice[0]) {
    case 'r':
    case 'i':
        check(1);
        break;
    case 'e':
        if (read((int)fd, (void *)8, 1) != -EFAULT)
            return 12;
        break;
    case 'c':
        close((int)fd);
        fd = open(data, O_RDWR);
        if (lseek((int)fd, position, SEEK_SET) != position)
            return 13;
        break;
    case 'd':
        other = dup((int)fd);
        check(1);
        if (other < 0 || close((int)fd) != 0)
            return 14;
        fd = other;
        break;
    case 'f':
        other = fork();
        if (other == 0)
            exit(0);
        if (other < 0)
            return 15;
        check(1);
        if (wait(&status) != other || status != 0)
            return 16;
        break;
    case 'w': {
        unsigned char byte = (unsigned char)(position * 7 + (position >> 8));
        if (write((int)fd, &byte, 1) != 1)
            return 17;
        position++;
        break;
    }
    case 'O':
        other = open("/data2", O_RDONLY);
        if (other < 0)
            return 18;
        close((int)other);
        break;
    case 'x':
        return 0;
    case 'X':
        exec(arguments[0], arguments);
        return 18;
    default:
        return 19;
    }
    for (volatile int outside = 0; outside < 200; outside++) {  // so long that a flag left set is seen
    }
    check(AFTER);
    return 0;
}

static int other(long pid)
{
    long second = -1;
    unsigned char first = 1;
    if (choice[1] == '2') {  // a file of its own, that the reader opens: each replugs the other
        second = open("/data2", O_RDONLY);
        if (second < 0 || read((int)second, &first, 1) != 1 || first != 0)
            return 23;
    }
    meet_other();
    for (int times = 0; times < 3; times++) {
        long mine = open(data, O_RDONLY);
        unsigned char byte = 1;
        if (mine < 0 || read((int)mine, &byte, 1) != 1 || byte != 0)
            return 20;
        if (choice[1] == 'l') {
            struct flock lock = {0, 0, F_RDLCK, 0};
            if (fcntl((int)mine, F_SETLK, &lock) != 0)
                return 21;
        }
        if (choice[1] == 'k' && times == 0)
            kill((int)pid, SIGKILL);
        if (close((int)mine) != 0)
            return 22;
    }
    return 0;
}

int main(int count, char **strings)
{
    u32 status = 0;
    int waited = 2;
    long pid;
    (void)strings;
    if (count > 1)
        return 0;
    fd = open("/choice", O_RDONLY);
    if (fd < 0 || read((int)fd, choice, 2) != 2)
        return 1;
    close((int)fd);
    pid = fork();
    if (pid == 0)
        exit(reader());
    if (fork() == 0)
        exit(other(pid));
    while (waited-- > 0) {
        long who = wait(&status);
        if (who == pid && choice[1] == 'k' && status == 128 + SIGKILL)
            continue;
        if (status != 0)
            return (int)status;
    }
    return 0;
}
