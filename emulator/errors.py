# SPDX-License-Identifier: GPL-2.0-or-later
"""The one exception that the emulator raises for input it cannot use."""


class ReplugError(Exception):
    """Something given to the emulator cannot be used; the text is one clear line: what, and where.

    `status` is the exit status that a command ends with (2: cannot run).
    """

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[type["ReplugError"], tuple[str, int]]:
        # A pool of worker processes hands exceptions back by pickling; the status has to survive that.
        return type(self), (str(self), self.status)
