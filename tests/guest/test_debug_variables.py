# SPDX-License-Identifier: GPL-2.0-or-later
"""Variables of C programs, as several compilers, DWARF versions and levels of optimization describe them."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.frames import stack
from emulator.debug.records import StopKind
from emulator.debug.session import DebugSession
from emulator.debug.symbols import Symbols
from emulator.debug.values import Value
from emulator.debug.variables import reading
from emulator.errors import ReplugError
from emulator.options import MachineOptions
from guestos.images import GUESTOS
from toolchain.errors import ToolchainError
from toolchain.image import Image
from toolchain.zig import run_zig_cc

HostTool = Callable[[str, str], str]
START = """
    .globl _start
_start:
    la sp, top
    call main
1:  j 1b
    .bss
    .balign 16
    .skip 8192
top:
"""
PROGRAM = r"""
typedef unsigned long u64;
enum colour { RED, GREEN = 5, BLUE = -2 };
struct inner { short a; union { int number; char letter; }; };
struct point {
    int x, y;
    const char *name;
    struct point *next;
    unsigned low : 3, high : 5;
    int below : 4;
    struct inner in[2];
};
struct point origin = {-1, 2, "orig\"in\n", 0, 5, 17, -3, {{-7, {65}}, {8, {66}}}};
volatile u64 counter = 0x123456789;
int grid[2][3] = {{1, 2, 3}, {4, 5, -6}};
enum colour colour = BLUE;
_Bool flag = 1;
char letter = 'q';
double ratio = 1.5;
float small = -0.25f;
int (*function)(struct point *, int);
static volatile int hidden = 77;
volatile int sink;

__attribute__((noinline)) void stop_here(void) { __asm__ volatile("nop"); }

__attribute__((noinline)) int leaf(struct point *p, int n)
{
    static int calls = 40;
    int sum = p->x + n;
    p->y = sum;
    calls++;
    {
        int sum = -5;
        sink = sum;
        stop_here();
        sink = sum;
    }
    sink = n + hidden + p->next->in[0].a + p->name[0];
    return sum + p->y;
}

