/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: harts take turns in rounds of slices, and virtual time goes on by the longest slice of each round.
 *
 * When every hart waits, time jumps to the next timer or device event.  Nothing here depends on the host's clock, so
 * the same image with the same options runs the same way everywhere.
 */
#include "machine.h"

/* Below this a slice may be too short for a constrained LR/SC sequence (16 instructions), which must then be allowed
 * to span slices: SC goes by the value alone. */
enum { SHORTEST_WITH_RESERVATIONS = 32 };

#define FAR_FUTURE (1ull << 62) /* nanoseconds, 146 years: a timer beyond it never goes off */

uint64_t machine_now(const hart *h)
{
    const struct replug_machine *machine = h->machine;
    const bool mine = machine->in_slice && &machine->harts[machine->turn] == h;
    return machine->time + (mine ? h->retired - h->slice_base : 0);
}

/* Harts run their slices one after another over the same stretch of time; a hart that reads the clock must not find
 * it behind what another one has read before it, or an effect would precede its cause. */
uint64_t machine_read_time(hart *h)
{
    struct replug_machine *machine = h->machine;
    const uint64_t now = machine_now(h);
    if (now > machine->time_read)
        machine->time_read = now;
    return machine->time_read;
}

uint64_t replug_now(replug_machine *machine)
{
    if (machine->in_slice)
        return machine_now(&machine->harts[machine->turn]);
    return machine->time;
}

void replug_set_next_event(replug_machine *machine, uint64_t time) { machine->next_event = time; }

/* --- running ---------------------------------------------------------------------------------------------------------------- */

static bool begin_slice(hart *h)
{
    struct replug_machine *machine = h->machine;

    if (h->waiting) {
        if ((trap_pending(h) & h->csr.mie) == 0)
            return false;
        h->waiting = false;
        observe_sleep(h, true);
    }
    h->slice_base = h->retired;
    machine->in_slice = true;
    machine->planned = machine->config.quantum;
    machine->exception_due = false;
    schedule_follow(machine);
    if (machine->config.harts > 1 && machine->config.quantum >= SHORTEST_WITH_RESERVATIONS)
        h->reservation.physical = ~0ull; /* another hart may have stored there meanwhile */
    trap_take_interrupt(h);
    return true;
}

static void end_slice(hart *h)
{
    struct replug_machine *machine = h->machine;
    const uint64_t used = h->retired - h->slice_base;

    machine->in_slice = false;
    if (machine->recording)
        schedule_record(h, used);
    if (used > machine->longest)
        machine->longest = used;
    machine->turn++;
}

static bool slice_is_over(const hart *h)
{
    const struct replug_machine *machine = h->machine;
    return machine->in_slice && !h->inside && !machine_exception_due(h) &&
           (h->waiting || h->retired - h->slice_base >= machine->planned);
}

/* Every hart waits: the time of the next thing that can happen, or none. */
static uint64_t next_wake(const struct replug_machine *machine)
{
    uint64_t wake = machine->next_event;

    for (uint32_t i = 0; i < machine->config.harts; i++) {
        const hart *h = &machine->harts[i];
        const uint64_t timers[] = {h->csr.mie & BIT(IRQ_MTIP) ? h->timer_due : ~0ull,
                                   h->csr.mie & BIT(IRQ_STIP) ? h->supervisor_timer_due : ~0ull};
        for (int k = 0; k < 2; k++) {
            if (timers[k] <= FAR_FUTURE && timers[k] < wake)
                wake = timers[k];
        }
    }
    return wake;
}

uint64_t replug_next_wake(replug_machine *machine) { return next_wake(machine); }

void replug_set_horizon(replug_machine *machine, uint64_t time) { machine->horizon = time; }

static bool all_wait(struct replug_machine *machine)
{
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        hart *h = &machine->harts[i];
        if (!h->waiting || (trap_pending(h) & h->csr.mie) != 0)
            return false;
    }
    return true;
}

