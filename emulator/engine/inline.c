/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counting inside the translated code.
 *
 * Unicorn calls blocks_hook at the start of every block it has translated, then a function of its own that asks whether
 * to stop, and that function again after every load and store.  These calls cost more than the guest's own
 * instructions.  So the first time a block runs, the calls at its start are replaced by a jump to a stub (stub.c) that does
 * what the hook's fast path does, and the others by nothing:
 *
 *     translated by Unicorn                          becomes
 *     start:
 *       mov rdi, uc; mov rsi, pc                       jmp stub
 *       mov edx, size; mov rcx, hart
 *       call blocks_hook
 *     back:                                            (where the stub goes when it has called us,
 *       mov rdi, uc; xor esi, esi
 *       call check_exit_request
 *     behind:                                          and when it has not)
 *
 * Nobody stops a run but that hook, which is followed by Unicorn's question as before, and what leaves the translated code
 * on its own: exceptions, and answers to the TLB (translate.c).
 *
 * It is done only where every byte of the calls is what it is known to be, with this very hart, address and size in it.
 * Anything else (another version of Unicorn, another processor, memory that cannot be written) leaves the calls alone,
 * and costs time, nothing else.  What is counted is the same either way: a test compares them.
 *
 * A stub belongs to one translation.  When that is dropped, nothing leads to the stub any more; its room comes back when
 * the arena is full: then all translations of the hart are dropped.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

#if defined(__x86_64__) && defined(__linux__)

#ifndef ARENA
#define ARENA (32u << 20) /* bytes of stubs a hart */
#endif
enum { POOL = 1 << 16 /* constants lie so near behind the code that loads them */ };
#define REACH ((2ull << 30) - (128 << 20)) /* of a jump, from anywhere in the arena to anywhere in the translated code */

