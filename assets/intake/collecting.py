"""Collecting: the mailbox, where one is set, and the drop folder, into the archive and the receipts of staging.

Belongs here: which sources a home has, and their order. Does not: how a source is read (mail/sources.py).
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from assets.instance.session import Session
from assets.intake import staging
from assets.intake.mail import seen
from assets.intake.mail.sources import Collected, collect_folder, collect_imap


def collect(session: Session) -> list[Collected]:
    """Collect from the mailbox, where one is set, and from the drop folder; what each had."""
    home, settings = session.home, session.settings
    connection = seen.open_sightings(home.warehouse / "sightings.sqlite", home.archive)
    try:
        collected = []
        if settings.imap and session.source is None:
            collected.append(
                collect_imap(
                    settings.imap, home.archive, connection, mail_bytes=settings.limits.mail_bytes, clock=session.as_of
                )
            )
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
        collected.append(folder)
        staging.put_receipts(session.warehouse, seen.mails(connection))
        staging.put_collected(session.warehouse, {"imap": "ok" if len(collected) > 1 else "none", "folder": "ok"})
    finally:
        connection.close()
    return collected
