# SPDX-License-Identifier: GPL-2.0-or-later
"""A host on the network that answers by itself: ARP, DHCP, ping, UDP echo; TCP is refused."""

from __future__ import annotations

import struct

from emulator.devices.network import Frame

HOST_MAC = bytes.fromhex("525400123455")
GUEST_IP = bytes((10, 0, 2, 15))
HOST_IP = bytes((10, 0, 2, 2))
NETMASK = bytes((255, 255, 255, 0))

_BROADCAST = b"\xff" * 6
_ARP, _IPV4 = 0x0806, 0x0800
_ICMP, _TCP, _UDP = 1, 6, 17
_ETHERNET = struct.Struct("!6s6sH")
_IP = struct.Struct("!BBHHHBBH4s4s")
_UDP_HEADER = struct.Struct("!HHHH")
_TCP_HEADER = struct.Struct("!HHIIBBHHH")
_DHCP_SERVER, _DHCP_CLIENT = 67, 68
_DHCP_COOKIE = bytes.fromhex("63825363")
_DHCP_FIXED = 236  # bytes of BOOTP before the cookie
_DISCOVER, _OFFER, _REQUEST, _ACKNOWLEDGE = 1, 2, 3, 5
_LEASE = 86_400  # seconds


class EchoHost:
    """One host, 10.0.2.2, that answers ARP, DHCP (you are 10.0.2.15), ping, and echoes UDP on every port.

    TCP connections are refused. It keeps no state: an answer depends on the frame alone.
    """

    def send(self, frame: Frame) -> list[Frame]:
        if len(frame) < _ETHERNET.size:
            return []
        to, source, kind = _ETHERNET.unpack_from(frame)
        if to not in (HOST_MAC, _BROADCAST):
            return []
        body = frame[_ETHERNET.size :]
        answer = _arp(body) if kind == _ARP else _ip(body) if kind == _IPV4 else None
        if answer is None:
            return []
        return [(_ETHERNET.pack(source, HOST_MAC, kind) + answer).ljust(60, b"\0")]


def _arp(body: bytes) -> bytes | None:
    if len(body) < 28 or body[:8] != bytes.fromhex("0001080006040001") or body[24:28] != HOST_IP:
        return None
    return bytes.fromhex("0001080006040002") + HOST_MAC + HOST_IP + body[8:14] + body[14:18]


def _ip(body: bytes) -> bytes | None:
    if len(body) < _IP.size:
        return None
    version, _, length, _, fragment, _, protocol, _, source, to = _IP.unpack_from(body)
    header = (version & 15) * 4
    if version >> 4 != 4 or header < _IP.size or not header <= length <= len(body):
        return None
    if fragment & 0x3FFF or checksum(body[:header]):
        return None  # fragments are not put together
    data = body[header:length]
    if to == b"\xff" * 4 and protocol == _UDP:
        return _dhcp(data)
    if to != HOST_IP:
        return None
    answer = {_ICMP: _ping, _UDP: _udp, _TCP: _refuse}.get(protocol, _ignore)(data, source)
    return None if answer is None else _packet(protocol, source, answer)


def _packet(protocol: int, to: bytes, data: bytes) -> bytes:
    fields = [0x45, 0, _IP.size + len(data), 0, 0x4000, 64, protocol, 0, HOST_IP, to]
    fields[7] = checksum(_IP.pack(*fields))
    return _IP.pack(*fields) + data


def _ignore(_data: bytes, _source: bytes) -> bytes | None:
    return None


def _ping(data: bytes, _source: bytes) -> bytes | None:
    if len(data) < 8 or data[0] != 8 or data[1] != 0 or checksum(data):
        return None
    reply = b"\0\0\0\0" + data[4:]
    return reply[:2] + struct.pack("!H", checksum(reply)) + reply[4:]


