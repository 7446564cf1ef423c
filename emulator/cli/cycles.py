# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles`: what each named path of a guest costs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from emulator.cli.common import WINDOW, check_json_target, json_option, quiet_option, say, write_json
from emulator.cli.cycles_alternatives import ALTERNATIVES, run_alternatives
from emulator.cli.cycles_display import Display
from emulator.cli.cycles_output import Report, call_lines, compare_calls, read_report, write_log, write_report
from emulator.cli.cycles_target import PAPER, ImageTarget, Measured, PaperTarget, Target, Watched
from emulator.cli.guest import HARTS
from emulator.cli.machine_options import chosen_limit, chosen_options, chosen_token, machine_options
from emulator.cycles.baseline import Baseline, Subject, model_options, read_baseline
from emulator.cycles.models import models_by_name
from emulator.cycles.paths import declared_paths
from emulator.cycles.recorder import Window
from emulator.cycles.repeat import Recipe
from emulator.cycles.scenario import QUANTUM
from emulator.errors import ReplugError
from emulator.isa import Isa, isa_help
from emulator.options import MachineOptions
from toolchain.image import Image

DEFAULT_MODELS = "ideal,in-order"
FORMATS = ("table", "json", "csv", "callgrind", "trace", "speedscope", "log", "html")
TIMED = ("trace", "speedscope", "html")  # they show a part of the run over time
PAPER_MOMENT = "holding tank"  # which part, where none is chosen


def _list_paths(image: Image) -> int:
    declared = declared_paths(image)
    if not declared:
        raise ReplugError(f"{image.path}: declares no paths (guestos/include/replug.inc tells how)")
    for name, details in declared.items():
        click.echo(name)
        for detail in details:
            click.echo(f"    {detail}")
    return 0


