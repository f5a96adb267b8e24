"""Notices written out as mails: letter, page and workbooks put together, in worker processes where there are many.

Belongs here: what a mail is made of, and making its bytes of it. Does not: who gets one and when
(reports/notices/due.py), the words (reports/notices/letters.py), MIME (reports/notices/smtp.py), sending and booking
(reports/notices/sending.py).
"""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from assets.instance.limits import MIB
from assets.instance.workers import Died, run_isolated
from reports.feedback.answer import told_on_page
from reports.notices import letters
from reports.notices.letters import Letter, Occasion, Standing
from reports.notices.mime import Head, mail_bytes, reply_subject
from reports.notices.outbox import Outgoing

WORTH_WORKERS = 200  # so many mails take longer to write than two processes take to begin
BATCH = 16  # mails handed to a worker at a time
SECONDS = 120
MEMORY = 1024 * MIB  # of a worker
Files = list[tuple[str, bytes]]
Compose = Callable[[], tuple[Letter, Files]]  # functools.partial of a function of a module, which can be pickled


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail to be written: `number` is its place among those due, `head` has no subject yet."""

    number: int
    file_name: str
    head: Head
    compose: Compose


@dataclass(frozen=True, slots=True)
class Written:
    """A mail that was written."""

    subject: str
    mail: Outgoing


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Why a mail cannot be written: in a line, and in full."""

    detail: str
    trace: str


def write_all(drafts: Sequence[Draft]) -> Generator[tuple[Draft, Written | Unwritten]]:
    """Every draft with its mail, in their order, or with what keeps it from being written: one unit's broken page must
    not keep the mails of the others.
    """
    if len(drafts) < WORTH_WORKERS:
        yield from ((draft, _write(draft)) for draft in drafts)
        return
    workers = os.cpu_count() or 1
    for draft, outcome in run_isolated(
        _write, drafts, workers=workers, batch=BATCH, seconds_per_task=SECONDS, memory_bytes=MEMORY
    ):
        yield draft, Unwritten(outcome.reason, outcome.detail) if isinstance(outcome, Died) else outcome


def _write(draft: Draft) -> Written | Unwritten:
    try:
        letter, files = draft.compose()
        content = mail_bytes(replace(draft.head, subject=letter.subject), letter.text, letter.html, files)
    except Exception as error:
        return Unwritten(f"{type(error).__name__}: {error}", traceback.format_exc())
    digest = hashlib.sha256(content).hexdigest()
    return Written(letter.subject, Outgoing(draft.file_name, draft.head.recipient, content, digest))


# ---------------------------------------------------------------------------------------------------- what is written
def receipt(
    standing: Standing | None,
    addressee: str,
    received_at: Sequence[datetime],
    occasion: Occasion,
    subject: str,
    folder: Path | None,
    attachment_bytes: int,
) -> tuple[Letter, Files]:
    """The answer to mails (reports.notices.letters.receipt), of which the last had this subject.

    `folder` is that of the unit's answer: its page is the body of the mail, and its marked workbooks go with it, as
    far as they are no larger than `attachment_bytes`. Without a page the mail has a short one of its own.
    """
    files, left_out = _within(_workbooks(folder), attachment_bytes)
    page = _page(folder) if standing else None
    letter = letters.receipt(
        standing,
        addressee,
        received_at,
        occasion,
        attached=bool(files),
        left_out=left_out,
        has_page=page is not None,
        as_page=page is None,
        from_page=told_on_page(page, occasion.lang) if page else (),
    )
    return Letter(
        reply_subject(subject) if subject else letter.subject,
        letter.text,
        letter.html if page is None else page,
    ), files


def plain(letter: Callable[..., Letter], *arguments: object) -> tuple[Letter, Files]:
    """A letter of reports.notices.letters, with nothing attached."""
    return letter(*arguments), []


def _page(folder: Path | None) -> str | None:
    path = folder / "feedback.html" if folder else None
    return path.read_bytes().decode("utf-8", "replace") if path and path.exists() else None


def _workbooks(folder: Path | None) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if ".xls" in path.name) if folder else []
    except FileNotFoundError:
        return []


def _within(paths: Sequence[Path], most: int) -> tuple[Files, bool]:
    """The files to attach, and whether they are left out for their size."""
    if sum(path.stat().st_size for path in paths) > most:
        return [], True
    return [(path.name, path.read_bytes()) for path in paths], False
