"""That a run would find nothing to be done: known from what the last one left, before anything heavy is loaded.

A run that leaves nothing to the next writes down on what it rested, in which state it left the home, and until when
nothing changes by the clock alone (ending.py). While all of that holds, no mail has come and no decision was taken, a
run of the same month would leave the home as it is. Where anything is not known for certain a run is to look.

Belongs here: what is written down, and a home held against it. Does not: writing it (ending.py), what `sixth run` says
(pipelines/month_run.py). Neither Dagster nor polars nor DuckDB is imported by this module or by what it imports.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.instance.clock import booked
from assets.instance.home import Home
from assets.instance.inputs import inputs
from assets.instance.periods import Deadline
from assets.instance.settings import ImapSettings, Settings, briefly
from assets.intake.mail import receipts
from assets.intake.mail.seen import reading
from assets.intake.mail.sources import MailboxError, collected_up_to, look_into, mailbox_state
from expectations.secrets import hidden
from reports.notices.slots import slot_of


@dataclass(frozen=True, slots=True)
class Held:
    """A mail that nobody could be found for: its sha256, when it came (ISO 8601), and its sender, secrets hidden."""

    mail: str
    received_at: str
    sender: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Held:
        """That of a row of settled/held_mails."""
        return cls(row["mail"], row["received_at"].isoformat(), hidden(row["sender"]))


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run left: moments are ISO 8601, digests hexadecimal.

    `as_of` is its clock, `until` the first moment at which something changes by itself, "" for none. `inputs`: what
    it rested on; `state`: what it left; `said`: what the ledger said to it; `notices`: how many there are, and
    queued; `cutoff` that of the month, and `own` those of units. `edits`: whether it told of edits of the register.
    """

    period: str
    as_of: str
    lang: str
    earlier: bool
    until: str
    inputs: str
    state: str
    said: str
    notices: tuple[int, int]
    cutoff: str
    own: tuple[str, ...]
    held: tuple[Held, ...]
    edits: bool

    @classmethod
    def read(cls, home: Home) -> Ended | None:
        """As the last run wrote it; None where it left something to be done, or has not ended."""
        try:
            told = json.loads(home.ended.read_text(encoding="utf-8"))
            held = tuple(Held(**mail) for mail in told.pop("held"))
            return cls(**{**told, "notices": tuple(told["notices"]), "own": tuple(told["own"]), "held": held})
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # of other software, too: a run is to look
            return None

    def written(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing to be done, and what a run tells all the same: held mails, whether edits of the register would change
    closed months, and files in the drop folder that are no mails (as in Collected).
    """

    held: tuple[Held, ...]
    edits: bool
    no_mails: tuple[tuple[str, str], ...]


def nothing_new(
    home: Home, settings: Settings, deadline: Deadline, period: str, as_of: datetime, lang: str, *, earlier: bool
) -> Quiet | None:
    """Whether a run of a period at a moment would find nothing to be done; None where one is to look.

    `deadline` is that of today's settings and register; `earlier`: a run of earlier months with something new, too.
    """
    ended = Ended.read(home)
    if ended is None or (ended.period, ended.lang, ended.earlier) != (period, lang, earlier):
        return None
    if is_time_over(ended, settings, deadline, as_of, booked(home).first):
        return None
    if ended.inputs != inputs(home) or ended.state != state_of(home, period):
        return None
    with reading(home.sightings) as sightings:
        if sightings is None:
            return None
        folder = look_into(home.inbox, sightings)
        if folder.unread or folder.skipped or (settings.imap and _has_mail(settings.imap, sightings)):
            return None
    if _ledger(home, settings, as_of) != (ended.said, ended.notices):
        return None
    return Quiet(ended.held, ended.edits, tuple((hidden(key), what) for key, what in folder.no_mails))


def is_time_over(ended: Ended, settings: Settings, deadline: Deadline, as_of: datetime, begun: datetime | None) -> bool:
    """Whether the clock alone has brought something: a mail or a cut-off that lay ahead, or a day for notices.

    `begun` is the clock of the home's first run. A clock before that of the last run is not to be gone by either.
    """
    before = datetime.fromisoformat(ended.as_of)
    if as_of < before or (ended.until and as_of >= datetime.fromisoformat(ended.until)):
        return True
    if not settings.feedback:
        return False
    for cutoff in (ended.cutoff, *ended.own):
        due = deadline.put_off(ended.period, datetime.fromisoformat(cutoff))
        was, now = (slot_of(due, ended.period, at, settings.notices, begun=begun) for at in (before, as_of))
        if now is not None and now != was:
            return True
    return False


def _has_mail(settings: ImapSettings, sightings: sqlite3.Connection) -> bool:
    """Whether a mailbox may have a mail that was not collected; also where it does not answer."""
    try:
        validity, next_uid = mailbox_state(briefly(settings))
    except MailboxError:
        return True
    return next_uid != collected_up_to(sightings, settings, validity) + 1


def _ledger(home: Home, settings: Settings, as_of: datetime) -> tuple[str, tuple[int, int]]:
    from assets.ledger.opening import open_reader  # noqa: PLC0415 - the ledger's libraries, for the last question
    from assets.ledger.queue import counted  # noqa: PLC0415
    from assets.ledger.said import said  # noqa: PLC0415

    with open_reader(home.warehouse, settings.ledger_url) as ledger:
        return said(ledger, as_of).digest, counted(ledger)


def state_of(home: Home, period: str) -> str:
    """Digest of what a run finds of the ones before: the names of what is published, the answers to units of the
    month, the files of data docs, portal and warehouse by size and time of change, and what is booked of runs.
    """
    return _sha256(_state(home, period))


def _state(home: Home, period: str) -> Iterator[str]:
    runs = booked(home)
    yield repr((runs.first, runs.asked))
    for month in _names(home.published):
        of_month = _names(home.published / month)
        yield f"{month} {[name for name in of_month if name.startswith('.')]}"
        for scope in of_month:
            if scope != "feedback":
                yield f"{month}/{scope} {_names(home.published / month / scope)}"
    pages = home.published / period
    yield from map(_stat, sorted(pages.glob("*/latest.json")))
    units = _names(pages / "feedback")
    yield from (f"{unit} {_stat(pages / 'feedback' / unit / '.digest')}" for unit in units)
    yield from map(_stat, sorted(home.portal.glob("*.sqlite*")))
    yield from map(_stat, sorted(home.data_docs.rglob("*")))
    yield repr(_names(home.archive / "registers"))
    yield _stat(home.archive / receipts.FILE)
    for name in ("sixth.duckdb", "sixth.duckdb.wal", "closed_months.json"):
        yield _stat(home.warehouse / name)
    yield _stat(home.sightings)


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as there:
            return sorted(entry.name for entry in there)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stat(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"{path.name} is not there"
    # Of a folder the names in it are looked at, each by itself.
    return path.name if path.is_dir() else f"{path.name} {found.st_size} {found.st_mtime_ns}"


def _sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
