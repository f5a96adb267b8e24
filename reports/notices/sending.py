"""Mails to units and offices carried out: what is due is queued, written, sent and booked, each notice once.

Belongs here: the order of those steps, and what is told of them. Does not: which notices are due
(reports/notices/due.py), their words (reports/notices/letters.py), the mail itself and the server
(reports/notices/smtp.py), the states that a notice goes through, and what a kill between two of them means
(assets/ledger/queue.py).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, partial
from pathlib import Path
from queue import SimpleQueue

from sqlalchemy import Engine

from assets.instance.limits import MIB
from assets.instance.periods import Deadline
from assets.instance.register import Register, Tree
from assets.instance.settings import NoticeSettings, SmtpSettings, is_address
from assets.ledger import queue
from assets.ledger.models import Notice
from assets.ledger.queue import Entry
from reports.notices import letters
from reports.notices.composing import Compose, Draft, Unwritten, Written, plain, receipt, write_all
from reports.notices.due import (
    Due,
    Incoming,
    by_machine,
    due_overdue,
    due_receipts,
    due_reminders,
    mailboxes_of,
    office_above,
)
from reports.notices.letters import Occasion, Standing
from reports.notices.mime import Head, message_id, thread
from reports.notices.outbox import AT_ONCE, tidy_outbox
from reports.notices.slots import slot_of
from reports.notices.smtp import Deliver, Refused, Unreachable, open_delivery

log = logging.getLogger("sixth.mailroom")

NO_SENDER = "sixth@localhost"
QUEUED = "queued"
MOST_BYTES = 16 * MIB  # of mails that are held to go out together


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
    """All that writing to units depends on. `as_of` is the clock of the run, `now` the real one, `begun` that of the
    home's first run (all aware).
    """

    register: Register
    deadline: Deadline
    outbox: Path
    as_of: datetime
    settings: NoticeSettings = field(default_factory=NoticeSettings)
    smtp: SmtpSettings | None = None
    lang: str = "zh"
    begun: datetime | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @cached_property
    def local(self) -> datetime:
        """The clock of the run in the time zone of the cut-off."""
        return self.as_of.astimezone(self.deadline.zone)

    @property
    def sender(self) -> str:
        """The address that mails come from."""
        return self.settings.sender or NO_SENDER

    def occasion(self, period: str, own: datetime | None = None) -> Occasion:
        """What all mails on the period have in common, of units with the same cut-off: their `own`, or the general."""
        return Occasion(
            period=period,
            cutoff=self.deadline.put_off(period, own).cutoff(period),
            as_of=self.local,
            lang=self.lang,
            contact=self.settings.contact,
            can_reply=bool(self.settings.sender),
        )


def send_receipts(
    room: Mailroom,
    ledger: Engine,
    period: str,
    standings: Mapping[str, Standing],
    incoming: Sequence[Incoming],
    archive: Path,
    feedback: Path | None = None,
) -> list[Row]:
    """Answer the mails that are not answered yet; what became of each answer.

    `feedback` has a folder for each unit, with its page and marked workbooks. Never raises for a mail that cannot be
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

    def composing(notice: Due) -> Compose:
        standing = standings.get(notice.unit_code)
        return partial(
            receipt,
            standing,
            tree.by_mailbox[notice.recipient].name,
            [m.received_at.astimezone(room.deadline.zone) for m in notice.mails],
            room.occasion(period, standing.cutoff if standing else None),
            notice.mails[-1].subject.strip(),
            feedback / notice.unit_code if feedback else None,
            room.settings.attachment_bytes,
        )

    return carry_out(room, ledger, period, ("receipt",), due, standings, composing)


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
    tree = room.register.tree(period)
    due: list[Due] = []
    slots: set[str] = set()
    for own, group in _by_cutoff(standings.values()).items():
        deadline = room.deadline.put_off(period, own)
        slot = slot_of(deadline, period, room.as_of, room.settings, asked=asked, begun=room.begun)
        mark = f"{own:%Y%m%dT%H%M}" if own else ""
        if slot == "overdue":
            due += due_overdue(group, tree, period, mark)
        elif slot is not None:
            due += due_reminders(group, tree, period, f"{slot}-{mark}" if mark else slot)
        if slot is not None:
            slots.add(slot)
    if not slots:
        return []
    # Once any is overdue, reminders that could not be sent are no longer due, but to units with a later cut-off.
    kinds = ("reminder", "overdue", "office_list") if "overdue" in slots else ("reminder",)

    def composing(notice: Due) -> Compose:
        if notice.kind == "office_list":
            listed = [standings[code] for code in notice.units]
            mute = [s.unit_name for s in listed if not any(map(is_address, mailboxes_of(tree, s.unit_code)))]
            occasion = room.occasion(period, listed[0].cutoff)
            return partial(plain, letters.office_list, tree.by_code[notice.unit_code].name, listed, occasion, mute)
        standing = standings[notice.unit_code]
        occasion = room.occasion(period, standing.cutoff)
        if notice.kind == "reminder":
            return partial(plain, letters.reminder, standing, occasion)
        office = office_above(tree, notice.unit_code)
        return partial(plain, letters.overdue, standing, occasion, tree.by_code[office].name if office else "")

    if dry_run:
        sent = {n.key: n for n in queue.notices(ledger, period, kinds)}
        return [_foreseen(d, sent.get(d.key), standings, tree) for d in due]
    return carry_out(room, ledger, period, kinds, due, standings, composing)


