# SPDX-License-Identifier: GPL-2.0-or-later
"""The state hash sees every bit: of registers, CSRs, schedule and time, RAM, devices, events and input.

What is saved is also what is restored: a bit that is turned in saved bytes is turned in the machine.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from emulator import Machine, MachineOptions, ReplugError
from emulator.devices.options import DeviceOptions
from emulator.devices.virtio_block import VirtioBlock
from emulator.engine import PAGE_SIZE
from guestos.images import SCENARIO, Built, build_all

Guest = Callable[[str], Path]
RAM = 0x8000_0000
MEMORY = 4 << 20

# Everything in use: floats, a reservation, timers and software interrupts, a hart that waits.
BUSY = """
    .option arch, +f, +d
    li t0, 1 << 13
    csrs mstatus, t0
    li t0, 1
    beq a0, t0, sleeper
    la t0, cell
    fcvt.d.l fa1, t0
1:  lr.d t1, (t0)
    addi t1, t1, 1
    fdiv.d fa1, fa1, fa1
    sc.d t2, t1, (t0)
    add s0, s0, t2
    j 1b
sleeper:
    li t0, 0x2004008
    li t1, 1000000
    sd t1, 0(t0)
    li t0, 1 << 7
    csrw mie, t0
    wfi
    .data
    .balign 8
cell: .dword 0
"""


@pytest.fixture
def machine(guest: Guest) -> Iterator[Machine]:
    with Machine(guest(BUSY), MachineOptions(harts=2, memory=MEMORY, quantum=50)) as made:
        made.run(1003)
        yield made


# Of a hart's saved state: x0, and what fcsr has above its 8 bits, are not there to be changed.
X0, FCSR = slice(0, 8), slice(8 * 64 + 1, 8 * 65)
SCHEDULE = 7  # doublewords in front of the harts that change as it runs; those before them name the machine
NO_CODE = 16  # bytes: a section of code that is empty


def sizes(image: Path) -> tuple[int, int]:
    """Bytes of saved state in front of the harts', and of each."""
    lengths = []
    for harts in (1, 2):
        with Machine(image, MachineOptions(harts=harts, memory=MEMORY)) as made:
            lengths.append(len(made.engine.save(with_code=False)))
    hart = lengths[1] - lengths[0]
    return lengths[0] - hart - NO_CODE, hart


def test_each_byte_of_the_harts(machine: Machine) -> None:
    engine = machine.engine
    state, wanted = engine.save(), machine.state_hash()
    header, size = sizes(machine.image.path)
    identity = header - 8 * SCHEDULE
    in_slice, planned = header - 16, header - 8
    dead = {
        header + size * hart + place
        for hart in range(2)
        for part in (X0, FCSR)
        for place in range(part.start, part.stop)
    }
    refused = []
    for place in range(header + 2 * size):
        changed = bytearray(state)
        changed[place] ^= 1 << place % 8
        try:
            engine.restore(bytes(changed))
        except ReplugError:
            refused.append(place)
            assert machine.state_hash() == wanted, f"byte {place}: refused, and restored all the same"
            continue
        if place in dead:
            assert engine.save() == state
            continue
        if place // 8 == in_slice // 8:  # outside a slice none is planned
            changed[planned : planned + 8] = bytes(8)
        assert engine.save() == changed, f"byte {place} is not restored"
        assert machine.state_hash() != wanted, f"byte {place} is not in the hash"
        engine.restore(state)
        assert machine.state_hash() == wanted
    assert set(range(identity)) <= set(refused)
    assert len(refused) - identity < 300, refused


def test_each_bit_of_the_csrs(machine: Machine) -> None:
    engine = machine.engine
    engine.set_csr(1, 0x303, 0x222)  # else sie and sip show nothing
    wanted = engine.save()
    writable = set()
    for number in range(4096):
        before = engine.get_csr(1, number)
        if before is None:
            continue
        for bit in range(64):
            engine.set_csr(1, number, before ^ 1 << bit)
            after = engine.get_csr(1, number)
            if after != before:
                writable.add(number)
                assert engine.save() != wanted, f"CSR {number:#x} bit {bit}"
            engine.restore(wanted)
    assert {
        0x001, 0x002, 0x003, 0x100, 0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x180, 0x300,
        0x302, 0x303, 0x304, 0x305, 0x306, 0x320, 0x340, 0x341, 0x342, 0x343, 0x344, 0x3A0, 0x3B0, 0xB00,
        0xB02,
    } <= writable  # fmt: skip
    assert engine.save() == wanted


