/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest with drivers for clock, entropy, network and virtio console, that gets their interrupts through the PLIC.  Each
 * step prints a line on the UART; what is wrong ends the run with the line's number.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define CHECK(condition)          \
    do {                          \
        if (!(condition))         \
            finish(__LINE__ % 256); \
    } while (0)

enum { RTC_IRQ = 11, NET_SLOT = 1, CONSOLE_SLOT = 2, ENTROPY_SLOT = 3, SIZE = 8, WRITABLE = 2 };
#define PLIC 0x0c000000ul
#define RTC 0x00101000ul
#define SLOT(n) (0x10001000ul + 0x1000ul * (n))
#define BIT_EXTERNAL (1ul << 11)

static volatile u32 *at(u64 address) { return (volatile u32 *)address; }

static void finish(u32 status)
{
    *at(0x100000) = status ? status << 16 | 0x3333 : 0x5555;
    for (;;)
        ;
}

static void put(char character) { *(volatile u8 *)0x10000000ul = (u8)character; }

static void print(const char *text)
{
    while (*text)
        put(*text++);
}

static void print_hex(u64 value, int digits)
{
    while (digits-- > 0)
        put("0123456789abcdef"[value >> 4 * digits & 15]);
}

/* --- interrupts: taken one at a time, with wfi --------------------------------------------------------------------- */

static void enable(u32 irq)
{
    *at(PLIC + 4 * irq) = 1;
    *at(PLIC + 0x2000) |= 1u << irq;
}

/* Sleep until an interrupt waits; its number, claimed. */
static u32 wait(void)
{
    u32 irq;
    while ((irq = *at(PLIC + 0x200004)) == 0)
        __asm__ volatile("wfi" ::: "memory");
    return irq;
}

static void complete(u32 irq) { *at(PLIC + 0x200004) = irq; }

/* --- virtio --------------------------------------------------------------------------------------------------------- */

struct queue {
    struct {
        u64 address;
        u32 length;
        u16 flags, next;
    } descriptor[SIZE] __attribute__((aligned(16)));
    struct {
        u16 flags, index, ring[SIZE];
    } available __attribute__((aligned(2)));
    struct {
        u16 flags, index;
        struct {
            u32 id, length;
        } ring[SIZE];
    } used __attribute__((aligned(4)));
    u64 base;
    u32 number;
    u16 seen;
};

static struct queue entropy, network_in, network_out, console_in, console_out;

static void reset(u64 base)
{
    CHECK(*at(base) == 0x74726976 && *at(base + 4) == 2);
    *at(base + 0x70) = 0;
    *at(base + 0x70) = 1;
    *at(base + 0x70) = 3;
    *at(base + 0x24) = 1;
    *at(base + 0x20) = 1; /* VIRTIO_F_VERSION_1 */
    *at(base + 0x70) = 11;
    CHECK(*at(base + 0x70) == 11);
}

static void set_up(struct queue *queue, u64 base, u32 number)
{
    queue->base = base;
    queue->number = number;
    *at(base + 0x30) = number;
    CHECK(*at(base + 0x34) >= SIZE);
    *at(base + 0x38) = SIZE;
    *at(base + 0x80) = (u32)(u64)queue->descriptor;
    *at(base + 0x90) = (u32)(u64)&queue->available;
    *at(base + 0xa0) = (u32)(u64)&queue->used;
    *at(base + 0x44) = 1;
}

static void give(struct queue *queue, void *data, u32 length, u16 flags)
{
    const u16 slot = queue->available.index % SIZE;
    queue->descriptor[slot].address = (u64)data;
    queue->descriptor[slot].length = length;
    queue->descriptor[slot].flags = flags;
    queue->available.ring[slot] = slot;
    __asm__ volatile("fence" ::: "memory");
    queue->available.index++;
    __asm__ volatile("fence" ::: "memory");
    *at(queue->base + 0x50) = queue->number;
}

/* The device's interrupt comes, is told apart and acknowledged; how much it has written into the buffer. */
static u32 taken(struct queue *queue, u32 irq)
{
    CHECK(wait() == irq);
    CHECK(*at(queue->base + 0x60) == 1);
    *at(queue->base + 0x64) = 1;
    complete(irq);
    CHECK((u16)(queue->used.index - queue->seen) == 1);
    return queue->used.ring[queue->seen++ % SIZE].length;
}

/* --- the steps ------------------------------------------------------------------------------------------------------ */

static u64 now(void)
{
    const u32 low = *at(RTC);
    return (u64)*at(RTC + 4) << 32 | low;
}

static void clock(void)
{
    const u64 start = now(), alarm = start + 5000000;
    print("clock ");
    print_hex(start / 1000000000, 8);
    enable(RTC_IRQ);
    *at(RTC + 0x10) = 1;
    *at(RTC + 0xc) = (u32)(alarm >> 32);
    *at(RTC + 0x8) = (u32)alarm;
    CHECK(wait() == RTC_IRQ);
    *at(RTC + 0x1c) = 1;
    complete(RTC_IRQ);
    CHECK(now() >= alarm && now() < alarm + 100000);
    print(" alarm\n");
}

static void random_bytes(void)
{
    static u8 data[16];
    reset(SLOT(ENTROPY_SLOT));
    set_up(&entropy, SLOT(ENTROPY_SLOT), 0);
    *at(SLOT(ENTROPY_SLOT) + 0x70) = 15;
    enable(1 + ENTROPY_SLOT);
    give(&entropy, data, sizeof data, WRITABLE);
    CHECK(taken(&entropy, 1 + ENTROPY_SLOT) == sizeof data);
    print("entropy ");
    for (u32 i = 0; i < sizeof data; i++)
        print_hex(data[i], 2);
    print("\n");
}

static void frames(void)
{
    static u8 out[12 + 60], in[12 + 1514];
    reset(SLOT(NET_SLOT));
    set_up(&network_in, SLOT(NET_SLOT), 0);
    set_up(&network_out, SLOT(NET_SLOT), 1);
    *at(SLOT(NET_SLOT) + 0x70) = 15;
    enable(1 + NET_SLOT);
    network_out.available.flags = 1; /* no interrupt for what is sent */
    for (u32 i = 12; i < sizeof out; i++)
        out[i] = (u8)i;
    give(&network_in, in, sizeof in, WRITABLE);
    give(&network_out, out, sizeof out, 0);
    CHECK(taken(&network_in, 1 + NET_SLOT) == sizeof out);
    for (u32 i = 12; i < sizeof out; i++)
        CHECK(in[i] == (u8)i);
    print("network\n");
}

static void characters(void)
{
    static char hello[] = "virtio console\n", key;
    reset(SLOT(CONSOLE_SLOT));
    set_up(&console_in, SLOT(CONSOLE_SLOT), 0);
    set_up(&console_out, SLOT(CONSOLE_SLOT), 1);
    *at(SLOT(CONSOLE_SLOT) + 0x70) = 15;
    enable(1 + CONSOLE_SLOT);
    give(&console_out, hello, sizeof hello - 1, 0);
    CHECK(taken(&console_out, 1 + CONSOLE_SLOT) == 0);
    give(&console_in, &key, 1, WRITABLE);
    CHECK(taken(&console_in, 1 + CONSOLE_SLOT) == 1);
    print("typed ");
    put(key);
    print("\n");
}

int main(long hart)
{
    if (hart != 0)
        return 0;
    __asm__ volatile("csrs mie, %0" ::"r"(BIT_EXTERNAL)); /* wfi wakes on it; mstatus.MIE stays off */
    clock();
    random_bytes();
    frames();
    characters();
    return 0;
}
