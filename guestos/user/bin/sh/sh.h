// SPDX-License-Identifier: GPL-2.0-or-later
// What the parts of the shell share: words.c makes words of a line, run.c runs commands, sh.c is the rest.
#ifndef SH_H
#define SH_H

#include "unix.h"

#define LINE 4096
#define WORDS 64
#define COMMANDS 16

enum token { WORD, PIPE, LESS, GREATER, APPEND, ERROR, ERROR_TO_OUTPUT, OUTPUT_TO_ERROR, SEMICOLON, AMPERSAND, AND, OR, END };

struct command {
    char *words[WORDS + 1];
    int count;
    char *input, *output, *error;
    int append, error_to_output, output_to_error;
};

extern int input;               // where commands come from
extern int interactive;
extern int status;              // of the last pipeline
extern long last_background;    // its last process

// Words are those of this line from now on; those of earlier ones are forgotten.
void begin_words(const char *text);

// The next token; a word's text goes to *text, with its * and ? marked.
enum token next(char **text);

// The word as it was typed.
char *plain(char *word);

// Adds what the word stands for, sorted, or the word itself where that is nothing. -1: too many words.
int add_words(struct command *command, char *word);

// Runs so many commands, each with its output in the next one's input, and sets `status` (or last_background).
void run_pipeline(struct command *commands, int count, int background);

#endif
