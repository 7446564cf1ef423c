# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled engine as a Python object: a thin, typed shell over `replug.h`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from emulator.engine.build import bindings_of, build_engine
from emulator.engine.counting import EngineCounting
from emulator.engine.debugging import EngineDebugging
from emulator.engine.devices import EngineDevices
from emulator.engine.keeping import EngineKeeping
from emulator.engine.records import PAGE_SIZE, EngineConfig, Generated, StopReason, WatchHit, WildHart
from emulator.errors import ReplugError

PAGE_TOUCHED = 1
NO_LIMIT = (1 << 64) - 1
MAX_HARTS = 64


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


class Engine(EngineKeeping, EngineCounting, EngineDevices, EngineDebugging):
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
