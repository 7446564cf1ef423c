/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a block executes in place of the call of the hook (inline.c), on x86-64:
 *
 *       if (retired >= fast_end || block->size != size) goto hook;
 *       if (log->count >= log->stub_room) goto hook;            where the block holds marks
 *       append its marks to the log
 *       block->count++; h->block = block; ...
 *       jmp behind
 *     hook:
 *       mov rdi, uc; mov rsi, pc; mov edx, size
 *       call blocks_count
 *       jmp back
 *
 * A mark's register is read where Unicorn keeps it: between blocks all are in memory.
 */
#include <string.h>

#include "machine.h"

#if defined(__x86_64__) && defined(__linux__)

enum { MOST_MARKS = 12 };

struct writer {
    uint8_t *at;
};

static void bytes(struct writer *w, const char *text, size_t count)
{
    memcpy(w->at, text, count);
    w->at += count;
}
#define EMIT(w, text) bytes(w, text, sizeof(text) - 1)

static void number(struct writer *w, uint64_t value, size_t count)
{
    memcpy(w->at, &value, count);
    w->at += count;
}

static void jump(struct writer *w, const uint8_t *target)
{
    EMIT(w, "\xe9");
    number(w, (uint64_t)(target - (w->at + 4)), 4);
}

/* A conditional jump forward; land() says where it leads. */
static uint8_t *jump_if(struct writer *w, uint8_t condition)
{
    EMIT(w, "\x0f");
    number(w, condition, 1);
    number(w, 0, 4);
    return w->at;
}

static void land(const struct writer *w, uint8_t *from)
{
    const int32_t offset = (int32_t)(w->at - from);
    memcpy(from - 4, &offset, sizeof offset);
}

/* r9 = the log's next event; goes to the place returned when there is no room. */
static uint8_t *find_room(struct writer *w, const struct event_log *log)
{
    enum { JAE = 0x83 };
    uint8_t *full;

    _Static_assert(offsetof(struct event_log, events) == 0 && sizeof(struct passed) == 24, "the stub knows these");
    EMIT(w, "\x49\xb8"); /* mov r8, log */
    number(w, (uintptr_t)log, 8);
    EMIT(w, "\x41\x8b\x40"); /* mov eax, [r8 + count] */
    number(w, offsetof(struct event_log, count), 1);
    EMIT(w, "\x41\x3b\x40"); /* cmp eax, [r8 + stub_room] */
    number(w, offsetof(struct event_log, stub_room), 1);
    full = jump_if(w, JAE);
    EMIT(w, "\x4c\x8d\x0c\x40\x49\xc1\xe1\x03\x4d\x03\x08"); /* lea r9, [rax + 2 * rax]; shl r9, 3; add r9, [r8] */
    return full;
}

/* rcx is the hart, rdi what has retired, eax the number of events. */
static void append_marks(struct writer *w, const hart *h, const struct block_mark *mark)
{
    uint32_t count = 0;

    EMIT(w, "\x89\x81"); /* mov [rcx + open_events], eax */
    number(w, offsetof(hart, open_events), 4);
    EMIT(w, "\x48\x89\xb9"); /* mov [rcx + open_instret], rdi */
    number(w, offsetof(hart, open_instret), 4);
    for (; mark != NULL; mark = observe_next(mark), count++) {
        const struct passed rest = {.mark = mark->mark, .hart = (uint16_t)h->id, .kind = REPLUG_EVENT_MARK};
        const uint32_t event = count * sizeof rest;
        EMIT(w, "\x4c\x8d\x97"); /* lea r10, [rdi + index] */
        number(w, mark->index, 4);
        EMIT(w, "\x4d\x89\x91"); /* mov [r9 + instret], r10 */
        number(w, event + offsetof(struct passed, instret), 4);
        if (mark->source.hooked || (mark->source.base == 0 && mark->source.addend == 0)) {
            EMIT(w, "\x45\x31\xd2"); /* xor r10d, r10d */
        } else if (h->machine->config.xlen == 64) {
            EMIT(w, "\x4c\x8b\x95"); /* mov r10, [rbp + register] */
            number(w, 8u * (uint32_t)mark->source.base, 4);
            EMIT(w, "\x49\x81\xc2"); /* add r10, addend */
            number(w, (uint32_t)mark->source.addend, 4);
        } else {
            EMIT(w, "\x44\x8b\x95"); /* mov r10d, [rbp + register] */
            number(w, 4u * (uint32_t)mark->source.base, 4);
            EMIT(w, "\x41\x81\xc2"); /* add r10d, addend */
            number(w, (uint32_t)mark->source.addend, 4);
        }
        EMIT(w, "\x4d\x89\x91"); /* mov [r9 + value], r10 */
        number(w, event + offsetof(struct passed, value), 4);
        EMIT(w, "\x49\xba"); /* mov r10, mark, hart and kind */
        bytes(w, (const char *)&rest + offsetof(struct passed, mark), 8);
        EMIT(w, "\x4d\x89\x91"); /* mov [r9 + mark], r10 */
        number(w, event + offsetof(struct passed, mark), 4);
    }
    EMIT(w, "\x83\xc0"); /* add eax, so many */
    number(w, count, 1);
    EMIT(w, "\x41\x89\x40"); /* mov [r8 + count], eax */
    number(w, offsetof(struct event_log, count), 1);
}

