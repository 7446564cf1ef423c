// SPDX-License-Identifier: GPL-2.0-or-later
// The words of a line: quotes, variables, and what patterns stand for.
#include "sh.h"

// A * or ? that is not quoted, in a word.
#define ANY_TEXT '\1'
#define ANY_CHARACTER '\2'

static const char *at;          // what of the line is not parsed yet
static char words[4 * LINE];
static size_t words_used;

void begin_words(const char *text)
{
    at = text;
    words_used = 0;
}

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

enum token next(char **text)
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

char *plain(char *word)
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

int add_words(struct command *command, char *word)
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