/* Returns a reason to stop, or 0. */
static int end_round(struct replug_machine *machine)
{
    machine->turn = 0;
    machine->time += machine->longest;
    if (machine->longest == 0) {
        if (all_wait(machine)) {
            const uint64_t wake = next_wake(machine);
            if (wake == ~0ull)
                return REPLUG_STOP_IDLE; /* no round: however often one looks, nothing has changed */
            if (wake > machine->time && wake > machine->horizon)
                return REPLUG_STOP_SLEEP; /* no round either */
            if (wake > machine->time)
                machine->time = wake;
        } else {
            machine->time += 1;
        }
    }
    machine->rounds++;
    machine->longest = 0;
    return machine->time >= machine->next_event ? REPLUG_STOP_EVENT : 0;
}

/*
 * The slice of this hart has ended.  Where no other hart has anything to do, the same one goes on at once: do what replug_run
 * would do, without leaving Unicorn.  False: it is replug_run's turn.
 */
bool machine_continue(hart *h)
{
    struct replug_machine *machine = h->machine;
    const uint64_t used = h->retired - h->slice_base;
    const uint64_t time = machine->time + (used > machine->longest ? used : machine->longest);

    if (used < machine->planned || h->retired >= h->run_end || time >= machine->next_event || machine->stop != 0 ||
        machine->stop_requested || h->crossing_armed)
        return false;
    for (uint32_t i = 0; i < machine->config.harts; i++) {
        hart *other = &machine->harts[i];
        if (other != h && (!other->waiting || (trap_pending_at(other, time) & other->csr.mie) != 0))
            return false;
    }
    end_slice(h);
    end_round(machine);
    machine->turn = h->id;
    if ((trap_pending(h) & h->csr.mie) != 0)
        return false; /* perhaps to be taken, which moves the pc */
    begin_slice(h);
    h->slice_end = machine->planned < h->run_end - h->retired ? h->retired + machine->planned : h->run_end;
    if (h->fast_end != 0)
        h->fast_end = hart_fast_end(h);
    return true;
}

/* How far a hart has come, in what counts for the end of the run. */
static uint64_t hart_progress(const hart *h)
{
    return h->retired + (h->machine->exact_unit == REPLUG_UNIT_STEPS ? h->trap_count : 0);
}

static uint64_t progress(const struct replug_machine *machine)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < machine->config.harts; i++)
        sum += hart_progress(&machine->harts[i]);
    return sum;
}

/* Sets h->exact_end; true: an exact run stops here, before anything else happens. */
static bool at_exact_end(struct replug_machine *machine, hart *h, uint64_t limit)
{
    if (machine->exact_unit == 0) {
        h->exact_end = ~0ull;
        return false;
    }
    const uint64_t done = progress(machine);
    uint64_t left = limit > done ? limit - done : 0;
    if (machine->exact_hart != ~0u) {
        const uint64_t own = hart_progress(&machine->harts[machine->exact_hart]);
        const uint64_t own_left = machine->exact_hart_end > own ? machine->exact_hart_end - own : 0;
        if (own_left == 0 || (machine->exact_hart == h->id && own_left < left))
            left = own_left;
    }
    h->exact_end = left < ~h->retired ? h->retired + left : ~0ull;
    return left == 0;
}

static int run(replug_machine *machine, uint64_t max_instructions)
{
    uint64_t done = progress(machine);
    const uint64_t limit = max_instructions > ~0ull - done ? ~0ull : done + max_instructions;
    const bool exact = machine->exact_unit != 0;

    if (machine->stop == REPLUG_STOP_FAILURE)
        return machine->stop;
    machine->stop = 0;
    machine->stop_requested = false;
    if (machine->turn == 0 && !machine->in_slice && machine->time >= machine->next_event)
        return REPLUG_STOP_EVENT; /* within a round it is due at the round's end, wherever the run was cut */
    for (;;) {
        if (machine->turn == machine->config.harts) {
            const int reason = end_round(machine);
            if (reason != 0)
                return reason;
        }
        hart *h = &machine->harts[machine->turn];
        if (!machine->in_slice && !begin_slice(h)) {
            machine->turn++;
            continue;
        }
        if (at_exact_end(machine, h, limit))
            return REPLUG_STOP_LIMIT;
        if (slice_is_over(h)) { /* an exact run ended here */
            if (machine->exact_alone)
                return REPLUG_STOP_LIMIT;
            end_slice(h);
            continue;
        }
        const uint64_t before = h->retired, used = before - h->slice_base;
        const uint64_t left = used < machine->planned ? machine->planned - used : 0;
        const uint64_t allowed = done < limit ? limit - done : 0;
        if (!exact && allowed == 0 && !h->inside)
            return REPLUG_STOP_LIMIT;
        h->run_end = exact ? h->exact_end : allowed < ~before ? before + allowed : ~0ull;
        hart_run_slice(h, exact || left < allowed ? left : allowed);
        done += h->retired - before;
        if (exact) { /* stop here: the end of the slice belongs to what follows */
            if (machine->stop != 0 || machine->stop_requested)
                return machine->stop != 0 ? machine->stop : REPLUG_STOP_REQUEST;
            if (at_exact_end(machine, h, limit) || (machine->exact_alone && slice_is_over(h)))
                return REPLUG_STOP_LIMIT;
        }
        if (slice_is_over(h))
            end_slice(h);
        if (machine->stop != 0)
            return machine->stop;
        if (machine->stop_requested)
            return REPLUG_STOP_REQUEST;
    }
}

