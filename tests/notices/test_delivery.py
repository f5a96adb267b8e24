"""Notices on their way: into the outbox, and over a real SMTP server that refuses, breaks off and comes back."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine

from assets.instance.register import Register
from assets.instance.settings import NoticeSettings, SmtpSettings
from assets.ledger import queue
from assets.ledger.models import KINDS
from assets.ledger.opening import open_ledger
from reports.notices import composing
from reports.notices import smtp as delivery
from reports.notices.letters import Standing
from reports.notices.mime import mail_bytes
from reports.notices.outbox import Outgoing, tidy_outbox
from reports.notices.sending import Mailroom, Row, remind, send_receipts, summary
from reports.notices.smtp import Refused, Unreachable, open_delivery
from tests.mail.dovecot import write_certificate
from tests.notices.made_units import PERIOD, SENDER, complete, incoming, mailroom, many, register, standing, when
from tests.notices.smtp_server import PASSWORD, Post, authenticate, smtp_server
from tests.notices.test_mail_bytes import HEAD

pytestmark = pytest.mark.slow

UNITS = ["U1,甲局,u1@oa.example;u1.bak@oa.example", "U2,乙局,u2@oa.example", "U3,丙局,"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    with open_ledger(tmp_path / "warehouse") as opened:
        yield opened


@pytest.fixture
def units(tmp_path: Path) -> Register:
    return register(tmp_path / "register", UNITS)


def owing(of: Register) -> dict[str, Standing]:
    return {u.code: standing(u.code, unit_name=u.name) for u in of.tree(PERIOD).reporting}


def outcomes(rows: list[Row]) -> dict[str, str]:
    return {row.recipient: row.outcome for row in rows}


def states(ledger: Engine) -> dict[str, tuple[str, int]]:
    return {n.recipient: (n.state, n.attempts) for n in queue.notices(ledger, PERIOD, KINDS)}


def outgoing(content: bytes) -> list[Outgoing]:
    return [Outgoing("", "u1@oa.example", content, hashlib.sha256(content).hexdigest())]


def archived(folder: Path, *mails: str) -> Path:
    for mail in mails:
        (folder / mail[:2]).mkdir(parents=True, exist_ok=True)
        (folder / mail[:2] / f"{mail}.eml").write_bytes(b"From: u1@oa.example\r\nSubject: x\r\n\r\n")
    return folder


def answer(tmp_path: Path, unit: str, page: str | None = None, **workbooks: bytes) -> Path:
    """A folder of answers with that of one unit."""
    folder = tmp_path / "feedback" / unit
    folder.mkdir(parents=True)
    if page is not None:
        (folder / "feedback.html").write_text(page, encoding="utf-8")
    for name, content in workbooks.items():
        (folder / f"{name}.xlsx").write_bytes(content)
    return folder.parent


# ------------------------------------------------------------------------------------------------------- outbox
def test_without_a_server_mails_lie_in_the_outbox_once(tmp_path: Path, units: Register, ledger: Engine) -> None:
    room = mailroom(tmp_path, units)
    rows = remind(room, ledger, PERIOD, owing(units))
    assert outcomes(rows) == {
        "u1@oa.example": "sent",
        "u1.bak@oa.example": "sent",
        "u2@oa.example": "sent",
        "": "unaddressed",
    }
    assert summary(rows) == "3 sent, 1 unaddressed (no mailbox on the register)"
    before = {p.name: p.read_bytes() for p in room.outbox.iterdir()}
    assert len(before) == 3
    assert all(re.fullmatch(r"2026-10_reminder-3_U\d_[0-9a-f]{16}\.eml", name) for name in before)
    again = remind(room, ledger, PERIOD, owing(units))
    assert outcomes(again)["u2@oa.example"] == "before"
    assert {p.name: p.read_bytes() for p in room.outbox.iterdir()} == before


def test_the_same_run_elsewhere_gives_the_same_bytes(tmp_path: Path, units: Register) -> None:
    found = []
    for home in ("a", "b"):
        with open_ledger(tmp_path / home) as ledger:
            room = mailroom(tmp_path / home, units)
            remind(room, ledger, PERIOD, owing(units))
            found.append({p.name: p.read_bytes() for p in room.outbox.iterdir()})
    assert found[0] == found[1]


def test_what_was_sent_is_in_the_ledger_with_its_digest(tmp_path: Path, units: Register, ledger: Engine) -> None:
    room = mailroom(tmp_path, units)
    remind(room, ledger, PERIOD, {"U2": standing("U2")})
    (notice,) = queue.notices(ledger, PERIOD, KINDS)
    (file,) = room.outbox.iterdir()
    assert notice.content_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert notice.sent_at == when("2026-11-03T02:01")
    assert notice.subject.startswith("【网络安全月报】2026年10月报送还缺")
    assert notice.message_id.encode() in file.read_bytes()


def test_a_dry_run_writes_nothing(tmp_path: Path, units: Register, ledger: Engine) -> None:
    rows = remind(mailroom(tmp_path, units), ledger, PERIOD, owing(units), dry_run=True)
    assert [(r.unit_code, r.outcome) for r in rows] == [
        ("U1", "due"),
        ("U1", "due"),
        ("U2", "due"),
        ("U3", "unaddressed"),
    ]
    assert rows[0].owed == "annex2 missing, annex3 missing, scan missing"
    assert not (tmp_path / "outbox").exists()
    assert states(ledger) == {}


def test_a_mail_that_was_put_into_the_outbox_before_the_kill_is_not_written_anew(
    tmp_path: Path, units: Register, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault between the two steps: the file has its name, the ledger does not know."""
    room, only = mailroom(tmp_path, units), {"U2": standing("U2")}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(queue, "mark_sent", killed)
    with pytest.raises(KeyboardInterrupt):
        remind(room, ledger, PERIOD, only)
    monkeypatch.undo()
    (file,) = room.outbox.iterdir()
    before = file.read_bytes()
    assert states(ledger) == {"u2@oa.example": ("queued", 1)}
    later = mailroom(tmp_path, units, at="2026-11-04T02:00")
    remind(later, ledger, PERIOD, only)
    assert [p.read_bytes() for p in room.outbox.iterdir()] == [before]
    (notice,) = queue.notices(ledger, PERIOD, KINDS)
    assert (notice.state, notice.content_sha256) == ("sent", hashlib.sha256(before).hexdigest())


