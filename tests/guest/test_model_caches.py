# SPDX-License-Identifier: GPL-2.0-or-later
"""Cost models of caches and of tables: programs of which each miss, transfer and instruction is known."""

from collections.abc import Callable
from pathlib import Path

import pytest
from test_path_attribution import FINISH, HEAD

from emulator import MachineOptions
from emulator.cycles.model_file import read_model
from emulator.cycles.models import CACHED, IDEAL, IN_ORDER, Model, models_by_name
from emulator.cycles.paths import PathCost
from emulator.cycles.scenario import Run, run_image
from emulator.engine import Caches, Pipeline
from emulator.errors import ReplugError
from guestos.images import GUESTOS, INCLUDE
from toolchain.assemble import assemble

Made = Callable[..., dict[str, PathCost]]
MISS, TRANSFER, UPGRADE = 1000, 100, 10


def cached(**options: int) -> Model:
    caches = Caches(**{"miss": MISS, "transfer": TRANSFER, "upgrade": UPGRADE} | options)
    return Model("cached", "these tests", "all else", Pipeline(), caches)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    def make(text: str, models: list[Model], **options: int) -> Run:
        (tmp_path / "program.S").write_text(HEAD + text)
        image = assemble(
            [tmp_path / "program.S"], tmp_path / "program.elf", link_script=GUESTOS / "measure/link.ld",
            include=[INCLUDE], root=tmp_path,
        )  # fmt: skip
        done = run_image(image, MachineOptions(**options), models, max_instructions=3_000_000)  # type: ignore[arg-type]
        assert (done.outcome.reason, done.outcome.status) == ("exit", 0)
        return done

    return make


@pytest.fixture
def stalls(run: Callable[..., Run]) -> Callable[..., dict[str, int]]:
    """Cycles beyond one an instruction, by path; every call of a path has to cost the same."""

    def measure(text: str, model: Model | None = None, **options: int) -> dict[str, int]:
        found = {}
        for cost in run(text, [IDEAL, model or cached()], **options).costs:
            cycles = cost.cycles["cached"]
            assert cycles.min == cycles.max
            found[cost.full_label] = cycles.min - cost.instructions.min
        return found

    return measure


# Twice round: the code is in its cache the second time. The loads are where LOADS says.
LOOP = """
    la s0, data
    li a0, 0
    .balign 64
1:  PATH_BEGIN "path"
    PATH_VALUE "path", "round", 10
    LOADS
    PATH_END "path"
    addi a0, a0, 1
    li t0, 3
    bne a0, t0, 1b
    FINISH
    .data
    .balign 4096
data: .skip 16384
""".replace("FINISH", FINISH)


@pytest.mark.parametrize(
    ("loads", "first", "later"),
    [
        ("ld t1, 0(s0)\nld t1, 56(s0)", 1, 0),
        ("ld t1, 0(s0)\nld t1, 64(s0)\nld t1, 128(s0)", 3, 0),
        ("ld t1, 60(s0)", 2, 0),  # lies in two lines
        ("sd t1, 0(s0)\nld t1, 8(s0)\nsd t1, 16(s0)", 1, 0),
        ("addi t1, s0, 64\namoadd.d t2, t0, (t1)", 1, 0),
        ("lr.d t1, (s0)\nsc.d t2, t1, (s0)", 1, 0),
        ("nop", 0, 0),
    ],
)
def test_misses(stalls: Callable[..., dict[str, int]], loads: str, first: int, later: int) -> None:
    found = stalls(LOOP.replace("LOADS", loads))
    assert found["path (round 2)"] == later * MISS
    # The first time, the line of the path's own code may have to come as well.
    assert found["path (round 0)"] in (first * MISS, (first + 1) * MISS)


def test_marks_inside_a_block(stalls: Callable[..., dict[str, int]]) -> None:
    """A stall belongs to the path in which its access is, also where the whole is one basic block."""
    found = stalls(
        LOOP.replace(
            "LOADS",
            """PATH_BEGIN "one"
    slli t3, a0, 8
    add t3, t3, s0
    PATH_END "one"
    PATH_BEGIN "two"
    ld t1, 0(t3)
    PATH_END "two"
    PATH_BEGIN "three"
    nop
    ld t1, 64(t3)
    ld t1, 128(t3)
    PATH_END "three"
    nop""",
        )
    )
    assert found["two"] == MISS and found["three"] == 2 * MISS
    assert found["path (round 2)"] == 3 * MISS and found["one"] == 0


