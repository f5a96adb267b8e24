"""The log of decisions; taking one back, approving one as a second person.

Belongs here: that page. Does not: which decisions stand (deciding.py).
"""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from assets.ledger.models import DECISIONS, Decision
from reports.portal.access import NotThere, Refused, Visit, own_path
from reports.portal.answers import templates
from reports.portal.asked import (
    codes_covered,
)
from reports.portal.deciding import Log
from reports.portal.recording import decided, wanted_of


def kinds(say: Any) -> list[tuple[str, str]]:
    """The kinds of decisions to choose from."""
    return [("", say("status.all")), *((kind, say(f"kind.{kind}")) for kind in DECISIONS)]


def decisions(visit: Visit) -> Response:
    """The log: every decision on the units of the scopes granted, and what became of it."""
    log, mine = visit.portal.log(), codes_covered(visit)
    kind, state = visit.asked("kind"), visit.asked("state")
    rows = [
        {
            "d": d,
            "about": json.loads(d.about),
            "standing": d.key in log.standing,
            "after": log.after.get(d.key),
            "awaits": _awaits(visit, log, d),
        }
        for d in reversed(log.decisions)
        if _is_theirs(d, mine) and kind in ("", d.kind)
    ]
    if state == "standing":
        rows = [r for r in rows if r["standing"]]
    return visit.page("decisions.html.jinja", rows=rows, kind=kind, state=state, done=visit.asked("done"))


def _awaits(visit: Visit, log: Log, decision: Decision) -> bool:
    """Whether a waiver waits for a second person."""
    needs = json.loads(decision.about).get("effect") in visit.portal.settings.approved_effects
    return (
        decision.kind == "waive"
        and needs
        and decision.key in log.standing
        and not any(d.kind == "approve" for d in log.on(decision.key))
    )


def _is_theirs(decision: Decision, codes: set[str]) -> bool:
    return decision.unit_code in codes


def decide_on_decision(visit: Visit) -> Response:
    """Take a decision back, or approve it as a second person."""
    key = str(visit.request.path_params["key"])
    log = visit.portal.log()
    decision = next((d for d in log.decisions if d.key == key), None)
    if decision is None or not _is_theirs(decision, codes_covered(visit)):
        raise NotThere
    act = visit.sent("act")
    if act not in ("take_back", "approve"):
        raise Refused(visit.words.say("decide.no_act"))
    if act == "approve" and decision.decided_by == visit.who.display:
        raise Refused(visit.words.say("decide.own"))
    return decided(visit, wanted_of(visit, act, subject=key), own_path(visit.sent("back") or "/decisions"))


templates.globals["kinds"] = kinds
