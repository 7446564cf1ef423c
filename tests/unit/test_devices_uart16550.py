# SPDX-License-Identifier: GPL-2.0-or-later
"""The console UART: data both ways, interrupts, FIFOs, loopback, state."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.devices.device import BusError
from emulator.devices.plic import Plic
from emulator.devices.uart16550 import Uart16550
from emulator.engine import Engine, EngineConfig
from emulator.errors import ReplugError

DATA, IER, FCR, IIR, LCR, MCR, LSR, MSR, SCR = 0, 1, 2, 2, 3, 4, 5, 6, 7
IRQ = 10


class Harness:
    def __init__(self) -> None:
        self._output = bytearray()
        self.engine = Engine(EngineConfig(ram_size=1 << 16, devices=1), lambda *_: None, lambda *_: False)
        self.uart = Uart16550(self.engine, self._output.extend)

    def read(self, register: int) -> int:
        return self.uart.read(register, 1)

    def write(self, register: int, value: int) -> None:
        self.uart.write(register, 1, value)

    @property
    def output(self) -> bytes:
        self.uart.deliver()
        return bytes(self._output)

    @property
    def level(self) -> bool:
        """Whether the interrupt wire is up."""
        return bool(self.uart.save()[10])

    def plic(self) -> Plic:
        """The controller with the UART's interrupt enabled for S-mode."""
        plic = Plic(self.engine)
        plic.write(4 * IRQ, 4, 1)
        plic.write(0x2080, 4, 1 << IRQ)
        return plic


def test_output_goes_out_as_written_and_transmitter_is_empty() -> None:
    harness = Harness()
    for character in b"hello\n":
        assert harness.read(LSR) & 0x60 == 0x60
        harness.write(DATA, character)
    assert harness.output == b"hello\n"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=4), st.booleans())
def test_input_is_read_in_order_and_none_is_lost(pieces: list[bytes], fifo: bool) -> None:
    harness = Harness()
    harness.write(FCR, int(fifo))
    got = bytearray()
    for piece in pieces:
        harness.uart.receive(piece)
        if harness.read(LSR) & 1:
            got.append(harness.read(DATA))
    while harness.read(LSR) & 1:
        got.append(harness.read(DATA))
    assert got == b"".join(pieces)
    assert harness.read(DATA) == 0 and not harness.read(LSR) & 2
    assert harness.uart.unread == 0


