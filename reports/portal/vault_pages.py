"""The pages of the vault (金库模式): readers ask for unmasked rows and fetch them, stewards answer.

Belongs here: who may ask and who may answer, and the pages. Does not: what the ledger keeps of it
(assets/ledger/unmasking.py), the rows (vault.py). Without the setting `vault` these pages are not there.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import RedirectResponse, Response

from assets.ledger import unmasking
from assets.ledger.unmasking import Asked, UnmaskingError
from assets.month.findings.substance import says_something
from reports.portal import reader
from reports.portal.access import NotThere, Refused, Routes, Visit
from reports.portal.asked import STEWARD
from reports.portal.reading import Row, opened, periods
from reports.portal.shape import VAULT, unmasked_tables


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/unmasked", mine, reader.ROLE)
    routes.add("/unmasked", ask, reader.ROLE, method="POST")
    routes.add("/unmasked/{number}", fetch, reader.ROLE, method="POST")
    routes.add("/approvals", approvals, STEWARD)
    routes.add("/approvals/{number}", answer, STEWARD, method="POST")


def _asked_for(visit: Visit) -> None:
    """NotThere where the settings want no vault."""
    if not visit.portal.settings.vault:
        raise NotThere


def covered(visit: Visit, role: str) -> Callable[[str, str], bool]:
    """Whether a scope in a month lies within the person's of a role; each month is asked once."""
    found: dict[str, set[str]] = {}

    def is_covered(period: str, scope: str) -> bool:
        if period not in found:
            try:
                with opened(visit.portal.home.portal, period, visit.who.scopes(role)) as snapshot:
                    found[period] = {node["unit_code"] for node in snapshot.rows("nodes")}
            except FileNotFoundError:
                found[period] = set()
        return scope in found[period]

    return is_covered


def _names(visit: Visit, period: str, role: str) -> list[Row]:
    with opened(visit.portal.home.portal, period, visit.who.scopes(role)) as snapshot:
        return snapshot.rows("nodes")


# ----------------------------------------------------------------------------------------------------------- to ask
def mine(visit: Visit) -> Response:
    """What the person asked for and what became of it, and the form to ask with."""
    _asked_for(visit)
    portal = visit.portal
    kept = periods(portal.home.portal / VAULT)
    there = [p for p in periods(portal.home.portal) if p in kept]
    is_theirs = covered(visit, reader.ROLE)
    rows = [
        (asked, asked.state(visit.now), is_theirs(asked.period, asked.scope))
        for asked in unmasking.requests(portal.reader, visit.who.id)
    ]
    return visit.page(
        "unmasked.html.jinja",
        rows=rows,
        names=visit.portal.names,
        periods=there,
        scopes=_names(visit, there[0], reader.ROLE) if there else [],
        tables=[(key, visit.words.sheet(key)) for key in unmasked_tables(portal.catalogue)],
        done=visit.asked("done"),
    )


def ask(visit: Visit) -> Response:
    """Ask for the rows of some tables of a scope's month."""
    _asked_for(visit)
    say, catalogue = visit.words.say, visit.portal.catalogue
    period, scope, reason = visit.sent("period"), visit.sent("scope"), visit.written("reason")
    if period not in periods(visit.portal.home.portal / VAULT) or not covered(visit, reader.ROLE)(period, scope):
        raise NotThere
    wanted = {str(name) for name in visit.form.getlist("table")}
    tables = [name for name in unmasked_tables(catalogue) if name in wanted]
    if not tables:
        raise Refused(say("unmasked.no_table"))
    if not says_something(reason, catalogue):
        raise Refused(say("unmasked.no_reason"))
    asked = unmasking.requests(visit.portal.reader, visit.who.id)
    if any(
        (r.period, r.scope, [*r.tables]) == (period, scope, tables) for r in asked if r.state(visit.now) == "waiting"
    ):
        raise Refused(say("unmasked.waits"), 409)
    unmasking.ask(visit.portal.ledger, visit.who, period, scope, tables, reason, visit.now, address=visit.address)
    return RedirectResponse("/unmasked?done=ask", 303)


