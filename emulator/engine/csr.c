/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CSRs of the privileged manual (chapter "Control and Status Registers") that a machine without hypervisor,
 * triggers and event counters has.  Legal values only (WARL); what is not here is an illegal instruction.
 *
 * Counters count instructions: cycle = instret, time = virtual time.  No host clock is ever read.
 */
#include "machine.h"

enum csr_number {
    FFLAGS = 0x001, FRM = 0x002, FCSR = 0x003,
    SSTATUS = 0x100, SIE = 0x104, STVEC = 0x105, SCOUNTEREN = 0x106, SENVCFG = 0x10a,
    SSCRATCH = 0x140, SEPC = 0x141, SCAUSE = 0x142, STVAL = 0x143, SIP = 0x144, STIMECMP = 0x14d, STIMECMPH = 0x15d, SATP = 0x180,
    MSTATUS = 0x300, MISA = 0x301, MEDELEG = 0x302, MIDELEG = 0x303, MIE = 0x304, MTVEC = 0x305, MCOUNTEREN = 0x306,
    MENVCFG = 0x30a, MSTATUSH = 0x310, MENVCFGH = 0x31a, MCOUNTINHIBIT = 0x320, MHPMEVENT3 = 0x323, MHPMEVENT31 = 0x33f,
    MSCRATCH = 0x340, MEPC = 0x341, MCAUSE = 0x342, MTVAL = 0x343, MIP = 0x344,
    PMPCFG0 = 0x3a0, PMPCFG15 = 0x3af, PMPADDR0 = 0x3b0, PMPADDR63 = 0x3ef,
    TSELECT = 0x7a0, TDATA3 = 0x7a3,
    MCYCLE = 0xb00, MINSTRET = 0xb02, MHPMCOUNTER3 = 0xb03, MHPMCOUNTER31 = 0xb1f,
    MCYCLEH = 0xb80, MINSTRETH = 0xb82, MHPMCOUNTER3H = 0xb83, MHPMCOUNTER31H = 0xb9f,
    CYCLE = 0xc00, TIME = 0xc01, INSTRET = 0xc02, HPMCOUNTER31 = 0xc1f,
    CYCLEH = 0xc80, TIMEH = 0xc81, INSTRETH = 0xc82, HPMCOUNTER31H = 0xc9f,
    MVENDORID = 0xf11, MARCHID = 0xf12, MIMPID = 0xf13, MHARTID = 0xf14, MCONFIGPTR = 0xf15
};

#define SSTATUS_MASK \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR)
#define MSTATUS_MASK \
    (SSTATUS_MASK | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)
#define MEDELEG_MASK 0xb3ffull
#define MIDELEG_MASK (BIT(IRQ_SSIP) | BIT(IRQ_STIP) | BIT(IRQ_SEIP))
#define MIE_MASK (MIDELEG_MASK | BIT(IRQ_MSIP) | BIT(IRQ_MTIP) | BIT(IRQ_MEIP))
#define MISA_EXTENSIONS (BIT(0) | BIT(2) | BIT(3) | BIT(5) | BIT(8) | BIT(12) | BIT(18) | BIT(20)) /* ACDFIMSU */

static bool wide(const hart *h) { return h->machine->config.xlen == 64; }

static uint64_t limit(const hart *h, uint64_t value) { return wide(h) ? value : value & 0xffffffff; }

static uint64_t status(hart *h, uint64_t mask)
{
    hart_pull_fs(h);
    const uint64_t value = h->csr.mstatus & mask;
    const bool dirty = (value & MSTATUS_FS) == MSTATUS_FS;
    if (!wide(h))
        return value | (dirty ? BIT(31) : 0);
    return value | (dirty ? BIT(63) : 0) | 2ull << 32 | (mask & MSTATUS_MPP ? 2ull << 34 : 0);
}

static void write_status(hart *h, uint64_t value, uint64_t mask)
{
    const uint64_t before = h->csr.mstatus;
    uint64_t after;

    if ((value & MSTATUS_MPP) >> 11 == 2) /* no such mode: the field keeps its value */
        mask &= ~MSTATUS_MPP;
    after = (before & ~mask) | (value & mask);
    h->csr.mstatus = after;
    hart_push_fs(h);
    if (((before ^ after) & MSTATUS_MPRV) || ((after & MSTATUS_MPRV) && ((before ^ after) & (MSTATUS_MPP | MSTATUS_SUM | MSTATUS_MXR))) ||
        ((before & ~after & MSTATUS_MXR) && h->mxr_used))
        hart_flush_tlb(h);
    if ((before ^ after) & MSTATUS_SUM)
        hart_select_tlb(h);
}

