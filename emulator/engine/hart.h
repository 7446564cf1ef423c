/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hart: its state, and what it executes. */
#ifndef REPLUG_HART_H
#define REPLUG_HART_H

#include "code.h"
#include "replug.h"
#include "riscv.h"

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };

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

/* nanbox.c */
enum { NO_RESULT = 32 };
void nanbox_finish(hart *h, uint64_t pc);
void nanbox_hook(uc_engine *uc, uint64_t address, uint32_t size, void *user);
void nanbox_settle(hart *h);

/* minmax.c */
bool minmax_execute(hart *h, uint32_t bits);

#endif
