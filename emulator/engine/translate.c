/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address translation and protection (privileged manual: "Virtual-Memory System", "Physical Memory Protection"),
 * and the answers to Unicorn's TLB.
 *
 * Unicorn asks once per page and kind of access.  A fetch is answered with the page's shadow (shadow.c), a load or
 * store with the page itself, and an access to a device with a refusal: it ends the run with the exact pc, and
 * loadstore.c performs it.
 */
#include "machine.h"

#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4)
#define PTE_A BIT(6)
#define PTE_D BIT(7)

enum { ALLOW_READ = 1, ALLOW_WRITE = 2, ALLOW_FETCH = 4, ALLOW_BY_MXR = 8 };

static const uint8_t page_fault[] = {CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE, CAUSE_FETCH_PAGE};
static const uint8_t access_fault[] = {CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS, CAUSE_FETCH_ACCESS};

bool translate_is_ram(const struct replug_machine *machine, uint64_t physical, uint64_t length)
{
    const uint64_t offset = physical - machine->config.ram_base;
    return offset < machine->config.ram_size && length <= machine->config.ram_size - offset;
}

/* PMP with a grain of one page, which the manual allows (G = 10): a whole page has one answer. */
static bool pmp_allows(const hart *h, uint64_t physical, enum access access, uint32_t privilege)
{
    static const uint8_t needed[] = {1, 2, 4};
    const uint64_t word = (physical & ~(uint64_t)(PAGE_SIZE - 1)) >> 2;
    uint64_t below = 0;

    for (uint32_t i = 0; i < h->machine->config.pmp_entries; i++) {
        const uint8_t config = h->csr.pmpcfg[i];
        const uint64_t address = h->csr.pmpaddr[i];
        bool match = false;

        switch ((config >> 3) & 3) {
        case 1: match = word >= (below & ~0x3ffull) && word < (address & ~0x3ffull); break; /* TOR */
        case 3: {                                                                       /* NAPOT */
            const uint64_t ones = address | 0x1ff, mask = ones ^ (ones + 1);
            match = ((word ^ address) & ~mask) == 0;
            break;
        }
        default: break; /* off; NA4 does not exist with this grain */
        }
        below = address;
        if (match)
            return (config & needed[access]) || (privilege == MODE_M && !(config & 0x80));
    }
    return privilege == MODE_M || h->machine->config.pmp_entries == 0;
}

static uint64_t load_entry(struct replug_machine *machine, uint64_t physical, uint32_t width)
{
    uint64_t value = 0;
    __builtin_memcpy(&value, machine->ram + (physical - machine->config.ram_base), width);
    return value;
}

/* A store to RAM that Unicorn does not make: an entry's A and D bits, or SC. */
void translate_store(struct replug_machine *machine, uint64_t physical, uint64_t value, uint32_t width)
{
    const uint64_t offset = physical - machine->config.ram_base, page = offset >> PAGE_SHIFT;

    snapshot_keep(machine, page);
    __builtin_memcpy(machine->ram + offset, &value, width);
    machine->page_flags[page] |= PAGE_TOUCHED;
    if (machine->page_flags[page] & PAGE_CODE)
        shadow_mark_dirty(machine, page);
}

/*
 * Walk the page tables.  Returns CAUSE_NONE and the physical address with what else would be allowed at that page,
 * or the exception.  With `debug` nothing is changed (no A or D bit) and protection is not asked.
 */
