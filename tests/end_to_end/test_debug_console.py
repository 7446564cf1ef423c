# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console in the terminal of a debug server: keys reach the guest one by one."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from programs import ECHO
from typist import Typist

Guest = Callable[[str], Path]


@pytest.fixture
def served(guest: Guest) -> Iterator[tuple[Typist, socket.socket]]:
    """Somebody at the terminal, and a client of the protocol who has let the machine run."""
    typist = Typist("debug", guest(ECHO), "--gdb", "0")
    try:
        typist.wait_for(b"Ctrl-A h helps)")
        port = re.search(rb"target remote 127\.0\.0\.1:(\d+)", typist.shown)
        assert port is not None
        with socket.create_connection(("127.0.0.1", int(port[1]))) as client:
            yield typist, client
    finally:
        typist.close()


def test_keys_reach_the_guest_without_return(served: tuple[Typist, socket.socket]) -> None:
    typist, client = served
    typist.type(b"a")  # while it stands: it gets that as soon as it runs
    client.sendall(b"$vCont;c#a8")
    typist.wait_for(b"[a]")
    typist.type(b"b")
    typist.wait_for(b"[b]")
    typist.type(b"\x03")  # Ctrl-C is a key like others
    typist.wait_for(b"[\x03]")
    typist.type(b"\x01h")
    typist.wait_for(b"Ctrl-A x")
    typist.type(b"\x01x")
    assert typist.finish() == 0


def test_leaving_while_the_machine_stands(served: tuple[Typist, socket.socket]) -> None:
    typist, _ = served
    typist.type(b"\x01x")
    assert typist.finish() == 0


def test_a_screen_needs_all_of_the_terminal(guest: Guest, tmp_path: Path) -> None:
    """With stderr in a file (the screen's library draws there), there are lines instead."""
    with (tmp_path / "errors").open("wb") as errors:
        typist = Typist("debug", guest("j ."), errors=errors.fileno())
        try:
            typist.wait_for(b"(replug) ")
            typist.type(b"when\r")
            typist.wait_for(b"instruction 0 ")
            typist.type(b"quit\r")
            assert typist.finish() == 0
        finally:
            typist.close()
    assert b"\x1b" not in (tmp_path / "errors").read_bytes()
