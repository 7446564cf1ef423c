# SPDX-License-Identifier: GPL-2.0-or-later
"""The file that the guest reads when no other is given: always the same text, so that runs are alike."""

SAMPLE_SIZE = 1 << 20
_TEXT = """
the a path lock file read open close hart reader writer pointer flag tank guard fast slow kernel dynamic
linker replaces code while others run it and nobody waits longer than it must
"""
_WORDS = _TEXT.split()
_WORDS_A_LINE = 12


def sample_text(size: int = SAMPLE_SIZE) -> bytes:
    """Exactly `size` bytes of numbered lines of words."""
    lines, length, state, number = [], 0, 1, 0
    while length < size:
        words = []
        for _ in range(_WORDS_A_LINE):
            state = (state * 1103515245 + 12345) % (1 << 31)  # the generator of the C standard's example
            words.append(_WORDS[(state >> 16) % len(_WORDS)])
        number += 1
        lines.append(f"{number}: {' '.join(words)}.\n".encode())
        length += len(lines[-1])
    return b"".join(lines)[:size]