def test_a_block_of_floating_point_is_as_long_as_it_is(stalls: Callable[..., dict[str, int]]) -> None:
    """And so is one that holds marks: its lines come once, and those behind it do not come with it."""
    floats = """    .option arch, +d
    li t0, 0x6000
    csrs mstatus, t0
    call floats
    call floats
    PATH_BEGIN "behind"
    call behind
    PATH_END "behind"
    FINISH
    .balign 4096
floats:
    fmv.d.x fa0, t0
    fadd.d fa0, fa0, fa0
    PATH_BEGIN "inside"
    fadd.d fa0, fa0, fa0
    PATH_END "inside"
    ret
    .balign 256
behind:
    nop
    ret
"""
    assert stalls(floats.replace("FINISH", FINISH)) == {"inside": 0, "behind": MISS}


@pytest.mark.parametrize(("ways", "later"), [(1, 2), (2, 0)])
def test_lines_that_share_a_set(stalls: Callable[..., dict[str, int]], ways: int, later: int) -> None:
    """Two lines 64 sets apart: with one way they drive each other out, with two they stay."""
    found = stalls(LOOP.replace("LOADS", "li t1, 4096\nadd t1, t1, s0\nld t2, 0(s0)\nld t2, 0(t1)"),
                   cached(data_ways=ways))  # fmt: skip
    assert found["path (round 2)"] == later * MISS


def test_the_least_recently_used_line_goes(stalls: Callable[..., dict[str, int]]) -> None:
    """Two ways: A B A C A: C drives B out, not A."""
    loads = """li t1, 4096
    add t1, t1, s0
    li t2, 8192
    add t2, t2, s0
    ld t3, 0(s0)
    ld t3, 0(t1)
    ld t3, 0(s0)
    ld t3, 0(t2)
    PATH_BEGIN "again"
    ld t3, 0(s0)
    PATH_END "again"
    """
    assert stalls(LOOP.replace("LOADS", loads), cached(data_ways=2))["again"] == 0


# Hart 1 has the line, in a way that FIRST says, before hart 0 does SECOND with it.
SHARED = f"""
    la s0, data
    bnez a0, other
1:  ld t1, 1024(s0)
    beqz t1, 1b
    ld t1, 0(s0)
    BEFORE
    j 2f                                // a block of its own: its code is there already
    .balign 64
2:  PATH_BEGIN "access"
    SECOND
    PATH_END "access"
{FINISH}
other:
    FIRST
    li t1, 1
    sd t1, 1024(s0)
3:  j 3b
    .data
    .balign 4096
data: .skip 8192
"""


@pytest.mark.parametrize(
    ("first", "before", "second", "cost"),
    [
        ("ld t1, 64(s0)", "", "ld t1, 64(s0)", MISS),  # both have it then
        ("sd t1, 64(s0)", "", "ld t1, 64(s0)", TRANSFER),
        ("sd t1, 64(s0)", "", "sd t1, 64(s0)", TRANSFER),
        ("ld t1, 64(s0)", "ld t1, 64(s0)", "sd t1, 64(s0)", UPGRADE),
        ("ld t1, 64(s0)", "sd t1, 64(s0)", "sd t1, 64(s0)", 0),
        ("nop", "ld t1, 64(s0)", "sd t1, 64(s0)", 0),  # nobody else has it
    ],
)
def test_coherence(
    stalls: Callable[..., dict[str, int]], first: str, before: str, second: str, cost: int
) -> None:
    text = SHARED.replace("FIRST", first).replace("BEFORE", before).replace("SECOND", second)
    found = stalls(text, harts=2, quantum=50)["access"] % MISS if cost < MISS else MISS
    assert found == cost


CONTENDED = f"""
    la s0, data
    slli t0, a0, SHIFT
    add s0, s0, t0
    li s1, 2000
    li t1, 1
    PATH_BEGIN "adding"
    nop                                 // the path begins once, not in each turn
1:  amoadd.d zero, t1, (s0)
    addi s1, s1, -1
    bnez s1, 1b
    PATH_END "adding"
    la s2, done
    amoadd.d zero, t1, (s2)
    bnez a0, 3f
2:  ld t2, 0(s2)
    li t3, 2
    bne t2, t3, 2b
{FINISH}
3:  j 3b
    .data
    .balign 4096
data: .skip 4096
done: .dword 0
"""


