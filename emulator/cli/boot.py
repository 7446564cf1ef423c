# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug boot`: run an image to its end, with its console here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emulator.cli import console
from emulator.cli.common import check_json_target, json_option, quiet_option, say, write_json
from emulator.cli.device_options import chosen_link
from emulator.cli.guest import HARTS, our_guest
from emulator.cli.keyboard import Keyboard
from emulator.cli.link import UdpLink
from emulator.cli.machine_options import chosen_limit, chosen_options, chosen_token, machine_options
from emulator.cli.progress import Progress
from emulator.cli.session import Session, World
from emulator.cli.signals import Signals
from emulator.determinism import ConsoleDigest, check_determinism
from emulator.errors import ReplugError
from emulator.isa import Isa, isa_help
from emulator.loader.boot import open_bootable
from emulator.machine import Machine, Outcome
from emulator.options import BUILTIN, NO_FIRMWARE, MachineOptions
from emulator.replay import replay
from emulator.report import headline, report, symbol
from emulator.snapshot import SavedMachine, check_target
from emulator.token import Token
from toolchain.image import Image

if TYPE_CHECKING:
    from emulator.cli.boot_trace import BootTrace

_LONGEST_SHOWN_TOKEN = 300
_PRIVILEGES = {0: "U", 1: "S", 3: "M"}
_LARGEST_STATUS = 255
_END_OF_INPUT = b"\x04"


@dataclass(frozen=True)
class _Job:
    """What is asked for: an image on a machine, and how it is run."""

    image: Image | None
    options: MachineOptions
    token: Token | None
    saved: SavedMachine | None
    save_to: Path | None
    link: UdpLink | None
    max_instructions: int | None
    json_file: str | None
    quiet: bool
    ours: bool  # our guest OS, whose console knows Ctrl-D
    trace: str | None = None


@click.command()
@click.argument("image", required=False, type=click.Path(path_type=Path))
@machine_options("4 for our guest, else 1", "1000", disk_write=True)
@click.option(
    "--check-determinism",
    is_flag=True,
    help="Run it twice, side by side, and name the first difference of all state.",
)
@click.option(
    "--save-snapshot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the run stops, keep the machine in FILE.",
)
@click.option(
    "--from-snapshot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Go on from a machine that was kept, with the same image and disk.",
)
@click.option(
    "--trace",
    metavar="FILE",
    help="Keep what each hart did when, for Perfetto; FILE.speedscope.json: for speedscope.",
)
@json_option
@quiet_option
def boot(image: Path | None, isa: str | None, check_determinism: bool, quiet: bool, **given: Any) -> int:
    """Boot IMAGE, or our guest OS when IMAGE is left out.

    An ELF starts in M-mode at its entry. A flat file or a Linux Image starts in S-mode under our own firmware
    (--bios builtin), which offers the SBI. With --bios FILE that firmware starts in M-mode; without an IMAGE
    it is all that runs.

    The console is stdin and stdout. A stdin that is no terminal is read as a file and is there for the guest
    from the start; at a terminal each key goes to the guest: Ctrl-A x leaves, Ctrl-A h helps. Our guest is a
    small UNIX with a shell: `ls /bin` tells what it has, and the end of the input (Ctrl-D) ends it.

    The same image, options and input give the same run. At its end you see the run's token: --replay TOKEN
    repeats it, typed input included, with the same state hash.

    \b
    Examples
      replug boot
      echo 'ls -l / | wc' | replug boot
      replug boot kernel.elf --harts 2 --memory 64M --disk disk.img
      echo hello | replug boot echo.elf
      replug boot spin.elf --max-instructions 1000000
      replug boot --check-determinism
      replug boot Image --harts 4 --memory 512M --initrd initrd.gz --append "console=ttyS0"
      replug boot u-boot.elf --bios fw_jump.elf
      replug boot --json run.json && replug boot --replay "$(jq -r .token run.json)"
      replug boot --max-instructions 20000000 --save-snapshot booted.snapshot
      replug boot --from-snapshot booted.snapshot

    The exit status is the guest's. A guest that traps for ever, sleeps for ever or runs into
    --max-instructions ends with a report of its harts and their last instructions, and status 1 (0 where
    that was to save a snapshot).
    """
    if isa == "help":
        click.echo(isa_help())
        return 0
    job = _prepare(image, quiet, None if isa is None else Isa.parse(isa), given)
    return _check(job) if check_determinism else _run(job)


