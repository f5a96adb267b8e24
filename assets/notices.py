"""What units and offices are told by mail: receipts after a run, reminders, overdue notices, lists for offices.

Belongs here: which notices are due, as plain functions of what became of each unit, the register and the clock; and
carrying them out: queue, compose, send, book. Does not: their words (reports/notices.py), the mail itself and the
server (assets/delivery.py), what was sent before (assets/ledger/).

A mail that is held, from a sender whom the register does not know, gets no answer; nor does an answering machine;
and nothing ever goes to an address that is not on the register.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesHeaderParser
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from assets.delivery import (
    Deliver,
    Head,
    Refused,
    SmtpSettings,
    Unreachable,
    is_address,
    mail_bytes,
    message_id,
    open_delivery,
    reply_subject,
    thread,
    tidy_outbox,
)
from assets.ledger import queue
from assets.ledger.models import Notice
from assets.ledger.queue import Entry
from assets.mail.archive import path_of
from assets.periods import Deadline
from assets.register import Register, Tree
from reports import notices as letters
from reports.notices import Letter, Occasion, Standing

log = logging.getLogger("sixth.notices")

NO_SENDER = "sixth@localhost"
HEADER_BYTES = 64 * 1024
Query = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
Files = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """How units are written to. `sender` is the From address, best the mailbox that is collected: an answer to it is
    a return; where it is another one, `reply_to` names the collected one. `contact` is told in every mail.

    `reminder_days`: so many days before that of the cut-off; `overdue_days`: so many after it. Mails older than
    `receipt_days` are not answered: a new ledger on an old home would write to everyone. A mailbox that was refused
    for good in `refusals_allowed` runs is given up. Marked workbooks of more than `attachment_bytes` in all stay
    behind.
    """

    sender: str = ""
    sender_name: str = ""
    reply_to: str = ""
    contact: str = ""
    reminder_days: Sequence[int] = (3, 1)
    overdue_days: int = 1
    receipt_days: int = 31
    refusals_allowed: int = 3
    attachment_bytes: int = 15 * 1024 * 1024

    def __post_init__(self) -> None:
        """Raise TypeError where an address is none, or days are none."""
        for setting, address in (("sender", self.sender), ("reply_to", self.reply_to)):
            if address and not is_address(address):
                raise TypeError(f"{setting}: {address!r} is no address")
        if isinstance(self.reminder_days, str) or not all(isinstance(d, int) and d > 0 for d in self.reminder_days):
            raise TypeError("reminder_days: must be days before the cut-off, as [3, 1]")


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


Compose = Callable[[Due], tuple[Letter, Files]]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a notice, for people.

    `outcome`: sent (now), before (sent by an earlier run, or given up), queued (to be tried again), failed (given
    up), due (a dry run), unaddressed (no usable mailbox on the register). `owed` as `annex3 returned, scan missing`.
    """

    kind: str
    unit_code: str
    unit_name: str
    recipient: str
    owed: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True)
class Mailroom:
    """All that writing to units depends on. `as_of` is the clock of the run, `now` the real one (both aware)."""

    register: Register
    deadline: Deadline
    outbox: Path
    as_of: datetime
    settings: NoticeSettings = field(default_factory=NoticeSettings)
    smtp: SmtpSettings | None = None
    lang: str = "zh"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @cached_property
    def local(self) -> datetime:
        """The clock of the run in the time zone of the cut-off."""
        return self.as_of.astimezone(self.deadline.zone)

    @property
    def sender(self) -> str:
        """The address that mails come from."""
        return self.settings.sender or NO_SENDER

    def occasion(self, period: str) -> Occasion:
        """What all mails on the period have in common."""
        return Occasion(
            period=period,
            cutoff=self.deadline.cutoff(period),
            as_of=self.local,
            lang=self.lang,
            contact=self.settings.contact,
            can_reply=bool(self.settings.sender),
        )


# ------------------------------------------------------------------------------------------------------- what is known
def read_standings(query: Query, period: str) -> dict[str, Standing]:
    """What became of every reporting unit as of the last run, by code, in the order of the register."""
    forms: dict[str, dict[str, str]] = defaultdict(dict)
    for row in query(
        "select unit_code, form, state from marts.unit_forms where period = $period order by form", {"period": period}
    ):
        forms[row["unit_code"]][row["form"]] = row["state"]
    rows = query(
        """
        select
            unit_code,
            unit_name,
            state,
            scan,
            unit_code in (
                select f.unit_code
                from core.all_findings as f
                where f.period = $period and f.counts and f.status = 'open' and f.effect = 'incomplete'
            ) as held_up,
            rows_received,
            rows_counted,
            warnings,
            on_time,
            first_complete_at,
        from marts.unit_results
        where period = $period
        order by position
        """,
        {"period": period},
    )
    return {r["unit_code"]: Standing(forms=forms[r["unit_code"]], **r) for r in rows}


