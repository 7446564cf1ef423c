/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's public interface: everything that Python may ask of it.
 *
 * One machine = some harts (one Unicorn instance each), one RAM, one CLINT, one virtual time.  Unicorn executes
 * the unprivileged instructions; everything that a hart shares with the world (traps, CSRs, address translation,
 * timers, MMIO, counters) is done here, so that it is exact, deterministic and the same on every host.
 *
 * The declarations between the two cffi marks are read by Python as they stand: plain C, no macros.
 */
#ifndef REPLUG_H
#define REPLUG_H

#include <stddef.h>
#include <stdint.h>

/* cffi begin */
/* What a hart may have beyond RV64GC or RV32GC. */
enum replug_extension {
    REPLUG_ZBA = 1,
    REPLUG_ZBB = 2,
    REPLUG_ZBS = 4,
    REPLUG_ZICOND = 8,
    REPLUG_SSTC = 16,
    REPLUG_SVADU = 32 /* menvcfg.ADUE chooses; else hardware_ad does */
};

typedef struct replug_machine replug_machine;

/* Why replug_run came back. */
enum replug_stop {
    REPLUG_STOP_LIMIT = 1,    /* the instruction limit of this call is reached */
    REPLUG_STOP_EVENT = 2,    /* virtual time has reached the next device event */
    REPLUG_STOP_REQUEST = 3,  /* replug_request_stop was called (a device asked for it) */
    REPLUG_STOP_IDLE = 4,     /* every hart waits and no timer or event will ever wake one */
    REPLUG_STOP_OBSERVER = 5, /* the event buffer is full: drain it and call again */
    REPLUG_STOP_WILD = 6,     /* a hart does nothing but trap: see replug_wild_* */
    REPLUG_STOP_FAILURE = 7,  /* the engine itself met something it cannot handle: see replug_failure */
    REPLUG_STOP_WATCH = 8,    /* a hart has touched a watched area: see replug_get_watch_hit */
    REPLUG_STOP_BREAK = 9,    /* in front of an instruction with a breakpoint: see replug_last_hit */
    REPLUG_STOP_WATCHPOINT = 10, /* behind an instruction that met a watchpoint: see replug_last_hit */
    REPLUG_STOP_SLEEP = 11,   /* every hart waits, until a time that replug_set_horizon does not allow yet */
    REPLUG_STOP_CATCH = 12    /* behind a trap, in front of its handler, that met a catchpoint: see replug_last_hit */
};

/* What replug_run_exact counts.  A step is an instruction that retires, or a trap that is taken. */
enum replug_unit { REPLUG_UNIT_INSTRUCTIONS = 1, REPLUG_UNIT_STEPS = 2 };

enum replug_access {
    REPLUG_ACCESS_READ = 1,
    REPLUG_ACCESS_WRITE = 2,
    REPLUG_ACCESS_EXECUTE = 4,
    REPLUG_ACCESS_REGISTER = 8,
    REPLUG_ACCESS_TRAP = 16
};

/* A breakpoint, watchpoint or catchpoint was met. */
typedef struct {
    uint64_t step;     /* of all harts, in front of the instruction, or the trap, that met it */
    uint64_t pc;       /* of that instruction; what the trap leaves in xepc */
    uint64_t address;  /* virtual, of the access; what the trap leaves in xtval */
    uint64_t physical; /* the same, where it is known; the trap's cause, bit 63 set for an interrupt */
    uint32_t hart;
    uint32_t number;   /* as given when it was set */
    uint32_t kind;     /* of enum replug_access */
    uint32_t width;    /* bytes */
    uint32_t device;   /* that has written there, as replug_ram_write was told; 0: it was the hart */
} replug_hit;