def test_a_full_disk_leaves_no_half_mail_and_everything_queued(
    tmp_path: Path, units: Register, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    room = mailroom(tmp_path, units)
    monkeypatch.setattr(delivery.os, "fsync", full)
    rows = remind(room, ledger, PERIOD, owing(units))
    monkeypatch.undo()
    assert [r.outcome for r in rows] == ["queued"] * 3 + ["unaddressed"]
    assert "No space left" in rows[0].detail
    assert list(room.outbox.iterdir()) == []
    assert summary(remind(room, ledger, PERIOD, owing(units))).startswith("3 sent")


def test_what_a_killed_run_left_half_written_is_removed_when_nobody_can_be_at_it(tmp_path: Path) -> None:
    for name, age in ((".a.eml.1", 7200), (".b.eml.2", 10), ("c.eml", 7200)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    tidy_outbox(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".b.eml.2", "c.eml"]


def test_after_the_cutoff_units_and_their_office_are_told(tmp_path: Path, units: Register, ledger: Engine) -> None:
    room = mailroom(tmp_path, units, at="2026-11-07T02:00")
    rows = remind(room, ledger, PERIOD, {**owing(units), "U2": complete("U2")}, asked=False)
    assert [(r.kind, r.recipient, r.outcome) for r in rows] == [
        ("overdue", "u1@oa.example", "sent"),
        ("overdue", "u1.bak@oa.example", "sent"),
        ("overdue", "", "unaddressed"),
        ("office_list", "office@oa.example", "sent"),
    ]
    assert rows[-1].owed == "U1, U3"


def test_a_reminder_that_could_not_go_out_is_dropped_when_the_form_has_come(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = SmtpSettings("127.0.0.1", nobody.getsockname()[1], tls="none", timeout_seconds=2)
    room = mailroom(tmp_path, units, smtp=away)
    rows = remind(room, ledger, PERIOD, owing(units))
    assert set(outcomes(rows).values()) == {"queued", "unaddressed"}
    room = mailroom(tmp_path, units, at="2026-11-04T02:00")
    rows = remind(room, ledger, PERIOD, {**owing(units), "U1": complete("U1")})
    assert outcomes(rows) == {"u2@oa.example": "sent", "": "unaddressed"}
    assert {r: s for r, (s, _) in states(ledger).items()} == {
        "u1@oa.example": "withdrawn",
        "u1.bak@oa.example": "withdrawn",
        "u2@oa.example": "sent",
    }


# ------------------------------------------------------------------------------------------------------ receipts
def test_a_receipt_answers_in_the_thread_with_the_page_and_the_workbooks(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    archive = archived(tmp_path / "archive", "m1", "m2")
    feedback = answer(tmp_path, "U1", "<p>U1 的反馈</p>", 附件2_标注=b"PK marked")
    post = Post()
    mails = [
        incoming("m1"),
        replace(incoming("m2", at="2026-11-03T01:00"), references="<m1@oa.example>", subject="回复：十月月报"),
    ]
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, smtp=smtp)
        arguments = (room, ledger, PERIOD, {"U1": complete("U1", warnings=2)}, mails, archive, feedback)
        rows = send_receipts(*arguments)
        assert [(r.kind, r.recipient, r.outcome) for r in rows] == [("receipt", "u1@oa.example", "sent")]
        assert send_receipts(*arguments) == []
    (mail,) = post.mails
    assert mail["Subject"] == "Re: 十月月报"
    assert mail["In-Reply-To"] == "<m2@oa.example>"
    assert mail["References"].split() == ["<m1@oa.example>", "<m2@oa.example>"]
    assert mail["Auto-Submitted"] == "auto-replied"
    page, plain = mail.get_body(("html",)), mail.get_body(("plain",))
    assert page is not None
    assert plain is not None
    assert page.get_content() == "<p>U1 的反馈</p>"
    assert "2 封邮件" in plain.get_content()
    assert [(a.get_filename(), a.get_content()) for a in mail.iter_attachments()] == [("附件2_标注.xlsx", b"PK marked")]


def test_workbooks_that_are_too_large_stay_behind_and_the_mail_says_so(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    feedback = answer(tmp_path, "U1", a=b"x" * 101)
    room = mailroom(tmp_path, units, settings={"attachment_bytes": 100})
    archive = archived(tmp_path / "archive", "m1")
    send_receipts(room, ledger, PERIOD, {"U1": complete("U1")}, [incoming("m1")], archive, feedback)
    (file,) = room.outbox.iterdir()
    mail = Post(taken=[("", file.read_bytes())]).mails[0]
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "没有随信附上" in plain.get_content()
    assert list(mail.iter_attachments()) == []


def test_a_receipt_that_cannot_be_written_keeps_no_other_back(
    tmp_path: Path, units: Register, ledger: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    archive = archived(tmp_path / "archive", "m1", "m2")
    mails = [incoming("m1"), incoming("m2", unit="U2", sender="u2@oa.example")]
    reports = {"U1": complete("U1"), "U2": complete("U2")}
    feedback = answer(tmp_path, "U2", "<p>ok")
    (feedback / "U1" / "feedback.html").mkdir(parents=True)
    room = mailroom(tmp_path, units)
    rows = send_receipts(room, ledger, PERIOD, reports, mails, archive, feedback)
    assert outcomes(rows) == {"u1@oa.example": "queued", "u2@oa.example": "sent"}
    assert rows[0].detail.startswith("cannot be written: IsADirectoryError")
    assert "receipt" in caplog.text
    assert "IsADirectoryError" in caplog.text
    (feedback / "U1" / "feedback.html").rmdir()
    rows = send_receipts(room, ledger, PERIOD, reports, mails, archive, feedback)
    assert outcomes(rows) == {"u1@oa.example": "sent"}


def test_workers_write_many_mails_as_this_process_writes_few(
    tmp_path: Path, units: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archived(tmp_path / "archive", "m1", "m2", "m3")
    mails = [
        incoming("m1"),
        incoming("m2", unit="U2", sender="u2@oa.example"),
        incoming("m3", sender="u1.bak@oa.example"),
    ]
    reports = {"U1": complete("U1"), "U2": complete("U2")}
    feedback = answer(tmp_path, "U1", "<p>U1 的反馈</p>", a=b"PK marked", b=b"PK too")
    (feedback / "U2" / "feedback.html").mkdir(parents=True)
    found = []
    for worth in (composing.WORTH_WORKERS, 1):
        monkeypatch.setattr(composing, "WORTH_WORKERS", worth)
        home = tmp_path / str(worth)
        with open_ledger(home) as ledger:
            room = mailroom(home, units)
            rows = send_receipts(room, ledger, PERIOD, reports, mails, archive, feedback)
            rows += remind(room, ledger, PERIOD, owing(units))
            found.append((rows, {p.name: p.read_bytes() for p in room.outbox.iterdir()}))
    assert found[0] == found[1]
    rows, files = found[0]
    assert [r.outcome for r in rows] == ["sent", "queued", "sent", "sent", "sent", "sent", "unaddressed"]
    assert len(files) == 5


def test_a_newer_mail_takes_over_the_receipt_that_could_not_be_sent(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    archive = archived(tmp_path / "archive", "m1", "m2")
    post = Post(refuse={"u1@oa.example": "451 4.2.1 try again later"})
    reports = {"U1": complete("U1")}
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, smtp=smtp)
        send_receipts(room, ledger, PERIOD, reports, [incoming("m1")], archive)
        post.refuse.clear()
        both = [incoming("m1"), incoming("m2", at="2026-11-02T12:00")]
        send_receipts(room, ledger, PERIOD, reports, both, archive)
        assert send_receipts(room, ledger, PERIOD, reports, both, archive) == []
    assert [m["In-Reply-To"] for m in post.mails] == ["<m2@oa.example>"]
    assert sorted(n.state for n in queue.notices(ledger, PERIOD, KINDS)) == ["sent", "withdrawn"]


def test_an_office_whose_mail_holds_no_form_is_told_so(tmp_path: Path, units: Register, ledger: Engine) -> None:
    archive = archived(tmp_path / "archive", "m1")
    mails = [incoming("m1", unit="C-1-1", sender="office@oa.example")]
    room = mailroom(tmp_path, units)
    send_receipts(room, ledger, PERIOD, owing(units), mails, archive, answer(tmp_path, "C-1-1", "not for an office"))
    (file,) = room.outbox.iterdir()
    plain = Post(taken=[("", file.read_bytes())]).mails[0].get_body(("plain",))
    assert plain is not None
    assert "没有可以计入的报表" in plain.get_content()


# ---------------------------------------------------------------------------------------------------------- SMTP
def test_two_hundred_mails_go_over_one_connection(tmp_path: Path, ledger: Engine) -> None:
    post, of = Post(), many(tmp_path / "register", 200)
    with smtp_server(post) as smtp:
        rows = remind(mailroom(tmp_path, of, smtp=smtp), ledger, PERIOD, owing(of))
    assert summary(rows) == "200 sent"
    assert sorted(to for to, _ in post.taken) == [f"u{n:03}@oa.example" for n in range(200)]
    assert post.connections == 1


def test_mails_go_out_over_several_connections_at_once_each_once(tmp_path: Path, ledger: Engine) -> None:
    post, of = (
        Post(wait_for=3, drop_at_data=2, refuse={"u007@oa.example": "550 5.1.1 no such user"}),
        many(tmp_path / "register", 10),
    )
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, of, smtp=replace(smtp, connections=3))
        first = outcomes(remind(room, ledger, PERIOD, owing(of)))
        assert len(post.taken) == 7
        assert post.connections == 5, "three, and one for each that was lost"
        again = outcomes(remind(room, ledger, PERIOD, owing(of)))
    assert sorted(first.values()) == ["queued"] * 3 + ["sent"] * 7
    assert sorted(again.values()) == ["before"] * 7 + ["queued"] + ["sent"] * 2
    assert sorted(to for to, _ in post.taken) == [f"u{n:03}@oa.example" for n in range(10) if n != 7]


def test_a_server_that_takes_no_mail_of_ours_ends_every_connection(tmp_path: Path, ledger: Engine) -> None:
    post, of = Post(senders="550 5.7.1 sender rejected"), many(tmp_path / "register", 10)
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, of, smtp=replace(smtp, connections=3))
        rows = remind(room, ledger, PERIOD, owing(of))
        assert set(outcomes(rows).values()) == {"queued"}
        assert all("sender rejected" in row.detail for row in rows)
        post.senders = ""
        assert summary(remind(room, ledger, PERIOD, owing(of))) == "10 sent"
    assert len(post.taken) == 10


def test_a_server_that_ends_connections_after_some_mails_gets_new_ones(tmp_path: Path, ledger: Engine) -> None:
    post, of = Post(drop_after_mails=3), many(tmp_path / "register", 10)
    with smtp_server(post) as smtp:
        rows = remind(mailroom(tmp_path, of, smtp=smtp), ledger, PERIOD, owing(of))
    assert summary(rows) == "10 sent"
    assert len(post.taken) == 10
    assert post.connections == 4


def test_a_wrong_address_is_told_retried_and_given_up_and_holds_nothing_up(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    post = Post(refuse={"u1@oa.example": "550 5.1.1 no such user"})
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, smtp=smtp, settings={"refusals_allowed": 2})
        rows = remind(room, ledger, PERIOD, owing(units))
        assert outcomes(rows) == {
            "u1@oa.example": "queued",
            "u1.bak@oa.example": "sent",
            "u2@oa.example": "sent",
            "": "unaddressed",
        }
        assert "550 5.1.1 no such user" in rows[0].detail
        assert outcomes(remind(room, ledger, PERIOD, owing(units)))["u1@oa.example"] == "failed"
        assert outcomes(remind(room, ledger, PERIOD, owing(units)))["u1@oa.example"] == "before"
    assert states(ledger)["u1@oa.example"] == ("failed", 2)
    assert sorted(to for to, _ in post.taken) == ["u1.bak@oa.example", "u2@oa.example"]


@pytest.mark.parametrize("answer", ["451 4.7.1 greylisted", "452 4.2.2 mailbox full"])
def test_what_is_refused_for_the_time_being_is_never_given_up(
    tmp_path: Path, units: Register, ledger: Engine, answer: str
) -> None:
    post = Post(refuse={"u2@oa.example": answer})
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, smtp=smtp, settings={"refusals_allowed": 1})
        for _ in range(4):
            assert outcomes(remind(room, ledger, PERIOD, owing(units)))["u2@oa.example"] == "queued"
        post.refuse.clear()
        assert outcomes(remind(room, ledger, PERIOD, owing(units)))["u2@oa.example"] == "sent"


def test_content_that_is_refused_fails_only_itself(tmp_path: Path, units: Register, ledger: Engine) -> None:
    post = Post(content="554 5.7.1 looks like spam")
    with smtp_server(post) as smtp:
        rows = remind(mailroom(tmp_path, units, smtp=smtp), ledger, PERIOD, owing(units))
    assert [r.outcome for r in rows] == ["queued"] * 3 + ["unaddressed"]
    assert {n.refusals for n in queue.notices(ledger, PERIOD, KINDS)} == {1}


def test_a_mail_beyond_the_servers_size_is_refused_by_itself(tmp_path: Path) -> None:
    post = Post()
    with smtp_server(post, data_size_limit=20_000) as smtp, open_delivery(smtp, SENDER, tmp_path) as deliver:
        with pytest.raises(Refused, match="552") as caught:
            deliver(outgoing(mail_bytes(HEAD, "a", "b", [("a.xlsx", b"x" * 30_000)])))
        assert caught.value.permanent
        deliver(outgoing(mail_bytes(HEAD, "a", "b")))
    assert len(post.taken) == 1


def test_a_server_that_refuses_us_is_asked_once_and_all_mails_wait(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    post = Post(senders="530 5.7.0 authentication required")
    with smtp_server(post) as smtp:
        rows = remind(mailroom(tmp_path, units, smtp=smtp), ledger, PERIOD, owing(units))
        assert [r.outcome for r in rows] == ["queued"] * 3 + ["unaddressed"]
        assert "authentication required" in rows[2].detail
        assert post.connections == 1
        post.senders = ""
        assert summary(remind(mailroom(tmp_path, units, smtp=smtp), ledger, PERIOD, owing(units))).startswith("3 sent")
    assert {n.refusals for n in queue.notices(ledger, PERIOD, KINDS)} == {0}


def test_no_server_at_all_leaves_everything_queued(tmp_path: Path, units: Register, ledger: Engine) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = SmtpSettings("127.0.0.1", nobody.getsockname()[1], tls="none", timeout_seconds=2)
        rows = remind(mailroom(tmp_path, units, smtp=away), ledger, PERIOD, owing(units))
    assert [r.outcome for r in rows] == ["queued"] * 3 + ["unaddressed"]
    assert "refused" in rows[0].detail
    assert all(n.last_error for n in queue.notices(ledger, PERIOD, KINDS))


def test_a_connection_lost_before_the_mail_was_taken_loses_and_doubles_none(tmp_path: Path, ledger: Engine) -> None:
    post, of = Post(drop_at_data=1), many(tmp_path / "register", 20)
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, of, smtp=smtp)
        assert summary(remind(room, ledger, PERIOD, owing(of))).startswith(
            "19 sent, 1 queued (127.0.0.1: connection lost"
        )
        assert summary(remind(room, ledger, PERIOD, owing(of))) == "1 sent"
    ids = [m["Message-ID"] for m in post.mails]
    assert len(ids) == len(set(ids)) == 20


def test_a_connection_lost_after_the_mail_was_taken_doubles_it_with_the_same_id(tmp_path: Path, ledger: Engine) -> None:
    """The window of SMTP that nobody can close: taken, but the answer never came."""
    post, of = Post(drop_after_data=1), many(tmp_path / "register", 5)
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, of, smtp=smtp)
        remind(room, ledger, PERIOD, owing(of))
        remind(mailroom(tmp_path, of, smtp=smtp, at="2026-11-04T02:00"), ledger, PERIOD, owing(of))
    by_recipient: dict[str, set[str]] = {}
    for (to, _), mail in zip(post.taken, post.mails, strict=True):
        by_recipient.setdefault(to, set()).add(mail["Message-ID"])
    assert len(post.taken) == 6
    assert len(by_recipient) == 5
    assert all(len(ids) == 1 for ids in by_recipient.values())


def test_a_server_that_always_breaks_off_is_given_up_for_this_run(tmp_path: Path, ledger: Engine) -> None:
    post, of = Post(drop_at_data=10**6), many(tmp_path / "register", 50)
    with smtp_server(post) as smtp:
        rows = remind(mailroom(tmp_path, of, smtp=smtp), ledger, PERIOD, owing(of))
    assert [r.outcome for r in rows] == ["queued"] * 50
    assert post.connections == delivery.LOST_IN_A_ROW


def test_a_fault_between_accepted_and_booked_sends_again_with_the_same_id(
    tmp_path: Path, units: Register, ledger: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    post, only = Post(), {"U2": standing("U2")}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, smtp=smtp)
        monkeypatch.setattr(queue, "mark_sent", killed)
        with pytest.raises(KeyboardInterrupt):
            remind(room, ledger, PERIOD, only)
        monkeypatch.undo()
        remind(room, ledger, PERIOD, only)
        remind(room, ledger, PERIOD, only)
    ids = [m["Message-ID"] for m in post.mails]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert "a run ended while sending" in caplog.text


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd knows of STARTTLS alone
@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_a_server_is_spoken_to_in_secret_and_logged_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    write_certificate(tmp_path)
    post = Post()
    options = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": tls == "starttls"}
    with smtp_server(post, tls=tls, certificate=tmp_path, **options) as smtp:
        (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
        by_file = replace(smtp, user="wlaq", password_file=str(tmp_path / "password"))
        monkeypatch.setenv("SIXTH_TEST_SMTP", PASSWORD)
        by_environment = replace(smtp, user="wlaq", password_env="SIXTH_TEST_SMTP")
        for settings in (by_file, by_environment):
            with open_delivery(settings, SENDER, tmp_path) as deliver:
                deliver(outgoing(mail_bytes(HEAD, "a", "b")))
        stranger = replace(by_file, ca_file="")
        with pytest.raises(Unreachable, match="certificate"), open_delivery(stranger, SENDER, tmp_path) as deliver:
            deliver(outgoing(mail_bytes(HEAD, "a", "b")))
    assert len(post.taken) == 2


@pytest.mark.parametrize("password", ["wrong-secret-1", "密码不对-secret"])
def test_a_password_is_never_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, password: str
) -> None:
    caplog.set_level(logging.DEBUG)
    write_certificate(tmp_path)
    monkeypatch.setenv("SIXTH_TEST_SMTP", password)
    options = {"authenticator": authenticate, "auth_required": True}
    with smtp_server(Post(), tls="starttls", certificate=tmp_path, **options) as smtp:
        settings = replace(smtp, user="wlaq", password_env="SIXTH_TEST_SMTP")
        with pytest.raises(Unreachable) as caught, open_delivery(settings, SENDER, tmp_path) as deliver:
            deliver(outgoing(mail_bytes(HEAD, "a", "b")))
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("sixth")]
    for told in (str(caught.value), repr(settings), *ours):
        assert password not in told
        assert password[0] not in told or password[0].isascii()


@pytest.mark.parametrize("over", [{"password_env": "SIXTH_NO_SUCH"}, {"password_file": "no/such/file"}], ids=str)
def test_a_password_that_is_not_there_is_said(tmp_path: Path, over: dict[str, str]) -> None:
    settings = SmtpSettings("127.0.0.1", 9, user="wlaq", **over)  # type: ignore[arg-type]
    with pytest.raises(Unreachable, match="no password"), open_delivery(settings, SENDER, tmp_path) as deliver:
        deliver(outgoing(b""))


def test_a_rate_is_kept_by_waiting(tmp_path: Path) -> None:
    waited: list[float] = []
    with (
        smtp_server(Post()) as smtp,
        open_delivery(replace(smtp, mails_per_minute=0.5), SENDER, tmp_path, pause=waited.append) as deliver,
    ):
        for _ in range(3):
            deliver(outgoing(mail_bytes(HEAD, "a", "b")))
    assert len(waited) == 2
    assert all(60 < seconds <= 120 for seconds in waited)


@pytest.mark.parametrize(
    "bad",
    [{"sender": "no address"}, {"reply_to": "a@b\r\nBcc: c@d"}, {"reminder_days": "31"}, {"reminder_days": [0]}],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        NoticeSettings(**bad)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        SmtpSettings("mx", tls="ssl")  # type: ignore[arg-type]


def test_a_home_without_a_sender_still_has_an_outbox(tmp_path: Path, units: Register, ledger: Engine) -> None:
    room = mailroom(tmp_path, units)
    bare = Mailroom(units, room.deadline, room.outbox, room.as_of)
    remind(bare, ledger, PERIOD, {"U2": standing("U2")})
    (file,) = bare.outbox.iterdir()
    mail = Post(taken=[("", file.read_bytes())]).mails[0]
    plain = mail.get_body(("plain",))
    assert mail["From"] == "sixth@localhost"
    assert plain is not None
    assert "平时报送的邮箱" in plain.get_content()


# --------------------------------------------------------------------------------------- a cut-off of its own
def test_a_unit_with_a_cutoff_of_its_own_is_reminded_and_overdue_by_it(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    owed = {"U1": standing("U1", cutoff=when("2026-11-09T18:00")), "U2": standing("U2")}
    told: dict[str, set[tuple[str, str]]] = {}
    for at in ("2026-11-04T02:00", "2026-11-07T02:00", "2026-11-11T02:00"):
        rows = remind(mailroom(tmp_path, units, at), ledger, PERIOD, owed, asked=False)
        told[at] = {(r.kind, r.owed if r.kind == "office_list" else r.unit_code) for r in rows if r.outcome == "sent"}
    assert told == {
        "2026-11-04T02:00": {("reminder", "U2")},
        "2026-11-07T02:00": {("reminder", "U1"), ("overdue", "U2"), ("office_list", "U2")},
        "2026-11-11T02:00": {("overdue", "U1"), ("office_list", "U1")},
    }
    reminder = next((tmp_path / "outbox").glob("*_reminder-3-20261109T1800_U1_*"))
    text = message_from_bytes(reminder.read_bytes(), policy=default).get_body(("plain",)).get_content()
    assert "11月9日" in text
    assert "18:00" in text
