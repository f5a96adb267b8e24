"""The mails that wait for a steward, and giving one to a unit.

Belongs here: that page. Does not: why a mail is held (assets/intake), what may be assigned (pipelines/decisions.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from starlette.responses import Response

from reports.portal.access import NotThere, Refused, Visit
from reports.portal.asked import (
    STEWARD,
    chosen_period,
    sent_period,
    snapshot_of,
)
from reports.portal.reading import Row, Snapshot, periods
from reports.portal.recording import decided, wanted_of


def held(visit: Visit) -> Response:
    """The mails that wait for a steward, with what they hold and the unit that they name; the carrier's alone."""
    period = chosen_period(visit)
    with snapshot_of(visit, STEWARD, period) as snapshot:
        rows = snapshot.rows("mails")
        names = {row["unit_code"]: row["unit_name"] for row in _units_named(snapshot, rows)}
    log = visit.portal.log()
    for row in rows:
        row["held_files"], row["named"] = json.loads(row["files"]), json.loads(row["names"])
        row["assigned"] = next((d for d in log.on(row["mail"]) if d.kind == "assign"), None)
    return visit.page(
        "held.html.jinja",
        mails=rows,
        names=names,
        period=period,
        periods=periods(visit.portal.home.portal),
        done=visit.asked("done"),
    )


def _units_named(snapshot: Snapshot, mails: Sequence[Row]) -> list[Row]:
    codes = {code for mail in mails for code, _ in json.loads(mail["names"])}
    return [node for code in sorted(codes) if (node := snapshot.one("node", unit_code=code))]


def assign(visit: Visit) -> Response:
    """Give a held mail to a unit."""
    name, code, period = str(visit.request.path_params["mail"]), visit.sent("unit"), sent_period(visit)
    with snapshot_of(visit, STEWARD, period) as snapshot:
        row = next((m for m in snapshot.rows("mails") if m["mail"] == name), None)
        node = snapshot.one("node", unit_code=code)
    if row is None:
        raise NotThere(visit.words.say("decide.gone"))
    if node is None or node["level"] != "unit":
        raise Refused(visit.words.say("decide.no_unit"))
    named = json.loads(row["names"])
    mail = {**row, "period": period, "named": named, "held_files": json.loads(row["files"])}
    mail["received_at"] = datetime.fromisoformat(row["received_at"])
    covers = {c for c, where_named in named if where_named == "cover"}
    anyway = visit.sent("anyway") == "yes"
    if covers - {code} and not anyway:
        raise Refused(visit.words.say("decide.other_unit", units="、".join(sorted(covers))))
    wanted = wanted_of(visit, "assign", mail=mail, unit=code, period=period, anyway=anyway)
    return decided(visit, wanted, f"/held?period={period}")
