# SPDX-License-Identifier: GPL-2.0-or-later
"""The one exception that this package raises for bad input."""


class ToolchainError(Exception):
    """Something given to the toolchain cannot be used; the text says what and where.

    The first line is complete by itself ("FILE: what is wrong"); a compiler's own messages follow
    on lines of their own.
    """
