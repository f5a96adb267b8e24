"""What made figures other than they were in the version before: mails, decisions, the register, rules, software.

reports.md: every change has a cause. Belongs here: what is new since a version, by unit. Does not: which figures
changed, and of which units (changes.py); the words (texts.yaml, `cause.`).

A manifest says what its version rested on; what it does not have, or has otherwise, is new.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.instance.closed_months import Edit
from assets.instance.warehouse import Warehouse
from expectations.secrets import hidden
from reports.model import Cause

EVERYBODY = ""
"""Whose a cause is that concerns all units; of mails, those that are held and so nobody's."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that a version rests on. `unit` is whose it is, "" of a held one; `units` also those whose forms it has.

    `received_at` is aware, in local time; `earlier`: it speaks of an earlier month.
    """

    sha256: str
    received_at: datetime
    unit: str
    units: frozenset[str]
    name: str
    copies: int = 0
    earlier: bool = False


@dataclass(frozen=True)
class Rests:
    """What a version that is made now rests on, as far as it can have changed since another.

    `decisions`: those in force (`decisions_in_force`); `on` as manifests have it under rests_on; `edits`: what the
    register says otherwise than when the version before was made.
    """

    mails: Sequence[Mail]
    decisions: Sequence[Mapping[str, str]]
    on: Mapping[str, str]
    software: str
    scopes: frozenset[str]
    edits: Sequence[Edit] = field(default_factory=tuple)


class Causes:
    """What is new since a version, to be asked by unit."""

    def __init__(self, before: Path, rests: Rests) -> None:
        """`before` is the folder of the version before."""
        manifest = json.loads((before / "manifest.json").read_text(encoding="utf-8"))
        self._known = {(m["sha256"], m["unit"]): m.get("copies", 0) for m in manifest["mails"]}
        self._made_at = datetime.fromisoformat(manifest["as_of"])
        self._rests = rests
        # A mail that was another unit's is not new: what made it this one's is an edit of the register.
        owned = {sha256 for sha256, unit in self._known if unit}
        new = (m for m in rests.mails if not m.earlier and m.sha256 not in owned)
        self._new = [m for m in new if (m.sha256, m.unit) not in self._known]
        self._decisions = self._decided(manifest, before / "data" / "decisions.csv")
        self._edits = [e for e in rests.edits if e.file == "units.csv" and e.subject not in rests.scopes]
        self._general = tuple(self._changed_for_all(manifest))

    def of(self, units: Iterable[str]) -> tuple[Cause, ...]:
        """What made figures of these units other than they were; "" for what is nobody's."""
        found: list[Cause] = []
        for unit in units:
            found += self._own(unit) or self._general or self._from_afar(unit)
        return tuple(dict.fromkeys(found))

    def of_mails(self) -> tuple[Cause, ...]:
        """What made the number of mails other than it was: new ones, held ones that are somebody's now, more copies."""
        more = [m for m in self._rests.mails if not m.earlier and self._known.get((m.sha256, m.unit), -1) != m.copies]
        return tuple(dict.fromkeys([*map(_of_mail, more), *self.of([EVERYBODY])]))

    def _own(self, unit: str) -> list[Cause]:
        mails = [m for m in self._new if (unit in m.units if unit else not m.unit or (m.sha256, "") in self._known)]
        freed = {m.unit for m in mails if m.unit and (m.sha256, "") in self._known}
        about = {unit} | (freed if not unit else set())
        found = [_of_mail(m) for m in mails]
        found += [cause for owner, cause in self._decisions if owner in about]
        return found + [_of_edit(e) for e in self._edits if e.subject in about]

    def _from_afar(self, unit: str) -> list[Cause]:
        """Of a unit that nothing new came from: earlier months, whose problems and incidents are carried over, then
        other units, whose rows its own are held against.
        """
        known = {sha256 for sha256, _ in self._known}
        earlier = [m for m in self._rests.mails if m.earlier and m.sha256 not in known]
        for mails in (
            [m for m in earlier if unit in m.units],
            [m for m in earlier if m.received_at > self._made_at],
            self._new,
        ):
            if mails:
                return [_of_mail(m) for m in mails]
        return [cause for _, cause in self._decisions] + [_of_edit(e) for e in self._edits]

    def _decided(self, manifest: Mapping[str, Any], table: Path) -> list[tuple[str, Cause]]:
        """Decisions in force that were not, and those on which the version before rested and that no longer are."""
        known = {d["key"] for d in manifest.get("decisions", ())}
        found = [(d["unit_code"], _of_decision(d)) for d in self._rests.decisions if d["key"] not in known]
        standing = {d["key"] for d in self._rests.decisions}
        if not table.is_file():  # published before there were any
            return found
        with table.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                if row["kind"] != "note" and row["key"] not in standing:
                    values = (("kind", row["kind"]), ("by", row["decided_by"]), ("decision", row["key"]))
                    found.append((row["unit_code"], Cause("ended", values)))
        return found

    def _changed_for_all(self, manifest: Mapping[str, Any]) -> Iterable[Cause]:
        """What concerns all units: networks and calendar, units above others, rules, settings, software."""
        yield from (_of_edit(e) for e in self._rests.edits if e not in self._edits)
        before, now = manifest.get("rests_on", {}), self._rests.on
        for kind in ("rules", "settings"):
            if kind in before and before[kind] != now[kind]:
                yield Cause(kind, ())
        if before.get("code", now["code"]) != now["code"] or manifest["software"] != self._rests.software:
            yield Cause("software", (("before", manifest["software"]), ("after", self._rests.software)))


def decisions_in_force(warehouse: Warehouse, parameters: Mapping[str, Any]) -> list[dict[str, str]]:
    """The decisions in force that bear on the period, with what each is on, in words; notes change nothing."""
    return warehouse.rows(
        """
        select
            d.key,
            d.kind,
            coalesce(d.unit_code, '') as unit_code,
            d.decided_by,
            d.reason,
            concat_ws(' ', u.unit_name, f.rule_id, nullif(f.sheet, ''), nullif(f.cell, '')) as place,
        from core.decisions as d
        left join core.units as u using (period, unit_code)
        left join core.findings as f
            on f.period = d.period and f.finding_id = d.finding_id
        where d.period = $period and d.kind <> 'note'
        order by d.decided_at, d.key
        """,
        parameters,
    )


def _of_mail(mail: Mail) -> Cause:
    at = f"{mail.received_at:%Y-%m-%d %H:%M}"
    return Cause("mail", (("name", mail.name or "—"), ("at", at), ("mail", mail.sha256[:12])))


def _of_decision(decision: Mapping[str, str]) -> Cause:
    names = {"kind": "kind", "place": "place", "by": "decided_by", "decision": "key"}
    values = {name: decision[key] for name, key in names.items()} | {"reason": hidden(decision["reason"])}
    return Cause("decided", tuple(values.items()))


def _of_edit(edit: Edit) -> Cause:
    where = f"{edit.file}:{edit.line}" if edit.line else edit.file
    values = {"where": where, "subject": edit.subject, "field": edit.field}
    values |= {"before": edit.before or "—", "after": edit.after or "—"}
    return Cause("register", tuple(values.items()))