def _prepare(image: Path | None, quiet: bool, isa: Isa | None, given: dict[str, Any]) -> _Job:
    """Put together what the command line, the token and the defaults say."""
    check_json_target(given["json_file"])
    check_json_target(given["trace"])
    limit, token = chosen_limit(given), chosen_token(given)
    saved = _snapshots(given, limit)
    named = saved.token if saved is not None else token
    disk: Path | None = given["disk"]
    firmware_only = image is None and given["bios"] not in (None, NO_FIRMWARE, BUILTIN)
    loaded: Image | None = None
    if image is not None:
        loaded = open_bootable(image)
    elif not firmware_only:
        kernel, our_disk = our_guest(quiet)
        loaded = open_bootable(kernel)
        if disk is None and (named is None or named.disk is not None):
            disk = our_disk
    if token is not None and loaded is not None:
        token.check_image(loaded)
    ours = image is None and not firmware_only
    options = chosen_options(given | {"disk": disk}, isa, named, MachineOptions(harts=HARTS if ours else 1))
    if token is not None and given["net"] not in (None, options.devices.net):
        raise ReplugError("--replay repeats what came in from the network: leave --net udp out")
    link = chosen_link(given)
    return _Job(
        loaded,
        options,
        token,
        saved,
        given["save_snapshot"],
        link,
        limit,
        given["json_file"],
        quiet,
        ours,
        given["trace"],
    )


def _snapshots(given: dict[str, Any], limit: int | None) -> SavedMachine | None:
    """The one to go on from; the one to make must be possible."""
    if given["save_snapshot"] is not None:
        check_target(given["save_snapshot"])
    if given["from_snapshot"] is None:
        return None
    if given["token"] is not None:
        raise ReplugError("--replay begins at the beginning: leave --from-snapshot out")
    saved = SavedMachine.read(given["from_snapshot"])
    if limit is not None and limit < saved.instructions:
        raise ReplugError(
            f"--max-instructions: {limit}: the snapshot is at {saved.instructions} instructions of its run"
        )
    return saved


def _piped_input(job: _Job) -> bytes:
    """What is piped in; for our guest with its end, which a serial line cannot tell otherwise: Ctrl-D ends
    a line that has none, and one on a line of its own is the end of the input.
    """
    data = console.piped_input()
    if not job.ours or (not data and console.stdin_may_be_typed()):
        return data
    return data + (_END_OF_INPUT if not data or data.endswith(b"\n") else 2 * _END_OF_INPUT)


# --- one run ---


def _run(job: _Job) -> int:
    # Only one thing can be on stdout: with `--json -` that is the result.
    output = console.Output(2 if job.json_file == "-" else 1)
    with Machine(job.image, job.options, output) as machine:
        if job.saved is not None:
            job.saved.restore(machine)
        started = time.monotonic()
        trace = None if job.trace is None else _trace(machine, job.trace)
        outcome = _outcome(machine, job, output)
        seconds = time.monotonic() - started
        cut = machine.engine.total_instret if outcome.reason in ("limit", "left") else None
        token = Token.of(machine, cut).encode()
        output.end_line()
        _tell(machine, outcome, token, job.quiet)
        if trace is not None:
            said = trace.write(str(machine.image.path.name if machine.image is not None else "guest"))
            if not job.quiet:
                say(f"replug: {said}")
        if job.json_file is not None:
            write_json(job.json_file, _result(machine, outcome, token, seconds))
        status = outcome.status if job.save_to is None else _save(machine, outcome, job.save_to, job.quiet)
        return min(status, _LARGEST_STATUS)


def _trace(machine: Machine, file: str) -> BootTrace:
    from emulator.cli.boot_trace import BootTrace  # noqa: PLC0415 (all of the reports: only when one is wanted)

    return BootTrace(machine, file)


def _save(machine: Machine, outcome: Outcome, path: Path, quiet: bool) -> int:
    """The exit status: 0 where a run was stopped to be saved."""
    if outcome.reason == "exit":
        say(f"replug: {path}: no snapshot: the guest has ended by itself")
        return max(outcome.status, 1)
    machine.save(path)
    if not quiet:
        say(f"replug: snapshot in {path}")
    return 0 if outcome.reason in ("limit", "left") else outcome.status