typedef struct {
    uint32_t harts;
    uint32_t xlen;                  /* 32 or 64 */
    uint64_t ram_base;
    uint64_t ram_size;              /* bytes, a multiple of 4096 */
    uint64_t quantum;               /* instructions a slice; a slice ends at the first border past it (borders.c) */
    uint32_t instructions_per_tick; /* of mtime; one instruction is one nanosecond of virtual time */
    uint32_t hardware_ad;           /* at reset, page-table A and D bits: 1 are set by hardware; 0 fault */
    uint32_t pmp_entries;           /* 0, 16 or 64 */
    uint32_t per_instruction;       /* 1: count by instruction; slices end exactly, and no marks or models */
    uint32_t devices;               /* 1: the PLIC and the UART of the `virt` machine are the engine's own */
    uint32_t extensions;            /* of enum replug_extension */
    uint32_t strict_nan_boxing;     /* 1: single-precision operands that are not NaN-boxed count as NaN */
    uint32_t calls_only;            /* 1: count by calls of the hook alone (inline.c), which is slower */
} replug_config;

/* MMIO outside RAM and the engine's own devices, 1, 2, 4 or 8 bytes wide.  replug_mmio_fault, called from within, makes the
 * access an access fault. */
typedef uint64_t (*replug_mmio_read)(uint32_t hart, uint64_t address, uint32_t width);
typedef void (*replug_mmio_write)(uint32_t hart, uint64_t address, uint32_t width, uint64_t value);

/* What the observers record. */
enum replug_event_kind {
    REPLUG_EVENT_MARK = 0,   /* a hart passes a mark; value: of the captured register, or 0 */
    REPLUG_EVENT_TRAP = 1,   /* a trap is taken; value: its cause, bit 63 set for an interrupt */
    REPLUG_EVENT_RETURN = 2, /* an xret has retired */
    REPLUG_EVENT_WAIT = 3,   /* the hart falls asleep in wfi (kept events only) */
    REPLUG_EVENT_WAKE = 4    /* and goes on (kept events only) */
};
typedef struct {
    uint64_t instret;   /* of the hart, before the marked instruction, or between two for the other kinds */
    uint64_t time;      /* virtual time in nanoseconds */
    uint64_t value;
    uint64_t cycles[6]; /* of the hart under each model, before the marked instruction */
    uint32_t kind;
    uint32_t mark;      /* as returned by replug_mark */
    uint32_t hart;
} replug_event;

/* What a mark means (the kinds of the ELF notes). */
enum replug_mark_kind {
    REPLUG_MARK_BEGIN = 1,
    REPLUG_MARK_END = 2,
    REPLUG_MARK_STEP = 3,
    REPLUG_MARK_IS = 4,
    REPLUG_MARK_VALUE = 5,
    REPLUG_MARK_THREAD = 6,
    REPLUG_MARK_CODE = 7,      /* code has been generated at this address */
    REPLUG_MARK_CODE_VALUE = 8 /* of the code just generated */
};

/* A line of the report: a path, told apart by variant, parameters and step.  Names are numbers that Python gave;
 * 0 is none.  A variant with bit 31 set was appended to the one before it. */
typedef struct {
    uint32_t name;
    uint32_t step;
    uint32_t variant[4];
    uint32_t parameter[2];
    uint64_t value[2];
    uint64_t calls;
    /* The first of its least expensive calls that ran on one hart without anything in between: from so many instructions
     * that the hart had retired to so many.  Begin and end are the same where there is none. */
    uint64_t sample_begin, sample_end;
    uint32_t sample_hart;
} replug_path_row;

/* Code that the guest has generated, as its marks tell: at a virtual address and what that was physically when the guest
 * said so; step as of replug_steps; values of what else was told, by the mark that did. */
typedef struct {
    uint64_t step;
    uint64_t physical;
    uint64_t address;
    uint64_t values[4];
    uint32_t value_marks[4];
    uint32_t value_count;
    uint32_t mark;
    uint32_t hart;
} replug_generated;

