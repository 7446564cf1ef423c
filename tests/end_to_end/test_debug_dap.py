# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug debug --dap`, by a client over its port."""

import base64
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Replug, one_line
from dap_client import Client, Refused, Server
from programs import ECHO_ASLEEP

Guest = Callable[[str], Path]

PROGRAM = """
    la s0, counter
    li s1, 0
    csrr s2, mhartid
    bnez s2, other_harts
    li t0, 0x10000000
    li t1, 'A'
    sb t1, 0(t0)
again:
    addi s1, s1, 1          # line "count"
    sd s1, 0(s0)            # line "store"
    call leaf               # line "call"
    li t0, 200              # line "behind"
    bne s1, t0, again
    li t1, 0x100000
    li t2, 0x33333          # status 3
    sw t2, 0(t1)
    j .
other_harts:
    addi s3, s3, 1
    j other_harts
.globl leaf
leaf:
    addi a0, a0, 1          # line "leaf"
    addi a0, a0, 2
    ret
    .data
    .balign 8
    .globl counter
counter: .dword 0
"""


@pytest.fixture(scope="module")
def program(guest: Guest) -> Path:
    return guest(PROGRAM)


def _line(program: Path, mark: str) -> int:
    lines = program.with_suffix(".s").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f'"{mark}"' in line)


