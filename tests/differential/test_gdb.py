# SPDX-License-Identifier: GPL-2.0-or-later
"""Our GDB server, driven by the real GDB: harts as threads, stops of all kinds, and going back."""

import re
import socket
from collections.abc import Callable
from pathlib import Path

from tests.differential.gdb_mi import Gdb, Server
from tests.guest.trap_program import STACK, TRAPS

Guest = Callable[[str], Path]

PROGRAM = """
        la s0, counter
        li s1, 0
        csrr s2, mhartid
    again:
        addi s1, s1, 1
        bnez s2, other_harts
        sd s1, 0(s0)
        ld a1, 8(s0)
    other_harts:
        call leaf
        j again
    .globl leaf
    leaf:
        addi a0, a0, 1
        addi a0, a0, 2
        ret
        .data
        .balign 8
        .globl counter
    counter: .dword 0
        .globl other
    other: .dword 0x1122334455667788
"""


def test_registers_memory_and_threads(client: Gdb) -> None:
    assert client.value("$pc") == 0x8000_0000
    said = client.run("info threads")
    assert 'Thread 1 "hart 0"' in said and 'Thread 2 "hart 1"' in said and "M-mode" in said
    assert client.value("*(long*)&other") == 0x1122_3344_5566_7788  # symbols come from the server
    client.run("set var $a3 = 0x1234567890abcdef")
    client.run("set var $fa0 = 1.5")
    client.run("set var $mscratch = 77")
    client.run("set var *(int*)&other = 5")
    assert client.value("$a3") == 0x1234_5678_90AB_CDEF
    assert client.value("$mscratch") == 77 and client.value("$priv") == 3
    assert "1.5" in client.run("p $fa0")
    assert client.value("*(long*)&other") == 0x1122_3344_0000_0005
    client.run("thread 2")
    assert client.value("$a3") == 0 and client.value("$a0") == 1
    client.resume("stepi")
    assert "Cannot access memory at address 0x10" in client.error("x/x 0x10")


def test_stepping_moves_one_hart(client: Gdb) -> None:
    for _ in range(6):
        client.run("thread 1")
        client.resume("stepi")
    assert "again+4" in client.run("p $pc") or client.value("$s1") == 1
    client.run("set scheduler-locking on")
    client.run("thread 2")
    before = client.value("$pc")
    client.run("thread 1")
    for _ in range(30):
        client.resume("stepi")
    client.run("thread 2")
    assert client.value("$pc") == before
    client.resume("stepi")
    assert client.value("$pc") != before


def test_breakpoints_and_reverse_steps(client: Gdb) -> None:
    client.run("hbreak leaf")
    assert "breakpoint-hit" in client.resume("continue")
    places = []
    for _ in range(5):
        client.resume("stepi")
        places.append((client.value("$pc"), client.value("$a0"), client.value("$s1")))
    for pc, a0, s1 in reversed(places[:-1]):
        client.resume("reverse-stepi")
        assert (client.value("$pc"), client.value("$a0"), client.value("$s1")) == (pc, a0, s1)
    client.resume("continue")
    client.resume("continue")
    third = client.value("$a0")
    client.resume("reverse-continue")
    assert client.value("$a0") < third or "hart" in client.run("info threads")
    client.run("delete")
    assert "No more reverse-execution history" in client.resume("reverse-continue")
    assert client.value("$pc") == 0x8000_0000


def test_watchpoints_tell_kind_and_values(client: Gdb) -> None:
    client.run("watch *(long*)&counter")
    stop = client.resume("continue")
    assert 'reason="watchpoint-trigger"' in stop and 'old="0"' in stop and 'new="1"' in stop
    assert 'new="2"' in client.resume("continue")
    back = client.resume("reverse-continue")
    assert 'reason="watchpoint-trigger"' in back and 'old="2"' in back and 'new="1"' in back
    client.run("delete")
    client.run("rwatch *(long*)&other")
    assert 'reason="read-watchpoint-trigger"' in client.resume("continue")
    client.run("delete")
    client.run("awatch *(long*)&other")
    assert 'reason="access-watchpoint-trigger"' in client.resume("continue")


