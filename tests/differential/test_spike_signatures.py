# SPDX-License-Identifier: GPL-2.0-or-later
"""riscv-arch-test: the signature of each test equals Spike's.

Neither has a package: REPLUG_SPIKE names Spike's program, REPLUG_ARCH_TESTS a folder with the tests, built as
RISCOF builds them for Spike (its model_test.h; RAM from 0x80000000), each as rv64-SUITE-TEST or
rv32-SUITE-TEST. Those that may differ are named in arch_tests_permitted.txt, with the reason.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emulator.conform.suite import read_permitted

SPIKE, TESTS = os.environ.get("REPLUG_SPIKE"), os.environ.get("REPLUG_ARCH_TESTS")
PERMITTED = Path(__file__).with_name("arch_tests_permitted.txt")
SECONDS = 10


def spike_signature(test: Path, folder: Path) -> list[str]:
    """Words in hexadecimal; none when Spike comes to no end."""
    assert SPIKE is not None
    file = folder / test.name
    svadu = "_svadu" if "-Svadu-" in test.name else ""
    try:
        subprocess.run(
            [SPIKE, f"--isa=rv{test.name[2:4]}gc_zicntr_zihpm_zba_zbb_zbs_zbc_zicond_zicclsm{svadu}",
             "--pmpgranularity=4096", f"+signature={file}", "+signature-granularity=4", str(test)],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return []
    return file.read_text().split() if file.is_file() else []


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not SPIKE or not TESTS, reason="REPLUG_SPIKE and REPLUG_ARCH_TESTS name no places")
def test_signatures_equal_spike_s(tmp_path: Path) -> None:
    folder, ours, theirs = Path(TESTS or ""), tmp_path / "ours", tmp_path / "theirs"
    theirs.mkdir()
    names = sorted(path.name for path in folder.iterdir() if re.match(r"rv(32|64)-", path.name))
    assert names
    subprocess.run(
        [sys.executable, "-m", "emulator.cli.main", "conform", str(folder), "--strict-nan-boxing", "--quiet",
         "--signature-dir", str(ours), "--max-instructions", "5000000"],
        capture_output=True, check=False,
    )  # fmt: skip
    with ThreadPoolExecutor(2) as pool:
        signatures = dict(
            zip(names, pool.map(lambda name: spike_signature(folder / name, theirs), names), strict=True)
        )
    different = set()
    for name in names:
        file = ours / f"{name}.signature"
        if not file.is_file() or file.read_text().split() != signatures[name]:
            different.add(name)
    permitted = read_permitted(PERMITTED)
    assert sorted(different - permitted.keys()) == []
