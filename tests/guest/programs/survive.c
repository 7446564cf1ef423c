// SPDX-License-Identifier: GPL-2.0-or-later
// Runs as /init on a damaged disk: does all sorts of things with all files that it finds below /d and with /f, whatever they give, and
// ends. test_damaged_disks.py looks whether the kernel is still there.
#include "unix.h"

#define DEPTH 6
#define PIECES 40

static u8 buffer[8192];
static long results;

static void note(long result)
{
    results = results * 31 + result;
}

static void use_file(const char *path, int writing)
{
    struct status status;
    note(stat(path, &status));
    long fd = open(path, O_RDONLY), got = 1;
    note(fd);
    for (int i = 0; i < PIECES && got > 0; i++)
        note(got = read((int)fd, buffer, sizeof buffer));
    note(lseek((int)fd, 60000, SEEK_SET));
    note(read((int)fd, buffer, 1));
    note(lseek((int)fd, 0, SEEK_END));
    note(close((int)fd));
    if (!writing)
        return;
    fd = open(path, O_RDWR | O_APPEND);
    note(write((int)fd, buffer, 5000));
    note(close((int)fd));
    fd = open(path, O_RDWR);
    note(lseek((int)fd, 70000, SEEK_SET));
    note(write((int)fd, buffer, 100));
    note(close((int)fd));
    note(truncate(path, 50001));
    note(truncate(path, 100));
}

static void use_directory(const char *path, int depth, int writing)
{
    char child[512];
    struct entry entry;
    size_t length = strlen(path);
    long fd = open(path, O_RDONLY);
    note(fd);
    if (length > 300)
        return;
    memcpy(child, path, length);
    child[length] = '/';
    for (int i = 0; i < PIECES && read((int)fd, &entry, sizeof entry) == sizeof entry; i++) {
        struct status status;
        if (!entry.inode || entry.name[0] == '.')
            continue;
        memcpy(child + length + 1, entry.name, sizeof entry.name);
        child[length + 1 + sizeof entry.name] = 0;
        long error = stat(child, &status);
        note(error);
        if (error == 0 && status.type == TYPE_DIRECTORY && depth < DEPTH)
            use_directory(child, depth + 1, writing);
        else if (error || status.type != TYPE_DEVICE)
            use_file(child, writing);
    }
    note(close((int)fd));
    if (!writing)
        return;
    memcpy(child + length + 1, "new", 4);
    note(mkdir(child));
    memcpy(child + length + 4, "/file", 6);
    fd = open(child, O_RDWR | O_CREAT);
    note(write((int)fd, buffer, sizeof buffer));
    note(close((int)fd));
    note(unlink(child));
    memcpy(child + length + 1, "x", 2);
    note(unlink(child));
    note(chdir(path));
    note(open("..", O_RDONLY));
    note(close((int)open("../x", O_RDONLY)));
}

int main(void)
{
    use_file("/f", 0);
    use_directory("/d", 0, 0);
    long pid = fork();
    if (pid == 0) {
        use_directory("/d", 0, 1);
        use_file("/f", 1);
        exit(0);
    }
    use_directory("/d", 0, 1); /* both at once */
    use_file("/f", 1);
    note(unlink("/f"));
    note(unlink("/d/e"));
    note(unlink("/d"));
    wait(NULL);
    print(1, "survived: %x\n", results);
    return 0;
}
