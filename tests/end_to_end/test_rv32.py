# SPDX-License-Identifier: GPL-2.0-or-later
"""32-bit images through the command line: they run as they are, and the token and the reports fit them."""

import json
from pathlib import Path

import pytest
from command import Replug, one_line
from programs import finish

from toolchain.assemble import assemble

# Under Sv32: a page seen at two addresses, a 64-bit sum by halves, single precision, a timer interrupt.
PROGRAM = f"""
    .globl _start
_start:
    la t0, trap
    csrw mtvec, t0
    li t0, 0x6000
    csrs mstatus, t0
    la t0, table
    la t1, data                     # a megapage at 0x40000000 for RAM's first, and RAM where it is
    li t2, 0x200000cf
    li t3, 0x40000000 >> 20
    add t3, t3, t0
    sw t2, 0(t3)
    li t3, 0x80000000 >> 20
    add t3, t3, t0
    sw t2, 0(t3)
    srli t0, t0, 12
    li t2, 0x80000000
    or t0, t0, t2
    csrw satp, t0
    sfence.vma
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, supervisor
    csrw mepc, t0
    mret
supervisor:
    la t0, data
    li t1, 0x80000000 - 0x40000000
    sub t1, t0, t1
    li t2, 0x12345678
    sw t2, 0(t1)
    lw t3, 0(t0)
    bne t2, t3, bad
    fcvt.s.w f0, t2
    fadd.s f0, f0, f0
    fcvt.w.s t3, f0
    srli t3, t3, 16
    li t4, 0x2468
    bne t3, t4, bad
    rdcycleh t0                     # not open to S-mode: illegal, cause 2
bad:
    ecall
    .balign 4
trap:
    csrr t0, mcause
    addi t0, t0, -2
    bnez t0, 1f
    csrr t0, mtval
    li t1, 0xc80022f3
    bne t0, t1, 1f
    {finish(0)}
1:  {finish(1)}
    .data
    .balign 4096
table: .space 4096
data: .word 0
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rv32")
    source, script = folder / "guest.S", folder / "guest.ld"
    source.write_text(PROGRAM)
    script.write_text("ENTRY(_start) SECTIONS { . = 0x80000000; .text : { *(.text) } .data : { *(.data) } }")
    return assemble(
        [source], folder / "guest.elf", link_script=script, bits=32, cpu="generic_rv64+m+a+f+d+c+zicsr"
    )


def test_runs_as_it_is_and_replays(replug: Replug, image: Path, tmp_path: Path) -> None:
    report, again = tmp_path / "one.json", tmp_path / "two.json"
    assert replug("boot", image, "--json", report).returncode == 0
    result = json.loads(report.read_text())
    assert result["exit"] == {"reason": "exit", "status": 0}
    assert result["harts"][0]["pc"] < 1 << 32
    assert replug("boot", image, "--replay", result["token"], "--json", again).returncode == 0
    assert json.loads(again.read_text())["state_hash"] == result["state_hash"]
    assert replug("boot", image, "--check-determinism", "--harts", 3).returncode == 0


def test_a_name_of_its_width_is_part_of_the_run(replug: Replug, image: Path, tmp_path: Path) -> None:
    report = tmp_path / "one.json"
    assert replug("boot", image, "--isa", "rv32gc_svade", "--json", report).returncode == 0
    token = json.loads(report.read_text())["token"]
    assert replug("boot", image, "--replay", token, "--quiet").returncode == 0
    refused = replug("boot", image, "--replay", token, "--isa", "rv32gc")
    assert "instruction set rv32gc_svade, not rv32gc" in one_line(refused)


def test_the_wrong_width_is_refused(replug: Replug, image: Path) -> None:
    assert "a 32-bit image for a 64-bit machine" in one_line(replug("boot", image, "--isa", "rv64"))


def test_help_lists_what_there_is(replug: Replug) -> None:
    done = replug("boot", "--isa", "help")
    assert done.returncode == 0
    text = done.stdout.decode()
    for word in ("rv64", "rv32", "zba", "zbb", "zbs", "zicond", "sstc", "svadu", "svade", "emulated"):
        assert word in text
    assert "is no" not in one_line(replug("boot", "--isa", "rv64gcv"))
