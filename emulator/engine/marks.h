/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What harts pass, and what comes of it: marks, events, paths, calls, cycles. */
#ifndef REPLUG_MARKS_H
#define REPLUG_MARKS_H

#include "hart.h"

/* A value: what a register holds at the block's start, and so much more. */
struct source {
    int8_t base;    /* 0: none */
    bool hooked;    /* it is not known before the instruction is reached: a code hook reads it */
    int32_t addend;
};

/* A mark somewhere in a block. */
struct block_mark {
    struct block_mark *next;
    uint32_t mark;
    uint16_t parcel; /* of the block's start */
    uint16_t index;  /* instructions of the block before the marked one */
    uint32_t cost[REPLUG_MODELS]; /* cycles of the block before the marked instruction */
    struct source source; /* where the recorded value comes from */
};

enum { EVENT_BATCH = 512 }; /* events, before they are handed on */

/* Something a hart has passed: a replug_event without its time and cycles. */
struct passed {
    uint64_t instret, value;
    uint32_t mark;
    uint16_t hart, kind;
};

/* Of late: some may still be taken back.  Stubs append to it as well (stub.c). */
struct event_log {
    struct passed *events;
    uint32_t count;
    uint32_t stub_room;      /* stubs append while there are fewer */
    struct event_detail {
        uint64_t time;
        uint64_t cycles[REPLUG_MODELS];
    } *details;              /* by event; NULL: nobody asks for them */
    uint32_t capacity;
};

/* observe.c */
void observe_block(hart *h, struct code_page *code, struct block *block, uint64_t pc);
void observe_new_block(hart *h, struct code_page *code, struct block *block, uint32_t parcel, uint64_t pc);
void observe_cut(hart *h, const struct block *block, uint32_t executed);
void observe_trap(hart *h, uint64_t cause);
void observe_return(hart *h);
void observe_sleep(hart *h, bool wakes);
void observe_capture_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user);
const struct block_mark *observe_marks(const struct replug_machine *machine, const struct code_page *code, const struct block *block,
                                       uint32_t parcel);
static inline const struct block_mark *observe_next(const struct block_mark *mark) /* of the same block; NULL: none */
{
    return mark->next != NULL && mark->next->parcel == mark->parcel ? mark->next : NULL;
}

/* events.c */
bool events_create(struct replug_machine *machine);
void events_destroy(struct replug_machine *machine);
struct passed *events_record(hart *h, uint32_t kind);
void events_settle(struct replug_machine *machine); /* all of them have happened for good */

/* capture.c */
struct source capture_source(hart *h, uint64_t from, uint64_t to, int8_t index);
uint64_t capture_value(hart *h, const struct source *source);

/* generated.c */
void generated_note(hart *h, uint32_t mark, uint64_t value);
void generated_forget_future(struct replug_machine *machine);

/* models.c */
void models_new_block(hart *h, struct code_page *code, uint32_t parcel, const struct instruction *list, uint32_t count);
void models_open_block(hart *h, const struct code_page *code, const struct block *block, uint64_t pc);
void models_close_block(hart *h, bool with_edge, uint64_t next);
void models_cut(hart *h, uint32_t executed);
void models_trap(hart *h);
void models_prefix(hart *h, uint64_t pc, uint32_t count, uint32_t *costs);

/* caches.c */
void caches_access(hart *h, uint64_t physical, uint32_t width, bool store);
void caches_fetch(hart *h, const struct code_page *code, const struct block *block, uint64_t pc);
void caches_flush_instructions(hart *h);
void caches_destroy(struct replug_machine *machine);

/* calls.c */
void calls_block(hart *h, const struct code_page *code, const struct block *block, uint64_t pc);
void calls_switch(hart *h, uint64_t id, uint64_t retired);
void calls_trap(hart *h, uint64_t cause);
void calls_return(hart *h);
void calls_destroy(struct replug_machine *machine);

/* paths.c */
bool paths_create(struct replug_machine *machine);
void paths_destroy(struct replug_machine *machine);
void paths_consume(struct replug_machine *machine, uint32_t count); /* the first events of the log */

/* open_paths.c */
void open_paths_destroy(struct replug_machine *machine);
void open_paths_consume(struct replug_machine *machine, uint32_t count); /* the same, instead */

#endif
