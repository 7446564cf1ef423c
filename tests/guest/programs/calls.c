// SPDX-License-Identifier: GPL-2.0-or-later
// Runs as /init: system calls between processes, each with what it should give. One line for each part, "NAME: good" or what went wrong.
#include "unix.h"

static int bad;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(int good, const char *what, int number)
{
    if (!good) {
        print(1, "line %d: %s\n", (long)number, what);
        bad++;
    }
}

static volatile int caught, deep;

static void on_signal(int number)
{
    caught = number;
}

static void nested(int number)
{
    if (!deep++) {
        kill((int)getpid(), number); // comes when this one is over
        for (volatile int i = 0; i < 100000; i++)
            continue;
        CHECK(deep == 1);
    }
}

static void waiting(void)
{
    u32 status = 99;
    CHECK(waitpid(-1, &status, WNOHANG) == -ECHILD);
    long first = fork();
    if (!first) {
        sleep(20);
        exit(5);
    }
    long second = fork();
    if (!second)
        exit(6);
    CHECK(waitpid(first, &status, WNOHANG) == 0 && status == 99);
    CHECK(waitpid(second, &status, 0) == second && status == 6);
    CHECK(waitpid(second, &status, 0) == -ECHILD);
    CHECK(waitpid(first, NULL, 2) == -EINVAL);
    CHECK(waitpid(-1, &status, 0) == first && status == 5);
    CHECK(wait(NULL) == -ECHILD);
}

