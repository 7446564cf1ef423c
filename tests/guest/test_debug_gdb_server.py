# SPDX-License-Identifier: GPL-2.0-or-later
"""The GDB server over its socket: clients that come together, vanish, never read, or send anything at all."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.debug.gdb.packets import Reader, frame
from emulator.debug.gdb.server import GdbServer
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.loader.elf import open_image
from emulator.options import MachineOptions

Guest = Callable[[str], Path]
FOR_EVER = "again: addi s1, s1, 1\n j again\n"
_PATIENCE = 60.0  # seconds; never reached when all is well


class _Over(Exception):
    """The test is over."""


class Served:
    """A server in a thread of its own, which is the session's as well."""

    def __init__(self, image: Path) -> None:
        self.remarks: list[str] = []
        self.asked = 0  # how often the machine has asked what was typed
        self._image = image
        self._over = threading.Event()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        assert self._listens.wait(_PATIENCE)

    def _serve(self) -> None:
        with DebugSession(open_image(self._image), MachineOptions(harts=2, memory=8 << 20)) as session:
            server = GdbServer(
                session,
                Symbols(session.machine.image),
                ("127.0.0.1", 0),
                lambda _line: "said",
                self._check,
                self.remarks.append,
            )
            session.input = self._type
            self.port = server.port
            self._listens.set()
            try:
                server.serve()
            except _Over:
                pass
            finally:
                server.close()

    def _type(self) -> bytes:
        self.asked += 1
        return b""

    def _check(self) -> None:
        if self._over.is_set():
            raise _Over

    def close(self) -> None:
        self._over.set()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()

    def connect(self) -> "Connected":
        return Connected(self.port)


class Connected:
    """A client that can do anything."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._reader = Reader()
        self._came: list[object] = []

    def __enter__(self) -> "Connected":
        return self

    def __exit__(self, *_about: object) -> None:
        self.socket.close()

    def reply(self) -> bytes:
        while True:
            while self._came:
                item = self._came.pop(0)
                if isinstance(item, bytes):
                    return item
            data = self.socket.recv(1 << 16)
            assert data, "the server has hung up"
            self._came += self._reader.feed(data)

    def ask(self, payload: bytes) -> bytes:
        self.socket.sendall(frame(payload))
        return self.reply()


@pytest.fixture(scope="module")
def served(guest: Guest) -> Iterator[Served]:
    made = Served(guest(FOR_EVER))
    yield made
    made.close()


def test_one_client_at_a_time(served: Served) -> None:
    with served.connect() as first:
        assert first.ask(b"qC") == b"QC1"
        with served.connect() as second:
            assert second.socket.recv(100) == b""
        first.socket.sendall(frame(b"vCont;c"))
        with served.connect() as third:  # while the machine runs as well
            assert third.socket.recv(100) == b""
        first.socket.sendall(b"\x03")
        assert first.reply().startswith(b"T02")
    assert any("turned away" in remark for remark in served.remarks)
    with served.connect() as fourth:
        assert fourth.ask(b"qC").startswith(b"QC")


def test_an_interrupt_comes_through_whatever_runs(served: Served) -> None:
    with served.connect() as client:
        pc = int.from_bytes(bytes.fromhex(client.ask(b"p20").decode()), "little")
        around = b"%x,%x" % (pc - 0x100, pc + 0x100)
        for command in (b"c", b"vCont;c", b"vCont;c:1", b"vCont;c:2", b"vCont;r%s:1" % around,
                        b"vCont;r%s:2;c" % around):  # fmt: skip
            client.socket.sendall(frame(command) + b"\x03")
            assert client.reply().startswith(b"T02"), command
            client.socket.sendall(frame(command))
            time.sleep(0.05)
            client.socket.sendall(b"\x03")
            assert client.reply().startswith(b"T02"), command
        assert client.ask(b"qC").startswith(b"QC")


def test_a_client_that_vanishes_while_the_machine_runs(served: Served) -> None:
    for command in (b"vCont;c", b"m80000000,ff", b"vCont;r0,ffffffffffff:1"):
        with served.connect() as client:
            client.socket.sendall(frame(command) + b"$half a pa")
    with served.connect() as client:
        assert client.ask(b"qC").startswith(b"QC")


def test_behind_a_client_that_detaches_it_waits_for_input(guest: Guest) -> None:
    served = Served(guest("asleep: wfi\n j asleep\n"))
    try:
        with served.connect() as client:
            assert client.ask(b"D") == b"OK"
        asked, end = served.asked, time.monotonic() + _PATIENCE
        while served.asked < asked + 3 and time.monotonic() < end:
            time.sleep(0.01)
        assert served.asked >= asked + 3
        with served.connect() as client:
            assert client.ask(b"qC").startswith(b"QC")
    finally:
        served.close()


def test_a_client_that_never_reads(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.debug.gdb.connection._PATIENCE", 0.2)
    with served.connect() as client:
        client.socket.settimeout(0.05)
        requests = frame(b"m80000000,ff00") * 3000
        limit = time.monotonic() + _PATIENCE
        with pytest.raises(ConnectionError):  # the server does not take it any more, and hangs up
            while time.monotonic() < limit:
                with contextlib.suppress(TimeoutError):
                    requests = requests[client.socket.send(requests) :] or requests
        with served.connect() as other:
            assert other.ask(b"qC").startswith(b"QC")


_STREAMS = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"$", b"#", b"}", b"+", b"-", b"\x03", b"$#00", b"$" + b"x" * 70_000, b"$X0,2:}"]),
        st.sampled_from(
            [
                b"?",
                b"g",
                b"vCont;c",
                b"vCont;s:1",
                b"bc",
                b"bs",
                b"m0,ffffffff",
                b"qRcmd,zz",
                b"vMustReplyEmpty",
            ]
        ).map(frame),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(_STREAMS)
def test_any_bytes_at_all(served: Served, pieces: list[bytes]) -> None:
    with served.connect() as client:
        for piece in pieces:
            client.socket.sendall(piece)
        client.socket.sendall(b"#00#00" + frame(b"qHostInfo"))
        client.socket.settimeout(0.1)
        reply = b""
        while not reply.startswith(b"triple:"):
            try:
                reply = client.reply()
            except TimeoutError:
                client.socket.sendall(b"\x03")  # it may run, several times
    with served.connect() as client:
        assert client.ask(b"qC").startswith(b"QC")
