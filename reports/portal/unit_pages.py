"""The units of a scope, a unit's month, and what a form changed in the one before; deciding on a unit.

Belongs here: these pages, for a steward and to be looked at in another role. Does not: what an office makes of its
units (office.py), the picture of a scan (scan_pages.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from assets.ledger.models import TO_UNITS
from assets.ledger.queue import notices
from reports.portal.access import NotThere, Refused, Visit
from reports.portal.asked import (
    STEWARD,
    asked_of,
    chosen_period,
    page_after,
    sent_period,
    snapshot_of,
)
from reports.portal.finding_lines import shown
from reports.portal.reading import Row, periods
from reports.portal.recording import decided, wanted_of

UNITS_A_PAGE = 200
PAGES_OF_UNITS = {STEWARD: "/units", "office": "/office"}


def units(visit: Visit) -> Response:
    """The units of a scope, and what became of each."""
    return visit.kept(visit.portal.state(), _units)


def _units(visit: Visit) -> Response:
    period = chosen_period(visit)
    with snapshot_of(visit, STEWARD, period) as snapshot:
        asked = asked_of(visit, snapshot, period)
        state, find = visit.asked("state"), visit.asked("q")
        after = page_after(visit)
        rows = snapshot.rows(
            "units_below", **asked.interval, state=state, find=find, most=UNITS_A_PAGE + 1, after=after
        )
        states = snapshot.rows("states_below", **asked.interval)
        nodes = snapshot.rows("nodes")
    return visit.page(
        "units.html.jinja",
        asked=asked,
        nodes=nodes,
        periods=visit.portal.months,
        units=rows[:UNITS_A_PAGE],
        after=after,
        further=after + UNITS_A_PAGE if len(rows) > UNITS_A_PAGE else 0,
        state=state,
        q=find,
        states=states_of(states),
    )


def states_of(states: Sequence[Row]) -> list[tuple[str, int]]:
    """How many units are in each state, in the usual order, complete ones by whether on time."""
    found: Counter[str] = Counter()
    for row in states:
        late = row["state"] == "complete" and not row["on_time"]
        found["late" if late else row["state"]] += row["n"]
    return [
        (state, found[state]) for state in ("complete", "late", "incomplete", "returned", "missing") if found[state]
    ]


def unit(visit: Visit, role: str = STEWARD) -> Response:
    """A unit's month: what became of it, what fails, what it sent, twelve months, what was decided and mailed; to be
    decided on by a steward, and to be looked at in another role.
    """
    code, period = str(visit.request.path_params["unit"]), chosen_period(visit)
    with snapshot_of(visit, role, period) as snapshot:
        node = snapshot.one("node", unit_code=code)
        result = snapshot.one("unit", place=node["place"]) if node and node["level"] == "unit" else None
        if node is None or result is None:
            raise NotThere
        above = snapshot.rows("above", place=node["place"])
        found = snapshot.rows("findings_of_unit", place=node["place"])
        forms = snapshot.rows("forms", place=node["place"])
        scans = snapshot.rows("scans", place=node["place"])
        months = snapshot.rows("months", place=node["place"])
        about = snapshot.about
    log = visit.portal.log()
    waived = log.waivers()
    moving = [shown(visit, f, waived) for f in found if f["moves"] != "flag" and f["counts"]]
    flags = Counter(f["rule_id"] for f in found if f["moves"] == "flag" and f["counts"] and f["status"] == "open")
    return visit.page(
        "unit.html.jinja",
        decides=role == STEWARD,
        units_page=PAGES_OF_UNITS[role],
        node=node,
        above=above,
        result=result,
        about=about,
        period=period,
        periods=periods(visit.portal.home.portal),
        moving=moving,
        flags=[(rule, visit.words.rule(rule), n) for rule, n in flags.most_common()],
        mails=_mails_of(forms, scans),
        scan=_shown_scan(scans),
        months=months,
        decided=[d for d in log.decisions if d.unit_code == code and (d.period in ("", period))],
        extension=next((d for d in log.on(f"{code}/{period}") if d.kind == "extend"), None),
        unsealed=next((f for f in found if f["moves"] == "seal"), None),
        notices=notices(visit.portal.reader, period, TO_UNITS, code),
        is_late=visit.now >= datetime.fromisoformat(about["cutoff"]),
        done=visit.asked("done"),
    )


def difference(visit: Visit, role: str = STEWARD) -> Response:
    """What a form changed in the one that the unit sent before it, row by row by the sheet's key."""
    code, name = (str(visit.request.path_params[part]) for part in ("unit", "form"))
    period = chosen_period(visit)
    with snapshot_of(visit, role, period) as snapshot:
        node = snapshot.one("node", unit_code=code)
        forms = {f["form_id"]: f for f in snapshot.rows("forms", place=node["place"])} if node else {}
        form = forms.get(name)
        if node is None or form is None or form["before_id"] not in forms:
            raise NotThere
        rows = snapshot.rows("changes", form_id=name)
    by_sheet: dict[str, list[Row]] = {}
    for row in rows:
        by_sheet.setdefault(row["sheet_key"], []).append(row)
    return visit.page(
        "difference.html.jinja",
        node=node,
        period=period,
        units_page=PAGES_OF_UNITS[role],
        form=form,
        before=forms[form["before_id"]],
        sheets=list(by_sheet.items()),
        total=sum(of_sheet[0]["total"] for of_sheet in by_sheet.values()),
    )


def _mails_of(forms: Sequence[Row], scans: Sequence[Row]) -> list[dict[str, Any]]:
    """What came in each mail, the latest first."""
    mails: dict[str, dict[str, Any]] = {}
    for key, rows in (("forms", forms), ("scans", scans)):
        for row in rows:
            mail = mails.setdefault(row["mail"], {"at": row["received_at"], "forms": [], "scans": []})
            mail[key].append(row)
    return [{"mail": mail, **what} for mail, what in sorted(mails.items(), key=lambda m: m[1]["at"], reverse=True)]


def _shown_scan(scans: Sequence[Row]) -> Row | None:
    """The scan to look at: the latest with a seal, else the latest that could be opened."""
    states = ("sealed", "unsealed")
    return next((row for state in states for row in scans if row["state"] == state), None)


def decide_on_unit(visit: Visit) -> Response:
    """Extend a unit's cut-off, or leave a note on its month."""
    code, period = str(visit.request.path_params["unit"]), sent_period(visit)
    with snapshot_of(visit, STEWARD, period) as snapshot:
        node = snapshot.one("node", unit_code=code)
    if node is None or node["level"] != "unit":
        raise NotThere
    act = visit.sent("act")
    if act == "extend":
        try:
            until = datetime.fromisoformat(visit.sent("until")).replace(tzinfo=visit.portal.zone)
        except ValueError as error:
            raise Refused(visit.words.say("decide.no_time")) from error
        late = visit.sent("late") == "yes"
        wanted = wanted_of(visit, "extend", unit=code, period=period, until=until, late=late)
    elif act == "note":
        wanted = wanted_of(visit, "note", subject=f"{code}/{period}")
    else:
        raise Refused(visit.words.say("decide.no_act"))
    return decided(visit, wanted, f"/units/{code}?period={period}")
