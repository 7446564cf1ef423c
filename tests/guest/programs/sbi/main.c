// SPDX-License-Identifier: GPL-2.0-or-later
// Every call of the SBI, made by a supervisor that prints a line for each thing it finds to be so or not.

typedef unsigned long word;
typedef volatile word shared;

enum { BASE = 0x10, TIME = 0x54494d45, IPI = 0x735049, RFENCE = 0x52464e43, HSM = 0x48534d, SRST = 0x53525354,
       DBCN = 0x4442434e };
enum { SUCCESS = 0, NOT_SUPPORTED = -2, INVALID_PARAM = -3, INVALID_ADDRESS = -5, ALREADY_AVAILABLE = -6 };
enum { STARTED = 0, STOPPED = 1, SUSPENDED = 4 };
enum { SSI = 1 << 1, STI = 1 << 5 };
#define NEVER (~0ull)
#define HARTS 3

struct answer { long error; long value; };

extern void hart_entry(void);
extern word attempt(word kind, word value);
extern int patched(void);

static struct answer call(word extension, word function, word a, word b, word c)
{
    register word a0 __asm__("a0") = a;
    register word a1 __asm__("a1") = b;
    register word a2 __asm__("a2") = c;
    register word a6 __asm__("a6") = function;
    register word a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct answer){(long)a0, (long)a1};
}

static long legacy(word extension, word a, word b) { return call(extension, 0, a, b, 0).error; }

#define CSR_READ(name) ({ word v_; __asm__ volatile("csrr %0, " name : "=r"(v_) : : "memory"); v_; })
#define CSR_WRITE(name, value) __asm__ volatile("csrw " name ", %0" : : "r"((word)(value)) : "memory")

static unsigned long long now(void)
{
#if __riscv_xlen == 64
    return CSR_READ("time");
#else
    word high, low;
    do {
        high = CSR_READ("timeh");
        low = CSR_READ("time");
    } while (high != CSR_READ("timeh"));
    return (unsigned long long)high << 32 | low;
#endif
}

static long set_timer(unsigned long long at)
{
    return call(TIME, 0, (word)at, sizeof(word) == 4 ? (word)(at >> 32) : 0, 0).error;
}

// --- printing, by the UART itself: the calls are what is tested ---

static void print(const char *text)
{
    for (; *text; text++)
        *(volatile unsigned char *)0x10000000 = (unsigned char)*text;
}

static void print_number(word value)
{
    char digits[2 * sizeof value + 1];
    int at = sizeof digits - 1;
    digits[at] = 0;
    do
        digits[--at] = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    print(digits + at);
}

static void check(const char *what, word found, word wanted)
{
    print(what);
    if (found == wanted) {
        print(": yes\n");
        return;
    }
    print(": NO, ");
    print_number(found);
    print(" instead of ");
    print_number(wanted);
    print("\n");
}

// --- the other harts: each does what `task` says ---

enum { WAIT, CALL_PATCHED, READ_MAPPED, SUSPEND, SUSPEND_AND_FORGET, STOP };

static shared tasks[8], results[8], entries[8], arguments[8], modes[8], mappings[8];
static word page_tables[4][4096 / sizeof(word)] __attribute__((aligned(4096)));
static word pages[2][4096 / sizeof(word)] __attribute__((aligned(4096)));

#define MAPPED 0x40000000ul

static void map_memory(void)
{
    const word leaf = 0xef; // D A G X W R V; not U
#if __riscv_xlen == 64
    page_tables[0][0] = leaf;                                  // devices
    page_tables[0][2] = (0x80000000ul >> 12) << 10 | leaf;     // RAM
    page_tables[0][1] = ((word)page_tables[1] >> 12) << 10 | 1;
    page_tables[1][0] = ((word)page_tables[2] >> 12) << 10 | 1;
    page_tables[2][0] = ((word)pages[0] >> 12) << 10 | leaf;
#else
    page_tables[0][0x10000000 >> 22] = (0x10000000ul >> 12) << 10 | leaf;
    for (word i = 0; i < 8; i++)
        page_tables[0][512 + i] = ((0x80000000ul + (i << 22)) >> 12) << 10 | leaf;
    page_tables[0][MAPPED >> 22] = ((word)page_tables[2] >> 12) << 10 | 1;
    page_tables[2][0] = ((word)pages[0] >> 12) << 10 | leaf;
#endif
}

static void satp_on(void)
{
    CSR_WRITE("satp", (sizeof(word) == 8 ? 8ull << 60 : 1ull << 31) | (word)page_tables[0] >> 12);
    __asm__ volatile("sfence.vma" : : : "memory");
}