/* Can a stub do all that this block asks for? */
bool stub_possible(const hart *h, const struct block *block, const struct block_mark *marks)
{
    uint32_t count = 0;

    if ((block->flags & BLOCK_MARKED) && (marks == NULL || h->registers == NULL))
        return false;
    for (; marks != NULL; marks = observe_next(marks), count++) {
        if (h->machine->marks[marks->mark].kind >= REPLUG_MARK_CODE)
            return false;
    }
    return count <= MOST_MARKS;
}

/* Write the stub of a block whose hook is called at the site; where it ends. */
uint8_t *stub_write(uint8_t *at, hart *h, const struct block *block, uint64_t address, uint32_t size, const struct site *site,
                    const struct block_mark *marks)
{
    enum { JAE = 0x83, JNE = 0x85, JE = 0x84 };
    struct writer writer = {at}, *w = &writer;
    uint8_t *late, *changed, *off = NULL, *full = NULL;

    _Static_assert(offsetof(hart, retired) == 0 && offsetof(hart, recent) < 128 && RECENT == 128 && sizeof(struct recent) == 16 &&
                       offsetof(struct block, count) == 0 && offsetof(struct block, instructions) < 128, "the stub knows these");
    EMIT(w, "\x48\xb9"); /* mov rcx, hart */
    number(w, (uintptr_t)h, 8);
    EMIT(w, "\x48\xbe"); /* mov rsi, block */
    number(w, (uintptr_t)block, 8);
    EMIT(w, "\x48\x8b\x39"); /* mov rdi, [rcx]: retired */
    EMIT(w, "\x48\x3b\x79"); /* cmp rdi, [rcx + fast_end] */
    number(w, offsetof(hart, fast_end), 1);
    late = jump_if(w, JAE);
    EMIT(w, "\x66\x81\x7e"); /* cmp word [rsi + size], size */
    number(w, offsetof(struct block, size), 1);
    number(w, block->size, 2);
    changed = jump_if(w, JNE);
    if (block->size & SIZE_FLOATING) {
        EMIT(w, "\xf7\x81"); /* test dword [rcx + mstatus], FS */
        number(w, offsetof(hart, csr.mstatus), 4);
        number(w, MSTATUS_FS, 4);
        off = jump_if(w, JE);
    }
    if (marks != NULL) {
        full = find_room(w, &h->machine->log);
        append_marks(w, h, marks);
    }
    EMIT(w, "\x48\xff\x06"); /* inc qword [rsi]: count */
    EMIT(w, "\x48\x89\x71"); /* mov [rcx + block], rsi */
    number(w, offsetof(hart, block), 1);
    EMIT(w, "\x48\xba"); /* mov rdx, address */
    number(w, address, 8);
    EMIT(w, "\x48\x89\x51"); /* mov [rcx + block_pc], rdx */
    number(w, offsetof(hart, block_pc), 1);
    EMIT(w, "\x89\xf8\x83\xe0\x7f\xc1\xe0\x04"); /* mov eax, edi; and eax, 127; shl eax, 4 */
    EMIT(w, "\x48\x89\x54\x01");                 /* mov [rcx + rax + recent.pc], rdx */
    number(w, offsetof(hart, recent) + offsetof(struct recent, pc), 1);
    EMIT(w, "\x48\x89\x7c\x01"); /* mov [rcx + rax + recent.retired], rdi */
    number(w, offsetof(hart, recent) + offsetof(struct recent, retired), 1);
    EMIT(w, "\x0f\xb7\x46"); /* movzx eax, word [rsi + instructions] */
    number(w, offsetof(struct block, instructions), 1);
    EMIT(w, "\x48\x01\xc7\x48\x89\x39"); /* add rdi, rax; mov [rcx], rdi */
    jump(w, site->behind);

    land(w, late);
    land(w, changed);
    if (off != NULL)
        land(w, off);
    if (full != NULL)
        land(w, full);
    EMIT(w, "\x48\xbf"); /* mov rdi, uc */
    number(w, (uintptr_t)h->uc, 8);
    EMIT(w, "\x48\xbe"); /* mov rsi, address */
    number(w, address, 8);
    EMIT(w, "\xba"); /* mov edx, size */
    number(w, size, 4);
    EMIT(w, "\x48\xb8"); /* mov rax, blocks_count */
    number(w, (uintptr_t)blocks_count, 8);
    EMIT(w, "\xff\xd0"); /* call rax; rcx is the hart already */
    jump(w, site->back);
    return w->at;
}

void stub_jump(uint8_t *at, const uint8_t *target)
{
    struct writer w = {at};
    jump(&w, target);
}

#endif
