# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that is moved through time, and the world: disk file, network, what devices write to RAM."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator import Machine, MachineOptions
from emulator.cli.link import UdpLink
from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.devices.disk import Disk
from emulator.devices.options import DeviceOptions
from emulator.engine import Access
from emulator.loader.elf import open_image
from emulator.replay import replay
from guestos.images import GUESTOS
from toolchain.assemble import assemble

sys.path.insert(0, str(Path(__file__).parent))
from virtio_guests import DISK, ENTROPY

Guest = Callable[[str], Path]
SECTORS = 4


def _address(session: DebugSession, name: str) -> int:
    symbol = session.machine.image.symbol(name)
    assert symbol is not None
    return symbol.address


# --- the disk's file ---


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(b"\xff" * 512 * SECTORS)
    return path


def _first_bytes(disk: Path) -> list[int]:
    """Of each sector of the file."""
    return list(disk.read_bytes()[::512])


def _disk_session(guest: Guest, disk: Path) -> DebugSession:
    options = MachineOptions(disk=disk, disk_write=True)
    return DebugSession(open_image(guest(DISK)), options)


def test_the_file_is_what_the_disk_holds_at_the_farthest_state(guest: Guest, disk: Path) -> None:
    said: list[str] = []
    with _disk_session(guest, disk) as session:
        session.notify = said.append
        session.break_at(_address(session, "written"))
        states = []
        for number in (1, 2, 3):
            session.run()
            states.append(session.position.step)
            assert _first_bytes(disk) == [*range(1, number + 1), *[255] * (SECTORS - number)]
        session.goto(states[0])
        sector = session.machine.disk
        assert sector is not None and sector.read(1, 1)[0] == 255  # the guest's disk is of its time
        assert _first_bytes(disk) == [1, 2, 3, 255]  # the file is not
        session.goto(states[1])
        session.reverse()
        session.run()
        assert _first_bytes(disk) == [1, 2, 3, 255]
        assert not said
        session.goto(states[0] + 3)
        session.set_x(0, 9, 3)  # as if all were written
        assert _first_bytes(disk) == [1, 255, 255, 255]
        assert "new timeline" in said[0] and str(disk) in said[0]
        assert session.run().kind is StopKind.BREAKPOINT
        assert _first_bytes(disk) == [1, 255, 255, 4]


def test_a_file_that_is_not_to_be_written_stays(guest: Guest, disk: Path) -> None:
    with DebugSession(open_image(guest(DISK)), MachineOptions(disk=disk)) as session:
        assert session.run().kind is StopKind.EXIT
        assert session.engine.get_x(0, 19) == 3
    assert _first_bytes(disk) == [255] * SECTORS


