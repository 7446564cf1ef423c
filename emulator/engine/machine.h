/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine from the inside: what a machine is, and which file does what.
 *
 * The machine (machine.h)
 *   machine.c    making and dropping machines
 *   rounds.c     rounds of slices, whose turn it is, virtual time
 *   schedule.c   lengths of slices, recorded or followed
 *   snapshot.c   going back: RAM by the pages that have changed
 *   state.c      the state of harts as bytes
 *   access.c     memory and registers as Python asks for them
 * Harts (hart.h; riscv.h has the architecture's numbers)
 *   hart.c       one Unicorn instance: its hooks, running a slice, registers
 *   translate.c  address translation, protection, the answers to Unicorn's TLB
 *   trap.c       trap entry, xret, interrupts
 *   csr.c        the CSRs
 *   emulate.c    the intercepted instructions
 *   loadstore.c  loads and stores to devices, and to watched pages
 *   nanbox.c     single-precision operands that are not NaN-boxed
 *   minmax.c     fmin and fmax
 *   bitmanip.c   Zba, Zbb, Zbs, Zicond
 * Code (code.h)
 *   decode.c     instructions
 *   blocks.c     exact counting by blocks
 *   borders.c    where a slice may end
 *   inline.c     the same inside the translated code, without a call: finding the calls, making room
 *   stub.c       what is executed there instead of them
 *   code_map.c   which page of code a hart fetches from at a virtual page
 *   shadow.c     the copy of the code that harts fetch from, and interception of instructions in it
 *   old_code.c   how often instructions ran, also in pages that have changed since
 * Stops (stops.h)
 *   hits.c       what meets breakpoints, watchpoints and catchpoints
 *   careful.c    a block instruction by instruction, to stop anywhere
 *   breakpoint.c breakpoints
 *   watchpoint.c watchpoints
 *   catchpoint.c stops at traps
 *   sieve.c      where in the past they may have been met, at nearly full speed
 *   watch.c      watched areas of RAM
 * Devices (devices.h)
 *   devices.c    which device answers at a physical address
 *   clint.c      msip, mtimecmp, mtime
 *   plic.c       the interrupt controller
 *   uart.c       the console
 * What harts pass, and what it costs (marks.h)
 *   observe.c    marks: which blocks hold any, what is told of them when one starts; traps, sleep
 *   events.c     the log of what harts have passed, and whom it is handed on to
 *   capture.c    where the register of a mark gets its value from
 *   models.c     cost models: cycles of blocks and of the edges between them
 *   caches.c     L1 caches of cost models
 *   calls.c      who called whom
 *   paths.c      from the marks that harts pass to what each call of a named path cost
 *   path_table.c the sums of those costs, and how often each occurred
 *   open_paths.c instead of that, for debuggers: which paths are open where, now
 *   generated.c  code that the guest generates
 */
#ifndef REPLUG_MACHINE_H
#define REPLUG_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

#include "code.h"
#include "devices.h"
#include "hart.h"
#include "marks.h"
#include "replug.h"
#include "riscv.h"
#include "stops.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

struct replug_machine {
    replug_config config;
    hart *harts;
    uint8_t *ram;
    uint8_t *shadow;
    uint64_t shadow_base;        /* physical address of the shadow in Unicorn's view */
    uint8_t *page_flags;
    struct code_page **code_pages;
    uint64_t *code_list;         /* numbers of the pages with PAGE_CODE, in the order in which they became code */
    uint32_t code_count, code_capacity;
    uint64_t *dirty_code;        /* page numbers */
    uint32_t dirty_count, dirty_capacity;
    struct code_page *probe;     /* the page a shadow invalidation looks at */

    uint64_t time;               /* virtual nanoseconds at the start of the round */
    uint64_t time_read;          /* the latest time any hart has read */
    uint64_t next_event;
    uint64_t horizon;            /* while every hart waits, time may jump as far as this: no state, it only stops a run */
    uint64_t rounds;
    uint32_t turn;               /* whose slice it is */
    uint64_t longest;            /* instructions of the longest slice of this round */
    bool in_slice;
    uint64_t planned;            /* instructions of this slice */
    uint32_t *schedule;          /* lengths of slices: recorded, or to be followed */
    uint64_t schedule_count, schedule_capacity, schedule_at;
    bool recording, following;
    bool exception_due;          /* the slice being followed ends in an exception */
    bool stop_requested;
    int stop;

    uint32_t wild_hart;
    uint64_t wild_cause, wild_value, wild_pc;
    char failure[256];

    replug_mmio_read mmio_read;
    replug_mmio_write mmio_write;
    bool mmio_fault;
    hart *mmio_hart;           /* whose access to a device is being made outside the engine; else NULL */
    struct careful careful;
    int exact_unit;          /* of replug_run_exact; 0: replug_run */
    uint32_t exact_hart;     /* that has a limit of its own; ~0: none */
    uint64_t exact_hart_end; /* in what exact_unit counts */
    bool exact_alone;        /* stop where the slice ends as well */
    struct breakpoint *breakpoints;
    uint32_t breakpoint_count;
    uint32_t passed_hart;    /* this hart does not stop at a breakpoint before it has gone on from this step */
    uint64_t passed_step;
    struct watchpoint *watchpoints;
    uint32_t watchpoint_count;
    struct catchpoint *catchpoints;
    uint32_t catchpoint_count;
    bool device_hit;           /* a device has met a watchpoint between runs, and nobody has asked yet */
    struct register_watch register_watch;
    bool scanning;           /* hits are noted and do not stop the run */
    bool sieving;            /* and have no exact place (sieve.c) */
    bool windows;            /* each hart's Unicorn has the window that this takes */
    uint64_t hit_count;
    replug_hit hit;
    struct plic plic;
    struct uart uart;

    struct watch *watches;
    uint32_t watch_count;
    replug_watch_hit watch_hit;  /* the latest */

    struct mark_entry {
        uint64_t physical;
        uint32_t kind, name, detail;
        int8_t capture;
        bool hooked;
    } *marks;
    uint32_t mark_count, mark_capacity;
    bool paths_marked;           /* there are marks of paths among them */
    struct open_paths *open_paths; /* NULL: costs of paths are kept, as usual */
    replug_generated *generated;
    uint32_t generated_count, generated_capacity;
    struct block_mark **mark_slots; /* the first mark of each block that has any */
    uint32_t mark_slot_count;
    struct event_log log;
    struct snapshot *snapshots;  /* oldest first */
    uint32_t snapshot_count, snapshot_capacity;
    uint64_t kept_pages;         /* that snapshots have the contents of */
    uint64_t layer_limit;        /* of replug_limit_snapshot */
    bool keep_events;
    replug_event *kept;          /* for Python to drain */
    uint32_t kept_count, kept_capacity;
    struct paths *paths;
    replug_old_page **old_pages; /* code that ran and was replaced, in the order in which that happened */
    uint32_t old_page_count, old_page_capacity;
    struct calls *calls;         /* NULL: not watched */
    replug_pipeline models[REPLUG_MODELS];
    uint32_t model_count;
    struct caches *caches[REPLUG_MODELS]; /* of the models that have any */
    bool cached;
    bool modelled;               /* every block is looked at: there are models, or calls are watched */
};

/* machine.c */
void machine_fail(struct replug_machine *machine, const char *format, ...);

/* rounds.c */
uint64_t machine_now(const hart *h);
uint64_t machine_read_time(hart *h); /* the same as the guest sees it: never behind what another hart has seen */
void machine_interrupt(struct replug_machine *machine);
bool machine_continue(hart *h); /* from the block hook, at the end of a slice */

/* schedule.c */
void schedule_follow(struct replug_machine *machine);
void schedule_record(hart *h, uint64_t used);
bool schedule_excepts(const hart *h);
static inline bool machine_exception_due(const hart *h) { return h->machine->exception_due && schedule_excepts(h); }

/* events.c */
static inline bool events_full(const struct replug_machine *machine) { return machine->log.count >= EVENT_BATCH; }

/* snapshot.c */
void snapshot_keep(struct replug_machine *machine, uint64_t page); /* the page is about to change */
void snapshot_destroy(struct replug_machine *machine);

#endif
