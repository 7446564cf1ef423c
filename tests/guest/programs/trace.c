// SPDX-License-Identifier: GPL-2.0-or-later
// Runs as /init: does what /trace says, call by call, in up to four processes ("actors"), and prints what each call gave. The calls
// come one after the other, whichever actor makes them; test_traces.py knows what they should give.
#include "unix.h"

#define ACTORS 4
#define BUFFER 16384

enum { OPEN, CLOSE, READ, WRITE, LSEEK, DUP, DUP2, TRUNCATE, FTRUNCATE, UNLINK, MKDIR, CHDIR, STAT, FSTAT, PIPE, FORK, EXEC, EXIT,
       LOCK, ASK_LOCK, LINK, RENAME, END_OF_TRACE };

struct call {
    u8 actor, what;
    u8 path, other_path;
    int a, b, c;
};

struct answer {
    long result;
    u64 checksum;
};

u32 crc32(u32 so_far, const void *bytes, size_t count);

static const char *const paths[] = {
    "/f", "/g", "/d", "/d/x", "/d/y", "/d/e", "/d/e/z", "/tmp/f", "/tmp/t", "/tmp/t/z", "x", "../f", "..", ".", "/dev/null",
    "/dev/zero", "/nothing/x", "/f/x", "/tmp", "/tmp/../g", "e/../y",
};

// An actor reads its calls from descriptor 3 + 2 * its number, and answers on 12: all others are the trace's own.
#define CALLS(actor) (3 + 2 * (actor))
#define ANSWERS 12
#define ANSWERS_TO_READ 11

static u8 buffer[BUFFER];

static long do_stat(long error, struct status *status, u64 *checksum)
{
    if (error == 0) {
        u64 size = status->type == TYPE_DIRECTORY ? 0 : status->size;
        u32 fields[] = {status->type, (u32)size, status->links, status->block_size};
        *checksum = crc32(0, fields, sizeof fields);
    }
    return error;
}

static long do_call(const struct call *call, u64 *checksum)
{
    const char *path = paths[call->path];
    struct status status;
    struct flock lock = {(u64)(long)call->b, (u64)(call->c >> 2), (u32)(call->c & 3), 0};
    u32 ends[2];
    long result;
    switch (call->what) {
    case OPEN:
        return open(path, call->a);
    case CLOSE:
        return close(call->a);
    case READ:
        result = read(call->a, buffer, (size_t)call->b);
        if (result > 0)
            *checksum = crc32(0, buffer, (size_t)result);
        return result;
    case WRITE:
        for (int i = 0; i < call->b; i++)
            buffer[i] = (u8)(call->c + 7 * i + (i >> 8));
        return write(call->a, buffer, (size_t)call->b);
    case LSEEK:
        return lseek(call->a, call->b, call->c);
    case DUP:
        return dup(call->a);
    case DUP2:
        return dup2(call->a, call->b);
    case TRUNCATE:
        return truncate(path, (u64)(long)call->a);
    case FTRUNCATE:
        return ftruncate(call->a, (u64)(long)call->b);
    case UNLINK:
        return unlink(path);
    case LINK:
        return link(path, paths[call->other_path]);
    case RENAME:
        return rename(path, paths[call->other_path]);
    case MKDIR:
        return mkdir(path);
    case CHDIR:
        return chdir(path);
    case STAT:
        return do_stat(stat(path, &status), &status, checksum);
    case FSTAT:
        return do_stat(fstat(call->a, &status), &status, checksum);
    case PIPE:
        result = pipe(ends);
        return result < 0 ? result : (long)(ends[0] + 100 * ends[1]);
    case LOCK:
        return fcntl(call->a, F_SETLK, &lock);
    case ASK_LOCK:
        result = fcntl(call->a, F_GETLK, &lock);
        return result < 0 ? result : lock.type != F_UNLCK;
    }
    return -ENOSYS;
}

static void answer(long result, u64 checksum)
{
    struct answer out = {result, checksum};
    write_all(ANSWERS, &out, sizeof out);
}

