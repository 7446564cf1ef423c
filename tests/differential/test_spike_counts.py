# SPDX-License-Identifier: GPL-2.0-or-later
"""Every riscv-test retires as many instructions as in Spike's commit log, up to the store that ends it.

Spike has no package: REPLUG_SPIKE names the program, REPLUG_RISCV_TESTS the folder with the tests. Both make
the same choices: A and D bits fault (Svade), misaligned accesses work (Zicclsm), PMP has a grain of a page,
there are no triggers. What they choose differently is named in DIFFERENT, with the reason.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emulator.cli.main import main
from toolchain.image import Image

SPIKE, TESTS = os.environ.get("REPLUG_SPIKE"), os.environ.get("REPLUG_RISCV_TESTS")
EXTENSIONS = "zba_zbb_zbs_zicond"
LOW_BITS = 0x1F_FFFF  # of an address that -v tests map by megapages
RESET = 5  # instructions of Spike's boot ROM

_C = "Spike can switch C off in misa, and then tests more; here misa is fixed"
_LOST = (
    "Spike drops reservations every 5000 instructions, at the turn of its harts: one round of the loop more"
)
DIFFERENT = {"rv32mi-p-ma_fetch": _C, "rv64mi-p-ma_fetch": _C, "rv64ua-p-lrsc": _LOST, "rv64ua-v-lrsc": _LOST}
"""Test -> which choice makes its count differ."""

STORE = re.compile(r" mem 0x([0-9a-f]+) 0x([0-9a-f]+)$")


def spike_count(test: Path) -> int | None:
    """Instructions until both halves of tohost are stored; None if that never happens."""
    image = Image.open(test)
    tohost = image.symbol("tohost")
    assert tohost is not None and SPIKE is not None
    log = subprocess.run(
        [SPIKE, f"--isa=rv{image.bits}gc_zicntr_zihpm_{EXTENSIONS}_zicclsm", "--pmpgranularity=4096",
         "--triggers=0", "--log-commits", "--log=/dev/stdout", str(test)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False, text=True,
    ).stdout  # fmt: skip
    halves = 0
    for count, line in enumerate(log.splitlines(), 1):
        found = STORE.search(line)
        if found is None:
            continue
        offset = (int(found[1], 16) - tohost.address) & LOW_BITS
        if offset in (0, 4):
            halves |= 3 if len(found[2]) == 16 else 1 << offset // 4
            if halves == 3:
                return count - RESET
    return None


def programs(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.read_bytes()[:4] == b"\x7fELF" and re.match(r"rv(32|64)[a-z]+-[pv]-", path.name):
            yield path


@pytest.mark.timeout(1200)
@pytest.mark.skipif(not SPIKE or not TESTS, reason="REPLUG_SPIKE and REPLUG_RISCV_TESTS name no places")
def test_counts_equal_spike_s_commit_log(tmp_path: Path) -> None:
    folder, report, ours = Path(TESTS or ""), tmp_path / "report.json", {}
    for bits in (32, 64):
        links = tmp_path / f"rv{bits}"
        links.mkdir()
        for path in programs(folder):
            if path.name.startswith(f"rv{bits}"):
                (links / path.name).symlink_to(path.resolve())
        isa = f"rv{bits}gc_svade_{EXTENSIONS}"
        with pytest.raises(SystemExit):
            main(
                ["conform", str(links), "--isa", isa, "--strict-nan-boxing", "--quiet", "--json", str(report)]
            )
        rows = json.loads(report.read_text())["tests"]
        assert not [row["name"] for row in rows if row["verdict"] != "pass"]
        ours |= {row["name"]: row["instructions"] for row in rows}
    with ThreadPoolExecutor(2) as pool:
        names = [path.name for path in programs(folder)]
        theirs = dict(zip(names, pool.map(spike_count, programs(folder)), strict=True))
    wrong = {
        name: (ours[name], count)
        for name, count in theirs.items()
        if ours[name] != count and name not in DIFFERENT
    }
    assert not wrong, f"(ours, Spike's): {wrong}"
    assert not [name for name in DIFFERENT if ours[name] == theirs[name]], "no longer different"
