# SPDX-License-Identifier: GPL-2.0-or-later
"""What users of GDB do beyond stepping: dprintf, call, run, dump, load, many breakpoints, two at once."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.differential.gdb_mi import Gdb, Server

Guest = Callable[[str], Path]

PROGRAM = """
        .option norvc
        la sp, stack
        csrr t0, mhartid
        slli t0, t0, 10
        add sp, sp, t0
        la s2, bytes
    again:
        addi a0, s1, 0
        call leaf
        la t0, counter
        sd s1, 0(t0)
        addi s1, s1, 1
        j again
    .globl leaf
    .type leaf, @function
    leaf:
        addi a0, a0, 3
        ret
    .globl endless
    .type endless, @function
    endless:
        j endless
        .data
        .balign 8
        .globl counter
    counter: .dword 0
        .globl bytes
    bytes: .ascii "some bytes"
        .bss
        .balign 16
        .skip 1024
    stack: .skip 1024
"""


def test_dprintf_is_done_by_the_server(client: Gdb) -> None:
    client.run("set dprintf-style agent")
    client.run(r'dprintf leaf,"s1 is %ld of %s\n", $s1, (char*)$s2')
    client.run("break *((long)&again+8) if $s1 == 30")
    said = client.resume("continue")
    numbers = [int(text) for text in re.findall(r"s1 is (\d+) of some bytes", said)]
    assert set(range(30)) <= set(numbers) and client.value("$s1") == 30
    assert "target evals" in client.run("info breakpoints")


def test_functions_of_the_guest_are_called(client: Gdb) -> None:
    client.run("tbreak leaf if $s1 == 2")
    client.resume("continue")
    before = [client.value(register) for register in ("$pc", "$sp", "$a0", "$s1")]
    assert "= 44" in client.run("print ((long(*)(long))leaf)(41)")
    assert [client.value(register) for register in ("$pc", "$sp", "$a0", "$s1")] == before
    client.run("return")
    assert "again" in client.run("info symbol $pc")


def test_csrs_are_what_the_hart_makes_of_them(client: Gdb) -> None:
    client.run("set var $mtvec = &leaf")
    assert client.value("$mtvec") == client.value("&leaf") & ~3 and "leaf" in client.run("print $mtvec")
    client.run("set var $satp = 0x8000000000080000")
    assert "= 9223372036855300096" in client.run("print $satp")  # not a negative number
    client.run("set var $mstatus |= 8")
    assert client.value("$mstatus & 8") == 8
    client.run("set var $priv = 1")
    assert "Cannot access memory" in client.error("x/i $pc")  # there is no page table
    client.run("set var $priv = 3")
    assert "leaf" in client.run("x/i &leaf")
    assert "cannot be written" in client.error("set var $mhartid = 1")


def test_memory_to_files_and_back(client: Gdb, tmp_path: Path, guest: Guest) -> None:
    assert client.run("compare-sections").count("matched.") >= 2
    client.run(f"dump binary memory {tmp_path}/bytes &bytes (char*)&bytes+10")
    assert (tmp_path / "bytes").read_bytes() == b"some bytes"
    client.run("set var *(char*)&bytes = 'S'")
    assert "MIS-MATCHED" in client.run("compare-sections")
    client.run(f"restore {tmp_path}/bytes binary &bytes")
    assert "some bytes" in client.run("x/s &bytes")
    client.run("set var *(char*)&bytes = 'S'")
    client.run(f"load {guest(PROGRAM)}")
    assert "MIS-MATCHED" not in client.run("compare-sections")


def test_the_memory_map_shows_ram(client: Gdb) -> None:
    assert re.search(r"0x0*80000000\s+0x0*88000000", client.run("info mem"))


def test_run_starts_again(gdb: str, server: Server, guest: Guest) -> None:
    with Gdb(gdb, image=guest(PROGRAM)) as client:
        client.run(f"target extended-remote 127.0.0.1:{server.port}")
        client.run("break leaf if $s1 == 5")
        client.resume("continue")
        assert client.value("$s1") == 5
        client.resume("run")
        assert client.value("$s1") == 5
        client.resume("reverse-stepi")
        client.run("kill")
        client.run("tbreak leaf")
        assert "leaf" in client.resume("run")
        assert client.value("$s1") == 0
        client.run("kill")
        client.run("disconnect")
    assert server.process.wait(timeout=30) == 0


def test_a_hundred_breakpoints_of_all_kinds(client: Gdb) -> None:
    for number in range(40):
        client.run(f"break *(0x80000000+{0x8000 + 4 * number})")
        client.run(f"hbreak *(0x80000000+{0x9000 + 4 * number})")
        client.run(f"{('watch', 'rwatch', 'awatch')[number % 3]} *(char*)(0x80100000+{number})")
    client.run("watch *(long*)&counter")
    assert 'value={old="0",new="1"}' in client.resume("continue")
    assert client.run("info breakpoints").count("keep y") == 121


def test_an_endless_line_is_left_by_an_interrupt(client: Gdb) -> None:
    client.run("set var $pc = &endless")
    number = client.send('-interpreter-exec console "next"')
    assert "SIGINT" in client.interrupt() and number
    assert client.value("$pc") == client.value("&endless")
    client.run("set scheduler-locking on")
    client.send('-interpreter-exec console "continue"')
    assert "SIGINT" in client.interrupt()


def test_a_second_gdb_is_turned_away(gdb: str, server: Server, client: Gdb) -> None:
    with Gdb(gdb) as second:
        second.error(f"target remote 127.0.0.1:{server.port}")
    client.resume("stepi")
    assert client.value("$pc") == 0x8000_0004