void hart_main(word hart, word argument, word satp, word sstatus, word sie)
{
    entries[hart]++;
    arguments[hart] = argument;
    modes[hart] = satp | (sstatus & 2) | sie;
    for (;;) {
        const word task = tasks[hart];
        if (task == WAIT)
            continue;
        if (task == CALL_PATCHED)
            results[hart] = (word)patched();
        if (task == READ_MAPPED) {
            if (!CSR_READ("satp"))
                satp_on();
            results[hart] = *(shared *)MAPPED;
        }
        if (task == SUSPEND || task == SUSPEND_AND_FORGET) {
            CSR_WRITE("sip", 0);
            CSR_WRITE("sie", SSI);
            results[hart] = (word)call(HSM, 3, task == SUSPEND ? 0 : 0x80000000ul, (word)hart_entry, 77).error;
        }
        if (task == STOP)
            call(HSM, 1, 0, 0, 0);
        __asm__ volatile("fence rw, rw" : : : "memory");
        tasks[hart] = WAIT;
    }
}

static word ask(word hart, word task)
{
    results[hart] = ~0ul;
    __asm__ volatile("fence rw, rw" : : : "memory");
    tasks[hart] = task;
    while (tasks[hart] != WAIT)
        ;
    return results[hart];
}

static void until_state(word hart, long state)
{
    while (call(HSM, 2, hart, 0, 0).value != state)
        ;
}

// --- what is tested ---

static void base(void)
{
    check("base: specification 2.0", (word)call(BASE, 0, 0, 0, 0).value, 0x2000000);
    check("base: implementation", (word)call(BASE, 1, 0, 0, 0).value, 0x5245504c);
    check("base: version", (word)call(BASE, 2, 0, 0, 0).value, 1);
    static const word there[] = {0, 1, 8, BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN};
    word found = 0;
    for (word i = 0; i < sizeof there / sizeof *there; i++)
        found += (word)call(BASE, 3, there[i], 0, 0).value;
    check("base: all that is there is announced", found, sizeof there / sizeof *there);
    check("base: nothing else is", (word)call(BASE, 3, 0x505355, 0, 0).value, 0);
    for (word function = 4; function <= 6; function++)
        check("base: vendor, architecture, implementation", (word)call(BASE, function, 0, 0, 0).error, SUCCESS);
    check("base: no such function", (word)call(BASE, 7, 0, 0, 0).error, (word)NOT_SUPPORTED);
    check("no such extension", (word)call(0x12345678, 0, 1, 2, 3).error, (word)NOT_SUPPORTED);
    check("no such legacy extension", (word)call(9, 0, 1, 2, 3).error, (word)NOT_SUPPORTED);
}

static void timer(void)
{
    const unsigned long long at = now() + 1000;
    check("time: set", (word)set_timer(at), SUCCESS);
    check("time: not yet", CSR_READ("sip") & STI, 0);
    while (!(CSR_READ("sip") & STI))
        ;
    check("time: pending when it has come", now() >= at && now() < at + 1000, 1);
    set_timer(NEVER);
    check("time: no more after a later one", CSR_READ("sip") & STI, 0);
    set_timer(0);
    check("time: at once when it is past", CSR_READ("sip") & STI, STI);
    check("time: legacy", (word)legacy(0, ~0ul, ~0ul), SUCCESS);
    check("time: legacy clears too", CSR_READ("sip") & STI, 0);
    check("time: no such function", (word)call(TIME, 1, 0, 0, 0).error, (word)NOT_SUPPORTED);
}

static void start_and_stop(void)
{
    check("hsm: hart 0 is started", (word)call(HSM, 2, 0, 0, 0).value, STARTED);
    check("hsm: hart 1 is stopped", (word)call(HSM, 2, 1, 0, 0).value, STOPPED);
    check("hsm: no such hart", (word)call(HSM, 2, HARTS, 0, 0).error, (word)INVALID_PARAM);
    check("hsm: start no such hart", (word)call(HSM, 0, HARTS, (word)hart_entry, 0).error, (word)INVALID_PARAM);
    check("hsm: start in the firmware", (word)call(HSM, 0, 1, 0x80000000ul, 0).error, (word)INVALID_ADDRESS);
    check("hsm: start a started hart", (word)call(HSM, 0, 0, (word)hart_entry, 0).error, (word)ALREADY_AVAILABLE);
    for (word hart = 1; hart < HARTS; hart++)
        check("hsm: start", (word)call(HSM, 0, hart, (word)hart_entry, 100 + hart).error, SUCCESS);
    for (word hart = 1; hart < HARTS; hart++) {
        until_state(hart, STARTED);
        while (!entries[hart])
            ;
        check("hsm: its argument", arguments[hart], 100 + hart);
        check("hsm: no paging, no interrupts", modes[hart], 0);
    }
    tasks[1] = STOP;
    until_state(1, STOPPED);
    tasks[1] = WAIT;
    check("hsm: start again", (word)call(HSM, 0, 1, (word)hart_entry, 5).error, SUCCESS);
    while (entries[1] != 2)
        ;
    check("hsm: its new argument", arguments[1], 5);
    check("hsm: no such function", (word)call(HSM, 4, 0, 0, 0).error, (word)NOT_SUPPORTED);
    check("hsm: no such kind of suspension", (word)call(HSM, 3, 7, 0, 0).error, (word)INVALID_PARAM);
}

