/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What calls of named paths have cost, and the sums of it. */
#ifndef REPLUG_PATH_TABLE_H
#define REPLUG_PATH_TABLE_H

#include "machine.h"

enum { QUANTITIES = 1 + REPLUG_MODELS };

struct cost { /* instructions, then cycles under each model; only so many of them are looked at as the machine has */
    uint64_t of[QUANTITIES];
};

struct parts {
    struct cost total, own, interrupts;
};

/* What makes a row: the beginning of a replug_path_row.  By words, as it is begun, compared and hashed. */
union path_key {
    struct {
        uint32_t name, step;
        uint32_t variant[REPLUG_VARIANTS];
        uint32_t parameter[REPLUG_PARAMETERS];
        uint64_t value[REPLUG_PARAMETERS];
    };
    uint64_t words[6];
};
enum { KEY_WORDS = sizeof(union path_key) / sizeof(uint64_t) };
_Static_assert(offsetof(replug_path_row, calls) == sizeof(union path_key), "its beginning");

enum { RECENT_ROWS = 64 };

struct path_table {
    replug_path_row *rows;
    uint32_t row_count, row_capacity;
    uint32_t *row_index;           /* open addressing: row number + 1 */
    uint32_t row_index_size;
    struct recent_row {
        union path_key key;
        uint32_t row;              /* + 1; 0: none */
    } recent[RECENT_ROWS];         /* by name: the row found last */
    uint32_t *latest;              /* by row: the slot of its latest profile */
    uint64_t *profiles;            /* open addressing; each: how often (0: empty), row, total, own and interrupts by quantity */
    uint32_t profile_words, profile_count, profile_capacity;
};

replug_path_row *path_table_count(struct path_table *table, const union path_key *key, const struct parts *parts, uint32_t quantities);
void path_table_destroy(struct path_table *table);

#endif
