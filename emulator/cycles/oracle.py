# SPDX-License-Identifier: GPL-2.0-or-later
"""An oracle for specialisation: looks at our kernel's tables from outside, between slices, and evaluates
every predicate anew.

It knows nothing of what the kernel believes.  A file is shared when two tables of descriptors lead to it;
that two opens have been counted is the guard's own knowledge, and comes earlier.  So the rule is simple, at
every moment: a descriptor that somebody can use, and whose code depends on a predicate, is one of which that
predicate is true (I8).  And when a predicate becomes false, its guard has noted it before (A9).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from emulator.errors import ReplugError
from emulator.machine import Machine, Outcome
from guestos.layout import constants

PREDICATES = (
    "FS_CONSTANT", "NO_FP_SHARE", "NO_INODE_SHARE", "READ_ONLY", "NO_USER_LOCKS", "NO_HOLES",
    "SEQUENTIAL_ACCESS",
)  # fmt: skip


class Open(NamedTuple):
    """A descriptor in some process's table.  written, seeks: what its guards have noted."""

    address: int
    inode: int
    file: int
    owner: int
    depends: int
    inside: bool
    specialised: bool
    written: bool
    seeks: bool


@dataclass
class Findings:
    """looks: moments looked at; changes: predicates that became false for an open file, by name; unguarded:
    those of them whose guard had noted nothing; violations: what must not be, in words.  specialised: how
    often a descriptor was seen specialised; levels: by the set of predicates that its code depends on.
    """

    looks: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    unguarded: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    specialised: int = 0
    levels: Counter[int] = field(default_factory=Counter)