static uint32_t walk(hart *h, uint64_t address, enum access access, uint32_t privilege, bool debug,
                     uint64_t *physical, uint32_t *allowed)
{
    struct replug_machine *machine = h->machine;
    const bool wide = machine->config.xlen == 64;
    const uint64_t satp = h->csr.satp, status = h->csr.mstatus;
    const uint32_t levels = wide ? (satp >> 60) - 5 : 2; /* mode 8: Sv39, 9: Sv48 */
    const uint32_t index_bits = wide ? 9 : 10, width = wide ? 8 : 4;
    const uint32_t bits = PAGE_SHIFT + index_bits * levels;
    uint64_t table = (wide ? satp & (BIT(44) - 1) : satp & (BIT(22) - 1)) << PAGE_SHIFT;

    if (wide) { /* the bits above must all equal the topmost one */
        const int64_t extended = (int64_t)(address << (64 - bits)) >> (64 - bits);
        if ((uint64_t)extended != address)
            return page_fault[access];
    }
    for (int level = (int)levels - 1; level >= 0; level--) {
        const uint32_t shift = PAGE_SHIFT + index_bits * (uint32_t)level;
        const uint64_t slot = table + ((address >> shift) & (BIT(index_bits) - 1)) * width;
        uint64_t entry, frame;

        if (!translate_is_ram(machine, slot, width))
            return access_fault[access];
        if (!debug && !pmp_allows(h, slot, ACCESS_READ, MODE_S))
            return access_fault[access];
        entry = load_entry(machine, slot, width);
        frame = wide ? (entry >> 10) & (BIT(44) - 1) : entry >> 10;
        if (!(entry & PTE_V) || (!(entry & PTE_R) && (entry & PTE_W)) || (wide && entry >> 54))
            return page_fault[access];
        if (!(entry & (PTE_R | PTE_X))) { /* a pointer to the next level */
            if (entry & (PTE_U | PTE_A | PTE_D))
                return page_fault[access];
            table = frame << PAGE_SHIFT;
            continue;
        }

        if (frame & (BIT(index_bits * (uint32_t)level) - 1)) /* misaligned superpage */
            return page_fault[access];
        *physical = (frame << PAGE_SHIFT & ~(BIT(shift) - 1)) | (address & (BIT(shift) - 1));
        if (debug)
            return CAUSE_NONE;

        uint32_t rights = 0;
        const bool user = entry & PTE_U;
        const bool data = privilege == MODE_U ? user : !user || (status & MSTATUS_SUM);
        if (data && ((entry & PTE_R) || ((status & MSTATUS_MXR) && (entry & PTE_X))))
            rights |= ALLOW_READ | (entry & PTE_R ? 0 : ALLOW_BY_MXR);
        if (data && (entry & PTE_W))
            rights |= ALLOW_WRITE;
        if ((entry & PTE_X) && (privilege == MODE_U) == user)
            rights |= ALLOW_FETCH;
        if (!(rights & (1u << access)))
            return page_fault[access];

        const uint64_t wanted = PTE_A | (access == ACCESS_WRITE ? PTE_D : 0);
        if ((entry & wanted) != wanted) {
            if (!(machine->config.extensions & REPLUG_SVADU ? h->csr.menvcfg & MENVCFG_ADUE : machine->config.hardware_ad))
                return page_fault[access];
            if (!pmp_allows(h, slot, ACCESS_WRITE, MODE_S))
                return access_fault[access];
            entry |= wanted;
            translate_store(machine, slot, entry, width);
        }
        if (!(entry & PTE_D))
            rights &= ~(uint32_t)ALLOW_WRITE; /* the first store must come back to set D */
        *allowed = rights;
        return CAUSE_NONE;
    }
    return page_fault[access];
}

uint32_t translate(hart *h, uint64_t address, enum access access, uint32_t privilege, bool debug, uint64_t *physical,
                   uint32_t *allowed)
{
    const struct replug_machine *machine = h->machine;
    const bool bare = privilege == MODE_M || (machine->config.xlen == 64 ? h->csr.satp >> 60 == 0 : !(h->csr.satp >> 31));
    uint32_t rights = ALLOW_READ | ALLOW_WRITE | ALLOW_FETCH, cause = CAUSE_NONE;

    if (bare)
        *physical = machine->config.xlen == 32 ? address & 0xffffffff : address;
    else
        cause = walk(h, address, access, privilege, debug, physical, &rights);
    if (cause != CAUSE_NONE || debug)
        return cause;
    if (!pmp_allows(h, *physical, access, privilege))
        return access_fault[access];
    *allowed = rights;
    if (translate_is_ram(machine, *physical, 1))
        return CAUSE_NONE;
    return access == ACCESS_FETCH ? CAUSE_FETCH_ACCESS : CAUSE_DEVICE;
}

uint32_t translate_data_privilege(const hart *h)
{
    return h->privilege == MODE_M && (h->csr.mstatus & MSTATUS_MPRV) ? (h->csr.mstatus & MSTATUS_MPP) >> 11 : h->privilege;
}

/* May stores to this page go unseen from now on?  Once it is kept in the newest snapshot, and its code is known dirty. */
static bool may_be_stored_to(const struct replug_machine *machine, uint8_t flags)
{
    return !(flags & PAGE_WATCH_STORES) && (flags & PAGE_WRITE_MAPPED) && (!(flags & PAGE_CODE) || (flags & PAGE_CODE_DIRTY)) &&
           (machine->snapshot_count == 0 || (flags & PAGE_SAVED));
}

