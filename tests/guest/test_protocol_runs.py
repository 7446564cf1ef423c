# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel under other boot arguments: waiting, leaving, levels, and the claims computed from that."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.cycles.contention import CROWDS, Crowd
from emulator.cycles.models import IDEAL
from emulator.cycles.protocol import ProtocolRuns, measure_residence, run_protocol
from emulator.cycles.protocol_claims import protocol_claims
from emulator.cycles.scenario import run_image
from guestos.images import GUESTOS, SCENARIO, Built, build_all, disk_files
from guestos.sample import sample_text
from toolchain.assemble import assemble
from toolchain.disk import create_image


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guest")


@pytest.fixture(scope="module")
def built(out: Path) -> Built:
    return build_all(out)


@pytest.fixture(scope="module")
def runs(built: Built, out: Path) -> ProtocolRuns:
    return run_protocol(built, out, [IDEAL])


@pytest.fixture(scope="module")
def small(built: Built, out: Path) -> Path:
    return create_image(out / "data.img", disk_files(built.user, sample_text()[:60_000]))


def paths(kernel: Path, disk: Path, arguments: str) -> dict[str, int]:
    """Calls of each path of a whole run, whose programs must all be content."""
    options = MachineOptions(harts=4, quantum=200, disk=disk, bootargs=f"{SCENARIO} {arguments}")
    run = run_image(kernel, options, [IDEAL], max_instructions=1_000_000_000)
    assert run.problems() == [], run.console
    calls: dict[str, int] = {}
    for cost in run.costs:
        if not cost.step:
            calls[cost.name] = calls.get(cost.name, 0) + cost.calls
    return calls


def test_claims_hold(runs: ProtocolRuns, built: Built, small: Path) -> None:
    options = MachineOptions(harts=4, quantum=200, disk=small, bootargs=SCENARIO)
    costs = run_image(built.kernel, options, [IDEAL]).costs
    claims = {claim.id: claim for claim in protocol_claims(costs, ["ideal"], runs)}
    assert set(claims) == {
        "A1b", "A3b", "A3c", "A5", "A5b", "A6", "A6b", "A6c", "A7", "A7b", "A7c", "A9", "A10", "A12",
    }  # fmt: skip
    assert [claim.id for claim in claims.values() if not claim.holds] == []


def test_claims_can_fail(runs: ProtocolRuns) -> None:
    """Each verdict follows the runs: turned round, they refute the claims."""
    wrong = replace(
        runs,
        locks={"specialised read": 1, "generic read": 12},
        crowd=replace(runs.crowd, generic=runs.crowd.specialised),
        crowd_on_one_file=Crowd(runs.crowd_on_one_file.specialised, runs.crowd_on_one_file.generic),
        waiting=runs.spinning,
        spinning=replace(runs.spinning, pairs=tuple((x, 2 * x) for x, _ in runs.spinning.pairs)),
        leaving=runs.waiting,
        generated=[],
        counter=[],
        ladder=[],
        served=replace(runs.served, switches=0),
        oracle=replace(runs.oracle, violations=["one"]),
        consoles={**runs.consoles, "other": ("something else",)},
        streams={**runs.streams, "prefetching": runs.streams["specialised"]},
    )
    claims = {claim.id: claim for claim in protocol_claims([], ["ideal"], wrong)}
    assert [claim.id for claim in claims.values() if claim.holds] == []


def test_waiting_is_for_the_disk(runs: ProtocolRuns) -> None:
    assert len(runs.spinning.pairs) > 40 and len(runs.waiting.pairs) > 40
    residences = sorted(residence for residence, _ in runs.spinning.pairs)
    assert residences[0] < 20_000 and residences[-1] > 80_000  # ns: anywhere in a disk access
    assert runs.spinning.spin["ideal"].median > 20_000
    assert runs.waiting.spin["ideal"].max < 5_000


def test_readers_are_away_when_they_are_replugged(runs: ProtocolRuns) -> None:
    """Only those that leave; at any time of a disk access; and nobody waits for them."""
    assert runs.waiting.away == runs.spinning.away == ()
    away = sorted(rest for rest, _ in runs.leaving.away)
    assert len(away) > 100 and away[0] < 5_000 and away[-1] > 80_000
    assert max(wait for _, wait in runs.leaving.away) < 100


