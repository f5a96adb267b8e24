"""The desk of the portal: the same decisions as at the command line, by what a page has read of its snapshot.

Belongs here: handing the desk what a page knows, as the warehouse may be held by a run; what a decision will come to,
worked out in a process that may die. Does not: what may be decided (decisions.py), settling without and with it
(preview.py), the pages (reports/portal).
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assets.instance.home import Home
from assets.instance.limits import MIB
from assets.instance.workers import Died, run_isolated
from assets.ledger.decisions import DecisionError, drafted
from assets.ledger.models import Decision
from pipelines.decisions import Desk, Planned, Steward
from reports.portal.deciding import Foreseen, Wanted

log = logging.getLogger("sixth.portal")

AT_ONCE = 1
WAIT_SECONDS = 10.0
SECONDS = 40.0  # of processor time for one preview
MEMORY = 3072 * MIB


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


def _foreseen(task: tuple[Home, Planned, Path]) -> list[dict[str, Any]] | str:
    """What differs, or why it is not worked out (reports.portal.deciding.Foreseen)."""
    from assets.instance.warehouse import WarehouseBusy  # noqa: PLC0415 - all that settles months, in the worker alone
    from pipelines.preview import foreseen, is_cheap  # noqa: PLC0415

    home, planned, folder = task
    desk = Desk(home)
    try:
        if not desk.months():
            return "nothing"
        return foreseen(desk, planned, folder) if is_cheap(desk) else "many"
    except WarehouseBusy:
        return "busy"


class PortalDecider:
    """The decider of one home (reports.portal.deciding.Decider)."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._settling = threading.Semaphore(AT_ONCE)

    def foresee(self, wanted: Wanted) -> Foreseen:
        """What a decision will come to, settled in a process of its own. Raises DecisionError."""
        desk = SnapshotDesk(self.home, wanted)
        planned = self._planned(desk, wanted)
        drafted(desk.decisions(), planned.proposals, datetime.now(UTC))  # refused now as it would be then
        if not self._settling.acquire(timeout=WAIT_SECONDS):
            return Foreseen(None, "busy")
        try:
            with tempfile.TemporaryDirectory(dir=self.home.warehouse, prefix="replay-") as folder:
                task = self.home, planned, Path(folder)
                ((_, result),) = run_isolated(
                    _foreseen, [task], workers=1, batch=1, seconds_per_task=SECONDS, memory_bytes=MEMORY
                )
        finally:
            self._settling.release()
        if isinstance(result, Died):
            log.warning("what a decision comes to was not worked out: %s", result.detail)
            return Foreseen(None, "limit")
        return Foreseen(None, result) if isinstance(result, str) else Foreseen(result)

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
