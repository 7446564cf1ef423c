# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's state and its schedule: to keep, and to go back to."""

from __future__ import annotations

from array import array
from typing import Any

from emulator.errors import ReplugError


class EngineKeeping:
    """The part of Engine for snapshots, state hashes and replays."""

    _ffi: Any
    _lib: Any
    _machine: Any

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