static uint64_t load64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static int32_t load32(const uint8_t *from)
{
    int32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* The length of the instruction that ends at `end` if it sets the register to the value; 0: it does not. */
static size_t sets_register(const uint8_t *end, uint8_t number, uint64_t value)
{
    const uint8_t move = (uint8_t)(0xb8 + number), sign = (uint8_t)(0xc0 + number), address = (uint8_t)(0x05 + 8 * number);

    if (end[-10] == 0x48 && end[-9] == move && load64(end - 8) == value)
        return 10; /* mov r64, imm64 */
    if (end[-7] == 0x48 && end[-6] == 0xc7 && end[-5] == sign && (uint64_t)(int64_t)load32(end - 4) == value)
        return 7; /* mov r64, simm32 */
    if (end[-7] == 0x48 && end[-6] == 0x8d && end[-5] == address && (uint64_t)(uintptr_t)end + (uint64_t)(int64_t)load32(end - 4) == value)
        return 7; /* lea r64, [rip + disp32] */
    if (end[-5] == move && (uint64_t)(uint32_t)load32(end - 4) == value)
        return 5; /* mov r32, imm32 */
    return 0;
}

/* The same for an instruction that begins at `start`. */
static size_t sets_register_here(const uint8_t *start, uint8_t number, uint64_t value)
{
    static const uint8_t lengths[] = {10, 7, 5};
    for (size_t i = 0; i < sizeof lengths; i++) {
        if (sets_register(start + lengths[i], number, value) == lengths[i])
            return lengths[i];
    }
    return 0;
}

/* The length of the call that begins here, and its target; 0: it is none. */
static size_t calls(const uint8_t *start, uint64_t *target)
{
    if (start[0] == 0xe8) { /* call rel32 */
        *target = (uint64_t)(uintptr_t)(start + 5) + (uint64_t)(int64_t)load32(start + 1);
        return 5;
    }
    if (start[0] == 0xff && start[1] == 0x15 && (uint32_t)load32(start + 2) < POOL) { /* call [rip + disp32] */
        *target = load64(start + 6 + load32(start + 2));
        return 6;
    }
    return 0;
}

/* The same for a call that ends at `end` and leads to the target. */
static size_t calls_before(const uint8_t *end, uint64_t target)
{
    uint64_t found;
    for (size_t length = 5; length <= 6; length++) {
        if (calls(end - length, &found) == length && found == target)
            return length;
    }
    return 0;
}

/* mov rdi, uc; xor esi, esi; call: the length of it all, and whom it asks; 0: it is something else. */
static size_t asks(const hart *h, const uint8_t *start, uint64_t *question)
{
    enum { RDI = 7 };
    const size_t first = sets_register_here(start, RDI, (uint64_t)(uintptr_t)h->uc);
    size_t length;

    if (first == 0 || start[first] != 0x33 || start[first + 1] != 0xf6 || (length = calls(start + first + 2, question)) == 0)
        return 0;
    return first + 2 + length;
}

/* Is this the call of the hook, as Unicorn 2.1 translates it, that returns to `back`? */
static bool find_site(const hart *h, uint8_t *back, uint64_t address, uint32_t size, struct site *site)
{
    enum { RDX = 2, RCX = 1, RSI = 6, RDI = 7 };
    const uint64_t uc = (uint64_t)(uintptr_t)h->uc;
    uint8_t *at = back;
    size_t length;

    if ((length = calls_before(at, (uint64_t)(uintptr_t)blocks_hook)) == 0)
        return false;
    at -= length;
    if ((length = sets_register(at, RCX, (uint64_t)(uintptr_t)h)) == 0)
        return false;
    at -= length;
    if ((length = sets_register(at, RDX, size)) == 0)
        return false;
    at -= length;
    if ((length = sets_register(at, RSI, address)) == 0)
        return false;
    at -= length;
    if ((length = sets_register(at, RDI, uc)) == 0)
        return false;
    site->start = at - length;
    site->back = back;
    if ((length = asks(h, back, &site->question)) == 0)
        return false;
    site->behind = back + length;
    return true;
}

/*
 * Take out the questions behind the block's loads and stores.  How long its translation is Unicorn does not tell: the bound is
 * generous, and what lies behind is the next block at most.
 */
static void remove_questions(const hart *h, const struct site *site, uint32_t instructions)
{
    enum { A_LOT = 256, EACH = 256 };
    uint8_t *at = site->behind, *end = at + A_LOT + EACH * instructions;

    if (end > h->code_end - 32)
        end = h->code_end - 32;
    for (; at < end; at++) {
        uint64_t question;
        size_t length;
        if (at[0] != 0x48 || (length = asks(h, at, &question)) == 0 || question != site->question)
            continue;
        if (calls_before(at, (uint64_t)(uintptr_t)blocks_hook) != 0)
            return; /* the next block: its own turn will come */
        if (at[-5] == 0xe8 || (at[-6] == 0xff && at[-5] == 0x15))
            continue; /* behind a call: of a hook, which may have asked for a stop */
        at[0] = 0xeb; /* jmp over it */
        at[1] = (uint8_t)(length - 2);
        at += length - 1;
    }
}

/* --- memory -------------------------------------------------------------------------------------------------------- */

static uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

/*
 * Room for stubs, as near to the translated code as there is any: a jump reaches 2 GiB.  Asked once a hart.  False: there is none,
 * or the translated code cannot be written to.
 */
static bool find_arena(hart *h, const uint8_t *translated)
{
    const uint64_t code = (uint64_t)(uintptr_t)translated;
    FILE *maps = fopen("/proc/self/maps", "r");
    uint64_t first, end, last_end = 1 << 20, best = 0;
    char rights[5], line[512];
    void *arena;

    if (maps == NULL)
        return false;
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &first, &end, rights) != 3)
            continue;
        if (first - last_end >= ARENA) { /* a gap: its end that is nearer to the code */
            const uint64_t place = last_end > code ? last_end : first - ARENA;
            if (distance(place, code) < distance(best, code))
                best = place;
        }
        if (code >= first && code < end && strncmp(rights, "rwx", 3) == 0)
            h->code_end = (uint8_t *)(uintptr_t)end;
        last_end = end;
    }
    fclose(maps);
    if (h->code_end == NULL || distance(best, code) > REACH)
        return false;
    arena = mmap((void *)(uintptr_t)best, ARENA, PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (arena == MAP_FAILED)
        return false;
    if (arena != (void *)(uintptr_t)best) { /* an old kernel, to which the place is a wish */
        munmap(arena, ARENA);
        return false;
    }
    h->stubs = arena;
    return true;
}