static bool refuse(hart *h, enum access access, uint64_t address, uint32_t cause, uint64_t physical)
{
    h->fault_access = access;
    h->fault_address = address;
    h->fault_cause = cause;
    h->fault_physical = physical;
    return false;
}

/*
 * Is the page asked for before an instruction that needs it is to be executed?  Unicorn translates up to an instruction that
 * goes over into the next page, which the hart may never come to, and looks for an empty block in the page before.
 */
static bool is_ahead(hart *h, uint64_t page)
{
    const uint64_t pc = hart_unicorn_pc(h), mask = h->machine->config.xlen == 64 ? ~0ull : 0xffffffff;
    return ((pc ^ page) & mask) >> PAGE_SHIFT != 0 && ((pc + 2 - page) & mask) != 0;
}

bool translate_fill(uc_engine *uc, uint64_t address, uc_mem_type type, uc_tlb_entry *result, void *user)
{
    hart *h = user;
    struct replug_machine *machine = h->machine;
    const enum access access = type == UC_MEM_WRITE ? ACCESS_WRITE : type == UC_MEM_FETCH ? ACCESS_FETCH : ACCESS_READ;
    const uint32_t privilege = access == ACCESS_FETCH ? h->privilege : translate_data_privilege(h);
    uint32_t allowed = 0, cause;
    uint64_t physical = 0, page;
    uint8_t *flags;

    (void)uc;
    if (machine->probe != NULL) { /* shadow.c names a shadow page to invalidate */
        result->paddr = machine->shadow_base + (machine->probe->physical - machine->config.ram_base);
        result->perms = UC_PROT_EXEC;
        return true;
    }
    cause = translate(h, address, access, privilege, false, &physical, &allowed);
    if (cause != CAUSE_NONE)
        return refuse(h, access, address, cause, physical);
    h->mxr_used |= (allowed & ALLOW_BY_MXR) != 0;
    const uint32_t watched = machine->watchpoint_count == 0 || machine->careful.hart == h || access == ACCESS_FETCH
                                 ? 0
                                 : watchpoint_page(machine, address, physical);
    page = (physical - machine->config.ram_base) >> PAGE_SHIFT;
    flags = &machine->page_flags[page];
    const bool sieved = watched != 0 && sieve_takes(machine, *flags);
    if (!sieved && (watched & (access == ACCESS_WRITE ? REPLUG_ACCESS_WRITE : REPLUG_ACCESS_READ)))
        return refuse(h, access, address, CAUSE_WATCHPOINT, physical);

    if (access != ACCESS_FETCH && (*flags & (access == ACCESS_WRITE ? PAGE_WATCH_STORES : PAGE_WATCH_LOADS)))
        return refuse(h, access, address, CAUSE_DEVICE, physical);
    if (access == ACCESS_FETCH) {
        if (!(*flags & PAGE_CODE) && is_ahead(h, address & ~(uint64_t)(PAGE_SIZE - 1)))
            return refuse(h, access, address, CAUSE_AHEAD, physical);
        shadow_map(h, address, shadow_page(machine, physical));
        result->paddr = machine->shadow_base + (page << PAGE_SHIFT);
        result->perms = UC_PROT_EXEC;
        return true;
    }
    result->paddr = sieved ? sieve_address(page) : physical & ~(uint64_t)(PAGE_SIZE - 1);
    result->perms = UC_PROT_READ;
    if (access == ACCESS_WRITE) {
        snapshot_keep(machine, page);
        *flags |= PAGE_TOUCHED | PAGE_WRITE_MAPPED;
        if (*flags & PAGE_CODE)
            shadow_mark_dirty(machine, page);
        const bool loads = (allowed & ALLOW_READ) && !(*flags & PAGE_WATCH_LOADS) && (sieved || !(watched & REPLUG_ACCESS_READ));
        result->perms = (loads ? UC_PROT_READ : 0) | UC_PROT_WRITE;
    } else if ((allowed & ALLOW_WRITE) && (sieved || !(watched & REPLUG_ACCESS_WRITE)) && may_be_stored_to(machine, *flags) &&
               pmp_allows(h, physical, ACCESS_WRITE, privilege)) {
        result->perms |= UC_PROT_WRITE; /* stores to this page are already accounted for: spare the second question */
    }
    return true;
}
