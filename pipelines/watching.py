"""What operators are to be told of a home that runs by itself: found by looking, without opening the warehouse.

Belongs here: plain functions of the home, its settings, the clock, and what the mail servers say. Does not: the words
(reports/notices/operators.py), when it is looked (sensors.py), looking at everything (doctor.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from assets.instance.clock import first_run, last_run
from assets.instance.periods import is_period, parse_time
from assets.instance.settings import ImapSettings, SmtpSettings, briefly
from assets.intake.mail.seen import reading
from assets.intake.mail.sources import MailboxError, certificate_of_mailbox
from pipelines.due_runs import Asked, without_deadline_report
from reports.notices.operators import Trouble
from reports.notices.smtp import Unreachable, certificate_of_server
from reports.publishing.versions import latest_version

Values = dict[str, str | datetime]
GIB = 2**30
LAST_WARNING_DAYS = 3
HELD_FOR = timedelta(days=1)
MAIL_DIGITS = 12  # of a mail's sha256, by which commands know it


def late_reports(of: Asked, now: datetime) -> Iterator[Trouble]:
    """The deadline reports that are not out at the time (06:00) up to which they wait for the mailbox, day by day."""
    for period in without_deadline_report(of, now):
        if now >= of.deadline.publish_anyway(period):
            values: Values = {"cutoff": of.deadline.cutoff(period), "at": now.astimezone(of.deadline.zone)}
            yield Trouble("late", now.astimezone(of.deadline.zone).date(), period, values=values)


def silence(of: Asked, now: datetime) -> Iterator[Trouble]:
    """No new mail for hours, as of the last collecting, in the days before a cut-off, while units owe something."""
    period = of.deadline.window_period(now)
    cutoff, last = of.deadline.cutoff(period), last_run(of.home)
    busy_from = cutoff - timedelta(days=max(of.settings.notices.reminder_days, default=0))
    if last is None or not busy_from <= now < cutoff or not busy_from <= last or _nobody_owes(of, period):
        return
    newest = _last_mail(of) or first_run(of.home)
    hours = of.settings.operators.silent_hours
    if newest is not None and last - newest >= timedelta(hours=hours):
        values: Values = {"hours": f"{hours:g}", "last": newest.astimezone(of.deadline.zone), "cutoff": cutoff}
        yield Trouble("silent", now.astimezone(of.deadline.zone).date(), period, values=values)


def _nobody_owes(of: Asked, period: str) -> bool:
    folder = of.home.published / period / of.register.tree(period).carrier
    version = latest_version(folder)
    if version is None:
        return False
    units = json.loads((folder / version / "summary.json").read_text(encoding="utf-8"))["units"]
    return bool(units["expected"] == units["complete_on_time"] + units["complete_late"])


def _last_mail(of: Asked) -> datetime | None:
    """When a mail was last seen for the first time."""
    with reading(of.home.sightings) as sightings:
        row = sightings.execute("select max(seen_at) from sightings").fetchone() if sightings else None
    return parse_time(row[0]) if row and row[0] else None


def held_mails(of: Asked, now: datetime) -> Iterator[Trouble]:
    """Mails that the reports as they stand know as held, a day or longer: told day by day until a steward gives them to
    a unit.
    """
    held: dict[str, datetime] = {}
    for folder in sorted(of.home.published.glob("*")):
        if not is_period(folder.name):
            continue
        place = folder / of.register.tree(folder.name).carrier
        if version := latest_version(place):
            manifest = json.loads((place / version / "manifest.json").read_text(encoding="utf-8"))
            held |= {m["sha256"]: parse_time(m["received_at"]) for m in manifest["mails"] if not m["unit"]}
    waiting = sorted((at.astimezone(of.deadline.zone), mail) for mail, at in held.items() if now - at >= HELD_FOR)
    if waiting:
        lines = [f"{mail[:MAIL_DIGITS]}  {at:%Y-%m-%d %H:%M}" for at, mail in waiting]
        values: Values = {"count": str(len(waiting)), "mails": "\n".join(lines)}
        yield Trouble("held", now.astimezone(of.deadline.zone).date(), values=values)


def full_disk(of: Asked, now: datetime) -> Iterator[Trouble]:
    """Less free space than the settings want."""
    free, least = shutil.disk_usage(of.home.root).free / GIB, of.settings.operators.least_free_gib
    if free < least:
        values = {"free": f"{free:.1f}", "least": f"{least:g}"}
        yield Trouble("disk", now.astimezone(of.deadline.zone).date(), values=values)


def ending_passwords(of: Asked, now: datetime) -> Iterator[Trouble]:
    """Passwords whose end, by the settings, is near: told days before, and once more when it is."""
    today = now.astimezone(of.deadline.zone).date()
    for section, server in _servers(of):
        if server.password_until is not None and (mark := _mark(of, server.password_until - today)):
            values = {"host": server.host, "section": section, "ends": server.password_until.isoformat()}
            yield Trouble("password", server.password_until, step=f"{section}-{mark}", values=values)


def ending_certificates(of: Asked, now: datetime) -> Iterator[Trouble]:
    """Certificates of the mailbox and the mail server that end soon; servers that do not answer are told otherwise."""
    for section, server in _servers(of):
        try:
            ends = _certificate(server)
        except (MailboxError, Unreachable):
            continue
        if ends is not None and (mark := _mark(of, ends - now)):
            values: Values = {"host": server.host, "section": section, "ends": ends.astimezone(of.deadline.zone)}
            yield Trouble("certificate", ends.date(), step=f"{section}-{mark}", values=values)


def _servers(of: Asked) -> Sequence[tuple[str, ImapSettings | SmtpSettings]]:
    return [(name, s) for name, s in (("imap", of.settings.imap), ("smtp", of.settings.smtp)) if s is not None]


def _certificate(server: ImapSettings | SmtpSettings) -> datetime | None:
    if isinstance(server, ImapSettings):
        return certificate_of_mailbox(briefly(server))
    return certificate_of_server(briefly(server))


def _mark(of: Asked, left: timedelta) -> int | None:
    """The last of the days before an end on which it is told that is reached."""
    marks = (of.settings.operators.warn_days, LAST_WARNING_DAYS)
    return min((m for m in marks if left <= timedelta(days=m)), default=None)


def down_mailbox(of: Asked, now: datetime, since: datetime, error: str) -> Iterator[Trouble]:
    """A mailbox that has not answered for as long as the settings allow."""
    settings = of.settings
    if settings.imap and now - since >= timedelta(minutes=settings.operators.mailbox_minutes):
        values: Values = {"host": settings.imap.host, "since": since.astimezone(of.deadline.zone), "error": error}
        yield Trouble("mailbox", now.astimezone(of.deadline.zone).date(), values=values)
