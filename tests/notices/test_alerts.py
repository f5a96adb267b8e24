"""What operators are told is booked once for each of them, and waits until a server has taken it."""

from __future__ import annotations

from sqlalchemy import Engine

from assets.ledger.alerts import Telling, book, claim, mark_sent, mark_unsent, waiting
from tests.notices.made_units import when

NOW, LATER = when("2026-11-06T06:00"), when("2026-11-06T06:05")
LATE = Telling("late|2026-10|2026-11-06|", "the report is not out", "see sixth doctor")


def test_the_same_is_told_once_to_each(ledger: Engine) -> None:
    assert book(ledger, [LATE], ["a@oa.example", "b@oa.example"], NOW) == 2
    assert book(ledger, [LATE], ["a@oa.example", "b@oa.example"], LATER) == 0
    assert book(ledger, [LATE], ["c@oa.example"], LATER) == 1
    assert book(ledger, [LATE], [], LATER) == 0
    assert [(a.recipient, a.created_at) for a in waiting(ledger, NOW)] == [
        ("a@oa.example", NOW), ("b@oa.example", NOW), ("c@oa.example", LATER)
    ]  # fmt: skip


def test_what_is_not_out_waits_and_what_is_out_does_not(ledger: Engine) -> None:
    book(ledger, [LATE], ["a@oa.example"], NOW)
    (first,) = waiting(ledger, NOW)
    assert claim(ledger, first)
    assert not claim(ledger, first)  # another process has it
    mark_unsent(ledger, first, "mx: 451 try later")
    (again,) = waiting(ledger, NOW)
    assert (again.attempts, again.last_error) == (1, "mx: 451 try later")
    assert claim(ledger, again)
    mark_sent(ledger, again, LATER)
    assert waiting(ledger, NOW) == []


def test_what_happened_long_ago_is_not_told_any_more(ledger: Engine) -> None:
    book(ledger, [LATE], ["a@oa.example"], NOW)
    assert len(waiting(ledger, NOW)) == 1
    assert waiting(ledger, LATER) == []
