# SPDX-License-Identifier: GPL-2.0-or-later
"""The monitor's commands, without a terminal."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.cli.monitor import Monitor, Verdict
from emulator.devices.options import DeviceOptions
from emulator.machine import Machine
from emulator.options import MachineOptions
from emulator.replay import replay
from emulator.token import Token

GUEST = """
    li sp, 0x80010000
    la t0, message
    bnez a0, sleep
loop:
    addi s0, s0, 1
    j loop
sleep:
    wfi
    j sleep
    .balign 8
message: .asciz "hello"
    .balign 8
numbers: .word 1, -2, 3, 0x80000000
"""


@pytest.fixture
def machine(guest: Callable[[str], Path]) -> Iterator[Machine]:
    options = MachineOptions(harts=2, devices=DeviceOptions(net="echo", console="virtio"))
    with Machine(guest(GUEST), options) as machine:
        machine.run(3000)
        yield machine


@pytest.fixture
def monitor(machine: Machine) -> Monitor:
    return Monitor(machine)


def test_harts(monitor: Monitor) -> None:
    first, second = monitor.execute("harts")
    assert first.startswith("* hart 0: 0x800000") and "loop" in first and "machine mode" in first
    assert second.startswith("  hart 1: ") and "sleep" in second and "waits (wfi)" in second
    monitor.execute("hart 1")
    assert monitor.execute("where")[1].startswith("* hart 1: ")


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("x/2xw numbers", "00000001  fffffffe"),
        ("x/4dw numbers", "1  -2  3  -2147483648"),
        ("x/2uw numbers+4", "4294967294  3"),
        ("x/1xg numbers", "fffffffe00000001"),
        ("x/2xh numbers", "0001  0000"),
        ("x/3xb message", "68  65  6c"),
        ("x/s message", "'hello'"),
        ("x/s t0", "'hello'"),
        ("x/5c message", "b'hello'"),
        ("xp/s message+1", "'ello'"),
        ("x/2i loop", "addi s0, s0, 1"),
        ("x $sp", "0x80010000: 00000000"),
        ("x/i pc", "=> "),
    ],
)
def test_memory(monitor: Monitor, command: str, shown: str) -> None:
    assert shown in "\n".join(monitor.execute(command)).replace("c.addi s0, 1", "addi s0, s0, 1")


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("fly", "no such command"),
        ("x/8xz sp", "x/NFU ADDRESS"),
        ("x", "x/NFU ADDRESS"),
        ("x 0x1000", "not in the memory of hart 0"),
        ("xp 0x1000", "not in physical memory"),
        ("x/i 0x1000", "not in memory"),
        ("x/9999x sp", "1 to 1024"),
        ("x nobody", "neither a register nor a symbol"),
        ("x a+b", "not an address"),
        ("hart 7", "harts 0 to 1"),
        ("hart x", "not a number"),
        ("step 0 many", "not a number"),
        ("run", "how many"),
        ("run -5", "negative"),
        ("restore", "no snapshot"),
        ("save", "which file"),
        ("save /nowhere/at/all", "no such directory"),
        ("info", "about"),
        ("info weather", "about"),
        ('x "', "quotation"),
    ],
)
def test_complaints_are_one_line(monitor: Monitor, machine: Machine, command: str, complaint: str) -> None:
    before = machine.state_hash()
    [line] = monitor.execute(command)
    assert complaint in line
    assert machine.state_hash() == before


def test_registers(monitor: Monitor, machine: Machine) -> None:
    text = "\n".join(monitor.execute("registers"))
    assert "sp   0000000080010000" in text and f"s0   {machine.engine.get_x(0, 8):016x}" in text
    assert "mstatus" in text and "satp" in text
    assert "a0   0000000000000001" in "\n".join(monitor.execute("r 1"))


def test_step_is_an_instruction_of_the_hart_that_is_meant(monitor: Monitor, machine: Machine) -> None:
    where, count = machine.engine.get_pc(0), machine.instret(0)
    first = monitor.execute("step")
    assert machine.instret(0) == count + 1 and machine.engine.get_pc(0) != where
    assert first[0].startswith("hart 0: ") and first[1].startswith("=> ")
    monitor.execute("step 0 5")
    assert machine.instret(0) == count + 6
    before = machine.instret(1)
    assert "hart 1 does not move" in monitor.execute("step 1")[0]
    assert machine.instret(1) == before


def test_stepping_into_a_block_and_on_is_the_same_run(guest: Callable[[str], Path]) -> None:
    image = guest("1: " + "addi s0, s0, 1\n" * 7 + "j 1b\n")
    with Machine(image) as machine:
        machine.run(1000)
        monitor = Monitor(machine)
        monitor.execute("step 0 3")
        assert machine.engine.in_block
        [text] = monitor.execute("token")
        assert not machine.engine.in_block
        wanted = machine.state_hash()
    with Machine(image) as machine:
        replay(machine, Token.decode(text))
        assert machine.state_hash() == wanted


def test_snapshots_are_a_stack(monitor: Monitor, machine: Machine) -> None:
    hashes = {}
    for name in ("first", "second", "third"):
        monitor.execute(f"snapshot {name}")
        hashes[name] = machine.state_hash()
        monitor.execute("run 5000")
    assert monitor.execute("snapshots") == ["first", "second", "third"]
    monitor.execute("restore second")
    assert machine.state_hash() == hashes["second"]
    assert monitor.execute("snapshots") == ["first", "second"]
    monitor.execute("run 100")
    monitor.execute("restore")
    assert machine.state_hash() == hashes["second"]
    monitor.execute("restore first")
    assert machine.state_hash() == hashes["first"]


def test_devices(monitor: Monitor) -> None:
    text = "\n".join(monitor.execute("info devices"))
    for shown in ("rtc", "plic", "uart0", "network, no driver yet", "console, no driver yet", "entropy"):
        assert shown in text
    assert "virtio0" not in text, "empty slots are left out"


def test_token_and_file(monitor: Monitor, machine: Machine, tmp_path: Path) -> None:
    monitor.execute("run 3000")
    [text] = monitor.execute("token")
    with Machine(machine.image, machine.options) as again:
        replay(again, Token.decode(text))
        assert again.state_hash() == machine.state_hash()
    monitor.execute(f"save {tmp_path / 'machine'}")
    with Machine.load(tmp_path / "machine", machine.image) as loaded:
        assert loaded.state_hash() == machine.state_hash()


def test_every_command_is_in_the_help_and_explains_itself(monitor: Monitor) -> None:
    text = "\n".join(monitor.execute("help"))
    for command in monitor.commands:
        assert command.names[0] in text and command.text in text
    assert monitor.execute("") == []


def test_going_on_and_leaving(monitor: Monitor) -> None:
    assert monitor.execute("continue") == [] and monitor.verdict is Verdict.CONTINUE
    assert monitor.execute("quit") == [] and monitor.verdict is Verdict.LEAVE