int main(void)
{
    struct point here = {10, 7, "here", &origin, 1, 2, 3, {{0}}};
    volatile u64 counter = 99;
    int total = 0;
    function = leaf;
    for (int i = 0; i < 4; i++)
        total += leaf(&here, i);
    sink = total + (int)counter;
    return here.y;
}
"""
_GCC = "riscv64-unknown-elf-gcc"
_FLAGS = ["-g", "-ffreestanding", "-fno-stack-protector", "-mcmodel=medany", "-nostdlib", "-static",
          "-fno-pic", "-T", str(GUESTOS / "measure/link.ld")]  # fmt: skip
_COMPILERS = [("zig", "-O0", "-gdwarf-4"), ("zig", "-O1", "-gdwarf-5"), ("gcc", "-O0", "-gdwarf-5"),
              ("gcc", "-O2", "-gdwarf-2")]  # fmt: skip


def _compiled(directory: Path, compiler: str, *flags: str) -> Path:
    out = directory / f"{compiler}{''.join(flags)}.elf"
    (directory / "start.S").write_text(START)
    (directory / "program.c").write_text(PROGRAM)
    arguments = [*_FLAGS, *flags, "start.S", "program.c", "-o", out.name]
    if compiler == "zig":
        target = ["--target=riscv64-freestanding", "-mcpu=generic_rv64+m+a+c+zicsr",
                  "-fno-sanitize=undefined"]  # fmt: skip
        status, said = run_zig_cc([*target, *arguments], directory=directory, cache=None)
        assert status == 0, said
        return out
    subprocess.run(
        [_GCC, "-march=rv64imac_zicsr", "-mabi=lp64", "-Wl,--no-relax", *arguments],
        cwd=directory, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return out


_NOWHERE = (None, "(not known)")
"""Optimized away, or in a register that the functions called since did not keep."""


@pytest.fixture(scope="module", params=_COMPILERS, ids="".join)
def interpreter(
    request: pytest.FixtureRequest, host_tool: HostTool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Interpreter]:
    """In `stop_here`, called by the third call of `leaf`."""
    if request.param[0] == "gcc":
        host_tool(_GCC, "gcc-riscv64-unknown-elf")
    image = Image.open(_compiled(tmp_path_factory.mktemp("c"), *request.param))
    with DebugSession(image, MachineOptions()) as session:
        made = Interpreter(session, Symbols(image), lambda _line: None)
        at = image.symbol("stop_here")
        assert at is not None
        session.break_at(at.address)
        for _ in range(3):
            assert session.run().kind is StopKind.BREAKPOINT
        yield made


def _shown(interpreter: Interpreter, expression: str, depth: int = 0) -> str:
    frames = stack(interpreter.session, interpreter.symbols, 0).frames
    found = interpreter.evaluator.typed(expression, 0, frames[depth] if depth else None)
    with reading():
        return found.text() if isinstance(found, Value) else hex(found)


def test_globals_of_every_type(interpreter: Interpreter) -> None:
    for expression, shown in {
        "origin.x": "-1",
        "origin.low": "5",
        "origin.high": "17",
        "origin.below": "-3",
        "origin.in[0].a": "-7",
        "origin.in[1].letter": "66 'B'",
        "origin.in[1].number": "66",
        "origin.next": "0x0",
        "counter": "4886718345 = 0x123456789",
        "grid": "{{1, 2, 3}, {4, 5, -6}}",
        "grid[1]": "{4, 5, -6}",
        "grid[1][2]": "-6",
        "colour": "BLUE (-2)",
        "flag": "true",
        "letter": "113 'q'",
        "ratio": "1.5",
        "small": "-0.25",
        "hidden": "77",
        "&grid[1] - &grid": "0xc",
        "origin.x + 2": "0x1",
        "*&hidden & 0xffffffff": "0x4d",
    }.items():
        assert _shown(interpreter, expression) == shown, expression
    assert _shown(interpreter, "origin.name").endswith('"orig\\"in\\n"')
    assert _shown(interpreter, "function").endswith("<leaf>")
    assert _shown(interpreter, "origin").startswith("{x = -1, y = 2, name = 0x")
    types = dict(interpreter.evaluator.variables.globals(0))
    with reading():
        assert types["origin"].type.name == "struct point" and types["grid"].type.name == "int [2][3]"
        assert types["counter"].type.name == "volatile u64" and types["grid"].type.target.name == "int [3]"
        assert types["origin"].type.members[2].type.name == "const char *"


def test_locals_of_the_frames(interpreter: Interpreter) -> None:
    """Whether optimized or not, what is shown is right; in memory, all is there."""
    variables = interpreter.evaluator.variables
    leaf, main = stack(interpreter.session, interpreter.symbols, 0).frames[1:3]
    assert interpreter.symbols.name(leaf.within).startswith("leaf")
    with reading():
        in_leaf = {name: value and value.text() for name, value in variables.locals(0, leaf)}
        in_main = {name: value and value.text() for name, value in variables.locals(0, main)}
    assert list(in_leaf)[:2] == ["p", "n"] and set(in_leaf) == {"p", "n", "sum", "calls"}
    assert in_leaf["calls"] == "43" and in_leaf["n"] in ("2", *_NOWHERE)
    assert {"here", "counter", "total"} <= set(in_main)
    assert in_leaf["sum"] in ("-5", *_NOWHERE) and in_main["total"] in ("42", *_NOWHERE)
    assert in_main["counter"] == "99" and in_main.get("i", "2") == "2"
    assert _shown(interpreter, "here.y", 2) == "12" and _shown(interpreter, "counter + 1", 2) == "0x64"
    assert _shown(interpreter, "here.next->in[0].a", 2) == "-7"
    if in_leaf["p"] not in _NOWHERE:
        assert _shown(interpreter, "p->y", 1) == "12" and _shown(interpreter, "(*p).name[0]", 1) == "104 'h'"
        assert _shown(interpreter, "*p->next", 1) == _shown(interpreter, "origin")
        assert _shown(interpreter, "p[0].x", 1) == "10"


def test_unoptimized_locals_are_all_there(interpreter: Interpreter) -> None:
    leaf = stack(interpreter.session, interpreter.symbols, 0).frames[1]
    if "-O0" not in interpreter.symbols.files[0][0].path.name:
        return
    assert all(value is not None for _, value in interpreter.evaluator.variables.locals(0, leaf))


def test_what_is_no_variable_or_part_is_said(interpreter: Interpreter) -> None:
    for expression, message in (
        ("nothing", "no such symbol"),
        ("nothing->x", "no such variable"),
        ("origin.nothing", "no member nothing"),
        ("hidden.x", "int has no members"),
        ("hidden[0]", "no elements"),
        ("grid[", "missing"),
        ("grid[1", "missing"),
        ("origin.next->", "missing behind"),
        ("origin.next->x", "no memory"),
        ("(1)[2]", "belongs behind a variable"),
        ("here.x", "no such symbol"),
    ):
        with pytest.raises(ReplugError, match=message):
            interpreter.evaluator.value(expression, 0)


def test_variables_are_set_in_memory_and_bit_by_bit(interpreter: Interpreter) -> None:
    for expression, number in (
        ("hidden", -3),
        ("origin.high", 9),
        ("origin.below", -8),
        ("grid[0][1]", 1 << 40),
    ):
        found = interpreter.evaluator.typed(expression, 0)
        assert isinstance(found, Value)
        before = found.number()
        found.assign(number)
        width = found.bits[1] if found.bits is not None else 32
        assert found.number() & (1 << width) - 1 == number & (1 << width) - 1
        assert (_shown(interpreter, "origin.low"), _shown(interpreter, "grid[0][2]")) == ("5", "3")
        found.assign(before)
    with pytest.raises(ReplugError, match="cannot be set at once"):
        found = interpreter.evaluator.typed("origin", 0)
        assert isinstance(found, Value)
        found.assign(1)


def test_a_condition_names_a_local_variable(tmp_path: Path) -> None:
    image = Image.open(_compiled(tmp_path, *_COMPILERS[0]))
    with DebugSession(image, MachineOptions()) as session:
        interpreter = Interpreter(session, Symbols(image), lambda _line: None)
        line = next(n for n, text in enumerate(PROGRAM.splitlines(), 1) if "p->y = sum" in text)
        at = next(address for address, _, row in image.lines() if row == line)
        session.break_at(at, condition="n == 3 && p->x == 10")
        assert session.run().kind is StopKind.BREAKPOINT
        assert interpreter.captured("p n").startswith("3  (int at 0x")
        assert "sum = 13  (int" in interpreter.captured("info locals")
        assert interpreter.captured("info variables colou").startswith("colour = BLUE (-2)  (enum colour")
        found = interpreter.evaluator.typed("sum", 0)
        assert isinstance(found, Value)
        found.assign(1000)
        interpreter.execute("next")
        assert interpreter.captured("p p->y").startswith("1000  (int at 0x")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _compiled(tmp_path_factory.mktemp("c"), *_COMPILERS[1])


@pytest.fixture(scope="module")
def session(whole: Path) -> Iterator[DebugSession]:
    """One for all examples: only the symbols differ."""
    with DebugSession(Image.open(whole), MachineOptions()) as made:
        yield made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_debug_information_is_no_more_than_missing(
    whole: Path, session: DebugSession, data: st.DataObject
) -> None:
    with whole.open("rb") as file:
        sections = [
            (section["sh_offset"], section["sh_size"])
            for section in ELFFile(file).iter_sections()
            if section.name in (".debug_info", ".debug_abbrev", ".debug_loclists", ".debug_rnglists")
        ]
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        start, size = data.draw(st.sampled_from(sections))
        content[start + data.draw(st.integers(0, size - 1))] = data.draw(st.integers(0, 255))
    try:
        image = Image.read(bytes(content), whole)
    except ToolchainError:
        return
    leaf = image.symbol("leaf")
    assert leaf is not None
    _exercise(image, leaf.address, session)


def _exercise(image: Image, address: int, session: DebugSession) -> None:
    interpreter = Interpreter(session, Symbols(image), lambda _line: None)
    for at in (address, address + 20):
        session.engine.set_pc(0, at)
        for ask in _ASKS:
            try:
                ask(interpreter)
            except ReplugError as error:
                assert "\n" not in str(error)


def _show_all(interpreter: Interpreter, command: str) -> None:
    interpreter.captured(command)


_ASKS: list[Callable[[Interpreter], None]] = [
    lambda interpreter: _show_all(interpreter, "info locals"),
    lambda interpreter: _show_all(interpreter, "info variables"),
    lambda interpreter: _show_all(interpreter, "p origin.in[1].letter + p->x"),
]