static void act(int actor)
{
    struct call call;
    while (read(CALLS(actor), &call, sizeof call) == sizeof call) {
        u64 checksum = 0;
        if (call.what == FORK) {
            long pid = fork();
            if (pid == 0)
                actor = call.a;
            else
                answer(pid < 0 ? pid : 0, 0);
        } else if (call.what == EXEC) {
            char number_text[] = {(char)('0' + actor), 0};
            char *arguments[] = {"trace", number_text, NULL};
            answer(0, 0);
            exec("/init", arguments);
        } else if (call.what == EXIT) {
            for (int fd = 0; fd < 16; fd++) /* before the answer: others are to see that it is closed */
                if (fd != ANSWERS)
                    close(fd);
            answer(0, 0);
            exit(0);
        } else {
            long result = do_call(&call, &checksum);
            answer(result, checksum);
        }
    }
    exit(1);
}

// Opens and closes the files all the time: what is specialised is replugged at any moment.
static void disturb(void)
{
    u64 random = 1;
    for (;;) {
        random = random * 6364136223846793005ul + 1442695040888963407ul;
        long fd = open(paths[(random >> 33) % 10], O_RDONLY);
        for (u64 i = (random >> 40) % 3000; i; i--)
            __asm__ volatile("");
        if (fd >= 0)
            close((int)fd);
    }
}

static int tell(int actor, const struct call *call, struct answer *out)
{
    write_all(CALLS(actor) + 1, call, sizeof *call);
    return read(ANSWERS_TO_READ, out, sizeof *out) == sizeof *out;
}

static void begin(int *alive)
{
    static const int not_for_actors[] = {0, 1, 2, 4, 6, 8, 10, 11, 13};
    if (fork() == 0) {
        for (size_t i = 0; i < sizeof not_for_actors / sizeof *not_for_actors; i++)
            close(not_for_actors[i]);
        chdir("/");
        act(0);
    }
    for (int i = 0; i < ACTORS; i++)
        alive[i] = i == 0;
}

int main(int count, char **arguments)
{
    static struct call calls[256];
    static char text[256 * 28];
    int alive[ACTORS];
    int processes = 1; /* of this trace */
    long got, disturber = 0;
    u32 ends[2];
    program = "trace";
    if (count > 1)
        act(arguments[1][0] - '0');
    for (int i = 0; i <= ACTORS; i++)
        if (pipe(ends) < 0)
            return complain("pipe", 0);
    long trace = open("/trace", O_RDONLY), wish = open("/disturb", O_RDONLY);
    if (trace < 0)
        return complain("/trace", trace);
    if (wish >= 0) {
        close((int)wish);
        disturber = fork();
        if (disturber == 0)
            disturb();
    }
    begin(alive);
    while ((got = read((int)trace, calls, sizeof calls)) > 0) {
        size_t length = 0;
        for (long i = 0; i < got / (long)sizeof *calls; i++) {
            struct answer out = {0, 0};
            struct call *call = &calls[i];
            if (call->what == END_OF_TRACE) {
                struct call last = {0, EXIT, 0, 0, 0, 0, 0};
                for (int actor = 0; actor < ACTORS; actor++)
                    if (alive[actor])
                        tell(actor, &last, &out);
                for (; processes; processes--) /* all of them end up as our children */
                    wait(NULL);
                begin(alive);
                processes = 1;
            } else if (!alive[call->actor] || !tell(call->actor, call, &out)) {
                return complain("no such actor", -ESRCH);
            } else if (call->what == FORK && out.result == 0) {
                alive[call->a] = 1;
                processes++;
            } else if (call->what == EXIT) {
                alive[call->actor] = 0;
            }
            for (int shift = 28; shift >= 0; shift -= 4)
                text[length++] = "0123456789abcdef"[(u64)out.result >> shift & 15];
            text[length++] = ' ';
            for (int shift = 28; shift >= 0; shift -= 4)
                text[length++] = "0123456789abcdef"[out.checksum >> shift & 15];
            text[length++] = '\n';
        }
        write_all(1, text, length);
    }
    if (disturber)
        kill((int)disturber, SIGKILL);
    return got < 0 ? complain("/trace", got) : 0;
}
