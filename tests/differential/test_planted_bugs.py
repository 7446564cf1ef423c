# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests are tested: with a bug planted in the engine's sources, those that look for it fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from planted_bugs import BUGS, Bug

from emulator.engine.build import bindings_of, build_engine, engine_sources

CHECKOUT = Path(__file__).resolve().parents[2]
PYTEST_FAILED = 1
SECONDS = 900
"""For the tests of one bug, or of all together: half a minute, a multiple of that on a busy host. What hangs
is ended by the tests' own limit.
"""

pytestmark = pytest.mark.timeout(SECONDS + 300)


class Engines:
    """A copy of the engine's sources, always in the same place: what has not changed is compiled once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.original = {path.name: path.read_text() for path in engine_sources().glob("*.[ch]")}
        self.environment = {
            "REPLUG_ENGINE_SOURCES": str(folder),
            "REPLUG_ENGINE_FLAGS": "-O1 -Wno-error",
            "REPLUG_FUZZ_RUNS": "1000",
            "REPLUG_FUZZ_MACHINES": "700",
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        }

    def plant(self, bug: Bug | None) -> None:
        for name, text in self.original.items():
            (self.folder / name).write_text(text)
        if bug is not None:
            text = self.original[bug.file]
            assert text.count(bug.old) == 1, f"{bug.file}: not there exactly once any more: {bug.old!r}"
            (self.folder / bug.file).write_text(text.replace(bug.old, bug.new))

    def test(self, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        """Runs them with the engine as it is planted now, to the first failure."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            library = build_engine()
        try:
            return subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
                 "--no-header", "--tb=line", *tests],
                cwd=CHECKOUT, env=os.environ | self.environment, timeout=SECONDS, text=True,
                capture_output=True, check=False,
            )  # fmt: skip
        finally:
            library.unlink()
            bindings_of(library).unlink()


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Engines:
    return Engines(tmp_path_factory.mktemp("engine"))


def test_without_a_bug(engines: Engines) -> None:
    engines.plant(None)
    done = engines.test(tuple(sorted({test for bug in BUGS for test in bug.tests})))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(engines: Engines, bug: Bug) -> None:
    engines.plant(bug)
    done = engines.test(bug.tests)
    assert done.returncode == PYTEST_FAILED, done.stdout + done.stderr
    assert " error" not in done.stdout.splitlines()[-1]


def test_every_bug_has_its_own_name() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)