def test_much_input_in_pieces_with_reads_between() -> None:
    harness = Harness()
    sent, got = bytearray(), bytearray()
    for length in range(1, 200):
        piece = bytes((length + place) % 256 for place in range(length))
        sent += piece
        harness.uart.receive(piece)
        got += bytes(harness.read(DATA) for _ in range(length // 2))
    got += bytes(harness.read(DATA) for _ in range(len(sent) - len(got)))
    assert got == sent and harness.uart.unread == 0


def test_receive_interrupt_and_its_level() -> None:
    harness = Harness()
    harness.uart.receive(b"ab")
    assert not harness.level
    harness.write(IER, 1)
    assert harness.level and harness.read(IIR) == 0x04
    harness.read(DATA)
    assert harness.level, "one is left"
    harness.read(DATA)
    assert not harness.level and harness.read(IIR) == 0x01


def test_fifo_below_its_trigger_is_a_timeout() -> None:
    harness = Harness()
    harness.write(FCR, 0x81)  # trigger at 8
    harness.write(IER, 1)
    harness.uart.receive(b"1234567")
    assert harness.read(IIR) == 0xCC and harness.level
    harness.uart.receive(b"8")
    assert harness.read(IIR) == 0xC4


def test_transmit_interrupt_rises_once_and_reading_iir_clears_it() -> None:
    harness = Harness()
    harness.write(IER, 2)
    assert harness.level and harness.read(IIR) == 0x02
    assert not harness.level and harness.read(IIR) == 0x01
    harness.write(DATA, 65)
    assert harness.level
    harness.write(IER, 0)
    assert not harness.level


def test_receive_comes_before_transmit_in_iir() -> None:
    harness = Harness()
    harness.write(IER, 3)
    harness.uart.receive(b"x")
    assert harness.read(IIR) == 0x04
    harness.read(DATA)
    assert harness.read(IIR) == 0x02


def test_driver_that_never_reads_iir_gets_one_interrupt_a_character() -> None:
    harness = Harness()
    plic = harness.plic()
    harness.write(IER, 2)
    claims = 0
    to_send = list(b"abc")
    while plic.read(0x20_1004, 4) == IRQ:
        claims += 1
        assert claims < 10, "the interrupt storms"
        if to_send:
            harness.write(DATA, to_send.pop(0))
        plic.write(0x20_1004, 4, IRQ)
    assert harness.output == b"abc" and claims == 4


def test_driver_that_takes_one_character_an_interrupt_gets_all() -> None:
    harness = Harness()
    plic = harness.plic()
    harness.write(IER, 1)
    harness.uart.receive(b"input")
    got = bytearray()
    while plic.read(0x20_1004, 4) == IRQ:
        got.append(harness.read(DATA))
        plic.write(0x20_1004, 4, IRQ)
    assert got == b"input"


def test_divisor_latch_hides_data_and_ier() -> None:
    harness = Harness()
    harness.write(IER, 0x05)
    harness.write(LCR, 0x83)
    harness.write(DATA, 0x34)
    harness.write(IER, 0x12)
    assert (harness.read(DATA), harness.read(IER)) == (0x34, 0x12)
    harness.write(LCR, 0x03)
    assert harness.read(IER) == 0x05 and harness.read(LCR) == 0x03
    assert harness.output == b""


def test_scratch_and_plain_registers() -> None:
    harness = Harness()
    harness.write(SCR, 0xA5)
    harness.write(IER, 0xFF)
    harness.write(MCR, 0xFF)
    assert (harness.read(SCR), harness.read(IER), harness.read(MCR)) == (0xA5, 0x0F, 0x1F)
    harness.write(MCR, 0)
    assert harness.read(MSR) == 0xB0


def test_fifo_reset_keeps_what_was_piped_in() -> None:
    harness = Harness()
    harness.uart.receive(b"help\n")
    harness.write(FCR, 0x07)
    harness.write(FCR, 0x01)
    assert bytes(harness.read(DATA) for _ in range(5)) == b"help\n"


def test_loopback() -> None:
    harness = Harness()
    harness.uart.receive(b"z")
    harness.write(FCR, 1)
    harness.write(MCR, 0x1A)  # with OUT2 and RTS
    assert harness.read(MSR) == 0x90
    assert not harness.read(LSR) & 1, "input waits outside"
    for character in range(17):
        harness.write(DATA, character)
    assert harness.output == b""
    assert harness.read(LSR) & 3 == 3 and harness.read(LSR) & 2 == 0, "overrun, cleared by reading"
    assert [harness.read(DATA) for _ in range(17)] == [*range(16), 0]
    for control in (0, 1, 3):  # FIFOs off, on, and reset: what was looped is gone each time
        harness.write(DATA, 1)
        harness.write(FCR, control)
        assert not harness.read(LSR) & 1
    harness.write(MCR, 0)
    assert harness.read(DATA) == ord("z")


def test_overrun_interrupt() -> None:
    harness = Harness()
    harness.write(IER, 4)
    harness.write(MCR, 0x10)
    harness.write(DATA, 1)
    assert not harness.level
    harness.write(DATA, 2)
    assert harness.level and harness.read(IIR) == 0x06
    harness.read(LSR)
    assert not harness.level


def test_width_and_range() -> None:
    harness = Harness()
    harness.uart.write(7, 1, 0x1FF)
    assert harness.read(SCR) == 0xFF
    harness.uart.write(0, 4, 0x12345641)
    assert harness.output == b"A"
    assert harness.uart.read(4, 4) == 0
    for offset, width in ((8, 1), (0xFF, 1), (5, 4), (3, 2), (4, 8)):
        with pytest.raises(BusError):
            harness.uart.read(offset, width)
        with pytest.raises(BusError):
            harness.uart.write(offset, width, 0)


accesses = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 7), st.just(0)),
        st.tuples(st.just("write"), st.integers(0, 7), st.integers(0, 255)),
        st.tuples(st.just("receive"), st.integers(0, 20), st.integers(0, 255)),
    ),
    max_size=30,
)


def apply(harness: Harness, steps: list[tuple[str, int, int]]) -> list[int]:
    values = []
    for kind, first, second in steps:
        if kind == "read":
            values.append(harness.read(first))
        elif kind == "write":
            harness.write(first, second)
        else:
            harness.uart.receive(bytes([second]) * first)
    return values


@settings(deadline=None)
@given(accesses, accesses)
def test_restored_uart_behaves_alike(
    before: list[tuple[str, int, int]], after: list[tuple[str, int, int]]
) -> None:
    original, copy = Harness(), Harness()
    apply(original, before)
    copy.uart.restore(original.uart.save())
    assert copy.engine.save_plic() == Harness().engine.save_plic(), "the wire is the PLIC's state"
    copy.engine.restore_plic(original.engine.save_plic())
    sent = len(original.output)
    assert apply(copy, after) == apply(original, after)
    assert copy.engine.save_plic() == original.engine.save_plic()
    assert copy.output == original.output[sent:]
    assert copy.uart.save() == original.uart.save()


def test_damaged_state_is_refused() -> None:
    harness = Harness()
    harness.uart.receive(b"abc")
    state = harness.uart.save()
    for wrong in (b"", state[:-1], state + b"\0", b"\xff" + state[1:]):
        with pytest.raises(ReplugError, match="uart0"):
            harness.uart.restore(wrong)
    assert harness.uart.save() == state