@pytest.mark.parametrize("flag_stays", [True, False], ids=["with the flag set", "not at all"])
def test_a_reader_that_does_not_leave_is_told(
    runs: ProtocolRuns, out: Path, tmp_path: Path, flag_stays: bool
) -> None:
    kernel = tmp_path / "kernel"
    shutil.copytree(GUESTOS / "kernel", kernel)
    text = (kernel / "is_read.S").read_text()
    marks = '    PATH_END "flag clear"\n    PATH_BEGIN "away for the disk"\n'
    leave = f"    REPLUG_LEAVE RECORD_TO_INSIDE, s0\n{marks}"
    branch = "    beqz    a2, .Lleave_for_disk\n"
    assert (text.count(leave), text.count(branch)) == (1, 2)
    text = text.replace(*((leave, marks) if flag_stays else (branch, "")))
    (kernel / "is_read.S").write_text(text)
    image = assemble(
        sorted(kernel.glob("*.S")), tmp_path / "kernel.elf",
        link_script=GUESTOS / "link.ld", include=[GUESTOS / "include"], root=tmp_path,
    )  # fmt: skip
    leaving = measure_residence(image, out / "occupy.img", [IDEAL], "leave=yes")
    claims = {each.id: each for each in protocol_claims([], ["ideal"], replace(runs, leaving=leaving))}
    assert not claims["A7c"].holds
    if flag_stays:  # whoever replugs waits for the disk
        assert len(leaving.away) > 50 and max(leaving.waits) > 50_000
    else:
        assert leaving.away == ()


def test_only_locks_are_met(runs: ProtocolRuns) -> None:
    """Whoever takes no lock waits for nobody: the same cost on any number of harts."""
    specialised = runs.crowd.specialised["ideal"]
    assert max(specialised) - min(specialised) < 1
    assert len(runs.crowd.generic["ideal"]) == len(CROWDS)
    alone, crowded = runs.crowd.generic["ideal"][0], runs.crowd.generic["ideal"][-1]
    assert alone < crowded < 2 * alone


def test_a_saving_that_falls_is_told(runs: ProtocolRuns) -> None:
    generic = runs.crowd.generic["ideal"]
    for wrong in ((*generic[:2], generic[1] - 1, generic[3]), (generic[0],) * len(CROWDS)):
        crowd = replace(runs.crowd, generic={"ideal": wrong})
        claims = {claim.id: claim for claim in protocol_claims([], ["ideal"], replace(runs, crowd=crowd))}
        assert not claims["A6b"].holds


def test_ladder(built: Built, small: Path) -> None:
    """With all levels a shared file is still read through specialised code, and climbs again afterwards."""
    calls = paths(built.kernel, small, "levels=ews")
    assert calls["specialised read"] > 1000
    assert calls["specialised read, shared"] > 1000
    assert calls["specialise again, from another level"] > 20
    assert sum(number for name, number in calls.items() if name.startswith("specialised write")) > 0
    assert paths(built.kernel, small, "levels=s")["specialised read, shared"] > 10_000


def test_no_levels(built: Built, small: Path) -> None:
    calls = paths(built.kernel, small, "levels=-")
    assert not any(name.startswith(("specialised", "replug")) for name in calls)


def test_again(built: Built, small: Path) -> None:
    assert paths(built.kernel, small, "")["specialise again"] > 50
    assert "specialise again" not in paths(built.kernel, small, "again=no")


def test_generated_code(built: Built, small: Path) -> None:
    """Each opening reads through code of its own, on any hart, whoever ran in that place before."""
    calls = paths(built.kernel, small, "code=generated")
    assert calls["generated read"] > 10_000
    assert "specialised read" not in calls
    assert calls["generate"] == calls["specialise"] + calls["specialise again"]


def test_generated_code_must_be_published(built: Built, small: Path, tmp_path: Path) -> None:
    """Without fence.i, here and on the others, a hart runs what an earlier opening had in that slot."""
    kernel = tmp_path / "kernel"
    shutil.copytree(GUESTOS / "kernel", kernel)
    text = (kernel / "generate.S").read_text()
    for line in ("    fence.i\n", "    sw      t1, 0(a2)\n", "    bne     t2, a5, 5b\n"):
        assert text.count(line) == 1
        text = text.replace(line, "")
    (kernel / "generate.S").write_text(text)
    image = assemble(
        sorted(kernel.glob("*.S")), tmp_path / "kernel.elf",
        link_script=GUESTOS / "link.ld", include=[GUESTOS / "include"], root=tmp_path,
    )  # fmt: skip
    options = MachineOptions(harts=4, quantum=200, disk=small, bootargs=f"{SCENARIO} code=generated")
    assert run_image(image, options, [IDEAL], max_instructions=300_000_000).problems() != []


def test_inside_counter(built: Built, out: Path, small: Path) -> None:
    calls = paths(built.kernel, small, "inside=counter levels=ews")
    assert calls["replug, contended"] > 50
    disk = create_image(
        out / "counter.img",
        {**disk_files(built.user, sample_text()), "/paper": built.user["/occupy"]},
    )
    counter = measure_residence(built.kernel, disk, [IDEAL], "inside=counter")
    assert abs(counter.slope[0] - 1) < 0.01
