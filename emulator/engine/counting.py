# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine counts: instructions, calls, named paths, events, cycles; and the code it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from struct import Struct
from typing import Any

from emulator.engine.records import (
    MAX_MODELS,
    PAGE_SIZE,
    Caches,
    CallEdge,
    Event,
    EventKind,
    Generated,
    OldPage,
    PathPart,
    PathRow,
    Pipeline,
)
from emulator.errors import ReplugError

EVENT = Struct(f"<3Q{MAX_MODELS}Q3I4x")  # replug_event


class EngineCounting:
    """The part of Engine for reports."""

    _ffi: Any
    _lib: Any
    _machine: Any
    _models: int
    _generated: tuple[bytes, list[Generated]]

    def _checked(self, hart: int) -> int:
        raise NotImplementedError

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
