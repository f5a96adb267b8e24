"""The pages of an office of a city or province: its units at a glance, who owes what, who was reminded, its signature.

Belongs here: what an office sees, and signing. Does not: what a signature is on (assets/month/signing.py), the page of
one unit, which is the steward's without its decisions (unit_pages.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from starlette.responses import RedirectResponse, Response

from assets.ledger import signatures
from assets.ledger.models import TO_UNITS
from assets.ledger.queue import notices
from reports.portal.access import NothingYet, NotThere, Refused, Routes, Visit
from reports.portal.asked import chosen_period, page_after, sent_period, snapshot_of
from reports.portal.reading import Row, Snapshot, periods, within
from reports.portal.signing import SignedOff, published, signed_off
from reports.portal.unit_pages import UNITS_A_PAGE, difference, states_of, unit

ROLE = "office"
REMINDERS = ("reminder", "overdue", "office_list")
REMINDERS_SHOWN = 200
GOOD_FORMS, GOOD_SCANS = ("effective", "nil", "not_required"), ("sealed",)


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/office", office, ROLE)
    routes.add("/office", sign, ROLE, method="POST")
    routes.add("/office/{unit}", partial(unit, role=ROLE), ROLE)
    routes.add("/office/{unit}/{form}", partial(difference, role=ROLE), ROLE)


def office(visit: Visit) -> Response:
    """The units of an office in a month: what became of each, what each owes, who was reminded; its signature."""
    period = chosen_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        node, nodes = _node(visit, snapshot, visit.asked("scope")), snapshot.rows("nodes")
        below = {"lo": node["place"], "hi": node["ends"]}
        after = page_after(visit)
        rows = snapshot.rows("units_below", **below, state="", find="", most=UNITS_A_PAGE + 1, after=after)
        debtors = snapshot.rows("debtors", **below)
        states = states_of(snapshot.rows("states_below", **below))
        names = {row["unit_code"]: row["unit_name"] for row in snapshot.rows("names", **below)}
        about = snapshot.about
    version, published_at = published(visit.portal, period, node["unit_code"])
    offs = signed_off(visit.portal, period, within(nodes, node), visit.now)
    sent = [n for n in notices(visit.portal.reader, period, (*TO_UNITS, "office_list"), *names) if n.kind in REMINDERS]
    return visit.page(
        "office.html.jinja",
        period=period,
        periods=periods(visit.portal.home.portal),
        node=node,
        nodes=nodes,
        about=about,
        states=states,
        units=rows[:UNITS_A_PAGE],
        after=after,
        before=max(0, after - UNITS_A_PAGE),
        further=after + UNITS_A_PAGE if len(rows) > UNITS_A_PAGE else 0,
        owing=[(row, owed(visit, row)) for row in debtors],
        sent=sent[::-1][:REMINDERS_SHOWN],
        names=names,
        own=next((off for off in offs if off.node["unit_code"] == node["unit_code"]), None),
        may_sign=node["unit_code"] in visit.who.scopes(ROLE),
        below=[off for off in offs if off.node["unit_code"] != node["unit_code"]],
        version=version,
        published_at=published_at,
        done=visit.asked("done"),
    )


def _node(visit: Visit, snapshot: Snapshot, wanted: str) -> Row:
    """The node that is looked at: the one named, else the first. NotThere, or NothingYet where none was named."""
    node = snapshot.one("node", unit_code=wanted) if wanted else next(iter(snapshot.rows("nodes")), None)
    if node is None or node["level"] == "unit":
        raise NotThere if wanted else NothingYet
    return node


def owed(visit: Visit, row: Mapping[str, Any]) -> list[str]:
    """What a unit that is not complete still owes, in words."""
    words = visit.words
    told = [
        words.say("office.owes", what=words.name("short_forms", form), state=words.name("form_states", row[form]))
        for form in ("annex2", "annex3")
        if row[form] not in GOOD_FORMS
    ]
    if row["scan"] not in GOOD_SCANS:
        told.append(
            words.say("office.owes", what=words.say("where.scan"), state=words.name("scan_states", row["scan"]))
        )
    if row["errors"]:
        told.append(words.say("office.must", n=row["errors"]))
    return told


def sign(visit: Visit) -> Response:
    """Sign a month as it was looked at, or take the signature back. Refused where it has changed meanwhile."""
    period, scope, say = sent_period(visit), visit.sent("scope"), visit.words.say
    if scope not in visit.who.scopes(ROLE):
        raise NotThere
    with snapshot_of(visit, ROLE, period) as snapshot:
        node = _node(visit, snapshot, scope)
    (own, *_) = signed_off(visit.portal, period, [node], visit.now) or (None,)
    if own is None:
        raise Refused(say("office.not_asked"))
    remark, by = visit.written("remark"), (visit.portal.ledger, visit.who, period, scope)
    if visit.sent("act") == "take_back":
        if own.signature is None:
            raise Refused(say("office.not_signed"))
        signatures.take_back(*by, remark, visit.now, address=visit.address)
    else:
        _may_be_signed(visit, own)
        signatures.sign(*by, node["content"], remark, visit.now, address=visit.address)
    return RedirectResponse(f"/office?period={period}&scope={scope}&done={visit.sent('act') or 'sign'}", 303)


def _may_be_signed(visit: Visit, own: SignedOff) -> None:
    say = visit.words.say
    if visit.sent("content") != own.node["content"]:
        raise Refused(say("office.moved"), 409)
    if own.holds and own.signature:
        told: Sequence[str] = (own.signature.signed_by, visit.words.moment(own.signature.at))
        raise Refused(say("office.signed_already", by=told[0], at=told[1]), 409)
    if visit.sent("seen") != "yes":
        raise Refused(say("office.not_seen"))
