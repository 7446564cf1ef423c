// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kind of work that small processors are measured with: linked lists, matrices, a state machine over text, and a
 * CRC over what they give. Each iteration does the same and must give the same CRC; the result is that CRC, or 0 if one
 * of them differed.
 */
#include <stdint.h>

enum { MAX_HARTS = 8, NODES = 64, ORDER = 14, TEXT = 512, PATTERNS = 8 };

struct node {
    struct node *next;
    int16_t key;
    int16_t value;
};

struct work {
    struct node nodes[NODES];
    int32_t left[ORDER][ORDER], right[ORDER][ORDER], product[ORDER][ORDER];
    char text[TEXT];
    uint32_t visits[8];
} __attribute__((aligned(4096)));

static struct work works[MAX_HARTS];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static __attribute__((noinline)) uint16_t crc_add(uint16_t crc, uint32_t value)
{
    for (int bit = 0; bit < 16; bit++) {
        const uint16_t feedback = (crc ^ (uint16_t)value) & 1u;
        crc >>= 1;
        value >>= 1;
        if (feedback)
            crc ^= 0xa001;
    }
    return crc;
}

/* --- lists --- */

typedef int (*compare)(const struct node *, const struct node *);

static __attribute__((noinline)) int by_key(const struct node *a, const struct node *b) { return a->key - b->key; }

static __attribute__((noinline)) int by_value(const struct node *a, const struct node *b)
{
    return a->value != b->value ? a->value - b->value : a->key - b->key;
}

static struct node *merge(struct node *a, struct node *b, compare order)
{
    struct node head, *last = &head;

    while (a != 0 && b != 0) {
        struct node **smaller = order(a, b) <= 0 ? &a : &b;
        last->next = *smaller;
        last = *smaller;
        *smaller = last->next;
    }
    last->next = a != 0 ? a : b;
    return head.next;
}

static __attribute__((noinline)) struct node *sort(struct node *list, compare order)
{
    struct node *slow = list, *fast, *half;

    if (list == 0 || list->next == 0)
        return list;
    for (fast = list->next; fast != 0 && fast->next != 0; fast = fast->next->next)
        slow = slow->next;
    half = slow->next;
    slow->next = 0;
    return merge(sort(list, order), sort(half, order), order);
}

static __attribute__((noinline)) const struct node *find(const struct node *list, int16_t key)
{
    while (list != 0 && list->key != key)
        list = list->next;
    return list;
}

static __attribute__((noinline)) struct node *reverse(struct node *list)
{
    struct node *done = 0;

    while (list != 0) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static uint16_t lists(struct work *work, uint32_t *random, uint16_t crc)
{
    struct node *list = 0;

    for (int i = 0; i < NODES; i++) {
        struct node *node = &work->nodes[(i * 37) % NODES];
        node->key = (int16_t)(i * 3);
        node->value = (int16_t)(next_random(random) & 0x1ff);
        node->next = list;
        list = node;
    }
    for (int i = 0; i < 8; i++) {
        const struct node *found = find(list, (int16_t)(next_random(random) % (4 * NODES)));
        crc = crc_add(crc, found != 0 ? (uint32_t)found->value : 0xffffu);
        list = reverse(list);
    }
    list = sort(list, by_value);
    for (const struct node *node = list; node != 0; node = node->next)
        crc = crc_add(crc, (uint32_t)node->value);
    list = sort(list, by_key);
    return crc_add(crc, (uint32_t)list->value);
}

/* --- matrices --- */

static __attribute__((noinline)) void multiply(struct work *work)
{
    for (int i = 0; i < ORDER; i++) {
        for (int j = 0; j < ORDER; j++) {
            int32_t sum = 0;
            for (int k = 0; k < ORDER; k++)
                sum += work->left[i][k] * work->right[k][j];
            work->product[i][j] = sum;
        }
    }
}

static uint16_t matrices(struct work *work, uint32_t *random, uint16_t crc)
{
    int32_t sum = 0;

    for (int i = 0; i < ORDER; i++) {
        for (int j = 0; j < ORDER; j++) {
            work->left[i][j] = (int32_t)(next_random(random) & 0xff) - 128;
            work->right[i][j] = (int32_t)(next_random(random) & 0xff);
        }
    }
    multiply(work);
    for (int i = 0; i < ORDER; i++) {
        for (int j = 0; j < ORDER; j++) {
            const int32_t value = work->product[i][j];
            sum += value > 1000 ? 10 : value < -1000 ? -7 : (value >> 3) & 0x1f;
        }
        crc = crc_add(crc, (uint32_t)sum);
    }
    return crc;
}

/* --- a state machine: which kind of number is each word of the text --- */

enum state { START, INTEGER, SIGNED, POINT, FRACTION, EXPONENT, EXPONENT_DIGITS, INVALID };

static const char patterns[PATTERNS][12] = {"5012", "-874", "+122.45", "1e-3", ".5", "7.2e+10", "x9", "-"};

static __attribute__((noinline)) enum state next_state(enum state state, char c)
{
    const int digit = c >= '0' && c <= '9';

    switch (state) {
    case START: return digit ? INTEGER : c == '+' || c == '-' ? SIGNED : c == '.' ? POINT : INVALID;
    case SIGNED: return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER: return digit ? INTEGER : c == '.' ? POINT : c == 'e' ? EXPONENT : INVALID;
    case POINT: return digit ? FRACTION : INVALID;
    case FRACTION: return digit ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case EXPONENT: return digit || c == '+' || c == '-' ? EXPONENT_DIGITS : INVALID;
    case EXPONENT_DIGITS: return digit ? EXPONENT_DIGITS : INVALID;
    default: return INVALID;
    }
}

static uint16_t words(struct work *work, uint32_t *random, uint16_t crc)
{
    int length = 0;
    enum state state = START;

    while (length < TEXT - 12) {
        const char *pattern = patterns[next_random(random) % PATTERNS];
        while (*pattern != 0)
            work->text[length++] = *pattern++;
        work->text[length++] = ',';
    }
    for (int i = 0; i < 8; i++)
        work->visits[i] = 0;
    for (int i = 0; i < length; i++) {
        if (work->text[i] == ',') {
            work->visits[state]++;
            state = START;
        } else {
            state = next_state(state, work->text[i]);
        }
    }
    for (int i = 0; i < 8; i++)
        crc = crc_add(crc, work->visits[i]);
    return crc;
}

uint64_t benchmark(uint64_t iterations, uint64_t hart)
{
    struct work *work = &works[hart % MAX_HARTS];
    uint64_t first = 0;

    for (uint64_t i = 0; i < iterations; i++) {
        uint32_t random = 0x5eed;
        uint16_t crc = 0xffff;
        crc = lists(work, &random, crc);
        crc = matrices(work, &random, crc);
        crc = words(work, &random, crc);
        if (i == 0)
            first = crc;
        else if (crc != first)
            return 0;
    }
    return first;
}
