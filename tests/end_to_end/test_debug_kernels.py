# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger with kernels and firmware of others, and with several ELFs: in batch mode, and under GDB.

U-Boot and OpenSBI come from Debian packages. The others run on request, as they have no package:

REPLUG_XV6            the folder of an xv6-riscv that has been built: kernel/kernel, fs.img and user/_sh
REPLUG_LINUX_IMAGE    a Linux `Image` for RISC-V
REPLUG_LINUX_SYMBOLS  its System.map, or /proc/kallsyms of that kernel booted with `nokaslr`
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import COMMAND, environment

from guestos.images import SCENARIO, build_all
from toolchain.assemble import assemble

sys.path.insert(0, str(Path(__file__).parent / "linux"))
sys.path.insert(0, str(Path(__file__).parents[1] / "differential"))
from gdb_mi import Gdb, Server
from initramfs import make_initramfs

HostFile = Callable[[str, str], Path]
HostTool = Callable[[str, str], str]

FW_JUMP = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf"
U_BOOT = "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf"
RV32 = """
    .globl _start
    .type _start, @function
_start:
    la sp, stack_top
    la s1, counter
1:  lw a0, 0(s1)
    call twice
    sw a0, 0(s1)
    j 1b
    .size _start, . - _start
    .type twice, @function
twice:
    addi sp, sp, -16
    sw ra, 12(sp)
    call leaf
    jal leaf
    lw ra, 12(sp)
    addi sp, sp, 16
    ret
    .size twice, . - twice
    .type leaf, @function
leaf:
    addi a0, a0, 1
    ret
    .size leaf, . - leaf
    .data
    .balign 4
    .globl counter
    .type counter, @object
    .size counter, 4
counter: .word 0
    .word -1
    .bss
    .balign 16
    .skip 1024
stack_top: .skip 16
"""


def asked_for(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"on request: {variable} names no path (see the top of this file)")
    if not Path(value).exists():
        pytest.fail(f"{variable}: {value}: no such file")
    return Path(value)