def test_a_sector_is_written_once_however_often_its_past_runs(
    guest: Guest, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write_file = Disk._write_file

    def noted(self: Disk, sector: int, data: bytes) -> None:
        written.append(sector)
        write_file(self, sector, data)

    monkeypatch.setattr(Disk, "_write_file", noted)
    with _disk_session(guest, disk) as session:
        end = session.run().position.step
        for place in (0, end // 2, end - 3, 10):
            session.goto(place)
            session.run()
        state, token = session.machine.state_hash(), session.token()
    assert sorted(written) == [0, 1, 2]
    disk.write_bytes(b"\xff" * 512 * SECTORS)
    with Machine(guest(DISK), MachineOptions(disk=disk)) as machine:
        replay(machine, token)
        assert machine.state_hash() == state


def test_a_pause_stands_where_every_way_leads(
    guest: Guest, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a device has just acted, between two steps, and the user is impatient."""
    with _disk_session(guest, disk) as session:
        bus, began = session.machine.bus, 0
        act = bus.run_due_events

        def act_and_pause() -> None:
            act()
            # Going on from there, the device acts again; and so it does on the way to where it will stand.
            if session.engine.steps > began or not session.is_live:
                session.pause()

        with monkeypatch.context() as patch:
            patch.setattr(bus, "run_due_events", act_and_pause)
            known = {}
            for _ in range(10):
                stop = session.run()
                if stop.kind is not StopKind.PAUSED:
                    break
                known[stop.position.step] = session.machine.state_hash()
                began = stop.position.step
        assert stop.kind is StopKind.EXIT and len(known) == 4  # where each request is completed
        for step, state in known.items():
            session.goto(step)
            assert session.machine.state_hash() == state, step


# --- what devices write to RAM ---


def test_a_device_meets_a_watchpoint_forwards_and_backwards(guest: Guest, disk: Path) -> None:
    options = MachineOptions(harts=2, quantum=20, disk=disk)
    # The second hart runs on meanwhile.
    path = guest("csrr t0, mhartid\n1: bnez t0, 1b\n" + DISK)
    with DebugSession(open_image(path), options) as session:
        data = _address(session, "data")
        session.watch(data + 4, 4)
        seen = []
        while (stop := session.run()).kind is StopKind.WATCHPOINT:
            assert stop.hit is not None
            value = session.machine.read_physical(data, 1)[0]
            seen.append((stop.hit.step, stop.writer, value))
        assert stop.kind is StopKind.EXIT
        assert [(writer, value) for _, writer, value in seen] == [
            ("", 1), ("", 2), ("", 3), ("", 0), ("virtio0 (block)", 3)
        ]  # fmt: skip
        back = []
        while (stop := session.reverse()).kind is StopKind.WATCHPOINT:
            assert stop.hit is not None and stop.position.step == stop.hit.step
            back.append((stop.hit.step, stop.writer))
        assert back == [(step, writer) for step, writer, _ in reversed(seen)]


def test_who_wrote_there_last_may_be_a_device(guest: Guest, disk: Path) -> None:
    with DebugSession(open_image(guest(DISK)), MachineOptions(disk=disk)) as session:
        session.run()
        stop = session.last_access(_address(session, "data"), 8)
        assert stop.writer == "virtio0 (block)" and stop.backwards
        assert session.machine.read_physical(_address(session, "data"), 1) == b"\0"  # in front of it
        here = session.position
        session.step_machine()
        assert session.machine.read_physical(_address(session, "data"), 1) == b"\3"
        session.goto(here.step)
        stop = session.last_access(_address(session, "data"), 8)
        assert stop.writer == "" and stop.position < here


def test_a_condition_judges_what_a_device_has_written(guest: Guest, disk: Path) -> None:
    with DebugSession(open_image(guest(DISK)), MachineOptions(disk=disk)) as session:
        data = _address(session, "data")
        session.condition = lambda _breakpoint, _hart: session.machine.read_physical(data, 1) == b"\3"
        session.watch(data, 8, condition="its own")
        assert [session.run().writer for _ in range(2)] == ["", "virtio0 (block)"]
        assert session.run().kind is StopKind.EXIT
        assert [session.reverse().writer for _ in range(2)] == ["virtio0 (block)", ""]


def test_a_device_that_writes_while_a_hart_notifies_it(guest: Guest) -> None:
    with DebugSession(open_image(guest(ENTROPY)), MachineOptions()) as session:
        session.watch(_address(session, "data"), 8)
        stop = session.run()
        assert (stop.kind, stop.writer) == (StopKind.WATCHPOINT, "virtio3 (entropy)")
        assert session.machine.read_physical(_address(session, "data"), 8) != bytes(8)
        assert session.run().kind is StopKind.EXIT
        back = session.reverse()
        assert (back.writer, back.position.step) == ("virtio3 (entropy)", stop.position.step - 1)
        assert session.engine.get_pc(0) == _address(session, "notify")
        assert session.reverse().kind is StopKind.START


def test_where_no_page_has_changed_nothing_is_run_again(guest: Guest) -> None:
    """What was never written is found not to have been, without a look at each instruction."""
    text = "la s0, there\n li s1, 0\n1: addi s1, s1, 1\n sd s1, 0(s0)\n j 1b\n"
    text += ".data\n.balign 4096\nthere: .dword 0\n.balign 4096\nnever: .dword 0\n"
    with DebugSession(open_image(guest(text)), MachineOptions()) as session:
        session.run(8_000_000)
        trips = []
        session.look = lambda: trips.append(session.engine.steps)
        assert session.last_access(_address(session, "never"), 8).kind is StopKind.START
        assert not trips
        session.goto(8_000_000)
        stop = session.last_access(_address(session, "there"), 8)
        assert stop.kind is StopKind.WATCHPOINT and stop.position.step > 7_999_990


# --- the network ---


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest that sends a frame and waits for it to come back."""
    source = Path(__file__).parent / "programs" / "devices.c"
    output = tmp_path_factory.mktemp("devices") / "devices.elf"
    start = GUESTOS / "bare" / "start.S"
    return assemble([start, source], output, link_script=GUESTOS / "bare" / "link.ld", root=source.parent)


@contextmanager
def _mirror() -> Iterator[tuple[str, list[bytes]]]:
    """Somebody who sends each frame back: the form of --net, and what has come."""
    came: list[bytes] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free,
    ):
        end.bind(("127.0.0.1", 0))
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        done = threading.Event()

        def answer() -> None:
            end.settimeout(0.05)
            while not done.is_set():
                try:
                    frame, sender = end.recvfrom(65536)
                except TimeoutError:
                    continue
                came.append(frame)
                end.sendto(frame, sender)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"udp:{port}:127.0.0.1:{end.getsockname()[1]}", came
        finally:
            done.set()
            thread.join()


def test_frames_are_sent_once_and_those_that_came_come_again(speaker: Path) -> None:
    options = MachineOptions(memory=8 << 20, devices=DeviceOptions(net="link", console="virtio"))
    console = bytearray()
    keys = [b"k"]

    def typed() -> bytes:
        return keys.pop() if keys and b"virtio console" in console else b""

    image = open_image(speaker)
    with _mirror() as (place, came):
        with UdpLink(place) as link, DebugSession(image, options, console.extend) as session:
            session.connect(link)
            session.input = typed
            assert session.run().kind is StopKind.EXIT, console
            said, sent = bytes(console), len(came)
            assert sent >= 1 and said.endswith(b"typed k\n")
            end, state = session.position, session.machine.state_hash()
            for step in (0, end.step // 2, end.step - 1):
                session.goto(step)
                assert session.run().kind is StopKind.EXIT
                assert (session.position, session.machine.state_hash()) == (end, state)
            assert bytes(console) == said
            token = session.token()
        assert len(came) == sent
    with DebugSession(image, options, None, token) as again:
        assert again.run().kind is StopKind.EXIT
        assert (again.position, again.machine.state_hash()) == (end, state)
    with Machine(image, options) as machine:
        replay(machine, token)
        assert machine.state_hash() == state


def test_reading_is_no_writing(guest: Guest, disk: Path) -> None:
    """A device that writes meets no read watchpoint."""
    with DebugSession(open_image(guest(DISK)), MachineOptions(disk=disk)) as session:
        session.watch(_address(session, "data"), 8, Access.READ)
        assert (stop := session.run()).kind is StopKind.WATCHPOINT and stop.writer == ""
        assert session.run().kind is StopKind.EXIT
