# SPDX-License-Identifier: GPL-2.0-or-later
"""Where two instructions lead together: auipc, and what adds the lower part behind it."""

import pytest

from toolchain.disassemble import disassemble, pair_target
from toolchain.instruction import assemble_text

BASE = 0x8000_0000


def _target(text: str) -> int | None:
    first, second = disassemble(assemble_text(text, address=BASE), BASE)
    return pair_target(first, second)


@pytest.mark.parametrize("second", ["addi a0, t0, {}", "lw a0, {}(t0)", "sd a0, {}(t0)",
                                    "jalr ra, {}(t0)"])  # fmt: skip
@pytest.mark.parametrize(
    ("upper", "lower"), [(0, 4), (1, -2048), (0x7FFFF, 2047), (0xFFFFF, -4), (0x80000, 8)]
)
def test_what_it_is(second: str, upper: int, lower: int) -> None:
    signed = upper - (1 << 20 if upper >> 19 else 0)
    assert _target(f"auipc t0, {upper}; {second.format(lower)}") == BASE + (signed << 12) + lower


@pytest.mark.parametrize("text", ["auipc t0, 1; addi a0, t1, 4", "lui t0, 1; addi a0, t0, 4",
                                  "auipc t0, 1; slli a0, t0, 4", "auipc t0, 1; add a0, t0, a0",
                                  "auipc zero, 1; lw a0, 4(zero)"])  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert _target(text) is None