static void interrupts(void)
{
    check("ipi: to ourselves", (word)call(IPI, 0, 1, 0, 0).error, SUCCESS);
    check("ipi: has come", CSR_READ("sip") & SSI, SSI);
    check("ipi: legacy clear says it was there", (word)legacy(3, 0, 0), 1);
    check("ipi: is gone", CSR_READ("sip") & SSI, 0);
    check("ipi: to all", (word)call(IPI, 0, 0, ~0ul, 0).error, SUCCESS);
    check("ipi: all are we too", CSR_READ("sip") & SSI, SSI);
    CSR_WRITE("sip", 0);
    check("ipi: no such hart", (word)call(IPI, 0, 1ul << HARTS, 0, 0).error, (word)INVALID_PARAM);
    check("ipi: nor from there on", (word)call(IPI, 0, 1, HARTS, 0).error, (word)INVALID_PARAM);
    check("ipi: to nobody", (word)call(IPI, 0, 0, 0, 0).error, SUCCESS);
    static word mask = 1;
    check("ipi: legacy", (word)legacy(4, (word)&mask, 0), SUCCESS);
    check("ipi: legacy has come", CSR_READ("sip") & SSI, SSI);
    CSR_WRITE("sip", 0);
    check("ipi: no such function", (word)call(IPI, 1, 1, 0, 0).error, (word)NOT_SUPPORTED);
    for (word hart = 1; hart < HARTS; hart++) {
        tasks[hart] = SUSPEND;
        until_state(hart, SUSPENDED);
        check("ipi: to a suspended hart", (word)call(IPI, 0, 1, hart, 0).error, SUCCESS);
        while (tasks[hart] != WAIT)
            ;
        check("hsm: suspension ends well", results[hart], SUCCESS);
        check("hsm: and it is started", (word)call(HSM, 2, hart, 0, 0).value, STARTED);
    }
    const word before = entries[2];
    tasks[2] = SUSPEND_AND_FORGET;
    until_state(2, SUSPENDED);
    tasks[2] = WAIT;
    call(IPI, 0, 4, 0, 0);
    while (entries[2] == before)
        ;
    check("hsm: resumes where it was told", arguments[2], 77);
    check("hsm: without interrupts", modes[2], 0);
}

static void fences(void)
{
    check("rfence: before", ask(1, CALL_PATCHED), 1);
    *(volatile unsigned *)patched = 0x00200513; // li a0, 2
    check("rfence: fence.i", (word)call(RFENCE, 0, 2, 0, 0).error, SUCCESS);
    check("rfence: hart 1 sees the new instruction", ask(1, CALL_PATCHED), 2);
    *(volatile unsigned *)patched = 0x00300513; // li a0, 3
    static word mask = 2;
    check("rfence: legacy fence.i", (word)legacy(5, (word)&mask, 0), SUCCESS);
    check("rfence: hart 1 sees the next one", ask(1, CALL_PATCHED), 3);

    pages[0][0] = 10;
    pages[1][0] = 11;
    map_memory();
    word *const entry = &page_tables[2][0];
    const word old = *entry, new = (old & 0x3ff) | ((word)pages[1] >> 12) << 10;
    check("rfence: mapped", ask(1, READ_MAPPED), 10);
    *(shared *)entry = new;
    check("rfence: sfence.vma", (word)call(RFENCE, 1, 2, 0, MAPPED).error, SUCCESS);
    check("rfence: hart 1 sees the new page", ask(1, READ_MAPPED), 11);
    *(shared *)entry = old;
    check("rfence: sfence.vma of an address space", (word)call(RFENCE, 2, 1, 1, MAPPED).error, SUCCESS);
    check("rfence: hart 1 sees the old page", ask(1, READ_MAPPED), 10);
    *(shared *)entry = new;
    check("rfence: legacy sfence.vma, all harts", (word)legacy(6, 0, MAPPED), SUCCESS);
    check("rfence: hart 1 sees the new page again", ask(1, READ_MAPPED), 11);

    tasks[1] = STOP; // with its paging and its interrupts on
    until_state(1, STOPPED);
    tasks[1] = WAIT;
    const word before = entries[1];
    check("hsm: start once more", (word)call(HSM, 0, 1, (word)hart_entry, 6).error, SUCCESS);
    while (entries[1] == before)
        ;
    check("hsm: again no paging, no interrupts", modes[1], 0);
    check("rfence: no such hart", (word)call(RFENCE, 1, 1ul << HARTS, 0, 0).error, (word)INVALID_PARAM);
    check("rfence: no guests", (word)call(RFENCE, 3, 1, 0, 0).error, (word)NOT_SUPPORTED);
}