def read_incoming(query: Query, period: str) -> list[Incoming]:
    """The mails of the period as of the last run, the oldest first; one that concerns several units, once for each.

    Held mails are not among them. A mail without forms is about its sender; one whose forms are all of other months
    is not of this period.
    """
    rows = query(
        """
        with submissions as (
            select distinct mail, unit_code
            from core.submissions
            where period = $period
        )
        select
            m.mail,
            coalesce(s.unit_code, m.unit_code) as unit_code,
            t.sender,
            coalesce(t.subject, '') as subject,
            coalesce(t.message_id, '') as message_id,
            coalesce(t.refs, '') as "references",
            m.received_at,
        from core.mails as m
        left join submissions as s using (mail)
        inner join staging.mails as t using (mail)
        where
            m.period = $period
            and not m.held
            and (s.mail is not null or m.mail not in (select mail from core.submissions))
        order by m.received_at, m.mail, unit_code
        """,
        {"period": period},
    )
    return [Incoming(**r) for r in rows]


def is_automatic(header: bytes) -> bool:
    """Whether a mail, by its header, was written by a machine, and must not be answered (RFC 3834, 2)."""
    top = BytesHeaderParser().parsebytes(header)

    def said(field_name: str) -> str:
        return str(top.get(field_name, "")).strip().lower()

    return (
        said("auto-submitted").partition(";")[0].strip() not in ("", "no")
        or said("precedence") in ("bulk", "junk", "list", "auto_reply")
        or said("return-path") == "<>"
        or any(field_name in top for field_name in ("x-autoreply", "x-autorespond", "list-id"))
    )


