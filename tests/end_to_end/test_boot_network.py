# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's U-Boot uses the network card, with its own driver: DHCP and ping, and the run is repeated."""

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import Replug
from typist import Typist

from emulator.devices.echo_host import EchoHost

HostFile = Callable[[str, str], Path]
GATEWAY = (
    "-machine none -nodefaults -display none -monitor none -netdev user,id=u "
    "-netdev socket,id=s,udp=127.0.0.1:{ours},localaddr=127.0.0.1:{far} "
    "-netdev hubport,id=a,hubid=0,netdev=u -netdev hubport,id=b,hubid=0,netdev=s"
)
U_BOOT = "/usr/lib/u-boot/qemu-riscv64/uboot.elf"


def ping(u_boot: Path, result: Path, net: str) -> bytes:
    """What the console shows when U-Boot gets its address and pings its host."""
    typist = Typist("boot", u_boot, "--net", net, "--json", result)
    try:
        typist.wait_for(b"Hit any key to stop autoboot")
        typist.type(b" ")
        typist.wait_for(b"=> ")
        typist.type(b"setenv autoload no; dhcp\r")
        typist.wait_for(b"DHCP client bound to address 10.0.2.15")
        typist.type(b"ping 10.0.2.2\r")
        typist.wait_for(b"is alive")
        typist.type(b"ping 10.0.2.3\x03\r")  # nobody: given up by Ctrl-C
        typist.type(b"poweroff\r")
        assert typist.finish() == 0
    finally:
        typist.close()
    return typist.shown


def assert_repeated(replug: Replug, u_boot: Path, result: Path) -> None:
    first = json.loads(result.read_text())
    again = json.loads(replug("boot", u_boot, "--replay", first["token"], "--json", "-").stdout)
    for key in ("state_hash", "instructions", "virtual_time_ns", "token"):
        assert again[key] == first[key]


def test_the_host_that_answers_by_itself(replug: Replug, host_file: HostFile, tmp_path: Path) -> None:
    u_boot = host_file(U_BOOT, "u-boot-qemu")
    result = tmp_path / "run.json"
    assert b"host 10.0.2.2 is alive" in ping(u_boot, result, "echo")
    assert_repeated(replug, u_boot, result)


@contextmanager
def somebody_else() -> Iterator[tuple[int, int]]:
    """A host at the other end of a UDP link: (the guest's port, its own)."""
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
            host = EchoHost()
            end.settimeout(0.1)
            while not done.is_set():
                try:
                    frame, sender = end.recvfrom(65536)
                except TimeoutError:
                    continue
                for reply in host.send(frame):
                    end.sendto(reply, sender)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield port, end.getsockname()[1]
        finally:
            done.set()
            thread.join()


def test_a_link_to_another_process_is_replayed_without_it(
    replug: Replug, host_file: HostFile, tmp_path: Path
) -> None:
    u_boot = host_file(U_BOOT, "u-boot-qemu")
    result = tmp_path / "run.json"
    with somebody_else() as (port, far):
        assert b"host 10.0.2.2 is alive" in ping(u_boot, result, f"udp:{port}:127.0.0.1:{far}")
    assert_repeated(replug, u_boot, result)
    token = json.loads(result.read_text())["token"]
    refused = replug("boot", u_boot, "--replay", token, "--net", f"udp:{port}:127.0.0.1:{far}")
    assert refused.returncode == 2 and b"leave --net udp out" in refused.stderr


def free_ports() -> tuple[int, int]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def test_a_link_into_qemus_user_network(
    replug: Replug, host_file: HostFile, host_tool: Callable[[str, str], str], tmp_path: Path
) -> None:
    """As the README has it: QEMU without a machine is a gateway to the host's network."""
    u_boot, qemu = host_file(U_BOOT, "u-boot-qemu"), host_tool("qemu-system-riscv64", "qemu-system-misc")
    result = tmp_path / "run.json"
    ours, far = free_ports()
    gateway = subprocess.Popen(
        [qemu, *GATEWAY.format(ours=ours, far=far).split()],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert b"host 10.0.2.2 is alive" in ping(u_boot, result, f"udp:{ours}:127.0.0.1:{far}")
    finally:
        gateway.terminate()
        gateway.wait()
    assert_repeated(replug, u_boot, result)


@pytest.mark.parametrize("net", ["echo", "loopback"])
def test_the_card_changes_nothing_for_a_guest_that_does_not_use_it(
    replug: Replug, guest: Callable[[str], Path], net: str
) -> None:
    image = guest("li t0, 0x100000\n li t1, 0x5555\n sw t1, 0(t0)\n1: j 1b\n")
    runs = [json.loads(replug("boot", image, *more, "--json", "-").stdout) for more in ((), ("--net", net))]
    assert runs[0]["instructions"] == runs[1]["instructions"]
    assert runs[0]["token"] != runs[1]["token"]
