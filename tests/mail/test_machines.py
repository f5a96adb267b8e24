"""Mails on mails: what a bounce says, and that a report carries nothing that is sent (field trial 18)."""

from __future__ import annotations

import base64

import pytest

from assets.instance.limits import Limits
from assets.intake.mail.machines import Bounce
from assets.intake.mail.message import Message, parse_message
from reports.notices.due import is_automatic

RETURNED = base64.b64encode(b"%PDF-1.4 what we sent ourselves" * 80).decode()


def report(kind: str, status: str, *, sender: str = "MAILER-DAEMON@oa.example", text: str = "failed") -> bytes:
    """A report on a mail of ours, which it returns with what was attached to it."""
    return (
        f"From: {sender}\r\nTo: wangan@oa.example\r\nSubject: report\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type={kind}; boundary="xyz"\r\n\r\n'
        f"--xyz\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        f"--xyz\r\nContent-Type: message/{kind}\r\n\r\n{status}\r\n"
        "--xyz\r\nContent-Type: message/rfc822\r\n\r\nSubject: our answer\r\nMIME-Version: 1.0\r\n"
        'Content-Type: application/pdf; name="scan.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{RETURNED}\r\n--xyz--\r\n"
    ).encode()


def status(code: str, action: str = "failed", said: str = "") -> str:
    diagnostic = f"Diagnostic-Code: smtp; {said}\r\n" if said else ""
    return (
        "Reporting-MTA: dns; mx.oa.example\r\n\r\n"
        f"Final-Recipient: rfc822;S01@oa.example\r\nAction: {action}\r\nStatus: {code}\r\n{diagnostic}"
    )


def parsed(raw: bytes) -> Message:
    return parse_message(raw, Limits())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (status("5.2.2"), "mailbox_full"),
        (status("5.1.1"), "mailbox_unknown"),
        (status("5.7.1"), "not_delivered"),
        (status("5.0.0", said="550 User unknown"), "mailbox_unknown"),
        (status("5.0.0", said="552 over quota"), "mailbox_full"),
    ],
)
def test_a_bounce_says_whom_it_is_about_and_why(said: str, reason: str) -> None:
    message = parsed(report("delivery-status", said))
    assert message.bounce == Bounce("s01@oa.example", reason)
    assert (message.attachments, message.faults) == ((), ())  # what it returns is ours, and nothing that is sent


def test_a_report_nested_hundreds_deep_says_nothing_and_raises_nothing() -> None:
    nested = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(400)).encode()
    message = parsed(b"From: MAILER-DAEMON@oa.example\r\nMIME-Version: 1.0\r\n" + nested + b"\r\nx\r\n")
    assert message.bounce is None


def test_a_delay_is_no_bounce() -> None:
    assert parsed(report("delivery-status", status("4.4.1", "delayed"))).bounce is None


def test_a_read_receipt_is_no_bounce_and_carries_nothing() -> None:
    said = "Final-Recipient: rfc822; s01@oa.example\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n"
    message = parsed(report("disposition-notification", said, sender="s01@oa.example"))
    assert (message.bounce, message.attachments, message.faults) == (None, (), ())


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ("X-Failed-Recipients: s01@oa.example\r\n", "Delivery has failed."),
        ("", "您发往 s01@oa.example 的邮件被退回，收件人邮箱已满。"),
        ("", "The user <S01@oa.example> does not exist. Sent by postmaster@oa.example"),
    ],
)
def test_a_bounce_in_words_is_one_too(head: str, text: str) -> None:
    raw = f"From: postmaster@oa.example\r\n{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()
    bounce = parsed(raw).bounce
    assert bounce is not None
    assert bounce.address == "s01@oa.example"


def test_a_unit_that_names_an_address_bounces_nothing() -> None:
    raw = b"From: s01@oa.example\r\n\r\nPlease write to other@oa.example\r\n"
    assert parsed(raw).bounce is None


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
        "Subject: =?utf-8?b?6Ieq5Yqo5Zue5aSNOuOAkOe9kee7nOWuieWFqOaciOaKpeOAkTIwMjYt?=\r\n =?utf-8?b?MTAg5Y+N6aaI?=",
        "Subject: Automatic reply: 2026-10",
        "Subject: Out of office: until Monday",
        "Subject: Undeliverable: answer",
        "From: Postmaster <postmaster@oa.example>",
        "From: MAILER-DAEMON@oa.example",
    ],
)
def test_a_machine_is_not_answered(header: str) -> None:
    assert is_automatic(f"To: wangan@oa.example\r\n{header}\r\n".encode())


@pytest.mark.parametrize("subject", ["Re: Automatic reply: x", "Reading list", "已读不回的说明", "月报 自动回复"])
def test_a_person_is_answered(subject: str) -> None:
    assert not is_automatic(f"From: s01@oa.example\r\nSubject: {subject}\r\n".encode())
