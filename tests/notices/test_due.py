"""Which notices are due: plain functions of what came, the register and the clock."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.periods import Deadline
from assets.instance.register import Tree
from assets.instance.settings import NoticeSettings
from reports.notices.due import (
    by_machine,
    due_overdue,
    due_receipts,
    due_reminders,
    is_automatic,
    office_above,
)
from reports.notices.slots import slot_of
from tests.notices.made_units import PERIOD, complete, incoming, register, standing, when

UNITS = ["U1,甲局,u1@oa.example;u1.bak@oa.example", "U2,乙局,u2@oa.example", "U3,丙局,"]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return register(tmp_path / "register", UNITS).tree(PERIOD)


# -------------------------------------------------------------------------------------------------- the day
DAYS = [
    ("2026-10-31T23:59", None, None),
    ("2026-11-01T00:00", None, "early"),
    ("2026-11-02T23:59", None, "early"),
    ("2026-11-03T00:00", "3", "3"),
    ("2026-11-04T23:59", "3", "3"),
    ("2026-11-05T00:00", "1", "1"),
    ("2026-11-05T23:59", "1", "1"),
    ("2026-11-06T00:00", None, "overdue"),
    ("2026-11-06T23:59", None, "overdue"),
    ("2026-11-07T00:00", "overdue", "overdue"),
    ("2026-11-30T23:59", "overdue", "overdue"),
    ("2026-12-01T00:00", None, "overdue"),
]


@pytest.mark.parametrize(("moment", "scheduled", "asked"), DAYS)
def test_each_moment_is_for_one_kind_of_notice(moment: str, scheduled: str | None, asked: str | None) -> None:
    settings = NoticeSettings()
    assert slot_of(Deadline(), PERIOD, when(moment), settings) == scheduled
    assert slot_of(Deadline(), PERIOD, when(moment), settings, asked=True) == asked


def test_days_follow_a_cutoff_that_differs_and_the_settings() -> None:
    deadline = Deadline(exceptions={PERIOD: when("2026-11-09T18:00")})
    settings = NoticeSettings(reminder_days=(5,), overdue_days=2)
    slots = {day: slot_of(deadline, PERIOD, when(f"2026-11-{day:02}T12:00"), settings) for day in range(3, 13)}
    assert [day for day, slot in slots.items() if slot == "5"] == [4, 5, 6, 7, 8, 9]
    assert [day for day, slot in slots.items() if slot == "overdue"] == [11, 12]


def test_overdue_notices_of_a_cutoff_at_the_end_of_its_window_are_due_for_a_week() -> None:
    deadline = Deadline(exceptions={PERIOD: date(2026, 11, 30)})
    due = [d for d in range(1, 15) if slot_of(deadline, PERIOD, when(f"2026-12-{d:02}T09:00"), NoticeSettings())]
    assert due == [1, 2, 3, 4, 5, 6, 7, 8]


def test_overdue_notices_are_made_up_for_after_an_outage_over_the_end_of_the_window() -> None:
    """F3: a home that was down from before the cut-off told nobody; a new one does not write to all of long ago."""

    def slot(moment: str, begun: str | None) -> str | None:
        return slot_of(Deadline(), PERIOD, when(moment), NoticeSettings(), begun=begun and when(begun))  # type: ignore[arg-type]

    assert slot("2026-12-05T09:00", "2026-10-01T02:00") == "overdue"
    assert slot("2026-12-08T09:00", "2026-10-01T02:00") is None  # receipt_days after the cut-off
    assert slot("2026-12-05T09:00", "2026-12-05T09:00") is None
    assert slot("2026-12-05T09:00", None) is None


@pytest.mark.parametrize("missed", [range(1, 6), range(3, 5), range(5, 8), range(6, 30)])
def test_whatever_nights_are_missed_the_kinds_that_are_still_due_come_once_each(missed: range) -> None:
    """Reminders whose day is over by the next night are not sent together with the one that is due then."""
    nights = [d for d in range(1, 31) if d not in missed]
    slots = [slot_of(Deadline(), PERIOD, when(f"2026-11-{d:02}T02:00"), NoticeSettings()) for d in nights]
    told = [slot for slot in dict.fromkeys(slots) if slot]
    expected = {(1, 6): ["overdue"], (3, 5): ["1", "overdue"], (5, 8): ["3", "overdue"], (6, 30): ["3", "1", "overdue"]}
    assert told == expected[missed.start, missed.stop]


@given(st.integers(0, 24 * 40), st.integers(1, 24 * 40))
def test_slots_come_in_their_order(hours: int, later: int) -> None:
    order = [None, "early", "3", "1", "overdue"]
    start = when("2026-10-25T00:00")
    first, second = (
        slot_of(Deadline(), PERIOD, start + timedelta(hours=h), NoticeSettings(), asked=True)
        for h in (hours, hours + later)
    )
    assert order.index(first) <= order.index(second)


# -------------------------------------------------------------------------------------------------- reminders
def test_units_that_owe_something_are_reminded_at_all_their_mailboxes(tree: Tree) -> None:
    partly = standing("U2", state="incomplete", forms={"annex2": "effective", "annex3": "returned"}, scan="sealed")
    due = due_reminders([standing("U1"), partly], tree, PERIOD, "3")
    assert [(d.unit_code, d.recipient) for d in due] == [
        ("U1", "u1@oa.example"),
        ("U1", "u1.bak@oa.example"),
        ("U2", "u2@oa.example"),
    ]
    assert len({d.key for d in due} | {d.key for d in due_reminders([standing("U1"), partly], tree, PERIOD, "1")}) == 6


def test_a_complete_unit_is_not_reminded_and_one_without_a_mailbox_is_not_forgotten(tree: Tree) -> None:
    due = due_reminders([complete("U1"), standing("U3")], tree, PERIOD, "3")
    assert [(d.unit_code, d.recipient) for d in due] == [("U3", "")]


@pytest.mark.parametrize(
    ("over", "owed"),
    [
        ({}, {"annex2": "missing", "annex3": "missing", "scan": "missing"}),
        (
            {"state": "returned", "forms": {"annex2": "returned"}, "scan": "sealed"},
            {"annex2": "returned", "annex3": "missing"},
        ),
        (
            {"state": "incomplete", "forms": {"annex2": "nil", "annex3": "effective"}, "held_up": True},
            {"scan": "missing"},
        ),
        ({"state": "incomplete", "forms": {"annex2": "nil"}, "held_up": False}, {"annex3": "missing"}),
        (
            {
                "state": "incomplete",
                "forms": {"annex2": "nil", "annex3": "nil", "annex6": "returned"},
                "scan": "unsealed",
            },
            {"annex6": "returned"},
        ),
        (
            {"state": "incomplete", "forms": {"annex2": "nil", "annex3": "nil"}, "scan": "sealed", "held_up": True},
            {"other": "open"},
        ),
        ({"state": "complete", "forms": {"annex2": "missing"}}, {}),
    ],
)
def test_what_a_unit_owes(over: dict[str, Any], owed: dict[str, str]) -> None:
    """A scan is owed while a finding says so; without one (waived, or the seal confirmed) it is not."""
    assert dict(standing(**over).owed) == owed


# -------------------------------------------------------------------------------------------------- overdue
def test_the_nearest_office_with_a_mailbox_gets_one_list_of_its_units(tree: Tree) -> None:
    due = due_overdue([standing("U1"), complete("U2"), standing("U3")], tree, PERIOD)
    assert [(d.kind, d.unit_code, d.recipient) for d in due] == [
        ("overdue", "U1", "u1@oa.example"),
        ("overdue", "U1", "u1.bak@oa.example"),
        ("overdue", "U3", ""),
        ("office_list", "C-1-1", "office@oa.example"),
    ]
    assert due[-1].units == ("U1", "U3")


def test_where_no_office_has_a_mailbox_the_list_is_the_carriers_and_goes_nowhere(tmp_path: Path) -> None:
    tree = register(tmp_path, UNITS, office="C-1-1,青川分公司,C-1,city,,,,2025-01,").tree(PERIOD)
    assert office_above(tree, "U1") is None
    assert [
        (d.unit_code, d.recipient) for d in due_overdue([standing("U1")], tree, PERIOD) if d.kind == "office_list"
    ] == [("C", "")]


def test_nothing_is_overdue_when_all_have_reported(tree: Tree) -> None:
    assert due_overdue([complete("U1"), complete("U2", on_time=False)], tree, PERIOD) == []


# -------------------------------------------------------------------------------------------------- receipts
def test_mails_since_the_last_receipt_are_answered_together_at_the_newest(tree: Tree) -> None:
    mails = [incoming("m2", at="2026-11-03T08:00"), incoming("m1"), incoming("m0", at="2026-11-01T08:00")]
    (due,) = due_receipts(mails, tree, PERIOD, answered={("U1", "u1@oa.example", "m0")})
    assert (due.recipient, [m.mail for m in due.mails]) == ("u1@oa.example", ["m1", "m2"])
    assert due.key == "receipt|2026-10|U1|m2|u1@oa.example"


def test_a_late_found_older_mail_is_answered_too(tree: Tree) -> None:
    mails = [incoming("m1"), incoming("m2", at="2026-11-03T08:00")]
    (due,) = due_receipts(mails, tree, PERIOD, answered={("U1", "u1@oa.example", "m2")})
    assert [m.mail for m in due.mails] == ["m1"]


def test_each_sender_and_each_unit_gets_its_own(tree: Tree) -> None:
    mails = [
        incoming("m1"),
        incoming("m2", sender="u1.bak@oa.example"),
        incoming("m3", unit="U1", sender="office@oa.example"),
        incoming("m3", unit="U2", sender="office@oa.example"),
    ]
    due = due_receipts(mails, tree, PERIOD)
    assert [(d.unit_code, d.recipient) for d in due] == [
        ("U1", "u1@oa.example"),
        ("U1", "u1.bak@oa.example"),
        ("U1", "office@oa.example"),
        ("U2", "office@oa.example"),
    ]


@pytest.mark.parametrize("sender", ["stranger@mail.example", "u2@oa.example", ""])
def test_an_answer_never_goes_to_an_address_that_is_not_the_units_own_or_above_it(tree: Tree, sender: str) -> None:
    """As after `sixth assign`: what a unit wrote is not sent to whoever forwarded it."""
    due = due_receipts([incoming("m1", unit="U1", sender=sender)], tree, PERIOD)
    assert [d.recipient for d in due] == ["u1@oa.example", "u1.bak@oa.example"]


def test_old_mails_and_machines_are_not_answered(tree: Tree) -> None:
    mails = [incoming("old", at="2026-09-01T08:00"), incoming("robot"), incoming("m1")]
    (due,) = due_receipts(mails, tree, PERIOD, since=when("2026-10-06T00:00"), automatic=lambda mail: mail == "robot")
    assert [m.mail for m in due.mails] == ["m1"]


AUTOMATIC = [
    b"Auto-Submitted: auto-replied",
    b"auto-submitted: Auto-Generated; owner-email=x",
    b"Precedence: bulk",
    b"X-Autoreply: yes",
    b"List-Id: <all.oa.example>",
    b"Return-Path: <>",
    b"X-Failed-Recipients: wlaq@oa.example",
    "Subject: 自动回复：月报反馈".encode(),  # as some mailers write it, in no encoding at all
    "Subject: 外出自动答复".encode("gb18030"),
    "Subject: 【自动回复】月报反馈".encode(),
    "Subject: 来自张三的自动回复".encode(),
    "Subject: 已读回执：月报反馈".encode(),
    "Subject: 系统退信/Systems bounce".encode(),
    b"Subject: Out of Office",
    b"Subject: Undelivered Mail Returned to Sender",
]


@pytest.mark.parametrize("line", AUTOMATIC)
def test_answers_of_machines_are_known_by_their_header(tmp_path: Path, line: bytes) -> None:
    sha = "ab" + "0" * 62
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / f"{sha}.eml").write_bytes(b"From: u1@oa.example\r\n" + line + b"\r\n\r\nOut of office\r\n")
    assert by_machine(sha, tmp_path)


def test_people_are_answered_whatever_they_write_in_the_text(tmp_path: Path) -> None:
    assert not is_automatic(b"From: u1@oa.example\nSubject: =?gb18030?b?1MKxqA==?=\nAuto-Submitted: no")
    for subject in ("回复：自动回复：月报反馈", "自动应答系统月报", "会议回执", "退信处理情况", "Re: Read: x"):
        assert not is_automatic(f"Subject: {subject}\n".encode()), subject
    sha = "cd" + "0" * 62
    (tmp_path / "cd").mkdir()
    (tmp_path / "cd" / f"{sha}.eml").write_bytes(b"From: u1@oa.example\n\nAuto-Submitted: auto-replied\n")
    assert not by_machine(sha, tmp_path)


def test_a_mail_that_the_archive_lacks_is_not_answered(tmp_path: Path) -> None:
    assert by_machine("ef" + "0" * 62, tmp_path)