def _by_cutoff(standings: Iterable[Standing]) -> dict[datetime | None, list[Standing]]:
    """Units by their own cut-off, None being the general one, which goes first."""
    groups: dict[datetime | None, list[Standing]] = {None: []}
    for standing in standings:
        groups.setdefault(standing.cutoff, []).append(standing)
    return groups


def carry_out(
    room: Mailroom,
    ledger: Engine,
    period: str,
    kinds: Collection[str],
    due: Sequence[Due],
    standings: Mapping[str, Standing],
    composing: Callable[[Due], Compose],
) -> list[Row]:
    """Queue what is due of these kinds, withdraw what is not any more, and send what is queued; what became of each."""
    tree = room.register.tree(period)
    entries = [_entry(d, room.sender) for d in due if is_address(d.recipient)]
    booked = queue.enqueue(ledger, period, kinds, entries, room.now())
    tidy_outbox(room.outbox)
    queued = [(n, d, booked[d.key]) for n, d in enumerate(due) if d.key in booked and booked[d.key].state == "queued"]
    drafts = [Draft(n, d.file_name, _head(room, d, kept, tree), composing(d)) for n, d, kept in queued]
    outcomes, unreachable = _send_all(room, ledger, drafts, {n: kept for n, _, kept in queued})
    if unreachable:
        queue.mark_waiting(ledger, [kept for n, _, kept in queued if n not in outcomes], unreachable)
    rows = []
    for number, notice in enumerate(due):
        kept = booked.get(notice.key)
        if kept is None or kept.state != "queued":
            rows.append(_foreseen(notice, kept, standings, tree))
        else:
            rows.append(_row(notice, standings, tree, *outcomes.get(number, (QUEUED, unreachable))))
    return rows


def _send_all(
    room: Mailroom, ledger: Engine, drafts: Sequence[Draft], kept: Mapping[int, Notice]
) -> tuple[dict[int, tuple[str, str]], str]:
    """Write, send and book mails; outcome and detail for their rows, by number, and why no more of them went out."""
    outcomes: dict[int, tuple[str, str]] = {}
    waiting: list[_Prepared] = []
    with _lines_of(room) as lines, closing(write_all(drafts)) as written, ThreadPoolExecutor(len(lines)) as crew:
        mails = _Underway(room, ledger, lines, crew, outcomes)
        for draft, made in written:
            if isinstance(made, Unwritten):
                outcomes[draft.number] = _put_off(room, ledger, kept[draft.number], made)
                continue
            waiting.append(_Prepared(draft.number, kept[draft.number], made))
            size = sum(len(p.made.mail.content) for p in waiting)
            # A server answers mail by mail, and what it said of one must be booked before the next.
            if room.smtp is not None or len(waiting) >= AT_ONCE or size >= MOST_BYTES:
                mails.begin(waiting)
                waiting = []
            if mails.unreachable:
                break
        if waiting and not mails.unreachable:
            mails.begin(waiting)
        mails.end()
    if mails.unreachable:
        log.error("no mails go out: %s", mails.unreachable)
    return outcomes, mails.unreachable