class Oracle:
    """Watches one machine that runs our kernel."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._c = constants()
        self._processes = self._symbol("processes")
        self._harts = self._symbol("harts")
        self.findings = Findings()
        self._last: bytes = b""
        self._false: dict[int, dict[str, bool]] = {}
        self._contents: dict[int, bytes] = {}

    def copy(self) -> Oracle:
        """Another one that remembers the same, to go on from a restored snapshot; without the findings."""
        other = Oracle(self._machine)
        other._false = {address: dict(terms) for address, terms in self._false.items()}
        other._contents = dict(self._contents)
        return other

    def _symbol(self, name: str) -> int:
        found = self._machine.image.symbol(name)
        if found is None:
            raise ReplugError(f"{self._machine.image.path}: has no symbol {name}: it is not our kernel")
        return found.address

    def _word(self, address: int, size: int) -> int:
        return int.from_bytes(self._machine.read_physical(address, size), "little")

    def _in_tables(self) -> Iterator[Open]:
        """Every descriptor that a process can name, once for each table entry."""
        c = self._c
        table = self._machine.read_physical(self._processes, c["MAX_PROCESSES"] * c["PROCESS_SIZE"])
        for number in range(c["MAX_PROCESSES"]):
            base = number * c["PROCESS_SIZE"]
            state = int.from_bytes(table[base + c["PROCESS_STATE"] :][:4], "little")
            if state in (c["STATE_FREE"], c["STATE_EMBRYO"], c["STATE_ZOMBIE"]):
                continue
            start = base + c["PROCESS_DESCRIPTORS"]
            for slot in range(c["MAX_DESCRIPTORS"]):
                address = int.from_bytes(table[start + 8 * slot :][:8], "little")
                if address:
                    yield self._open(address)

    def _open(self, address: int) -> Open:
        c = self._c
        data = self._machine.read_physical(address, c["DESCRIPTOR_BYTES"])

        def word(name: str, size: int) -> int:
            return int.from_bytes(data[c[name] : c[name] + size], "little")

        return Open(
            address,
            word("DESCRIPTOR_INODE", 8),
            word("DESCRIPTOR_FILE", 8),
            word("DESCRIPTOR_PROCESS", 8),
            word("DESCRIPTOR_DEPENDS", 4),
            bool(word("DESCRIPTOR_INSIDE", 4)),
            bool(word("DESCRIPTOR_SPECIALISED", 4)),
            bool(word("DESCRIPTOR_WRITTEN", 4)),
            bool(word("DESCRIPTOR_SEEKS", 4)),
        )

    def _locked(self) -> set[int]:
        """Addresses of the inodes that processes hold record locks on."""
        c = self._c
        size = c["LOCK_BYTES"]
        table = self._machine.read_physical(self._symbol("user_locks"), c["USER_LOCKS"] * size)
        starts = range(c["LOCK_INODE"], len(table), size)
        return {int.from_bytes(table[start : start + 8], "little") for start in starts} - {0}

    def look(self) -> None:
        """Evaluate everything now."""
        self.findings.looks += 1
        opens = [each for each in self._in_tables() if each.inode]
        by_inode = Counter(each.inode for each in opens)
        by_file = Counter(each.file for each in opens)
        for gone in self._false.keys() - {each.address for each in opens}:
            del self._false[gone]
            self._contents.pop(gone, None)
        outside = self._in_user_mode()
        for each in opens:
            if each.inside and each.owner in outside:
                self._violation(
                    f"the inside-flag of {each.address:#x} is set, its owner is in user mode (I5)"
                )
            truth = self._truth(each, by_inode[each.inode], by_file[each.file])
            self._compare(each, truth)

    def _in_user_mode(self) -> set[int]:
        """The processes that are outside the kernel now."""
        c, engine = self._c, self._machine.engine
        return {
            self._word(self._harts + hart * c["HART_SIZE"] + c["HART_PROCESS"], 8)
            for hart in range(min(self._machine.harts, c["MAX_HARTS"]))
            if engine.get_privilege(hart) == 0
        }

    def _violation(self, what: str) -> None:
        self.findings.violations.append(f"instruction {self._machine.engine.total_instret:,}: {what}")

    def _truth(self, each: Open, openings: int, sharers: int) -> dict[str, bool]:
        c = self._c
        disk = self._machine.read_physical(each.inode + c["INODE_DISK"], c["DISK_INODE_BYTES"])
        links = c["DISK_INODE_LINKS"]  # a name more or less changes nothing that is read
        digest = hashlib.blake2b(disk[:links] + disk[links + 2 :], digest_size=8).digest()
        if not each.depends & c["PREDICATE_READ_ONLY"]:
            self._contents.pop(each.address, None)
        unchanged = self._contents.setdefault(each.address, digest) == digest
        mount = self._word(each.inode + c["INODE_MOUNT"], 8)
        size = int.from_bytes(disk[c["DISK_INODE_SIZE"] :][:8], "little")
        blocks = min((size + 4095) // 4096, c["DIRECT_BLOCKS"])
        direct = c["DISK_INODE_DIRECT"]
        kind = self._word(each.inode + c["INODE_VNODE"] + c["VNODE_TYPE"], 4)
        return {
            "FS_CONSTANT": kind == c["VNODE_REGULAR"]
            and self._word(mount + c["MOUNT_TYPE"], 4) == c["MOUNT_TYPE_RPFS"]
            and self._word(mount + c["MOUNT_BLOCK_SIZE"], 4) == 4096,
            "NO_FP_SHARE": sharers == 1,
            "NO_INODE_SHARE": openings == 1,
            "READ_ONLY": unchanged,
            "NO_USER_LOCKS": each.inode not in self._locked(),
            "NO_HOLES": all(any(disk[direct + 4 * i : direct + 4 * i + 4]) for i in range(blocks)),
            "SEQUENTIAL_ACCESS": not each.seeks,
        }  # fmt: skip

    def _guard_knows(self, each: Open, name: str) -> bool:
        """Whether the guard's own term says already that the predicate is false."""
        c = self._c
        return {
            "NO_INODE_SHARE": lambda: self._word(each.inode + c["INODE_OPENS"], 8) > 1,
            "NO_FP_SHARE": lambda: self._word(each.file + c["FILE_REFERENCES"], 4) > 1,
            "NO_USER_LOCKS": lambda: self._word(each.inode + c["INODE_USER_LOCKS"], 4) > 0,
            "READ_ONLY": lambda: each.written or self._word(each.inode + c["INODE_OPENS"], 8) > 1,
            "SEQUENTIAL_ACCESS": lambda: each.seeks,
        }.get(name, lambda: False)()

    def _compare(self, each: Open, truth: dict[str, bool]) -> None:
        c, findings = self._c, self.findings
        before = self._false.setdefault(each.address, {})
        for name in PREDICATES:
            depends = bool(each.depends & c[f"PREDICATE_{name}"])
            where = f"{name} of the descriptor at {each.address:#x}"
            if depends and not truth[name] and name != "SEQUENTIAL_ACCESS":
                self._violation(f"{where} is false, its code depends on it")
            if before.get(name, True) and not truth[name]:
                findings.changes[name] += 1
                if name not in ("FS_CONSTANT", "NO_HOLES") and not self._guard_knows(each, name):
                    findings.unguarded.append(where)
            before[name] = truth[name]
        if each.specialised:
            findings.specialised += 1
            findings.levels[each.depends] += 1

    def watch(self, max_instructions: int, step: int) -> Outcome:
        """Run so far, looking after every `step` instructions; to the guest's own end at the latest."""
        left = max_instructions
        while True:
            outcome = self._machine.run(min(step, left))
            left -= step
            if outcome.reason != "limit" or left <= 0:
                return outcome
            self.look()
