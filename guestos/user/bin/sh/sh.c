// SPDX-License-Identifier: GPL-2.0-or-later
// sh [FILE], sh -c COMMANDS: a shell.
//
//   list      commands separated by ; & && || or newlines; & leaves what is before it in the background
//   pipeline  commands joined by |
//   command   words and redirections: < FILE, > FILE, >> FILE, 2> FILE, 2>&1, >&2; quotes ' and ", \ before a character, $? $$ $!, # comments;
//             * and ? in the last part of a path stand for what is there (not for names that begin with a dot)
//   built in  cd, exit, wait
//
// The status of a pipeline is that of its last command. Ctrl-C ends what runs in the foreground, not the shell.
#include "sh.h"

int input;
int interactive;
int status;
static char line[LINE];

// --- parsing ---

static int syntax_error(const char *what)
{
    print(2, "sh: %s\n", what);
    status = 2;
    return -1;
}

// One pipeline; *after is the token behind it. Runs it if `wanted`. -1: a syntax error.
static int pipeline(int wanted, enum token *after)
{
    static struct command commands[COMMANDS];
    int count = 0;
    memset(commands, 0, sizeof commands);
    for (;;) {
        struct command *command = &commands[count++];
        enum token token;
        char *text;
        for (;;) {
            token = next(&text);
            if (token == WORD) {
                if (add_words(command, text) < 0)
                    return syntax_error("too many words");
            } else if (token == ERROR_TO_OUTPUT) {
                command->error_to_output = 1;
            } else if (token == OUTPUT_TO_ERROR) {
                command->output_to_error = 1;
            } else if (token == LESS || token == GREATER || token == APPEND || token == ERROR) {
                char **file = token == LESS ? &command->input : token == ERROR ? &command->error : &command->output;
                if (next(file) != WORD)
                    return syntax_error("a redirection without a file");
                plain(*file);
                if (token == GREATER || token == APPEND)
                    command->append = token == APPEND;
            } else {
                break;
            }
        }
        int empty = !command->count && !command->input && !command->output && !command->error &&
                    !command->error_to_output && !command->output_to_error;
        *after = token;
        if (empty && count == 1 && (token == END || token == SEMICOLON))
            return 0;
        if (empty)
            return syntax_error("a command is missing");
        if (token != PIPE) {
            if (wanted)
                run_pipeline(commands, count, token == AMPERSAND);
            return 0;
        }
        if (count == COMMANDS)
            return syntax_error("too many commands in a pipeline");
    }
}

static void execute(const char *text)
{
    enum token after = SEMICOLON;
    int wanted = 1;
    begin_words(text);
    while (after != END) {
        if (pipeline(wanted, &after) < 0)
            return;
        wanted = after == AND ? status == 0 : after == OR ? status != 0 : 1;
    }
}

// --- reading ---

// One line to `line`, without its end. 0 at the end of the input.
static int get_line(void)
{
    static int ended; /* in the middle of a line: a terminal says so only once */
    size_t length = 0;
    if (ended)
        return 0;
    for (;;) {
        char c;
        long got = read(input, &c, 1);
        if (got == -EINTR) {
            length = 0;
            print(1, "$ ");
            continue;
        }
        if (got <= 0) {
            line[length] = 0;
            ended = 1;
            return length > 0;
        }
        if (c == '\n') {
            line[length] = 0;
            return 1;
        }
        if (length + 1 < sizeof line)
            line[length++] = c;
    }
}

int main(int count, char **arguments)
{
    struct status where;
    program = "sh";
    if (count > 2 && strcmp(arguments[1], "-c") == 0) {
        execute(arguments[2]);
        return status;
    }
    if (count > 1) {
        long file = open(arguments[1], O_RDONLY);
        if (file < 0)
            return complain(arguments[1], file);
        input = (int)file;
    }
    interactive = fstat(input, &where) == 0 && where.type == TYPE_DEVICE;
    if (interactive)
        signal(SIGINT, SIGNAL_INTERRUPT);
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0) /* those in the background that have ended */
            continue;
        if (interactive)
            print(1, "$ ");
        if (!get_line())
            break;
        execute(line);
    }
    if (interactive)
        print(1, "\n");
    return status;
}
