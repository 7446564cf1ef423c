/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program in C has: the system calls (user/lib/system_calls.S) and a few routines (user/bin/lib). */
#ifndef REPLUG_UNIX_H
#define REPLUG_UNIX_H

#include "errno.inc"
#include "syscall.inc"

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef unsigned long size_t;

#define NULL ((void *)0)
#define BLOCK 4096
#define ARGUMENTS 64
#define PATH_BYTES 256 /* of a path, the NUL among them */

/* The result of stat and fstat: see syscall.inc. */
struct status {
    u32 type, inode;
    u64 size;
    u32 links, block_size, device, unused;
};
#define TYPE_REGULAR 1
#define TYPE_DIRECTORY 2
#define TYPE_DEVICE 3

/* An entry of a directory, as reading one gives it; inode 0 is a free one. A name of 60 characters has no NUL. */
struct entry {
    u32 inode;
    char name[60];
};

/* A place in the table of processes: see syscall.inc. */
struct process {
    u32 id, parent, state, unused;
    char name[32];
};

struct flock {
    u64 start, length;
    u32 type, process;
};

/* System calls: -errno on failure. */
long spawn(const char *path, const char *argument);
void exit(int status) __attribute__((noreturn));
long wait(u32 *status);
long yield(void);
long open(const char *path, int flags);
long creat(const char *path);
long close(int fd);
long read(int fd, void *buffer, size_t bytes);
long lseek(int fd, long offset, int whence);
long write(int fd, const void *buffer, size_t bytes);
long fork(void);
long exec(const char *path, char *const *arguments);
long dup(int fd);
long dup2(int fd, int number);
long pipe(u32 *ends);
long socketpair(int type, u32 *ends);
long unlink(const char *path);
long mkdir(const char *path);
long chdir(const char *path);
long truncate(const char *path, u64 bytes);
long ftruncate(int fd, u64 bytes);
long stat(const char *path, struct status *result);
long fstat(int fd, struct status *result);
long fcntl(int fd, int command, struct flock *lock);
long sbrk(long bytes);
long getpid(void);
long sleep(u64 milliseconds);
long kill(int pid, int signal);
long signal(int number, long disposition);
long link(const char *path, const char *name);
long rename(const char *path, const char *name);
long waitpid(long pid, u32 *status, int options);
long process(int place, struct process *result);
/* From now on this signal calls the handler; calls that sleep give up with -EINTR after it. */
long handle(int number, void (*handler)(int));

/* Text. */
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
/* A decimal number; *end is the first character behind it (may be NULL). */
long number(const char *text, const char **end);
/* Formats %s %c %d (long) %u (unsigned long) %x %5d ... into one write. */
void print(int fd, const char *format, ...);
/* "NAME: what: the error's text", on descriptor 2. The result is 1, for main. */
int complain(const char *what, long error);
const char *error_text(long error);
/* Where to put the file `from`: at `to`, or if that is a directory under its own name in it (in `path`, PATH_BYTES). NULL: too long. */
const char *into_directory(char *path, const char *from, const char *to);
/* All of it: -errno, or how much was written. */
long write_all(int fd, const void *buffer, size_t bytes);
/* The name by which complain() speaks; set by main. */
extern const char *program;

#endif
