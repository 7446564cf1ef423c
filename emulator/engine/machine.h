/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine from the inside: what a hart is, what a machine is, and which file does what.
 *
 *   machine.c    making and dropping machines; rounds of slices; virtual time
 *   hart.c       one Unicorn instance: its hooks, running a slice, registers
 *   blocks.c     exact counting by blocks
 *   borders.c    where a slice may end
 *   inline.c     the same inside the translated code, without a call: finding the calls, making room
 *   stub.c       what is executed there instead of them
 *   code_map.c   which page of code a hart fetches from at a virtual page
 *   shadow.c     the copy of the code that harts fetch from, and interception of instructions in it
 *   translate.c  address translation, protection, the answers to Unicorn's TLB
 *   trap.c       trap entry, xret, interrupts
 *   csr.c        the CSRs
 *   emulate.c    the intercepted instructions
 *   loadstore.c  loads and stores to devices, and to watched pages
 *   nanbox.c     single-precision operands that are not NaN-boxed
 *   watch.c      watched areas of RAM
 *   minmax.c     fmin and fmax
 *   bitmanip.c   Zba, Zbb, Zbs, Zicond
 *   devices.c    which device answers at a physical address
 *   clint.c      msip, mtimecmp, mtime
 *   plic.c       the interrupt controller
 *   uart.c       the console
 *   observe.c    marks: which blocks hold any, what is told of them when one starts; traps, sleep
 *   events.c     the log of what harts have passed, and whom it is handed on to
 *   capture.c    where the register of a mark gets its value from
 *   old_code.c   how often instructions ran, also in pages that have changed since
 *   models.c     cost models: cycles of blocks and of the edges between them
 *   caches.c     L1 caches of cost models
 *   calls.c      who called whom
 *   paths.c      from the marks that harts pass to what each call of a named path cost
 *   generated.c  code that the guest generates
 *   open_paths.c instead of that, for debuggers: which paths are open where, now
 *   path_table.c the sums of those costs, and how often each occurred
 *   state.c      the state of harts as bytes
 *   access.c     memory and registers as Python asks for them
 *   snapshot.c   going back: RAM by the pages that have changed
 *   decode.c     instructions
 *   careful.c    a block instruction by instruction, to stop anywhere
 *   breakpoint.c breakpoints
 *   watchpoint.c watchpoints
 *   catchpoint.c stops at traps
 *   sieve.c      where in the past they may have been met, at nearly full speed
 */
#ifndef REPLUG_MACHINE_H
#define REPLUG_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicorn/unicorn.h>

#include "decode.h"
#include "replug.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum { PAGE_SHIFT = 12, PAGE_SIZE = 4096, PARCELS = PAGE_SIZE / 2 };
enum { MODE_U = 0, MODE_S = 1, MODE_M = 3 };
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };

/* Exception codes (privileged manual, table "Supervisor/Machine cause register values"). */
enum cause {
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
    CAUSE_NONE = 64,
    CAUSE_DEVICE = 65, /* not a cause: the access goes to a device and the engine performs it */
    CAUSE_WATCHPOINT = 66, /* not a cause: the page has a watchpoint, and the access is made carefully */
    CAUSE_AHEAD = 67 /* not a cause: the page is no code yet, and will be when the hart has come to it */
};

enum { IRQ_SSIP = 1, IRQ_MSIP = 3, IRQ_STIP = 5, IRQ_MTIP = 7, IRQ_SEIP = 9, IRQ_MEIP = 11 };
#define BIT(n) (1ull << (n))

