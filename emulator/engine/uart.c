/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 16550 UART: the machine's console.
 *
 * The line has no speed: what is written to THR is out at once, and a character that waits on the host's side is in the
 * receiver at once when there is room.  So the transmitter is always empty, the receiver never overruns from outside, and
 * the character time-out comes as soon as the FIFO holds something.  The host's queue is unbounded; the receiver FIFO is its
 * first 16 characters (one when FIFOs are off).  A reset of the receiver FIFO leaves those characters on the line, because
 * drivers reset the FIFO as they start, and input that was piped in before would lose its beginning.  The modem lines are up
 * and never change.
 *
 * Each of the eight registers is a byte; a wider aligned access reaches the one at its address.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { UART_BASE = 0x10000000, UART_SIZE = 0x100, UART_IRQ = 10, STATE_VERSION = 1 };

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH, REGISTERS };
enum { LCR_DIVISOR_LATCH = 0x80, MCR_LOOPBACK = 0x10, MCR_MASK = 0x1f };
enum { FCR_ENABLE = 0x01, FCR_RECEIVER_RESET = 0x02, FCR_KEPT = 0xc9 };
enum { IER_RECEIVE = 0x01, IER_TRANSMIT = 0x02, IER_LINE_STATUS = 0x04, IER_MASK = 0x0f };
enum {
    IIR_NONE = 0x01,
    IIR_TRANSMIT = 0x02,
    IIR_RECEIVE = 0x04,
    IIR_LINE_STATUS = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0
};
enum { LSR_DATA_READY = 0x01, LSR_OVERRUN = 0x02, LSR_TRANSMITTER_EMPTY = 0x60 };
enum { MSR_LINES_UP = 0xb0 }; /* DCD, DSR, CTS */

void uart_destroy(struct replug_machine *machine)
{
    free(machine->uart.line.data);
    free(machine->uart.output.data);
}

bool uart_contains(uint64_t address) { return address - UART_BASE < UART_SIZE; }

static void append(struct uart_bytes *bytes, const uint8_t *data, uint64_t length)
{
    if (length == 0)
        return;
    if (bytes->start == bytes->end)
        bytes->start = bytes->end = 0;
    if (length > bytes->capacity - bytes->end && bytes->start != 0) {
        memmove(bytes->data, bytes->data + bytes->start, bytes->end - bytes->start);
        bytes->end -= bytes->start;
        bytes->start = 0;
    }
    if (length > bytes->capacity - bytes->end) {
        bytes->capacity = 2 * (bytes->end + length);
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (bytes->data == NULL)
            abort(); /* the host is out of memory */
    }
    memcpy(bytes->data + bytes->end, data, length);
    bytes->end += length;
}

static uint64_t held(const struct uart_bytes *bytes) { return bytes->end - bytes->start; }

/* Characters that the guest could read, were the FIFO unbounded. */
static uint64_t waiting(const struct uart *uart)
{
    return uart->looped_count + (uart->mcr & MCR_LOOPBACK ? 0 : held(&uart->line));
}

/* The interrupt identification, the FIFO bits aside. */
static uint8_t cause(const struct uart *uart)
{
    static const uint8_t triggers[] = {1, 4, 8, 14};

    if ((uart->ier & IER_LINE_STATUS) && uart->overrun)
        return IIR_LINE_STATUS;
    if ((uart->ier & IER_RECEIVE) && waiting(uart) != 0)
        return (uart->fcr & FCR_ENABLE) && waiting(uart) < triggers[uart->fcr >> 6] ? IIR_TIMEOUT : IIR_RECEIVE;
    return uart->transmit_request ? IIR_TRANSMIT : IIR_NONE;
}

/* Drive the interrupt line; also while it is high already (a new request, see plic.c). */
static void update(struct replug_machine *machine)
{
    struct uart *uart = &machine->uart;
    const bool level = uart->ier != 0 && cause(uart) != IIR_NONE;

    if (level || uart->level) {
        uart->level = level;
        plic_set_level(machine, UART_IRQ, level);
    }
}