def test_contended_atomics_hurt(run: Callable[..., Run]) -> None:
    """The same work on one line and on two; without caches both cost the same."""
    cycles = {}
    for shift in (3, 6):  # neighbours in a line; neighbouring lines
        (cost,) = run(
            CONTENDED.replace("SHIFT", str(shift)), [IDEAL, IN_ORDER, CACHED], harts=2, quantum=10
        ).costs
        cycles[shift] = cost.cycles
    assert cycles[3]["ideal"].min == cycles[6]["ideal"].min == cycles[3]["ideal"].max
    assert cycles[3]["in-order"] == cycles[6]["in-order"]
    assert cycles[3]["in-order-caches"].min > 2 * cycles[6]["in-order-caches"].max


def test_models_only_watch(run: Callable[..., Run]) -> None:
    text = CONTENDED.replace("SHIFT", "3")
    hashes = {
        run(text, models, harts=2, quantum=10).state_hash
        for models in ([IDEAL], [IDEAL, IN_ORDER], [IDEAL, IN_ORDER, CACHED, cached(line=32)])
    }
    assert len(hashes) == 1


def test_models_do_not_disturb_each_other(run: Callable[..., Run]) -> None:
    text = CONTENDED.replace("SHIFT", "3")
    together = run(text, [IDEAL, IN_ORDER, CACHED, cached(line=32)], harts=2, quantum=10).costs[0].cycles
    for model in (IN_ORDER, CACHED, cached(line=32)):
        alone = run(text, [model], harts=2, quantum=10).costs[0].cycles
        assert alone[model.name] == together[model.name]


def test_fence_i_empties_the_instruction_cache(stalls: Callable[..., dict[str, int]]) -> None:
    found = stalls(LOOP.replace("LOADS", "fence.i\n    j 8f\n    .balign 64\n8:  nop"))
    assert found["path (round 2)"] == 1 * MISS or found["path (round 2)"] == 2 * MISS


TABLE = """
name = "mine"
source = "a test"
[cycles]
default = 2
load = 7
store = 5
multiply = 11
[edges]
taken = 3
jump = 4
"""


def test_table(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TABLE)
    (mine,) = models_by_name(str(tmp_path / "mine.toml"))
    text = f"""
    la s0, data
    li s1, 4
    PATH_BEGIN "path"
    nop                                 // the path begins once, not in each turn
1:  ld t0, 0(s0)
    mul t0, t0, t0
    sd t0, 8(s0)
    addi s1, s1, -1
    bnez s1, 1b
    j 2f
2:  PATH_END "path"
{FINISH}
    .data
    .balign 8
data: .skip 16
"""
    (cost,) = run(text, [IDEAL, mine]).costs
    assert cost.cycles["mine"].min == 2 + 4 * (7 + 11 + 5 + 2 + 2) + 3 * 3 + 2 + 4
    assert mine.limits == "as its file says"


def test_table_with_caches_and_pipeline(tmp_path: Path) -> None:
    file = tmp_path / "model.toml"
    file.write_text('name = "p"\nsource = "s"\n[pipeline]\nload_use = 3\n[caches]\nmiss = 9\n')
    model = read_model(file)
    assert model.pipeline == Pipeline(load_use=3) and model.caches == Caches(miss=9)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = 3", "needs either"),
        ("[cycles]\n", "name: a text"),
        (TABLE.replace("load = 7", "load = -7"), "[cycles] load: -7"),
        (TABLE.replace("load = 7", "load = 1.5"), "[cycles] load: 1.5"),
        (TABLE.replace("load = 7", "loads = 7"), "no 'loads'"),
        (TABLE.replace('"mine"', '"in-order"'), "in-order is one"),
        (TABLE + "[caches]\nline = 48\n", "48 is no power of two"),
        (TABLE + "[caches]\ndata_ways = 0\n", "data_ways"),
        (TABLE + "[pipeline]\nload_use = 1\n", "either"),
        ("cycles = 3\nname = 'x'\nsource='y'", "no table"),
        ("[", "not TOML"),
        ("\xff", "not"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ReplugError) as error:
        read_model(file)
    message = str(error.value)
    assert message.startswith(f"{file}: ") and complaint in message and "\n" not in message


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReplugError, match="No such file"):
        models_by_name(str(tmp_path / "none.toml"))
    with pytest.raises(ReplugError, match="there are ideal, in-order, in-order-caches"):
        models_by_name("fast")
