"""What units and readers are told: receipts, reminders and reports of a run, `sixth remind`, the blank forms.

Belongs here: putting a session, the ledger and the mailroom together. Does not: what is due (reports/notices/due.py),
how it is sent (reports/notices/sending.py, reports/notices/smtp.py), what a blank form looks like
(reports/blank/forms.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assets.instance.clock import first_run, now
from assets.instance.home import Home
from assets.instance.periods import is_period, preceding
from assets.instance.progress import reporter
from assets.instance.session import Session, open_for_reading
from assets.month.gate import require_settled
from assets.month.settle import as_indexed
from assets.month.work import Work, made_by

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from assets.instance.recipients import Recipient
    from assets.instance.register import Register
    from reports.notices.sending import Mailroom, Row


class UnknownUnit(Exception):
    """A unit that was named does not report in the period."""

    exit_status = 2


def feedback_folder(session: Session, period: str) -> Path:
    """Where the answers to the units of a period lie."""
    return session.home.published / period / "feedback"


@contextmanager
def _mailroom(session: Session, as_of: datetime, register: Register | None = None) -> Iterator[tuple[Mailroom, Engine]]:
    """The mailroom and the open ledger of a home; `register`: that of a span, where it is about one."""
    from assets.ledger.opening import open_ledger  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from reports.notices.sending import Mailroom  # noqa: PLC0415

    settings = session.settings
    room = Mailroom(
        register or session.register,
        session.deadline,
        session.home.outbox,
        as_of,
        settings.notices,
        settings.smtp,
        session.lang,
        first_run(session.home),
    )
    with open_ledger(session.home.warehouse, settings.ledger_url) as ledger:
        yield room, ledger


def tell_units(session: Session, period: str, *, reminders: bool = True) -> list[Row]:
    """Send the receipts that a run owes, and `reminders` or overdue notices on their days; what became of each.

    Raises NotSettled.
    """
    from reports.notices import sending  # noqa: PLC0415
    from reports.notices.due import read_incoming, read_standings  # noqa: PLC0415

    work = session.once(as_indexed)
    require_settled(work, period)
    query = session.warehouse.rows
    standings, incoming = read_standings(query, period), read_incoming(query, period)
    with _mailroom(session, work.as_of) as (room, ledger):
        folder, archive = feedback_folder(session, period), session.home.archive
        sent = sending.send_receipts(room, ledger, period, standings, incoming, archive, folder)
        return [*sent, *(sending.remind(room, ledger, period, standings, asked=False) if reminders else ())]


def tell_readers(session: Session, period: str) -> list[Row]:
    """Mail the version of each scope's report of a month that stands to its readers (register/recipients.csv), each
    version once; what became of each mail. Raises NotSettled, RegisterError.
    """
    work = session.once(as_indexed)
    require_settled(work, period)
    return mail_reports(session, period, work)


def _subscribed(session: Session, work: Work, period: str, on_file: Sequence[Recipient]) -> list[Recipient]:
    """Who asked for reports on the portal by the clock of the run, but for mailboxes that get them by the file."""
    from assets.ledger.opening import open_reader  # noqa: PLC0415
    from assets.ledger.subscriptions import subscribed  # noqa: PLC0415

    settings = session.settings
    with open_reader(session.home.warehouse, settings.ledger_url) as ledger:
        encrypted = bool(settings.notices.zip_password_env)
        found = subscribed(ledger, work.register.tree(period), work.as_of, encrypted=encrypted)
    there = {(recipient.scope, recipient.mailbox) for recipient in on_file}
    return [recipient for recipient in found if (recipient.scope, recipient.mailbox) not in there]


def mail_reports(session: Session, period: str, work: Work) -> list[Row]:
    """Mail the versions of a month or a span that stand to their readers; `work`: of a span, that of its own tables.

    Departments lead by the month: who reads a cut alone gets nothing of a span. Raises RegisterError.
    """
    from assets.instance.recipients import load_recipients, without_cuts  # noqa: PLC0415

    recipients = load_recipients(session.home.register, session.register, session.catalogue.leads)
    if not is_period(period):
        recipients = without_cuts(recipients)
    recipients = (*recipients, *_subscribed(session, work, period, recipients))
    if not recipients:
        return []
    from reports.forms.docx import render_docx  # noqa: PLC0415 - the cuts of departments alone are made here
    from reports.notices.delivering import deliver_reports  # noqa: PLC0415
    from reports.publishing.versions import header_of, latest_version  # noqa: PLC0415
    from reports.report.documents import NoSuchDocument, document, subject_of  # noqa: PLC0415

    published = session.home.published / period

    @cache  # once for all its readers
    def cut(scope: str, lead: str) -> bytes | None:
        subject = subject_of(work.register.tree(period), scope)
        header = header_of(published / scope / str(latest_version(published / scope)), subject.name, work.software)
        parameters = work.parameters(period)
        try:
            made = document("duties", subject, header, work.warehouse, work.catalogue, parameters, lead)
        except NoSuchDocument:
            return None
        return render_docx(made)

    with _mailroom(session, work.as_of, work.register) as (room, ledger):
        return deliver_reports(room, ledger, period, recipients, published, cut)


def remind_units(home: Home, period: str | None, clock: datetime, *, dry_run: bool, lang: str) -> tuple[list[Row], str]:
    """`sixth remind`: rows for people, and a line that sums them up. Without a period, the one whose window is open."""
    from reports.notices import sending  # noqa: PLC0415
    from reports.notices.due import read_standings  # noqa: PLC0415

    with open_for_reading(home, clock, lang) as session:
        chosen = period or preceding(f"{clock.astimezone(session.deadline.zone):%Y-%m}")
        warehouse = session.warehouse
        if not (warehouse.is_made_by(made_by(session.catalogue)) and warehouse.exists("marts.unit_results")):
            return [], f"no run has looked at {chosen} yet (`sixth run --period {chosen}`)"
        if not warehouse.value("select count(*) from core.settled where period = $period", {"period": chosen}):
            return [], f"the last run on {chosen} was cut off; nobody is told anything (`sixth run --period {chosen}`)"
        standings = read_standings(session.warehouse.rows, chosen)
        with _mailroom(session, clock) as (room, ledger):
            rows = sending.remind(room, ledger, chosen, standings, dry_run=dry_run)
    return rows, f"{chosen}: {sending.summary(rows)}"


def blank_forms_for(home: Home, unit: str, period: str, out: Path, lang: str) -> Iterator[Path]:
    """`sixth template`: write the blank forms of one unit, or of all without a code; the paths, unit by unit.

    Raises UnknownUnit where no unit of that code reports in the period.
    """
    from reports.blank.forms import known_before, write_templates  # noqa: PLC0415

    with open_for_reading(home, now(), lang) as session:
        tree = session.register.tree(period)
        units = [u for u in tree.reporting if not unit or u.code == unit]
        if not units:
            raise UnknownUnit(f"--unit {unit}: no unit of that code reports for {period}")
        before = known_before(session.warehouse, period)
        mailbox = session.settings.mailbox
        catalogue, register, deadline = session.catalogue, session.register, session.deadline
    written = write_templates(
        period, units, out.resolve(), catalogue, register, before, deadline=deadline, mailbox=mailbox, lang=lang
    )
    for done, (_, paths) in enumerate(written, 1):
        reporter("writing forms", done, len(units))
        yield from paths
