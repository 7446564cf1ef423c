# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel under other boot arguments: waiting, leaving, levels, and the claims computed from that."""

from dataclasses import replace
from pathlib import Path

import pytest

from emulator import MachineOptions
from emulator.cycles.models import IDEAL
from emulator.cycles.protocol import ProtocolRuns, measure_residence, run_protocol
from emulator.cycles.protocol_claims import protocol_claims
from emulator.cycles.scenario import run_image
from guestos.images import SCENARIO, Built, build, build_all, counter_kernel_image, disk_files
from guestos.sample import sample_text
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
    assert set(claims) == {"A5", "A6", "A7", "A7b", "A7c", "A9", "A10"}
    assert [claim.id for claim in claims.values() if not claim.holds] == []


def test_claims_can_fail(runs: ProtocolRuns) -> None:
    """Each verdict follows the runs: turned round, they refute the claims."""
    wrong = replace(
        runs,
        locks={"specialised read": 1, "generic read": 12},
        waiting=runs.spinning,
        spinning=replace(runs.spinning, pairs=tuple((x, 2 * x) for x, _ in runs.spinning.pairs)),
        leaving=runs.waiting,
        oracle=replace(runs.oracle, violations=["one"]),
        consoles={**runs.consoles, "other": ("something else",)},
    )
    claims = {claim.id: claim for claim in protocol_claims([], ["ideal"], wrong)}
    assert [claim.id for claim in claims.values() if claim.holds] == []


def test_waiting_is_for_the_disk(runs: ProtocolRuns) -> None:
    assert len(runs.spinning.pairs) > 40 and len(runs.waiting.pairs) > 40
    assert min(residence for residence, _ in runs.spinning.pairs) > 10_000  # ns: most of a disk access
    assert runs.spinning.spin["ideal"].median > 50_000
    assert runs.waiting.spin["ideal"].max < 5_000
    assert max(runs.leaving.waits) < 10_000


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


def test_inside_counter(built: Built, out: Path, small: Path) -> None:
    kernel = build(counter_kernel_image(), out)
    calls = paths(kernel, small, "")
    assert calls["replug, contended"] > 50
    disk = create_image(
        out / "counter.img",
        {**disk_files(built.user, sample_text()), "/paper": built.user["/occupy"]},
    )
    counter = measure_residence(kernel, disk, [IDEAL], "")
    assert abs(counter.slope[0] - 1) < 0.01
