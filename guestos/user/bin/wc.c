// SPDX-License-Identifier: GPL-2.0-or-later
// wc [FILE]...: counts lines, words and bytes.
#include "unix.h"

struct counts {
    u64 lines, words, bytes;
};

static char buffer[BLOCK];

static int count(int fd, const char *name, struct counts *counts)
{
    int in_word = 0;
    long got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        counts->bytes += (u64)got;
        for (long i = 0; i < got; i++) {
            char c = buffer[i];
            int space = c == ' ' || (c >= '\t' && c <= '\r');
            counts->lines += c == '\n';
            counts->words += !space && !in_word;
            in_word = !space;
        }
    }
    return got < 0 ? complain(name, got) : 0;
}

static void show(const struct counts *counts, const char *name)
{
    print(1, "%7u %7u %7u%s%s\n", counts->lines, counts->words, counts->bytes, *name ? " " : "", name);
}

int main(int number_of_arguments, char **arguments)
{
    struct counts total = {0, 0, 0};
    int failed = 0;
    program = "wc";
    if (number_of_arguments < 2) {
        failed = count(0, "standard input", &total);
        show(&total, "");
        return failed;
    }
    for (int i = 1; i < number_of_arguments; i++) {
        struct counts one = {0, 0, 0};
        long fd = open(arguments[i], O_RDONLY);
        if (fd < 0) {
            failed = complain(arguments[i], fd);
            continue;
        }
        failed |= count((int)fd, arguments[i], &one);
        close((int)fd);
        show(&one, arguments[i]);
        total.lines += one.lines;
        total.words += one.words;
        total.bytes += one.bytes;
    }
    if (number_of_arguments > 2)
        show(&total, "total");
    return failed;
}