/* L1 caches of a cost model, one for instructions and one for data in each hart; costs in cycles. */
typedef struct {
    uint32_t line;                             /* bytes; a power of two, as are the sets */
    uint32_t instruction_sets, instruction_ways;
    uint32_t data_sets, data_ways;
    uint32_t miss;     /* the line comes from behind the caches */
    uint32_t transfer; /* it comes from another hart's cache, which had written to it */
    uint32_t upgrade;  /* a store to a line that is here and in other harts' caches: theirs become invalid */
} replug_caches;

/* What a page of code held before it was changed, and how often each of its instructions was executed, by parcel. */
typedef struct {
    uint64_t physical;
    uint8_t content[4096];
    uint64_t counts[2048];
} replug_old_page;

/* Calls of a function from one place: the physical addresses of both, and the instructions inside. */
typedef struct {
    uint64_t site, callee, calls, instructions;
} replug_call_edge;

/*
 * A cost model.  Without a table: a single-issue in-order pipeline, whose costs in cycles are added to one cycle an
 * instruction.  With one: an instruction costs what its kind has in the table, and of the pipeline's costs only those of
 * edges (mispredict, jump, indirect, ret, and taken) and traps are added.
 */
typedef struct {
    uint32_t load_use;       /* extra cycles until a loaded word or doubleword can be used */
    uint32_t load_use_narrow;/* the same for a load of 1 or 2 bytes */
    uint32_t multiply;       /* extra cycles until a product can be used */
    uint32_t divide;         /* extra cycles of a division, which blocks */
    uint32_t mispredict;     /* a conditional branch that goes the other way than predicted */
    uint32_t jump;           /* a direct jump or call */
    uint32_t indirect;       /* an indirect jump or call, returns excepted */
    uint32_t ret;            /* a return */
    uint32_t csr;            /* a CSR access */
    uint32_t fence;          /* a fence that orders earlier stores before later loads */
    uint32_t fence_light;    /* any other fence */
    uint32_t fence_i;
    uint32_t atomic;         /* AMO, LR, SC */
    uint32_t trap;           /* a trap taken or returned from: the pipeline is refilled */
    uint32_t floating;       /* extra cycles until a floating-point result can be used */
    uint32_t taken;          /* a conditional branch that is taken, predicted or not */
    uint32_t by_table;       /* 1: the table holds */
    uint32_t table[32];      /* cycles, by enum kind of decode.h */
} replug_pipeline;

/* Which accesses of harts to a watched area end the run, right behind the instruction. */
enum replug_watch_kind {
    REPLUG_WATCH_LOADS = 1,
    REPLUG_WATCH_STORES = 2 /* an AMO is a store */
};

/* The access that ended the run. */
typedef struct {
    uint64_t physical; /* of its first byte; of the part in the watched page where it straddles two */
    uint64_t pc;
    uint64_t before;   /* what was there */
    uint64_t value;    /* what is there now */
    uint32_t hart;
    uint32_t width;    /* bytes */
    uint32_t kind;     /* of enum replug_watch_kind */
} replug_watch_hit;

const char *replug_unicorn_version(void);
replug_machine *replug_create(const replug_config *config);
void replug_destroy(replug_machine *machine);
const char *replug_failure(replug_machine *machine);
void replug_set_mmio(replug_machine *machine, replug_mmio_read read, replug_mmio_write write);
void replug_mmio_fault(replug_machine *machine);

int replug_run(replug_machine *machine, uint64_t max_instructions);
int replug_run_exact(replug_machine *machine, uint64_t count, int unit, int hart, uint64_t hart_count, int alone);
void replug_pass_breakpoint(replug_machine *machine, uint32_t hart);
uint64_t replug_steps(replug_machine *machine);
uint32_t replug_next_hart(replug_machine *machine);
int replug_in_block(replug_machine *machine);
uint64_t replug_slice_left(replug_machine *machine);
void replug_switch_hart(replug_machine *machine, uint32_t hart);
int replug_add_breakpoint(replug_machine *machine, uint32_t number, uint64_t address, uint64_t harts, uint64_t satp);
int replug_add_watchpoint(replug_machine *machine, uint32_t number, uint64_t address, uint64_t length, uint32_t kind, int physical,
                          uint64_t harts);
