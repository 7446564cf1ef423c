# SPDX-License-Identifier: GPL-2.0-or-later
"""The claims about more than the report's own run: break-even, locks, waiting, guards, equal results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

from emulator.cycles.claims import A1_LIMIT, Claim, Costs, NotMeasured
from emulator.cycles.contention import CROWDS, Crowd
from emulator.cycles.paths import PathCost
from emulator.cycles.protocol import ProtocolRuns
from emulator.cycles.streams import VARIANTS
from emulator.errors import ReplugError

A5_LIMIT = 1.0
HARTS = ", ".join(map(str, CROWDS))
A7_TOLERANCE = 0.01
AHEAD_FASTER = 1.5  # a cold file is read so many times faster ahead than not
SPAN = 5  # the longest residence is so many times the shortest, or there is no telling what follows it
LEAST_AWAY = 50  # replugs that must have met a reader away for the disk, or A7c says nothing
FLAT = 10  # a wait that does not follow the residence is at least so many times shorter than one that does

_Measure = Callable[[Costs, str, ProtocolRuns], tuple[str, bool]]


def _break_even(costs: Costs, _model: str, _runs: ProtocolRuns) -> tuple[str, bool]:
    """What opening costs more, over what a 1-byte read costs less."""
    saved = costs.of("generic read", bytes=1).min - costs.of("specialised read", bytes=1).min
    once = costs.of("specialise").median
    reads = once / saved
    return f"{reads:.2f} reads ({once} at open, {saved} saved a read)", 0 <= reads <= A5_LIMIT


def _generated(costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """The same where code is generated for each opening; and against the parameter block."""
    other = Costs(runs.generated, model)
    read, block = other.of("generated read", bytes=1).min, costs.of("specialised read", bytes=1).min
    once, less = other.of("specialise").median, costs.of("specialise").median
    text = f"{once / (costs.of('generic read', bytes=1).min - read):.2f} reads ({once} at open)"
    if read >= block:
        return f"{text}; a read is no cheaper than by the parameter block ({read}, {block})", False
    return f"{text}; {(once - less) / (block - read):,.0f} against the block ({read}, {block} a read)", True


def _counter(costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """Entering and leaving, in the kernel's own reads."""
    flag, counter = (
        each.of("invocation").median + each.of("flag clear").median
        for each in (costs, Costs(runs.counter, model))
    )
    return f"{counter} (flag: {flag})", flag < counter <= A1_LIMIT