int replug_run(replug_machine *machine, uint64_t max_instructions)
{
    machine->exact_unit = 0;
    machine->exact_hart = ~0u;
    machine->exact_alone = false;
    return run(machine, max_instructions);
}

/*
 * Run until exactly so many instructions (or steps, of enum replug_unit) more are done by all harts, or so many by one
 * (hart >= 0).  Nothing happens behind the last of them: no slice ends, no interrupt is taken, no event is due.  However a
 * run is cut in this way, it is the same run.  alone: also stop where the slice ends, before another hart runs.
 */
int replug_run_exact(replug_machine *machine, uint64_t count, int unit, int hart, uint64_t hart_count, int alone)
{
    int reason = REPLUG_STOP_LIMIT;

    machine->exact_unit = unit;
    machine->exact_hart = ~0u;
    machine->exact_alone = alone != 0;
    if (hart >= 0) {
        const uint64_t done = hart_progress(&machine->harts[hart]);
        machine->exact_hart = (uint32_t)hart;
        machine->exact_hart_end = hart_count > ~0ull - done ? ~0ull : done + hart_count;
    }
    if (count != 0 && (hart < 0 || hart_count != 0))
        reason = run(machine, count);
    machine->passed_hart = ~0u;
    return reason;
}

/* --- whose turn it is ------------------------------------------------------------------------------------------------- */

/* The hart that runs next, unless it waits. */
uint32_t replug_next_hart(replug_machine *machine)
{
    const hart *h = machine->turn < machine->config.harts ? &machine->harts[machine->turn] : NULL;

    return (machine->turn + (h != NULL && slice_is_over(h))) % machine->config.harts;
}

/* Does the hart whose turn it is stand where no slice may end? */
int replug_in_block(replug_machine *machine)
{
    const hart *h = machine->turn < machine->config.harts ? &machine->harts[machine->turn] : NULL;
    return h != NULL && h->inside;
}

/* Instructions until the slice of the hart whose turn it is may end. */
uint64_t replug_slice_left(replug_machine *machine)
{
    if (!machine->in_slice)
        return machine->config.quantum;
    const uint64_t used = machine->harts[machine->turn].retired - machine->harts[machine->turn].slice_base;
    return used < machine->planned ? machine->planned - used : 0;
}

/*
 * Against the schedule: the slice that runs ends here, in the middle of a block or not, and its round as well; this hart's
 * begins.  Rounds go on from there.
 */
void replug_switch_hart(replug_machine *machine, uint32_t hart)
{
    if (machine->in_slice) {
        careful_forget(&machine->harts[machine->turn]);
        border_stand(&machine->harts[machine->turn], true);
        end_slice(&machine->harts[machine->turn]);
    }
    if (machine->longest != 0)
        end_round(machine);
    machine->turn = hart;
}

void replug_request_stop(replug_machine *machine)
{
    machine->stop_requested = true;
    if (machine->turn < machine->config.harts)
        hart_attend(&machine->harts[machine->turn]);
}

/* From the middle of a block: come back in front of the next one. */
void machine_interrupt(struct replug_machine *machine)
{
    replug_request_stop(machine);
    if (machine->turn < machine->config.harts)
        machine->harts[machine->turn].ended = true;
}

uint64_t replug_total_instret(replug_machine *machine)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < machine->config.harts; i++)
        sum += machine->harts[i].retired;
    return sum;
}

uint64_t replug_rounds(replug_machine *machine) { return machine->rounds; }
