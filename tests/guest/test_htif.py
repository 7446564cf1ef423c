# SPDX-License-Identifier: GPL-2.0-or-later
"""`tohost` and `fromhost`: the end of a run, console output, system calls; alike however a run is cut."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.devices.htif import LOOK
from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from emulator.options import MachineOptions
from emulator.replay import replay
from emulator.stepping import run_in_steps
from emulator.token import Token

Guest = Callable[[str], Path]

WORDS = """
    .data
    .balign 8
    .globl tohost, fromhost
tohost: .dword 0
fromhost: .dword 0
"""
ENDS = """
9:  la t0, tohost
    li t1, {value}
    sw t1, 0(t0)
    srli t1, t1, 32
    sw t1, 4(t0)
    j 9b
"""


def ended(image: Path, harts: int = 1, limit: int = 1_000_000) -> tuple[Outcome, bytes, int]:
    """(outcome, console output, instructions) of a run."""
    console = bytearray()
    with Machine(image, MachineOptions(harts=harts, memory=4 << 20), console.extend) as machine:
        outcome = machine.run(limit)
        return outcome, bytes(console), machine.engine.total_instret


def system_call(*arguments: str) -> str:
    """The call (number first), its result in s0; waits for the answer in fromhost."""
    stores = "\n".join(f"{value}\n sd t2, {8 * i}(t1)" for i, value in enumerate(arguments))
    return f"""
    la t1, block
    {stores}
    fence
    la t0, tohost
    sd t1, 0(t0)
1:  ld t2, 8(t0)
    beqz t2, 1b
    sd zero, 8(t0)
    ld s0, 0(t1)
"""


BLOCK = WORDS + '\n.balign 8\nblock: .space 64\ntext: .ascii "hello\\n"\n'


@pytest.mark.parametrize(("value", "status"), [(1, 0), (3, 1), (2 * 57 | 1, 57), (2 * 1337 | 1, 1337)])
@pytest.mark.parametrize("harts", [1, 3])
def test_the_end(guest: Guest, value: int, status: int, harts: int) -> None:
    image = guest("bnez a0, other\n" + ENDS.format(value=value) + "other: j other\n" + WORDS)
    with Machine(image, MachineOptions(harts=harts, memory=4 << 20)) as machine:
        outcome = machine.run()
        assert (outcome.reason, outcome.status) == ("exit", status)
        # The branch, two or three for the address, one for the value, and three to the second store.
        assert machine.instret(0) in (7, 8)
        assert [machine.instret(hart) for hart in range(1, harts)] == [0] * (harts - 1)


@pytest.mark.parametrize(
    ("stores", "instructions"),
    [
        ("sd t1, 0(t0)", 1),
        ("sw t1, 0(t0)\nsw zero, 4(t0)", 2),
        ("sw zero, 4(t0)\nsw t1, 0(t0)", 2),
        ("amoswap.d t2, t1, (t0)", 1),
        ("lr.d t2, (t0)\nsc.d t2, t1, (t0)", 2),
        ("sh t1, 0(t0)\nsw zero, 2(t0)", 2),  # its first byte is in the lower half, its last in the upper one
        (".option arch, +d\nfmv.d.x f0, t1\nfsd f0, 0(t0)", 2),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
def test_the_end_is_right_behind_the_store_that_completes_it(
    guest: Guest, stores: str, instructions: int, exact: bool
) -> None:
    text = (
        "li t2, 0x2000\ncsrs mstatus, t2\nlla t0, tohost\nli t1, 1\n" + stores + "\n1: addi s0, s0, 1\nj 1b\n"
    )
    with Machine(guest(text + WORDS), MachineOptions(memory=4 << 20), per_instruction=exact) as machine:
        assert machine.run().status == 0
        assert machine.instret(0) == 5 + instructions
        assert machine.engine.get_x(0, 8) == 0


@pytest.mark.parametrize("stores", ["sw t1, 0(t0)", "sb t1, 0(t0)"])
def test_a_request_of_one_half_is_taken_after_two_looks(guest: Guest, stores: str) -> None:
    outcome, _, instructions = ended(guest(f"lla t0, tohost\nli t1, 7\n{stores}\n1: j 1b\n" + WORDS))
    assert (outcome.reason, outcome.status) == ("exit", 3)
    assert 2 * LOOK <= instructions <= 2 * LOOK + 50


def test_the_end_of_a_guest_that_then_sleeps(guest: Guest) -> None:
    outcome, _, instructions = ended(guest("la t0, tohost\nli t1, 5\nsd t1, 0(t0)\n1: wfi\nj 1b\n" + WORDS))
    assert (outcome.reason, outcome.status) == ("exit", 2)
    assert instructions < 10


def test_a_variable_of_that_name_that_stays_zero_ends_nothing(guest: Guest) -> None:
    assert ended(guest("1: j 1b\n" + WORDS), limit=10_000)[0].reason == "limit"


def test_console_output_a_character_at_a_time(guest: Guest) -> None:
    text = f"""
    la s1, text
    la t0, tohost
    li s2, 0x0101
    slli s2, s2, 48
    li s3, 6
