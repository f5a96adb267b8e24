"""The scan of a unit with a submission: the best of its scans decides (SIG-01, SIG-02, SIG-03)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assets.faults import Fault
from assets.submissions import PlainFinding, Submission

BEST_FIRST = ("sealed", "unsealed", "unreadable")


def check_scans(submissions: Iterable[Submission], scans: Iterable[Mapping[str, Any]]) -> Iterator[PlainFinding]:
    """One finding at most for every unit with a submission.

    `scans`: unit_code, mail, number, file, state (sealed, unsealed, unreadable), reason, received_at.
    """
    by_unit: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for scan in scans:
        by_unit[scan["unit_code"]].append(scan)
    for unit in sorted({s.unit_code for s in submissions}):
        own = sorted(
            by_unit[unit],
            key=lambda s: (BEST_FIRST.index(s["state"]), s["received_at"], s["mail"], s["number"]),
        )
        if not own:
            yield PlainFinding(unit, "", "", Fault("SIG-01"))
        elif own[0]["state"] == "unsealed":
            yield PlainFinding(unit, own[0]["mail"], "", Fault("SIG-02", file=own[0]["file"], reason=own[0]["reason"]))
        elif own[0]["state"] == "unreadable":
            yield PlainFinding(unit, own[0]["mail"], "", Fault("SIG-03", file=own[0]["file"], reason=own[0]["reason"]))
