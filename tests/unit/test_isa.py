# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of instruction sets: what they mean, how the device tree says it, what is refused."""

import pytest

from emulator.errors import ReplugError
from emulator.isa import OPTIONAL, Isa


@pytest.mark.parametrize("xlen", [32, 64])
def test_default_has_all_and_announces_what_is_fast(xlen: int) -> None:
    isa = Isa.parse(f"rv{xlen}")
    assert isa == Isa.default(xlen)
    assert isa.xlen == xlen
    assert isa.extensions == OPTIONAL.keys() - {"svade"}
    assert not isa.announced & {"zba", "zbb", "zbs", "zicond"}
    assert isa.hardware_ad


@pytest.mark.parametrize(
    "name", ["rv64gc", "rv64imafdc", "RV64GC", "rv64gc_zicsr_zifencei", "rv64imafdc_zicntr"]
)
def test_letters_say_how_much_there_is(name: str) -> None:
    isa = Isa.parse(name)
    assert isa.extensions == isa.announced == frozenset()
    assert isa.device_tree_string() == "rv64imafdc_zicntr_zicsr_zifencei_zihpm"


def test_extensions_are_announced_in_the_order_of_the_manual() -> None:
    isa = Isa.parse("rv32gc_sstc_zbs_zicond_zba_svade_zbb")
    assert isa.device_tree_string() == (
        "rv32imafdc_zicntr_zicond_zicsr_zifencei_zihpm_zba_zbb_zbs_sstc_svade"
    )
    assert isa.mmu_type == "sv32"


def test_svade_takes_the_place_of_svadu() -> None:
    isa = Isa.parse("rv64_svade")
    assert isa.extensions == OPTIONAL.keys() - {"svadu"}
    assert "svade" in isa.announced and "zba" not in isa.announced
    assert not isa.hardware_ad
    both = Isa.parse("rv64gc_svade_svadu")
    assert not both.hardware_ad and "svadu" in both.extensions


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("rv128", "not a name"),
        ("", "not a name"),
        ("rv64gc zba", "not a name"),
        ("rv64gcv", "v: not there"),
        ("rv64gc_zbc", "zbc: not there"),
        ("rv32imac", "leaves out f d"),
    ],
)
def test_what_no_machine_has_is_refused(name: str, what: str) -> None:
    with pytest.raises(ReplugError, match=what) as caught:
        Isa.parse(name)
    assert "\n" not in str(caught.value)