def _ladder(costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """One byte on each level, from the generic code up."""
    other = Costs(runs.ladder, model)
    rungs = [
        ("generic", costs.of("generic read", bytes=1).min),
        ("shared", other.of("specialised read, shared", bytes=1).min),
        ("exclusive", other.of("specialised read", bytes=1).min),
        ("generated", Costs(runs.generated, model).of("generated read", bytes=1).min),
    ]
    return (
        " > ".join(f"{cost} {name}" for name, cost in rungs),
        all(above > below for (_, above), (_, below) in pairwise(rungs)),
    )


def _server(costs: Costs, _model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """Counted in instructions, under every model: all code, also the programs' own."""
    served, read = runs.served, costs.of("specialised read", bytes=1).min
    return (
        f"{served.instructions:,.0f} instructions, {served.traps:.1f} traps, {served.switches:.1f} switches "
        f"(in the kernel: {read} cycles, 1, 0)",
        served.traps >= 2 and served.switches >= 2 and served.instructions > read,
    )


def _locks(_costs: Costs, _model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """Every lock is taken and released by an atomic."""
    specialised, generic = runs.locks.get("specialised read"), runs.locks.get("generic read")
    if specialised is None or generic is None:
        raise NotMeasured("no 1-byte read of both kinds")
    return f"{specialised / 2:g} (generic: {generic / 2:g})", specialised == 0 < generic


def _savings(crowd: Crowd, model: str) -> str:
    saving, generic, specialised = (
        ", ".join(f"{number:,.0f}" for number in numbers)
        for numbers in (crowd.saving(model), crowd.generic[model], crowd.specialised[model])
    )
    return f"{saving} ({generic} less {specialised})"


def _crowd(_costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """Harts that do not meet save what one saves: then the saving stays, but it must not fall."""
    saving = runs.crowd.saving(model)
    grows = all(fewer <= more for fewer, more in pairwise(saving))
    return _savings(runs.crowd, model), grows and 0 < saving[0] < saving[-1]


def _crowd_on_one_file(_costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """Whoever has the inode's lock keeps the others waiting: only a reader alone must save something."""
    crowd = runs.crowd_on_one_file
    return _savings(crowd, model), crowd.saving(model)[0] > 0


def _residence(_costs: Costs, _model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    slope, constant = runs.spinning.slope
    shortest, *_, longest = sorted(residence for residence, _ in runs.spinning.pairs)
    return (
        f"slope {slope:.3f}, constant {constant:,.0f} ns ({len(runs.spinning.pairs)} replugs that met a "
        f"reader inside, for another {shortest:,} to {longest:,} ns)",
        abs(slope - 1) <= A7_TOLERANCE and shortest * SPAN <= longest,
    )


def _blocked(_costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    spinning, waiting = runs.spinning.spin[model], runs.waiting.spin[model]
    return (
        f"{spinning.median:,} without, {waiting.median:,} with (at most {waiting.max:,})",
        waiting.max * FLAT <= spinning.median,
    )


def _leaving(_costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """The whole wait, asleep or not, of replugs that came while their reader was away for the disk."""
    away, every = runs.leaving.away, runs.leaving.waits
    met = f"{len(away)} of {len(every)} replugs met a reader away for the disk"
    if len(away) < LEAST_AWAY:
        return f"{met}: too few to tell", False
    rest, waited = [rest for rest, _ in away], max(wait for _, wait in away)
    spin = runs.leaving.spin[model]
    return (
        f"{met}, for another {min(rest):,} to {max(rest):,} ns (median {median(rest):,.0f}), and waited at "
        f"most {waited:,} ns; the others at most {max(every):,} ns ({spin.max:,} cycles)",
        min(rest) * SPAN <= max(rest) and max(every) * FLAT <= median(rest),
    )


def _guards(costs: Costs, _model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    changes = runs.oracle.changes.total()
    guarded = changes - len(runs.oracle.unguarded)
    idle, own = costs.of("guard, not taken"), costs.of("guard of one descriptor, not taken")
    return (
        f"{guarded} of {changes}; {len(runs.oracle.violations)} violations in {runs.oracle.looks:,} looks; "
        f"guard not taken: {own.min} of a descriptor, {idle.min} of a file",
        guarded == changes > 0 and not runs.oracle.violations and runs.oracle.specialised > 0,
    )


def _same_output(_costs: Costs, _model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    outputs = set(runs.consoles.values())
    lines = len(next(iter(outputs)))
    return (
        f"{len(runs.consoles)} runs ({', '.join(runs.consoles)}): "
        + (f"the same {lines} lines" if len(outputs) == 1 else f"{len(outputs)} different outputs"),
        len(outputs) == 1 and lines > 0,
    )


def _reading_ahead(_costs: Costs, model: str, runs: ProtocolRuns) -> tuple[str, bool]:
    """Decided once, reading ahead hides the disk as it does when it is decided at each call, for less."""
    _, each_call, plain, once = (runs.streams[name] for name in VARIANTS)
    times = ", ".join(f"{runs.streams[name].nanoseconds / 1e6:.1f} ms {name}" for name in VARIANTS)
    cost = {name: stream.cycles[model] / stream.reads for name, stream in runs.streams.items()}
    return (
        f"{times}; cycles a read: {', '.join(f'{cycles:,.0f}' for cycles in cost.values())}; "
        f"{once.in_time} of {once.asked} in time",
        once.in_time * 2 > once.asked > 0
        and plain.asked == 0
        and once.nanoseconds * AHEAD_FASTER <= plain.nanoseconds
        and once.nanoseconds <= each_call.nanoseconds
        and once.cycles[model] * each_call.reads < each_call.cycles[model] * once.reads,
    )


_CLAIMS: tuple[tuple[str, str, str, str, _Measure], ...] = (
    (
        "A1b",
        "entering and leaving with an inside-counter, chosen at boot",
        "a counting semaphore (4.1)",
        f"<= {A1_LIMIT}, as A1",
        _counter,
    ),
    (
        "A5",
        "1-byte reads after which specialising has paid (parameter block)",
        "loses only if never read",
        f"<= {A5_LIMIT:g}",
        _break_even,
    ),
    (
        "A5b",
        "the same for code generated at each opening, and sent to every hart",
        "",
        "as it is; its read is cheaper",
        _generated,
    ),
    (
        "A3b",
        "a 1-byte read on each level of the ladder",
        "incremental specialisation (2)",
        "each cheaper",
        _ladder,
    ),
    (
        "A3c",
        "a 1-byte read by messages to a server process",
        "micro-kernels pay for protection (1)",
        "as it is; dearer than in the kernel",
        _server,
    ),
    ("A6", "locks that a 1-byte specialised read takes", "locks can be omitted", "0", _locks),
    (
        "A6b",
        f"what a read of a file of its own saves when {HARTS} harts read at once, spinning included",
        "locks can be quite slow on shared memory multiprocessors",
        "grows",
        _crowd,
    ),
    (
        "A6c",
        "the same when all read one file, by the level for shared files, which locks the inode",
        "",
        "as it is; alone, cheaper",
        _crowd_on_one_file,
    ),
    (
        "A7",
        "replugger's wait over the reader's residence, in virtual time",
        "dominated by the time to exit",
        f"slope 1 +- {A7_TOLERANCE:g}",
        _residence,
    ),
    (
        "A7b",
        "cycles of step 4 while the reader waits for the disk, without and with `blocked`",
        "inefficient without",
        f"{FLAT} times fewer",
        _blocked,
    ),
    (
        "A7c",
        "the wait when readers leave for the disk and rejoin, of replugs that meet them away",
        "announced (4.3)",
        "independent of I/O",
        _leaving,
    ),
    (
        "A9",
        "changes of predicates that their guard noted first, seen from outside",
        "guards find every change",
        "all, no violation",
        _guards,
    ),
    (
        "A10",
        "output of the same programs, however their reads were served",
        "semantics unaltered",
        "the same",
        _same_output,
    ),
    (
        "A12",
        "reading a file that is not in memory, from end to end, 4096 B a call: time, and cost of a call",
        "pre-fetching named (2), future work (3.2)",
        f"prefetching {AHEAD_FASTER:g} times faster; decided once, cheaper than at each call",
        _reading_ahead,
    ),
)


def protocol_claims(costs: Sequence[PathCost], models: Sequence[str], runs: ProtocolRuns) -> list[Claim]:
    """The claims of _CLAIMS, judged from the report's costs and from the runs of the protocol."""
    result = []
    for identity, text, paper, target, measure in _CLAIMS:
        measured: dict[str, str] = {}
        verdicts = []
        for model in models:
            try:
                measured[model], verdict = measure(Costs(costs, model), model, runs)
            except (NotMeasured, ReplugError) as error:
                measured[model], verdict = str(error), False
            verdicts.append(verdict)
        result.append(Claim(identity, text, paper, target, measured, all(verdicts)))
    return result