1:  lbu t1, 0(s1)
    or t1, t1, s2
    sd t1, 0(t0)
2:  ld t1, 0(t0)
    bnez t1, 2b
    addi s1, s1, 1
    addi s3, s3, -1
    bnez s3, 1b
    {ENDS.format(value=1)}
    {BLOCK}
"""
    outcome, console, _ = ended(guest(text))
    assert (outcome.status, console) == (0, b"hello\n")


def test_a_request_in_two_halves_is_taken_whole(guest: Guest) -> None:
    """The low half alone, odd, would end the run: the high half comes after a look has passed."""
    text = f"""
    la t0, tohost
    li t1, 'A'
    li s2, {LOOK - 20}
1:  addi s2, s2, -2
    bgtz s2, 1b
    sw t1, 0(t0)
    li s2, 20
1:  addi s2, s2, -1
    bgtz s2, 1b
    li t1, 0x01010000
    sw t1, 4(t0)
2:  ld t1, 0(t0)
    bnez t1, 2b
    {ENDS.format(value=7)}
    {WORDS}
"""
    outcome, console, _ = ended(guest(text))
    assert (outcome.status, console) == (3, b"A")


@pytest.mark.parametrize(
    ("call", "result", "console"),
    [
        (("li t2, 64", "li t2, 1", "la t2, text", "li t2, 5"), 5, b"hello"),
        (("li t2, 64", "li t2, 2", "la t2, text", "li t2, 6"), 6, b"hello\n"),
        (("li t2, 64", "li t2, 1", "la t2, text", "li t2, 0"), 0, b""),
        (("li t2, 64", "li t2, 3", "la t2, text", "li t2, 5"), -9, b""),
        (("li t2, 64", "li t2, 1", "li t2, 16", "li t2, 5"), -14, b""),
        (("li t2, 64", "li t2, 1", "li t2, 0x803fffff", "li t2, -1"), -14, b""),
        (("li t2, 57", "li t2, 1"), -38, b""),
    ],
)
def test_system_calls(guest: Guest, call: tuple[str, ...], result: int, console: bytes) -> None:
    check = f"""
    li t1, {result}
    bne s0, t1, bad
    {ENDS.format(value=1)}
