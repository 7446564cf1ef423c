# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine in a thread of its own, so that the screen lives while it runs.

A DebugSession is used from one thread. Everything that touches it is done here, one line after another; what
the rest of the debugger gets is text, and Views that do not change.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from emulator.debug.commands.interpreter import Interpreter, QuitError
from emulator.debug.tui.view import Lanes, Request, View, gather, seen_lanes
from emulator.errors import ReplugError

_REDRAWN = 0.2  # seconds between two pictures of what harts do while the machine runs


class Feed:
    """Bytes on their way from one thread to another: what the guest prints, or what is typed for it."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()

    def __call__(self, data: bytes) -> None:
        """More of them."""
        self._pieces.append(data)

    def take(self) -> bytes:
        """All that have come since the last time."""
        taken = b""
        while self._pieces:
            taken += self._pieces.popleft()
        return taken


@dataclass(frozen=True)
class Done:
    """What a command has led to. said: its lines; over: the user wants to leave."""

    view: View
    said: tuple[str, ...]
    over: bool


class Work:
    """Executes command lines, one at a time. typed: bytes for the guest's console while it runs."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._thread = ThreadPoolExecutor(1, "machine")
        self._pause = False
        self._said: list[str] = []
        self.typed = Feed()
        self.reached = (0, 0)
        """(step, instructions) that the machine was seen at last while it runs."""
        self.lanes: Lanes | None = None
        """What harts did, seen while the machine runs; None: nothing since the last View."""
        self._request: Callable[[], Request] | None = None
        self._redrawn = 0.0
        interpreter.session.keep_samples()
        interpreter.say = self._said.append
        interpreter.session.look = self._look
        interpreter.session.input = self.typed.take

    def _look(self) -> None:
        position = self._interpreter.session.position
        self.reached = (position.step, position.instructions)
        now = time.monotonic()
        if self._request is not None and now - self._redrawn > _REDRAWN:
            self._redrawn = now
            self.lanes = seen_lanes(self._interpreter, self._request().lanes, closer=False)
        if self._pause:
            self._pause = False
            self._interpreter.session.pause()

    def start(self, line: str, request: Callable[[], Request]) -> Future[Done]:
        """Begin to execute a line; `request` is called behind it, for what is to be seen then."""
        self._pause = False
        self._request, self._redrawn = request, time.monotonic()
        return self._thread.submit(self._do, line, request)

    def pause(self) -> None:
        """What runs stops soon."""
        self._pause = True

    def close(self) -> None:
        """Wait until nothing runs any more."""
        self._pause = True
        self._thread.shutdown(wait=True)

    def _do(self, line: str, request: Callable[[], Request]) -> Done:
        self._said.clear()
        over = False
        try:
            self._interpreter.execute(line)
        except ReplugError as error:
            self._said.append(f"error: {error}")
        except QuitError:
            over = True
        self._request, self.lanes = None, None
        view = gather(self._interpreter, request())
        return Done(view, tuple(self._said), over)
