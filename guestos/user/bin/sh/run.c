// SPDX-License-Identifier: GPL-2.0-or-later
// Running commands: redirections, pipes, processes, and what is built in.
#include "sh.h"

long last_background;

static void redirect(const char *path, int flags, int fd)
{
    long file = path ? open(path, flags) : fd;
    if (file < 0)
        exit(complain(path, file));
    if (file != fd) {
        dup2((int)file, fd);
        close((int)file);
    }
}

static void run(struct command *command)
{
    static char path[LINE + 8];
    redirect(command->input, O_RDONLY, 0);
    redirect(command->output, O_WRONLY | O_CREAT | (command->append ? O_APPEND : O_TRUNC), 1);
    redirect(command->error, O_WRONLY | O_CREAT | O_TRUNC, 2);
    if (command->error_to_output)
        dup2(1, 2);
    if (command->output_to_error)
        dup2(2, 1);
    if (!command->count)
        exit(0);
    const char *name = command->words[0];
    long error = -ENOENT;
    for (const char *c = name; *c; c++)
        if (*c == '/')
            error = exec(name, command->words);
    if (error == -ENOENT) {
        memcpy(path, "/bin/", 5);
        memcpy(path + 5, name, strlen(name) + 1);
        error = exec(path, command->words);
    }
    if (error == -ENOENT)
        error = exec(path + 4, command->words); /* "/NAME" */
    complain(name, error);
    exit(error == -ENOENT ? 127 : 126);
}

static int built_in(struct command *command)
{
    const char *name = command->count ? command->words[0] : "";
    if (strcmp(name, "exit") == 0)
        exit(command->count > 1 ? (int)number(command->words[1], NULL) : status);
    if (strcmp(name, "cd") == 0) {
        const char *path = command->count > 1 ? command->words[1] : "/";
        long error = chdir(path);
        status = error < 0 ? complain(path, error) : 0;
        return 1;
    }
    if (strcmp(name, "wait") == 0) {
        long pid;
        do
            pid = wait(NULL);
        while (pid > 0);
        status = pid == -EINTR ? 128 + SIGINT : 0;
        return 1;
    }
    return 0;
}

void run_pipeline(struct command *commands, int count, int background)
{
    long pids[COMMANDS], last = -1;
    int from = -1, left = count;
    if (count == 1 && !background && built_in(commands))
        return;
    for (int i = 0; i < count; i++) {
        u32 ends[2] = {0, 0};
        int piped = i + 1 < count;
        if (piped) {
            long error = pipe(ends);
            if (error < 0) {
                status = complain("pipe", error);
                return;
            }
        }
        pids[i] = fork();
        if (pids[i] == 0) {
            signal(SIGINT, background ? SIGNAL_IGNORE : SIGNAL_DEFAULT);
            if (input > 0)
                close(input);
            if (from >= 0) {
                dup2(from, 0);
                close(from);
            } else if (background && !commands[i].input) {
                commands[i].input = "/dev/null";
            }
            if (piped) {
                dup2((int)ends[1], 1);
                close((int)ends[0]);
                close((int)ends[1]);
            }
            if (built_in(&commands[i]))
                exit(status);
            run(&commands[i]);
        }
        if (from >= 0)
            close(from);
        from = -1;
        if (piped) {
            close((int)ends[1]);
            from = (int)ends[0];
        }
        if (pids[i] < 0) {
            complain("fork", pids[i]);
            left--;
        }
        last = pids[i];
    }
    if (from >= 0)
        close(from);
    if (background) {
        if (interactive && last > 0)
            print(2, "[%d]\n", last);
        last_background = last;
        status = 0;
        return;
    }
    status = 1;
    while (left) {
        u32 ended;
        long pid = wait(&ended);
        if (pid == -EINTR)
            continue;
        if (pid < 0)
            return;
        for (int i = 0; i < count; i++)
            if (pids[i] == pid)
                left--;
        if (pid == last)
            status = (int)ended;
    }
}
