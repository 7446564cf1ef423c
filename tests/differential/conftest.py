# SPDX-License-Identifier: GPL-2.0-or-later
"""GDB at work on a module's PROGRAM, on two harts that take short turns."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.differential.gdb_mi import Gdb, Server


@pytest.fixture(scope="module")
def gdb(host_tool: Callable[[str, str], str]) -> str:
    return host_tool("gdb-multiarch", "gdb-multiarch")


@pytest.fixture
def server(request: pytest.FixtureRequest, guest: Callable[[str], Path]) -> Iterator[Server]:
    with Server(str(guest(request.module.PROGRAM)), "--harts", "2", "--quantum", "20") as made:
        yield made


@pytest.fixture
def client(gdb: str, server: Server) -> Iterator[Gdb]:
    with Gdb(gdb, server.port) as made:
        yield made
