# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's own test suite uses Replug: the plugin as pytest runs it."""

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from command import ROOT, Guest, environment
from programs import finish

from emulator.engine.build import build_directory
from guestos.images import build, kernel_image, measure_images

pytest_plugins = ["pytester"]

CALLS = f"""
    bnez a0, sleep
    li s0, 3
again:
    call work
passed:
    addi s0, s0, -1
below:
    bnez s0, again
    {finish(0)}
work:
    ret
sleep:
    wfi
    j sleep
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with a test suite of its own, run by a pytest that has the plugin."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.setenv("REPLUG_BUILD", str(build_directory().resolve()))
    if not entry_points(group="pytest11", name="replug"):  # the project is not installed
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p emulator.pytest_plugin")
    return pytester


@pytest.fixture
def invocation(tmp_path: Path) -> Path:
    (image,) = [image for image in measure_images() if image.name.endswith("invocation.elf")]
    return build(image, tmp_path)


def test_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"replug": "emulator.pytest_plugin"}


def test_exact_costs(suite: pytest.Pytester, invocation: Path) -> None:
    suite.makepyfile(f"""
        IMAGE = {str(invocation)!r}

        def test_good(replug_machine):
            guest = replug_machine(IMAGE)
            assert guest.run().status == 0
            assert "direct:" in guest.console
            guest.assert_path_cost("invocation, direct", calls=1000, instructions=2, cycles={{"ideal": 2}})
            guest.assert_path_cost("invocation, through the flag", instructions=(11, 11, 11))
            assert {{cost.calls for cost in guest.path_costs()}} == {{1000}}

        def test_other_cost(replug_machine):
            guest = replug_machine(IMAGE)
            guest.run()
            guest.assert_path_cost("invocation, direct", calls=999, instructions=(2, 2, 3))

        def test_no_such_path(replug_machine):
            guest = replug_machine(IMAGE)
            guest.run()
            guest.assert_path_cost("invocation", step="1", parameters={{"bytes": 5}}, instructions=1)

        def test_no_such_option(replug_machine):
            replug_machine(IMAGE, hearts=2)
    """)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*path invocation, direct: calls: 1,000, not 999; instructions: 2, not 2 to 3 (median 2)",
            "*path invocation: 1 (bytes 5): no call of it ended; those that did:",
            "*  invocation, direct",
            "*ReplugError: replug_machine: *hearts*",
        ]
    )


def test_run_to(suite: pytest.Pytester, guest: Guest) -> None:
    suite.makepyfile(f"""
        import pytest
        from emulator.errors import ReplugError

        IMAGE = {str(guest(CALLS))!r}

        @pytest.mark.parametrize("exact", [False, True])
        def test_each_arrival(replug_machine, exact):
            guest = replug_machine(IMAGE, harts=2, per_instruction=exact)
            work = guest.machine.image.symbol("work").address
            for left in (3, 2, 1):
                assert guest.run_to("work") == 0
                assert guest.machine.engine.get_pc(0) == work
                assert guest.machine.engine.get_x(0, 8) == left
            with pytest.raises(ReplugError, match=r"0x8.*: not reached: the run ended \\(exit, 0\\)"):
                guest.run_to(work)

        def test_the_hart_is_told(replug_machine):
            assert replug_machine(IMAGE, harts=2, quantum=5).run_to("sleep") == 1

        def test_stops_change_nothing(replug_machine):
            straight, stopped = replug_machine(IMAGE, harts=2), replug_machine(IMAGE, harts=2)
            stopped.run_to("passed")
            assert straight.run().status == stopped.run().status == 0
            assert straight.machine.state_hash() == stopped.machine.state_hash()
            assert straight.instructions == stopped.instructions

        def test_inside_a_block(replug_machine):
            with pytest.raises(ReplugError, match="per_instruction=True"):
                replug_machine(IMAGE).run_to("below")
            guest = replug_machine(IMAGE, per_instruction=True)
            guest.run_to("below")
            assert guest.machine.engine.get_x(0, 8) == 2
            with pytest.raises(ReplugError, match="paths are not watched"):
                guest.path_costs()

        def test_never(replug_machine):
            with pytest.raises(ReplugError, match="no symbol elsewhere"):
                replug_machine(IMAGE).run_to("elsewhere")
            with pytest.raises(ReplugError, match="not reached.*the limit"):
                replug_machine(IMAGE).run_to("sleep", max_instructions=5)
    """)
    suite.runpytest_subprocess().assert_outcomes(passed=6)


def test_a_kernel_to_a_function(suite: pytest.Pytester, tmp_path: Path) -> None:
    suite.makepyfile(f"""
        def test_boot(replug_machine):
            guest = replug_machine({str(build(kernel_image(), tmp_path))!r}, harts=2)
            hart = guest.run_to("scheduler")
            assert guest.machine.engine.get_privilege(hart) == 1
    """)
    suite.runpytest_subprocess().assert_outcomes(passed=1)