@click.command()
@click.argument("target", metavar="[SCENARIO|IMAGE]", default=PAPER)
@click.option(
    "--model",
    "model_names",
    metavar="NAME[,NAME]",
    help="Cost models.  [default: ideal,in-order; alternatives: all]",
)
@machine_options(f"scenario {HARTS}, image 1", f"scenario {QUANTUM}, image 1000")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Scenario: the file to read instead of our text.",
)
@click.option(
    "--declare",
    "declarations",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="IMAGE: paths by symbols, in TOML (emulator/cycles/declare.py), where sources declare none.",
)
@click.option("--paths", "list_paths", is_flag=True, help="List the declared paths and end.")
@click.option(
    "--program",
    "programs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="ELF",
    help="IMAGE: a program that it loads, to be told by function and line too; may be repeated.",
)
@click.option("--functions", "by_function", is_flag=True, help="Also all code, by function.")
@click.option("--lines", "by_line", is_flag=True, help="Also all code, by source line.")
@click.option("--all", "everything", is_flag=True, help="Show every path, also those that no claim is about.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option(
    "--window",
    type=WINDOW,
    metavar="START[:LENGTH]",
    help="trace, speedscope, html: this part of the run, in cycles of virtual time; log: in instructions.",
)
@click.option("--around", metavar="PATH", help="trace, speedscope, html: what is around the first such call.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="html: compare with the run of this report (made with --json).",
)
@click.option(
    "--compare-paths",
    nargs=2,
    metavar="FIRST SECOND",
    help='What FIRST does and SECOND does not, line by line: "generic read" "specialised read".',
)
@click.option("-o", "output", metavar="FILE", default="-", help="Where the report goes; - is stdout.")
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Scenario alternatives: a plot of them, an .svg or .png file.",
)
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Keep the exact costs as a baseline."
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Name every path whose exact costs are not those kept in FILE; exit status 1 then.",
)
@json_option
@quiet_option
def cycles(
    target: str,
    model_names: str | None,
    isa: str | None,
    file: Path | None,
    declarations: Path | None,
    list_paths: bool,
    programs: tuple[Path, ...],
    by_function: bool,
    by_line: bool,
    everything: bool,
    form: str,
    window: tuple[int, int | None] | None,
    around: str | None,
    compare: Path | None,
    compare_paths: tuple[str, str] | None,
    output: str,
    plot_file: Path | None,
    save: Path | None,
    baseline: Path | None,
    json_file: str | None,
    quiet: bool,
    **given: Any,
) -> int:
    """Run a guest and report what each of its named paths cost, in instructions and in cycles.

    Without an argument, or with the scenario `paper`, our own kernel boots on four harts and reads a file
    through its specialised and its generic read while other programs open the same file; the paper's figures
    stand beside ours. Exit status 1: a claim does not hold, or something went wrong in the run.

    The scenario `alternatives` measures thirteen other ways to replace code under its callers, on 1, 2, 4 and
    8 harts: what a call costs, what a replacement costs, and from how many calls per replacement which is
    cheaper than the paper's.

    Paths are declared in a guest's source with the macros of guestos/include/replug.inc; they cost no
    instruction.

    An IMAGE runs as `replug boot` with the same options would run it, but that nothing can be typed: a run
    with input is measured by the token that `replug boot --json` gives (--replay TOKEN).

    \b
    Examples
      replug cycles                            boot, read, replug, report
      replug cycles --file /etc/services       the same, reading that file
      replug cycles alternatives --plot crossover.svg
      replug cycles --paths                    which paths our kernel declares
      replug cycles my.elf --harts 2 --all     any image that declares paths
      replug cycles my.elf --declare paths.toml   paths of an image whose source declares none
      replug cycles Image --memory 512M --initrd initrd.gz --append console=ttyS0 --functions
      replug cycles my.elf --replay @run.token --functions   a run with all that was typed into it
      replug cycles my.elf --functions         where all instructions retired, declared as a path or not
      replug cycles my.elf --format callgrind -o callgrind.out   for KCachegrind, with calls
      replug cycles --format trace -o trace.json   a timeline for Perfetto; --format speedscope for speedscope
      replug cycles --format html -o report.html   all of it in one page, to look at and to send
      replug cycles --compare-paths "generic read" "specialised read"   what the one no longer does
      replug cycles --format log --window 1000000:500 -o commits.log   instructions, as Spike logs them
      replug cycles --quiet --json report.json
      replug cycles my.elf --save costs.json   keep the exact costs, and later, as a gate that cannot flake:
      replug cycles my.elf --baseline costs.json
    """
    if isa == "help":
        click.echo(isa_help())
        return 0
    given["isa"] = isa
    if target == ALTERNATIVES:
        _refuse_options(ALTERNATIVES, given | {
            "file": file, "save": save, "baseline": baseline, "declarations": declarations
        }, allowed=("harts",))  # fmt: skip
        return run_alternatives(model_names, given["harts"], form, output, json_file, plot_file, quiet)
    if plot_file is not None:
        raise ReplugError(f"--plot goes with the scenario {ALTERNATIVES}")
    models = models_by_name(model_names or DEFAULT_MODELS)
    for target_file in (json_file, output, None if save is None else str(save)):
        check_json_target(target_file)
    if save == Path("-"):
        raise ReplugError("--save -: a baseline goes to a file, not to stdout")
    chosen: Target
    if target == PAPER:
        _refuse_options(PAPER, given | {"declarations": declarations}, allowed=("harts", "quantum"))
        harts, quantum = given["harts"], given["quantum"]
        chosen = PaperTarget(
            file, HARTS if harts is None else harts, QUANTUM if quantum is None else quantum, quiet
        )
    else:
        if file is not None:
            raise ReplugError(f"--file goes with the scenario {PAPER}, not with an image")
        chosen = _image(Path(target), given, declarations, programs)
    part = _window(form, window, around, PAPER_MOMENT if target == PAPER else None)
    if compare is not None and form != "html":
        raise ReplugError("--compare goes with --format html")
    if form == "csv" and by_function and by_line:
        raise ReplugError("--format csv holds one table: give --functions or --lines")
    if json_file == "-" and output == "-" and form not in ("table", "json"):
        raise ReplugError(
            f"--json - and --format {form}: both would go to stdout; give one of them a file (-o)"
        )
    compared = None if compare is None else read_report(compare)
    if list_paths:
        return _list_paths(chosen.recipe.image)
    by_instruction = form == "log" or compare_paths is not None or save is not None or baseline is not None
    if by_instruction and chosen.token is not None and chosen.token.of_session:
        raise ReplugError(
            "token: of a debugger's session, which cannot be taken to pieces: leave --compare-paths, --save, "
            "--baseline and --format log out"
        )
    before = subject = None
    if save is not None or baseline is not None:
        subject = Subject(chosen.name, chosen.identity() | model_options(models))
        if baseline is not None:
            before = read_baseline(baseline)
            before.check_subject(subject, baseline)
    if form == "log":
        write_log(chosen.recipe, window or (0, None), output)
        return 0
    result_on_stdout = json_file == "-" or (form != "table" and output == "-")
    display = Display(sys.stderr if result_on_stdout else sys.stdout, quiet)
    with_code = by_function or by_line or form in ("callgrind", "speedscope", "html")
    done = chosen.measure(Watched(models, with_code, form == "callgrind", part), display)
    problems = [*done.problems]
    side_by_side = None
    if compare_paths is not None:
        side_by_side = compare_calls(chosen.recipe, done.costs, compare_paths)
    report = Report(
        models, done.costs, done.claims, done.runs, done.paper, by_function, by_line, compared, side_by_side
    )
    for code in report.code:
        if not code.has_symbols and not quiet:
            say(f"replug: {code.image.path}: it has no symbols; its code is told by address")
    if not (form == "table" and output == "-" and json_file == "-"):
        write_report(report, form, output, everything)
    if json_file is not None:
        write_json(json_file, report.as_dict())
    if subject is not None:
        problems += _baselines(chosen.recipe, subject, done, before, baseline, save)
    for problem in problems:
        say(f"replug: {problem}")
    return 1 if problems else 0


