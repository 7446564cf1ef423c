/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest code as harts run it: pages, blocks, their counts; the shadow that is fetched from. */
#ifndef REPLUG_CODE_H
#define REPLUG_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

#include "decode.h"

typedef struct hart hart;
struct block_mark; /* marks.h */
struct replug_machine;

enum { PAGE_SHIFT = 12, PAGE_SIZE = 4096, PARCELS = PAGE_SIZE / 2 };

/* What is known of a page of RAM. */
enum page_flag {
    PAGE_TOUCHED = 1,      /* may differ from zero */
    PAGE_WRITE_MAPPED = 2, /* some hart's TLB may let stores through unseen */
    PAGE_CODE = 4,         /* has a shadow that harts fetch from */
    PAGE_CODE_DIRTY = 8,   /* code, and stored to since the shadow was made: on the dirty list */
    PAGE_WATCH_LOADS = 32, /* holds an area whose loads are watched: no TLB lets them through unseen */
    PAGE_WATCH_STORES = 64,
    PAGE_SAVED = 16        /* its contents are in the newest snapshot: it may change */
};

/* One block that has run: its extent in the page, and how often it ran. */
struct block {
    uint64_t count;
    uint16_t size;         /* SIZE_BYTES: 0: none known at this parcel; the other bits make the hook leave its fast path */
    uint16_t instructions;
    uint8_t last_kind;     /* kind of its last instruction */
    uint8_t flags;
    uint16_t first_mark;   /* number + 1 of its first mark in the machine's mark_slots; 0: look through the page's */
};
enum { SIZE_BYTES = 0x1fff, SIZE_MARKED = 0x2000, SIZE_FLOATING = 0x4000, SIZE_NOT_PLAIN = 0x8000 };
enum { BLOCK_MARKED = 1, BLOCK_BACKWARD = 2, BLOCK_FLOATING = 4, BLOCK_LINKS = 8, BLOCK_INSIDE = 16 /* no border behind it */, BLOCK_BREAK = 64 };
enum { LONGEST_BLOCK = 1024 }; /* instructions, and more than Unicorn ever translates at once */

/* A page of guest code. */
struct code_page {
    uint64_t physical;
    struct block blocks[PARCELS];
    uint64_t counts[PARCELS];    /* executions of blocks that are no longer in `blocks`, by instruction */
    uint32_t original[PARCELS];  /* the intercepted instruction whose place ecall has taken (last parcel: its half); 0: none */
    struct block_mark *marks;
    uint32_t *costs;   /* [parcel * models + model]: cycles inside the block that starts there, edges excluded */
    bool begins_empty; /* a block of no length at its start: an illegal parcel */
    bool straddled;    /* a block of another page has ended in an instruction whose second half is the first parcel */
};

/* Which code page a hart fetches from at a virtual page, exactly as its TLB has it. */
struct code_slot {
    uint64_t page; /* virtual page number; ~0: empty */
    struct code_page *code;
};
struct code_map {
    struct code_slot *slots;
    uint32_t mask; /* capacity - 1 */
    uint32_t *used; /* slots that are not empty, so that emptying the map is cheap */
    uint32_t used_count;
};

/* Which halfword of its page an address is in. */
static inline uint32_t parcel_of(uint64_t address) { return (address & (PAGE_SIZE - 1)) >> 1; }

/* blocks.c */
__attribute__((visibility("hidden"))) void blocks_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user);
__attribute__((visibility("hidden"), used)) void blocks_called(uc_engine *uc, uint64_t address, uint32_t size, void *user, uint8_t *base);
void blocks_count(uc_engine *uc, uint64_t address, uint32_t size, void *user);
void blocks_instruction_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user);
uint32_t blocks_cut(hart *h, uint64_t pc, bool undo);
void blocks_set_size(struct block *block, uint32_t size);
void blocks_expand(const struct replug_machine *machine, struct code_page *code, uint32_t parcel, uint64_t count,
                   uint32_t instructions);

/* borders.c */
bool border_behind(const struct instruction *instruction, uint64_t pc);
bool border_here(const hart *h, uint64_t pc);
void border_stand(hart *h, bool border);
void border_stand_behind(hart *h, const struct instruction *instruction, uint64_t pc);

/* inline.c */
void inline_begin(hart *h);
void inline_drop(hart *h);
void inline_block(hart *h, void *back, uint64_t address, uint32_t size, uint8_t *registers);
void inline_destroy(hart *h);

/* stub.c */
enum { STUB_LONGEST = 1024 }; /* bytes */
struct site { /* of the calls at the start of a block */
    uint8_t *start, *back, *behind;
    uint64_t question; /* Unicorn's function that asks whether to stop */
};
bool stub_possible(const hart *h, const struct block *block, const struct block_mark *marks);
uint8_t *stub_write(uint8_t *at, hart *h, const struct block *block, uint64_t address, uint32_t size, const struct site *site,
                    const struct block_mark *marks);
void stub_jump(uint8_t *at, const uint8_t *target);

/* code_map.c */
void code_map_create(struct code_map *map);
void code_map_destroy(struct code_map *map);
void shadow_map(hart *h, uint64_t virtual, struct code_page *code);
void shadow_unmap_all(hart *h);
struct code_page *shadow_mapped(hart *h, uint64_t virtual);

/* shadow.c */
struct code_page *shadow_page(struct replug_machine *machine, uint64_t physical);
bool shadow_must_intercept(const hart *h, const struct instruction *instruction, uint64_t pc);
void shadow_release(hart *h);
bool shadow_second_half(const struct code_page *code, uint32_t parcel);
uint32_t shadow_fetch(hart *h, uint64_t pc, struct instruction *out);
uint32_t shadow_length(const struct replug_machine *machine, const struct code_page *code, uint32_t parcel);
bool shadow_instruction(hart *h, uint64_t pc, struct instruction *out);
bool shadow_instruction_at(hart *h, struct code_page *code, uint64_t pc, struct instruction *out);
struct code_page *shadow_overlapped(hart *h, struct code_page *code, const struct instruction *instruction, uint64_t pc);
void shadow_patch(hart *h);
bool shadow_arm_crossing(hart *h, uint64_t page);
void shadow_disarm_crossing(hart *h);
bool shadow_is_empty(hart *h, uint64_t pc);
void shadow_sync(struct replug_machine *machine);
void shadow_mark_dirty(struct replug_machine *machine, uint64_t page);
void shadow_drop(struct replug_machine *machine, uint32_t first);
void shadow_view(const struct replug_machine *machine, const struct code_page *code, uint8_t *view);
void shadow_set_view(struct replug_machine *machine, struct code_page *code, const uint8_t *view);

/* old_code.c */
void old_code_keep(struct replug_machine *machine, struct code_page *code, const uint8_t *content);

#endif