@pytest.fixture(scope="module")
def server(program: Path) -> Iterator[Server]:
    with Server(str(program), "--harts", "2", "--quantum", "20") as made:
        yield made


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of the one server, that finds the machine at its start, and leaves it standing."""
    with Client(server.port) as made:
        made.begin()
        assert made.event("stopped")["reason"] == "entry"
        made.ask("restart")
        assert made.event("stopped")["reason"] == "entry"
        yield made
        made.ask("disconnect", terminateDebuggee=False, suspendDebuggee=True)


def test_harts_frames_and_registers(client: Client, program: Path) -> None:
    threads = client.ask("threads")["threads"]
    assert [each["id"] for each in threads] == [1, 2]
    assert all("M-mode" in each["name"] and f"hart {n}" in each["name"] for n, each in enumerate(threads))
    frame = client.frame()
    assert frame["instructionPointerReference"] == "0x80000000" and frame["name"] == "_start"
    assert Path(frame["source"]["path"]) == program.with_suffix(".s").resolve() and frame["line"] == 5
    scopes = client.ask("scopes", frameId=client.frame(2)["id"])["scopes"]
    assert [each["name"] for each in scopes] == ["Registers", "Floating point", "CSRs"]
    references = [each["variablesReference"] for each in scopes]
    x, f, csr = (
        {v["name"]: v["value"] for v in client.ask("variables", variablesReference=each)["variables"]}
        for each in references
    )
    assert int(x["a0"], 0) == 1 and x["pc"] == "0x0000000080000000 <_start>" and len(x) == 33
    assert len(f) == 32 and int(csr["mhartid"], 0) == 1 and int(csr["priv"], 0) == 3
    for reference, name, value in zip(
        references, ("a3", "fa0", "mscratch"), ("0x77", "1.5", "42"), strict=True
    ):
        client.ask("setVariable", variablesReference=reference, name=name, value=value)
    assert client.value("$a3", 2) == 0x77 and client.value("$mscratch", 2) == 42
    assert client.value("$fa0", 2) == 0x3FF8 << 48 and client.value("$a3", 1) == 0
    with pytest.raises(Refused, match="zero cannot be written"):
        client.ask("setVariable", variablesReference=references[0], name="zero", value="1")


def test_breakpoints_on_lines_functions_and_instructions(client: Client, program: Path) -> None:
    source = {"path": str(program.with_suffix(".s"))}
    count, leaf = _line(program, "count"), _line(program, "leaf")
    made = client.ask(
        "setBreakpoints",
        source=source,
        breakpoints=[{"line": count, "condition": "$s1 == 4"}, {"line": 10_000}],
    )["breakpoints"]
    assert made[0]["verified"] and made[0]["line"] == count
    assert not made[1]["verified"] and "no code" in made[1]["message"]
    stop = client.go("continue")
    assert stop["reason"] == "breakpoint" and stop["hitBreakpointIds"] == [made[0]["id"]]
    assert stop["allThreadsStopped"] and client.value("$s1") == 4 and client.frame()["line"] == count
    client.ask("setBreakpoints", source=source, breakpoints=[])
    bad, made_there = client.ask(
        "setFunctionBreakpoints", breakpoints=[{"name": "nowhere"}, {"name": "leaf"}]
    )["breakpoints"]
    assert not bad["verified"] and "no such symbol" in bad["message"]
    stop = client.go("continue")
    assert stop["reason"] == "function breakpoint" and stop["hitBreakpointIds"] == [made_there["id"]]
    frames = client.ask("stackTrace", threadId=1)["stackFrames"]
    assert [each["line"] for each in frames] == [leaf, _line(program, "call")]
    client.ask("setFunctionBreakpoints", breakpoints=[])
    at = frames[1]["instructionPointerReference"]
    client.ask("setInstructionBreakpoints", breakpoints=[{"instructionReference": at, "hitCondition": "3"}])
    assert client.go("continue")["reason"] == "instruction breakpoint"
    assert client.value("$s1") == 7 and client.frame()["line"] == _line(program, "behind")
    client.ask("setInstructionBreakpoints", breakpoints=[])


def test_logpoints_say_and_do_not_stop(client: Client, program: Path) -> None:
    source = {"path": str(program.with_suffix(".s"))}
    count, behind = _line(program, "count"), _line(program, "behind")
    client.ask(
        "setBreakpoints",
        source=source,
        breakpoints=[
            {"line": count, "logMessage": "s1 {$s1} at {$pc}, {nothing}", "condition": "$s1 >= 2"},
            {"line": behind, "condition": "$s1 == 4"},
            {"line": _line(program, "leaf"), "logMessage": "leaf", "hitCondition": "3"},
        ],
    )
    assert client.go("continue")["reason"] == "breakpoint" and client.value("$s1") == 4
    texts: list[str] = []
    while len(texts) < 4:
        said = client.event("output")
        texts += [said["output"]] if said["category"] == "console" else []  # the guest prints, too
    assert [each for each in texts if each != "leaf\n"] == [
        f"s1 {n} ({n:#x}) at {count_at:#x} <again>, (nothing: there is no such symbol)\n"
        for n, count_at in ((2, _at(client, "again")), (3, _at(client, "again")))
    ]
    assert texts.count("leaf\n") == 2
    assert client.go("reverseContinue")["description"] == "the start of the run"
    client.ask("setBreakpoints", source=source, breakpoints=[])


def _at(client: Client, symbol: str) -> int:
    return int(
        client.ask("evaluate", expression=symbol, frameId=client.frame()["id"])["result"].split()[0], 16
    )


def test_modules_callers_and_what_trapped_last(client: Client, program: Path) -> None:
    (source,) = client.ask("loadedSources")["sources"]
    assert Path(source["path"]) == program.with_suffix(".s").resolve()
    modules = client.ask("modules")["modules"]
    assert [Path(each["path"]) for each in modules] == [program.resolve()]
    client.ask("setFunctionBreakpoints", breakpoints=[{"name": "leaf", "condition": "hart == 1"}])
    client.ask("setFunctionBreakpoints", breakpoints=[{"name": "leaf", "condition": "hart == 0"}])
    assert client.go("continue")["threadId"] == 1
    caller = client.ask("stackTrace", threadId=1)["stackFrames"][1]
    (scope,) = client.ask("scopes", frameId=caller["id"])["scopes"]
    registers = client.ask("variables", variablesReference=scope["variablesReference"])["variables"]
    values = {each["name"]: int(each["value"].split()[0], 16) for each in registers}
    assert values["pc"] == int(caller["instructionPointerReference"], 16) and "ra" not in values
    assert client.ask("evaluate", expression="$s1", frameId=caller["id"])["result"] == "0x0000000000000001"
    at = client.ask("evaluate", expression="$pc + 1", frameId=caller["id"])["memoryReference"]
    assert int(at, 16) == values["pc"] + 1
    for unknown in ("$ra", "$ra + 1", "ra"):
        with pytest.raises(Refused, match="what a caller had there is not known"):
            client.ask("evaluate", expression=unknown, frameId=caller["id"])
    with pytest.raises(Refused, match="of a caller cannot be changed"):
        client.ask("setExpression", expression="$s1", value="7", frameId=caller["id"])
    with pytest.raises(Refused, match="of a caller cannot be changed"):
        client.ask("setVariable", variablesReference=scope["variablesReference"], name="s1", value="7")
    assert client.ask("exceptionInfo", threadId=1)["exceptionId"] == "no trap so far"
    client.ask("setFunctionBreakpoints", breakpoints=[])


def test_steps_by_lines_and_instructions_in_both_directions(client: Client, program: Path) -> None:
    source = {"path": str(program.with_suffix(".s"))}
    call, behind = _line(program, "call"), _line(program, "behind")
    client.ask("setBreakpoints", source=source, breakpoints=[{"line": call}])
    client.go("continue")
    client.ask("setBreakpoints", source=source, breakpoints=[])
    assert client.go("next")["reason"] == "step" and client.frame()["line"] == behind
    client.go("stepBack")
    assert client.frame()["line"] == call
    client.go("stepIn")
    assert client.frame()["line"] == _line(program, "leaf")
    pc, a0 = client.value("$pc"), client.value("$a0")
    client.go("stepIn", granularity="instruction")
    assert client.value("$pc") != pc and client.value("$a0") == a0 + 1
    client.go("stepBack", granularity="instruction")
    assert (client.value("$pc"), client.value("$a0")) == (pc, a0)
    client.go("stepOut")
    assert client.frame()["line"] == behind
    other = client.value("$s3", 2)
    stop = client.go("stepIn", thread=2, granularity="instruction")
    assert stop["threadId"] == 2 and client.value("$s3", 2) - other in (0, 1)


def test_jumps_to_a_line_and_to_where_a_function_was_entered(client: Client, program: Path) -> None:
    source = {"path": str(program.with_suffix(".s"))}
    call, behind = _line(program, "call"), _line(program, "behind")
    client.ask(
        "setFunctionBreakpoints",
        breakpoints=[{"name": "leaf", "condition": "$s1 == 3 && hart == 0"}],
    )
    client.go("continue")
    client.go("next")
    leaf, caller = client.ask("stackTrace", threadId=1)["stackFrames"]
    assert leaf["line"] == _line(program, "leaf") + 1 and caller["line"] == call
    before = client.value("instructions")
    client.ask("restartFrame", frameId=leaf["id"])
    assert client.event("stopped")["reason"] == "step"
    assert client.frame()["line"] == _line(program, "leaf") and client.value("instructions") < before
    client.ask("restartFrame", frameId=client.frame()["id"])  # it is there already
    client.event("stopped")
    assert client.value("$s1") == 3 and client.frame()["line"] == _line(program, "leaf")
    client.ask("setFunctionBreakpoints", breakpoints=[])
    (target,) = client.ask("gotoTargets", source=source, line=behind)["targets"]
    assert target["line"] == behind
    client.ask("goto", threadId=1, targetId=target["id"])
    assert client.event("stopped")["reason"] == "goto" and client.frame()["line"] == behind
    with pytest.raises(Refused, match="there is none"):
        client.ask("goto", threadId=1, targetId=target["id"] + 1)
    with pytest.raises(Refused, match="frame 200 of hart 0"):
        client.ask("restartFrame", frameId=201)


def test_edits_say_that_what_is_shown_is_old(program: Path) -> None:
    with Server(str(program)) as server, Client(server.port) as client:
        client.ask("initialize", supportsInvalidatedEvent=True)
        client.event("initialized")
        client.ask("attach")
        client.ask("configurationDone")
        client.event("stopped")
        client.ask("setVariable", variablesReference=1, name="sp", value="0x1000")
        assert client.event("invalidated") == {"areas": ["all"]}
        client.ask("evaluate", expression="set $a0 = 5", context="repl")
        client.event("invalidated")
        client.ask("evaluate", expression="$a0 + 1", context="watch")
        client.ask("evaluate", expression="info harts", context="repl")
        client.ask("threads")
        assert not client.events


def test_data_breakpoints_and_back(client: Client) -> None:
    info = client.ask("dataBreakpointInfo", name="counter")
    assert (
        set(info["accessTypes"]) == {"read", "write", "readWrite"}
        and info["description"] == "counter (8 bytes)"
    )
    watch = {"dataId": info["dataId"], "accessType": "write", "condition": "$s1 >= 5"}
    (made,) = client.ask("setDataBreakpoints", breakpoints=[watch])["breakpoints"]
    stop = client.go("continue")
    assert stop["reason"] == "data breakpoint" and stop["hitBreakpointIds"] == [made["id"]]
    assert client.value("*counter") == 5
    client.go("continue")
    assert client.value("*counter") == 6
    stop = client.go("reverseContinue")
    assert stop["reason"] == "data breakpoint" and "about to be written" in stop["description"]
    assert client.value("*counter") == 5  # in front of what wrote 6
    client.ask("setDataBreakpoints", breakpoints=[watch | {"accessType": "read"}])
    assert client.go("reverseContinue")["reason"] == "entry"
    assert client.value("instructions") == 0
    register = client.ask("dataBreakpointInfo", variablesReference=1, name="s1")
    client.ask("setDataBreakpoints", breakpoints=[{"dataId": register["dataId"], "hitCondition": "2"}])
    client.go("continue")
    assert client.value("$s1") == 2
    client.ask("setDataBreakpoints", breakpoints=[])
    assert client.ask("dataBreakpointInfo", name="nothing at all")["dataId"] is None


def test_memory_and_disassembly(client: Client) -> None:
    at = client.ask("evaluate", expression="counter")["memoryReference"]
    data = base64.b64encode(bytes(range(8))).decode()
    assert client.ask("writeMemory", memoryReference=at, data=data)["bytesWritten"] == 8
    got = client.ask("readMemory", memoryReference=at, offset=2, count=4)
    assert base64.b64decode(got["data"]) == b"\2\3\4\5" and int(got["address"], 0) == int(at, 0) + 2
    client.ask("setExpression", expression="u32(counter)", value="0x11223344")
    assert client.value("*counter") == 0x07060504_11223344
    nothing = client.ask("readMemory", memoryReference="0x10", count=16)
    assert nothing["data"] == "" and nothing["unreadableBytes"] == 16
    leaf = client.value("leaf")
    shown = client.ask("disassemble", memoryReference=f"{leaf:#x}", instructionOffset=-2, instructionCount=5)[
        "instructions"
    ]
    assert len(shown) == 5 and shown[2]["symbol"] == "leaf" and int(shown[2]["address"], 0) == leaf
    assert shown[0]["instruction"] == "c.addi s3, 1" and shown[4]["instruction"] == "c.jr ra"
    shown = client.ask("disassemble", memoryReference="0x10", instructionOffset=-3, instructionCount=6)
    assert [each["presentationHint"] for each in shown["instructions"]] == ["invalid"] * 6


def test_what_cannot_be_done_is_said_and_the_session_goes_on(client: Client) -> None:
    wrong: list[tuple[str, dict[str, object], str]] = [
        ("nonsense", {}, "no such request"),
        ("evaluate", {"expression": "$nothing"}, "no such register"),
        ("evaluate", {"expression": "1 +"}, "missing"),
        ("evaluate", {"expression": 7}, "has to be a string"),
        ("evaluate", {"expression": "1", "frameId": 9999}, "frame 9999"),
        ("stackTrace", {"threadId": 9}, "harts 0 to 1"),
        ("stackTrace", {}, "whole number"),
        ("variables", {"variablesReference": 1 << 70}, "whole number"),
        ("readMemory", {"memoryReference": "x", "count": 1}, "not a reference"),
        ("readMemory", {"memoryReference": "0x80000000", "count": 1 << 40}, "at once"),
        ("writeMemory", {"memoryReference": "0x10", "data": "AAAA"}, "no RAM there"),
        ("writeMemory", {"memoryReference": "0x80000000", "data": "?"}, "base64"),
        ("setBreakpoints", {"source": {}, "breakpoints": [{"line": 1}]}, "has to be a string"),
        ("setBreakpoints", {"source": 5, "breakpoints": 6}, "object"),
        ("next", {"threadId": 1, "granularity": "page"}, "granularity"),
        ("attach", {}, "already"),
    ]
    for command, arguments, message in wrong:
        with pytest.raises(Refused, match=message):
            client.ask(command, **arguments)
    client.socket.sendall(b"GET / HTTP/1.1\r\n\r\nContent-Length: 2\r\n\r\n[]")
    assert client.event("output")["category"] == "stderr"
    assert client.value("$pc") == 0x8000_0000


def test_the_console_of_the_debugger_knows_its_commands(client: Client) -> None:
    said = client.ask("evaluate", expression="info harts", context="repl")["result"]
    assert "hart 1" in said
    assert client.ask("evaluate", expression="$a0 + 1", context="repl")["result"].startswith("0x1")
    client.ask("evaluate", expression="stepi 3", context="repl")
    assert client.event("stopped")["reason"] == "goto"
    targets = client.ask("completions", text="p lea", column=6)["targets"]
    assert {"label": "leaf", "start": 2, "length": 3} in targets


def test_a_whole_run_from_start_to_exit_and_back(program: Path) -> None:
    with Server(str(program)) as server:
        assert server.host == "127.0.0.1"
        with Client(server.port) as client:
            capabilities = client.begin(stopOnEntry=False)
            assert capabilities["supportsStepBack"] and capabilities["supportsDataBreakpoints"]
            stop = client.event("stopped")
            assert stop["reason"] == "exited" and "status 3" in stop["description"]
            assert client.event("output") == {"category": "stdout", "output": "A"}
            assert client.value("$s1") == 200
            assert client.go("stepBack", granularity="instruction")["reason"] == "step"
            assert client.go("reverseContinue")["reason"] == "entry"
            assert client.go("continue")["reason"] == "exited"
            assert not [each for each in client.events if each["event"] == "output"]  # shown once
            client.ask("continue", threadId=1)
            assert client.event("exited") == {"exitCode": 3}
            client.event("terminated")
            client.ask("disconnect", terminateDebuggee=True)
        assert server.process.wait(timeout=60) == 0


def test_pause_and_what_comes_while_the_machine_runs(guest: Guest) -> None:
    endless = guest("again:\naddi a1, a1, 1\ncall leaf\nj again\n.globl leaf\nleaf: ret\n")
    with Server(str(endless)) as server:
        with Client(server.port) as client:
            client.begin(stopOnEntry=False)
            assert client.ask("threads")["threads"] == [{"id": 1, "name": "hart 0"}]
            with pytest.raises(Refused, match="pause it first"):
                client.ask("evaluate", expression="$pc")
            made = client.ask("setFunctionBreakpoints", breakpoints=[{"name": "leaf"}])["breakpoints"]
            assert client.event("stopped")["hitBreakpointIds"] == [made[0]["id"]]
            client.ask("continue", threadId=1)
            client.event("stopped")
            client.ask("setFunctionBreakpoints", breakpoints=[])
            client.ask("continue", threadId=1)
            client.ask("pause", threadId=1)
            assert client.event("stopped")["reason"] == "pause"
            before = client.value("$a1")
            client.ask("continue", threadId=1)
        with Client(server.port) as client:  # the first has vanished: the machine stands
            client.begin()
            assert client.event("stopped")["reason"] == "entry"
            assert client.value("$a1") > before
            client.send("pause")
            client.socket.sendall(b"Content-Length: 100\r\n\r\n{")
        with socket.create_connection(("127.0.0.1", server.port)) as nobody:
            nobody.sendall(bytes(range(256)) * 40)
        with Client(server.port) as client:
            client.begin()
            client.ask("disconnect", terminateDebuggee=False)  # it runs on
        with Client(server.port) as client:
            client.begin()
            client.ask("terminate")
            client.event("terminated")
            client.ask("disconnect")
        assert server.process.wait(timeout=60) == 0


def test_a_guest_that_waits_for_input(guest: Guest) -> None:
    asleep = guest(ECHO_ASLEEP)
    with Server(str(asleep)) as server, Client(server.port) as client:
        client.begin(stopOnEntry=False, stopAtExit=False)
        assert client.event("output")["output"] == ">"
        assert client.ask("setFunctionBreakpoints", breakpoints=[{"name": "nowhere"}])["breakpoints"]
        client.ask("pause", threadId=1)
        assert client.event("stopped")["reason"] == "pause"
        client.ask("continue", threadId=1)
        client.ask("evaluate", expression="type q", context="repl")
        assert client.event("exited")["exitCode"] == 7
        client.event("terminated")
        assert "[q]" in "".join(e["body"]["output"] for e in client.events if e["event"] == "output")
        client.ask("disconnect", terminateDebuggee=True)
        assert server.process.wait(timeout=60) == 0


def test_one_client_at_a_time_and_initialize_first(program: Path) -> None:
    with Server(str(program)) as server:
        with Client(server.port) as client:
            with pytest.raises(Refused, match="first request has to be `initialize`"):
                client.ask("continue", threadId=1)
            client.begin()
            client.event("stopped")
            with pytest.raises(Refused, match="has come already"):
                client.ask("initialize")
            with Client(server.port) as second, pytest.raises(Refused, match="another client is here"):
                second.ask("initialize")
            assert client.value("instructions") == 0  # the first is served as before
        for _ in range(20):  # who comes right behind one that has left is let in
            with Client(server.port) as client:
                client.begin()


def test_who_launches_ends_it(program: Path) -> None:
    with Server(str(program)) as server, Client(server.port) as client:
        client.ask("initialize")
        client.ask("launch")
        client.ask("configurationDone")
        client.ask("disconnect")
        assert server.process.wait(timeout=60) == 0


def test_ports_that_cannot_be(replug: Replug, program: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "cannot listen there" in one_line(replug("debug", program, "--dap", port))
    assert "not a port" in one_line(replug("debug", program, "--dap", "here"))
    assert "one of them" in one_line(replug("debug", program, "--dap", "0", "--gdb", "0"))
