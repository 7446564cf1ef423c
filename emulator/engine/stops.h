/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stops a run in the middle: breakpoints, watchpoints, catchpoints, watched areas. */
#ifndef REPLUG_STOPS_H
#define REPLUG_STOPS_H

#include "hart.h"

/* The block that is run instruction by instruction. */
struct careful {
    uc_engine *uc;       /* the second Unicorn; NULL until it is needed */
    uc_context *context;
    hart *hart;          /* whose block it runs */
    uc_engine *own;      /* that hart's own Unicorn */
    bool stale;          /* code has changed since it ran last */
};

/* A register whose change is waited for. */
struct register_watch {
    enum { REGISTER_NONE, REGISTER_X, REGISTER_F } kind;
    uint32_t hart, index, number;
    uint64_t value;
};

/* A watched area of RAM. */
struct watch {
    uint64_t physical, length;
    uint32_t kinds; /* of enum replug_watch_kind; 0: not in use */
};

/* hits.c */
uint64_t machine_steps(const hart *h); /* of all harts, while this one runs: instructions and traps */
bool machine_hit(hart *h, const replug_hit *hit, int reason); /* at the instruction that is about to run; true: the run stops */
bool machine_hit_at(hart *h, const replug_hit *hit, int reason);

/* careful.c */
void careful_destroy(struct replug_machine *machine);
bool careful_wanted(const hart *h, const struct block *block, uint64_t pc);
void careful_enter(hart *h);
void careful_enter_at(hart *h, uint64_t pc);
uc_err careful_start(hart *h);
void careful_stand(hart *h);
void careful_resume(hart *h);
void careful_forget(hart *h);
bool careful_must_stop(hart *h, uint64_t pc);
bool careful_outside(const hart *h, uint64_t pc);
static inline bool careful_at_end(const hart *h) { return h->retired - h->left >= h->exact_end; }

/* breakpoint.c */
bool breakpoint_in(const struct replug_machine *machine, uint64_t start, uint32_t size);
bool breakpoint_stops(hart *h, uint64_t pc);
bool breakpoint_met(const hart *h, uint64_t pc, uint32_t size);

/* watchpoint.c */
uint32_t watchpoint_page(const struct replug_machine *machine, uint64_t virtual, uint64_t physical);
void watchpoint_register(hart *h);
bool watchpoint_touches(const struct replug_machine *machine, uint64_t physical, uint32_t width, uint32_t kind);
void watchpoint_access(hart *h, uint64_t pc, uint64_t virtual, uint64_t physical, uint32_t width, uint32_t kind);
void watchpoint_instruction(hart *h, uint64_t pc);
void watchpoint_device(struct replug_machine *machine, uint64_t physical, uint64_t length, uint32_t device);
void watchpoint_settle(hart *h);
void watchpoint_remove(struct replug_machine *machine, uint32_t number);

/* catchpoint.c */
void catchpoint_trap(hart *h, uint64_t cause, uint64_t value, uint64_t pc);
void catchpoint_remove(struct replug_machine *machine, uint32_t number);

/* sieve.c */
bool sieve_takes(const struct replug_machine *machine, uint8_t page_flags);
uint64_t sieve_address(uint64_t page);
bool sieve_block(const hart *h, uint64_t pc, uint32_t size);

/* watch.c */
void watch_note(hart *h, uint64_t pc, uint64_t physical, uint32_t width, uint32_t kind, uint64_t before, uint64_t value);
uint32_t watch_access(hart *h, uint64_t pc, uint64_t address, uint32_t width, bool is_store, uint64_t *value, uint64_t *fault);

#endif
