"""Findings put together for a reader: what follows from another goes with it, many of a kind are one line.

Belongs here: which findings make a line, and the order of lines. Does not: the words of a line (feedback.py), which
findings follow from which (knock_on.yaml).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assets.intake.forms import normalise_heading
from expectations.catalogue import Catalogue

MANY = 16  # so many of a kind in a column become one line
SEVERITIES = ("critical", "error", "warning")
EXPLAINED = "explained"
WAIVED = "waived"
SETTLED = (EXPLAINED, WAIVED)
_LETTERS = re.compile(r"[A-Z]*")


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A row of core.all_findings; `note_sheet` and `note_cell`, the place that is to be mended; and what the unit said
    of it in vain.
    """

    finding_id: str
    subject: str
    form: str
    form_id: str
    file: str
    sheet_key: str
    sheet: str
    cell: str
    row: int
    column_key: str
    column: str
    rule_id: str
    severity: str
    effect: str
    value: str
    expected: str
    cause: str
    status: str
    reason: str
    note_sheet: str = ""
    note_cell: str = ""
    note_said: str = ""  # what the unit said of it
    note_refused: str = ""  # why that explains nothing: says_nothing, repeated, must

    @property
    def is_explained(self) -> bool:
        """Whether the unit has said enough of a warning."""
        return self.status == EXPLAINED

    @property
    def is_waived(self) -> bool:
        """Whether the office has waived it: there is nothing to mend."""
        return self.status == WAIVED

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is asked of the unit."""
        return self.status in SETTLED


@dataclass(slots=True, eq=False)
class Line:
    """One or many findings of one kind, and those that follow from them."""

    findings: list[Finding]
    follow: list[Finding] = field(default_factory=list)

    @property
    def first(self) -> Finding:
        """The finding that stands for all."""
        return self.findings[0]


@dataclass(frozen=True, slots=True)
class _KnockOn:
    cause: frozenset[str]
    follows: frozenset[str]
    within: str
    at: tuple[str, ...]
    each: bool


@cache
def _written() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "knock_on.yaml").read_bytes())
    return content


def _knock_ons(catalogue: Catalogue) -> list[_KnockOn]:
    def rules(said: Any) -> frozenset[str]:
        if isinstance(said, Mapping):
            return frozenset(r.id for r in catalogue.rules.values() if r.effect == said["effect"])
        return frozenset(said)

    return [
        _KnockOn(
            rules(k["cause"]), rules(k["follows"]), k["within"], tuple(filter(None, k.get("at", "").split("."))),
            bool(k.get("each")),
        )
        for k in _written()
    ]  # fmt: skip


def _flag_of(finding: Finding, catalogue: Catalogue) -> str:
    """The heading of the cover field that declares a finding's sheet empty."""
    form = next((f for f in catalogue.forms if f.key == finding.form), None)
    sheet = next((s for s in form.sheets if s.title == finding.sheet), None) if form else None
    return next((c.zh for c in form.cover if sheet and c.key == sheet.nil_flag), "") if form else ""


def _sharing(within: str, catalogue: Catalogue) -> tuple[Callable[[Finding], Hashable], Callable[[Finding], Hashable]]:
    """What a cause and what follows must share, each as a function that gives None where it does not apply."""

    def heading(f: Finding) -> Hashable:
        return (f.form_id, normalise_heading(f.sheet), normalise_heading(f.column)) if f.column else None

    same: dict[str, Callable[[Finding], Hashable]] = {
        "form": lambda f: f.form_id or None,
        "row": lambda f: (f.form_id, f.sheet_key, f.row) if f.row else None,
        "cell": lambda f: (f.form_id, f.sheet, f.cell) if f.cell else None,
    }
    if within == "heading":
        return heading, lambda f: None if f.cell else heading(f)
    if within == "flag":
        return lambda f: (f.form_id, _flag_of(f, catalogue)), lambda f: (f.form_id, f.column)
    return same[within], same[within]


def _root(i: int, cause_of: Mapping[int, int]) -> int:
    while i in cause_of:
        i = cause_of[i]
    return i


class Folding:
    """Findings put together by one catalogue; made once where many units are told."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._knock_ons = [(rule, *_sharing(rule.within, catalogue)) for rule in _knock_ons(catalogue)]
        self._forms = {form.key: i for i, form in enumerate(catalogue.forms)}
        self._sheets = {key: i for i, key in enumerate(catalogue.sheets)}

    def lines(self, findings: Iterable[Finding]) -> list[Line]:
        """The lines that say all findings, most important first: severity, then place; what is explained comes last."""
        known = list(findings)
        cause_of = self._causes(known)
        places = {finding: self._place(finding) for finding in known}
        place = places.__getitem__
        followers: dict[int, list[Finding]] = {}
        for i in cause_of:
            followers.setdefault(_root(i, cause_of), []).append(known[i])
        kinds: dict[Hashable, list[Line]] = {}
        for i, finding in sorted(enumerate(known), key=lambda pair: (place(pair[1]), pair[0])):
            if i not in cause_of:
                line = Line([finding], sorted(followers.get(i, []), key=place))
                kinds.setdefault(_kind(finding), []).append(line)
        lines = []
        for alike in kinds.values():
            if len(alike) < MANY:
                lines.extend(alike)
            else:
                lines.append(Line([line.first for line in alike], [f for line in alike for f in line.follow]))
        return sorted(lines, key=lambda line: (_importance(line.first), place(line.first)))

    def _causes(self, findings: Sequence[Finding]) -> dict[int, int]:
        """For each finding that follows from another: the number of its cause."""
        cause_of: dict[int, int] = {}
        found_rules = {finding.rule_id for finding in findings}
        for rule, share_cause, share_follower in self._knock_ons:
            if rule.cause.isdisjoint(found_rules) or rule.follows.isdisjoint(found_rules):
                continue
            causes: dict[Hashable, list[int]] = {}
            followers: dict[Hashable, list[int]] = {}
            for i, finding in enumerate(findings):
                if finding.rule_id in rule.cause and rule.at in ((), (finding.sheet_key, finding.column_key)):
                    causes.setdefault(share_cause(finding), []).append(i)
                if finding.rule_id in rule.follows and i not in cause_of and not finding.is_settled:
                    followers.setdefault(share_follower(finding), []).append(i)
            for shared, own in followers.items():
                found = causes.get(shared, []) if shared is not None else []
                if not found or (rule.each and len(own) > len({findings[i].row for i in found})):
                    continue
                for n, i in enumerate(own):
                    cause = found[min(n, len(found) - 1)] if rule.each else found[0]
                    if cause != i and _root(cause, cause_of) != i:
                        cause_of[i] = cause
        return cause_of

    def _place(self, f: Finding) -> tuple[Any, ...]:
        """Where a finding stands in its unit's workbooks: form, sheet, row, column. What has no form comes last."""
        form = self._forms.get(f.form, len(self._forms))
        sheet = self._sheets.get(f.sheet_key, -1)
        letters = _LETTERS.match(f.cell)
        column = letters[0] if letters else ""
        return form, f.form_id, sheet, f.sheet, f.row, len(column), column, f.rule_id, f.expected, f.value, f.finding_id


def _kind(f: Finding) -> Hashable:
    return f.form_id, f.rule_id, f.sheet_key or f.sheet, f.column_key or f.column, f.status, f.reason, f.note_said


def _importance(f: Finding) -> tuple[bool, int]:
    return f.is_settled, SEVERITIES.index(f.severity)
