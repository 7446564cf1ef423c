# SPDX-License-Identifier: GPL-2.0-or-later
"""Goes on from a snapshot file, in a process of its own.

`python snapshot_runner.py FILE IMAGE DISK LENGTHS`: DISK may be empty; LENGTHS are instructions, separated by
commas.  Prints the state hash at the start and after each of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from emulator import Machine


def main(file: str, image: str, disk: str, lengths: str) -> None:
    with Machine.load(file, image, Path(disk) if disk else None) as machine:
        print(machine.state_hash())
        for length in lengths.split(","):
            machine.run(int(length))
            print(machine.state_hash())


if __name__ == "__main__":
    main(*sys.argv[1:])
