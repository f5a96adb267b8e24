"""Which mails to units and offices are due: receipts, reminders, overdue notices, lists for offices.

Belongs here: plain functions of what became of each unit, the mails, the register and the clock. Does not: sending
and booking what is due (reports/notices/sending.py), its words (reports/notices/letters.py).

A mail that is held, from a sender whom the register does not know, gets no answer; nor does an answering machine;
and nothing ever goes to an address that is not on the register.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.instance.periods import Deadline
from assets.instance.register import Tree
from assets.instance.warehouse import model
from assets.intake.mail import headers
from assets.intake.mail.archive import path_of
from assets.intake.mail.machines import DAEMONS

if TYPE_CHECKING:
    from reports.notices.letters import Standing
from assets.instance.settings import NoticeSettings

log = logging.getLogger("sixth.notices")
HEADER_BYTES = 64 * 1024
FIRST_BYTES = 8 * 1024  # hold the whole header of nearly every mail
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
OVERDUE_DAYS_AT_LEAST = 7
# How mailers begin the subject of an answer that they give by themselves, without a header that says so.
AUTOMATIC_SUBJECT = re.compile(
    r"(?:自动(?:回复|答复|应答)|已读|未读|已阅读|系统退信|退信|auto(?:matic)?[- ]?(?:reply|response)"
    r"|out of (?:the )?office|read|not read|undeliver\w*|delivery status)\s*[:：(（]",
    re.IGNORECASE,
)
Query = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
"""Rows of a query on the warehouse, as Warehouse.rows gives them."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail that a unit sent, or an office for it. `unit_code` is whom it is about; `received_at` is aware."""

    mail: str
    unit_code: str
    sender: str
    subject: str
    message_id: str
    references: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that is due. `mails` are those that a receipt answers, the newest last; `units` those on a list."""

    kind: str
    period: str
    unit_code: str
    recipient: str
    slot: str = ""
    mails: tuple[Incoming, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes the notice the same: `kind|period|unit|slot or newest mail|recipient`."""
        about = self.mails[-1].mail if self.mails else self.slot
        return "|".join((self.kind, self.period, self.unit_code, about, self.recipient))

    @property
    def file_name(self) -> str:
        """Its name in the outbox, by the key."""
        digest = hashlib.sha256(self.key.encode()).hexdigest()[:16]
        unit = re.sub(r"[^\w-]", "_", self.unit_code)
        kind = f"{self.kind}-{self.slot}" if self.slot else self.kind
        return f"{self.period}_{kind}_{unit}_{digest}.eml"


def read_standings(query: Query, period: str) -> dict[str, Standing]:
    """What became of every reporting unit as of the last run, by code, in the order of the register."""
    from reports.notices.letters import Standing  # noqa: PLC0415 - words and templates, which `sixth check` does without

    forms: dict[str, dict[str, str]] = defaultdict(dict)
    for row in query(
        "select unit_code, form, state from marts.unit_forms where period = $period order by form", {"period": period}
    ):
        forms[row["unit_code"]][row["form"]] = row["state"]
    rows = query(model("notices/standings"), {"period": period})
    return {r["unit_code"]: Standing(forms=forms[r["unit_code"]], **r) for r in rows}


def read_incoming(query: Query, period: str) -> list[Incoming]:
    """The mails of the period as of the last run, the oldest first; one that concerns several units, once for each.

    Held mails are not among them. A mail without forms is about its sender.
    """
    rows = query(model("notices/incoming"), {"period": period})
    return [Incoming(**r) for r in rows]


def is_automatic(header: bytes) -> bool:
    """Whether a mail, by its header, was written by a machine, and must not be answered (RFC 3834, 2).

    Reports on mails (RFC 6522: read receipts, bounces) and the automatic answers of mailers that do not say so are.
    """
    top = BytesHeaderParser().parsebytes(header)

    def said(field_name: str) -> str:
        return str(top.get(field_name, "")).strip().lower()

    subject = headers.clean_text(headers.decode_text(str(top.get("subject", "")).encode("utf-8", "surrogateescape")))
    return (
        top.get_content_type() == "multipart/report"
        or AUTOMATIC_SUBJECT.match(subject) is not None
        or headers.address(said("from").encode()).partition("@")[0] in DAEMONS
        or said("auto-submitted").partition(";")[0].strip() not in ("", "no")
        or said("precedence") in ("bulk", "junk", "list", "auto_reply")
        or said("return-path") == "<>"
        or any(field_name in top for field_name in ("x-autoreply", "x-autorespond", "list-id"))
    )