static void write_fcsr(hart *h, uint64_t value)
{
    hart_set_fcsr(h, value);
    if (h->csr.mstatus & MSTATUS_FS) { /* Dirty */
        h->csr.mstatus |= MSTATUS_FS;
        hart_push_fs(h);
    }
}

static uint64_t counter(const hart *h, uint64_t offset, uint32_t bit)
{
    return (h->csr.mcountinhibit & BIT(bit) ? 0 : h->retired) + offset;
}

/* A written counter holds the value for the next instruction: this one's own increment is lost (manual, 3.1.10). */
static uint64_t counter_offset(const hart *h, uint64_t value, uint32_t bit)
{
    return value - (h->csr.mcountinhibit & BIT(bit) ? 0 : h->retired + 1);
}

static void inhibit(hart *h, uint64_t value)
{
    const uint64_t changed = (h->csr.mcountinhibit ^ value) & 5, now = h->retired + 1;

    if (changed & 1)
        h->csr.mcycle_offset += value & 1 ? now : -now;
    if (changed & 4)
        h->csr.minstret_offset += value & 4 ? now : -now;
    h->csr.mcountinhibit = value & 5;
}

/* B is Zba, Zbb and Zbs together. */
static uint64_t misa_b(const hart *h)
{
    const uint32_t all = REPLUG_ZBA | REPLUG_ZBB | REPLUG_ZBS;
    return (h->machine->config.extensions & all) == all ? BIT(1) : 0;
}

/* The first PMP entry that a pmpcfg register holds: RV64 uses the even registers only, eight entries each. */
static uint32_t pmp_of(uint32_t number) { return (number - PMPCFG0) * 4; }

static uint64_t read_pmp(const hart *h, uint32_t number)
{
    uint64_t value = 0;

    if (number >= PMPADDR0) {
        const uint32_t i = number - PMPADDR0;
        const bool napot = (h->csr.pmpcfg[i] & 0x18) == 0x18;
        return napot ? h->csr.pmpaddr[i] | 0x1ff : h->csr.pmpaddr[i] & ~0x3ffull;
    }
    for (uint32_t i = 0; i < (wide(h) ? 8u : 4u); i++)
        value |= (uint64_t)h->csr.pmpcfg[pmp_of(number) + i] << (8 * i);
    return value;
}

static void write_pmp(hart *h, uint32_t number, uint64_t value)
{
    const uint32_t entries = h->machine->config.pmp_entries;

    if (number >= PMPADDR0) {
        const uint32_t i = number - PMPADDR0;
        const bool next_locks = i + 1 < entries && (h->csr.pmpcfg[i + 1] & 0x98) == 0x88;
        if (i < entries && !(h->csr.pmpcfg[i] & 0x80) && !next_locks)
            h->csr.pmpaddr[i] = value & (wide(h) ? BIT(54) - 1 : 0xffffffff);
    } else {
        for (uint32_t i = 0; i < (wide(h) ? 8u : 4u); i++) {
            const uint32_t entry = pmp_of(number) + i;
            uint8_t config = (uint8_t)(value >> (8 * i)) & 0x9f;
            if ((config & 0x18) == 0x10) /* NA4 does not exist with a grain of a page */
                config &= (uint8_t)~0x18;
            if ((config & 3) == 2) /* W without R is reserved */
                config &= (uint8_t)~2;
            if (entry < entries && !(h->csr.pmpcfg[entry] & 0x80))
                h->csr.pmpcfg[entry] = config;
        }
    }
    hart_flush_tlb(h);
}

static bool is_pmp(const hart *h, uint32_t number)
{
    if (h->machine->config.pmp_entries == 0)
        return false;
    return (number >= PMPADDR0 && number <= PMPADDR63) ||
           (number >= PMPCFG0 && number <= PMPCFG15 && (!wide(h) || !(number & 1)));
}

/* CSRs that this machine does not have, for its width or for want of an extension. */
static bool is_absent(const hart *h, uint32_t number)
{
    switch (number) {
    case STIMECMPH:
        if (wide(h))
            return true; /* fall through */
    case STIMECMP: return !(h->machine->config.extensions & REPLUG_SSTC);
    case MSTATUSH:
    case MENVCFGH: return wide(h);
    default: return false;
    }
}

bool csr_accessible(hart *h, uint32_t number, bool writes)
{
    if (h->privilege < ((number >> 8) & 3) || (writes && number >> 10 == 3))
        return false;
    if (number <= FCSR && !(h->csr.mstatus & MSTATUS_FS)) /* comes here only where it straddles two pages */
        return false;
    if (number == SATP && h->privilege == MODE_S && (h->csr.mstatus & MSTATUS_TVM))
        return false;
    if ((number == STIMECMP || number == STIMECMPH) && h->privilege < MODE_M &&
        !((h->csr.mcounteren & BIT(1)) && (h->csr.menvcfg & MENVCFG_STCE)))
        return false;
    if ((number >= CYCLE && number <= HPMCOUNTER31) || (!wide(h) && number >= CYCLEH && number <= HPMCOUNTER31H)) {
        const uint64_t bit = BIT(number & 31);
        if (h->privilege < MODE_M && !(h->csr.mcounteren & bit))
            return false;
        if (h->privilege < MODE_S && !(h->csr.scounteren & bit))
            return false;
    }
    return true;
}

