# SPDX-License-Identifier: GPL-2.0-or-later
"""Bugs to be planted in the engine's C sources, and the tests that claim to look for each."""

from dataclasses import dataclass

COUNTS = "tests/guest/test_engine_counts.py::"
CUT_BLOCKS = "tests/guest/test_engine_cut_blocks.py::"
COHERENCE = "tests/guest/test_engine_coherence.py::"
MARKS = "tests/guest/test_engine_marks.py::"
RESERVATIONS = "tests/guest/test_engine_reservations.py::"
STRADDLING = "tests/guest/test_engine_straddling.py::"
REPLAY = "tests/guest/test_replay_by_instruction.py::"
STATE = "tests/guest/test_state_hash.py::"
FILES = "tests/guest/test_snapshot_files.py::"
TIME = "tests/guest/test_engine_time.py::"
TRANSLATION = "tests/guest/test_engine_translation.py::"
TRAPS = "tests/guest/test_engine_traps.py::"
PLIC = "tests/unit/test_devices_plic.py::"
UART = "tests/unit/test_devices_uart16550.py::"
INLINE = "tests/guest/test_engine_inline.py::"
GENERATED = "tests/guest/test_generated_code.py::"
STUB_MARKS = "tests/guest/test_engine_stub_marks.py::"
CACHES = "tests/guest/test_model_caches.py::"
FUZZ = "tests/guest/test_engine_fuzz.py"
MEMORY = "tests/guest/test_engine_memory.py::"


