# SPDX-License-Identifier: GPL-2.0-or-later
"""From every level of specialisation to every other, and to the generic code, while a reader is inside.

Our guards lead from a level to some of the others only: what one process does can make a file shared for
another, but not full of holes. So the host arranges for the other ways: it says in the kernel's table of
levels that the level to go to does without "nobody else has the file open", and lets somebody open it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from protocol_stage import DATA, OPEN, READ, READ_MANY, Moment, Stage, make_program
from test_events import Walk, moments, play

from guestos.images import build, kernel_image

LEVELS = {
    "prefetching": "is_read_ahead",
    "whole": "is_read_whole",
    "exclusive": "is_read",
    "shared": "is_read_shared",
}
"""In the order of the table: name, and what its read is called."""
GENERIC = "generic"
SIZE = 40_000  # bytes of the file: its blocks are all named in the inode, as "whole" wants it


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    out = tmp_path_factory.mktemp("guest")
    return build(kernel_image(), out), make_program(out), out


@pytest.fixture(scope="module", params=LEVELS)
def level(
    request: pytest.FixtureRequest, images: tuple[Path, Path, Path]
) -> Iterator[tuple[str, Stage, Moment]]:
    """A level, and a stage whose owner reads at it, as it was at its start."""
    name: str = request.param
    with Stage(*images, bootargs=f"levels={name[0]}", body=LEVELS[name], data=DATA[:SIZE]) as stage:
        yield name, stage, stage.start


def row(stage: Stage, name: str) -> int:
    return stage.address("levels") + [*LEVELS].index(name) * stage.c["LEVEL_BYTES"]


def arrange(stage: Stage, first: str, second: str) -> None:
    """From now on, whoever opens the file takes its reader from the one level to the other."""
    c, engine = stage.c, stage.engine
    alone = c["PREDICATE_NO_INODE_SHARE"]
    shared = stage.read(row(stage, "shared") + c["LEVEL_NEEDS"], 4) & ~alone

    def store(address: int, value: int) -> None:
        engine.ram_write(address, value.to_bytes(4, "little"))

    for address in (stage.descriptor + c["DESCRIPTOR_DEPENDS"], row(stage, first) + c["LEVEL_NEEDS"]):
        store(address, stage.read(address, 4) | alone)
    if second != GENERIC:
        store(row(stage, second) + c["LEVEL_NEEDS"], shared)
        store(row(stage, second) + c["LEVEL_ENABLED"], 1)


def executions(stage: Stage, address: int) -> int:
    """How often the instruction there has retired."""
    return stage.engine.counts(address & ~4095).get(address, 0)


def run(stage: Stage, walk: Walk, stride: int, offset: int, read: int) -> int:
    """Every so many-th moment at which the owner is inside, or the other one replugs; how many those were.
    Afterwards the owner reads through `read`.
    """
    number = played = 0
    for hart, place, before in moments(stage, walk):
        if not (place.body if walk.victim == "owner" else place.step):
            continue
        number += 1
        if (number + offset) % stride or not stage.idle(walk.bystander):
            continue
        moment = stage.mark()
        for second in walk.seconds:
            executed = executions(stage, read)
            play(stage, walk, hart, place, before, second)
            assert executions(stage, read) > executed, f"it is not where it should be, after moment {number}"
            stage.back(moment)
            played += 1
    return played


@pytest.mark.parametrize("further", range(1, len(LEVELS) + 1))
def test_a_reader_inside_is_waited_for(level: tuple[str, Stage, Moment], further: int) -> None:
    """further: so many levels on, round and round with the generic code behind the last one."""
    first, stage, base = level
    to = [*LEVELS, GENERIC][([*LEVELS].index(first) + further) % (len(LEVELS) + 1)]
    stage.back(base)
    arrange(stage, first, to)
    stage.start = stage.mark()
    offset = sum(map(ord, first + to))
    read = stage.address("read") if to == GENERIC else stage.read(row(stage, to) + stage.c["LEVEL_READ"], 8)
    waited = {}
    for name, walk, stride in (
        ("a byte", Walk("owner", READ, (OPEN,)), 3),
        ("two blocks", Walk("owner", READ_MANY, (OPEN,)), 13),
        ("replugger", Walk("other", OPEN, (READ, READ_MANY)), 19),
    ):
        assert run(stage, walk, stride, offset, read) > 2, name
        waited[name] = walk.counts["had to wait"]
    assert waited["a byte"] > 2 and waited["two blocks"] > 2  # the guard, for the reader
    assert waited["replugger"] > 0  # the reader, in the tank