#define MENVCFG_STCE BIT(63)
#define MENVCFG_ADUE BIT(61)
#define MSTATUS_SIE BIT(1)
#define MSTATUS_MIE BIT(3)
#define MSTATUS_SPIE BIT(5)
#define MSTATUS_MPIE BIT(7)
#define MSTATUS_SPP BIT(8)
#define MSTATUS_MPP (3ull << 11)
#define MSTATUS_FS (3ull << 13)
#define MSTATUS_MPRV BIT(17)
#define MSTATUS_SUM BIT(18)
#define MSTATUS_MXR BIT(19)
#define MSTATUS_TVM BIT(20)
#define MSTATUS_TW BIT(21)
#define MSTATUS_TSR BIT(22)
#define MSTATUS_UXL (3ull << 32)
#define MSTATUS_SXL (3ull << 34)

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
enum { EVENT_BATCH = 512 }; /* events, before they are handed on */
enum { LONGEST_BLOCK = 1024 }; /* instructions, and more than Unicorn ever translates at once */

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

struct csrs {
    uint64_t mstatus, medeleg, mideleg, mie, mip, mtvec, mcounteren, mscratch, mepc, mcause, mtval, mcountinhibit;
    uint64_t stvec, scounteren, sscratch, sepc, scause, stval, satp, menvcfg, senvcfg, stimecmp;
    uint64_t mcycle_offset, minstret_offset; /* counter = instret + offset, or the offset alone when inhibited */
    uint8_t pmpcfg[64];
    uint64_t pmpaddr[64];
};

enum { RECENT = 128, RECENT_CUT = 8 }; /* instructions; blocks */
#define NO_PAGE BIT(63) /* nobody can run there: neither a physical nor a canonical address */

typedef struct hart {
    /* What the block hook touches comes first: one or two cache lines. */
    uint64_t retired;       /* instructions, and all of the block that runs */
    uint64_t fast_end;      /* the hook leaves the fast path when so many have retired; 0: at every block */
    uint64_t page_start;    /* the page that the latest block is in, or NO_PAGE */
    struct block *page_blocks;
    uint64_t block_pc;      /* the block that runs; counting by instruction: the instruction that runs */
    struct block *block;    /* NULL: none, or it was cut */
    struct recent {
        uint64_t pc, retired; /* start of a block, and how many instructions had retired before it */
    } recent[RECENT];       /* by `retired`, so that the hook has no position to keep */
    struct recent cut[RECENT_CUT]; /* blocks of which nothing retired: their place is taken by the next one */
    uint32_t cut_at;
    bool inlines;           /* blocks may count without calling us: inline.c */
    struct code_map *codes; /* of the current translation regime */

    uc_engine *uc;
    struct replug_machine *machine;
    uint32_t id;
    uint64_t pc;            /* outside a run */
    bool pc_known;          /* the run was left at a border, and pc says where */
    uint32_t privilege;
    struct csrs csr;
    uint64_t lines;         /* interrupt wires: MSIP, MTIP (computed), MEIP, SEIP */
    uint64_t mtimecmp;
    uint64_t timer_due;     /* virtual time at which mtime reaches mtimecmp */
    uint64_t supervisor_timer_due; /* the same for stimecmp; ~0 while menvcfg.STCE is 0 */
    bool waiting;           /* in wfi */
    struct reservation {    /* of LR; address ~0: none */
        uint64_t physical, value;
        uint32_t width;
    } reservation;
    uint32_t unicorn_fs;    /* the FS field that Unicorn has */

    uint64_t slice_end;     /* when so many have retired, the slice ends at the next border */
    uint64_t run_end;       /* the same for this call of replug_run */
    uint64_t exact_end;     /* when so many have retired, the run stops at once */
    uint64_t slice_base;    /* instructions retired when this slice began */
    uint64_t trap_count;
    uint64_t excepted_at;   /* instructions retired at the latest exception; ~0: none */
    uint64_t last_trap_retired;
    uint32_t barren_traps;  /* traps in a row without an instruction retired */
    uint64_t repeated_pc, repeated_cause, repeated_value;
    uint32_t repeated_traps; /* the same trap again and again, without a return in between */

    struct code_map regimes[2]; /* M-mode; S- and U-mode */
    bool mxr_used;              /* TLB entries exist that only MXR allowed */
    uint32_t tlb;               /* which of Unicorn's TLBs is in use */
    bool third_tlb_open;        /* the third one is supervisor mode's with SUM, not machine mode's */

    /* The TLB answer that ended the run. */
    enum access fault_access;
    uint64_t fault_address;     /* of the page */
    uint32_t fault_cause;       /* CAUSE_NONE: no fault */
    uint64_t fault_physical;    /* of the page, for CAUSE_DEVICE */
    bool patch_pending;         /* the block about to run holds instructions to intercept */
    uint32_t patch_size;
    bool crossing_armed;        /* an ebreak stands at the instruction that crosses into an unmapped page */
    bool crossing_fresh;        /* for the run that comes */
    uint64_t crossing_pc, crossing_physical;
    uint16_t crossing_parcel;   /* what the ebreak stands in for */
    bool sync_pending;          /* fence.i and its like: refresh the shadows before going on */
    bool release_pending;       /* what is intercepted at the pc is not to be: FS is on again, or it is the middle of it */
    uint32_t unboxed_result;    /* f register that the instruction at unboxed_pc, which runs, leaves unboxed; or NO_RESULT */
    uint64_t unboxed_pc;
    bool unboxed_pending;       /* the instruction at pc has an operand that is not NaN-boxed */
    bool hook_pending;          /* a capture hook has been added: translate that block again */
    bool ended;                 /* the slice ends now */

    bool careful;               /* the block that was counted last is to be run carefully (careful.c) */
    uint32_t left;              /* instructions of it that have not begun; while the hart stands, they are not in `retired` */
    bool inside;                /* it stands where there is no border (borders.c): not a place for its slice to end */
    bool began_inside;          /* the latest block that did not take the hook's fast path began so */
    bool watch_pending;         /* the instruction that runs meets a watchpoint */
    replug_hit watched;

    uint8_t *registers;         /* x0 and the others in Unicorn's memory; NULL: not known */
    uint8_t *stubs, *code_end;  /* inline.c: its arena; where Unicorn's translated code ends */
    uint32_t stubs_used;
    uint64_t inlined;           /* blocks, so far */

    uint64_t cycles[REPLUG_MODELS]; /* everything before the open block */
    uint32_t open_costs[REPLUG_MODELS];
    struct block open;          /* the block whose cost is not in `cycles` yet: a copy, the page may change; size 0: none */
    uint64_t open_pc;
    uint32_t open_events;       /* events recorded when it started: a cut takes later ones back */
    uint64_t open_instret;
} hart;

