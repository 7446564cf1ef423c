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
#include "unix.h"

#define LINE 4096
#define WORDS 64
#define COMMANDS 16

enum token { WORD, PIPE, LESS, GREATER, APPEND, ERROR, ERROR_TO_OUTPUT, OUTPUT_TO_ERROR, SEMICOLON, AMPERSAND, AND, OR, END };

// A * or ? that is not quoted, in a word.
#define ANY_TEXT '\1'
#define ANY_CHARACTER '\2'

struct command {
    char *words[WORDS + 1];
    int count;
    char *input, *output, *error;
    int append, error_to_output, output_to_error;
};

static int input;               // where commands come from
static int interactive;
static int status;              // of the last pipeline
static long last_background;    // its last process
static char line[LINE];
static const char *at;          // what of the line is not parsed yet
static char words[4 * LINE];
static size_t words_used;

// --- words ---

static void add(char c)
{
    if (words_used < sizeof words)
        words[words_used++] = c;
}

static void add_number(long value)
{
    if (value >= 10)
        add_number(value / 10);
    add((char)('0' + value % 10));
}

static int special(char c)
{
    return !c || c == ' ' || c == '\t' || c == '|' || c == '<' || c == '>' || c == ';' || c == '&';
}

// The next token; a word's text goes to *text.
static enum token next(char **text)
{
    while (*at == ' ' || *at == '\t')
        at++;
    if (!*at || *at == '#')
        return END;
    if (*at == '|')
        return *++at == '|' ? at++, OR : PIPE;
    if (*at == '&')
        return *++at == '&' ? at++, AND : AMPERSAND;
    if (*at == ';')
        return at++, SEMICOLON;
    if (*at == '<')
        return at++, LESS;
    if (*at == '>' && at[1] == '&' && at[2] == '2')
        return at += 3, OUTPUT_TO_ERROR;
    if (*at == '>')
        return *++at == '>' ? at++, APPEND : GREATER;
    if (*at == '2' && at[1] == '>' && at[2] == '&' && at[3] == '1')
        return at += 4, ERROR_TO_OUTPUT;
    if (*at == '2' && at[1] == '>')
        return at += 2, ERROR;
    *text = words + words_used;
    while (!special(*at)) {
        char c = *at++;
        if (c == '\'' || c == '"') {
            while (*at && *at != c)
                add(*at++);
            if (*at)
                at++;
        } else if (c == '\\' && *at) {
            add(*at++);
        } else if (c == '$' && *at == '?') {
            at++;
            add_number(status);
        } else if (c == '$' && *at == '$') {
            at++;
            add_number(getpid());
        } else if (c == '$' && *at == '!') {
            at++;
            add_number(last_background);
        } else {
            add(c == '*' ? ANY_TEXT : c == '?' ? ANY_CHARACTER : c);
        }
    }
    add(0);
    return WORD;
}

// --- names ---

static int is_pattern(const char *word)
{
    for (; *word; word++)
        if (*word == ANY_TEXT || *word == ANY_CHARACTER)
            return 1;
    return 0;
}

// The word as it was typed.
static char *plain(char *word)
{
    for (char *c = word; *c; c++)
        *c = *c == ANY_TEXT ? '*' : *c == ANY_CHARACTER ? '?' : *c;
    return word;
}

static int matches(const char *pattern, const char *name)
{
    for (; *pattern && *pattern != ANY_TEXT; pattern++, name++)
        if (!*name || (*pattern != ANY_CHARACTER && *pattern != *name))
            return 0;
    if (!*pattern)
        return !*name;
    do
        if (matches(pattern + 1, name))
            return 1;
    while (*name++);
    return 0;
}

// Adds what the word stands for, sorted, or the word itself where that is nothing. -1: too many words.
static int add_words(struct command *command, char *word)
{
    struct entry entry;
    char *name = word, *directory = ".";
    int first = command->count;
    if (!is_pattern(word)) {
        if (command->count == WORDS)
            return -1;
        command->words[command->count++] = word;
        return 0;
    }
    for (char *c = word; *c; c++)
        if (*c == '/')
            name = c + 1;
    size_t length = (size_t)(name - word);
    if (length) {
        directory = words + words_used;
        for (size_t i = 0; i < length; i++)
            add(word[i]);
        add(0);
    }
    long fd = is_pattern(name) ? open(directory, O_RDONLY) : -ENOENT;
    while (fd >= 0 && read((int)fd, &entry, sizeof entry) == sizeof entry) {
        char text[sizeof entry.name + 1] = {0};
        memcpy(text, entry.name, sizeof entry.name);
        if (!entry.inode || text[0] == '.' || !matches(name, text))
            continue;
        if (command->count == WORDS || words_used + length + sizeof text > sizeof words) {
            close((int)fd);
            return -1;
        }
        char *found = words + words_used;
        for (size_t i = 0; i < length; i++)
            add(word[i]);
        for (size_t i = 0; i <= strlen(text); i++)
            add(text[i]);
        int place = command->count++;
        for (; place > first && strcmp(command->words[place - 1], found) > 0; place--)
            command->words[place] = command->words[place - 1];
        command->words[place] = found;
    }
    if (fd >= 0)
        close((int)fd);
    if (command->count > first)
        return 0;
    if (command->count == WORDS)
        return -1;
    command->words[command->count++] = plain(word);
    return 0;
}

// --- running ---

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

static void run_pipeline(struct command *commands, int count, int background)
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

static void execute(void)
{
    enum token after = SEMICOLON;
    int wanted = 1;
    words_used = 0;
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
        at = arguments[2];
        execute();
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
        at = line;
        execute();
    }
    if (interactive)
        print(1, "\n");
    return status;
}
