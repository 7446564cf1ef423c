# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled engine as a Python object: a thin, typed shell over `replug.h`."""

from __future__ import annotations

import importlib.util
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from struct import Struct
from typing import Any

from emulator.engine.build import bindings_of, build_engine
from emulator.engine.debugging import EngineDebugging
from emulator.engine.devices import EngineDevices
from emulator.engine.records import (
    Caches,
    CallEdge,
    EngineConfig,
    Event,
    EventKind,
    Generated,
    OldPage,
    PathPart,
    PathRow,
    Pipeline,
    StopReason,
    WatchHit,
    WildHart,
)
from emulator.errors import ReplugError

PAGE_SIZE = 4096
PAGE_TOUCHED = 1
NO_LIMIT = (1 << 64) - 1
MAX_HARTS = 64
MAX_MODELS = 6
EVENT = Struct(f"<3Q{MAX_MODELS}Q3I4x")  # replug_event


@cache
def _load() -> tuple[Any, Any]:
    """cffi's object, and the library."""
    path = build_engine()
    spec = importlib.util.spec_from_file_location("engine", bindings_of(path))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        return module.ffi, module.ffi.dlopen(str(path))
    except OSError as error:
        raise ReplugError(f"{path}: the engine cannot be loaded: {error}") from error


def unicorn_version() -> str:
    """Of the library that is loaded, such as 2.1.4."""
    ffi, library = _load()
    text: bytes = ffi.string(library.replug_unicorn_version())
    return text.decode()


ReadCallback = Callable[[int, int, int], int | None]
WriteCallback = Callable[[int, int, int, int], bool]


