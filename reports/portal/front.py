"""The way in: where each role begins, one's own account, the log-out.

Belongs here: pages that are nobody's in particular. Does not: log-in (access.py).
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from assets.instance.settings import Settings
from assets.ledger import people
from assets.ledger.people import Person
from reports.portal.access import LOG_OUT, LOGIN, Refused, Routes, Visit, log_out
from reports.portal.answers import templates
from reports.portal.passwords import LEAST_LENGTH, hashed, is_right

MENU: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "steward",
        (
            ("/worklist", "menu.worklist"),
            ("/units", "menu.units"),
            ("/held", "menu.held"),
            ("/decisions", "menu.decisions"),
            ("/approvals", "menu.approvals"),
        ),
    ),
    ("office", (("/office", "menu.office"),)),
    ("unit", (("/own", "menu.own"),)),
    ("admin", (("/people", "menu.people"), ("/audit", "menu.audit"))),
    (
        "reader",
        (
            ("/reports", "menu.reports"),
            ("/subscriptions", "menu.subscriptions"),
            ("/tokens", "menu.tokens"),
            ("/unmasked", "menu.unmasked"),
        ),
    ),
)
"""Of each role the pages that its menu has, the first being where it begins; of several roles the first here."""
ACCOUNT = "/account"
OF_THE_VAULT = ("/unmasked", "/approvals")


def menu(who: Person, settings: Settings) -> list[tuple[str, str]]:
    """The pages of a person's menu, each once: its path and the key of its name; those of the vault by setting."""
    links = dict(link for role, links in MENU if role in who.roles for link in links)
    return [(path, name) for path, name in links.items() if settings.vault or path not in OF_THE_VAULT]


templates.globals["menu"] = menu


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/", begin)
    routes.add(ACCOUNT, account)
    routes.add(ACCOUNT, change_password, method="POST")
    routes.add(LOG_OUT, log_out, method="POST")


def begin(visit: Visit) -> Response:
    """To where the person's first role begins."""
    links = menu(visit.who, visit.portal.settings)
    return RedirectResponse(links[0][0] if links else ACCOUNT, 303)


def account(visit: Visit) -> Response:
    """What one may do, and one's password."""
    return visit.page("account.html.jinja", names=visit.portal.names)


def change_password(visit: Visit) -> Response:
    """Another password; all sessions end, this one too."""
    portal, say = visit.portal, visit.words.say
    before, after = (str(visit.form.get(name, "")) for name in ("before", "after"))
    if not is_right(people.secret_of(portal.reader, visit.who.name), before):
        visit.told("set password", visit.who.name, "refused")
        raise Refused(say("account.wrong"))
    if len(after) < LEAST_LENGTH:
        raise Refused(say("account.short"))
    people.set_secret(portal.ledger, visit.who.name, hashed(after), visit.who.name, visit.now)
    return RedirectResponse(LOGIN, 303)
