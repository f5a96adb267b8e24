"""Sightings: each copy of each mail once, however often and wherever it is seen again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.intake.mail.seen import Seen, Sighting, copies, keys_of, mails, open_sightings, record

MOMENT = datetime(2026, 11, 5, 16, 0, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_sightings(tmp_path / "state" / "sightings.db")
    yield connection
    connection.close()


def test_first_sighting_is_new_and_further_ones_are_copies(book: sqlite3.Connection) -> None:
    keys = {"a.eml", "b.eml", "c.eml"}
    assert record(book, [Sighting("folder", "a.eml", "1"), Sighting("folder", "b.eml", "1")], keys) == ["1"]
    assert record(book, [Sighting("folder", "c.eml", "2"), Sighting("imap:h/INBOX", "7/1", "1")], keys) == ["2"]
    assert mails(book) == [Seen("1", None, 2), Seen("2", None, 0)]
    assert copies(book) == 2


def test_same_sighting_again_changes_nothing(book: sqlite3.Connection) -> None:
    for _ in range(3):
        record(book, [Sighting("folder", "a.eml", "1")], {"a.eml"})
    assert copies(book) == 0


def test_file_with_new_content_is_another_mail(book: sqlite3.Connection) -> None:
    record(book, [Sighting("folder", "a.eml", "1")], {"a.eml"})
    record(book, [Sighting("folder", "a.eml", "2")], {"a.eml"})
    assert [(seen.sha256, seen.copies) for seen in mails(book)] == [("1", 0), ("2", 0)]


def test_mail_that_moved_is_no_further_copy(book: sqlite3.Connection) -> None:
    record(book, [Sighting("folder", "a.eml", "1")], {"a.eml"})
    record(book, [Sighting("folder", "done/a.eml", "1")], {"done/a.eml"})
    assert (keys_of(book, "folder"), copies(book)) == ({"done/a.eml"}, 0)


def test_earliest_receipt_counts_in_utc_also_after_a_move(book: sqlite3.Connection) -> None:
    late = MOMENT + timedelta(days=3)
    local = MOMENT.astimezone(timezone(timedelta(hours=8)))
    record(book, [Sighting("imap:h/INBOX", "1/1", "1", local)], {"1/1"})
    record(book, [Sighting("imap:h/INBOX", "2/9", "1", late)], {"2/9"})
    assert mails(book) == [Seen("1", MOMENT, 0)]


@given(
    mailbox=st.lists(st.sampled_from("abcde"), max_size=20),
    validities=st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True),
    kept=st.integers(0, 20),
)
def test_changed_uidvalidity_neither_loses_nor_doubles_a_copy(
    mailbox: list[str], validities: list[int], kept: int
) -> None:
    """All UIDs are listed anew, perhaps without the mails deleted meanwhile: what was counted stays counted."""
    book = open_sightings(Path(":memory:"))
    for turn, validity in enumerate(validities):
        listed = mailbox if not turn else mailbox[:kept]
        present = {f"{validity}/{uid}" for uid in range(len(listed))}
        for uid, sha256 in enumerate(listed):  # a batch each: a run may be killed between any two
            record(book, [Sighting("imap:h/INBOX", f"{validity}/{uid}", sha256)], present)
    assert copies(book) == len(mailbox) - len(set(mailbox))
    assert {seen.sha256 for seen in mails(book)} == set(mailbox)
    book.close()


def test_failed_batch_is_booked_not_at_all(book: sqlite3.Connection) -> None:
    def failing() -> Iterator[Sighting]:
        yield Sighting("folder", "a.eml", "1")
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - raised just above
        record(book, failing(), {"a.eml"})
    assert mails(book) == []


def test_two_processes_may_book_at_once(tmp_path: Path) -> None:
    first, second = (open_sightings(tmp_path / "s.db") for _ in range(2))
    record(first, [Sighting("folder", "a.eml", "1")], {"a.eml"})
    assert record(second, [Sighting("folder", "a.eml", "1")], {"a.eml"}) == []
    assert copies(first) == 0
    first.close()
    second.close()
