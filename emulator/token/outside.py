# SPDX-License-Identifier: GPL-2.0-or-later
"""What came to a run from outside, each with its place: all that has to be repeated to repeat the run.

Characters typed and frames from the link come at borders of blocks, whose place is how many instructions have
retired and what time it is. What a debugger does against the run (another hart's turn, an edit) may come
anywhere: its place is a step, that is, instructions retired and traps taken, over all harts.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from emulator.errors import ReplugError
from emulator.token.encoding import Reader, sized, varint

if TYPE_CHECKING:
    from emulator.engine import Engine

MOST_INPUT = 64 << 20
"""Bytes of input that one run may have."""

CONSOLE, NETWORK = 0, 1
"""Channels of input."""

_SWITCH, _FIRST_EDIT = 2, 3  # kinds of records; those before are the channels
_TIMES = 1 << 64


class Typed(NamedTuple):
    """An input after so many instructions (over all harts), at a virtual time (ns).

    channel CONSOLE: characters; NETWORK: a frame from the link. step: of the same place, where a debugger's
    session has seen it.
    """

    instructions: int
    time: int
    data: bytes
    channel: int = CONSOLE
    step: int | None = None


@dataclass(frozen=True)
class Switch:
    """Against the schedule, the slice that ran ended at this step, and this hart's began."""

    step: int
    hart: int

    def apply(self, engine: Engine) -> None:
        """Do it: the engine stands at that step."""
        engine.switch_hart(self.hart)


class What(enum.IntEnum):
    """What an edit has changed."""

    X = 0
    F = 1
    PC = 2
    PRIVILEGE = 3
    CSR = 4
    RAM = 5


_INDEXED = {What.X: 32, What.F: 32, What.CSR: 4096}
_MODES = (0, 1, 3)


@dataclass(frozen=True)
class Edit:
    """At this step a user changed a register of a hart, or RAM.

    index: of the register or CSR, or RAM's physical address; value: of a register; data: for RAM, whose hart
    is 0.
    """

    step: int
    hart: int
    what: What
    index: int = 0
    value: int = 0
    data: bytes = b""

    def apply(self, engine: Engine) -> None:
        """Do it: the engine stands at that step."""
        if self.what is What.X:
            engine.set_x(self.hart, self.index, self.value)
        elif self.what is What.F:
            engine.set_f(self.hart, self.index, self.value)
        elif self.what is What.PC:
            engine.set_pc(self.hart, self.value)
        elif self.what is What.PRIVILEGE:
            engine.set_privilege(self.hart, self.value)
        elif self.what is What.CSR:
            engine.set_csr(self.hart, self.index, self.value)
        else:
            engine.ram_write(self.index, self.data)
            engine.sync_code()


External = Typed | Switch | Edit


def merge(inputs: Iterable[External]) -> tuple[External, ...]:
    """What was typed at the same place is one input: the guest cannot tell."""
    merged: list[External] = []
    for entry in inputs:
        last = merged[-1] if merged else None
        if (
            isinstance(last, Typed)
            and isinstance(entry, Typed)
            and entry.channel == CONSOLE
            and last._replace(data=b"") == entry._replace(data=b"")
        ):
            merged[-1] = entry._replace(data=last.data + entry.data)
        else:
            merged.append(entry)
    return tuple(merged)


# --- in a token ---


def pack(inputs: tuple[External, ...], channels: bool, of_session: bool) -> bytes:
    """Compressed, places as distances; channels: inputs tell theirs; of_session: and all tell their steps."""
    parts = []
    instructions = time = step = 0
    for entry in inputs:
        if isinstance(entry, Typed):
            # Harts take turns over the same time: a later hart's may be the earlier one.
            parts += [varint(entry.channel)] if channels or of_session else []
            parts += [varint(entry.instructions - instructions), varint((entry.time - time) % _TIMES)]
            if of_session:
                parts.append(varint(0 if entry.step is None else entry.step - step + 1))
                step = step if entry.step is None else entry.step
            parts.append(sized(entry.data))
            instructions, time = entry.instructions, entry.time
            continue
        kind = _SWITCH if isinstance(entry, Switch) else _FIRST_EDIT + entry.what
        parts += [varint(kind), varint(entry.step - step), varint(entry.hart)]
        if isinstance(entry, Edit):
            parts += [varint(entry.index)] if entry.what in _INDEXED or entry.what is What.RAM else []
            parts.append(sized(entry.data) if entry.what is What.RAM else varint(entry.value))
        step = entry.step
    return zlib.compress(b"".join(parts), 9)


def unpack(compressed: bytes, channels: bool, of_session: bool) -> tuple[External, ...]:
    """The same back; ReplugError when it is damaged."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(compressed, 2 * MOST_INPUT)
    except zlib.error:
        raise ReplugError("token: damaged: its inputs cannot be unpacked") from None
    if not unpacker.eof or unpacker.unused_data:
        raise ReplugError("token: damaged: its inputs are cut short, too long, or followed by something")
    reader = Reader(data)
    inputs: list[External] = []
    instructions = time = step = 0
    while not reader.at_end:
        kind = reader.varint() if channels or of_session else CONSOLE
        if kind <= NETWORK:
            instructions += reader.varint()
            time = (time + reader.varint()) % _TIMES
            known = reader.varint() if of_session else 0
            step += max(known - 1, 0)
            inputs.append(Typed(instructions, time, reader.sized(), kind, step if known else None))
            continue
        if not of_session:
            raise ReplugError("token: damaged: an input that is neither typed nor a frame")
        step += reader.varint()
        hart = reader.varint()
        inputs.append(Switch(step, hart) if kind == _SWITCH else _edit(reader, kind, step, hart))
    return tuple(inputs)


def _edit(reader: Reader, kind: int, step: int, hart: int) -> Edit:
    try:
        what = What(kind - _FIRST_EDIT)
    except ValueError:
        raise ReplugError("token: damaged: it says something that this Replug does not know") from None
    if what is What.RAM:
        return Edit(step, hart, what, reader.varint(), data=reader.sized())
    index = reader.varint() if what in _INDEXED else 0
    return Edit(step, hart, what, index, reader.varint())


def check_fits(
    inputs: tuple[External, ...], end: int | None, harts: int, ram_base: int, ram_size: int
) -> None:
    """ReplugError for what cannot be done to such a machine, or comes behind the run's last step."""
    for entry in inputs:
        if end is not None and (entry.step or 0) > end:
            raise ReplugError(f"token: damaged: something came at step {entry.step}, behind its end")
        if isinstance(entry, Typed):
            continue
        if entry.hart >= harts:
            raise ReplugError(f"token: damaged: it names hart {entry.hart} of a machine with {harts}")
        if isinstance(entry, Switch):
            continue
        if entry.what in _INDEXED and entry.index >= _INDEXED[entry.what]:
            raise ReplugError(f"token: damaged: it edits register {entry.index}, which there is not")
        if entry.what is What.PRIVILEGE and entry.value not in _MODES:
            raise ReplugError(f"token: damaged: it edits the privilege mode to {entry.value}")
        if entry.what is What.RAM and not (
            ram_base <= entry.index and entry.index + len(entry.data) <= ram_base + ram_size
        ):
            raise ReplugError(f"token: damaged: it edits memory at {entry.index:#x}, which is not all RAM")