def _outcome(machine: Machine, job: _Job, output: console.Output) -> Outcome:
    """Run it, with the input that a token, a keyboard, a pipe or a network link has for it."""
    typing = job.token is None and console.stdin_is_terminal()
    if job.token is None and not typing:
        machine.type(_piped_input(job))
    hint = " (Ctrl-A x leaves)" if typing else ""
    with Signals() as signals, Progress(machine, output, job.quiet, hint) as progress:
        if job.token is not None:

            def pause() -> None:
                signals.check()
                progress.tick()

            return replay(machine, job.token, job.max_instructions, pause)
        if typing and not job.quiet:
            say("replug: Ctrl-A x leaves, Ctrl-A h helps")
        world = World(signals, progress, Keyboard() if typing else None, job.link)
        return Session(machine, world).run(job.max_instructions)


def _tell(machine: Machine, outcome: Outcome, token: str, quiet: bool) -> None:
    lines = report(machine, outcome)
    if quiet and not lines:
        return
    say(f"replug: {headline(machine, outcome)}")
    for line in lines if not quiet else ():
        say(line)
    if not quiet:
        say(f"replug: state {machine.state_hash()}")
        if machine.options.devices.seed:
            say(f"replug: seed {machine.options.devices.seed}")
        if len(token) <= _LONGEST_SHOWN_TOKEN:
            say(f"replug: to repeat it: --replay {token}")
        else:
            say(f"replug: to repeat it: --json FILE writes the token ({len(token)} characters)")


def _result(machine: Machine, outcome: Outcome, token: str, seconds: float) -> dict[str, object]:
    engine = machine.engine
    end: dict[str, object] = {"reason": outcome.reason, "status": outcome.status}
    if outcome.wild is not None:
        wild = outcome.wild
        end |= {"hart": wild.hart, "cause": wild.cause, "value": wild.value, "pc": wild.pc}
    return {
        "exit": end,
        "harts": [
            {
                "id": hart,
                "instret": machine.instret(hart),
                "pc": engine.get_pc(hart),
                "symbol": symbol(machine, engine.get_pc(hart)),
                "privilege": _PRIVILEGES.get(engine.get_privilege(hart), "?"),
                "waiting": engine.is_waiting(hart),
                "traps": engine.traps(hart),
            }
            for hart in range(machine.harts)
        ],
        "state_hash": machine.state_hash(),
        "seed": machine.options.devices.seed,
        "token": token,
        "instructions": engine.total_instret,
        "virtual_time_ns": engine.now,
        "seconds": round(seconds, 6),
    }


# --- the same twice ---


def _check(job: _Job) -> int:
    if job.token is not None:
        raise ReplugError("--check-determinism runs by itself: leave --replay out")
    if job.options.disk_write:
        raise ReplugError("--check-determinism runs it twice from the same disk: leave --disk-write out")
    if job.link is not None:
        raise ReplugError("--check-determinism has two machines: leave --net udp out")
    if job.save_to is not None:
        raise ReplugError("--check-determinism has two machines: leave --save-snapshot out")
    data = _piped_input(job)
    shown = ConsoleDigest(console.Output(2 if job.json_file == "-" else 1))
    unseen = ConsoleDigest()
    started = time.monotonic()
    with (
        Machine(job.image, job.options, shown) as first,
        Machine(job.image, job.options, unseen) as second,
        Signals() as signals,
    ):
        for machine in (first, second):
            if job.saved is not None:
                job.saved.restore(machine)
            machine.type(data)
        verdict = check_determinism(
            first, second, lambda: (shown.value(), unseen.value()), job.max_instructions, pause=signals.check,
            again=shown.mute,
        )  # fmt: skip
        if job.json_file is not None:
            token = Token.of(
                first, verdict.instructions if verdict.outcome.reason == "limit" else None
            ).encode()
            result = _result(first, verdict.outcome, token, time.monotonic() - started)
            result |= {"deterministic": verdict.deterministic, "difference": verdict.difference}
            write_json(job.json_file, result)
    if verdict.deterministic:
        if not job.quiet:
            say(f"replug: deterministic: {verdict.instructions:,} instructions, hash {verdict.state_hash}")
        return 0
    say(f"replug: not deterministic: {verdict.difference}")
    return 1
