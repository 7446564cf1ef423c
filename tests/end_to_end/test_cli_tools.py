# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug build`, `asm`, `disasm`, `disk`, and the help that teaches them."""

import json
from pathlib import Path

import pytest
from command import Guest, Replug
from programs import HELLO

from toolchain.disk import list_image

COMMANDS = [
    "boot",
    "cycles",
    "build",
    "asm",
    "disasm",
    "disk",
    "disk create",
    "disk pack",
    "disk list",
    "disk extract",
    "disk check",
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_teaches(replug: Replug, command: str) -> None:
    done = replug(*command.split(), "--help")
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"\n    replug {command}".rstrip() in text, "an example"
    if not command:
        assert all(f"\n  {name} " in text for name in COMMANDS if " " not in name)


def test_nothing_asked(replug: Replug) -> None:
    done = replug()
    assert done.returncode == 0 and b"Usage: replug" in done.stdout


def test_version(replug: Replug) -> None:
    name, number = replug("--version").stdout.decode().split()
    assert name == "replug" and number[0].isdigit()


def test_isa_help(replug: Replug) -> None:
    text = replug("boot", "--isa", "help").stdout.decode()
    assert [line.split()[0] for line in text.splitlines()[:2]] == ["rv64", "rv32"]
    emulated = {
        line.split()[0] for line in text.splitlines() if "emulated" in line and line.startswith("  z")
    }
    assert emulated == {"zba", "zbb", "zbs", "zicond"}


class TestAsm:
    def test_bytes_and_meaning(self, replug: Replug) -> None:
        done = replug("asm", "--address", "0x80000000", "lui a0, 0x12345", "j 0x80000010")
        assert done.returncode == 0
        lines = done.stdout.decode().splitlines()
        assert lines[0].split() == ["80000000:", "37", "55", "34", "12", "lui", "a0,", "0x12345"]
        assert lines[1].endswith("0x80000010")

    def test_json_and_stdin(self, replug: Replug) -> None:
        done = replug("asm", "-", "--json", "-", stdin=b"addi a0, a0, 1\nret\n")
        result = json.loads(done.stdout)
        assert result["bytes"] == "05058280"
        assert [row["bytes"] for row in result["instructions"]] == ["0505", "8280"]
        assert result["bits"] == 64 and result["address"] == 0

    def test_32_bits(self, replug: Replug) -> None:
        assert (
            json.loads(replug("asm", "--bits", "32", "--json", "-", "c.jal . + 4").stdout)["bytes"] == "1120"
        )

    def test_backends(self, replug: Replug) -> None:
        rows = json.loads(replug("asm", "--backends", "--json", "-").stdout)["backends"]
        assert {row["name"] for row in rows} == {"keystone", "mcasm", "zig"}
        assert all(row["usable"] or row["reason"] for row in rows)
        assert next(row for row in rows if row["name"] == "zig")["usable"]
        assert b"zig" in replug("asm", "--backends").stdout

    def test_chosen_backend(self, replug: Replug) -> None:
        assert replug("asm", "--backend", "zig", "nop").stdout.split()[1:3] == [b"01", b"00"]


class TestDisasm:
    def test_what_asm_prints_goes_in(self, replug: Replug) -> None:
        done = replug("disasm", "05", "05", "82", "80", "--address", "0x80000000")
        lines = done.stdout.decode().splitlines()
        assert [line.split()[0] for line in lines] == ["80000000:", "80000002:"]
        assert lines[0].endswith("c.addi a0, 1") and lines[1].endswith("c.jr ra")
        assert replug("disasm", "-", "--address", "0x80000000", stdin=b"05058280").stdout == done.stdout

    def test_image(self, replug: Replug, guest: Guest) -> None:
        image = guest(HELLO)
        whole = replug("disasm", image).stdout.decode()
        assert "<_start>:" in whole and "<sleep>:" in whole
        part = replug("disasm", image, "--symbol", "sleep", "--source").stdout.decode()
        assert "<sleep>:" in part and "<_start>:" not in part and "wfi" in part
        assert "; " in part and ".s:" in part
        span = replug("disasm", image, "--range", "0x80000000:+4").stdout.decode()
        assert "bnez" in span and "wfi" not in span

    def test_json(self, replug: Replug, guest: Guest) -> None:
        result = json.loads(replug("disasm", guest(HELLO), "--symbol", "sleep", "--json", "-").stdout)
        assert result["bits"] == 64
        assert result["instructions"][0]["text"] == "wfi"
        assert result["instructions"][0]["bytes"] == "73005010"


class TestDisk:
    def test_there_and_back(self, replug: Replug, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(b"a" * 10_000)
        (tmp_path / "b=c.txt").write_bytes(b"b")
        done = replug("disk", "create", "d.img", "a.txt", "/bin/b=b=c.txt", "b=c.txt", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        listed = replug("disk", "list", "d.img", cwd=tmp_path).stdout.decode()
        assert [line.split()[3] for line in listed.splitlines()] == ["/a.txt", "/b=c.txt", "/bin", "/bin/b"]
        result = json.loads(replug("disk", "list", "d.img", "--json", "-", cwd=tmp_path).stdout)
        assert [(row["path"], row["size"]) for row in result["entries"] if row["kind"] == "file"] == [
            ("/a.txt", 10_000), ("/b=c.txt", 1), ("/bin/b", 1),
        ]  # fmt: skip
        assert replug("disk", "extract", "d.img", "out", cwd=tmp_path).returncode == 0
        assert (tmp_path / "out/a.txt").read_bytes() == b"a" * 10_000
        assert (tmp_path / "out/bin/b").read_bytes() == b"b"
        assert replug("disk", "check", "d.img", cwd=tmp_path).returncode == 0

    def test_damage_is_found(self, replug: Replug, tmp_path: Path) -> None:
        image = tmp_path / "d.img"
        replug("disk", "create", image)
        data = bytearray(image.read_bytes())
        data[4096] ^= 1  # the bitmap says that the superblock is free
        image.write_bytes(data)
        done = replug("disk", "check", image, "--json", "-")
        assert done.returncode == 1
        assert any("block 0 is marked free" in line for line in json.loads(done.stdout)["problems"])


def test_build_packs_a_file(replug: Replug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes(b"mine\n" * 1000)
    monkeypatch.setenv("REPLUG_BUILD", str(tmp_path / "build"))
    done = replug("build", "--file", file, "--json", "-", timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert b"building kernel.elf" in done.stderr
    assert Path(result["engine"]).is_file() and Path(result["kernel"]).is_file()
    assert all(Path(path).is_file() for path in (*result["user"].values(), *result["measure"].values()))
    sizes = {entry.path: entry.size for entry in list_image(Path(result["disk"]))}
    assert sizes["/data"] == 5000 and "/init" in sizes and "/reader" in sizes
    quiet = replug("build", "--file", file, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, b"", b"")
    assert b"kernel.elf" in replug("build", "--file", file).stdout
    # What is booted when no image is named is this.
    run = replug("boot", "--json", "-", "--max-instructions", "1000000", timeout=300)
    assert len(json.loads(run.stdout)["harts"]) == 4


def test_a_folder_becomes_a_disk_to_boot_from(replug: Replug, tmp_path: Path) -> None:
    (tmp_path / "folder/sub/deep").mkdir(parents=True)
    (tmp_path / "folder/empty").mkdir()
    (tmp_path / "folder/sub/deep/file").write_text("from the host\n")
    image = tmp_path / "data.img"
    assert replug("disk", "pack", image, tmp_path / "folder", "--quiet", timeout=300).returncode == 0
    assert replug("disk", "check", image).returncode == 0
    done = replug("boot", "--disk", image, "--quiet", stdin=b"cat /sub/deep/file\nls /empty | wc\nexit 9\n")
    assert done.returncode == 9
    assert b"\nfrom the host\n" in done.stdout
    (tmp_path / "folder/init").write_text("mine\n")
    refused = replug("disk", "pack", image, tmp_path / "folder", "--quiet", timeout=300)
    assert refused.returncode == 2
    assert b"/init would take the place" in refused.stderr
