# SPDX-License-Identifier: GPL-2.0-or-later
"""The host that answers by itself: each answer byte for byte, and silence for all else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.devices.echo_host import GUEST_IP, HOST_IP, HOST_MAC, EchoHost, checksum
from emulator.devices.network import GUEST_MAC

BROADCAST = b"\xff" * 6
ARP, IPV4 = 0x0806, 0x0800
ICMP, TCP, UDP = 1, 6, 17


def ethernet(kind: int, body: bytes, to: bytes = HOST_MAC) -> bytes:
    return to + GUEST_MAC + struct.pack("!H", kind) + body


def packet(protocol: int, data: bytes, to: bytes = HOST_IP, source: bytes = GUEST_IP) -> bytes:
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 7, 0, 64, protocol, 0, source, to)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + data


def answer(frame: bytes) -> bytes:
    """The one answer, its Ethernet header taken off."""
    [reply] = EchoHost().send(frame)
    assert len(reply) >= 60 and reply[:6] == GUEST_MAC and reply[6:12] == HOST_MAC
    return reply[14:]


def ip_answer(protocol: int, data: bytes) -> bytes:
    """The data of the answer to a packet; its header is right."""
    reply = answer(ethernet(IPV4, packet(protocol, data)))
    assert checksum(reply[:20]) == 0 and reply[9] == protocol
    assert (reply[12:16], reply[16:20]) == (HOST_IP, GUEST_IP)
    return reply[20 : int.from_bytes(reply[2:4])]


def pseudo_sum(protocol: int, data: bytes) -> int:
    return checksum(HOST_IP + GUEST_IP + struct.pack("!BBH", 0, protocol, len(data)) + data)


def test_arp() -> None:
    question = struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, 1, GUEST_MAC, GUEST_IP, bytes(6), HOST_IP)
    wanted = struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, 2, HOST_MAC, HOST_IP, GUEST_MAC, GUEST_IP)
    assert answer(ethernet(ARP, question, BROADCAST))[:28] == wanted
    other = question[:24] + GUEST_IP
    assert EchoHost().send(ethernet(ARP, other, BROADCAST)) == []


@given(st.binary(max_size=1400))
def test_ping(data: bytes) -> None:
    ping = struct.pack("!BBHHH", 8, 0, 0, 0x1234, 5) + data
    ping = ping[:2] + struct.pack("!H", checksum(ping)) + ping[4:]
    reply = ip_answer(ICMP, ping)
    assert reply[0] == 0 and reply[4:] == ping[4:] and checksum(reply) == 0


@given(st.binary(max_size=1400), st.integers(1, 65535), st.integers(1, 65535))
def test_udp_echo(data: bytes, source: int, to: int) -> None:
    reply = ip_answer(UDP, struct.pack("!HHHH", source, to, 8 + len(data), 0) + data)
    assert struct.unpack("!HHH", reply[:6]) == (to, source, 8 + len(data))
    assert reply[8:] == data and pseudo_sum(UDP, reply) == 0 and reply[6:8] != b"\0\0"


def test_tcp_is_refused() -> None:
    syn = struct.pack("!HHIIBBHHH", 4000, 80, 1000, 0, 5 << 4, 2, 8192, 0, 0)
    reply = ip_answer(TCP, syn)
    assert struct.unpack("!HHIIBB", reply[:14]) == (80, 4000, 0, 1001, 5 << 4, 4 | 16)
    assert pseudo_sum(TCP, reply) == 0
    acknowledged = struct.pack("!HHIIBBHHH", 4000, 80, 1000, 77, 5 << 4, 16, 8192, 0, 0)
    assert struct.unpack("!HHIIBB", ip_answer(TCP, acknowledged)[:14]) == (80, 4000, 77, 0, 5 << 4, 4)


@pytest.mark.parametrize(("asked", "answered"), [(1, 2), (3, 5)])
def test_dhcp(asked: int, answered: int) -> None:
    fixed = struct.pack("!BBBBIHH", 1, 1, 6, 0, 0xCAFE, 0, 0x8000) + bytes(16) + GUEST_MAC.ljust(208, b"\0")
    request = fixed + bytes.fromhex("63825363") + b"\0" + bytes((53, 1, asked, 255))
    datagram = struct.pack("!HHHH", 68, 67, 8 + len(request), 0) + request
    frame = ethernet(IPV4, packet(UDP, datagram, to=b"\xff" * 4, source=bytes(4)), BROADCAST)
    [reply] = EchoHost().send(frame)
    data = reply[14 + 20 + 8 :]
    assert data[:1] == b"\2" and data[4:8] == struct.pack("!I", 0xCAFE)
    assert data[16:20] == GUEST_IP and data[28:34] == GUEST_MAC
    assert data[236:243] == bytes.fromhex("63825363") + bytes((53, 1, answered))


@given(st.binary(max_size=1514), st.sampled_from([ARP, IPV4, 0x86DD]), st.booleans())
def test_garbage_is_no_trouble(body: bytes, kind: int, bare: bool) -> None:
    EchoHost().send(body if bare else ethernet(kind, body))


@given(st.sampled_from([ICMP, TCP, UDP, 99]), st.binary(max_size=80), st.sampled_from([HOST_IP, b"\xff" * 4]))
def test_garbage_in_packets_is_no_trouble(protocol: int, data: bytes, to: bytes) -> None:
    EchoHost().send(ethernet(IPV4, packet(protocol, data, to)))


def test_what_is_for_others_or_damaged_gets_no_answer() -> None:
    ping = struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0)
    good = packet(ICMP, ping)
    assert EchoHost().send(ethernet(IPV4, good))
    assert not EchoHost().send(ethernet(IPV4, good, to=GUEST_MAC)), "another's address"
    assert not EchoHost().send(ethernet(IPV4, packet(ICMP, ping, to=bytes((10, 0, 2, 3))))), "another's IP"
    assert not EchoHost().send(ethernet(IPV4, good[:8] + b"\1" + good[9:])), "a wrong checksum"
    assert not EchoHost().send(ethernet(IPV4, packet(ICMP, ping[:4] + b"\1" + ping[5:]))), "ICMP's is wrong"
