"""Closed months and the register: what a deadline report rests on is not rewritten by an edit that nobody meant so.

system.md, The register; commands.md, `sixth run`. Belongs here: keeping the register as it was, saying which one each
closed month rests on, and what an edit of today's would change there. Does not: what follows for figures.

A month is closed once it has a deadline report. From then on it rests on the register of that time: a rename, a move or
a new code that is typed over a line would else turn accepted returns into returned ones, years back. A dated edit,
which is a new line with active_from, says nothing of earlier months and so changes none. An edit that is to reach
closed months is asked for: `sixth run --apply-register`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from assets.instance.durable import write_durably
from assets.instance.home import Home
from assets.instance.periods import is_period
from assets.instance.register import FILES, Register, load_register


@dataclass(frozen=True, slots=True)
class Edit:
    """An entry of the register that says something else of a month than before; "" where there is no such entry.

    `subject` is a unit's code, a block of addresses or a month; `line` that of today's file, 0 where there is none.
    """

    file: str
    line: int
    subject: str
    field: str
    before: str
    after: str

    def __str__(self) -> str:
        where = f"{self.file} line {self.line}" if self.line else self.file
        return f"{where}: {self.subject} {self.field} {self.before or '—'} → {self.after or '—'}"


def keep(home: Home, register: Register) -> None:
    """Keep the files of today's register by their digest, beside the mails, for as long as there is a month by them."""
    folder = _kept(home, register.digest)
    if folder.is_dir():
        return
    building = folder.with_name(f".{folder.name}.{os.getpid()}")
    building.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (building / name).write_bytes((home.register / name).read_bytes())
    building.rename(folder)


def kept_register(home: Home, digest: str) -> Register | None:
    """A register as it was; None where it was not kept."""
    folder = _kept(home, digest)
    return load_register(folder) if folder.is_dir() else None


def closed_months(home: Home) -> list[str]:
    """The months that have a deadline report of any scope, in order."""
    months = (folder for folder in sorted(home.published.glob("*/")) if is_period(folder.name))
    return [folder.name for folder in months if next(folder.glob("*/v1"), None)]


def register_of(home: Home, apply_to: Collection[str] = (), today: Register | None = None) -> Register:
    """Today's register, with the closed months by the registers that they rest on, but those in `apply_to`.

    `today`: the former, where it was read already. Raises RegisterError.
    """
    today = today or load_register(home.register)
    closed = frozenset(closed_months(home))
    kept: dict[str, Register] = {}
    frozen: dict[str, Register] = {}
    for month, booked in _booked(home).items():
        if month not in closed or month in apply_to or booked["says"] == today.said_digest(month):
            continue
        digest = booked["register"]
        if digest not in kept and (found := kept_register(home, digest)):
            kept[digest] = found
        if digest in kept:
            frozen[month] = kept[digest]
    cutoffs = {month: due for month, due in today.cutoffs.items() if month not in frozen}
    cutoffs |= {month: old.cutoffs[month] for month, old in frozen.items() if month in old.cutoffs}
    return replace(today, cutoffs=cutoffs, closed=frozen)


def seen_of_register(home: Home) -> tuple[Hashable, ...]:
    """By what one sees, without reading it, that `register_of` would say the same as before: its files are as they
    were, and the closed months and what they rest on.
    """
    files = (*(home.register / name for name in FILES), _file(home))
    told = ((s.st_ino, s.st_mtime_ns, s.st_size) if (s := _stat(file)) else None for file in files)
    return (*told, *closed_months(home))


def book(home: Home, register: Register, period: str) -> None:
    """Book that a month rests on the register that it has now."""
    in_force = register.in_force(period)
    if in_force is register:
        keep(home, register)
    entry = {"register": in_force.digest, "says": in_force.said_digest(period)}
    booked = _booked(home)
    if booked.get(period) == entry:
        return
    write_durably(_file(home), json.dumps({**booked, period: entry}, indent=1, sort_keys=True) + "\n")


def edits(before: Register, after: Register, period: str) -> list[Edit]:
    """What a register says of a month otherwise than the one before, in the order of its files."""
    was, now = before.says(period), after.says(period)
    lines = {u.code: u.line for u in after.in_force(period).tree(period).units}
    found = []
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            file, subject, entry = name.split(" ", 2)
            found.append(Edit(file, lines.get(subject, 0), subject, entry, was.get(name, ""), now.get(name, "")))
    return list(_whole_lines(found, was, now))


def not_applied(home: Home, register: Register) -> dict[str, list[Edit]]:
    """Of every closed month that stays as it is, what today's register would change there, the oldest month first."""
    today = load_register(home.register)
    return {month: edits(before, today, month) for month, before in sorted(register.closed.items())}


def _whole_lines(found: list[Edit], was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Edit]:
    """A unit that came or went is one edit and not one for each of its columns."""
    told = set()
    for edit in found:
        name = f"units.csv {edit.subject} unit_name"
        if edit.file == "units.csv" and (name in was) != (name in now):
            if edit.subject not in told:
                told.add(edit.subject)
                yield replace(edit, field="unit_code", before=was.get(name, ""), after=now.get(name, ""))
        else:
            yield edit


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except FileNotFoundError:
        return None


def _booked(home: Home) -> dict[str, dict[str, str]]:
    try:
        booked: dict[str, dict[str, str]] = json.loads(_file(home).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return booked


def _file(home: Home) -> Path:
    return home.warehouse / "closed_months.json"


def _kept(home: Home, digest: str) -> Path:
    return home.archive / "registers" / digest
