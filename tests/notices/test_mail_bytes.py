"""Mails as bytes: RFC 5322, 2047 and 2231 as other programs read them, and nothing that can be smuggled in."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.limits import Limits
from assets.instance.settings import is_address
from assets.intake.mail.message import parse_message
from reports.notices.mime import Head, mail_bytes, message_id, reply_subject, thread
from tests.notices.made_units import when

HEAD = Head(
    sender="wlaq@oa.example",
    sender_name="网络部（网络安全月报）",
    recipient="county01001@oa.example",
    recipient_name="青川盟第1旗县分公司",
    subject="Re: 【网络安全月报】青川盟第3旗县分公司2026-10 网络安全月报表报送情况说明以及补充材料",
    message_id="<0123456789abcdef@oa.example>",
    date=when("2026-11-06T00:30"),
)
LONG_NAME = "附件2 网络暴露面资产新增及APP上线情况月报表-青川盟第1旗县分公司（2026年10月）标注问题.xlsx"


def read(raw: bytes) -> EmailMessage:
    """As the standard library reads it, refusing what is malformed."""
    message = email.message_from_bytes(raw, policy=email.policy.default.clone(raise_on_defect=True))
    assert isinstance(message, EmailMessage)
    return message


def test_other_programs_read_back_what_was_put_in() -> None:
    files = [(LONG_NAME, b"PK\x03\x04" + bytes(range(256)) * 40), ("list of faults.xlsx", b"x"), ("旧表.xls", b"")]
    raw = mail_bytes(HEAD, "第一行\n第二行\n", "<p>您好</p>", files)
    mail = read(raw)
    assert mail["Subject"] == HEAD.subject
    assert mail["From"].addresses[0].display_name == HEAD.sender_name
    assert mail["To"].addresses[0].addr_spec == HEAD.recipient
    assert mail["Date"].datetime == HEAD.date
    assert mail["Message-ID"] == HEAD.message_id
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert plain.get_content() == "第一行\r\n第二行\r\n"
    assert page.get_content() == "<p>您好</p>"
    assert [(p.get_filename(), p.get_content()) for p in mail.iter_attachments()] == files
    kinds = [p.get_content_type() for p in mail.iter_attachments()]
    assert kinds[0] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert mail.get_content_type() == "multipart/mixed"
    assert read(mail_bytes(HEAD, "a", "b")).get_content_type() == "multipart/alternative"


def test_our_own_intake_reads_it_too() -> None:
    got = parse_message(mail_bytes(HEAD, "正文", "<p>正文</p>", [(LONG_NAME, b"PK\x03\x04")]), Limits())
    assert (got.sender, got.subject, got.message_id) == (HEAD.sender, HEAD.subject, HEAD.message_id)
    assert [a.name for a in got.attachments] == [LONG_NAME]


@pytest.mark.parametrize("name", ["长" * 300 + ".xlsx", "x." + "长" * 300, "🀄" * 64 + ".xls"])
def test_an_endless_file_name_is_cut_to_what_a_line_can_hold(name: str) -> None:
    raw = mail_bytes(HEAD, "a", "b", [(name, b"x")])
    (shown,) = (p.get_filename() or "" for p in read(raw).iter_attachments())
    assert len(shown.encode()) <= 255
    assert shown[0] == name[0]
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_lines_are_as_rfc_5322_and_2047_want_them() -> None:
    raw = mail_bytes(replace(HEAD, subject="月报" * 90), "好" * 5000, "<p>" + "好" * 5000, [(LONG_NAME, b"x" * 5000)])
    lines = raw.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert raw.isascii()
    assert max(map(len, lines)) <= 998
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^?]+\?[bqBQ]\?[^?]*\?=", raw))


def test_a_thread_is_told_whole_however_long_its_ids() -> None:
    ids = (f"<{'a' * 90}@oa.example>", "<b@oa.example>", f"<{'c' * 90}@mail.oa.example>")
    mail = email.message_from_bytes(mail_bytes(replace(HEAD, references=ids, automatic="auto-replied"), "a", "b"))
    assert mail["References"].split() == list(ids)
    assert mail["In-Reply-To"] == ids[-1]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert b"=?utf-8" not in mail_bytes(
        replace(HEAD, references=ids, subject="x", sender_name="", recipient_name=""), "a", "b"
    )


@pytest.mark.parametrize(
    ("own", "earlier", "expected"),
    [
        ("<b@x>", "", ("<b@x>",)),
        ("<b@x>", "<a@x>", ("<a@x>", "<b@x>")),
        ("<b@x>", "<a@x>\r\n\t<b@x>", ("<a@x>", "<b@x>")),
        ("", "<a@x>", ("<a@x>",)),
        ("no id", "nor here", ()),
        ("<b@x>\r\nBcc: <evil@x>", "", ("<b@x>",)),
        ("<中文@x>", "<a @x>", ()),
    ],
)
def test_references_of_an_answer(own: str, earlier: str, expected: tuple[str, ...]) -> None:
    assert thread(own, earlier) == expected


def test_a_very_long_thread_keeps_its_first_and_last() -> None:
    ids = [f"<{n}@x>" for n in range(100)]
    kept = thread("<new@x>", " ".join(ids))
    assert (kept[0], kept[-1], kept[-2]) == ("<0@x>", "<new@x>", "<99@x>")
    assert len(kept) < 25


@pytest.mark.parametrize("subject", ["月报", "Re: 月报", "RE：月报", "回复: 月报", "答复：Re: 月报"])
def test_an_answer_has_one_re(subject: str) -> None:
    assert reply_subject(subject) == "Re: 月报"


def test_the_same_notice_has_the_same_id_and_bytes() -> None:
    assert message_id("receipt|a", "x@oa.example") == message_id("receipt|a", "y@oa.example")
    assert message_id("receipt|a", "x@oa.example") != message_id("receipt|b", "x@oa.example")
    files = [(LONG_NAME, b"x" * 100)]
    assert mail_bytes(HEAD, "a", "b", files) == mail_bytes(HEAD, "a", "b", files)


ADDRESSES = {
    "u@oa.example": True,
    "U.1-2_x+y@mail.oa.example": True,
    "u@oa.example\r\nBcc: v@x": False,
    "u@oa.example>": False,
    "u@oa.example,v@oa.example": False,
    "u u@oa.example": False,
    "u@oa..example": False,
    "局@oa.example": False,
    "u": False,
    "": False,
    "u@oa.example\n": False,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_only_plain_addresses_are_written_to(address: str) -> None:
    assert is_address(address) == ADDRESSES[address]
    if address and not ADDRESSES[address]:
        with pytest.raises(ValueError, match="no address"):
            mail_bytes(replace(HEAD, recipient=address), "a", "b")


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_can_add_a_header_or_break_a_mail(subject: str, sender_name: str, name: str, text: str) -> None:
    nasty = [f"{subject}\r\nBcc: evil@x.example\r\n\r\n{subject}", f"{sender_name}\nTo: <evil@x.example>\u2028X: y"]
    head = replace(HEAD, subject=nasty[0], sender_name=nasty[1], recipient_name=name)
    raw = mail_bytes(head, text, f"<p>{text}", [(name, b"x")])
    mail = email.message_from_bytes(raw, policy=email.policy.compat32)
    assert set(mail.keys()) == {
        "Content-Type", "MIME-Version", "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
        "X-Auto-Response-Suppress",
    }  # fmt: skip
    assert len(mail.keys()) == 9
    assert [p.get_content_type() for p in mail.walk() if not p.is_multipart()][:2] == ["text/plain", "text/html"]
    assert sum(1 for p in mail.walk() if not p.is_multipart()) == 3
    for part in mail.walk():
        assert not part.defects
        assert set(part.keys()) <= {
            *mail.keys(), "Content-Transfer-Encoding", "Content-Disposition",
        }  # fmt: skip