@dataclass(frozen=True)
class Bug:
    """`old` is in `file` exactly once and becomes `new`; then one of `tests` fails."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_CUT = COUNTS + "test_fault_in_the_middle_of_a_block_gives_back_the_rest"
_BY_ADDRESS = CUT_BLOCKS + "test_counts_add_up_around_faults_and_devices"
_STORED = COHERENCE + "test_every_hart_fetches_what_one_has_stored"
_LOST = RESERVATIONS + "test_what_loses_a_reservation"
_UNMASKED = TRAPS + "test_machine_interrupt_right_behind_what_unmasks_it"
_UNMASKED_S = TRAPS + "test_supervisor_interrupt_right_behind_what_unmasks_it"
_FOUND = "tests/guest/test_debug_searches.py::test_each_kind_by_itself"
_CATCH = "tests/guest/test_debug_catch.py::"
_OPEN_PATHS = "tests/guest/test_debug_paths.py"
_TOLD = TRAPS + "test_what_a_trap_tells"

COUNTING = (
    Bug("the last block of the address space counts for nothing", "blocks.c",
        "pc - start < size &&", "pc < start + size &&",
        (STRADDLING + "test_the_last_block_of_the_address_space",)),
    Bug("an illegal parcel has the fault of the page behind it", "hart.c",
        "(distance == PAGE_SIZE && shadow_is_empty(h, page))", "false",
        (STRADDLING + "test_an_illegal_parcel_in_front_of_a_missing_page",)),
    Bug("a cut block gives back one too many", "blocks.c",
        "h->retired -= block->instructions - executed;",
        "h->retired -= block->instructions - executed + 1;", (_CUT,)),
    Bug("a cut block gives back one too few", "blocks.c",
        "h->retired -= block->instructions - executed;",
        "h->retired -= block->instructions - executed - 1;", (_CUT,)),
    Bug("the instruction that faults counts as executed", "blocks.c",
        "while (at < pc && shadow", "while (at <= pc && shadow", (_CUT,)),
    Bug("a cut block still counts as a whole one, too", "blocks.c",
        "    block->count--;\n", "", (_BY_ADDRESS,)),
    Bug("the executed part of a cut block is forgotten", "blocks.c",
        "parcel_of(h->block_pc), 1, executed)", "parcel_of(h->block_pc), 1, 0)", (_BY_ADDRESS,)),
    Bug("by instruction: what traps counts", "blocks.c",
        "    h->retired--;\n", "", (CUT_BLOCKS + "test_by_instruction_what_traps_does_not_count",)),
    Bug("by instruction: what traps counts at its address", "blocks.c",
        "code->counts[parcel_of(pc)]--;", "code->counts[parcel_of(pc)] -= 0;",
        (CUT_BLOCKS + "test_by_instruction_what_traps_does_not_count",)),
    Bug("what is executed by the engine sees itself retired", "emulate.c",
        "    h->retired -= counted; /* not retired yet */\n", "    counted = counted && bits == 0;\n",
        (COUNTS + "test_counters_read_by_the_guest_and_by_the_host_agree",)),
    Bug("what is executed by the engine is taken back for good", "emulate.c",
        "    h->retired += counted;\n", "", (COUNTS + "test_straight_line_and_loop",)),
    Bug("a device access does not retire", "loadstore.c",
        "    h->retired += 1;\n    code->counts", "    code->counts",
        (COUNTS + "test_device_access_in_the_middle_of_a_block_retires_once",)),
    Bug("a device access does not count at its address", "loadstore.c",
        "code->counts[parcel_of(pc)] += 1;", "code->counts[parcel_of(pc)] += 0;", (_BY_ADDRESS,)),
    Bug("what straddles pages and is executed by the engine does not retire", "emulate.c",
        "        h->retired += 1;\n        code->counts", "        code->counts",
        (STRADDLING + "test_it_counts_once",)),
    Bug("what straddles pages and is executed by the engine does not count at its address", "emulate.c",
        "        code->counts[parcel_of(pc)]++;\n", "", (STRADDLING + "test_it_counts_once",)),
    Bug("a written counter goes on from one more", "csr.c",
        "h->retired + 1);\n}", "h->retired);\n}",
        (COUNTS + "test_written_counter_goes_on_from_the_value",)),
    Bug("an inhibited counter goes on from one less", "csr.c",
        "now = h->retired + 1;", "now = h->retired;",
        (COUNTS + "test_inhibited_counter_stands_still",)),
)  # fmt: skip

_SINGLE = REPLAY + "test_the_programs_do_what_they_are_for"
_PIECES = REPLAY + "test_in_pieces_watched_gone_back_in_and_loaded"
_BYTES = STATE + "test_each_byte_of_the_harts"

SAME_RUN = (
    Bug("a slice does not say that it ended in an exception", "schedule.c",
        "h->excepted_at == h->retired ? SLICE_EXCEPTED : 0)", "h->excepted_at == h->retired ? 0 : 0)",
        (_SINGLE,)),
    Bug("looking at a machine that sleeps changes it", "rounds.c",
        "                return REPLUG_STOP_IDLE; /*",
        "                return machine->rounds++, REPLUG_STOP_IDLE; /*",
        (_PIECES,)),
    Bug("an interrupt is looked for at the end of a run, too", "rounds.c",
        "!h->inside)\n            return REPLUG_STOP_LIMIT;",
        "!h->inside)\n            return trap_take_interrupt(h), REPLUG_STOP_LIMIT;",
        (REPLAY + "test_cut_where_interrupts_are_pending",)),
    Bug("f31 is not saved", "state.c", "        out->f[i] = hart_get_f(h, i);",
        "        out->f[i] = i == 31 ? 0 : hart_get_f(h, i);", (_BYTES,)),
    Bug("the reservation's value is not restored", "state.c",
        "    h->reservation.value = in->reservation_value;\n", "", (_BYTES,)),
    Bug("where a round is gets lost", "state.c", "    machine->longest = header.longest;\n", "", (_BYTES,)),
    Bug("what harts fetch behind memory's back is not restored", "state.c",
        "        shadow_set_view(machine,", "        if (page == 0) shadow_set_view(machine,",
        (FILES + "test_pieces_of_state",)),
)  # fmt: skip

TRANSLATING = (
    Bug("no TLB flush at a write of satp", "csr.c",
        "    h->csr.satp = value;\n    hart_flush_tlb(h);\n", "    h->csr.satp = value;\n",
        (TRANSLATION + "test_another_address_space_needs_no_fence",)),
    Bug("no TLB flush at sfence.vma", "emulate.c",
        "                hart_flush_tlb(h);\n", "", (TRANSLATION + "test_the_table_changes_itself",)),
    Bug("no TLB flush at a snapshot", "snapshot.c",
        "hart_flush_tlb(&machine->harts[i]);", "(void)machine->harts[i];",
        (TRANSLATION + "test_a_store_behind_a_snapshot_goes_back",)),
    Bug("no TLB flush at a write of PMP", "csr.c",
        "        }\n    }\n    hart_flush_tlb(h);\n", "        }\n    }\n",
        (TRANSLATION + "test_protection_closes_at_once",)),
    Bug("SUM goes, its TLB stays", "csr.c",
        "        hart_select_tlb(h);\n", "        (void)h;\n",
        (TRANSLATION + "test_user_pages_close_for_supervisor_mode_itself",)),
    Bug("the walk's stores are kept from snapshots", "translate.c",
        "    snapshot_keep(machine, page);\n    __builtin_memcpy", "    __builtin_memcpy",
        (TRANSLATION + "test_bits_set_by_the_walk_go_back_with_a_snapshot",)),
    Bug("a load opens a page whose D bit is clear for stores", "translate.c",
        "rights &= ~(uint32_t)ALLOW_WRITE;", "rights &= ~0u;",
        (TRANSLATION + "test_the_first_store_sets_the_dirty_bit",)),
)  # fmt: skip

CODE = (
    Bug("translations are forgotten on the first hart only", "shadow.c",
        "    for (uint32_t i = 0; i < machine->config.harts; i++) {\n        forget_translations",
        "    for (uint32_t i = 0; i < 1; i++) {\n        forget_translations", (_STORED,)),
    Bug("translations are not forgotten at all", "shadow.c",
        "        forget_translations(&machine->harts[i], code);\n", "", (_STORED,)),
    Bug("stores to code are seen once only", "shadow.c",
        "~(PAGE_CODE_DIRTY | PAGE_WRITE_MAPPED);\n    machine->dirty_count = 0;\n"
        "    for (uint32_t i = 0; i < machine->config.harts; i++)\n"
        "        hart_flush_tlb(&machine->harts[i]);\n",
        "~(PAGE_CODE_DIRTY | PAGE_WRITE_MAPPED);\n    machine->dirty_count = 0;\n",
        (COHERENCE + "test_a_store_that_changed_nothing_and_one_that_does",)),
    Bug("going back leaves the newer code", "snapshot.c",
        "                shadow_mark_dirty(machine, kept->page);\n", "                (void)kept;\n",
        (COHERENCE + "test_going_back_brings_old_code_back",)),
)  # fmt: skip

TRAPPING = (
    Bug("no interrupt is taken when it is unmasked", "emulate.c",
        "    if (ask_interrupts)\n", "    if (ask_interrupts && bits == 0)\n", (_UNMASKED,)),
    Bug("no interrupt is taken when mie enables it", "emulate.c",
        "    case 0x304: /* mie */\n", "", (_UNMASKED,)),
    Bug("no interrupt is taken when sie enables it", "emulate.c",
        "    case 0x104: /* sie */\n", "", (_UNMASKED_S,)),
    Bug("no interrupt is taken behind mret", "emulate.c",
        "        legal = trap_return(h, MODE_M);\n        *ask_interrupts = legal;\n",
        "        legal = trap_return(h, MODE_M);\n", (_UNMASKED,)),
    Bug("no interrupt is taken behind sret", "emulate.c",
        "        legal = trap_return(h, MODE_S);\n        *ask_interrupts = legal;\n",
        "        legal = trap_return(h, MODE_S);\n", (_UNMASKED_S,)),
    Bug("mepc points behind the instruction", "trap.c", "csr->mepc = pc;", "csr->mepc = pc + 4;", (_TOLD,)),
    Bug("sepc points behind the instruction", "trap.c", "csr->sepc = pc;", "csr->sepc = pc + 2;", (_TOLD,)),
    Bug("mtval is zero", "trap.c", "csr->mtval = value;", "csr->mtval = 0;", (_TOLD,)),
    Bug("stval is the pc", "trap.c", "csr->stval = value;", "csr->stval = pc;", (_TOLD,)),
    Bug("SC succeeds though its reservation is lost", "emulate.c",
        "held->physical == physical", "(held->physical == physical || held->value == found)", (_LOST,)),
    Bug("a trap leaves the reservation", "trap.c",
        "    h->reservation.physical = ~0ull; /* another context must not complete it */\n", "",
        (RESERVATIONS + "test_the_handler_has_no_reservation",)),
    Bug("an xret leaves the reservation", "trap.c",
        "    h->reservation.physical = ~0ull;\n    h->repeated_traps = 0;\n", "    h->repeated_traps = 0;\n",
        (_LOST,)),
    Bug("another hart's slice leaves the reservation", "rounds.c",
        "h->reservation.physical = ~0ull; /* another hart", "h->reservation.width += 0; /* another hart",
        (RESERVATIONS + "test_another_hart_has_run",)),
    Bug("an SC leaves the reservation", "emulate.c",
        "        h->reservation.physical = ~0ull;\n", "",
        (RESERVATIONS + "test_a_second_sc_fails", _LOST)),
)  # fmt: skip

OBSERVING = (
    Bug("time goes backwards between harts", "rounds.c",
        "    return machine->time_read;\n}", "    return now;\n}",
        (TIME + "test_time_never_goes_backwards_between_harts",)),
    Bug("time is one instruction ahead", "rounds.c",
        "(mine ? h->retired - h->slice_base : 0)", "(mine ? h->retired - h->slice_base + 1 : 0)",
        (TIME + "test_an_instruction_reads_the_time_before_it",)),
    Bug("marks are not taken back at a cut", "blocks.c",
        "    if (undo)\n        observe_cut", "    if (undo && executed > 99)\n        observe_cut",
        (MARKS + "test_what_a_fault_cuts_off_has_not_been_passed",)),
    Bug("the mark of what faults is left", "observe.c",
        ">= h->open_instret + executed)", "> h->open_instret + executed)",
        (MARKS + "test_what_a_fault_cuts_off_has_not_been_passed",)),
    Bug("one mark too many is taken back", "observe.c",
        ">= h->open_instret + executed)", ">= h->open_instret + executed - 1)",
        (MARKS + "test_what_a_fault_cuts_off_has_not_been_passed",)),
    Bug("a dropped machine leaves its code behind", "machine.c",
        "            free(code);\n", "            (void)code;\n", (MEMORY + "test_engines",)),
)  # fmt: skip

DEVICES = (
    Bug("a priority at the threshold is enough", "plic.c",
        "plic->priority[irq] > threshold", "plic->priority[irq] >= threshold",
        (PLIC + "test_priority_zero_and_threshold_mask",
         PLIC + "test_claim_takes_highest_priority_then_lowest_number")),
    Bug("a request during service is forgotten", "plic.c",
        "        put(plic->waiting, irq, true);\n", "",
        (PLIC + "test_request_during_service_comes_after_completion",)),
    Bug("the PLIC's thresholds are no state", "plic.c",
        "        plic->contexts[i].threshold = buffer[5 + PLIC_SOURCES + i];\n", "",
        (PLIC + "test_restored_controller_behaves_alike",)),
    Bug("the transmitter's interrupt stays", "uart.c",
        "        uart->transmit_request = false;\n", "",
        (UART + "test_transmit_interrupt_rises_once_and_reading_iir_clears_it",)),
    Bug("input that makes the host's queue grow is lost", "uart.c",
        "memmove(bytes->data, bytes->data + bytes->start", "memmove(bytes->data, bytes->data + bytes->end",
        (UART + "test_much_input_in_pieces_with_reads_between",)),
)  # fmt: skip

_SAME_INLINE = INLINE + "test_everything_is_the_same"

INLINING = (
    Bug("nothing counts inside the translated code", "inline.c",
        "    h->inlined++;\n", "", (INLINE + "test_it_is_done_here",)),
    Bug("a stub counts one too many", "stub.c",
        "\\x48\\x01\\xc7\\x48\\x89\\x39", "\\x48\\x8d\\x7c\\x07\\x01\\x48\\x89\\x39", (_SAME_INLINE,)),
    Bug("a stub does not look at the end of the slice", "stub.c",
        "JAE = 0x83, ", "JAE = 0x87 /* ja */, ", (_SAME_INLINE,)),
    Bug("a stub does not look whether the block is still the same", "stub.c",
        "JNE = 0x85", "JNE = 0x84 /* je */", (INLINE + "test_a_breakpoint_that_is_set_late_stops",)),
    Bug("a stub executes floating point that is off", "stub.c",
        "JE = 0x84", "JE = 0x80 /* jo */", (INLINE + "test_floating_point_is_switched_off",)),
    Bug("a stub counts its block down", "stub.c",
        "\\x48\\xff\\x06", "\\x48\\xff\\x0e", (_SAME_INLINE,)),
    Bug("a stub remembers its block in the wrong place", "stub.c",
        "\\x83\\xe0\\x7f", "\\x83\\xe0\\x3f", (_SAME_INLINE,)),
)  # fmt: skip

_SAME_PATHS = STUB_MARKS + "test_the_same_paths"

MARKING = (
    Bug("blocks with marks are no stubs", "inline.c",
        "(SIZE_FLOATING | SIZE_MARKED)) != size", "SIZE_FLOATING) != size",
        (STUB_MARKS + "test_blocks_with_marks_stay_in_the_translated_code",)),
    Bug("a stub reads the next register", "stub.c",
        "8u * (uint32_t)mark->source.base", "8u * (uint32_t)mark->source.base + 8", (_SAME_PATHS,)),
    Bug("a stub forgets what is added to a register", "stub.c",
        "/* add r10, addend */\n            number(w, (uint32_t)mark->source.addend, 4);",
        "/* add r10, addend */\n            number(w, 0, 4);", (_SAME_PATHS,)),
    Bug("a stub puts all marks of a block in one place", "stub.c",
        "const uint32_t event = count * sizeof rest;", "const uint32_t event = 0;", (_SAME_PATHS,)),
    Bug("a fault takes back more than a stub has recorded", "stub.c",
        "number(w, offsetof(hart, open_instret), 4);", "number(w, offsetof(hart, open_pc), 4);",
        (_SAME_PATHS,)),
    Bug("stubs record while times are asked for", "events.c",
        "        log->stub_room = 0;\n", "", (STUB_MARKS + "test_events_asked_for_late",)),
    Bug("a mark set late is not seen", "observe.c",
        "    forget_blocks(machine, physical);\n", "    (void)forget_blocks;\n",
        (STUB_MARKS + "test_marks_set_late_join_those_of_their_block",)),
    Bug("a mark set late leaves the stubs", "observe.c",
        "        inline_drop(&machine->harts[i]);\n", "        (void)i;\n",
        (STUB_MARKS + "test_marks_set_late_join_those_of_their_block",)),
    Bug("a mark set late loses counts", "observe.c",
        "        blocks_expand(machine, code, parcel, block->count, block->instructions);\n", "",
        (STUB_MARKS + "test_marks_set_late_join_those_of_their_block",)),
    Bug("a sum passes for a move", "capture.c",
        "return high == 0 && low != 0;", "return low != 0;",
        (STUB_MARKS + "test_compressed_constants",)),
    Bug("each call costs what the one before did", "path_table.c",
        "if (slot[0] == 0 || !same(slot, profile, words)) {", "if (slot[0] == 0) {",
        (STUB_MARKS + "test_what_each_call_costs",)),
    Bug("each call has the parameters of the one before", "path_table.c",
        "if (recent->key.words[i] != key->words[i] || recent->row == 0) {", "if (recent->row == 0) {",
        (STUB_MARKS + "test_the_values",)),
    Bug("stubs swallow the marks of generated code", "stub.c",
        "kind >= REPLUG_MARK_CODE)", "kind > REPLUG_MARK_CODE_VALUE)",
        (GENERATED + "test_by_function_and_by_line",)),
    Bug("generated code lies where it is mapped", "generated.c",
        ".physical = physical,", ".physical = value,", (GENERATED + "test_of_our_kernel",)),
    Bug("a block of floating point is 16 KiB to the caches", "caches.c",
        "block->size & SIZE_BYTES, offset", "block->size & 0x7fff, offset",
        (CACHES + "test_a_block_of_floating_point_is_as_long_as_it_is",)),
)  # fmt: skip

_EXTENSIONS = "tests/guest/test_engine_extensions.py::"
_BITMANIP = "tests/differential/test_qemu_bitmanip.py::test_bit_manipulation_as_on_qemu"
_WATCH = "tests/guest/test_engine_watch.py::"
_BOXING = "tests/differential/test_qemu_nan_boxing.py::test_strict_nan_boxing_as_on_qemu"
_PMP = "tests/differential/test_qemu_pmp.py::test_protection_as_on_qemu"

BY_THE_BOOK = (
    Bug("a rotation by nothing", "bitmanip.c",
        "amount &= width - 1;", "amount &= width;", (_BITMANIP,)),
    Bug("an emulated instruction across two pages does not count", "emulate.c",
        "    code->counts[PARCELS - 1]++;\n    h->retired += 1;\n", "    code->counts[PARCELS - 1]++;\n",
        (_EXTENSIONS + "test_they_count_once",)),
    Bug("stimecmp is open to S-mode without menvcfg.STCE", "csr.c",
        "(h->csr.menvcfg & MENVCFG_STCE)))\n        return false;", "true))\n        return false;",
        (_EXTENSIONS + "test_who_may_reach_stimecmp",)),
    Bug("a restored machine has no supervisor timer", "state.c",
        "    clint_update_supervisor_timer(h);\n", "", (_EXTENSIONS + "test_timer_survives_being_saved",)),
    Bug("a slice ends at a watched access", "loadstore.c",
        "        border_stand_behind(h, &instruction, pc);\n", "        border_stand(h, true);\n",
        (_WATCH + "test_the_run_is_the_same_with_and_without",)),
    Bug("a watched page is stored to through the TLB of a load", "translate.c",
        "return !(flags & PAGE_WATCH_STORES) && (flags", "return (flags",
        (_WATCH + "test_a_page_that_has_been_stored_to_and_is_loaded_from_first",)),
    Bug("a NaN converts to the smallest integer", "nanbox.c",
        "{0x7fffffff, ~0ull,", "{~0x7fffffffull, ~0ull,", (_BOXING,)),
    Bug("a result is not boxed", "nanbox.c",
        "hart_get_f(h, index) | 0xffffffff00000000ull", "hart_get_f(h, index)", (_BOXING,)),
    Bug("a PMP region of the TOR kind takes in its end", "translate.c",
        "word < (address & ~0x3ffull)", "word <= (address & ~0x3ffull)", (_PMP,)),
    Bug("a locked PMP entry does not bind M-mode", "translate.c",
        "(privilege == MODE_M && !(config & 0x80))", "privilege == MODE_M", (_PMP,)),
)  # fmt: skip

_BORDERS = "tests/guest/test_engine_borders.py::"
_RULE = _BORDERS + "test_borders_are_where_the_rule_says"
_LONG = _BORDERS + "test_a_long_line_ends_with_its_page"

SLICES = (
    Bug("a slice ends where a block begins", "borders.c", "(block->flags & BLOCK_INSIDE)", "block->size == 0",
        (_LONG,)),
    Bug("a page's end is no border", "borders.c",
        "pc >> PAGE_SHIFT != (pc + instruction->length) >> PAGE_SHIFT", "false", (_LONG, _RULE)),
    Bug("no border behind a branch", "borders.c", "    case KIND_BRANCH:\n", "", (_RULE,)),
    Bug("no border behind what the engine executes", "borders.c", "is_intercepted(instruction) || ", "",
        (_RULE,)),
    Bug("no border behind an access to fcsr", "borders.c",
        "    case KIND_CSR_FLOAT: return true;", "    return true;",
        (_BORDERS + "test_csrs_of_floating_point_are_a_border",)),
    Bug("no border behind an access to a device", "loadstore.c",
        "        border_stand(h, true);\n", "        border_stand(h, false);\n", (_RULE,)),
    Bug("a run with a limit ends inside a stretch", "rounds.c",
        "allowed == 0 && !h->inside)", "allowed == 0)",
        (_WATCH + "test_the_run_is_the_same_with_and_without",)),
    Bug("a stop inside a stretch makes a border", "careful.c",
        "    h->careful = false;\n    h->inside = true;\n", "    h->careful = false;\n", (_RULE,)),
    Bug("a state does not say that it is inside a stretch", "state.c", "    out->inside = h->inside;\n", "",
        (_LONG,)),
    Bug("a state that is inside a stretch is not restored so", "state.c",
        "border_stand(h, !in->inside);", "border_stand(h, true);", (_LONG,)),
    Bug("what need not be intercepted any more makes a border", "emulate.c",
        "        border_stand(h, border);\n", "        border_stand(h, true || border);\n",
        (_BORDERS + "test_floating_point_that_was_off_makes_no_border",)),
    Bug("a slice that is due takes a fetch that fails along", "hart.c",
        " || slice_is_due(h) || breakpoint", " || breakpoint",
        (_BORDERS + "test_a_slice_that_is_due_ends_in_front_of_a_fetch_that_fails",)),
    Bug("an event cuts the round in which it is made", "rounds.c",
        "machine->turn == 0 && !machine->in_slice && machine->time", "machine->time",
        (_BORDERS + "test_an_event_that_falls_into_a_round_is_due_at_its_end",)),
    Bug("a page is read when Unicorn translates ahead", "translate.c",
        "!(*flags & PAGE_CODE) && is_ahead(", "false && is_ahead(",
        (_BORDERS + "test_a_page_is_read_when_the_hart_comes_to_it",)),
    Bug("an instruction around one that is intercepted gets its stand-in", "blocks.c",
        "shadow_overlapped(h, home, &list[count], pc) != NULL)", "false)",
        (_BORDERS + "test_an_instruction_inside_another_one",)),
    Bug("the same in a page that was translated before", "shadow.c",
        "if (parcel == 0 && code->straddled) {", "if (false) {",
        (_BORDERS + "test_the_same_for_another_hart",)),
    Bug("by instruction: what Unicorn refuses counts when the run stops in front of it", "careful.c",
        "    if (h->machine->config.per_instruction)\n        return h->block_pc != pc;\n", "",
        (_BORDERS + "test_by_instruction_one_that_is_refused_counts_for_nothing",)),
    Bug("a hart that stands in front of a crossing takes the ebreak for its own", "hart.c",
        "        careful_forget(h); /* the ebreak", "        (void)h; /* the ebreak",
        (_BORDERS + "test_stopped_in_front_of_an_instruction_that_goes_over",)),
)  # fmt: skip

SEARCHING = (
    Bug("the quick search of the past misses stores", "sieve.c",
        "REPLUG_ACCESS_WRITE))\n        machine->hit_count++;", "REPLUG_ACCESS_WRITE))\n        return;",
        (_FOUND,)),
    Bug("the quick search of the past misses loads", "sieve.c",
        "REPLUG_ACCESS_READ))\n        machine->hit_count++;", "REPLUG_ACCESS_READ))\n        return value;",
        (_FOUND,)),
    Bug("the quick search of the past misses breakpoints", "sieve.c",
        "    if (breakpoint_met(h, pc, size))\n        machine->hit_count++;\n", "", (_FOUND,)),
    Bug("who waits for exceptions gets interrupts as well", "catchpoint.c",
        "cause >> 63 ? caught->interrupts : caught->exceptions", "caught->interrupts | caught->exceptions",
        (_CATCH + "test_backwards_they_are_the_same",)),
    Bug("a trap that was caught is said to be a step later", "catchpoint.c",
        ".step = machine_steps(h) - 1", ".step = machine_steps(h)",
        (_CATCH + "test_every_trap_is_met_once_and_the_run_is_the_same",)),
    Bug("a path is open before its hart has come to it", "open_paths.c",
        "event->instret >= h->retired", "event->instret > h->retired", (_OPEN_PATHS,)),
)  # fmt: skip

BUGS = (
    *SLICES,
    *BY_THE_BOOK,
    *COUNTING,
    *INLINING,
    *MARKING,
    *SAME_RUN,
    *TRANSLATING,
    *CODE,
    *TRAPPING,
    *OBSERVING,
    *DEVICES,
    *SEARCHING,
)