void replug_watch_register(replug_machine *machine, uint32_t number, uint32_t hart, uint32_t index);
int replug_add_catchpoint(replug_machine *machine, uint32_t number, uint64_t exceptions, uint64_t interrupts, uint64_t harts);
void replug_remove_breakpoint(replug_machine *machine, uint32_t number);
void replug_scan(replug_machine *machine, int on);
int replug_sieve(replug_machine *machine, int on);
uint64_t replug_hit_count(replug_machine *machine);
const replug_hit *replug_last_hit(replug_machine *machine);
int replug_take_device_hit(replug_machine *machine);
void replug_sync_code(replug_machine *machine);
void replug_request_stop(replug_machine *machine);
uint64_t replug_now(replug_machine *machine);
uint64_t replug_total_instret(replug_machine *machine);
uint64_t replug_rounds(replug_machine *machine);
uint64_t replug_inlined(replug_machine *machine);
void replug_set_next_event(replug_machine *machine, uint64_t time);
void replug_set_horizon(replug_machine *machine, uint64_t time);
uint64_t replug_next_wake(replug_machine *machine);

int replug_device_load(replug_machine *machine, uint32_t hart, uint64_t address, uint32_t width, uint64_t *value);
int replug_device_store(replug_machine *machine, uint32_t hart, uint64_t address, uint32_t width, uint64_t value);
void replug_set_interrupt(replug_machine *machine, uint32_t irq, int level);
uint64_t replug_plic_save(replug_machine *machine, uint8_t *buffer);
int replug_plic_restore(replug_machine *machine, const uint8_t *buffer, uint64_t length);
void replug_console_type(replug_machine *machine, const uint8_t *data, uint64_t length);
uint64_t replug_console_unread(replug_machine *machine);
int replug_console_take(replug_machine *machine);
int replug_console_listens(replug_machine *machine);
uint64_t replug_console_output(replug_machine *machine, const uint8_t **data);
void replug_console_drain(replug_machine *machine);
uint64_t replug_uart_save(replug_machine *machine, uint8_t *buffer);
int replug_uart_restore(replug_machine *machine, const uint8_t *buffer, uint64_t length);

uint8_t *replug_ram(replug_machine *machine);
int replug_ram_write(replug_machine *machine, uint64_t address, const uint8_t *data, uint64_t length, uint32_t device);
const uint8_t *replug_ram_page_flags(replug_machine *machine);
int replug_translate_debug(replug_machine *machine, uint32_t hart, uint64_t address, uint64_t *physical);

int replug_watch(replug_machine *machine, uint64_t physical, uint64_t length, uint32_t kinds);
int replug_unwatch(replug_machine *machine, int number);
void replug_get_watch_hit(replug_machine *machine, replug_watch_hit *hit);

uint64_t replug_get_x(replug_machine *machine, uint32_t hart, uint32_t index);
void replug_set_x(replug_machine *machine, uint32_t hart, uint32_t index, uint64_t value);
uint64_t replug_get_f(replug_machine *machine, uint32_t hart, uint32_t index);
void replug_set_f(replug_machine *machine, uint32_t hart, uint32_t index, uint64_t value);
uint64_t replug_get_pc(replug_machine *machine, uint32_t hart);
void replug_get_registers(replug_machine *machine, uint32_t hart, uint64_t *values); /* x0 to x31, pc, f0 to f31 */
void replug_set_pc(replug_machine *machine, uint32_t hart, uint64_t value);
uint32_t replug_get_privilege(replug_machine *machine, uint32_t hart);
void replug_set_privilege(replug_machine *machine, uint32_t hart, uint32_t privilege);
int replug_get_csr(replug_machine *machine, uint32_t hart, uint32_t number, uint64_t *value);
int replug_set_csr(replug_machine *machine, uint32_t hart, uint32_t number, uint64_t value);
uint64_t replug_get_instret(replug_machine *machine, uint32_t hart);
uint64_t replug_get_traps(replug_machine *machine, uint32_t hart);
int replug_is_waiting(replug_machine *machine, uint32_t hart);
void replug_set_line(replug_machine *machine, uint32_t hart, uint32_t cause, int level);
uint32_t replug_recent_blocks(replug_machine *machine, uint32_t hart, uint64_t *starts, uint32_t capacity);