enum { PLIC_SOURCES = 96, PLIC_WORDS = PLIC_SOURCES / 32 }; /* source 0 included, which does not exist */
struct plic {
    uint8_t priority[PLIC_SOURCES];
    uint32_t pending[PLIC_WORDS], in_service[PLIC_WORDS], waiting[PLIC_WORDS]; /* a bit a source */
    struct plic_context *contexts;
    uint32_t context_count;
};

enum { UART_FIFO = 16 };
struct uart {
    uint8_t ier, fcr, lcr, mcr, scratch;
    uint16_t divisor;
    bool overrun, transmit_request, level;
    uint8_t looped[UART_FIFO]; /* sent to itself in loopback, unread */
    uint32_t looped_count;
    struct uart_bytes {
        uint8_t *data;
        uint64_t start, end, capacity;
    } line, output; /* from the host, unread; to the host, not yet drained */
};

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
    uint64_t retired_limit;
    int stop;

    uint32_t wild_hart;
    uint64_t wild_cause, wild_value, wild_pc;
    char failure[256];

    replug_mmio_read mmio_read;
    replug_mmio_write mmio_write;
    bool mmio_fault;
    hart *mmio_hart;           /* whose access to a device is being made outside the engine; else NULL */
    struct careful {
        uc_engine *uc;       /* the second Unicorn; NULL until it is needed */
        uc_context *context;
        hart *hart;          /* whose block it runs */
        uc_engine *own;      /* that hart's own Unicorn */
        bool stale;          /* code has changed since it ran last */
    } careful;
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
    struct register_watch {
        enum { REGISTER_NONE, REGISTER_X, REGISTER_F } kind;
        uint32_t hart, index, number;
        uint64_t value;
    } register_watch;
    bool scanning;           /* hits are noted and do not stop the run */
    bool sieving;            /* and have no exact place (sieve.c) */
    bool windows;            /* each hart's Unicorn has the window that this takes */
    uint64_t hit_count;
    replug_hit hit;
    struct plic plic;
    struct uart uart;

    struct watch {
        uint64_t physical, length;
        uint32_t kinds; /* of enum replug_watch_kind; 0: not in use */
    } *watches;
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