static bool read_counter(hart *h, uint32_t number, uint64_t *value)
{
    const bool high = number & 0x80;

    if (high && wide(h))
        return false;
    switch (number & ~0x80u) {
    case CYCLE:
    case MCYCLE: *value = counter(h, h->csr.mcycle_offset, 0); break;
    case INSTRET:
    case MINSTRET: *value = counter(h, h->csr.minstret_offset, 2); break;
    case TIME: *value = machine_read_time(h) / h->machine->config.instructions_per_tick; break;
    default: *value = 0; /* no event counter is implemented */
    }
    if (high)
        *value >>= 32;
    return true;
}

bool csr_read(hart *h, uint32_t number, uint64_t *value)
{
    struct csrs *csr = &h->csr;

    if (is_absent(h, number))
        return false;
    if ((number >= CYCLE && number <= HPMCOUNTER31) || (number >= CYCLEH && number <= HPMCOUNTER31H) || number == MCYCLE ||
        (number >= MINSTRET && number <= MHPMCOUNTER31) || number == MCYCLEH ||
        (number >= MINSTRETH && number <= MHPMCOUNTER31H)) {
        if (!read_counter(h, number, value))
            return false;
        *value = limit(h, *value);
        return true;
    }
    if (is_pmp(h, number)) {
        *value = read_pmp(h, number);
        return true;
    }
    switch (number) {
    case FFLAGS: *value = hart_get_fcsr(h) & 0x1f; break; /* these three are asked for by debuggers only: */
    case FRM: *value = hart_get_fcsr(h) >> 5 & 7; break;  /* the guest's own accesses stay in Unicorn */
    case FCSR: *value = hart_get_fcsr(h) & 0xff; break;
    case SSTATUS: *value = status(h, SSTATUS_MASK); break;
    case SIE: *value = csr->mie & csr->mideleg; break;
    case STVEC: *value = csr->stvec; break;
    case SCOUNTEREN: *value = csr->scounteren; break;
    case SENVCFG: *value = csr->senvcfg; break;
    case SSCRATCH: *value = csr->sscratch; break;
    case SEPC: *value = csr->sepc; break;
    case SCAUSE: *value = csr->scause; break;
    case STVAL: *value = csr->stval; break;
    case SIP: *value = trap_pending(h) & csr->mideleg; break;
    case STIMECMP: *value = csr->stimecmp; break;
    case STIMECMPH: *value = csr->stimecmp >> 32; break;
    case SATP: *value = csr->satp; break;
    case MSTATUS: *value = status(h, MSTATUS_MASK); break;
    case MISA: *value = MISA_EXTENSIONS | misa_b(h) | (wide(h) ? 2ull << 62 : 1ull << 30); break;
    case MEDELEG: *value = csr->medeleg; break;
    case MIDELEG: *value = csr->mideleg; break;
    case MIE: *value = csr->mie; break;
    case MTVEC: *value = csr->mtvec; break;
    case MCOUNTEREN: *value = csr->mcounteren; break;
    case MENVCFG: *value = csr->menvcfg; break;
    case MCOUNTINHIBIT: *value = csr->mcountinhibit; break;
    case MSCRATCH: *value = csr->mscratch; break;
    case MEPC: *value = csr->mepc; break;
    case MCAUSE: *value = csr->mcause; break;
    case MTVAL: *value = csr->mtval; break;
    case MIP: *value = trap_pending(h); break;
    case MHARTID: *value = h->id; break;
    case MVENDORID:
    case MARCHID:
    case MIMPID:
    case MCONFIGPTR: *value = 0; break;
    case MENVCFGH: *value = csr->menvcfg >> 32; break;
    case MSTATUSH: *value = 0; break;
    default:
        if ((number >= MHPMEVENT3 && number <= MHPMEVENT31) || (number >= TSELECT && number <= TDATA3)) {
            *value = 0;
            break;
        }
        return false;
    }
    *value = limit(h, *value);
    return true;
}

static void write_satp(hart *h, uint64_t value)
{
    if (wide(h)) {
        const uint64_t mode = value >> 60;
        if (mode != 0 && mode != 8 && mode != 9) /* unsupported mode: the whole write has no effect (manual, 4.1.11) */
            return;
    }
    h->csr.satp = value;
    hart_flush_tlb(h);
    h->sync_pending = true;
}