/* --- blocks ---------------------------------------------------------------------------------------------------------- */

/* Outside a run: nothing that has been translated is used any more, nor are its stubs. */
void inline_drop(hart *h)
{
    if (h->stubs_used != 0)
        uc_ctl_flush_tb(h->uc);
    h->stubs_used = 0;
}

/* Outside a run. */
void inline_begin(hart *h)
{
    if (h->stubs != NULL && h->stubs_used + STUB_LONGEST > ARENA)
        inline_drop(h);
}

void inline_destroy(hart *h)
{
    if (h->stubs != NULL)
        munmap(h->stubs, ARENA);
}

/* Are x0 to x31 there?  Unicorn is asked to change each. */
static bool holds_registers(hart *h, const uint8_t *memory)
{
    const uint32_t width = h->machine->config.xlen / 8;
    bool same = true;

    for (uint32_t i = 1; i < 32 && same; i++) {
        const uint64_t value = hart_get_x(h, i), other = ~value ^ i;
        hart_set_x(h, i, other);
        same = memcmp(memory + i * width, &other, width) == 0;
        hart_set_x(h, i, value);
        same = same && memcmp(memory + i * width, &value, width) == 0;
    }
    return same;
}

/*
 * From the hook, when it has counted the block: `back` is where in the translated code it returns to, and `base` what the
 * translated code has in rbp: the address of the processor's state, which begins with the integer registers.
 */
void inline_block(hart *h, void *back, uint64_t address, uint32_t size, uint8_t *base)
{
    struct block *block = h->block;
    const struct block_mark *marks;
    struct site site;

    if (block == NULL || h->block_pc != address) /* it has left the run in front of this block */
        return;
    if ((block->size & ~(SIZE_FLOATING | SIZE_MARKED)) != size || !find_site(h, back, address, size, &site))
        return;
    if (h->stubs == NULL && !find_arena(h, back)) {
        h->inlines = false;
        return;
    }
    if (h->registers == NULL && holds_registers(h, base))
        h->registers = base;
    marks = block->flags & BLOCK_MARKED ? observe_marks(h->machine, shadow_mapped(h, address), block, parcel_of(address)) : NULL;
    if (h->stubs_used + STUB_LONGEST > ARENA || !stub_possible(h, block, marks))
        return;
    uint8_t *const stub = h->stubs + h->stubs_used;
    remove_questions(h, &site, block->instructions);
    h->stubs_used = (uint32_t)((stub_write(stub, h, block, address, size, &site, marks) - h->stubs + 15) & ~15);
    stub_jump(site.start, stub);
    h->inlined++;
}

#else

void inline_begin(hart *h) { h->inlines = false; }
void inline_drop(hart *h) { (void)h; }
void inline_destroy(hart *h) { (void)h; }
void inline_block(hart *h, void *back, uint64_t address, uint32_t size, uint8_t *base)
{
    (void)back, (void)address, (void)size, (void)base;
    h->inlines = false;
}

#endif

/* How many blocks count inside the translated code, of all that have been translated so far. */
uint64_t replug_inlined(replug_machine *machine)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < machine->config.harts; i++)
        sum += machine->harts[i].inlined;
    return sum;
}