/* Which halfword of its page an address is in. */
static inline uint32_t parcel_of(uint64_t address) { return (address & (PAGE_SIZE - 1)) >> 1; }

/* machine.c */
void machine_fail(struct replug_machine *machine, const char *format, ...);
uint64_t machine_now(const hart *h);
uint64_t machine_read_time(hart *h); /* the same as the guest sees it: never behind what another hart has seen */

void machine_interrupt(struct replug_machine *machine);
bool machine_exception_is_due(const hart *h);
static inline bool machine_exception_due(const hart *h) { return h->machine->exception_due && machine_exception_is_due(h); }
bool machine_continue(hart *h); /* from the block hook, at the end of a slice */
uint64_t machine_steps(const hart *h); /* of all harts, while this one runs: instructions and traps */
bool machine_hit(hart *h, const replug_hit *hit, int reason); /* at the instruction that is about to run; true: the run stops */
bool machine_hit_at(hart *h, const replug_hit *hit, int reason);

/* hart.c */
bool hart_create(struct replug_machine *machine, hart *h, uint32_t id);
void hart_destroy(hart *h);
uc_err hart_open(const struct replug_machine *machine, uc_engine **uc, uint32_t buffer);
uint64_t hart_unicorn_pc(hart *h);
uint64_t hart_fast_end(const hart *h);
void hart_run_slice(hart *h, uint64_t instructions);
uint64_t hart_get_x(hart *h, uint32_t index);
void hart_set_x(hart *h, uint32_t index, uint64_t value);
uint64_t hart_get_f(hart *h, uint32_t index);
void hart_set_f(hart *h, uint32_t index, uint64_t value);
void hart_set_privilege(hart *h, uint32_t privilege);
void hart_select_tlb(hart *h); /* after SUM has changed */
static inline bool hart_floats(const hart *h) { return (h->csr.mstatus & MSTATUS_FS) != 0; }
void hart_push_fs(hart *h);
void hart_pull_fs(hart *h);
uint64_t hart_get_fcsr(hart *h);
void hart_set_fcsr(hart *h, uint64_t value);
void hart_flush_tlb(hart *h);
void hart_add_capture_hook(hart *h, uint64_t virtual);
void hart_leave(hart *h, uint64_t pc);
void hart_attend(hart *h); /* make the block hook leave its fast path at the next block */

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

/* sieve.c */
bool sieve_takes(const struct replug_machine *machine, uint8_t page_flags);
uint64_t sieve_address(uint64_t page);
bool sieve_block(const hart *h, uint64_t pc, uint32_t size);

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

/* translate.c */
bool translate_fill(uc_engine *uc, uint64_t address, uc_mem_type type, uc_tlb_entry *result, void *user);
uint32_t translate(hart *h, uint64_t address, enum access access, uint32_t privilege, bool debug,
                   uint64_t *physical, uint32_t *allowed);
void translate_store(struct replug_machine *machine, uint64_t physical, uint64_t value, uint32_t width);
uint32_t translate_data_privilege(const hart *h); /* MPRV: whose rights loads and stores have */
bool translate_is_ram(const struct replug_machine *machine, uint64_t physical, uint64_t length);