static void write_menvcfg(hart *h, uint64_t value)
{
    const uint32_t extensions = h->machine->config.extensions;
    const uint64_t mask = 1 /* FIOM: harts are sequentially consistent, there is nothing to do */ |
                          (extensions & REPLUG_SSTC ? MENVCFG_STCE : 0) | (extensions & REPLUG_SVADU ? MENVCFG_ADUE : 0);

    h->csr.menvcfg = value & mask;
    clint_update_supervisor_timer(h);
}

static uint64_t legal_vector(uint64_t value) { return value & ~2ull; }

bool csr_write(hart *h, uint32_t number, uint64_t value)
{
    struct csrs *csr = &h->csr;

    value = limit(h, value);
    if (is_absent(h, number))
        return false;
    if (is_pmp(h, number)) {
        write_pmp(h, number, value);
        return true;
    }
    switch (number) {
    case FFLAGS: write_fcsr(h, (hart_get_fcsr(h) & 0xe0) | (value & 0x1f)); break;
    case FRM: write_fcsr(h, (hart_get_fcsr(h) & 0x1f) | (value & 7) << 5); break;
    case FCSR: write_fcsr(h, value & 0xff); break;
    case SSTATUS: write_status(h, value, SSTATUS_MASK); break;
    case SIE: csr->mie = (csr->mie & ~csr->mideleg) | (value & csr->mideleg & MIE_MASK); break;
    case STVEC: csr->stvec = legal_vector(value); break;
    case SCOUNTEREN: csr->scounteren = value & 0xffffffff; break;
    case SENVCFG: csr->senvcfg = value & 1; break;
    case SSCRATCH: csr->sscratch = value; break;
    case SEPC: csr->sepc = value & ~1ull; break;
    case SCAUSE: csr->scause = value; break;
    case STVAL: csr->stval = value; break;
    case SIP: {
        const uint64_t mask = BIT(IRQ_SSIP) & csr->mideleg;
        csr->mip = (csr->mip & ~mask) | (value & mask);
        break;
    }
    case STIMECMP:
        csr->stimecmp = wide(h) ? value : (csr->stimecmp & ~0xffffffffull) | value;
        clint_update_supervisor_timer(h);
        break;
    case STIMECMPH:
        csr->stimecmp = value << 32 | (uint32_t)csr->stimecmp;
        clint_update_supervisor_timer(h);
        break;
    case SATP: write_satp(h, value); break;
    case MSTATUS: write_status(h, value, MSTATUS_MASK); break;
    case MISA: break; /* no extension can be switched off */
    case MEDELEG: csr->medeleg = value & MEDELEG_MASK; break;
    case MIDELEG: csr->mideleg = value & MIDELEG_MASK; break;
    case MIE: csr->mie = value & MIE_MASK; break;
    case MTVEC: csr->mtvec = legal_vector(value); break;
    case MCOUNTEREN: csr->mcounteren = value & 0xffffffff; break;
    case MENVCFG: write_menvcfg(h, wide(h) ? value : (csr->menvcfg & ~0xffffffffull) | value); break;
    case MCOUNTINHIBIT: inhibit(h, value); break;
    case MSCRATCH: csr->mscratch = value; break;
    case MEPC: csr->mepc = value & ~1ull; break;
    case MCAUSE: csr->mcause = value; break;
    case MTVAL: csr->mtval = value; break;
    case MIP: csr->mip = value & MIDELEG_MASK; break;
    case MCYCLE: csr->mcycle_offset = counter_offset(h, wide(h) ? value : (counter(h, csr->mcycle_offset, 0) & ~0xffffffffull) | value, 0); break;
    case MINSTRET: csr->minstret_offset = counter_offset(h, wide(h) ? value : (counter(h, csr->minstret_offset, 2) & ~0xffffffffull) | value, 2); break;
    case MCYCLEH:
    case MINSTRETH: {
        const bool cycles = number == MCYCLEH;
        uint64_t *offset = cycles ? &csr->mcycle_offset : &csr->minstret_offset;
        const uint32_t bit = cycles ? 0 : 2;
        if (wide(h))
            return false;
        *offset = counter_offset(h, value << 32 | (counter(h, *offset, bit) & 0xffffffff), bit);
        break;
    }
    case MENVCFGH: write_menvcfg(h, value << 32 | (uint32_t)csr->menvcfg); break;
    case MSTATUSH: break;
    default:
        if ((number >= MHPMEVENT3 && number <= MHPMEVENT31) || (number >= TSELECT && number <= TDATA3) ||
            (number >= MHPMCOUNTER3 && number <= MHPMCOUNTER31) ||
            (!wide(h) && number >= MHPMCOUNTER3H && number <= MHPMCOUNTER31H))
            break; /* hardwired to zero */
        return false;
    }
    return true;
}
