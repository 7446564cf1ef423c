// SPDX-License-Identifier: GPL-2.0-or-later
// Strings, memory, and formatted output.
#include "unix.h"

#define LINE 512

const char *program = "?";

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (u8)*a - (u8)*b;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
    u8 *t = to;
    const u8 *f = from;
    while (bytes--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    u8 *t = to;
    const u8 *f = from;
    if (t < f)
        return memcpy(to, from, bytes);
    while (bytes--)
        t[bytes] = f[bytes];
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    u8 *t = to;
    while (bytes--)
        *t++ = (u8)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const u8 *x = a, *y = b;
    for (; bytes; bytes--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

long number(const char *text, const char **end)
{
    long sign = 1, value = 0;
    if (*text == '-')
        sign = -1, text++;
    for (; *text >= '0' && *text <= '9'; text++)
        value = 10 * value + (*text - '0');
    if (end)
        *end = text;
    return sign * value;
}

long write_all(int fd, const void *buffer, size_t bytes)
{
    const char *at = buffer;
    size_t left = bytes;
    while (left) {
        long done = write(fd, at, left);
        if (done < 0)
            return done;
        if (done == 0)
            return -EIO;
        at += done;
        left -= (size_t)done;
    }
    return (long)bytes;
}

struct line {
    int fd;
    size_t length;
    char text[LINE];
};

static void put(struct line *line, char c)
{
    line->text[line->length++] = c;
    if (line->length == LINE) {
        write_all(line->fd, line->text, line->length);
        line->length = 0;
    }
}

static void put_padded(struct line *line, const char *text, size_t length, long width)
{
    for (long i = (long)length; i < width; i++)
        put(line, ' ');
    for (size_t i = 0; i < length; i++)
        put(line, text[i]);
}

static size_t digits(char *text, u64 value, u64 base, int negative)
{
    char reversed[24];
    size_t length = 0, written = 0;
    do
        reversed[length++] = "0123456789abcdef"[value % base];
    while (value /= base);
    if (negative)
        text[written++] = '-';
    while (length)
        text[written++] = reversed[--length];
    return written;
}

void print(int fd, const char *format, ...)
{
    struct line line;
    __builtin_va_list arguments;
    line.fd = fd;
    line.length = 0;
    __builtin_va_start(arguments, format);
    for (; *format; format++) {
        char text[24];
        if (*format != '%') {
            put(&line, *format);
            continue;
        }
        long width = number(format + 1, &format);
        if (*format == 's') {
            const char *string = __builtin_va_arg(arguments, const char *);
            put_padded(&line, string, strlen(string), width);
        } else if (*format == 'c') {
            put(&line, (char)__builtin_va_arg(arguments, int));
        } else if (*format == 'd') {
            long value = __builtin_va_arg(arguments, long);
            u64 size = value < 0 ? 0 - (u64)value : (u64)value;
            put_padded(&line, text, digits(text, size, 10, value < 0), width);
        } else if (*format == 'u') {
            put_padded(&line, text, digits(text, __builtin_va_arg(arguments, u64), 10, 0), width);
        } else if (*format == 'x') {
            put_padded(&line, text, digits(text, __builtin_va_arg(arguments, u64), 16, 0), width);
        } else {
            put(&line, '%');
        }
    }
    __builtin_va_end(arguments);
    write_all(fd, line.text, line.length);
}

const char *error_text(long error)
{
    static const struct {
        int number;
        const char *text;
    } known[] = {
        {EPERM, "not permitted"},
        {ENOENT, "no such file or directory"},
        {ESRCH, "no such process"},
        {EINTR, "interrupted"},
        {EIO, "input/output error"},
        {E2BIG, "too many arguments"},
        {ENOEXEC, "not a program"},
        {EBADF, "bad file descriptor"},
        {ECHILD, "no children"},
        {EAGAIN, "try again"},
        {ENOMEM, "out of memory"},
        {EFAULT, "bad address"},
        {EBUSY, "busy"},
        {EEXIST, "exists already"},
        {ENOTDIR, "not a directory"},
        {EISDIR, "is a directory"},
        {EINVAL, "invalid argument"},
        {ENFILE, "too many open files"},
        {EMFILE, "too many open files in this process"},
        {EFBIG, "file too large"},
        {ENOSPC, "no space left"},
        {ESPIPE, "cannot seek there"},
        {EPIPE, "nobody reads it"},
        {ENAMETOOLONG, "name too long"},
        {ENOLCK, "no more locks"},
        {ENOTEMPTY, "directory not empty"},
        {EXDEV, "on another file system"},
        {EMLINK, "too many links"},
        {EMSGSIZE, "message too long"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].number == -error)
            return known[i].text;
    return "unknown error";
}

int complain(const char *what, long error)
{
    print(2, "%s: %s: %s\n", program, what, error_text(error));
    return 1;
}