static uint8_t receive_one(struct replug_machine *machine)
{
    struct uart *uart = &machine->uart;
    uint8_t character;

    if (uart->looped_count != 0) {
        character = uart->looped[0];
        memmove(uart->looped, uart->looped + 1, --uart->looped_count);
    } else if (held(&uart->line) != 0 && !(uart->mcr & MCR_LOOPBACK)) {
        character = uart->line.data[uart->line.start++];
    } else {
        return 0;
    }
    update(machine);
    return character;
}

static uint8_t line_status(struct replug_machine *machine)
{
    struct uart *uart = &machine->uart;
    uint8_t value = LSR_TRANSMITTER_EMPTY | (waiting(uart) != 0 ? LSR_DATA_READY : 0);

    if (uart->overrun) {
        value |= LSR_OVERRUN;
        uart->overrun = false;
        update(machine);
    }
    return value;
}

static uint8_t identify(struct replug_machine *machine)
{
    struct uart *uart = &machine->uart;
    const uint8_t found = cause(uart);

    if (found == IIR_TRANSMIT) {
        uart->transmit_request = false;
        update(machine);
    }
    return uart->fcr & FCR_ENABLE ? found | IIR_FIFO : found;
}

static uint8_t modem_status(const struct uart *uart)
{
    const uint32_t mcr = uart->mcr;
    if (!(mcr & MCR_LOOPBACK))
        return MSR_LINES_UP;
    /* DTR, RTS, OUT1 and OUT2 come back as DSR, CTS, RI and DCD. */
    return (uint8_t)((mcr & 0x0c) << 4 | (mcr & 0x02) << 3 | (mcr & 0x01) << 5);
}

uint64_t uart_read(struct replug_machine *machine, uint64_t address, uint32_t width, int *fault)
{
    const struct uart *uart = &machine->uart;
    const uint64_t offset = address - UART_BASE;
    const bool divisor = uart->lcr & LCR_DIVISOR_LATCH;

    if (offset >= REGISTERS || offset % width != 0) {
        *fault = 1;
        return 0;
    }
    switch (offset) {
    case DATA: return divisor ? uart->divisor & 0xff : receive_one(machine);
    case IER: return divisor ? uart->divisor >> 8 : uart->ier;
    case IIR_FCR: return identify(machine);
    case LCR: return uart->lcr;
    case MCR: return uart->mcr;
    case LSR: return line_status(machine);
    case MSR: return modem_status(uart);
    default: return uart->scratch;
    }
}

static void send(struct replug_machine *machine, uint8_t value)
{
    struct uart *uart = &machine->uart;

    if (!(uart->mcr & MCR_LOOPBACK))
        append(&uart->output, &value, 1);
    else if (uart->looped_count < (uart->fcr & FCR_ENABLE ? UART_FIFO : 1))
        uart->looped[uart->looped_count++] = value;
    else
        uart->overrun = true;
    uart->transmit_request = (uart->ier & IER_TRANSMIT) != 0;
    update(machine);
}

void uart_write(struct replug_machine *machine, uint64_t address, uint32_t width, uint64_t wide, int *fault)
{
    struct uart *uart = &machine->uart;
    const uint64_t offset = address - UART_BASE;
    const bool divisor = uart->lcr & LCR_DIVISOR_LATCH;
    const uint8_t value = (uint8_t)wide;

    if (offset >= REGISTERS || offset % width != 0) {
        *fault = 1;
        return;
    }
    switch (offset) {
    case DATA:
        if (divisor)
            uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
        else
            send(machine, value);
        break;
    case IER:
        if (divisor) {
            uart->divisor = (uint16_t)((uart->divisor & 0x00ff) | value << 8);
            break;
        }
        if ((value ^ uart->ier) & IER_TRANSMIT)
            uart->transmit_request = (value & IER_TRANSMIT) != 0;
        uart->ier = value & IER_MASK;
        update(machine);
        break;
    case IIR_FCR:
        if ((value & FCR_RECEIVER_RESET) || ((value ^ uart->fcr) & FCR_ENABLE))
            uart->looped_count = 0;
        uart->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0; /* the other bits count only together with this one */
        update(machine);
        break;
    case LCR: uart->lcr = value; break;
    case MCR:
        uart->mcr = value & MCR_MASK;
        update(machine);
        break;
    case SCRATCH: uart->scratch = value; break;
    default: break; /* LSR and MSR are read-only */
    }
}

