# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress that clients show, with a way to cancel, when the past takes long to be searched."""

from __future__ import annotations

import time
from collections.abc import Callable

from emulator.debug.dap.messages import Message

_PATIENCE = 1.0  # seconds of silence: what is done by then is not worth a word; then between two updates


class Progress:
    """Events about one thing at a time. clock: seconds."""

    def __init__(
        self, event: Callable[[str, Message | None], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._event = event
        self._clock = clock
        self._number = 0
        self._title = ""
        self._due = 0.0
        self._is_shown = False
        self.is_wanted = False
        """Whether the client knows these events."""

    @property
    def identifier(self) -> str:
        """Of what is going on now, or went on last."""
        return f"progress {self._number}"

    def begin(self, title: str) -> None:
        """Something begins that may take long; nothing is said if it does not, or for an empty title."""
        self.end()
        self._number += 1
        self._title, self._due = title, self._clock() + _PATIENCE

    def tick(self, message: str) -> None:
        """It still goes on, and this is where it is."""
        if not (self.is_wanted and self._title) or self._clock() < self._due:
            return
        self._due = self._clock() + _PATIENCE
        body: Message = {"progressId": self.identifier, "message": message}
        if self._is_shown:
            self._event("progressUpdate", body)
        else:
            self._is_shown = True
            self._event("progressStart", body | {"title": self._title, "cancellable": True})

    def end(self) -> None:
        """It is over."""
        if self._is_shown:
            self._event("progressEnd", {"progressId": self.identifier})
        self._title, self._is_shown = "", False