static void console(void)
{
    static const char text[] = "dbcn: written\n";
    static char typed[8];
    struct answer answer = call(DBCN, 0, sizeof text - 1, (word)text, 0);
    check("dbcn: write", (word)answer.error, SUCCESS);
    check("dbcn: all of it", (word)answer.value, sizeof text - 1);
    check("dbcn: write a byte", (word)call(DBCN, 2, '*', 0, 0).error, SUCCESS);
    answer = call(DBCN, 1, 2, (word)typed, 0);
    check("dbcn: read", (word)answer.error, SUCCESS);
    check("dbcn: no more than asked for", (word)answer.value, 2);
    check("dbcn: what was typed", (word)typed[0] << 16 | (word)typed[1] << 8 | (word)typed[2], 0x616200);
    check("dbcn: legacy getchar", (word)legacy(2, 0, 0), 'c');
    answer = call(DBCN, 1, 8, (word)typed, 0);
    check("dbcn: nothing more was typed", (word)answer.value, 0);
    check("dbcn: legacy getchar finds nothing", (word)legacy(2, 0, 0), ~0ul);
    check("dbcn: legacy putchar", (word)legacy(1, '+', 0), SUCCESS);
    check("dbcn: not from the firmware", (word)call(DBCN, 0, 8, 0x80000100ul, 0).error, (word)INVALID_PARAM);
    check("dbcn: nor a part", (word)call(DBCN, 1, 0x100001, 0x7ff00000ul, 0).error, (word)INVALID_PARAM);
    check("dbcn: not where nothing is", (word)call(DBCN, 0, 4, 0x1f000000ul, 0).error, (word)INVALID_PARAM);
    check("dbcn: not around the end", (word)call(DBCN, 0, 16, ~0ul - 7, 0).error, (word)INVALID_PARAM);
    check("dbcn: not beyond all addresses", (word)call(DBCN, 0, 1, (word)text, 1).error, (word)INVALID_PARAM);
    check("dbcn: no such function", (word)call(DBCN, 3, 0, 0, 0).error, (word)NOT_SUPPORTED);
}

static void protection(void)
{
    check("pmp: no load from the firmware", attempt(0, 0x80000000ul), 5);
    check("pmp: no store to it", attempt(1, 0x80010000ul), 7);
    check("pmp: no jump there", attempt(2, 0x80000000ul), 1);
    check("pmp: no store to the CLINT", attempt(1, 0x2000000ul), 7);
    check("pmp: our own memory is ours", attempt(1, (word)&pages[0][8]), ~0ul);
    check("traps: an illegal instruction is ours", attempt(3, 0), 2);
    check("traps: ebreak is ours", attempt(4, 0), 3);
    check("traps: a call from U-mode is ours", attempt(5, 0), 8);
    pages[0][0] = 0x44332211;
    pages[0][1] = 0x88776655;
    check("traps: misaligned loads work", *(volatile unsigned short *)((char *)pages[0] + 1), 0x3322);
    const word first = CSR_READ("instret"), second = CSR_READ("instret");
    check("counters: we may read them", second > first && CSR_READ("cycle") > second, 1);
}

static void resets(void)
{
    check("srst: no such function", (word)call(SRST, 1, 0, 0, 0).error, (word)NOT_SUPPORTED);
    check("srst: no such kind", (word)call(SRST, 0, 3, 0, 0).error, (word)INVALID_PARAM);
    check("srst: no such reason", (word)call(SRST, 0, 0, 2, 0).error, (word)INVALID_PARAM);
}

void main(word hart)
{
    check("hart 0 begins", hart, 0);
    check("no paging", CSR_READ("satp"), 0);
    base();
    timer();
    start_and_stop();
    interrupts();
    fences();
    console();
    protection();
    resets();
    print("end\n");
    call(SRST, 0, 0, 0, 0);
    print("still here\n");
    for (;;)
        ;
}