@contextmanager
def _lines_of(room: Mailroom) -> Iterator[list[Deliver]]:
    """The ways out: as many connections as the settings allow, which share the pace; without a server, the outbox."""
    smtp = room.smtp
    if smtp is not None:
        smtp = replace(smtp, mails_per_minute=smtp.mails_per_minute / smtp.connections)
    with ExitStack() as opened:
        many = range(smtp.connections if smtp else 1)
        yield [opened.enter_context(open_delivery(smtp, room.sender, room.outbox)) for _ in many]


class _Underway:
    """Mails on their way, no more at once than there are lines, each booked as soon as it is out."""

    def __init__(
        self,
        room: Mailroom,
        ledger: Engine,
        lines: Sequence[Deliver],
        crew: Executor,
        outcomes: dict[int, tuple[str, str]],
    ) -> None:
        self.room, self.ledger, self.crew, self.outcomes = room, ledger, crew, outcomes
        self.idle: SimpleQueue[Deliver] = SimpleQueue()
        for line in lines:
            self.idle.put(line)
        self.most = len(lines)
        self.sending: set[Future[dict[int, tuple[str, str]]]] = set()
        self.unreachable = ""

    def begin(self, prepared: Sequence[_Prepared]) -> None:
        """Hand mails to a line, and wait until one is free for the next."""
        self.sending.add(self.crew.submit(self._send, prepared))
        self._settle(self.most - 1)

    def end(self) -> None:
        """Wait for the rest."""
        self._settle(0)

    def _settle(self, most: int) -> None:
        while len(self.sending) > most:
            done, self.sending = wait(self.sending, return_when=FIRST_COMPLETED)
            for sent in done:
                try:
                    self.outcomes |= sent.result()
                except Unreachable as error:
                    self.unreachable = self.unreachable or str(error)

    def _send(self, prepared: Sequence[_Prepared]) -> dict[int, tuple[str, str]]:
        deliver = self.idle.get()
        try:
            return _send(self.room, self.ledger, prepared, deliver)
        finally:
            self.idle.put(deliver)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A notice with its mail; `number` is its place among those due."""

    number: int
    kept: Notice
    made: Written


def _put_off(room: Mailroom, ledger: Engine, kept: Notice, made: Unwritten) -> tuple[str, str]:
    """Book that a mail cannot be written; outcome and detail."""
    log.error("%s cannot be written: %s", kept.key, made.trace, extra={"unit": kept.unit_code})
    detail = f"cannot be written: {made.detail}"
    allowed = room.settings.refusals_allowed
    return queue.mark_unsent(ledger, kept, detail, refused=False, refusals_allowed=allowed), detail


def _send(
    room: Mailroom, ledger: Engine, prepared: Sequence[_Prepared], deliver: Deliver
) -> dict[int, tuple[str, str]]:
    """Send notices and book them; outcome and detail for their rows, by number. Raises Unreachable."""
    ours = queue.claim(ledger, [queue.Attempt(p.kept, p.made.subject, p.made.mail.sha256) for p in prepared])
    told = {p.number: (QUEUED, "another process is sending it") for p in prepared}
    claimed = [p for p in prepared if p.kept.id in ours]
    if not claimed:
        return told

    def unsent(error: Refused | Unreachable, *, refused: bool) -> None:
        allowed, said = room.settings.refusals_allowed, str(error)
        for p in claimed:
            told[p.number] = queue.mark_unsent(ledger, p.kept, said, refused=refused, refusals_allowed=allowed), said

    try:
        sha256s = deliver([p.made.mail for p in claimed])
    except Refused as error:
        log.warning("%s: %s", claimed[0].kept.key, error, extra={"unit": claimed[0].kept.unit_code})
        unsent(error, refused=error.permanent)
        return told
    except Unreachable as error:
        unsent(error, refused=False)
        raise
    queue.mark_sent(ledger, [(p.kept, sha256) for p, sha256 in zip(claimed, sha256s, strict=True)], room.now())
    return told | {p.number: ("sent", "") for p in claimed}


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


def _head(room: Mailroom, notice: Due, kept: Notice, tree: Tree) -> Head:
    owner = tree.by_mailbox.get(notice.recipient)
    references = thread(notice.mails[-1].message_id, notice.mails[-1].references) if notice.mails else ()
    return Head(
        sender=room.sender,
        sender_name=room.settings.sender_name,
        recipient=notice.recipient,
        recipient_name=notice.name or (owner.name if owner else ""),
        subject="",
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