/* --- the host's side ----------------------------------------------------------------------------------------------------- */

/* Characters arrive; any number at any time, none is lost. */
void replug_console_type(replug_machine *machine, const uint8_t *data, uint64_t length)
{
    append(&machine->uart.line, data, length);
    if (length != 0)
        update(machine);
}

/* How many characters from the host the guest has not read yet. */
uint64_t replug_console_unread(replug_machine *machine) { return held(&machine->uart.line); }

/* The next of them, taken from the line in the guest's stead (HTIF's console); -1: there is none. */
int replug_console_take(replug_machine *machine)
{
    struct uart_bytes *line = &machine->uart.line;
    if (held(line) == 0)
        return -1;
    const uint8_t character = line->data[line->start++];
    update(machine);
    return character;
}

/* Does a character that arrives make an interrupt, so that it may wake a hart? */
int replug_console_listens(replug_machine *machine) { return (machine->uart.ier & IER_RECEIVE) != 0; }

/* What the guest has sent since the last drain: so many bytes. */
uint64_t replug_console_output(replug_machine *machine, const uint8_t **data)
{
    *data = machine->uart.output.data + machine->uart.output.start;
    return held(&machine->uart.output);
}

void replug_console_drain(replug_machine *machine) { machine->uart.output.start = machine->uart.output.end = 0; }

/* --- state: the registers, then with their lengths the characters in the loop and those from the host ------------------ */

enum { FIXED = 10 };

static uint8_t *put_bytes(uint8_t *at, const uint8_t *data, uint64_t length)
{
    memcpy(at, &length, sizeof length);
    if (length != 0)
        memcpy(at + sizeof length, data, length);
    return at + sizeof length + length;
}

/* Returns the size; with a buffer, fills it. */
uint64_t replug_uart_save(replug_machine *machine, uint8_t *buffer)
{
    const struct uart *uart = &machine->uart;

    if (buffer != NULL) {
        const uint8_t fixed[FIXED] = {STATE_VERSION, uart->ier, uart->fcr, uart->lcr, uart->mcr, uart->scratch,
                                      uart->divisor & 0xff, uart->divisor >> 8, uart->overrun, uart->transmit_request};
        memcpy(buffer, fixed, sizeof fixed);
        buffer[FIXED] = uart->level;
        put_bytes(put_bytes(buffer + FIXED + 1, uart->looped, uart->looped_count), uart->line.data + uart->line.start,
                  held(&uart->line));
    }
    return FIXED + 1 + 2 * sizeof(uint64_t) + uart->looped_count + held(&uart->line);
}

/* The interrupt wire stays as it is: it is part of the PLIC's state.  -1: the bytes are of another version, or damaged. */
int replug_uart_restore(replug_machine *machine, const uint8_t *buffer, uint64_t length)
{
    struct uart *uart = &machine->uart;
    const uint64_t word = sizeof(uint64_t);
    uint64_t looped, line;

    if (length < FIXED + 1 + 2 * word || buffer[0] != STATE_VERSION || buffer[1] > IER_MASK || buffer[4] > MCR_MASK ||
        buffer[8] > 1 || buffer[9] > 1 || buffer[10] > 1)
        return -1;
    memcpy(&looped, buffer + FIXED + 1, word);
    if (looped > UART_FIFO || length < FIXED + 1 + 2 * word + looped)
        return -1;
    memcpy(&line, buffer + FIXED + 1 + word + looped, word);
    if (line != length - (FIXED + 1 + 2 * word + looped))
        return -1;
    uart->ier = buffer[1];
    uart->fcr = buffer[2];
    uart->lcr = buffer[3];
    uart->mcr = buffer[4];
    uart->scratch = buffer[5];
    uart->divisor = (uint16_t)(buffer[6] | buffer[7] << 8);
    uart->overrun = buffer[8];
    uart->transmit_request = buffer[9];
    uart->level = buffer[10];
    uart->looped_count = (uint32_t)looped;
    memcpy(uart->looped, buffer + FIXED + 1 + word, looped);
    uart->line.start = uart->line.end = 0;
    append(&uart->line, buffer + length - line, line);
    return 0;
}