def fetch(visit: Visit) -> Response:
    """The rows that were granted; each time is booked before the first byte goes out."""
    from reports.portal.vault import packed  # noqa: PLC0415 - the warehouse's libraries, for which few processes are asked

    _asked_for(visit)
    portal, say = visit.portal, visit.words.say
    number = visit.number_of_path("number")
    asked = unmasking.request_of(portal.reader, number)
    if asked is None or asked.user_id != visit.who.id or not covered(visit, reader.ROLE)(asked.period, asked.scope):
        raise NotThere
    if (state := asked.state(visit.now)) != "open":
        raise Refused(say(f"unmasked.not.{state}"), 409)
    about = say("unmasked.about", **_told(visit, asked))
    try:
        content = packed(portal.home.portal / VAULT, asked, visit.who.scopes(reader.ROLE), about)
    except (FileNotFoundError, LookupError) as error:
        raise NotThere from error
    try:
        unmasking.take(portal.ledger, visit.who, number, visit.now, address=visit.address)
    except UnmaskingError as error:
        raise Refused(say("unmasked.not.used"), 409) from error
    name = f"{asked.period}-{asked.scope}-unmasked-{asked.id}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)


def _told(visit: Visit, asked: Asked) -> dict[str, str]:
    words = visit.words
    return {
        "number": str(asked.id),
        "month": words.month(asked.period),
        "scope": visit.portal.names.get(asked.scope, asked.scope),
        "tables": words.say("list").join(words.sheet(key) for key in asked.tables),
        "by": visit.who.display,
        "reason": asked.reason,
        "approved_by": asked.answered_by,
        "at": words.moment(visit.now),
    }


# -------------------------------------------------------------------------------------------------------- to answer
def approvals(visit: Visit) -> Response:
    """The requests within the steward's scopes: those that wait for somebody else than who asked, and the others."""
    _asked_for(visit)
    portal = visit.portal
    within = {
        period: [node["unit_code"] for node in _names(visit, period, STEWARD)] for period in periods(portal.home.portal)
    }
    rows = [(asked, asked.state(visit.now)) for asked in unmasking.requests(portal.reader, within=within)]
    return visit.page(
        "approvals.html.jinja",
        waiting=[asked for asked, state in rows if state == "waiting"],
        others=[(asked, state) for asked, state in rows if state != "waiting"],
        names=portal.names,
        hours=(unmasking.HOURS, unmasking.LONGEST_HOURS),
        downloads=(unmasking.DOWNLOADS, unmasking.MOST_DOWNLOADS),
        done=visit.asked("done"),
    )


def answer(visit: Visit) -> Response:
    """Approve or refuse a request of somebody else within the steward's scopes."""
    _asked_for(visit)
    say, number, act = visit.words.say, visit.number_of_path("number"), visit.sent("act")
    asked = unmasking.request_of(visit.portal.reader, number)
    if asked is None or not covered(visit, STEWARD)(asked.period, asked.scope):
        raise NotThere
    if act not in ("approve", "refuse"):
        raise Refused(say("decide.no_act"))
    limits = {name: visit.sent(name) for name in ("hours", "downloads")}
    if act == "approve" and not all(value.isdecimal() and len(value) < 4 for value in limits.values()):
        raise Refused(say("approvals.beyond"))
    try:
        unmasking.answer(
            visit.portal.ledger,
            visit.who,
            number,
            approves=act == "approve",
            remark=visit.written("remark"),
            now=visit.now,
            address=visit.address,
            **({name: int(value) for name, value in limits.items()} if act == "approve" else {}),
        )
    except UnmaskingError as error:
        visit.told(f"{act} unmasked", str(asked), "refused")
        limits = {"hours": str(unmasking.LONGEST_HOURS), "downloads": str(unmasking.MOST_DOWNLOADS)}
        raise Refused(say(f"approvals.{error.why}", **limits), 409 if error.why == "answered" else 422) from error
    return RedirectResponse(f"/approvals?done={act}", 303)
