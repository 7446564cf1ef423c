# SPDX-License-Identifier: GPL-2.0-or-later
"""Variables of a C program, as an editor shows, watches and sets them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dap_client import Client, Message, Refused, Server

from guestos.images import GUESTOS
from toolchain.zig import run_zig_cc

START = """
    .globl _start
_start:
    la sp, top
    call main
    li t1, 0x100000
    li t2, 0x5555
    sw t2, 0(t1)
1:  j 1b
    .bss
    .balign 16
    .skip 8192
top:
"""
PROGRAM = """
struct point { int x, y; const char *name; struct point *next; };
struct point origin = {1, 2, "origin", 0};
enum colour { RED, GREEN } colour = GREEN;
int table[4] = {10, 20, 30, 40};

int leaf(struct point *p, int n)
{
    int sum = p->x + n;
    p->y = sum; // line "store"
    table[n & 3] = sum;
    return sum;
}

int main(void)
{
    struct point here = {5, 0, "here", &origin};
    int total = 0;
    for (int i = 0; i < 8; i++)
        total += leaf(&here, i);
    return total;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("c")
    (directory / "start.S").write_text(START)
    (directory / "main.c").write_text(PROGRAM)
    options = "-mcpu=generic_rv64+m+a+c+zicsr -fno-sanitize=undefined -O0 -g -ffreestanding -fno-pic"
    link = ["-mcmodel=medany", "-fno-stack-protector", "-nostdlib", "-static"]
    script = ["-T", str(GUESTOS / "measure/link.ld")]
    status, said = run_zig_cc(
        [
            "--target=riscv64-freestanding",
            *options.split(),
            *link,
            *script,
            "start.S",
            "main.c",
            "-o",
            "out.elf",
        ],
        directory=directory,
        cache=None,
    )
    assert status == 0, said
    return directory / "out.elf"


@pytest.fixture
def client(program: Path) -> Iterator[Client]:
    """Where `leaf` stores, with n == 2."""
    with Server(str(program)) as server, Client(server.port) as made:
        made.begin()
        made.event("stopped")
        line = next(n for n, text in enumerate(PROGRAM.splitlines(), 1) if '"store"' in text)
        source = {"path": str(program.with_name("main.c"))}
        made.ask("setBreakpoints", source=source, breakpoints=[{"line": line, "condition": "n == 2"}])
        assert made.go("continue")["reason"] == "breakpoint"
        made.ask("setBreakpoints", source=source, breakpoints=[])
        yield made
        made.ask("disconnect", terminateDebuggee=True)


def _scopes(client: Client, depth: int = 0) -> dict[str, int]:
    frame = client.ask("stackTrace", threadId=1)["stackFrames"][depth]
    scopes = client.ask("scopes", frameId=frame["id"])["scopes"]
    return {each["name"]: each["variablesReference"] for each in scopes}


def _variables(client: Client, reference: int, **arguments: Any) -> dict[str, Message]:
    found = client.ask("variables", variablesReference=reference, **arguments)["variables"]
    return {each["name"]: each for each in found}


def _evaluated(client: Client, expression: str, depth: int = 0) -> str:
    frame = client.ask("stackTrace", threadId=1)["stackFrames"][depth]
    shown: str = client.ask("evaluate", expression=expression, frameId=frame["id"], context="watch")["result"]
    return shown


def test_scopes_and_what_is_in_them(client: Client) -> None:
    scopes = _scopes(client)
    assert list(scopes) == ["Locals", "Globals", "Registers", "Floating point", "CSRs"]
    found = _variables(client, scopes["Locals"])
    assert list(found) == ["p", "n", "sum"]
    assert (found["n"]["value"], found["n"]["type"], found["n"]["variablesReference"]) == ("2", "int", 0)
    assert found["sum"]["value"] == "7" and found["p"]["type"] == "struct point *"
    inside = _variables(client, found["p"]["variablesReference"])
    assert list(inside) == ["x", "y", "name", "next"] and inside["x"]["evaluateName"] == "p->x"
    assert inside["y"]["value"] == "6" and inside["name"]["value"].endswith('"here"')
    further = _variables(client, inside["next"]["variablesReference"])
    assert further["y"]["evaluateName"] == "p->next->y" and further["y"]["value"] == "2"
    assert further["next"]["variablesReference"] == 0  # it leads nowhere
    outside = _variables(client, scopes["Globals"])
    assert {"origin", "colour", "table"} <= set(outside) and outside["colour"]["value"] == "GREEN (1)"
    table = outside["table"]
    assert table["value"] == "{5, 6, 30, 40}" and table["indexedVariables"] == 4
    part = _variables(client, table["variablesReference"], filter="indexed", start=1, count=2)
    assert {name: each["value"] for name, each in part.items()} == {"[1]": "6", "[2]": "30"}
    assert not _variables(client, table["variablesReference"], filter="named")


def test_callers_have_their_own(client: Client) -> None:
    assert list(_scopes(client, 1)) == ["Locals", "Globals", "Registers of the caller"]
    found = _variables(client, _scopes(client, 1)["Locals"])
    assert set(found) == {"here", "total", "i"}
    assert (found["i"]["value"], found["total"]["value"]) == ("2", "11")
    assert _evaluated(client, "total + i", 1).startswith("0xd (13)")
    assert _evaluated(client, "here.next->name", 1).endswith('"origin"')
    with pytest.raises(Refused, match="no such symbol"):
        _evaluated(client, "total")


def test_they_are_set(client: Client) -> None:
    scopes = _scopes(client)
    client.ask("setVariable", variablesReference=scopes["Locals"], name="sum", value="-3")
    found = client.ask("setVariable", variablesReference=scopes["Globals"], name="colour", value="RED")
    assert found["value"] == "RED (0)"
    client.ask("setExpression", expression="table[3]", value="sum * 2 + n", frameId=client.frame()["id"])
    assert _evaluated(client, "table[3]") == "-4" and _evaluated(client, "colour") == "RED (0)"
    client.go("next")
    assert _evaluated(client, "p->y") == "-3"
    caller = _scopes(client, 1)["Locals"]
    client.ask("setVariable", variablesReference=caller, name="total", value="1000")
    client.go("stepOut")
    client.go("next")
    assert _evaluated(client, "total") == "997"
    with pytest.raises(Refused, match="there are none any more"):
        _variables(client, caller)
    with pytest.raises(Refused, match="its parts can"):
        client.ask("setExpression", expression="here", value="1", frameId=client.frame()["id"])


def test_they_are_watched(client: Client) -> None:
    found = _variables(client, _scopes(client)["Locals"])
    inside = found["p"]["variablesReference"]
    info = client.ask("dataBreakpointInfo", variablesReference=inside, name="y")
    assert info["description"] == "p->y (4 bytes)"
    client.ask("setDataBreakpoints", breakpoints=[{"dataId": info["dataId"], "accessType": "write"}])
    stop = client.go("continue")
    assert stop["reason"] == "data breakpoint" and stop["description"].startswith("p->y was written by leaf+")
    assert _evaluated(client, "p->y") == "7"
    client.go("continue")
    assert (_evaluated(client, "n"), _evaluated(client, "p->y")) == ("3", "8")
    client.go("reverseContinue")
    client.go("reverseContinue")
    assert (_evaluated(client, "n"), _evaluated(client, "p->y")) == ("2", "6")
    info = client.ask("dataBreakpointInfo", name="table[1]", frameId=client.frame()["id"])
    assert info["description"] == "table[1] (4 bytes)"
