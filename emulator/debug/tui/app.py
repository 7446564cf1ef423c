# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal debugger: keys and command lines to the interpreter, and what comes of them to the panes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from emulator.debug.commands.completing import Candidates
from emulator.debug.commands.interpreter import Interpreter
from emulator.debug.recall import Recall
from emulator.debug.tui.code import CodePane
from emulator.debug.tui.keys import HELP, MOVES, STARTED
from emulator.debug.tui.lower import CONSOLE, OUTPUT, LowerPane, SidePane
from emulator.debug.tui.prompt import Prompt
from emulator.debug.tui.registers import RegistersPane
from emulator.debug.tui.timeline import HartsPane, Jump, TimelineBar
from emulator.debug.tui.view import BREAKPOINTS, FRAMES, LOCKS, STACK, Request, View
from emulator.debug.tui.work import Feed, Work

_ROOMY = (110, 34)
"""Columns and lines from which on stack and locks are always seen."""
_MOST_HARTS = (4, 8)  # lanes at once, on a small screen and on a roomy one; more are scrolled
_TICK = 0.1  # seconds between two looks at what runs
_REMARK_LASTS = 5.0  # seconds
_COMMAND_TYPE = "type "


class HelpScreen(ModalScreen[None]):
    """The page of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Static(HELP, id="help", markup=False)


class DebuggerApp(App[None]):
    """interpreter: of a session that nobody else uses; console: what the guest prints comes from there.

    recall: commands of before; check: called now and then: KeyboardInterrupt stops what runs, SystemExit ends
    the debugger.
    """

    ENABLE_COMMAND_PALETTE = False
    TITLE = "replug debug"
    CSS = """
    #timeline { height: 1; }
    #harts { height: auto; }
    Screen { overflow: hidden; }
    #middle { height: 2fr; min-height: 4; }
    #code { width: 1fr; }
    #registers { width: 40%; max-width: 64; }
    #bottom { height: 1fr; min-height: 3; max-height: 16; }
    #lower { width: 1fr; }
    #sides { display: none; width: 40%; max-width: 64; }
    .roomy #middle { height: 3fr; }
    .roomy #bottom { height: 2fr; max-height: 100; }
    .roomy #sides { display: block; }
    #stack, #locks { height: 1fr; }
    #code, #registers, #lower, #stack, #locks { border: round $surface-lighten-3; }
    .pane { border-title-color: $text-muted; }
    .pane:focus { border-title-color: $text; }
    #code:focus, #registers:focus, #lower:focus, #stack:focus, #locks:focus { border: round $accent; }
    #prompt { height: 1; border: none; padding: 0 0; }
    HelpScreen { align: center middle; }
    #help { width: 80; height: auto; max-height: 100%; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "pause", priority=True, show=False),
        Binding("ctrl+q", "leave", priority=True, show=False),
        Binding("ctrl+l", "refresh", show=False),
        Binding("q", "leave", show=False),
        Binding("question_mark", "help", show=False),
        Binding("colon,enter", "prompt('')", show=False),
        Binding("escape", "leave_prompt", show=False),
        Binding("tab", "app.focus_next", show=False),
        Binding("shift+tab", "app.focus_previous", show=False),
        Binding("r", "backwards", show=False),
        Binding("u", "until", show=False),
        Binding("b,space", "breakpoint", show=False),
        Binding("d", "toggle_source", show=False),
        Binding("full_stop", "show_pc", show=False),
        Binding("h", "hart(1)", show=False),
        Binding("H", "hart(-1)", show=False),
        Binding("ctrl+up", "frame('up')", show=False),
        Binding("ctrl+down", "frame('down')", show=False),
        Binding("plus,equals_sign", "zoom(True)", show=False),
        Binding("minus", "zoom(False)", show=False),
        Binding("less_than_sign", "lower(-1)", show=False),
        Binding("greater_than_sign", "lower(1)", show=False),
        *(Binding(str(n), f"look_at({n})", show=False) for n in range(10)),
        *(Binding(move.key, f"move({n}, False)", show=False) for n, move in enumerate(MOVES)),
        *(
            Binding(move.shifted, f"move({n}, True)", show=False)
            for n, move in enumerate(MOVES)
            if move.shifted
        ),
        *(Binding(key, f"begin('{key}')", show=False) for key in STARTED),
    ]

    def __init__(
        self,
        interpreter: Interpreter,
        console: Feed,
        recall: Recall | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._interpreter, self._console, self._check = interpreter, console, check
        self._work = Work(interpreter)
        self._busy = False
        self._going_back = False
        self._source = True
        self._address: int | None = None
        self._remark_ends = 0.0
        self._view: View | None = None
        self._roomy = False
        self._bar, self._harts = TimelineBar(), HartsPane()
        self._code, self._registers = CodePane(), RegistersPane()
        self._lower = LowerPane()
        self._stack, self._locks = SidePane(id="stack"), SidePane(id="locks")
        self._prompt = Prompt(self._complete, self._say, self._remark, recall or Recall())

    def compose(self) -> ComposeResult:
        yield self._bar
        yield self._harts
        with Horizontal(id="middle"):
            yield self._code
            yield self._registers
        with Horizontal(id="bottom"):
            yield self._lower
            with Vertical(id="sides"):
                yield self._stack
                yield self._locks
        yield self._prompt

    def on_mount(self) -> None:
        """Look at the machine as it stands."""
        self._code.focus()
        self.set_interval(_TICK, self._tick)
        self.execute("")

    def on_resize(self, event: Resize) -> None:
        """Stack and locks have places of their own where there is room; else they are below, by < and >."""
        roomy = event.size.width >= _ROOMY[0] and event.size.height >= _ROOMY[1]
        if roomy != self._roomy:
            self._roomy = roomy
            self.screen.set_class(roomy, "roomy")
            self._lower.leave_out((STACK, LOCKS) if roomy else ())
        if not self._busy:
            self.execute("")

    def on_unmount(self) -> None:
        """The machine must stand when its session is closed."""
        self._work.close()

    # --- executing ---

    @property
    def busy(self) -> bool:
        """Whether a command is being executed."""
        return self._busy

    @property
    def changed_registers(self) -> frozenset[str]:
        """Those that are lit."""
        return self._registers.changed

    def execute(self, line: str, *, moved: bool = False) -> None:
        """A command line. moved: it lets the machine run, rather than look at it."""
        if self._busy:
            if line.startswith(_COMMAND_TYPE):
                self._work.typed(f"{line.removeprefix(_COMMAND_TYPE)}\n".encode())
            elif line:
                self._remark("it runs: Ctrl-C stops it")
            return
        self._busy = True
        self._going_back = False
        self._remark("")
        if line:
            self._say([f"> {line}"])
        self.run_worker(self._executed(line, moved=moved), group="machine")

    async def _executed(self, line: str, *, moved: bool) -> None:
        started = self._work.start(line, self._request)
        done = await asyncio.wrap_future(started)
        self._busy = False
        self._remark("")
        if done.over:
            self.exit()
            return
        self._say(list(done.said))
        self._drain()
        self._show(done.view, moved=moved)

    def _request(self) -> Request:
        beside = (STACK, FRAMES, LOCKS, BREAKPOINTS) if self._roomy else ()
        return Request(self._source, self._address, (self._lower.chosen, *beside), self._harts.request())

    def _show(self, view: View, *, moved: bool) -> None:
        self._view = view
        self._bar.fits = self._harts.fits
        self._bar.show_view(view)
        self._harts.show_view(view, min(_MOST_HARTS[self._roomy], max(self.size.height // 6, 1)))
        self._code.show_listing(view.code, view.hart)
        self._registers.show_registers(view.registers, view.hart, view.frame, moved=moved)
        if self._lower.chosen not in (OUTPUT, CONSOLE):
            self._lower.replace(self._lower.chosen, view.texts.get(self._lower.chosen, ()))
        if FRAMES in view.texts:
            self._stack.show_text(STACK, view.texts[FRAMES] + view.texts[STACK])
            locks = tuple(sorted(view.texts[LOCKS], key=lambda line: line.endswith("free")))
            known = not "".join(locks).startswith("error:")  # of our own guest
            self._locks.show_text(*((LOCKS, locks) if known else (BREAKPOINTS, view.texts[BREAKPOINTS])))

    def _tick(self) -> None:
        try:
            self._check()
        except KeyboardInterrupt:
            self.action_pause()
        except SystemExit as end:
            self._work.pause()
            self.exit(return_code=end.code if isinstance(end.code, int) else 1)
        self._drain()
        held = self._going_back or self._prompt.searching
        if self._bar.remark and not held and time.monotonic() > self._remark_ends:
            self._remark("")
        if self._busy and self._work.reached != (0, 0):
            lanes = self._work.lanes
            self._bar.show_running(self._work.reached, lanes)
            self._harts.show_running(self._work.reached[0], lanes)

    def _drain(self) -> None:
        data = self._console.take()
        if data:
            self._lower.print(data)

    def _say(self, lines: list[str]) -> None:
        if lines:
            self._lower.say(lines)

    def _remark(self, text: str) -> None:
        self._bar.remark = text
        self._remark_ends = time.monotonic() + _REMARK_LASTS
        self._bar.refresh()

    def _complete(self, line: str) -> Candidates:
        return self._interpreter.complete(line)

    # --- keys ---

    def action_move(self, number: int, back: bool) -> None:
        """One of MOVES, forward or back."""
        move = MOVES[number]
        back = back or self._going_back
        self._going_back = False
        by_line = move.by_line is not None and self._code.listing is not None and self._code.listing.source
        forward, backward = (
            move.by_line if move.by_line is not None and by_line else (move.command, move.back)
        )
        self._address = None
        self._harts.follow()
        self.execute(backward if back else forward, moved=True)

    def action_backwards(self) -> None:
        """The key that follows goes back."""
        self._going_back = True
        self._remark("reverse-")

    def action_pause(self) -> None:
        """Stop what runs."""
        if self._busy:
            self._work.pause()
        elif self._prompt.has_focus:
            self.action_leave_prompt()
        else:
            self._remark("nothing runs; q leaves")

    def action_leave(self) -> None:
        """The end."""
        self._work.pause()
        self.exit()

    def action_help(self) -> None:
        """What keys there are."""
        self.push_screen(HelpScreen())

    def action_prompt(self, text: str) -> None:
        """A command is to be typed."""
        self._prompt.open(text)

    def action_begin(self, key: str) -> None:
        """The command that a key begins, with the place under the cursor where it wants one."""
        text = STARTED[key]
        if key in "aB" and self._code.address is not None:
            text += f"{self._code.address:#x} "
        if key == "t":
            self._lower.choose(CONSOLE)
        self._prompt.open(text)

    def action_leave_prompt(self) -> None:
        """Back to the code, and nothing is half said."""
        self._going_back = False
        self._remark("")
        self._prompt.clear()
        self._code.focus()

    def action_until(self) -> None:
        """Run to the cursor."""
        if self._code.address is None:
            self._remark("no code on this line")
            return
        line, self._address = f"until {self._code.address:#x}", None
        self.execute(line, moved=True)

    def action_breakpoint(self) -> None:
        """Set one at the cursor, or remove it."""
        if self._code.breakpoint:
            self.execute(f"delete {self._code.breakpoint}")
        elif self._code.address is None:
            self._remark("no code on this line")
        else:
            self._address = self._code.address
            self.execute(f"break {self._address:#x}")

    def action_toggle_source(self) -> None:
        """Source or disassembly."""
        self._source = not self._source
        self.execute("")

    def action_show_pc(self) -> None:
        """The code where the hart stands."""
        self._address = None
        self.execute("")

    def action_hart(self, by: int) -> None:
        """Look at the next hart."""
        if self._view is not None:
            self.action_look_at((self._view.hart + by) % len(self._view.harts))

    def action_look_at(self, hart: int) -> None:
        """Look at that hart."""
        self._address = None
        self.execute(f"hart {hart}")

    def action_frame(self, command: str) -> None:
        """Look at the caller, or back."""
        self._address = None
        self.execute(command)

    def action_zoom(self, closer: bool) -> None:
        """See fewer steps in the lanes, or more."""
        self._harts.zoom(closer)
        if not self._busy:
            self.execute("")

    def on_jump(self, jump: Jump) -> None:
        """Another state was chosen in the lanes, or other steps are to be seen there."""
        if jump.step is not None:
            self._address = None
            self.execute(f"goto step {jump.step}", moved=True)
        elif not self._busy:
            self.execute("")

    def action_lower(self, by: int) -> None:
        """Another text in the lower part."""
        self._lower.turn(by)
        if not self._busy and self._lower.chosen not in (OUTPUT, CONSOLE):
            self.execute("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A command line is there."""
        line = self._prompt.taken()
        self._code.focus()
        self._address = None
        if line:
            if self._lower.chosen != CONSOLE or not line.startswith(_COMMAND_TYPE):
                self._lower.choose(OUTPUT)
            self.execute(line, moved=True)
