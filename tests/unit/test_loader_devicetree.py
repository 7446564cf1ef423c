# SPDX-License-Identifier: GPL-2.0-or-later
"""The device tree: its format, against dtc and itself, and its contents, against QEMU's for `virt`."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import ReplugError
from emulator.loader.devicetree import TreeOptions, device_tree
from emulator.loader.fdt import Node, cells, read_tree, strings, wide, write_tree

FULL = TreeOptions(
    harts=4, bootargs="console=ttyS0 quiet", initrd=(0x8400_0000, 0x8410_0000), memory_size=5 << 30
)

names = st.text(st.characters(codec="ascii", min_codepoint=0x21), max_size=12)
nodes = st.recursive(
    st.builds(Node, names, st.dictionaries(names, st.binary(max_size=9), max_size=4)),
    lambda inner: st.builds(
        Node,
        names,
        st.dictionaries(names, st.binary(max_size=9), max_size=4),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@given(nodes)
def test_what_is_written_is_read(root: Node) -> None:
    data = write_tree(root)
    assert len(data) % 8 == 0 and struct.unpack_from(">I", data, 4)[0] == len(data)
    assert read_tree(data) == root


@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_damage_is_one_error_or_none(garbage: bytes, position: int, cut: bool) -> None:
    data = device_tree(TreeOptions())
    data = data[: position * 8] if cut else data[:position] + garbage + data[position + len(garbage) :]
    try:
        read_tree(data, "board.dtb")
    except ReplugError as error:
        assert str(error).startswith("board.dtb: ") and "\n" not in str(error)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (cells(9), "does not end"),
        (cells(1, 0, 9), "does not end"),
        (cells(1, 0, 2, 1, 0, 2, 9), "two roots"),
        (cells(2, 9), "outside the root"),
        (cells(1, 0, 7, 2, 9), "0x7 is no token"),
        (cells(1, 0, 3, 100, 0, 2, 9), "leaves its block"),
        (cells(1, 0, 3, 0, 100, 2, 9), "leaves its block"),
        (cells(1, 0) * 100 + cells(2) * 100 + cells(9), "nested deeper"),
        (cells(1, 0, 2), "cut short"),
    ],
)
def test_malformed_trees(structure: bytes, message: str) -> None:
    table_at = 56 + len(structure)
    header = cells(0xD00D_FEED, table_at + 4, 56, table_at, 40, 17, 16, 0, 4, len(structure))
    with pytest.raises(ReplugError, match=message):
        read_tree(header + bytes(16) + structure + b"abc\0")


def find(root: Node, path: str) -> Node:
    node = root
    for name in path.strip("/").split("/"):
        child = node.child(name)
        assert child is not None, path
        node = child
    return node


def test_contents() -> None:
    root = read_tree(device_tree(FULL))
    chosen = find(root, "chosen").properties
    assert chosen["bootargs"] == strings("console=ttyS0 quiet")
    assert chosen["linux,initrd-start"] == wide(0x8400_0000)
    assert chosen["linux,initrd-end"] == wide(0x8410_0000)
    find(root, chosen["stdout-path"].rstrip(b"\0").decode())
    assert find(root, "memory@80000000").properties["reg"] == wide(0x8000_0000, 5 << 30)
    assert find(root, "cpus").properties["timebase-frequency"] == cells(10_000_000)
    controllers = [
        find(root, f"cpus/cpu@{hart}/interrupt-controller").properties["phandle"] for hart in range(4)
    ]
    assert len(set(controllers)) == 4
    assert find(root, "soc/plic@c000000").properties["interrupts-extended"] == b"".join(
        phandle + cells(11) + phandle + cells(9) for phandle in controllers
    )
    cpu = find(root, "cpus/cpu@0").properties
    assert cpu["riscv,isa"] == strings("rv64imafdc_zicsr_zifencei")
    assert cpu["riscv,isa-base"] == strings("rv64i")
    assert cpu["riscv,isa-extensions"] == strings("i", "m", "a", "f", "d", "c", "zicsr", "zifencei")
    plain = read_tree(device_tree(TreeOptions()))
    assert list(find(plain, "chosen").properties) == ["stdout-path"]
    assert plain.child("cpus") and find(plain, "cpus").child("cpu@1") is None


def test_same_options_same_bytes() -> None:
    assert device_tree(FULL) == device_tree(FULL) != device_tree(TreeOptions())


def test_boot_arguments_with_nul() -> None:
    with pytest.raises(ReplugError, match="boot arguments"):
        device_tree(TreeOptions(bootargs="a\0b"))


def without_phandles(root: Node) -> dict[str, dict[str, bytes]]:
    """Properties by path, with the phandles that boards number as they like replaced by the node's path."""
    paths: dict[bytes, str] = {}
    flat: dict[str, dict[str, bytes]] = {}

    def walk(node: Node, path: str) -> None:
        flat[path or "/"] = dict(node.properties)
        if "phandle" in node.properties:
            paths[node.properties["phandle"]] = path
        for child in node.children:
            walk(child, f"{path}/{child.name}")

    walk(root, "")
    for properties in flat.values():
        properties.pop("phandle", None)
        for name in ("interrupt-parent", "regmap", "cpu"):
            if name in properties:
                properties[name] = paths[properties[name]].encode()
        if "interrupts-extended" in properties:
            wires = properties["interrupts-extended"]
            properties["interrupts-extended"] = b"".join(
                paths[wires[at : at + 4]].encode() + wires[at + 4 : at + 8] for at in range(0, len(wires), 8)
            )
    return flat


def test_agrees_with_qemu(tmp_path: Path, qemu: str) -> None:
    dump = tmp_path / "qemu.dtb"
    machine = f"virt,dumpdtb={dump}"
    command = [qemu, "-machine", machine, "-bios", "none", "-smp", "4", "-m", "128M", "-display", "none"]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    theirs = without_phandles(read_tree(dump.read_bytes(), "QEMU's"))
    ours = without_phandles(read_tree(device_tree(TreeOptions(harts=4))))
    assert set(ours) <= set(theirs)
    # What may differ: the processor's extensions, the name of the machine, and the number of interrupt
    # sources, which QEMU 7.2 gives one too high. We say that a hart's controller has no address cells.
    may_differ = {"riscv,isa", "riscv,isa-base", "riscv,isa-extensions", "model", "riscv,ndev"}
    for path, properties in ours.items():
        for name, value in properties.items():
            if name in may_differ or (path.endswith("/interrupt-controller") and name == "#address-cells"):
                continue
            assert theirs[path][name] == value, f"{path} {name}"


@pytest.mark.parametrize("options", [TreeOptions(), FULL, TreeOptions(harts=32)], ids=["1", "4", "32"])
def test_dtc_takes_it_without_warnings(
    options: TreeOptions, tmp_path: Path, host_tool: Callable[[str, str], str]
) -> None:
    dtc = host_tool("dtc", "device-tree-compiler")
    blob, source, again = (tmp_path / name for name in ("blob.dtb", "source.dts", "again.dtb"))
    blob.write_bytes(device_tree(options))

    def run(*arguments: str | Path) -> None:
        result = subprocess.run([dtc, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert (result.returncode, result.stderr) == (0, "")

    run("-I", "dtb", "-O", "dts", "-o", source, blob)
    # Source that was made from a blob has bare numbers for phandles, which this one check calls suspicious.
    run("-W", "no-interrupts_extended_property", "-I", "dts", "-O", "dtb", "-o", again, source)
    assert read_tree(again.read_bytes()) == read_tree(blob.read_bytes())
