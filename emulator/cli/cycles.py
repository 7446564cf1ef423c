# SPDX-License-Identifier: GPL-2.0-or-later
"""`replug cycles`: what each named path of a guest costs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from emulator.cli.common import WINDOW, check_json_target, json_option, quiet_option, say, write_json
from emulator.cli.cycles_alternatives import ALTERNATIVES, run_alternatives
from emulator.cli.cycles_display import Display
from emulator.cli.cycles_output import Report, call_lines, compare_calls, read_report, write_log, write_report
from emulator.cli.guest import HARTS, build_guest, guest_directory
from emulator.cycles.baseline import Baseline, Subject, file_hash, model_options, read_baseline
from emulator.cycles.claims import Claim, claims, missing
from emulator.cycles.declare import declare
from emulator.cycles.models import models_by_name
from emulator.cycles.paths import declared_paths
from emulator.cycles.protocol import run_protocol
from emulator.cycles.protocol_claims import protocol_claims
from emulator.cycles.scenario import QUANTUM, PaperImages, run_image, run_paper
from emulator.cycles.timeline import Window
from emulator.errors import ReplugError
from emulator.loader.boot import open_bootable
from emulator.loader.elf import open_image
from emulator.options import MachineOptions
from guestos.images import SCENARIO, Built
from guestos.sample import sample_text
from toolchain.image import Image

PAPER = "paper"
DEFAULT_MODELS = "ideal,in-order"
FORMATS = ("table", "json", "csv", "callgrind", "trace", "speedscope", "log", "html")
TIMED = ("trace", "speedscope", "html")  # they show a part of the run over time
PAPER_MOMENT = "holding tank"  # which part, where none is chosen


def _paper_images(file: Path | None, quiet: bool) -> tuple[PaperImages, Built]:
    made = build_guest(file, quiet)
    files = (sample_text(),) if file is None else (file.read_bytes(), sample_text())
    return PaperImages(
        made.images.kernel, made.disk, files, made.images.measure["invocation"], SCENARIO
    ), made.images


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
@click.option("--model", "model_names", help="Cost models.  [default: ideal,in-order; alternatives: all]")
@click.option("--harts", type=int, help=f"Number of harts (scenario: {HARTS}, image: 1).")
@click.option("--quantum", type=int, help=f"Instructions a slice (scenario: {QUANTUM}, image: 1000).")
@click.option(
    "--file", type=click.Path(path_type=Path), help="Scenario: the file to read instead of our text."
)
@click.option("--disk", type=click.Path(path_type=Path), help="IMAGE: the disk in virtio slot 0.")
@click.option("--max-instructions", type=click.IntRange(min=1), help="IMAGE: end the run after so many.")
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
    harts: int | None,
    quantum: int | None,
    file: Path | None,
    disk: Path | None,
    max_instructions: int | None,
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

    \b
    Examples
      replug cycles                            boot, read, replug, report
      replug cycles --file /etc/services       the same, reading that file
      replug cycles alternatives --plot crossover.svg
      replug cycles --paths                    which paths our kernel declares
      replug cycles my.elf --harts 2 --all     any image that declares paths
      replug cycles my.elf --declare paths.toml   paths of an image whose source declares none
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
    if target == ALTERNATIVES:
        for option, given in {
            "--quantum": quantum, "--file": file, "--disk": disk, "--max-instructions": max_instructions,
            "--save": save, "--baseline": baseline, "--declare": declarations,
        }.items():  # fmt: skip
            if given is not None:
                raise ReplugError(f"{option} does not go with the scenario {ALTERNATIVES}")
        return run_alternatives(model_names, harts, form, output, json_file, plot_file, quiet)
    if plot_file is not None:
        raise ReplugError(f"--plot goes with the scenario {ALTERNATIVES}")
    models = models_by_name(model_names or DEFAULT_MODELS)
    for target_file in (json_file, output, None if save is None else str(save)):
        check_json_target(target_file)
    if target == PAPER and (disk, max_instructions, declarations) != (None, None, None):
        raise ReplugError(
            f"--disk, --max-instructions and --declare go with an image, not with the scenario {PAPER}"
        )
    if target != PAPER and file is not None:
        raise ReplugError(f"--file goes with the scenario {PAPER}, not with an image")
    if save == Path("-"):
        raise ReplugError("--save -: a baseline goes to a file, not to stdout")
    on_paper = target == PAPER
    with_code = by_function or by_line or form in ("callgrind", "speedscope", "html")
    if form == "log" and around is not None:
        raise ReplugError(
            "--around goes with --format trace, speedscope or html; --window says what is logged"
        )
    if compare is not None and form != "html":
        raise ReplugError("--compare goes with --format html")
    compared = None if compare is None else read_report(compare)
    if window is not None and form not in (*TIMED, "log"):
        raise ReplugError("--window goes with --format trace, speedscope, html or log")
    if around is not None and (form not in TIMED or window is not None):
        raise ReplugError("--around goes with --format trace, speedscope or html, and without --window")
    if around is None and window is None and on_paper:
        around = PAPER_MOMENT
    part = None
    if form in TIMED:
        part = Window(around=around) if window is None else Window(window[0], window[1])
    harts = (HARTS if on_paper else 1) if harts is None else harts
    quantum = (QUANTUM if on_paper else 1000) if quantum is None else quantum
    before = None
    subject = Subject(PAPER if on_paper else Path(target).name, model_options(models))
    if not list_paths and (save is not None or baseline is not None):
        subject = Subject(
            subject.name,
            {
                "harts": str(harts),
                "quantum": str(quantum),
                "file": file_hash(file) if on_paper else "none",
                "disk": file_hash(disk),
                "max instructions": str(max_instructions).lower(),
                **({} if declarations is None else {"declared paths": file_hash(declarations)}),
                **subject.options,
            },
        )
        if baseline is not None:
            before = read_baseline(baseline)
            before.check_subject(subject, baseline)
    if form == "csv" and by_function and by_line:
        raise ReplugError("--format csv holds one table: give --functions or --lines")
    if json_file == "-" and output == "-" and form not in ("table", "json"):
        raise ReplugError(
            f"--json - and --format {form}: both would go to stdout; give one of them a file (-o)"
        )
    result_on_stdout = json_file == "-" or (form != "table" and output == "-")
    display = Display(sys.stderr if result_on_stdout else sys.stdout, quiet)
    if form == "log" and not list_paths:
        if on_paper:
            made, _ = _paper_images(file, quiet)
            options = MachineOptions(harts=harts, quantum=quantum, disk=made.disk, bootargs=made.bootargs)
            image = made.kernel
        else:
            image, options = Path(target), MachineOptions(harts=harts, quantum=quantum, disk=disk)
        write_log(image, options, window or (0, None), output)
        return 0
    paper = None
    judged: list[Claim] = []
    if on_paper:
        images, built = _paper_images(file, quiet)
        if list_paths:
            return _list_paths(open_image(images.kernel))
        with display.shown():
            paper = run_paper(
                images,
                models,
                harts=harts,
                quantum=quantum,
                console=display.guest,
                progress=display.instructions,
                unfinished=display.unfinished,
                with_code=with_code,
                with_calls=form == "callgrind",
                window=part,
                programs=[open_image(path) for path in built.user.values()] if with_code else [],
            )
            protocol = run_protocol(built, guest_directory(), models, display.doing)
        rerun = (
            open_image(images.kernel),
            MachineOptions(harts=harts, quantum=quantum, disk=images.disk, bootargs=images.bootargs),
        )
        costs, runs, problems = paper.costs, [paper.kernel, paper.invocation], paper.problems()
        names = [model.name for model in models]
        judged = [*claims(costs, names), *protocol_claims(costs, names, protocol)]
        problems += [f"no calls: {row}" for row in missing(costs)]
    else:
        opened = open_bootable(Path(target))
        if declarations is not None:
            opened = declare(opened, declarations)
        if list_paths:
            return _list_paths(opened)
        options = MachineOptions(harts=harts, quantum=quantum, disk=disk)
        rerun = opened, options
        with display.shown():
            run = run_image(
                opened,
                options,
                models,
                console=display.guest,
                progress=display.instructions,
                unfinished=display.unfinished,
                with_code=with_code,
                with_calls=form == "callgrind",
                window=part,
                programs=[open_image(path) for path in programs],
                max_instructions=max_instructions,
            )
        costs, runs, problems = run.costs, [run], run.problems()
        if not costs and not with_code:
            problems.append(f"{target}: no declared path was taken to its end")
    problems += [f"claim {claim.id} does not hold" for claim in judged if not claim.holds]
    side_by_side = None
    if compare_paths is not None:
        side_by_side = compare_calls(*rerun, costs, compare_paths)
    report = Report(models, costs, judged, runs, paper, by_function, by_line, compared, side_by_side)
    for code in report.code:
        if not code.has_symbols and not quiet:
            say(f"replug: {code.image.path}: it has no symbols; its code is told by address")
    if not (form == "table" and output == "-" and json_file == "-"):
        write_report(report, form, output, everything)
    if json_file is not None:
        write_json(json_file, report.as_dict())
    now = Baseline.of(subject, {run.name: run.image_sha256 for run in runs}, costs)
    wanted = set(now.rows) if save is not None else set()
    if before is not None:
        wanted |= before.changed_rows(now)
    if wanted:
        now = replace(now, lines=call_lines(*rerun, runs[0].costs, wanted))
    if before is not None:
        problems += [f"{baseline}: {change}" for change in before.changes(now)]
    if save is not None:
        write_json(str(save), now.as_dict())
    for problem in problems:
        say(f"replug: {problem}")
    return 1 if problems else 0
