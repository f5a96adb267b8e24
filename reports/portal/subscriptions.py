"""A reader's subscriptions: which reports are mailed where, as a link or in an encrypted ZIP, and what became of them.

Belongs here: the page. Does not: what the ledger keeps (assets/ledger/subscriptions.py), mailing
(reports/notices/delivering.py).
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from assets.instance.recipients import FORMS, WHEN, load_recipients
from assets.instance.settings import is_address
from assets.ledger import subscriptions
from assets.ledger.subscriptions import SubscriptionError
from reports.portal import reader
from reports.portal.access import NotThere, Refused, Routes, Visit

MAILS_SHOWN = 50
LONGEST_NAME = 60
LINK, ZIP = "link", "zip"


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/subscriptions", page, reader.ROLE)
    routes.add("/subscriptions", change, reader.ROLE, method="POST")


def ways(visit: Visit) -> list[str]:
    """How reports can go out by the settings: as a link, in an encrypted ZIP."""
    settings = visit.portal.settings.notices
    return [way for way, is_set in ((LINK, settings.report_link), (ZIP, settings.zip_password_env)) if is_set]


def domains(visit: Visit) -> set[str]:
    """Where mails may go: the domains of the mailboxes on the register."""
    return {mailbox.rpartition("@")[2] for unit in visit.portal.register.units for mailbox in unit.mailboxes}


def page(visit: Visit) -> Response:
    """The person's subscriptions, the form for another, and the mails that went where they say."""
    portal = visit.portal
    mine = subscriptions.standing(portal.reader, visit.now, visit.who.id)
    return visit.page(
        "subscriptions.html.jinja",
        mine=mine,
        mails=subscriptions.mailed(portal.reader, mine, MAILS_SHOWN),
        scopes=reader.scopes_of(visit),
        names=portal.names,
        ways=ways(visit),
        whens=WHEN,
        forms=FORMS,
        domains=sorted(domains(visit)),
        done=visit.asked("done"),
    )


def change(visit: Visit) -> Response:
    """Subscribe, or end a subscription."""
    portal, say = visit.portal, visit.words.say
    try:
        if visit.sent("end"):
            subscriptions.end(portal.ledger, visit.who, visit.number("end"), visit.now, address=visit.address)
            return RedirectResponse("/subscriptions?done=end", 303)
        scope, mailbox, name, forms, wanted = _wanted(visit)
        subscriptions.subscribe(
            portal.ledger, visit.who, scope, mailbox, name, forms, wanted, visit.now, address=visit.address
        )
    except SubscriptionError as error:
        if error.why == "unknown":
            raise NotThere from error
        raise Refused(say("subscriptions.there"), 409) from error
    return RedirectResponse("/subscriptions?done=subscribe", 303)


def _wanted(visit: Visit) -> tuple[str, str, str, list[str], str]:
    """Scope, mailbox, name, forms and when, as they were sent. NotThere, or Refused with words for the person."""
    say, way = visit.words.say, visit.sent("way")
    scope, mailbox, name = visit.sent("scope"), visit.sent("mailbox").lower(), visit.sent("name")[:LONGEST_NAME]
    if scope not in {node["unit_code"] for node in reader.scopes_of(visit)} or visit.sent("when") not in WHEN:
        raise NotThere
    if way not in ways(visit):
        raise Refused(say("subscriptions.no_way"))
    if not is_address(mailbox):
        raise Refused(say("subscriptions.no_address"))
    if mailbox.rpartition("@")[2] not in domains(visit):
        raise Refused(say("subscriptions.elsewhere", domains=say("list").join(sorted(domains(visit)))))
    if not name or not str(visit.form.get("name", "")).strip().isprintable():  # it stands in the head of mails
        raise Refused(say("subscriptions.no_name"))
    sent = {str(form) for form in visit.form.getlist("form")}
    forms = [form for form in FORMS if form in sent] if way == ZIP else []
    if way == ZIP and not forms:
        raise Refused(say("subscriptions.no_form"))
    portal = visit.portal
    on_file = load_recipients(portal.home.register, portal.register, portal.catalogue.leads)
    if (scope, mailbox) in {(r.scope, r.mailbox) for r in on_file}:
        raise Refused(say("subscriptions.there"), 409)
    return scope, mailbox, name, forms, visit.sent("when")
