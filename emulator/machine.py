# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine: harts, RAM and devices put together, an image loaded, and the run driven to its end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from emulator.bus import Bus
from emulator.devices import virt_map
from emulator.devices.device import Device
from emulator.devices.disk import Disk
from emulator.devices.empty_window import empty_windows
from emulator.devices.finisher import Finisher
from emulator.devices.goldfish_rtc import GoldfishRtc
from emulator.devices.htif import Htif, symbol_in_ram
from emulator.devices.plic import Plic
from emulator.devices.uart16550 import Uart16550
from emulator.engine import (
    EXTENSIONS,
    NO_LIMIT,
    PAGE_SIZE,
    PAGE_TOUCHED,
    Engine,
    EngineConfig,
    StopReason,
    WildHart,
)
from emulator.errors import ReplugError
from emulator.loader.boot import Start, open_bootable, prepare
from emulator.options import MachineOptions
from emulator.snapshot import SavedMachine, save_machine
from emulator.token import CONSOLE, NETWORK, Edit, External, Switch, Typed
from emulator.virtio_slots import VirtioSlots
from toolchain.image import Image

A0, A1, A2 = 10, 11, 12
SLICE_OF_RUN = 50_000_000  # instructions between two looks at the outside world


@dataclass(frozen=True)
class Snapshot:
    """A machine at some moment, for `Machine.restore` of the same machine (for files: `Machine.save`)."""

    number: int
    harts: bytes
    devices: dict[str, bytes]
    events: bytes
    inputs: int


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    reason: "exit" (the guest said so), "limit" (max_instructions), "idle" (all harts wait and nothing will
    wake one), "wild" (a hart does nothing but trap).  status: what the guest gave, else 1.
    """

    reason: str
    status: int
    wild: WildHart | None = None


class Machine:
    """A deterministic multicore RISC-V `virt` machine with an image in its RAM.

    >>> machine = Machine("kernel.elf", MachineOptions(harts=4, disk=Path("disk.img")))
    >>> outcome = machine.run()
    >>> outcome.status, machine.instret(0), machine.state_hash()

    The console's output goes to `console` as bytes; input is given with `type`.  The same image, options
    and input give the same run, instruction by instruction.  Use it as a context manager, or call `close`.

    image: a file (an ELF, a Linux Image or a flat one) or what was read from it; None: firmware from a file
    is all that runs.  per_instruction counts by instruction instead of by block: slower, no paths, but a run
    may stop anywhere.
    """

    def __init__(
        self,
        image: Path | str | Image | None,
        options: MachineOptions | None = None,
        console: Callable[[bytes], None] | None = None,
        *,
        per_instruction: bool = False,
    ) -> None:
        self.options = options or MachineOptions()
        if image is not None and not isinstance(image, Image):
            image = open_bootable(Path(image))
        self.start = prepare(image, self.options)
        self.image = self.start.image
        self.isa = self.start.isa
        self._disk: Disk | None = None
        self._exit: tuple[str, int] | None = None
        self.on_events: Callable[[], None] | None = None  # takes the events that the engine has kept
        self.inputs: list[External] = []  # what came from outside, and where in the run
        self.bus = Bus()
        if self.options.disk is not None:
            self._disk = Disk(self.options.disk, self.options.disk_write)
        self.engine = Engine(
            EngineConfig(
                harts=self.options.harts,
                xlen=self.isa.xlen,
                ram_size=self.options.memory,
                quantum=self.options.quantum,
                instructions_per_tick=virt_map.NS_PER_TICK,
                hardware_ad=int(self.isa.hardware_ad),
                per_instruction=int(per_instruction),
                devices=1,
                extensions=sum(EXTENSIONS.get(name, 0) for name in self.isa.extensions),
                strict_nan_boxing=int(self.options.strict_nan_boxing),
            ),
            self.bus.load,
            self.bus.store,
        )
        console = console or (lambda _data: None)
        self.uart = Uart16550(self.engine, console)
        self._console = console
        self.virtio = VirtioSlots(self.options.devices, self._disk, self._write_console)
        self._htif = self._make_htif()
        self.plic = Plic(self.engine)
        self.bus.connect(self.engine, self._devices())
        self._load(self.start)

    def _write_console(self, data: bytes) -> None:
        """Output of another device than the UART, behind what the guest has sent through that before."""
        self.uart.deliver()
        self._console(data)

    def _make_htif(self) -> Htif | None:
        """For an image with the symbol `tohost` only."""
        tohost = symbol_in_ram(self.image, "tohost", virt_map.RAM_BASE, self.options.memory)
        if tohost is None:
            return None
        fromhost = symbol_in_ram(self.image, "fromhost", virt_map.RAM_BASE, self.options.memory)
        self.engine.watch(tohost, 8)
        return Htif(tohost, fromhost, self._htif_exit, self._write_console, self.uart.take)

    def _htif_exit(self, reason: str, code: int) -> None:
        # It acts between runs of the engine, where there is nothing to stop.
        self._exit = (reason, code)

    def _devices(self) -> list[Device]:
        devices: list[Device] = [Finisher(self._request_exit), self.plic, self.uart]
        devices += [GoldfishRtc(self.options.devices.rtc), *self.virtio.devices]
        if self._htif is not None:
            devices.append(self._htif)
        devices += empty_windows()
        return devices

    def _load(self, start: Start) -> None:
        for piece in start.placements:
            self.engine.ram_write(piece.address, piece.data)
        for hart in range(self.options.harts):
            self.engine.set_pc(hart, start.entry)
            self.engine.set_x(hart, A0, hart)
            self.engine.set_x(hart, A1, start.tree)
            self.engine.set_x(hart, A2, start.next_stage)

    def _request_exit(self, reason: str, code: int) -> None:
        self._exit = (reason, code)
        self.engine.request_stop()

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and files back to the host."""
        self.engine.close()
        if self._disk is not None:
            self._disk.close()

    # --- running ---

    def type(self, data: bytes) -> None:
        """Characters arrive at the console now: part of the run, and so noted with their place in it."""
        if data:
            self.accept(CONSOLE, data)

    def accept(self, channel: int, data: bytes, step: int | None = None) -> None:
        """An input of the run: CONSOLE, characters typed; NETWORK, a frame (see token/outside.py).

        step: that it is noted with, for debuggers. ReplugError for a frame when the machine's network is not
        a link.
        """
        if channel == NETWORK and self.virtio.link is None:
            raise ReplugError("a frame came for a machine whose network is not a link")
        self.inputs.append(Typed(self.engine.total_instret, self.engine.now, data, channel, step))
        if channel == NETWORK:
            assert self.virtio.network is not None  # a link is at the end of its cable
            with self.bus.acting(self.virtio.network):
                self.virtio.network.receive(data)
        elif self.virtio.console is not None:
            with self.bus.acting(self.virtio.console):
                self.virtio.console.receive(data)
        else:
            self.uart.receive(data)

    def act(self, external: Switch | Edit) -> None:
        """What a debugger does against the run, at the step where the machine stands now."""
        self.inputs.append(external)
        external.apply(self.engine)

    @property
    def listens(self) -> bool:
        """Whether an input could make an interrupt, and so wake a hart."""
        virtio = self.virtio
        typing = self.uart.receive_enabled if virtio.console is None else virtio.console.listens
        return typing or (virtio.link is not None and virtio.network is not None and virtio.network.listens)

    def run(
        self,
        max_instructions: int | None = None,
        between: Callable[[StopReason], bool] | None = None,
    ) -> Outcome:
        """Run to the end, or until so many more instructions have retired over all harts (to a block border).

        `between` is called whenever the engine comes back: at least every 50 million instructions, when all
        harts sleep without anything to wake them (or beyond the time of Engine.set_horizon), and when
        observers' events want draining.  It may type, and answers whether to go on when all harts sleep.
        """
        left = NO_LIMIT if max_instructions is None else max_instructions
        while True:
            before = self.engine.total_instret
            reason = self._run_engine(min(left, SLICE_OF_RUN))
            left -= self.engine.total_instret - before
            if self._exit is not None:
                (kind, code), self._exit = self._exit, None
                if between is not None:
                    between(reason)
                return Outcome("exit", code if kind == "fail" else 0)
            if reason is StopReason.EVENT:
                self.bus.run_due_events()
            go_on = between(reason) if between is not None else False
            if reason is StopReason.WILD:
                return Outcome("wild", 1, self.engine.wild)
            if reason is StopReason.IDLE and not go_on:
                return Outcome("idle", 1)
            if left <= 0 or (reason is StopReason.SLEEP and not go_on):
                return Outcome("limit", 1)

    def _run_engine(self, limit: int) -> StopReason:
        """Engine.run with the console's output handed on, and `tohost` served where the image has it."""
        engine, htif = self.engine, self._htif
        if htif is None:
            return self._run_and_deliver(limit)
        retired = engine.total_instret
        end = retired + limit
        while True:
            reason = self._run_and_deliver(min(end - retired, htif.until_look(retired)))
            retired = engine.total_instret
            with self.bus.acting(htif):
                stored = reason is StopReason.WATCH and htif.stored(engine.watch_hit, retired)
                if self._exit is None and not stored:
                    htif.look(retired, last=reason in (StopReason.IDLE, StopReason.WILD))
            if self._exit is not None or retired >= end:
                return reason
            if reason is not StopReason.LIMIT and not stored:
                return reason

    def _run_and_deliver(self, limit: int) -> StopReason:
        try:
            reason = self.engine.run(limit)
        finally:
            self.uart.deliver()
        if reason is StopReason.OBSERVER and self.on_events is not None:
            self.on_events()
        return reason

    @property
    def longest_advance(self) -> int:
        """How many steps `advance` may go at most, so that nothing is missed that the host has to look at."""
        return NO_LIMIT if self._htif is None else self._htif.until_look(self.engine.total_instret)

    def advance(self, go: Callable[[], StopReason]) -> tuple[StopReason, Outcome | None]:
        """One trip into the engine by any of its ways to run, and what devices want done afterwards.

        For debuggers: `run` does the same over and over.  The outcome, if the run has ended.
        """
        try:
            reason = go()
        finally:
            self.uart.deliver()
        retired = self.engine.total_instret
        if self._htif is not None and self._exit is None:
            with self.bus.acting(self._htif):
                stored = reason is StopReason.WATCH and self._htif.stored(self.engine.watch_hit, retired)
                if not stored and not self.engine.in_block:
                    self._htif.look(retired, last=reason in (StopReason.IDLE, StopReason.WILD))
        if self._exit is not None:
            (kind, code), self._exit = self._exit, None
            return reason, Outcome("exit", code if kind == "fail" else 0)
        if reason is StopReason.EVENT:
            self.bus.run_due_events()
        if reason is StopReason.WILD:
            return reason, Outcome("wild", 1, self.engine.wild)
        return reason, None

    # --- looking ---

    @property
    def harts(self) -> int:
        return self.options.harts

    @property
    def disk(self) -> Disk | None:
        """The disk image in its host file."""
        return self._disk

    @property
    def disk_hash(self) -> bytes | None:
        """SHA-256 (32 bytes) of what the disk held when the run began; None without a disk."""
        return None if self._disk is None else self._disk.base_hash

    def instret(self, hart: int) -> int:
        """Instructions retired by a hart."""
        return self.engine.instret(hart)

    def read_physical(self, address: int, length: int) -> bytes:
        """Bytes of RAM; ReplugError when not all of them are RAM."""
        offset = address - virt_map.RAM_BASE
        if offset < 0 or length < 0 or offset + length > self.options.memory:
            raise ReplugError(f"{address:#x}: {length} bytes from there are not all RAM")
        return bytes(self.engine.ram[offset : offset + length])

    def read_virtual(self, hart: int, address: int, length: int) -> bytes | None:
        """Bytes as a hart sees them now; None where something is not mapped or not RAM."""
        data = b""
        while len(data) < length:
            at = address + len(data)
            physical = self.engine.translate(hart, at)
            if physical is None:
                return None
            piece = min(length - len(data), PAGE_SIZE - at % PAGE_SIZE)
            try:
                data += self.read_physical(physical, piece)
            except ReplugError:
                return None
        return data

    # --- going back ---

    def snapshot(self) -> Snapshot:
        """The machine as it is now.  Cheap: RAM is kept only where it changes afterwards."""
        return Snapshot(
            number=self.engine.snapshot(),
            harts=self.engine.save(with_code=False),
            devices={device.name: device.save() for device in self.bus.devices},
            events=self.bus.events.save(),
            inputs=len(self.inputs),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot of this machine; snapshots taken after it are gone.

        Raises ReplugError when it is gone itself.  What has left the machine (console output) stays outside.
        """
        self.engine.rollback(snapshot.number)
        self.set_state(snapshot.harts, snapshot.devices, snapshot.events, after_rollback=True)
        del self.inputs[snapshot.inputs :]

    def save(self, path: Path | str) -> None:
        """Write the whole machine to a file, for `load` in any process (the format: snapshot.py).

        ReplugError when the file cannot be written.
        """
        save_machine(self, Path(path))

    @classmethod
    def load(
        cls,
        path: Path | str,
        image: Path | str | Image | None,
        disk: Path | None = None,
        console: Callable[[bytes], None] | None = None,
        *,
        bios: Path | None = None,
        initrd: Path | None = None,
        dtb: Path | None = None,
        per_instruction: bool = False,
    ) -> Machine:
        """The machine that `save` wrote, to go on exactly as it would have.

        image, disk, bios, initrd, dtb: the files it was made with; its other options are in the file.
        ReplugError when they do not fit, or the file is damaged or of another version.
        """
        saved = SavedMachine.read(Path(path))
        options = saved.machine_options(disk=disk, bios=bios, initrd=initrd, dtb=dtb)
        machine = cls(image, options, console, per_instruction=per_instruction)
        try:
            saved.restore(machine)
        except BaseException:
            machine.close()
            raise
        return machine

    def set_state(
        self, harts: bytes, devices: dict[str, bytes], events: bytes, *, after_rollback: bool = False
    ) -> None:
        """Everything but RAM, which has been restored; harts: of Engine.save, `with_code` if no rollback.

        ReplugError when something is of another machine.
        """
        for device in self.bus.devices:
            if device.save() != devices[device.name]:  # most have not changed, and comparing is cheaper
                device.restore(devices[device.name])
        self.engine.restore(harts, after_rollback)  # after the devices, whose interrupt wires are part of it
        self.bus.restore_events(events)
        self._exit = None

    def state_hash(self) -> str:
        """128 bits over every register, CSR, page of RAM and device: equal for equal machines, on any
        host.
        """
        digest = hashlib.blake2b(digest_size=16)
        digest.update(self.engine.save())
        zero = bytes(PAGE_SIZE)
        ram = self.engine.ram
        for index, flags in enumerate(self.engine.page_flags.tobytes()):
            if flags & PAGE_TOUCHED:
                page = ram[index * PAGE_SIZE : (index + 1) * PAGE_SIZE]
                if page != zero:
                    digest.update(index.to_bytes(8, "little"))
                    digest.update(page)
        for device in self.bus.devices:
            state = device.save()
            digest.update(device.name.encode() + b"\0" + len(state).to_bytes(8, "little"))
            digest.update(state)
        digest.update(self.bus.events.save())
        return digest.hexdigest()