/* trap.c */
void trap_enter(hart *h, uint64_t cause, uint64_t value, uint64_t pc);
bool trap_take_interrupt(hart *h);
uint64_t trap_pending(hart *h);
uint64_t trap_pending_at(const hart *h, uint64_t time);
bool trap_return(hart *h, uint32_t from);

/* csr.c */
bool csr_read(hart *h, uint32_t number, uint64_t *value);
bool csr_write(hart *h, uint32_t number, uint64_t value);
bool csr_accessible(hart *h, uint32_t number, bool writes);

/* emulate.c */
void emulate_hook(uc_engine *uc, uint32_t cause, void *user);
uint32_t emulate_atomic(hart *h, uint64_t pc, uint32_t bits, uint64_t *value);

/* loadstore.c */
bool loadstore_access(hart *h, uint64_t pc, const struct block *block, uint32_t executed);
uint64_t loadstore_fault_address(hart *h, uint64_t pc, bool *is_store);
uint64_t loadstore_misaligned_address(hart *h, uint64_t pc, bool *is_store);

/* snapshot.c */
void snapshot_keep(struct replug_machine *machine, uint64_t page); /* the page is about to change */
void snapshot_destroy(struct replug_machine *machine);

/* nanbox.c */
enum { NO_RESULT = 32 };
void nanbox_finish(hart *h, uint64_t pc);
void nanbox_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user);
void nanbox_settle(hart *h);

/* watch.c */
void watch_note(hart *h, uint64_t pc, uint64_t physical, uint32_t width, uint32_t kind, uint64_t before, uint64_t value);
uint32_t watch_access(hart *h, uint64_t pc, uint64_t address, uint32_t width, bool is_store, uint64_t *value, uint64_t *fault);

/* minmax.c */
bool minmax_execute(hart *h, uint32_t bits);

/* devices.c */
bool devices_create(struct replug_machine *machine);
void devices_destroy(struct replug_machine *machine);
uint64_t devices_read(hart *h, uint64_t physical, uint32_t width, int *fault);
void devices_write(hart *h, uint64_t physical, uint32_t width, uint64_t value, int *fault);

/* plic.c */
bool plic_create(struct replug_machine *machine);
void plic_destroy(struct replug_machine *machine);
bool plic_contains(uint64_t address);
uint64_t plic_read(struct replug_machine *machine, uint64_t address, uint32_t width, int *fault);
void plic_write(struct replug_machine *machine, uint64_t address, uint32_t width, uint64_t value, int *fault);
void plic_set_level(struct replug_machine *machine, uint32_t irq, bool level);

/* uart.c */
void uart_destroy(struct replug_machine *machine);
bool uart_contains(uint64_t address);
uint64_t uart_read(struct replug_machine *machine, uint64_t address, uint32_t width, int *fault);
void uart_write(struct replug_machine *machine, uint64_t address, uint32_t width, uint64_t value, int *fault);

/* clint.c */
bool clint_contains(uint64_t address);
uint64_t clint_read(hart *h, uint64_t address, uint32_t width, int *fault);
void clint_write(hart *h, uint64_t address, uint32_t width, uint64_t value, int *fault);
void clint_set_timer(hart *h, uint64_t mtimecmp);
bool clint_timer_pending(const hart *h, uint64_t now);
void clint_update_supervisor_timer(hart *h);

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
static inline bool events_full(const struct replug_machine *machine) { return machine->log.count >= EVENT_BATCH; }

/* capture.c */
struct source capture_source(hart *h, uint64_t from, uint64_t to, int8_t index);
uint64_t capture_value(hart *h, const struct source *source);

/* generated.c */
void generated_note(hart *h, uint32_t mark, uint64_t value);
void generated_forget_future(struct replug_machine *machine);

/* old_code.c */
void old_code_keep(struct replug_machine *machine, struct code_page *code, const uint8_t *content);

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
