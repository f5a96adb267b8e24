"""The administrator's pages: who may enter, and what was done. No data of units by this role.

Belongs here: both pages. Does not: what the ledger keeps of people (assets/ledger/people.py), letting people in, which
is done at the command line (`sixth user`).
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from assets.ledger import audit, people
from assets.ledger.people import PeopleError
from reports.portal.access import NotThere, Refused, Routes, Visit

ROLE = "admin"
SHOWN = 300


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/people", everybody, ROLE)
    routes.add("/people", close, ROLE, method="POST")
    routes.add("/audit", log, ROLE)


def everybody(visit: Visit) -> Response:
    """Everybody with what is granted to them, and the tokens that hold."""
    portal = visit.portal
    tokens = [
        (t, name) for t, name in people.tokens(portal.reader) if t.revoked_at is None and t.expires_at > visit.now
    ]
    return visit.page("people.html.jinja", users=people.users(portal.reader), tokens=tokens, names=portal.names)


def close(visit: Visit) -> Response:
    """Close a user, or revoke a token, at once."""
    try:
        if visit.sent("revoke"):
            people.revoke_token(visit.portal.ledger, visit.number("revoke"), visit.who.name, visit.now)
        elif visit.sent("disable") == visit.who.name:
            raise Refused(visit.words.say("people.own"))
        else:
            people.disable(visit.portal.ledger, visit.sent("disable"), visit.who.name, visit.now)
    except PeopleError as error:
        raise NotThere from error
    return RedirectResponse("/people", 303)


def log(visit: Visit) -> Response:
    """The latest lines of the audit log, of one person or one act where these are asked for; whether it is whole."""
    who, act = visit.asked("who"), visit.asked("act")
    wrong, count, last = audit.verify(visit.portal.reader)
    lines = audit.latest(visit.portal.reader, SHOWN, who, act)
    return visit.page(
        "audit.html.jinja",
        lines=lines,
        wrong=wrong,
        count=count,
        last=last,
        asked_who=who,
        act=act,
        acts=visit.words.acts(),
    )
