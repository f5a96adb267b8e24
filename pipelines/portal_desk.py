"""The desk of the portal: the same decisions as at the command line, by what a page has read of its snapshot.

Belongs here: handing the desk what a page knows, as the warehouse may be held by a run. Does not: what may be decided
(decisions.py), the pages (reports/portal).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.instance.home import Home
from assets.ledger.decisions import DecisionError
from assets.ledger.models import Decision
from pipelines.decisions import Desk, Planned, Steward
from reports.portal.deciding import Wanted


class SnapshotDesk(Desk):
    """A desk that looks things up in what a page has read, and never in the warehouse."""

    def __init__(self, home: Home, wanted: Wanted) -> None:
        super().__init__(home)
        self._findings = {row["finding_id"]: dict(row) for row in wanted.rows}
        self._mail = wanted.mail

    def _finding(self, finding: str) -> dict[str, Any]:
        if finding not in self._findings:
            raise DecisionError(f"finding {finding} is none of the last run")
        return self._findings[finding]

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        raise NotImplementedError("the portal never opens the warehouse")

    def _follows_from_waiving(self, rows: Sequence[Mapping[str, Any]], through: str) -> list[str]:
        return []

    def _unsealed(self, unit: str, period: str) -> list[dict[str, Any]]:
        return [r for r in self._findings.values() if (r["unit_code"], r["rule_id"]) == (unit, "SIG-02")]

    def _best_scan(self, unit: str, period: str) -> str:
        return "none"

    def mail(self, name: str) -> str:
        """The whole sha256 of the mail that the page is about."""
        if self._mail is None or self._mail["mail"] != name:
            raise DecisionError(f"mail {name[:12]} is not held")
        return name

    def _booked(self, mail: str) -> list[dict[str, Any]]:
        assert self._mail is not None
        return [{"held": True, "unit_code": "", **self._mail}]

    def named_units(self, mail: str, period: str) -> list[tuple[str, str]]:
        """The units that the mail names, as the snapshot has them."""
        assert self._mail is not None
        return [(code, where) for code, where in self._mail["named"]]

    def _forms_of(self, mail: str) -> int:
        assert self._mail is not None
        return len(self._mail["held_files"])

    def _known(self, subject: str) -> dict[str, Any]:
        row = self._findings.get(subject)
        return {name: row[name] for name in ("unit_code", "period", "mail")} if row else {}


class PortalDecider:
    """The decider of one home (reports.portal.deciding.Decider)."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def decide(self, wanted: Wanted) -> list[Decision]:
        """Plan and record. Raises DecisionError."""
        desk = SnapshotDesk(self.home, wanted)
        return desk.write(self._planned(desk, wanted))

    def _planned(self, desk: SnapshotDesk, wanted: Wanted) -> Planned:
        steward = Steward(wanted.by, wanted.reason, wanted.at, wanted.over)
        if wanted.kind == "waive":
            return desk.waive([row["finding_id"] for row in wanted.rows], steward, wanted.through)
        if wanted.kind == "assign" and wanted.mail is not None:
            return desk.assign(wanted.mail["mail"], wanted.unit, steward, anyway=wanted.anyway)
        if wanted.kind == "confirm_seal":
            return desk.confirm_seal(wanted.unit, wanted.period, steward)
        if wanted.kind == "extend" and wanted.until is not None:
            return desk.extend(wanted.unit, wanted.period, wanted.until, steward, late=wanted.late)
        if wanted.kind == "note":
            return desk.note(wanted.subject, steward)
        if wanted.kind == "take_back":
            return desk.take_back(wanted.subject, steward)
        if wanted.kind == "approve":
            return desk.approve(wanted.subject, steward)
        raise DecisionError(f"{wanted.kind!r} is no decision")