def test_conditions_are_judged_at_the_server(client: Gdb) -> None:
    client.run("break leaf if $s1 == 40")
    client.resume("continue")
    assert client.value("$s1") == 40


def test_finish_and_next(client: Gdb) -> None:
    client.run("tbreak leaf")
    client.resume("continue")
    leaf = client.value("$pc")
    client.resume("nexti")
    assert client.value("$pc") == leaf + 2
    client.resume("reverse-stepi")
    assert client.value("$pc") == leaf


def _traps(client: Gdb) -> int:
    found = re.search(r"([0-9,]+) traps", client.run("monitor info harts"))
    assert found is not None
    return int(found[1].replace(",", ""))


def test_next_passes_over_interrupts_and_environment_calls(gdb: str, guest: Guest) -> None:
    with Server(str(guest(TRAPS + STACK)), "--quantum", "13") as server, Gdb(gdb, server.port) as client:
        client.run("tbreak work")
        client.resume("continue")
        before = _traps(client)
        calls = 0
        for _ in range(300):
            pc, here = client.value("$pc"), client.run("x/i $pc")
            calls += "ecall" in here
            client.resume("next")
            assert client.value("$priv") == 0, client.run("bt")
            # Without that, GDB takes the handler for a function that returns to ra, and goes there.
            if not re.search(r"\t(jal|call|j|ret|bnez|auipc)\b", here):
                assert client.value("$pc") - pc in (2, 4), here
        assert _traps(client) > before + calls + 2 and calls > 2  # interrupts as well
        client.run("break handler")
        for _ in range(60):
            if "breakpoint-hit" in client.resume("next"):
                break
        assert client.value("$priv") == 3


def test_traps_stop_it_in_both_directions(gdb: str, guest: Guest) -> None:
    with Server(str(guest(TRAPS + STACK)), "--quantum", "13") as server, Gdb(gdb, server.port) as client:
        assert "catchpoint 1: syscall" in client.run("monitor catch syscall")
        client.resume("continue")
        assert client.value("$pc") == client.value("$mtvec") and client.value("$mcause") == 8
        at = client.value("$mepc")
        client.resume("reverse-continue")
        assert client.value("$pc") == at and client.value("$priv") == 0
        client.run("monitor delete 1")
        assert "no cause of a trap" in client.run("monitor catch nonsense")
        client.run("tbreak handler")
        assert "breakpoint-hit" in client.resume("continue")


def test_interrupt(client: Gdb) -> None:
    client.send('-interpreter-exec console "continue"')
    assert "SIGINT" in client.interrupt()
    assert client.value("$s1") >= 0


def test_monitor(client: Gdb) -> None:
    assert "info harts" in client.run("monitor help")
    assert "instruction 0" in client.run("monitor when")
    assert "checkpoints" in client.run("monitor snapshot")
    assert "hart 0's turn" in client.run("monitor schedule")
    assert "no such command" in client.run("monitor nonsense")
    assert re.search(r"0x80000000: ([0-9a-f]{2} ?){16}", client.run("monitor physical 0x80000000"))


def test_two_clients_one_after_the_other_and_one_that_vanishes(gdb: str, server: Server) -> None:
    with Gdb(gdb, server.port) as first:
        first.resume("stepi")
        first.run("break leaf")
        first.kill()
    with socket.create_connection(("127.0.0.1", server.port)) as garbage:
        garbage.sendall(b"$$$#++--\x00\xffGET / HTTP/1.1\r\n\r\n$vCont;q#00$m,#zz$Z9,,#b2")
    with Gdb(gdb, server.port) as second:
        here = second.value("$pc")
        assert 0x8000_0000 <= here < 0x8000_1000
        second.run("detach")
    with Gdb(gdb, server.port) as third:
        assert third.value("$s1") > 0  # it has run on behind the one that detached
        third.run("kill")
    assert server.process.wait(timeout=30) == 0
