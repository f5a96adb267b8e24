"""A finding: drawn in its sheet between its neighbours, with what was decided on it, and deciding on it.

Belongs here: the page of one. Does not: the list it was come to from (worklist.py).
"""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from reports.portal.access import NotThere, Refused, Visit, own_path
from reports.portal.asked import (
    STEWARD,
    asked_of,
    chosen_period,
    snapshot_of,
)
from reports.portal.finding_lines import hint, message, shown
from reports.portal.reading import Row, Snapshot
from reports.portal.recording import decided, findings_sent, later_months, wanted_of
from reports.portal.shape import BESIDE


def finding(visit: Visit) -> Response:
    """A finding drawn in its sheet, the whole row, what was decided, and the one before and after in the filter."""
    name, period = str(visit.request.path_params["finding"]), chosen_period(visit)
    with snapshot_of(visit, STEWARD, period) as snapshot:
        item = snapshot.one("finding", finding=name)
        if item is None:
            raise NotThere
        asked = asked_of(visit, snapshot, period)
        beside = {
            way: snapshot.one("beside", **asked.interval, **asked.chosen, seq=item["seq"], way=step)
            for way, step in (("before", -1), ("after", 1))
        }
        drawn = _drawn(visit, snapshot, item)
        form = next((f for f in snapshot.rows("forms", place=item["place"]) if f["form_id"] == item["form_id"]), None)
    log = visit.portal.log()
    taken = [d for d in log.decisions if d.subject == name]
    rule = visit.portal.catalogue.rules[item["rule_id"]]
    texts = visit.portal.catalogue.texts["messages"][rule.id]
    return visit.page(
        "finding.html.jinja",
        asked=asked,
        item=shown(visit, item, log.waivers()),
        period=period,
        title=visit.words.rule(rule.id),
        remedy=texts["remedy"][visit.lang],
        example=texts["example"][visit.lang],
        hint=hint(visit, item),
        beside=beside,
        drawn=drawn,
        form=form,
        log=log,
        taken=taken,
        standing=log.waivers().get(name),
        months=later_months(period),
        lasts=item["effect"] in ("drop", "flag") and bool(item["fault"]),
        version=dict(visit.portal.months)[period],
        done=visit.asked("done"),
    )


def _drawn(visit: Visit, snapshot: Snapshot, item: Row) -> dict[str, Any] | None:
    """The row of a finding and those beside it, as they were entered; None where the finding is on no row."""
    sheet = snapshot.one("sheet", form_id=item["form_id"], sheet_key=item["sheet_key"]) if item["row"] > 0 else None
    if sheet is None:
        return None
    of = {"form_id": item["form_id"], "sheet_key": item["sheet_key"]}
    of |= {"first": item["row"] - BESIDE, "last": item["row"] + BESIDE}
    faults: dict[tuple[int, str], Row] = {}
    whole_rows: set[int] = set()
    for other in snapshot.rows("findings_of_sheet", **of):
        key = other["row"], other["column_key"]
        if key not in faults or other["effect"] != "flag":
            faults[key] = other
        if other["effect"] == "drop" and other["status"] == "open":
            whole_rows.add(other["row"])
    columns = [{"key": k, "letter": letter, "heading": heading} for k, letter, heading in json.loads(sheet["columns"])]
    order = sorted(range(len(columns)), key=lambda n: (len(columns[n]["letter"]) or 9, columns[n]["letter"]))
    columns = [columns[n] for n in order]
    lines: list[dict[str, Any]] = []
    last = None
    for row in snapshot.rows("rows", **of):
        if last is not None and row["row"] > last + 1:
            lines.append({"gap": f"{last + 1}–{row['row'] - 1}" if row["row"] > last + 2 else str(last + 1)})
        cells = json.loads(row["cells"])
        made = []
        for n, column in zip(order, columns, strict=True):
            fault = faults.get((row["row"], column["key"]))
            made.append(
                {
                    "text": cells[n] or "",
                    "key": column["key"],
                    "heading": column["heading"],
                    "is": "" if fault is None else "bad" if fault["effect"] in ("drop", "return") else "chk",
                    "why": "" if fault is None else message(visit, fault),
                }
            )
        lines.append({"row": row["row"], "hit": row["row"] == item["row"], "cells": made})
        last = row["row"]
    return {"title": sheet["title"], "rows": sheet["rows"], "columns": columns, "lines": lines}


def decide_on_finding(visit: Visit) -> Response:
    """Waive a finding, leave a note on it, or take a decision on it back."""
    name = str(visit.request.path_params["finding"])
    (row,) = findings_sent(visit, [name])
    to = own_path(visit.sent("back") or f"/finding/{name}")
    act = visit.sent("act")
    if act == "waive":
        wanted = wanted_of(visit, "waive", rows=[row], through=visit.sent("through"))
    elif act == "note":
        wanted = wanted_of(visit, "note", rows=[row], subject=name)
    elif act == "confirm_seal":
        wanted = wanted_of(visit, "confirm_seal", rows=[row], unit=row["unit_code"], period=row["period"])
    else:
        raise Refused(visit.words.say("decide.no_act"))
    return decided(visit, wanted, to)
