# SPDX-License-Identifier: GPL-2.0-or-later
"""What each packet of GDB's protocol does, without a client: replies of the target to payloads."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.debug.gdb.target import GdbTarget
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.loader.elf import open_image
from emulator.options import MachineOptions

Guest = Callable[[str], Path]
LOOP = """
        la s0, counter
    again:
        ld s1, 0(s0)
        addi s1, s1, 1
        sd s1, 0(s0)
        j again
        .data
        .balign 8
        .globl counter
    counter: .dword 0
        .globl text
    text: .asciz "a text"
"""


class Client:
    """Asks the target itself; printed: what the user would see."""

    def __init__(self, session: DebugSession) -> None:
        self.session = session
        self.printed = ""
        self.target = GdbTarget(session, Symbols(session.machine.image), lambda _line: "said", self._print)

    def _print(self, text: str) -> None:
        self.printed += text

    def ask(self, payload: str | bytes) -> str:
        data = payload if isinstance(payload, bytes) else payload.encode()
        reply = self.target.handle(data)
        resume = self.target.take_resume()
        if resume is not None:
            reply = self.target.stop_reply(resume())
        return "" if reply is None else reply.decode("latin-1")

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def symbol(self, name: str) -> int:
        assert self.session.machine.image is not None
        symbol = self.session.machine.image.symbol(name)
        assert symbol is not None
        return symbol.address

    def retired(self) -> list[int]:
        return [self.session.engine.instret(hart) for hart in range(self.session.machine.harts)]


@pytest.fixture(scope="module")
def image(guest: Guest) -> Path:
    return guest(LOOP)


@pytest.fixture
def client(image: Path) -> Iterator[Client]:
    with DebugSession(open_image(image), MachineOptions(harts=3, quantum=50)) as session:
        yield Client(session)


def test_a_name_is_no_prefix(client: Client) -> None:
    assert client.ask("qC") == "QC1"
    for unknown in ("qCRC:80000000,10", "qCx", "vConts", "vRunning", "qSupportedNot", "bx", "j", "_", ""):
        assert client.ask(unknown) == "", unknown


def test_errors_are_replies(client: Client) -> None:
    huge = "f" * 20
    for payload in (
        f"p pfff p{huge} Pfff=00 P1 P1=00 G1 m m1 m, m{huge},4 M{huge},1:00 M80000000,2:00 X{huge},1:a "
        "X80000000,9:a H T Hg9 T9 vCont;q vCont;s:9 vCont;r1:1 szz Z0,1 Z2,80000000,0 qRcmd,z "
        f"vFile:pread:3,z,0 Z0,{huge},4 qMemoryRegionInfo:{huge} qThreadExtraInfo,9 qThreadStopInfo99 "
        "qXfer:features:read:x:0,9 qXfer:features:read:target.xml:0"
    ).split():
        assert client.ask(payload)[:1] in ("E", "F"), payload
    assert client.ask("qC") == "QC1" and client.ask("m10,4") == "E14"


def test_all_registers_at_once(client: Client) -> None:
    client.ask("s")
    assert client.ask("g") == "".join(client.ask(f"p{number:x}") for number in range(65))
    changed = bytearray(bytes.fromhex(client.ask("g")))
    changed[8 * 5] = 0x77
    changed[8 * 40] = 0x66
    assert client.ask("G" + changed.hex()) == "OK"
    assert client.ask("g") == changed.hex()
    assert client.ask("G00") == "E22" and client.ask("g") == changed.hex()


def test_a_stop_brings_the_integer_registers(client: Client) -> None:
    for _ in range(5):
        stop = client.ask("vCont;s:2;c")
        values = dict(re.findall(r"([0-9a-f]{2}):([0-9a-f]{16});", stop))
        assert len(values) == 33 and stop.startswith("T05thread:2;")
        assert all(client.ask(f"p{number}") == value for number, value in values.items())


def test_only_those_with_an_action_move(client: Client) -> None:
    client.ask("vCont;s:3")
    assert client.retired() == [0, 0, 1]
    client.ask("vCont;s:2;c:3")
    assert client.retired()[:2] == [0, 1]
    client.ask(f"Z0,{client.session.engine.get_pc(1):x},4")
    client.ask("vCont;c:1;c:2")
    assert client.retired()[2] == 1


def test_a_range_is_left_at_its_end(client: Client) -> None:
    client.ask("vCont;s:1")
    client.ask("vCont;s:1")
    start = client.register(32)
    stop = client.ask(f"vCont;r{start:x},{start + 4:x}:1")
    assert stop.startswith("T05") and client.register(32) == start + 4
    client.session.look = client.session.pause
    stop = client.ask(f"vCont;r0,{1 << 63:x}:1")  # never left; Ctrl-C ends it
    assert stop.startswith("T02thread:1;")


def _constant(value: int) -> str:
    return f"25{value:016x}"


def test_conditions_and_commands_in_bytecode(client: Client) -> None:
    again = client.symbol("again")
    counter, text = client.symbol("counter"), client.symbol("text")
    load = _constant(counter) + "1a"  # ref64
    equal = load + "2207" + "13" + "27"  # == 7
    assert client.ask(f"Z0,{again:x},4;X{len(equal) // 2:x},{equal}") == "OK"
    assert "swbreak" in client.ask("vCont;c")
    assert client.register(9) == 7
    client.ask(f"z0,{again:x},4")

    form = rb"%ld of %s\n%%" + b"\0"
    values = _constant(text) + load + "2200" + "2200"  # arguments, last first; channel and function
    printing = values + f"34{2:02x}{len(form):04x}{form.hex()}" + "27"
    client.ask(f"Z0,{again:x},4;cmds:0,X{len(printing) // 2:x},{printing}")
    client.ask(f"Z0,{again + 4:x},4;X{len(equal) // 2:x},{equal.replace('2207', '220a')}")
    assert f"thread:{1}" in client.ask("vCont;c").replace("thread:3", "thread:1").replace(
        "thread:2", "thread:1"
    )
    told = re.findall(r"(\d+) of a text\n%", client.printed)
    assert told and told == sorted(told, key=int) and int(told[-1]) == 10
    client.printed = ""
    client.ask("bc")
    assert client.printed == ""  # in the past, nothing is printed again


def test_commands_stop_only_where_they_are_nonsense(client: Client) -> None:
    again = client.symbol("again")
    client.session.look = client.session.pause
    for nonsense, signal in (("27", "T02"), ("34ff0001", "T05"), ("340000ff00", "T05"), ("ff", "T05")):
        client.ask(f"Z0,{again:x},4;cmds:0,X{len(nonsense) // 2:x},{nonsense}")
        assert client.ask("vCont;c").startswith(signal), nonsense
    assert client.ask(f"Z0,{again:x},4;Xzz,00") == client.ask(f"Z0,{again:x},4;X2") == "E22"
    assert client.ask(f"Z0,{again:x},4;nothing,00") == "E22"


def test_the_memory_map_has_everything_once(client: Client) -> None:
    text = client.ask("qXfer:memory-map:read::0,10000")
    regions = [(int(a, 16), int(b, 16)) for a, b in re.findall(r'start="(\w+)" length="(\w+)"', text)]
    assert regions[0][0] == 0 and sum(regions[-1]) == 1 << 64
    assert all(sum(here) == there[0] for here, there in pairwise(regions))
    config = client.session.engine.config
    assert (config.ram_base, config.ram_size) in regions and (0x1000_0000, 0x100) in regions


def test_killed_and_started_again(client: Client) -> None:
    assert client.ask("?").startswith("T05thread:1;") and "replaylog" not in client.ask("?")
    assert "replaylog:begin" in client.ask("bs")
    assert client.ask("!") == "OK"
    start = client.session.machine.state_hash()
    for _ in range(100):
        client.ask("vCont;s:1;c")
    assert client.ask("vKill;1") == "OK" and not client.target.killed
    assert client.ask("?") == "W00"
    stop = client.ask("vRun;")
    assert stop.startswith("T05thread:1;") and "replaylog" not in stop
    assert client.session.machine.state_hash() == start
    client.ask("vKill;1")
    client.target.close()
    assert client.target.killed


def test_without_extended_mode_the_machine_is_gone(client: Client) -> None:
    assert client.ask("vKill;1") == "OK" and client.target.killed


_NUMBERS = st.one_of(
    st.sampled_from(["0", "1", "2", "3", "4", "-1", "80000000", "80000010", "ffffffffffffffff", "x", ""]),
    st.integers(0, 1 << 70).map(lambda number: f"{number:x}"),
)
_NAMES = st.sampled_from(
    re.findall(
        r"\S+",
        """? ! g G p P m M X H T c C s S bs bc Z0 Z1 Z2 Z3 Z4 Z5 z0 z2 D k vKill vRun vAttach vCont vCont?
        vFile:open vFile:pread vFile:fstat vFile:close qXfer:features:read qXfer:threads:read qXfer:auxv:read
        qXfer:memory-map:read qXfer:exec-file:read qC qSupported qRcmd qSymbol qfThreadInfo qsThreadInfo
        qThreadExtraInfo qThreadStopInfo qMemoryRegionInfo qHostInfo qProcessInfo QStartNoAckMode""",
    )
)
_MARKS = st.sampled_from(
    [",", ";", ":", "=", "", ";s:", ";c:", ";r", ";X2,", ";cmds:0,X1,", "g", "c", "target.xml"]
)


@st.composite
def _payloads(draw: st.DrawFn) -> bytes:
    parts = [draw(_NAMES), draw(_NUMBERS)]
    for _ in range(draw(st.integers(0, 4))):
        parts += [draw(_MARKS), draw(_NUMBERS)]
    return "".join(parts).encode() + draw(st.one_of(st.just(b""), st.binary(max_size=6)))


@settings(max_examples=60, deadline=None)
@given(st.lists(_payloads(), max_size=25))
def test_no_packet_is_too_strange(image: Path, payloads: list[bytes]) -> None:
    with DebugSession(open_image(image), MachineOptions(harts=2, quantum=50, memory=8 << 20)) as session:
        client = Client(session)
        session.look = session.pause
        for payload in payloads:
            assert isinstance(client.ask(payload), str)
        assert client.ask("qC").startswith("QC") and len(client.ask("g")) == 65 * 16
        client.target.close()
        assert len(session.breakpoints) == 0