uint32_t replug_wild_hart(replug_machine *machine);
uint64_t replug_wild_cause(replug_machine *machine);
uint64_t replug_wild_value(replug_machine *machine);
uint64_t replug_wild_pc(replug_machine *machine);

uint64_t replug_state_size(replug_machine *machine, int with_code);
uint64_t replug_state_save(replug_machine *machine, uint8_t *buffer, int with_code);
int replug_state_restore(replug_machine *machine, const uint8_t *buffer, uint64_t length, int with_code);

void replug_record_schedule(replug_machine *machine, int on);
uint64_t replug_schedule(replug_machine *machine, const uint32_t **lengths);
int replug_follow_schedule(replug_machine *machine, const uint32_t *lengths, uint64_t count);

uint32_t replug_snapshot(replug_machine *machine);
int replug_merge_snapshot(replug_machine *machine, uint32_t snapshot);
int replug_rollback(replug_machine *machine, uint32_t snapshot);
void replug_drop_snapshots(replug_machine *machine);
uint64_t replug_snapshot_pages(replug_machine *machine, uint32_t snapshot);
uint64_t replug_snapshot_bytes(replug_machine *machine);
void replug_limit_snapshot(replug_machine *machine, uint64_t pages);
int replug_snapshot_holds(replug_machine *machine, uint32_t snapshot, uint64_t address, uint64_t length);

int replug_mark(replug_machine *machine, uint64_t physical, uint32_t kind, uint32_t name, uint32_t detail,
                int capture_register);
uint32_t replug_path_rows(replug_machine *machine, const replug_path_row **rows);
uint32_t replug_path_profiles(replug_machine *machine, const uint64_t **words, uint32_t *words_each);
void replug_keep_events(replug_machine *machine, int keep);
int replug_add_model(replug_machine *machine, const replug_pipeline *costs);
int replug_set_caches(replug_machine *machine, uint32_t model, const replug_caches *config);
uint64_t replug_get_cycles(replug_machine *machine, uint32_t hart, uint32_t model);
uint32_t replug_old_pages(replug_machine *machine, const replug_old_page *const **pages);
int replug_code_content(replug_machine *machine, uint64_t page_address, uint8_t *content);
int replug_watch_calls(replug_machine *machine);
uint32_t replug_call_edges(replug_machine *machine, const replug_call_edge **edges);
uint32_t replug_event_count(replug_machine *machine);
const replug_event *replug_events(replug_machine *machine);
void replug_drain_events(replug_machine *machine);
uint64_t replug_counts(replug_machine *machine, uint64_t page_address, uint64_t *counts);
uint32_t replug_generated_code(replug_machine *machine, const replug_generated **list);
int replug_follow_paths(replug_machine *machine);
uint32_t replug_open_path(replug_machine *machine, uint32_t hart);
uint64_t replug_save_open_paths(replug_machine *machine, uint8_t *buffer, uint64_t capacity);
void replug_restore_open_paths(replug_machine *machine, const uint8_t *buffer, uint64_t length);
/* cffi end */

enum { REPLUG_VARIANTS = 4, REPLUG_PARAMETERS = 2, REPLUG_MODELS = 6 };

#endif