static void signals(void)
{
    u32 status;
    CHECK(handle(SIGTERM, on_signal) == SIGNAL_DEFAULT);
    kill((int)getpid(), SIGTERM);
    for (volatile int i = 0; i < 100000 && !caught; i++)
        continue;
    CHECK(caught == SIGTERM);

    long child = fork(); // has the handler, too
    if (!child) {
        caught = 0;
        CHECK(sleep(1000000) == -EINTR);
        exit(caught);
    }
    sleep(10);
    CHECK(kill((int)child, SIGTERM) == 0);
    CHECK(waitpid(child, &status, 0) == child && status == SIGTERM);

    handle(SIGINT, nested);
    kill((int)getpid(), SIGINT);
    for (volatile int i = 0; i < 1000000 && deep < 2; i++)
        continue;
    CHECK(deep == 2);
    CHECK(signal(SIGINT, SIGNAL_DEFAULT) > 2);

    child = fork();
    if (!child) { // no room for a handler
        __asm__ volatile("li sp, 0x60000000\n1: j 1b");
    }
    sleep(10);
    kill((int)child, SIGTERM);
    CHECK(waitpid(child, &status, 0) == child && status == 128 + SIGSEGV);

    child = fork();
    if (!child) // a handler does not stop this one
        for (;;)
            sleep(1000);
    sleep(10);
    kill((int)child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child && status == 128 + SIGKILL);
    CHECK(handle(SIGKILL, on_signal) == -EINVAL);
    CHECK(signal(SIGTERM, 12345) == -EINVAL);

    // Registers of whoever is interrupted at any moment stay what they are.
    child = fork();
    if (!child) {
        u64 sum = 0;
        for (u64 i = 0; i < 300000; i++)
            sum = sum * 31 + i;
        u64 again = 0;
        for (u64 i = 0; i < 300000; i++)
            again = again * 31 + i;
        exit(sum == again ? 0 : 1);
    }
    for (int i = 0; i < 50; i++) {
        kill((int)child, SIGTERM);
        for (volatile int j = 0; j < 1000; j++)
            continue;
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    signal(SIGTERM, SIGNAL_DEFAULT);
}

static void sockets(void)
{
    char got[64];
    u32 ends[2], status;
    CHECK(socketpair(SOCK_DGRAM, ends) == 0);
    CHECK(write((int)ends[0], "one", 3) == 3);
    CHECK(write((int)ends[0], "second", 6) == 6);
    CHECK(write((int)ends[0], "", 0) == 0);
    CHECK(read((int)ends[1], got, sizeof got) == 3 && memcmp(got, "one", 3) == 0);
    CHECK(read((int)ends[1], got, 2) == 2 && memcmp(got, "se", 2) == 0); // the rest of a message is gone
    CHECK(write((int)ends[1], "back", 4) == 4);
    CHECK(read((int)ends[0], got, sizeof got) == 4);
    static char large[5000];
    CHECK(write((int)ends[0], large, sizeof large) == -EMSGSIZE);
    close((int)ends[0]);
    close((int)ends[1]);

    CHECK(socketpair(SOCK_STREAM, ends) == 0);
    long child = fork();
    if (!child) {
        close((int)ends[0]);
        u64 total = 0;
        long count;
        while ((count = read((int)ends[1], got, sizeof got)) > 0)
            total += (u64)count;
        write((int)ends[1], &total, sizeof total);
        exit((int)count);
    }
    close((int)ends[1]);
    for (int i = 0; i < 4; i++)
        CHECK(write_all((int)ends[0], large, sizeof large) >= 0); // more than it holds
    CHECK(lseek((int)ends[0], 0, SEEK_SET) == -ESPIPE);
    kill((int)child, 0);
    close((int)ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(socketpair(7, ends) == -EINVAL);
}

static void sleeping(void)
{
    u32 ends[2];
    char order[3];
    pipe(ends);
    for (int i = 2; i >= 0; i--)
        if (!fork()) {
            sleep((u64)(30 + 30 * i));
            char c = (char)('a' + i);
            write((int)ends[1], &c, 1);
            exit(0);
        }
    for (int i = 0; i < 3; i++)
        wait(NULL);
    CHECK(read((int)ends[0], order, 3) == 3 && memcmp(order, "abc", 3) == 0);
    CHECK(sleep(0) == 0);
    close((int)ends[0]);
    close((int)ends[1]);
}

static long lock(int fd, int command, u64 start, u32 type)
{
    struct flock range = {start, 10, type, 0};
    return fcntl(fd, command, &range);
}

static void locks(void)
{
    u32 status, ends[2];
    char c = 0;
    long fd = open("/tmp/locked", O_RDWR | O_CREAT);
    CHECK(fd >= 0 && write((int)fd, "0123456789abcdefghijklmnop", 26) == 26);
    CHECK(lock((int)fd, F_SETLK, 0, F_WRLCK) == 0);
    pipe(ends);
    long child = fork();
    if (!child) {
        CHECK(lock((int)fd, F_SETLK, 5, F_WRLCK) == -EAGAIN);
        CHECK(lock((int)fd, F_SETLKW, 10, F_WRLCK) == 0);
        write((int)ends[1], "x", 1);
        CHECK(lock((int)fd, F_SETLKW, 0, F_WRLCK) == 0); // waits for the parent
        exit(bad);
    }
    CHECK(read((int)ends[0], &c, 1) == 1);
    sleep(10);
    CHECK(lock((int)fd, F_SETLKW, 10, F_WRLCK) == -EDEADLK); // whose owner waits for us
    CHECK(lock((int)fd, F_SETLK, 0, F_UNLCK) == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(lock((int)fd, F_SETLKW, 10, F_WRLCK) == 0);

    // A circle of three, and one that is none.
    long second = fork();
    if (!second) {
        lock((int)fd, F_SETLKW, 20, F_WRLCK);
        write((int)ends[1], "y", 1);
        sleep(20);
        CHECK(lock((int)fd, F_SETLKW, 30, F_WRLCK) == 0); // the third's
        exit(bad);
    }
    read((int)ends[0], &c, 1);
    long third = fork();
    if (!third) {
        lock((int)fd, F_SETLKW, 30, F_WRLCK);
        write((int)ends[1], "z", 1);
        sleep(20);
        CHECK(lock((int)fd, F_SETLKW, 10, F_WRLCK) == 0); // the parent's
        exit(bad);
    }
    read((int)ends[0], &c, 1);
    sleep(60);
    CHECK(lock((int)fd, F_SETLKW, 20, F_WRLCK) == -EDEADLK);
    CHECK(lseek((int)fd, 20, SEEK_SET) == 20 && read((int)fd, &c, 1) == -EDEADLK); // reading would wait for the same
    CHECK(lock((int)fd, F_SETLK, 10, F_UNLCK) == 0);
    CHECK(waitpid(third, &status, 0) == third && status == 0);
    CHECK(waitpid(second, &status, 0) == second && status == 0);
    CHECK(lock((int)fd, F_SETLKW, 20, F_WRLCK) == 0);

    // Who has been woken waits for nobody any more, even if it has not run since.
    CHECK(lock((int)fd, F_SETLK, 50, F_WRLCK) == 0);
    child = fork();
    if (!child) {
        lock((int)fd, F_SETLKW, 40, F_WRLCK);
        CHECK(lock((int)fd, F_SETLKW, 50, F_WRLCK) == 0);
        exit(bad);
    }
    sleep(10);
    CHECK(lock((int)fd, F_SETLK, 50, F_UNLCK) == 0);
    CHECK(lock((int)fd, F_SETLKW, 40, F_WRLCK) == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);

    // A signal ends the wait.
    child = fork();
    if (!child) {
        handle(SIGTERM, on_signal);
        exit(lock((int)fd, F_SETLKW, 20, F_WRLCK) == -EINTR ? 0 : 1);
    }
    sleep(10);
    kill((int)child, SIGTERM);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close((int)fd);
    unlink("/tmp/locked");
}

static void processes(void)
{
    struct process found;
    int seen = 0;
    for (int place = 0; process(place, &found) == 0; place++)
        if (found.id == (u32)getpid())
            seen += strcmp(found.name, "/init") == 0 && found.state == 3;
    CHECK(seen == 1);
    CHECK(process(-1, &found) == -ESRCH);
    CHECK(process(0, (struct process *)8) == -EFAULT);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"waiting", waiting}, {"signals", signals}, {"sockets", sockets},
                 {"sleeping", sleeping}, {"locks", locks}, {"processes", processes}};
    program = "calls";
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        u32 status;
        if (!fork()) { // nobody may send signals to the first process
            parts[i].run();
            exit(bad);
        }
        wait(&status);
        if (status == 0)
            print(1, "%s: good\n", parts[i].name);
        bad += (int)status;
    }
    return bad != 0;
}