def _udp(data: bytes, source: bytes) -> bytes | None:
    if len(data) < _UDP_HEADER.size:
        return None
    from_port, to_port, length, _ = _UDP_HEADER.unpack_from(data)
    if not _UDP_HEADER.size <= length <= len(data):
        return None
    return _datagram(to_port, from_port, source, data[_UDP_HEADER.size : length])


def _datagram(from_port: int, to_port: int, to: bytes, data: bytes) -> bytes:
    length = _UDP_HEADER.size + len(data)
    plain = _UDP_HEADER.pack(from_port, to_port, length, 0) + data
    # A checksum of 0 would say that there is none (RFC 768).
    sum_ = checksum(_pseudo(_UDP, to, length) + plain) or 0xFFFF
    return plain[:6] + struct.pack("!H", sum_) + plain[8:]


def _pseudo(protocol: int, to: bytes, length: int) -> bytes:
    return HOST_IP + to + struct.pack("!BBH", 0, protocol, length)


def _refuse(data: bytes, source: bytes) -> bytes | None:
    """A reset for whoever wants a connection (RFC 9293, section 3.10.7.1)."""
    if len(data) < _TCP_HEADER.size:
        return None
    from_port, to_port, sequence, acknowledge, offset, flags, _, _, _ = _TCP_HEADER.unpack_from(data)
    header = (offset >> 4) * 4
    if flags & 4 or not _TCP_HEADER.size <= header <= len(data):
        return None
    if flags & 16:
        fields = [to_port, from_port, acknowledge, 0, 5 << 4, 4, 0, 0, 0]
    else:
        length = len(data) - header + (flags >> 1 & 1) + (flags & 1)
        fields = [to_port, from_port, 0, (sequence + length) & 0xFFFF_FFFF, 5 << 4, 4 | 16, 0, 0, 0]
    fields[7] = checksum(_pseudo(_TCP, source, _TCP_HEADER.size) + _TCP_HEADER.pack(*fields))
    return _TCP_HEADER.pack(*fields)


def _dhcp(data: bytes) -> bytes | None:
    """An offer or an acknowledgement, always of the same address (RFC 2131)."""
    if len(data) < _UDP_HEADER.size + _DHCP_FIXED + 4:
        return None
    from_port, to_port, length, _ = _UDP_HEADER.unpack_from(data)
    request = data[_UDP_HEADER.size : length]
    if (from_port, to_port) != (_DHCP_CLIENT, _DHCP_SERVER) or len(request) < _DHCP_FIXED + 4:
        return None
    if request[0] != 1 or request[_DHCP_FIXED:][:4] != _DHCP_COOKIE:
        return None
    asked = _message_type(request[_DHCP_FIXED + 4 :])
    if asked not in (_DISCOVER, _REQUEST):
        return None
    answer = _OFFER if asked == _DISCOVER else _ACKNOWLEDGE
    reply = bytes((2, *request[1:3], 0)) + request[4:8] + bytes(2) + request[10:12] + bytes(4)
    reply += GUEST_IP + HOST_IP + bytes(4) + request[28:44] + bytes(_DHCP_FIXED - 44)
    lease = struct.pack("!I", _LEASE)
    options = [(53, bytes((answer,))), (54, HOST_IP), (51, lease), (1, NETMASK), (3, HOST_IP), (6, HOST_IP)]
    reply += _DHCP_COOKIE + b"".join(bytes((code, len(value))) + value for code, value in options) + b"\xff"
    to = b"\xff" * 4
    return _packet(_UDP, to, _datagram(_DHCP_SERVER, _DHCP_CLIENT, to, reply))


def _message_type(options: bytes) -> int:
    """The value of option 53, 0 when there is none."""
    position = 0
    while position + 1 < len(options) and options[position] != 255:
        if options[position] == 0:
            position += 1
            continue
        value = options[position + 2 : position + 2 + options[position + 1]]
        if options[position] == 53 and len(value) == 1:
            return value[0]
        position += 2 + options[position + 1]
    return 0


def checksum(data: bytes) -> int:
    """The Internet's checksum (RFC 1071): 0 over data that holds its own."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
