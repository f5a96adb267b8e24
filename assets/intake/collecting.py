"""Collecting: the drop folder, and the mailbox where one is set, into the archive and the receipts of staging.

Belongs here: which sources a home has, and their order. Does not: how a source is read (mail/sources.py).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import replace
from functools import partial

from assets.instance.session import Session
from assets.intake import staging
from assets.intake.mail import seen
from assets.intake.mail.sources import Collected, MailboxError, collect_folder, collect_imap

log = logging.getLogger(__name__)


def collect(session: Session) -> list[Collected]:
    """Collect from the drop folder and from the mailbox, where one is set; what each had.

    A mailbox that cannot be reached stops nothing: the run goes on with what is there (system.md, Mail), and the next
    one collects the rest.
    """
    home, settings = session.home, session.settings
    connection = seen.open_sightings(home.sightings, home.archive)
    try:
        inbox = session.source or home.inbox
        look = partial(
            collect_folder,
            inbox,
            home.archive,
            connection,
            settle_seconds=settings.settle_seconds,
            mail_bytes=settings.limits.mail_bytes,
            clock=session.as_of,
        )
        folder = look()
        if folder.waiting:
            # Just dropped is not yet still being written: look once more when it would have settled.
            time.sleep(settings.settle_seconds)
            again = look()
            folder = replace(again, new=(*folder.new, *again.new))
        mailbox = _collect_mailbox(session, connection) if settings.imap and session.source is None else None
        staging.put_receipts(session.warehouse, seen.mails(connection))
        state = "none" if mailbox is None else "unreachable" if mailbox.unreachable else "ok"
        staging.put_collected(session.warehouse, {"imap": state, "folder": "ok"})
    finally:
        connection.close()
    return [folder] if mailbox is None else [folder, mailbox]


def _collect_mailbox(session: Session, sightings: sqlite3.Connection) -> Collected:
    settings = session.settings
    assert settings.imap is not None
    bytes_, clock = settings.limits.mail_bytes, session.as_of
    try:
        return collect_imap(settings.imap, session.home.archive, sightings, mail_bytes=bytes_, clock=clock)
    except MailboxError as error:
        log.error("the mailbox is not collected, the run goes on without it: %s", error)
        return Collected(0, (), unreachable=str(error))