def test_ram(machine: Machine) -> None:
    """In pages that were touched and in others, up to both ends."""
    rng = Random(3)
    wanted = machine.state_hash()
    seen = {wanted}
    places = [0, 1, MEMORY - 1, MEMORY - PAGE_SIZE, *(rng.randrange(MEMORY) for _ in range(300))]
    flags = machine.engine.page_flags
    assert {bool(flags[place // PAGE_SIZE]) for place in places} == {False, True}
    for place in places:
        before = machine.read_physical(RAM + place, 1)[0]
        machine.engine.ram_write(RAM + place, bytes((before ^ 1 << rng.randrange(8),)))
        found = machine.state_hash()
        assert found not in seen, hex(place)
        seen.add(found)
        machine.engine.ram_write(RAM + place, bytes((before,)))
        assert machine.state_hash() == wanted, "a page that was touched and is as before is no difference"


def test_a_store_of_the_guest_to_a_fresh_page(guest: Guest) -> None:
    image = guest("li t0, 0x80300000\n sb a1, 0(t0)\n 1: j 1b")

    def after(value: int) -> str:
        with Machine(image, MachineOptions(memory=MEMORY)) as machine:
            machine.engine.set_x(0, 11, value)
            machine.run(10)
            assert machine.read_physical(0x8030_0000, 1)[0] == value
            machine.engine.set_x(0, 11, 0)
            return machine.state_hash()

    assert after(0) == after(0) != after(1)


def test_what_harts_fetch(guest: Guest) -> None:
    """Code that was stored to and has not been fenced: RAM is the same, what runs next is not."""
    text = """
        la t0, patch
        li t1, 0x00700513
        jal patch
        {}
        sw t1, 0(t0)
        {}
    2:  j 2b
        .balign 4096
    patch:
        .option norvc
        li a0, 1
        ret"""
    hashes = []
    for fences in (("nop", "fence.i"), ("fence.i", "nop")):
        with Machine(guest(text.format(*fences)), MachineOptions(memory=MEMORY)) as machine:
            machine.run(30)
            same = machine.engine.save(with_code=False)
            machine.engine.ram_write(RAM, bytes(64))  # the only difference between the two programs
            hashes.append((machine.state_hash(), same))
    assert hashes[0][1] == hashes[1][1]
    assert hashes[0][0] != hashes[1][0]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build_all(tmp_path_factory.mktemp("guest"), data=bytes(range(256)) * 40)


@pytest.fixture
def kernel(built: Built) -> Iterator[Machine]:
    """With requests to the disk under way, sectors changed, input unread."""
    options = MachineOptions(
        harts=2, quantum=200, memory=32 << 20, disk=built.disk, bootargs=SCENARIO,
        devices=DeviceOptions(net="echo", seed=7),
    )  # fmt: skip
    with Machine(built.kernel, options) as made:
        block = next(device for device in made.bus.devices if isinstance(device, VirtioBlock))
        while not block._under_way:
            assert made.run(5_000).reason == "limit"
        block.disk.write(2, bytes(range(256)) * 4)
        made.type(b"unread text")
        yield made


def test_each_bit_of_the_devices(kernel: Machine) -> None:
    """In the bytes they save: refused, or restored and seen."""
    wanted = kernel.state_hash()
    taken: dict[str, int] = {}
    for device in kernel.bus.devices:
        state = device.save()
        for bit in range(8 * len(state)):
            changed = bytearray(state)
            changed[bit // 8] ^= 1 << bit % 8
            try:
                device.restore(bytes(changed))
            except ReplugError:
                assert device.save() == state, f"{device.name} bit {bit}: refused, and restored all the same"
                continue
            if state[bit // 8] == 1 and device.save() == state:
                continue  # a truth value that is as true as before
            assert device.save() != state, f"{device.name}: bit {bit} is not restored"
            if bit % 97 == 0:
                assert kernel.state_hash() != wanted, f"{device.name}: bit {bit} is not in the hash"
            taken[device.name] = taken.get(device.name, 0) + 1
            device.restore(state)
    assert kernel.state_hash() == wanted
    assert {"plic", "uart0", "virtio0"} <= set(taken)
    assert min(taken.values()) > 50


def test_devices_by_what_they_do(kernel: Machine) -> None:
    seen = {kernel.state_hash()}

    def changed(what: str) -> None:
        found = kernel.state_hash()
        assert found not in seen, what
        seen.add(found)

    block = next(device for device in kernel.bus.devices if isinstance(device, VirtioBlock))
    queue = block.queues[0]
    queue._next_available += 1
    changed("place in the available ring")
    queue._next_used += 1
    changed("place in the used ring")
    block.disk.write(0, b"\1" + block.disk.read(0, 1)[1:])
    changed("disk overlay")
    block._under_way.popitem()
    changed("request under way")
    kernel.type(b"x")
    changed("unread input")
    kernel.bus.schedule(kernel.uart, 1000, 1)
    changed("event queue")
    kernel.plic.set_level(5, True)
    changed("pending interrupt")
    pending = kernel.engine.get_csr(0, 0x344)
    assert pending is not None and kernel.engine.set_csr(0, 0x344, pending ^ 2)
    changed("mip")


@pytest.mark.parametrize(
    ("address", "store"), [(0x0200_0004, "sw"), (0x0200_4000, "sd"), (0x0200_4008, "sd")]
)
def test_the_clint(guest: Guest, address: int, store: str) -> None:
    """msip and mtimecmp of either hart: runs that differ in one stored value only."""
    image = guest(f"{store} t0, (t1)\n li t0, 0\n 1: j 1b")

    def after(value: int) -> str:
        with Machine(image, MachineOptions(harts=2, memory=MEMORY)) as made:
            made.engine.set_x(0, 5, value)
            made.engine.set_x(0, 6, address)
            made.run(3)
            assert (made.engine.get_x(0, 5), made.engine.traps(0), made.instret(1)) == (0, 0, 0)
            return made.state_hash()

    assert after(1) == after(1) != after(2)