bad: {ENDS.format(value=5)}
"""
    outcome, output, _ = ended(guest(system_call(*call) + check + BLOCK))
    assert (outcome.reason, outcome.status, output) == ("exit", 0, console)


def test_the_system_call_exit(guest: Guest) -> None:
    outcome, _, _ = ended(guest(system_call("li t2, 93", "li t2, 12") + BLOCK))
    assert (outcome.reason, outcome.status) == ("exit", 12)


def test_an_unread_answer_holds_the_next_call_back(guest: Guest) -> None:
    text = "la t0, fromhost\nli t1, 1\nsd t1, 0(t0)\n" + system_call("li t2, 93", "li t2, 12").replace(
        "sd zero, 8(t0)", "1: j 1b"
    )
    assert ended(guest(text + BLOCK), limit=20_000)[0].reason == "limit"


@pytest.mark.parametrize("address", ["16", "0x80400000 - 56", "0xffffffff0000"])
def test_a_system_call_described_outside_ram_is_an_error(guest: Guest, address: str) -> None:
    image = guest(f"la t0, tohost\nli t1, {address}\nsd t1, 0(t0)\n1: j 1b\n" + WORDS)
    with pytest.raises(ReplugError, match=r"tohost: .* not in RAM"):
        ended(image)


def test_tohost_outside_ram_is_an_error(guest: Guest) -> None:
    image = guest("1: j 1b\n.globl tohost\n.equ tohost, 0x1000\n")
    with pytest.raises(ReplugError, match="tohost at 0x1000 is no aligned doubleword in RAM"):
        Machine(image)


def test_however_it_is_cut_it_is_the_same_run(guest: Guest) -> None:
    call = system_call("li t2, 64", "li t2, 1", "la t2, text", "li t2, 6")
    image = guest("bnez a0, other\n" + 3 * call + ENDS.format(value=9) + "\nother: j other\n" + BLOCK)
    seen = set()
    for step in (7, 333, LOOK, 100_000):
        console = bytearray()
        with Machine(image, MachineOptions(harts=2, memory=4 << 20, quantum=50), console.extend) as machine:
            outcome = run_in_steps(machine, None, step=step)
            seen.add((outcome.status, bytes(console), machine.engine.total_instret, machine.state_hash()))
    assert len(seen) == 1
    assert next(iter(seen))[:2] == (4, b"hello\n" * 3)


def test_a_snapshot_remembers_the_last_look(guest: Guest) -> None:
    image = guest("la t0, tohost\nli t1, 1\nsw t1, 0(t0)\n1: j 1b\n" + WORDS)
    with Machine(image, MachineOptions(memory=4 << 20)) as machine:
        machine.run(LOOK + LOOK // 2)
        saved = machine.snapshot()
        ends = []
        for _ in range(2):
            machine.run()
            ends.append((machine.engine.total_instret, machine.state_hash()))
            machine.restore(saved)
        assert ends[0] == ends[1]
        assert ends[0][0] < 2 * LOOK + 50


ECHO = f"""
    la s1, tohost
    li s2, 1
    slli s2, s2, 56
    li s3, 'q'
    li s5, 0x101
    slli s5, s5, 48
next:
    sd s2, 0(s1)
1:  ld s4, 8(s1)
    beqz s4, 1b
    sd zero, 8(s1)
    srli t0, s4, 8
    slli t0, t0, 8
    xori t0, t0, 0x100
    bne t0, s2, wrong
    andi s4, s4, 255
    or t0, s4, s5
    sd t0, 0(s1)
2:  ld t0, 0(s1)
    bnez t0, 2b
    bne s4, s3, next
    {ENDS.format(value=1)}
wrong:
    {ENDS.format(value=3).replace("9", "8")}
{WORDS}
"""


def test_console_input(guest: Guest) -> None:
    """Typed before it is asked for, and while the guest waits; alike in a run that is repeated."""
    console = bytearray()
    with Machine(guest(ECHO), MachineOptions(memory=4 << 20), console.extend) as machine:
        machine.type(b"ab")
        machine.run(20_000)
        assert console == b"ab"
        machine.type(b"cq")
        assert machine.run(1_000_000).reason == "exit"
        assert console == b"abcq"
        token, wanted = Token.of(machine), machine.state_hash()
    with Machine(guest(ECHO), MachineOptions(memory=4 << 20)) as machine:
        replay(machine, token)
        assert machine.state_hash() == wanted


def test_wanting_a_character_is_part_of_the_state(guest: Guest) -> None:
    with Machine(guest(ECHO), MachineOptions(memory=4 << 20)) as machine:
        machine.run(10_000)
        snapshot = machine.snapshot()
        machine.type(b"q")
        first = machine.run(1_000_000), machine.state_hash()
        machine.restore(snapshot)
        machine.type(b"q")
        assert (machine.run(1_000_000), machine.state_hash()) == first
        assert first[0].status == 0
