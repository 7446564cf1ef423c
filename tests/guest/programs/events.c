// SPDX-License-Identifier: GPL-2.0-or-later
// Runs as /init: two processes that do what the host tells them, one thing at a time, by way of a register. The owner has /f open and
// reads it; the other one disturbs it. protocol_stage.py freezes one of them in the middle of its call while the other does its own.
#include "unix.h"

enum { READ = 1, READ_NOWHERE, READ_MANY, SEEK, DUP, FORK, EXEC, REOPEN, LOCK, EXIT, INTERRUPTED, KILL_OTHER };
enum { OPEN = 1, OPEN_AND_READ, TRUNCATE, KILL, LOCK_FAR, UNLINK, WRITE_FAR, OTHERS_FORK, INTERRUPT, RELEASE };

#define SIZE 80000
#define MANY 5000
#define FAR 79000

static u8 buffer[MANY];

// Waits until the host stores a number other than 0 in s11; s10 shows it what the last thing gave.
__attribute__((noinline)) static long next_event(long result)
{
    register long event __asm__("s11") = 0;
    register long shown __asm__("s10") = result;
    __asm__ volatile(".globl event_loop\nevent_loop: beqz s11, event_loop" /* the host looks for the label */ : "+r"(event) : "r"(shown));
    return event;
}

static long lock(int fd, u64 start, u32 type)
{
    struct flock range = {start, 10, type, 0};
    return fcntl(fd, F_SETLK, &range);
}

static long owner_does(long event, int *fd)
{
    int owner = (int)getpid(); /* the other one was made next */
    u32 status, ends[2];
    long got;
    switch (event) {
    case READ:
        got = read(*fd, buffer, 1);
        return got == 1 ? buffer[0] : got;
    case READ_NOWHERE:
        return read(*fd, (void *)0x60000000, 1);
    case READ_MANY:
        return read(*fd, buffer, MANY);
    case SEEK:
        return lseek(*fd, 0, SEEK_CURRENT);
    case DUP:
        return close((int)dup(*fd));
    case FORK: /* the child reads the next byte */
        if (fork() == 0) {
            got = read(*fd, buffer, 1);
            exit(got == 1 ? buffer[0] : 1000 - (int)got);
        }
        got = wait(&status);
        return got < 0 ? got : (long)status;
    case REOPEN:
        got = lseek(*fd, 0, SEEK_CURRENT);
        close(*fd);
        *fd = (int)open("/f", O_RDONLY);
        return *fd < 0 ? *fd : lseek(*fd, got, SEEK_SET);
    case LOCK:
        got = lock(*fd, 100, F_RDLCK);
        return got < 0 ? got : lock(*fd, 100, F_UNLCK);
    case EXIT:
        exit(7);
    case INTERRUPTED: /* a read that would sleep until the child has ended */
        pipe(ends);
        if (fork() == 0) {
            for (int times = 0; times < 20; times++) {
                kill(owner, SIGINT);
                yield();
            }
            exit(0);
        }
        close((int)ends[1]);
        got = read((int)ends[0], buffer, 1);
        while (wait(&status) == -EINTR)
            ;
        close((int)ends[0]);
        return got == -EINTR ? 1 : got;
    case KILL_OTHER:
        return kill(owner + 1, SIGTERM);
    }
    return -ENOSYS;
}

// twin: reads through the owner's descriptor, which the host gives it.
static void own(int fd)
{
    char *arguments[] = {"events", "again", NULL};
    long result = 0;
    signal(SIGINT, SIGNAL_INTERRUPT);
    if (fd < 0) {
        fd = (int)open("/f", O_RDONLY);
        for (int i = 0; i < 3; i++)
            read(fd, buffer, 1);
    }
    for (;;) {
        long event = next_event(result);
        if (event == EXEC)
            exec("/init", arguments);
        result = owner_does(event, &fd);
    }
}

static long other_does(long event, int owner)
{
    static long locked;
    struct flock all = {0, 0, F_WRLCK, 0};
    long fd, result = 0;
    u32 status;
    switch (event) {
    case OPEN:
        return close((int)open("/f", O_RDONLY));
    case OPEN_AND_READ:
        fd = open("/f", O_RDONLY);
        result = read((int)fd, buffer, 10);
        close((int)fd);
        return result;
    case TRUNCATE:
        return truncate("/f", SIZE - 5000);
    case KILL:
        return kill(owner, SIGTERM);
    case LOCK_FAR:
        fd = open("/f", O_RDWR);
        result = lock((int)fd, FAR, F_WRLCK);
        close((int)fd);
        return result;
    case UNLINK:
        return unlink("/f");
    case WRITE_FAR:
        fd = open("/f", O_RDWR);
        lseek((int)fd, FAR, SEEK_SET);
        result = write((int)fd, buffer, 10);
        close((int)fd);
        return result;
    case OTHERS_FORK:
        if (fork() == 0)
            exit((int)close((int)open("/f", O_RDONLY)));
        wait(&status);
        return (long)status;
    case INTERRUPT: /* whoever reads has to wait now, but not for long */
        locked = open("/f", O_RDWR);
        result = fcntl((int)locked, F_SETLK, &all);
        kill(owner, SIGINT);
        return result;
    case RELEASE:
        return close((int)locked);
    }
    return -ENOSYS;
}

int main(int count, char **arguments)
{
    program = "events";
    (void)arguments;
    if (count > 1)
        own(3); /* exec has kept the descriptor: the first free number was 3 */
    long owner = fork();
    if (owner == 0)
        own(-1);
    long other = fork();
    if (other == 0) {
        long result = 0;
        for (;;)
            result = other_does(next_event(result), (int)owner);
    }
    if (open("/twin", O_RDONLY) >= 0 && fork() == 0)
        own(3);
    u32 status = 0;
    long ended;
    do
        ended = wait(&status);
    while (ended != owner);
    print(1, "owner ended with %u\n", (u64)status);
    kill((int)other, SIGKILL);
    wait(NULL);
    return 0;
}