def _refuse_options(scenario: str, given: dict[str, Any], allowed: Sequence[str]) -> None:
    """ReplugError for one that does not go with a scenario."""
    spelt = {each.name: each.opts[0] for each in click.get_current_context().command.params}
    for name, value in given.items():
        if name not in allowed and value is not None and value is not False:
            raise ReplugError(f"{spelt[name]} does not go with the scenario {scenario}")


def _image(
    image: Path, given: dict[str, Any], declarations: Path | None, programs: Sequence[Path]
) -> ImageTarget:
    """The image with the machine that the command line, or a token, says."""
    if (given["net"] or "").startswith("udp:"):
        raise ReplugError("--net udp: what comes from outside is not measured live; --replay TOKEN has it")
    token, isa = chosen_token(given), given["isa"]
    options = chosen_options(given, None if isa is None else Isa.parse(isa), token, MachineOptions())
    return ImageTarget(image, options, token, declarations, programs, chosen_limit(given))


def _window(
    form: str, window: tuple[int, int | None] | None, around: str | None, usual: str | None
) -> Window | None:
    """The part of the run that a timeline shows, if the form has one.  usual: the path it is around."""
    if form == "log" and around is not None:
        raise ReplugError(
            "--around goes with --format trace, speedscope or html; --window says what is logged"
        )
    if window is not None and form not in (*TIMED, "log"):
        raise ReplugError("--window goes with --format trace, speedscope, html or log")
    if around is not None and (form not in TIMED or window is not None):
        raise ReplugError("--around goes with --format trace, speedscope or html, and without --window")
    if form not in TIMED:
        return None
    return Window(around=around or usual) if window is None else Window(window[0], window[1])


def _baselines(
    recipe: Recipe,
    subject: Subject,
    done: Measured,
    before: Baseline | None,
    baseline: Path | None,
    save: Path | None,
) -> list[str]:
    """Compare with a baseline, and keep one.  A line for each difference."""
    now = Baseline.of(subject, {run.name: run.image_sha256 for run in done.runs}, done.costs)
    wanted = set(now.rows) if save is not None else set()
    if before is not None:
        wanted |= before.changed_rows(now)
    if wanted:
        now = replace(now, lines=call_lines(recipe, done.runs[0].costs, wanted))
    if save is not None:
        write_json(str(save), now.as_dict())
    return [] if before is None else [f"{baseline}: {change}" for change in before.changes(now)]