def debugged(commands: str, *arguments: object, timeout: float = 120) -> tuple[str, str]:
    """What a batch of commands says, and the guest's console with the errors."""
    done = subprocess.run(
        [*COMMAND, "debug", *map(str, arguments), "--batch"],
        input="".join(f"{line.strip()}\n" for line in commands.strip().splitlines()),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


def backtraces(said: str) -> list[list[str]]:
    """Names of the functions of each backtrace, the innermost first; `!` in front where a trap came."""
    found: list[list[str]] = []
    for line in said.splitlines():
        frame = re.match(r"#(\d+) +0x[0-9a-f]+ <([^>+]+)[^>]*>(.*)", line)
        if frame is None:
            continue
        if frame[1] == "0":
            found.append([])
        found[-1].append(("!" if "a trap came here" in frame[3] else "") + frame[2])
    return found


def test_u_boot_and_open_sbi(host_file: HostFile) -> None:
    firmware, u_boot = host_file(FW_JUMP, "opensbi"), host_file(U_BOOT, "u-boot-qemu")
    said, console = debugged(
        f"""
        break _start
        continue
        print $priv
        stepi 3
        reverse-stepi 2
        delete
        break board_init_f
        continue
        break get_version
        watch $sp - 16
        continue
        reverse-continue
        goto start
        print $priv
        goto end
        delete
        run-for 60000000
        type \\x20
        run-for 60000000
        type bdinfo
        run-for 60000000
        # where U-Boot has copied itself to
        add-symbol-file {u_boot} 0x7d57000
        break printf
        type version
        continue
        nexti
        reverse-nexti
        """,
        "--bios", firmware, u_boot,
    )  # fmt: skip
    assert "OpenSBI v" in console and "U-Boot 20" in console
    offset = re.search(r"reloc off   = (0x[0-9a-f]+)", console)
    assert offset is not None
    lines = said.splitlines()
    assert [line for line in lines if line.startswith(("1 =", "3 ="))] == ["1 = 0x1", "3 = 0x3"]
    steps = [line.split()[2:4] for line in lines if line.startswith("hart 0  0x8020000")]
    assert [each[1] for each in steps] == ["<_start>:", "<_start+8>:", "<_start+2>:"]
    assert any("<board_init_f>" in line for line in lines)
    watched = [line for line in lines if "written" in line]
    assert "was written" in watched[0] and "is about to be written" in watched[1]
    if int(offset[1], 16) == 0x7D57000:  # another U-Boot of another size lies elsewhere
        assert re.fullmatch(r"hart 0  0x87\w+ <printf>:.*", lines[-1])


def test_rv32_of_our_own(tmp_path: Path, host_tool: HostTool) -> None:
    source, script = tmp_path / "guest.s", tmp_path / "guest.ld"
    source.write_text(RV32)
    script.write_text(
        "ENTRY(_start)\nPHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); }\nSECTIONS { . = 0x80000000; "
        ".text : { *(.text) } :text . = ALIGN(4096); .data : { *(.data) *(.bss) } :data }\n"
    )
    program = assemble([source], tmp_path / "guest.elf", link_script=script, root=tmp_path, bits=32)
    said, _ = debugged(
        """
        break leaf
        continue
        backtrace
        finish
        delete
        watch counter
        continue
        print *counter
        x/2 counter
        regs sp
        reverse-continue
        """,
        program,
    )  # fmt: skip
    assert backtraces(said) == [["leaf", "twice", "_start"]]
    assert "4 bytes at 0x80001000" in said and "2 = 0x2" in said and ": 0x00000002 0xffffffff" in said
    watched = [line for line in said.splitlines() if line.startswith("watchpoint") and "value" in line]
    assert "is about to be written" in watched[-1] and "the start of the run" not in said
    assert re.search(r"^sp +0x[0-9a-f]{8} ", said, re.MULTILINE)
    gdb = host_tool("gdb-multiarch", "gdb-multiarch")
    with Server(str(program), "--harts", "2") as server, Gdb(gdb, server.port) as client:
        assert client.value("sizeof(long)") == 4
        client.run("hbreak leaf")
        client.resume("continue")
        assert "twice" in client.run("bt")
        client.run("watch *(int*)&counter")
        client.run("delete 1")
        assert 'new="2"' in client.resume("continue")
        pc = client.value("$pc")
        client.resume("reverse-stepi")
        client.resume("stepi")
        assert client.value("$pc") == pc
        client.run("set var $a0 = 0x80000001")
        assert client.value("$a0") == 0x8000_0001


def test_our_kernel_and_a_program_of_it(tmp_path: Path) -> None:
    built = build_all(tmp_path, data=bytes(range(256)))
    reader = next(path for path in tmp_path.rglob("reader.elf"))
    said, _ = debugged(
        f"""
        add-symbol-file {reader}
        tbreak sys_read
        continue
        backtrace
        finish
        finish
        backtrace
        reverse-nexti
        nexti
        print $priv
        break read_file space $satp
        info breakpoints
        reverse-continue
        backtrace
        tbreak main space 1
        reverse-continue
        delete
        step-path
        step-path
        step-path
        reverse-step-path
        """,
        "--disk", built.disk, "--append", SCENARIO, built.kernel,
    )  # fmt: skip
    program = ["read_file", "main", "_start"]
    assert backtraces(said) == [
        ["sys_read", "trap_vector", "!read", *program],
        ["read", *program],
        program,
    ]
    places = re.findall(r"^hart \d+  0x\w+ <([^>]+)>.*:  (\S+)", said, re.MULTILINE)
    # The call has gone through the kernel, and while it waited for the disk perhaps through other programs.
    assert [each[0].split("+")[0] for each in places[:3]] == ["sys_read", "trap_vector", "read"]
    assert places[2] == places[4] and places[3][1] == "ecall" and "0 = 0x0\n" in said
    assert re.search(r"break +0x4\w+ <read_file>  hits 0  space 0x8\w+\n", said)
    lines = said.splitlines()
    start = lines.index("the start of the run")  # in no address space 1 is a `main`
    found = re.findall(
        r"^path .+ (?:begins|ends) here, instruction ([0-9,]+)$", "\n".join(lines[start:]), re.M
    )
    places_of_paths = [int(each.replace(",", "")) for each in found]
    forward = sorted(set(places_of_paths))
    assert len(forward) == 3 and places_of_paths[0] == forward[0] and places_of_paths[-1] == forward[1]


@pytest.mark.timeout(600)
def test_xv6(tmp_path: Path) -> None:
    folder = asked_for("REPLUG_XV6")
    disk = shutil.copy(folder / "fs.img", tmp_path / "fs.img")
    said, console = debugged(
        f"""
        tbreak userinit
        continue
        backtrace
        add-symbol-file {folder / "user/_sh"}
        tbreak getcmd if $a1 == 100
        continue
        backtrace
        next
        next
        next
        reverse-next
        type ls
        tbreak syscall
        continue
        finish
        backtrace
        tbreak clockintr
        continue
        backtrace
        watch ticks
        continue
        reverse-continue
        """,
        folder / "kernel/kernel", "--harts", 3, "--disk", disk, timeout=500,
    )  # fmt: skip
    assert "init: starting sh" in console
    first, user, system, clock = backtraces(said)
    assert first[:3] == ["userinit", "main", "start"] and user[:2] == ["getcmd", "main"]
    assert system[0] == "usertrap"
    assert clock[:4] == ["clockintr", "devintr", "kerneltrap", "kernelvec"] and clock[4].startswith("!")
    lines = [int(each) for each in re.findall(r"at user/sh\.c:(\d+): ", said)]
    assert len(lines) >= 5 and lines[1] < lines[2] < lines[3] and lines[4] == lines[2]
    watched = [line for line in said.splitlines() if "written" in line]
    assert "was written by clockintr" in watched[0] and "is about to be written by clockintr" in watched[1]


@pytest.mark.timeout(600)
def test_linux(tmp_path: Path) -> None:
    image, symbols = asked_for("REPLUG_LINUX_IMAGE"), asked_for("REPLUG_LINUX_SYMBOLS")
    said, console = debugged(
        f"""
        add-symbol-file {symbols}
        tbreak kernel_init
        continue
        tbreak handle_riscv_irq
        continue
        backtrace
        finish
        tbreak ksys_write
        continue
        backtrace
        stepi 3
        reverse-stepi
        nexti
        finish
        last write $sp
        """,
        image, "--harts", 2, "--memory", "512M", "--initrd", make_initramfs(tmp_path),
        "--append", "console=ttyS0 nokaslr", timeout=500,
    )  # fmt: skip
    assert "Linux version" in console
    interrupt, call = backtraces(said)
    place = interrupt.index("handle_exception")
    assert interrupt[0] == "handle_riscv_irq" and interrupt[place + 1].startswith("!")
    assert call[0] == "ksys_write" and call[-2] == "handle_exception" and call[-1].startswith("!")
    assert "is about to be written" in said