def by_machine(mail: str, archive: Path) -> bool:
    """Whether an archived mail must not be answered; one that cannot be read is not."""
    try:
        with path_of(mail, archive).open("rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError as error:
        log.warning("mail %s is not answered: %s", mail[:12], error)
        return True
    return is_automatic(re.split(rb"\r?\n\r?\n", header, maxsplit=1)[0])


# ---------------------------------------------------------------------------------------------------- what is due when
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
    is_open = deadline.window_period(as_of) == period or today <= since + timedelta(days=7)
    return "overdue" if asked or (today >= since and is_open) else None


def due_reminders(standings: Iterable[Standing], tree: Tree, period: str, slot: str) -> list[Due]:
    """A reminder to every mailbox of each unit that owes something; "" for a recipient where it has none."""
    return [
        Due("reminder", period, s.unit_code, mailbox, slot)
        for s in standings
        if s.owed
        for mailbox in _mailboxes(tree, s.unit_code)
    ]


def due_overdue(standings: Iterable[Standing], tree: Tree, period: str) -> list[Due]:
    """An overdue notice to every mailbox of each unit that owes something, and to each office the list of its own.

    The office is the nearest node above with a mailbox; where there is none, the list is the carrier's, for "".
    """
    owing = [s for s in standings if s.owed]
    notices = [Due("overdue", period, s.unit_code, mailbox) for s in owing for mailbox in _mailboxes(tree, s.unit_code)]
    lists: dict[str, list[str]] = defaultdict(list)
    for standing in owing:
        lists[office_above(tree, standing.unit_code) or tree.carrier].append(standing.unit_code)
    return notices + [
        Due("office_list", period, office, mailbox, units=tuple(units))
        for office, units in lists.items()
        for mailbox in _mailboxes(tree, office)
    ]


def office_above(tree: Tree, code: str) -> str | None:
    """The nearest node above a unit that has a mailbox."""
    above = (tree.by_code[c] for c in tree.above(code) if c != code)
    return next((node.code for node in above if node.mailboxes), None)


def _mailboxes(tree: Tree, code: str) -> tuple[str, ...]:
    return tree.by_code[code].mailboxes or ("",)


# ------------------------------------------------------------------------------------------------------ carrying it out
def send_receipts(
    room: Mailroom,
    ledger: Engine,
    period: str,
    standings: Mapping[str, Standing],
    incoming: Sequence[Incoming],
    archive: Path,
    feedback_html: Callable[[str], bytes | None] = lambda _: None,
    workbooks: Callable[[str], Sequence[Path]] = lambda _: (),
) -> list[Row]:
    """Answer the mails that are not answered yet; what became of each answer.

    `feedback_html` gives a unit's page, the body of its mail, and `workbooks` its marked workbooks, both by the
    code of the unit; without a page the mail has a short one of its own. Never raises for a mail that cannot be
    sent: it stays queued, and the next run tries again.
    """
    tree = room.register.tree(period)
    due = due_receipts(
        incoming,
        tree,
        period,
        answered=queue.answered(ledger, period),
        since=room.as_of - timedelta(days=room.settings.receipt_days),
        automatic=cache(lambda mail: by_machine(mail, archive)),
    )
    occasion = room.occasion(period)

    def compose(notice: Due) -> tuple[Letter, Files]:
        files, left_out = _within(workbooks(notice.unit_code), room.settings.attachment_bytes)
        standing = standings.get(notice.unit_code)
        page = feedback_html(notice.unit_code) if standing else None
        letter = letters.receipt(
            standing,
            tree.by_mailbox[notice.recipient].name,
            [m.received_at.astimezone(room.deadline.zone) for m in notice.mails],
            occasion,
            attached=bool(files),
            left_out=left_out,
            has_page=page is not None,
        )
        subject = notice.mails[-1].subject.strip()
        return Letter(
            reply_subject(subject) if subject else letter.subject,
            letter.text,
            letter.html if page is None else page.decode("utf-8", "replace"),
        ), files

    return _carry_out(room, ledger, period, ("receipt",), due, standings, compose)


def _within(paths: Sequence[Path], most: int) -> tuple[Files, bool]:
    """The files to attach, and whether they are left out for their size."""
    if sum(path.stat().st_size for path in paths) > most:
        return [], True
    return [(path.name, path.read_bytes()) for path in paths], False


def remind(
    room: Mailroom,
    ledger: Engine,
    period: str,
    standings: Mapping[str, Standing],
    *,
    asked: bool = True,
    dry_run: bool = False,
) -> list[Row]:
    """Remind the units that owe something, or after the cut-off tell them and their offices that they are overdue.

    Once for each of the days in the settings, whoever calls it and how often; see `slot_of` for `asked`. A dry run
    writes nothing. Never raises for a mail that cannot be sent: it stays queued, and the next call tries again.
    """
    slot = slot_of(room.deadline, period, room.as_of, room.settings, asked=asked)
    if slot is None:
        return []
    tree, occasion = room.register.tree(period), room.occasion(period)
    kinds: tuple[str, ...]
    if slot == "overdue":
        # Reminders that could not be sent are no longer due.
        kinds, due = ("reminder", "overdue", "office_list"), due_overdue(standings.values(), tree, period)
    else:
        kinds, due = ("reminder",), due_reminders(standings.values(), tree, period, slot)

    def compose(notice: Due) -> tuple[Letter, Files]:
        if notice.kind == "office_list":
            listed = [standings[code] for code in notice.units]
            mute = [s.unit_name for s in listed if not any(map(is_address, _mailboxes(tree, s.unit_code)))]
            return letters.office_list(tree.by_code[notice.unit_code].name, listed, occasion, mute), []
        standing = standings[notice.unit_code]
        if notice.kind == "reminder":
            return letters.reminder(standing, occasion), []
        office = office_above(tree, notice.unit_code)
        return letters.overdue(standing, occasion, tree.by_code[office].name if office else ""), []

    if dry_run:
        sent = {n.key: n for n in queue.notices(ledger, period, kinds)}
        return [_foreseen(d, sent.get(d.key), standings, tree) for d in due]
    return _carry_out(room, ledger, period, kinds, due, standings, compose)


def _carry_out(
    room: Mailroom,
    ledger: Engine,
    period: str,
    kinds: Collection[str],
    due: Sequence[Due],
    standings: Mapping[str, Standing],
    compose: Compose,
) -> list[Row]:
    """Queue what is due, withdraw what is not any more, and send what is queued."""
    tree = room.register.tree(period)
    entries = [_entry(d, room.sender) for d in due if is_address(d.recipient)]
    booked = queue.enqueue(ledger, period, kinds, entries, room.now())
    tidy_outbox(room.outbox)
    rows: list[Row] = []
    unreachable = ""
    with open_delivery(room.smtp, room.sender, room.outbox) as deliver:
        for number, notice in enumerate(due):
            kept = booked.get(notice.key)
            if kept is None or kept.state != "queued":
                rows.append(_foreseen(notice, kept, standings, tree))
                continue
            if not unreachable:
                try:
                    outcome, detail = _send(room, ledger, notice, kept, compose, deliver, tree)
                except Unreachable as error:
                    unreachable = str(error)
                    log.error("no mails go out: %s", unreachable)
                    waiting = [booked[d.key] for d in due[number:] if d.key in booked]
                    queue.mark_waiting(ledger, [n for n in waiting if n.state == "queued"], unreachable)
            if unreachable:
                outcome, detail = "queued", unreachable
            rows.append(_row(notice, standings, tree, outcome, detail))
    return rows


def _send(
    room: Mailroom,
    ledger: Engine,
    notice: Due,
    kept: Notice,
    compose: Compose,
    deliver: Deliver,
    tree: Tree,
) -> tuple[str, str]:
    """Send one notice and book it; outcome and detail for its row. Raises Unreachable."""
    allowed = room.settings.refusals_allowed
    try:
        letter, files = compose(notice)
        content = mail_bytes(_head(room, notice, kept, letter, tree), letter.text, letter.html, files)
    except Exception as error:  # one unit's broken page must not keep the mails of the others
        log.exception("%s cannot be written", notice.key)
        detail = f"cannot be written: {type(error).__name__}: {error}"
        return queue.mark_unsent(ledger, kept, detail, refused=False, refusals_allowed=allowed), detail
    if not queue.claim(ledger, kept, letter.subject, hashlib.sha256(content).hexdigest()):
        return "queued", "another process is sending it"
    try:
        sha256 = deliver(notice.file_name, notice.recipient, content)
    except Refused as error:
        log.warning("%s: %s", notice.key, error)
        refused = error.permanent
        return queue.mark_unsent(ledger, kept, str(error), refused=refused, refusals_allowed=allowed), str(error)
    except Unreachable as error:
        queue.mark_unsent(ledger, kept, str(error), refused=False, refusals_allowed=allowed)
        raise
    queue.mark_sent(ledger, kept, sha256, room.now())
    return "sent", ""


def _entry(notice: Due, sender: str) -> Entry:
    answered = thread(notice.mails[-1].message_id, "") if notice.mails else ()
    return Entry(
        key=notice.key,
        kind=notice.kind,
        period=notice.period,
        unit_code=notice.unit_code,
        recipient=notice.recipient,
        message_id=message_id(notice.key, sender),
        in_reply_to="".join(answered),
        mails=tuple(m.mail for m in notice.mails),
    )


def _head(room: Mailroom, notice: Due, kept: Notice, letter: Letter, tree: Tree) -> Head:
    owner = tree.by_mailbox.get(notice.recipient)
    references = thread(notice.mails[-1].message_id, notice.mails[-1].references) if notice.mails else ()
    return Head(
        sender=room.sender,
        sender_name=room.settings.sender_name,
        recipient=notice.recipient,
        recipient_name=owner.name if owner else "",
        subject=letter.subject,
        message_id=kept.message_id,
        date=room.local,
        references=references,
        reply_to=room.settings.reply_to,
        automatic="auto-replied" if notice.mails else "auto-generated",
    )


# ------------------------------------------------------------------------------------------------------ for people
def _row(notice: Due, standings: Mapping[str, Standing], tree: Tree, outcome: str, detail: str = "") -> Row:
    standing = standings.get(notice.unit_code)
    owed = ", ".join(f"{item} {state}" for item, state in standing.owed) if standing else ", ".join(notice.units)
    name = tree.by_code[notice.unit_code].name
    return Row(notice.kind, notice.unit_code, name, notice.recipient, owed, outcome, detail)


def _foreseen(notice: Due, kept: Notice | None, standings: Mapping[str, Standing], tree: Tree) -> Row:
    """The row of a notice that is not sent now."""
    if not notice.recipient:
        outcome, detail = "unaddressed", "no mailbox on the register"
    elif not is_address(notice.recipient):
        outcome, detail = "unaddressed", "the mailbox on the register is no address"
    elif kept is None or kept.state in ("queued", "withdrawn"):
        outcome, detail = "due", kept.last_error if kept else ""
    elif kept.state == "sent" and kept.sent_at is not None:
        outcome, detail = "before", f"sent {kept.sent_at:%Y-%m-%dT%H:%M}Z"
    else:
        outcome, detail = "before", f"given up: {kept.last_error}"
    return _row(notice, standings, tree, outcome, detail)


def summary(rows: Iterable[Row]) -> str:
    """What became of notices, on one line: `12 sent, 2 queued (mx.example: 451 try later), 1 unaddressed`."""
    told = []
    by_outcome: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_outcome[row.outcome].append(row)
    for outcome in ("sent", "due", "queued", "failed", "unaddressed"):
        found = by_outcome[outcome]
        if found:
            reason = next((r.detail for r in found if r.detail), "")
            told.append(f"{len(found)} {outcome}" + (f" ({reason})" if reason else ""))
    return ", ".join(told) or "none due"
