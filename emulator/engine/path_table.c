/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sums of named paths: a row for each combination of name, variants, step and parameters.
 *
 * Costs are kept as profiles: every combination of figures and how often it occurred, so that minimum, median and maximum
 * are exact however many calls there were.  Most calls cost what the call before did: the latest of each is found at once.
 */
#include <stdlib.h>
#include <string.h>

#include "path_table.h"

static void *checked(void *memory)
{
    if (memory == NULL)
        abort(); /* the host is out of memory */
    return memory;
}

static uint64_t hash_words(const void *data, size_t words)
{
    uint64_t hash = 0, word;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, (const char *)data + i * sizeof word, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 32;
    }
    return hash;
}

/* --- rows ----------------------------------------------------------------------------------------------------------- */

static uint32_t place_of(const struct path_table *table, const union path_key *key)
{
    return (uint32_t)hash_words(key, KEY_WORDS) & (table->row_index_size - 1);
}

static void index_row(struct path_table *table, uint32_t row)
{
    uint32_t at = place_of(table, (const union path_key *)&table->rows[row]);

    while (table->row_index[at] != 0)
        at = (at + 1) & (table->row_index_size - 1);
    table->row_index[at] = row + 1;
}

static uint32_t new_row(struct path_table *table, const union path_key *key)
{
    if (table->row_count == table->row_capacity) {
        table->row_capacity = table->row_capacity ? 2 * table->row_capacity : 64;
        table->rows = checked(realloc(table->rows, table->row_capacity * sizeof *table->rows));
        table->latest = checked(realloc(table->latest, table->row_capacity * sizeof *table->latest));
    }
    memset(&table->rows[table->row_count], 0, sizeof *table->rows);
    memcpy(&table->rows[table->row_count], key, sizeof *key);
    table->latest[table->row_count] = 0;
    return table->row_count++;
}

static uint32_t find_row(struct path_table *table, const union path_key *key)
{
    uint32_t at;

    if (2 * (table->row_count + 1) > table->row_index_size) {
        table->row_index_size = table->row_index_size ? 2 * table->row_index_size : 256;
        free(table->row_index);
        table->row_index = checked(calloc(table->row_index_size, sizeof *table->row_index));
        for (uint32_t row = 0; row < table->row_count; row++)
            index_row(table, row);
    }
    for (at = place_of(table, key); table->row_index[at] != 0; at = (at + 1) & (table->row_index_size - 1)) {
        const uint32_t row = table->row_index[at] - 1;
        if (memcmp(&table->rows[row], key, sizeof *key) == 0)
            return row;
    }
    table->row_index[at] = table->row_count + 1;
    return new_row(table, key);
}

static uint32_t row_of(struct path_table *table, const union path_key *key)
{
    struct recent_row *recent = &table->recent[key->name % RECENT_ROWS];

    for (uint32_t i = 0; i < KEY_WORDS; i++) {
        if (recent->key.words[i] != key->words[i] || recent->row == 0) {
            recent->key = *key;
            recent->row = find_row(table, key) + 1;
            break;
        }
    }
    return recent->row - 1;
}

/* --- profiles ------------------------------------------------------------------------------------------------------- */

static bool same(const uint64_t *slot, const uint64_t *profile, uint32_t words)
{
    for (uint32_t i = 1; i < words; i++) {
        if (slot[i] != profile[i])
            return false;
    }
    return true;
}

static uint32_t slot_of(const uint64_t *profiles, uint32_t capacity, uint32_t words, const uint64_t *profile)
{
    uint32_t at = (uint32_t)hash_words(profile + 1, words - 1) & (capacity - 1);

    while (profiles[(size_t)at * words] != 0 && !same(&profiles[(size_t)at * words], profile, words))
        at = (at + 1) & (capacity - 1);
    return at;
}

static void grow(struct path_table *table)
{
    const uint32_t words = table->profile_words, capacity = table->profile_capacity ? 2 * table->profile_capacity : 1024;
    uint64_t *profiles = checked(calloc((size_t)capacity * words, sizeof *profiles));

    for (uint32_t i = 0; i < table->profile_capacity; i++) {
        const uint64_t *old = &table->profiles[(size_t)i * words];
        if (old[0] != 0)
            memcpy(&profiles[(size_t)slot_of(profiles, capacity, words, old) * words], old, words * sizeof *old);
    }
    free(table->profiles);
    table->profiles = profiles;
    table->profile_capacity = capacity;
}

static void count_profile(struct path_table *table, const uint64_t *profile)
{
    const uint32_t words = table->profile_words;
    uint32_t *latest = &table->latest[profile[1]];
    uint64_t *slot;

    if (2 * (table->profile_count + 1) > table->profile_capacity)
        grow(table);
    slot = &table->profiles[(size_t)*latest * words];
    if (slot[0] == 0 || !same(slot, profile, words)) {
        *latest = slot_of(table->profiles, table->profile_capacity, words, profile);
        slot = &table->profiles[(size_t)*latest * words];
    }
    if (slot[0] == 0) {
        memcpy(slot, profile, words * sizeof *slot);
        slot[0] = 0;
        table->profile_count++;
    }
    slot[0]++;
}

/* One more call that has cost this; its row. */
replug_path_row *path_table_count(struct path_table *table, const union path_key *key, const struct parts *parts, uint32_t quantities)
{
    const uint32_t row = row_of(table, key);
    const struct cost *const each[] = {&parts->total, &parts->own, &parts->interrupts};
    uint64_t profile[2 + 3 * QUANTITIES] = {0, row}, *word = profile + 2;

    table->rows[row].calls++;
    table->profile_words = 2 + 3 * quantities;
    for (uint32_t part = 0; part < 3; part++) {
        for (uint32_t i = 0; i < quantities; i++)
            *word++ = each[part]->of[i];
    }
    count_profile(table, profile);
    return &table->rows[row];
}

void path_table_destroy(struct path_table *table)
{
    free(table->rows);
    free(table->row_index);
    free(table->latest);
    free(table->profiles);
}