def by_machine(mail: str, archive: Path) -> bool:
    """True if the mail is automatic, or cannot be read: neither is answered."""
    try:
        with path_of(mail, archive).open("rb") as file:
            header = file.read(FIRST_BYTES)
            if not _BLANK_LINE.search(header):
                header += file.read(HEADER_BYTES - FIRST_BYTES)
    except OSError as error:
        log.warning("mail %s is not answered: %s", mail[:12], error)
        return True
    return is_automatic(_BLANK_LINE.split(header, maxsplit=1)[0])


def due_receipts(
    incoming: Iterable[Incoming],
    tree: Tree,
    period: str,
    *,
    answered: Collection[tuple[str, str, str]] = (),
    since: datetime | None = None,
    automatic: Callable[[str], bool] = lambda _: False,
) -> list[Due]:
    """A receipt for each unit and mailbox with mails not answered yet, as an answer to the newest of them.

    `answered` are (unit, recipient, mail); mails received before `since`, and those that `automatic` says a machine
    wrote, are left alone. A mail is answered to where it came from; where that is no mailbox of the unit or of a
    node above it, as after a steward's assignment, to the unit's own mailboxes instead.
    """
    waiting: dict[tuple[str, str], list[Incoming]] = defaultdict(list)
    for mail in sorted(incoming, key=lambda m: (m.received_at, m.mail)):
        if since is not None and mail.received_at < since:
            continue
        new = [r for r in _answers_to(mail, tree) if (mail.unit_code, r, mail.mail) not in answered]
        if new and not automatic(mail.mail):
            for recipient in new:
                waiting[mail.unit_code, recipient].append(mail)
    return [
        Due("receipt", period, unit_code, recipient, mails=tuple(mails))
        for (unit_code, recipient), mails in waiting.items()
    ]


def _answers_to(mail: Incoming, tree: Tree) -> tuple[str, ...]:
    owner = tree.by_mailbox.get(mail.sender)
    if owner is not None and tree.is_within(mail.unit_code, owner.code):
        return (mail.sender,)
    unit = tree.by_code.get(mail.unit_code)
    return (unit.mailboxes or ("",)) if unit else ()


def slot_of(
    deadline: Deadline, period: str, as_of: datetime, settings: NoticeSettings, *, asked: bool = False
) -> str | None:
    """Which notices the moment is for: `3` or `1` (a reminder, so many days before), `overdue`, or None
    (then, too, when the period is not over).

    A day that was missed is made up for until the next one, and overdue notices as long as the window is open. When
    a person has `asked` for it, the time before the first reminder is `early`, and all time after the cut-off is
    for overdue notices.
    """
    cutoff, today = deadline.cutoff(period), as_of.astimezone(deadline.zone).date()
    if not deadline.is_over(period, as_of):
        return None
    if as_of < cutoff:
        begun = [days for days in settings.reminder_days if today >= cutoff.date() - timedelta(days=days)]
        if begun:
            return str(min(begun))
        return "early" if asked else None
    since = cutoff.date() + timedelta(days=settings.overdue_days)
    is_open = deadline.window_period(as_of) == period or today <= since + timedelta(days=OVERDUE_DAYS_AT_LEAST)
    return "overdue" if asked or (today >= since and is_open) else None


def due_reminders(standings: Iterable[Standing], tree: Tree, period: str, slot: str) -> list[Due]:
    """A reminder to every mailbox of each unit that owes something; "" for a recipient where it has none."""
    return [
        Due("reminder", period, s.unit_code, mailbox, slot)
        for s in standings
        if s.owed
        for mailbox in mailboxes_of(tree, s.unit_code)
    ]


def due_overdue(standings: Iterable[Standing], tree: Tree, period: str, slot: str = "") -> list[Due]:
    """An overdue notice to every mailbox of each unit that owes something, and to each office the list of its own.

    The office is the nearest node above with a mailbox; where there is none, the list is the carrier's, for "". `slot`
    tells lists of units with a cut-off of their own from that of all others.
    """
    owing = [s for s in standings if s.owed]
    notices = [
        Due("overdue", period, s.unit_code, mailbox) for s in owing for mailbox in mailboxes_of(tree, s.unit_code)
    ]
    lists: dict[str, list[str]] = defaultdict(list)
    for standing in owing:
        lists[office_above(tree, standing.unit_code) or tree.carrier].append(standing.unit_code)
    return notices + [
        Due("office_list", period, office, mailbox, slot, units=tuple(units))
        for office, units in lists.items()
        for mailbox in mailboxes_of(tree, office)
    ]


def office_above(tree: Tree, code: str) -> str | None:
    """The nearest node above a unit that has a mailbox."""
    above = (tree.by_code[c] for c in tree.above(code) if c != code)
    return next((node.code for node in above if node.mailboxes), None)


def mailboxes_of(tree: Tree, code: str) -> tuple[str, ...]:
    """Where mails to a unit or office go; ("",) where it has no mailbox, so that it is not passed over."""
    return tree.by_code[code].mailboxes or ("",)