class Engine(EngineDevices, EngineDebugging):
    """Harts, RAM, CLINT and virtual time.

    `read(hart, address, width)` answers loads from devices (None: access fault), `write(hart, address,
    width, value)` takes stores to them (False: access fault).  An exception in either ends the run and
    comes out of `run`.
    """

    def __init__(self, config: EngineConfig, read: ReadCallback, write: WriteCallback) -> None:
        if not 1 <= config.harts <= MAX_HARTS:
            raise ReplugError(f"harts: {config.harts}: between 1 and {MAX_HARTS} are possible")
        if config.xlen not in (32, 64):
            raise ReplugError(f"xlen: {config.xlen}: 32 or 64")
        if config.ram_size <= 0 or config.ram_size % PAGE_SIZE:
            raise ReplugError(
                f"memory: {config.ram_size} bytes: a positive multiple of {PAGE_SIZE} is needed"
            )
        if config.quantum < 1:
            raise ReplugError(f"quantum: {config.quantum}: at least 1 instruction")
        if config.quantum >= 1 << 61:
            raise ReplugError(f"quantum: {config.quantum}: less than 2^61 instructions")
        if not 1 <= config.instructions_per_tick <= 1_000_000:
            raise ReplugError(f"instructions a tick: {config.instructions_per_tick}: between 1 and a million")
        if config.pmp_entries not in (0, 16, 64):
            raise ReplugError(f"PMP entries: {config.pmp_entries}: 0, 16 or 64")
        self.config = config
        self._ffi, self._lib = _load()
        self._machine: Any = self._ffi.NULL
        self._models = 0
        self._error: BaseException | None = None
        raw = self._ffi.new("replug_config *", asdict(config))
        self._generated: tuple[bytes, list[Generated]] = (b"", [])
        self._machine = self._lib.replug_create(raw)
        if self._machine == self._ffi.NULL:
            raise ReplugError("the host has no memory for another machine")
        self._raise_failure()
        ram = self._lib.replug_ram(self._machine)
        self.ram = memoryview(self._ffi.buffer(ram, config.ram_size)).cast("B")
        flags = self._lib.replug_ram_page_flags(self._machine)
        self.page_flags = memoryview(self._ffi.buffer(flags, config.ram_size // PAGE_SIZE)).cast("B")
        self._callbacks = (self._read_callback(read), self._write_callback(write))
        self._lib.replug_set_mmio(self._machine, *self._callbacks)

    # Loads and stores to devices are many: no `try` here, what is raised goes to `_callback_error`.

    def _read_callback(self, read: ReadCallback) -> Any:
        machine, access_fault = self._machine, self._lib.replug_mmio_fault

        def callback(hart: int, address: int, width: int) -> int:
            value = read(hart, address, width)
            if value is None:
                access_fault(machine)
                return 0
            return value & 0xFFFF_FFFF_FFFF_FFFF

        return self._ffi.callback("replug_mmio_read", callback, error=0, onerror=self._callback_error)

    def _write_callback(self, write: WriteCallback) -> Any:
        machine, access_fault = self._machine, self._lib.replug_mmio_fault

        def callback(hart: int, address: int, width: int, value: int) -> None:
            if not write(hart, address, width, value):
                access_fault(machine)

        return self._ffi.callback("replug_mmio_write", callback, onerror=self._callback_error)

    def _callback_error(self, _kind: object, error: BaseException, _trace: object) -> None:
        """What a device raises must not cross the C frames: kept, and raised by run()."""
        self._error = error
        self._lib.replug_request_stop(self._machine)

    def close(self) -> None:
        """Give everything back to the host.  The engine cannot be used afterwards."""
        if self._machine != self._ffi.NULL:
            self.ram.release()
            self.page_flags.release()
            self._lib.replug_destroy(self._machine)
            self._machine = self._ffi.NULL

    def __del__(self) -> None:
        if getattr(self, "_machine", None) is not None and hasattr(self, "_callbacks"):
            self.close()

    def _raise_failure(self) -> None:
        failure = self._lib.replug_failure(self._machine)
        if failure != self._ffi.NULL:
            text: bytes = self._ffi.string(failure)
            raise ReplugError(f"the engine gave up: {text.decode(errors='replace')}")

    # --- running ---

    def run(self, max_instructions: int = NO_LIMIT) -> StopReason:
        """Run until something happens; at most so many instructions, over all harts, to the next block
        border.
        """
        return self._came_back(self._lib.replug_run(self._machine, min(max_instructions, NO_LIMIT)))

    def _came_back(self, code: int) -> StopReason:
        reason = StopReason(code)
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if reason is StopReason.FAILURE:
            self._raise_failure()
        return reason

    def request_stop(self) -> None:
        """From a device callback: come back to Python after this instruction."""
        self._lib.replug_request_stop(self._machine)

    @property
    def now(self) -> int:
        """Virtual time in nanoseconds."""
        return int(self._lib.replug_now(self._machine))

    @property
    def rounds(self) -> int:
        return int(self._lib.replug_rounds(self._machine))

    @property
    def inlined(self) -> int:
        """Translated blocks that count on their own, without a call; 0 where the host does not allow it."""
        return int(self._lib.replug_inlined(self._machine))

    @property
    def total_instret(self) -> int:
        return int(self._lib.replug_total_instret(self._machine))

    def set_next_event(self, time: int | None) -> None:
        """When virtual time gets there, `run` returns StopReason.EVENT.  None: never."""
        self._lib.replug_set_next_event(self._machine, NO_LIMIT if time is None else time)

    def set_horizon(self, time: int | None) -> None:
        """While every hart waits, `run` returns StopReason.SLEEP before virtual time would jump beyond this.

        The run stays the same, wherever it is stopped so.  None: never.
        """
        self._lib.replug_set_horizon(self._machine, NO_LIMIT if time is None else time)

    @property
    def next_wake(self) -> int | None:
        """Virtual time of the next timer or device event that can wake a hart, None: there is none."""
        time = int(self._lib.replug_next_wake(self._machine))
        return None if time == NO_LIMIT else time

    @property
    def wild(self) -> WildHart:
        """After StopReason.WILD."""
        return WildHart(
            int(self._lib.replug_wild_hart(self._machine)),
            int(self._lib.replug_wild_cause(self._machine)),
            int(self._lib.replug_wild_value(self._machine)),
            int(self._lib.replug_wild_pc(self._machine)),
        )

    # --- watched memory ---

    def watch(self, physical: int, length: int, *, loads: bool = False, stores: bool = True) -> int:
        """End `run` with StopReason.WATCH right behind each access of a hart that touches these bytes of RAM.

        Returns a number for `unwatch`. The run stays the same, instruction by instruction; accesses to the
        watched area's pages get slower. Not watched: instruction fetch, page-table walks, devices, the host.
        Watches are no part of the state. Raises ReplugError when not all of it is RAM.
        """
        kinds = loads | stores << 1
        number = int(self._lib.replug_watch(self._machine, physical & NO_LIMIT, length, kinds))
        if number < 0:
            raise ReplugError(f"{physical:#x}: {length} bytes from there cannot be watched: not all RAM")
        return number

    def unwatch(self, number: int) -> None:
        if self._lib.replug_unwatch(self._machine, number) != 0:
            raise ReplugError(f"watch {number}: there is none")

    @property
    def watch_hit(self) -> WatchHit:
        """After StopReason.WATCH: the access; the first one where an instruction makes several."""
        hit = self._ffi.new("replug_watch_hit *")
        self._lib.replug_get_watch_hit(self._machine, hit)
        store = bool(hit.kind & 2)
        return WatchHit(hit.hart, hit.pc, hit.physical, hit.width, store, hit.before, hit.value)

    # --- memory ---

    def ram_write(self, address: int, data: bytes, device: int = 0) -> bool:
        """Write guest physical memory from outside.  False when not all of it is RAM.

        device: its number, from 1 on, for watchpoints; 0: the loader or a debugger, which meet none.
        """
        return bool(self._lib.replug_ram_write(self._machine, address, data, len(data), device) == 0)

    def translate(self, hart: int, address: int) -> int | None:
        """The physical address of a virtual one, as the hart sees it now; None where nothing is mapped."""
        physical = self._ffi.new("uint64_t *")
        cause = self._lib.replug_translate_debug(self._machine, self._checked(hart), address, physical)
        return int(physical[0]) if cause == 64 else None

    # --- registers ---

    def _checked(self, hart: int) -> int:
        if not 0 <= hart < self.config.harts:
            raise ReplugError(f"hart {hart}: the machine has harts 0 to {self.config.harts - 1}")
        return hart

    def get_x(self, hart: int, index: int) -> int:
        return int(self._lib.replug_get_x(self._machine, self._checked(hart), index & 31))

    def set_x(self, hart: int, index: int, value: int) -> None:
        self._lib.replug_set_x(self._machine, self._checked(hart), index & 31, value & NO_LIMIT)

    def get_f(self, hart: int, index: int) -> int:
        return int(self._lib.replug_get_f(self._machine, self._checked(hart), index & 31))

    def set_f(self, hart: int, index: int, value: int) -> None:
        self._lib.replug_set_f(self._machine, self._checked(hart), index & 31, value & NO_LIMIT)

    def get_pc(self, hart: int) -> int:
        return int(self._lib.replug_get_pc(self._machine, self._checked(hart)))

    def set_pc(self, hart: int, value: int) -> None:
        self._lib.replug_set_pc(self._machine, self._checked(hart), value & NO_LIMIT)

    def get_registers(self, hart: int) -> list[int]:
        """x0 to x31, pc, f0 to f31, at once."""
        values = self._ffi.new("uint64_t[65]")
        self._lib.replug_get_registers(self._machine, self._checked(hart), values)
        return list(self._ffi.unpack(values, 65))

    def get_privilege(self, hart: int) -> int:
        """0 user, 1 supervisor, 3 machine."""
        return int(self._lib.replug_get_privilege(self._machine, self._checked(hart)))

    def set_privilege(self, hart: int, privilege: int) -> None:
        self._lib.replug_set_privilege(self._machine, self._checked(hart), privilege)

    def get_csr(self, hart: int, number: int) -> int | None:
        """None where there is no such CSR."""
        value = self._ffi.new("uint64_t *")
        if self._lib.replug_get_csr(self._machine, self._checked(hart), number & 0xFFF, value) != 0:
            return None
        return int(value[0])

    def set_csr(self, hart: int, number: int, value: int) -> bool:
        done = self._lib.replug_set_csr(self._machine, self._checked(hart), number & 0xFFF, value & NO_LIMIT)
        return bool(done == 0)

    def instret(self, hart: int) -> int:
        """Instructions this hart has retired since the machine was made."""
        return int(self._lib.replug_get_instret(self._machine, self._checked(hart)))

    def traps(self, hart: int) -> int:
        return int(self._lib.replug_get_traps(self._machine, self._checked(hart)))

    def is_waiting(self, hart: int) -> bool:
        return bool(self._lib.replug_is_waiting(self._machine, self._checked(hart)))

    def set_line(self, hart: int, cause: int, level: bool) -> None:
        """Interrupt wires into a hart: cause 9 (supervisor external) or 11 (machine external)."""
        self._lib.replug_set_line(self._machine, self._checked(hart), cause, int(level))

    def recent_blocks(self, hart: int) -> list[int]:
        """Start addresses of the last blocks this hart ran, oldest first."""
        starts = self._ffi.new("uint64_t[64]")
        count = self._lib.replug_recent_blocks(self._machine, self._checked(hart), starts, 64)
        return [int(starts[i]) for i in range(count)]

    # --- state ---

    def save(self, with_code: bool = True) -> bytes:
        """Harts, CLINT and schedule; RAM and devices are the machine's business.

        with_code: also what harts fetch, where it may differ from RAM; `snapshot` keeps that by itself.
        """
        size = self._lib.replug_state_size(self._machine, int(with_code))
        buffer = self._ffi.new("uint8_t[]", size)
        self._lib.replug_state_save(self._machine, buffer, int(with_code))
        return bytes(self._ffi.buffer(buffer, size))

    def restore(self, state: bytes, after_rollback: bool = False) -> None:
        """After RAM has been restored, by `rollback` or otherwise.

        Raises ReplugError when the state is of another machine.
        """
        if self._lib.replug_state_restore(self._machine, state, len(state), int(not after_rollback)) != 0:
            raise ReplugError("state: it is of a machine with other options, or of another version")

    def snapshot(self) -> int:
        """Remember RAM as it is now; the number of the snapshot.  Costs the pages that change afterwards."""
        return int(self._lib.replug_snapshot(self._machine))

    def rollback(self, snapshot: int) -> None:
        """RAM as it was at a snapshot; newer snapshots are gone.  `restore` has to follow for the harts."""
        if self._lib.replug_rollback(self._machine, snapshot) != 0:
            raise ReplugError(f"snapshot {snapshot}: is not there (any more)")

    def drop_snapshots(self) -> None:
        self._lib.replug_drop_snapshots(self._machine)

    def snapshot_pages(self, snapshot: int) -> int:
        """Pages that have changed between this snapshot and the next one, or now."""
        return int(self._lib.replug_snapshot_pages(self._machine, snapshot))

    @property
    def snapshot_bytes(self) -> int:
        """Host memory that all snapshots take."""
        return int(self._lib.replug_snapshot_bytes(self._machine))

    def limit_snapshot(self, pages: int) -> None:
        """A run comes back (StopReason.REQUEST) soon after so many pages have changed since the newest
        snapshot; 0: never.
        """
        self._lib.replug_limit_snapshot(self._machine, pages)

    # --- schedule ---

    def record_schedule(self, on: bool = True) -> None:
        """Keep the length of every slice from now on."""
        self._lib.replug_record_schedule(self._machine, int(on))

    def schedule(self) -> array[int]:
        """The recorded lengths of slices, in instructions, in the order in which they ran.

        Bit 31: the slice ended in an exception behind them.
        """
        lengths = self._ffi.new("uint32_t **")
        count = int(self._lib.replug_schedule(self._machine, lengths))
        result = array("I")
        if count:
            result.frombytes(self._ffi.buffer(lengths[0], 4 * count)[:])
        return result

    def follow_schedule(self, lengths: array[int]) -> None:
        """The coming slices have these lengths instead of the quantum's."""
        raw = self._ffi.from_buffer("uint32_t[]", lengths) if lengths else self._ffi.NULL
        if self._lib.replug_follow_schedule(self._machine, raw, len(lengths)) != 0:
            raise ReplugError("schedule: the host has no memory for it")

    # --- observers ---

    def mark(self, physical: int, kind: int, name: int, detail: int = 0, capture_register: int = 0) -> int:
        """Watch the instruction at this physical address for a named path (see paths.c); the mark's number.

        `name` and `detail` are numbers of the caller's choice, above 0; a detail with bit 31 set is appended.
        """
        mark = int(self._lib.replug_mark(self._machine, physical, kind, name, detail, capture_register))
        if mark < 0:
            raise ReplugError(f"mark at {physical:#x}: not an address in RAM, or no such kind or register")
        return mark

    def path_rows(self) -> list[PathRow]:
        """What the named paths have cost so far."""
        raw_rows = self._ffi.new("replug_path_row **")
        rows = int(self._lib.replug_path_rows(self._machine, raw_rows))
        quantities = 1 + self._models
        figures: list[list[dict[int, int]]] = [[{} for _ in range(3 * quantities)] for _ in range(rows)]
        for row, count, values in self._profiles():
            for histogram, value in zip(figures[row], values, strict=True):
                histogram[value] = histogram.get(value, 0) + count
        result = []
        for i in range(rows):
            row = raw_rows[0][i]
            parameters = {int(row.parameter[k]): int(row.value[k]) for k in range(2) if row.parameter[k]}
            variants = tuple(int(row.variant[k]) for k in range(4) if row.variant[k])
            total, own, interrupts = (
                PathPart(figures[i][at], tuple(figures[i][at + 1 : at + quantities]))
                for at in range(0, 3 * quantities, quantities)
            )
            sample = (int(row.sample_hart), int(row.sample_begin), int(row.sample_end))
            result.append(
                PathRow(
                    int(row.name),
                    int(row.step),
                    variants,
                    parameters,
                    int(row.calls),
                    total,
                    own,
                    interrupts,
                    sample if sample[2] > sample[1] else None,
                )
            )
        return result

    def _profiles(self) -> Iterator[tuple[int, int, list[int]]]:
        """(row, how often, figures) of every combination of figures."""
        raw = self._ffi.new("uint64_t **")
        each = self._ffi.new("uint32_t *")
        slots = int(self._lib.replug_path_profiles(self._machine, raw, each))
        if slots == 0:
            return
        words = memoryview(self._ffi.buffer(raw[0], 8 * slots * each[0])).cast("Q")
        for start in range(0, len(words), int(each[0])):
            if words[start]:
                count, row, *values = words[start : start + each[0]].tolist()
                yield row, count, values

    def keep_events(self, keep: bool = True) -> None:
        """Keep every event for `drain_events`, as a timeline wants; otherwise only the sums of paths are
        kept.
        """
        self._lib.replug_keep_events(self._machine, int(keep))

    def set_pipeline(self, pipeline: Pipeline, caches: Caches | None = None) -> int:
        """Count cycles under one more model; its number, from 0.  Before the first run."""
        table = {"table": list(pipeline.table) + [0] * (32 - len(pipeline.table))}
        raw = self._ffi.new("replug_pipeline *", asdict(pipeline) | table)
        number = int(self._lib.replug_add_model(self._machine, raw))
        if number < 0:
            raise ReplugError(f"models: at most {MAX_MODELS} in one run, and none once it has begun")
        self._models = number + 1
        if caches is not None:
            raw_caches = self._ffi.new("replug_caches *", asdict(caches))
            if self._lib.replug_set_caches(self._machine, number, raw_caches) != 0:
                raise ReplugError(
                    "caches: line and sets are powers of two, a line 4 to 4096 bytes, and ways at least 1"
                )
        return number

    def cycles(self, hart: int, model: int = 0) -> int:
        """Of a hart so far, under the model of that number."""
        if not 0 <= model < self._models:
            raise ReplugError(f"model {model}: the machine has {self._models}")
        return int(self._lib.replug_get_cycles(self._machine, self._checked(hart), model))

    def take_events(self) -> bytes:
        """What drain_events would give, as `decode_events` reads it: cheap, however many there are."""
        count = self._lib.replug_event_count(self._machine)
        raw = bytes(self._ffi.buffer(self._lib.replug_events(self._machine), count * EVENT.size))
        self._lib.replug_drain_events(self._machine)
        return raw

    def decode_events(self, raw: bytes) -> Iterator[Event]:
        """The events of take_events."""
        kinds = list(EventKind)
        for instret, time, value, *cycles, kind, mark, hart in EVENT.iter_unpack(raw):
            yield Event(kinds[kind], mark, hart, instret, tuple(cycles[: self._models]), time, value)

    def path_calls(self, name: int, variant: int = 0) -> int:
        """How many calls of a path have ended so far, or of one variant of it: numbers as for `mark`."""
        raw = self._ffi.new("replug_path_row **")
        rows = int(self._lib.replug_path_rows(self._machine, raw))
        return sum(
            int(raw[0][i].calls)
            for i in range(rows)
            if raw[0][i].name == name and raw[0][i].step == 0 and variant in (0, raw[0][i].variant[0])
        )

    def drain_events(self) -> list[Event]:
        """The events since the last call, in the order in which the harts ran."""
        return list(self.decode_events(self.take_events()))

    def generated(self) -> list[Generated]:
        """What the guest says it has generated, in that order; nothing of a future that was left.

        The same list as the last time, if nothing has changed: asking often costs little.
        """
        raw = self._ffi.new("replug_generated **")
        count = int(self._lib.replug_generated_code(self._machine, raw))
        content = (
            bytes(self._ffi.buffer(raw[0], count * self._ffi.sizeof("replug_generated"))) if count else b""
        )
        if content == self._generated[0]:
            return self._generated[1]
        found = [
            Generated(
                int(each.step),
                int(each.physical),
                int(each.address),
                int(each.mark),
                {int(each.value_marks[k]): int(each.values[k]) for k in range(each.value_count)},
            )
            for each in (raw[0][i] for i in range(count))
        ]
        self._generated = content, found
        return found

    def old_pages(self) -> list[OldPage]:
        """Pages of code as they were before they were changed, with what had run there."""
        raw = self._ffi.new("replug_old_page ***")
        count = int(self._lib.replug_old_pages(self._machine, raw))
        result = []
        for i in range(count):
            page = raw[0][i]
            counts = memoryview(self._ffi.buffer(page.counts)).cast("B").cast("Q")
            executed = {2 * parcel: number for parcel, number in enumerate(counts) if number}
            result.append(OldPage(int(page.physical), bytes(self._ffi.buffer(page.content)), executed))
        return result

    def code_content(self, page_address: int) -> bytes | None:
        """What harts fetch from a page; None where nothing was ever fetched."""
        content = self._ffi.new("uint8_t[]", PAGE_SIZE)
        if self._lib.replug_code_content(self._machine, page_address, content) != 0:
            return None
        return bytes(self._ffi.buffer(content))

    def watch_calls(self) -> None:
        """Watch who calls whom.  Before the first run."""
        if self._lib.replug_watch_calls(self._machine) != 0:
            raise ReplugError("calls: they can be watched from the beginning of a run only")

    def call_edges(self) -> list[CallEdge]:
        """The calls so far; those that have not returned end now."""
        raw = self._ffi.new("replug_call_edge **")
        slots = int(self._lib.replug_call_edges(self._machine, raw))
        edges = (raw[0][i] for i in range(slots))
        return sorted(
            CallEdge(int(e.site), int(e.callee), int(e.calls), int(e.instructions)) for e in edges if e.calls
        )

    def counts(self, page_address: int) -> dict[int, int]:
        """Executions of each instruction in a page of RAM: physical address -> times retired."""
        counts = self._ffi.new("uint64_t[2048]")
        if self._lib.replug_counts(self._machine, page_address, counts) == 0:
            return {}
        return {page_address + 2 * i: int(counts[i]) for i in range(2048) if counts[i]}
