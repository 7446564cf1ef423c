# SPDX-License-Identifier: GPL-2.0-or-later
"""Claims under a model with caches: judged where all accesses hit, told with the misses there were."""

from emulator.cycles.claims import Claim, claims
from emulator.cycles.histogram import Spread
from emulator.cycles.paths import Part, PathCost


def cost(name: str, cached: Spread, hits: Spread) -> PathCost:
    part = Part(hits, {})
    return PathCost(name, "", {}, 1000, hits, {"cached": cached, "all hits": hits}, part, part)


def judged(direct: Spread, hits: Spread, replug: Spread) -> dict[str, Claim]:
    """Of calls that all cost as much but for the misses of the first, 60, and of replugs that miss a lot."""
    first = Spread(hits.min, hits.median, hits.max + 60, hits.total + 60)
    costs = [
        cost("invocation, through the flag", first, hits),
        cost("invocation, direct", direct, direct),
        cost("replug, uncontended", Spread(600, 900, 1200, 9000), replug),
    ]
    return {each.id: each for each in claims(costs, ["cached"], {"cached": "all hits"})}


def spread(figure: int, more: int = 0) -> Spread:
    return Spread(figure, figure, figure + more, 1000 * figure + more)


def test_misses_are_told_apart() -> None:
    found = judged(spread(2), spread(23), spread(341))
    assert found["A1"].holds and found["A2"].holds
    assert found["A1"].measured["cached"].startswith("21 where all hits, 81 where nothing does")
    assert (
        found["A2"].measured["cached"].startswith("341 (at most 341; 16.2 invocations) where all hits, 900 ")
    )


def test_what_costs_more_without_a_miss_is_refuted() -> None:
    assert not judged(spread(2), spread(38), spread(341))["A1"].holds  # too dear
    assert not judged(spread(2), spread(23, 1), spread(341))["A1"].holds  # not constant
    assert not judged(spread(2), spread(23), spread(536))["A2"].holds
    without_twin = claims([cost("replug, uncontended", spread(900), spread(341))], ["cached"])
    assert not any(claim.holds for claim in without_twin)
