"""Mails that have come since the last run, for a run by day: units are answered in minutes, not the next morning.

Belongs here: plain functions that look whether there are any, without reading one. Does not: collecting
(assets/intake/), asking for the run (sensors.py), runs that are due by the clock (due_runs.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from assets.instance.home import Home
from assets.instance.settings import ImapSettings, briefly
from assets.intake.mail.seen import reading
from assets.intake.mail.sources import collected_up_to, mailbox_state, unread_mails

SETTLED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a source found: a name for what lies there and was not read, "" for nothing; and why it is to be
    left there for now, "" where it is not.
    """

    unread: str
    not_yet: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a watcher keeps from look to look: for what it last asked for a run, and when; since when the mailbox does
    not answer. Moments as ISO 8601, "" for none.
    """

    asked: str = ""
    at: str = ""
    down_since: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> Memory:
        """As kept in a sensor's cursor."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def written(self) -> str:
        """For a sensor's cursor."""
        return json.dumps(asdict(self))


def why_not(look: Look, memory: Memory, now: datetime, watch_minutes: float) -> str:
    """Why no run is to be asked for, "" where one is: once for the same mails, and not more often than every so many
    minutes. A run that fails on them is the operators' to look at; the night takes them up again.
    """
    if not look.unread or look.unread == memory.asked:
        return "nothing new"
    if look.not_yet:
        return look.not_yet
    if memory.at and now - datetime.fromisoformat(memory.at) < timedelta(minutes=watch_minutes):
        return "a run was asked for a moment ago"
    return ""


def look_into_folder(home: Home, now: datetime, mail_bytes: int) -> Look:
    """What lies in the drop folder and was not read, of mails of at most so many bytes. While the newest came within a
    minute, others may follow.
    """
    with reading(home.sightings) as sightings:
        unread = unread_mails(home.inbox, sightings, mail_bytes)
    if not unread:
        return Look("")
    name = hashlib.sha256(json.dumps(sorted(unread)).encode()).hexdigest()[:16]
    newest = max(mtime_ns for _, _, mtime_ns in unread) / 1e9
    is_settled = not 0 <= now.timestamp() - newest < SETTLED_SECONDS
    return Look(name, "" if is_settled else "mails are still coming in")


def look_into_mailbox(home: Home, settings: ImapSettings, memory: Memory) -> Look:
    """What the mailbox has that was not collected; also that it answers again after it did not. Raises MailboxError."""
    validity, next_uid = mailbox_state(briefly(settings))
    if memory.down_since:
        return Look(f"back after {memory.down_since}")
    with reading(home.sightings) as sightings:
        last = collected_up_to(sightings, settings, validity) if sightings else 0
    return Look(f"{validity}/{next_uid}" if next_uid > last + 1 else "")
