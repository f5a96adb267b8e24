"""Mails that come by day are noticed: what lies unread, asked for once, and not while more of it is coming in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assets.instance.home import Home
from assets.instance.limits import Limits
from assets.instance.settings import ImapSettings
from assets.intake.mail.seen import open_sightings
from assets.intake.mail.sources import MailboxError, collect_folder, collect_imap, mailbox_state
from pipelines.arrivals import Look, Memory, look_into_folder, look_into_mailbox, why_not
from tests.mail.dovecot import PASSWORD, Dovecot, dovecot, free_port
from tests.notices.made_units import when

__all__ = ["dovecot"]

NOW = when("2026-11-04T10:00")
ASKED = Memory(asked="a", at=NOW.isoformat())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(tmp_path / "home")
    place.prepare()
    return place


def drop(home: Home, name: str, seconds_ago: float) -> None:
    file = home.inbox / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"Subject: x\r\n\r\nx\r\n" + name.encode())
    at = NOW.timestamp() - seconds_ago
    os.utime(file, (at, at))


def collect(home: Home) -> None:
    sightings = open_sightings(home.warehouse / "sightings.sqlite", home.archive)
    collect_folder(home.inbox, home.archive, sightings, settle_seconds=0)
    sightings.close()


def look(home: Home, minutes: float = 0) -> Look:
    return look_into_folder(home, NOW + timedelta(minutes=minutes), Limits().mail_bytes)


def test_what_no_run_has_read_is_new_once_the_newest_lies_there_for_a_minute(home: Home) -> None:
    assert look(home) == Look("")
    drop(home, "a.eml", 61)
    drop(home, "note.txt", 61)
    first = look(home)
    assert first.unread
    assert not first.not_yet
    drop(home, "deep/b.EML", 5)
    second = look(home)
    assert second.unread != first.unread
    assert second.not_yet
    assert not look(home, minutes=1).not_yet
    empty = home.inbox / "empty.eml"
    empty.touch()  # no run reads it, so that none is asked for it
    assert look(home) == second
    collect(home)  # as the night does: nothing is left to ask for
    assert look(home) == Look("")


@pytest.mark.parametrize(
    ("look", "memory", "minutes_later", "told"),
    [
        (Look(""), Memory(), 0, "nothing new"),
        (Look("a"), Memory(), 0, ""),
        (Look("a"), ASKED, 60, "nothing new"),
        (Look("b"), ASKED, 9, "a run was asked for a moment ago"),
        (Look("b"), ASKED, 10, ""),
        (Look("b", "mails are still coming in"), ASKED, 10, "mails are still coming in"),
    ],
)
def test_a_run_is_asked_for_once_for_the_same_mails_and_not_too_often(
    look: Look, memory: Memory, minutes_later: int, told: str
) -> None:
    assert why_not(look, memory, NOW + timedelta(minutes=minutes_later), watch_minutes=10) == told


def test_what_a_watcher_remembers_survives() -> None:
    memory = Memory("2/5", NOW.isoformat(), NOW.isoformat())
    assert Memory.read(memory.written()) == memory
    assert Memory.read(None) == Memory.read("") == Memory()


@pytest.fixture
def mailbox(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> ImapSettings:
    monkeypatch.setenv("SIXTH_TEST_PASSWORD", PASSWORD)
    return ImapSettings("127.0.0.1", "watched", port=dovecot.port, tls="none", password_env="SIXTH_TEST_PASSWORD")


@pytest.mark.outside
def test_a_mailbox_is_watched_without_reading_a_mail(home: Home, dovecot: Dovecot, mailbox: ImapSettings) -> None:
    look: Callable[[], Look] = lambda: look_into_mailbox(home, mailbox, Memory())  # noqa: E731
    assert look() == Look("")
    dovecot.append(mailbox.user, b"Subject: 1\r\n\r\n1\r\n", b"Subject: 2\r\n\r\n2\r\n")
    validity, next_uid = mailbox_state(mailbox)
    assert look() == Look(f"{validity}/{next_uid}")
    sightings = open_sightings(home.warehouse / "sightings.sqlite", home.archive)
    collect_imap(mailbox, home.archive, sightings)
    sightings.close()
    assert look() == Look("")
    dovecot.append(mailbox.user, b"Subject: 3\r\n\r\n3\r\n")
    assert look() == Look(f"{validity}/{next_uid + 1}")


@pytest.mark.outside
def test_a_mailbox_that_answers_again_is_worth_a_run(home: Home, mailbox: ImapSettings) -> None:
    with pytest.raises(MailboxError, match=r"127\.0\.0\.1: "):
        look_into_mailbox(home, replace(mailbox, port=free_port()), Memory())
    back = look_into_mailbox(home, mailbox, Memory(down_since=NOW.isoformat()))
    assert back.unread == f"back after {NOW.isoformat()}"
