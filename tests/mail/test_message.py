"""Mails in every shape: what of each becomes an attachment, and what a fault."""

from __future__ import annotations

import base64
import binascii
import logging
import quopri
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.instance.limits import Limits
from assets.intake.mail.parts import content_at
from tests.mail.made_mails import (
    HEAD,
    LIMITS,
    PDF,
    PROGRAM,
    attached,
    faults,
    forwarded,
    inline_image,
    kinds,
    mail,
    names,
    noise,
    ole,
    parsed,
    picture,
    raw_zip,
    signed,
    text,
    tnef,
    tnef_attribute,
    tnef_file,
    tnef_property,
    with_headers,
    workbook,
    zipped,
)

FORM2, FORM3 = workbook("附件2"), workbook("附件3")


@pytest.fixture(autouse=True)
def _nothing_unforeseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The net below parse_message is for what nobody thought of: no case here may fall into it."""
    with caplog.at_level(logging.ERROR, logger="assets.intake.mail.message"):
        yield
    assert not caplog.records


# --- who and when ---


def test_envelope_is_read() -> None:
    head = HEAD + b"In-Reply-To: <0@x>\r\n"
    message = parsed(mail(text("请查收。"), attached("a.xlsx", FORM2), head=head))
    assert message.sender == "unit01@oa.example"
    assert message.subject == "report"
    assert message.message_id == "<1@oa.example>"
    assert message.references == "<0@x>"
    assert message.text == "请查收。"
    assert message.received_at == datetime(2026, 11, 5, 16, 0, 1, tzinfo=UTC)
    assert message.dated_at == datetime(2026, 11, 5, 15, 59, 20, tzinfo=UTC)
    assert message.faults == ()


def test_topmost_received_header_counts_alone() -> None:
    older = b"Received: from x by y; Mon, 02 Nov 2026 00:00:00 +0800\r\n"
    assert parsed(HEAD + older + b"\r\nx").received_at == datetime(2026, 11, 5, 16, 0, 1, tzinfo=UTC)
    unreadable = b"Received: from x by y; some day\r\n"
    assert parsed(unreadable + HEAD + b"\r\nx").received_at is None
    assert parsed(b"From: a@b.c\r\n\r\nx").received_at is None


@pytest.mark.parametrize("charset", ["gb18030", "big5", "utf-8"])
def test_raw_subject_is_read(charset: str) -> None:
    words = "網路安全月報二零二六年" if charset == "big5" else "网络安全月报"
    head = b"Subject: " + words.encode(charset) + b"\r\n"
    assert parsed(mail(text("x", charset="ascii"), head=head)).subject == words


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (text("请查收本月报表。", charset="gb18030"), "请查收本月报表。"),
        (b"Content-Type: text/plain\r\n\r\n" + "请查收本月报表。".encode("gbk"), "请查收本月报表。"),
        (b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + "请查收。".encode(), "请查收。"),
        (b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "请查收本月报表。".encode("gbk"), "请查收本月报表。"),
        (text("a\x00b\u202ec"), "abc"),
        (text("x" * 5000), "x" * 2000),
    ],
)
def test_text_is_read_whatever_its_label_says(part: bytes, words: str) -> None:
    assert parsed(mail(part)).text == words


@pytest.mark.parametrize("subtype", [b"plain", b"html"])
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_long_text_is_cut_between_characters(charset: str, subtype: bytes) -> None:
    for shift in range(4):
        words = "x" * shift + "报表已发，请查收。\n" * 20_000
        assert parsed(mail(text(words, subtype, charset))).text.split() == words[:2000].split()


def test_charset_that_is_none_does_no_harm() -> None:
    for charset in (b"\x00", b'"\x00"', b"idna", b"punycode", b"hex", b"undefined", b"utf-16"):
        part = b"Content-Type: text/plain; charset=" + charset + b"\r\n\r\n" + "请查收。".encode()
        assert "请查收。" in parsed(mail(part)).text or charset == b"utf-16"


def test_html_only_mail_has_its_words_as_text_and_its_files() -> None:
    page = (
        "<html><head><title>t</title><style>p{}</style></head><body><p>请查收</p><script>x</script>报表</body></html>"
    )
    message = parsed(mail(text(page, b"html"), attached("a.xlsx", FORM2)))
    assert message.text == "请查收\n报表"
    assert names(message) == ["a.xlsx"]


# --- files ---


def test_files_are_numbered_in_the_order_of_the_mail() -> None:
    message = parsed(mail(text("x"), attached("b.xlsx", FORM2), attached("a.pdf", PDF), attached("c.csv", b"1,2")))
    assert [(file.number, file.name, file.kind) for file in message.attachments] == [
        (1, "b.xlsx", "workbook"),
        (2, "a.pdf", "scan"),
        (3, "c.csv", "csv"),
    ]
    assert message.attachments[0].content == FORM2


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit", "x-uuencode", "BASE64 ", "base64;"])
def test_transfer_encodings_are_undone(encoding: str) -> None:
    content = PDF + bytes(range(1, 9)) + b" tail"
    if encoding.lower().startswith("base64"):
        body = base64.encodebytes(content)
    elif encoding == "quoted-printable":
        body = quopri.encodestring(content)
    elif encoding == "x-uuencode":
        lines = [binascii.b2a_uu(content[start : start + 45]) for start in range(0, len(content), 45)]
        body = b"begin 644 a.pdf\n" + b"".join(lines) + b"`\nend\n"
    else:
        body = content
    headers = f"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: {encoding}\n\n".encode()
    message = parsed(mail(headers + body))
    assert [file.content for file in message.attachments] == [content]


def test_base64_in_long_runs_is_decoded_byte_for_byte() -> None:
    for size in (1500, 1535, 1536, 1537, 3000, 30_000, 30_001, 30_002):
        content = noise(size)
        message = parsed(mail(attached("a.xlsx", content), attached("b.xlsx", content + b"x")))
        assert [file.content for file in message.attachments] == [content, content + b"x"]


@given(sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=5), newline=st.sampled_from([b"\r\n", b"\n"]))
@settings(max_examples=50)
def test_any_attachments_come_out_byte_for_byte(sizes: list[int], newline: bytes) -> None:
    contents = [noise(size, seed) + b"%d" % seed for seed, size in enumerate(sizes)]
    raw = mail(text("x"), *(attached(f"{n}.xlsx", content) for n, content in enumerate(contents)))
    message = parsed(raw.replace(b"\r\n", newline))
    assert [file.content for file in message.attachments] == contents


@given(
    sizes=st.lists(st.sampled_from([10, 3000, 9000, 9001, 9002]), min_size=1, max_size=4),
    newline=st.sampled_from([b"\r\n", b"\n"]),
    before=st.sampled_from([b"", b"", b"\r\n", b"\xef\xbb\xbf"]),
    shape=st.sampled_from(["plain", "forwarded", "nested", "zipped"]),
)
@settings(max_examples=100)
def test_a_span_leads_to_the_content_in_the_archived_mail(
    sizes: list[int], newline: bytes, before: bytes, shape: str
) -> None:
    contents = [noise(size, seed) + b"%d" % seed for seed, size in enumerate(sizes)]
    files = [attached(f"{n}.xlsx", content) for n, content in enumerate(contents)]
    if shape == "forwarded":
        files = [forwarded(mail(text("x"), *files))]
    elif shape == "nested":
        files = [mail(*files, head=b"", boundary=b"inner")]
    elif shape == "zipped":
        files = [attached("all.zip", zipped({f"{n}.xlsx": content for n, content in enumerate(contents)}))]
    raw = before + mail(text("x"), *files).replace(b"\r\n", newline)
    found = parsed(raw).attachments
    assert [file.content for file in found] == contents
    with tempfile.NamedTemporaryFile() as kept:
        Path(kept.name).write_bytes(raw)
        for file in found:
            if file.span:
                assert content_at(file.span, Path(kept.name)) == file.content
    is_told = shape != "zipped" and not before  # what stands before the headers is taken away, and moves all else
    assert [bool(file.span) for file in found] == [is_told and len(content) > 1000 for content in contents]


def test_damaged_uuencoded_line_leaves_the_others() -> None:
    lines = [binascii.b2a_uu(piece) for piece in (b"first", b"third")]
    padded = lines[0].rstrip() + b"   padding\n"
    body = b"begin 644 a.pdf\n" + padded + b"#\xff\xff\xff\xff\n" + lines[1] + b"end\n"
    headers = b"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: x-uuencode\n\n"
    assert [file.content for file in parsed(mail(headers + body)).attachments] == [b"firstthird"]


def test_base64_with_padding_in_its_middle_or_cut_short_is_decoded_as_far_as_it_goes() -> None:
    headers = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    pieces = base64.b64encode(PDF[:10]) + b"\r\n" + base64.b64encode(PDF[10:])
    cut = base64.b64encode(PDF)[:41]
    message = parsed(mail(headers + pieces, headers.replace(b"a.pdf", b"b.pdf") + cut))
    assert [file.content for file in message.attachments] == [PDF, PDF[:30]]


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (FORM2, "附件-1.xlsx", "workbook"),
        (PDF, "附件-1.pdf", "scan"),
        (picture(kind="JPEG"), "附件-1.jpg", "scan"),
        (ole("Workbook"), "附件-1.xls", "workbook"),
        (b"\x01\x02\x03", "附件-1.bin", "other"),
    ],
)
def test_attachment_without_name_is_named_by_its_content(content: bytes, name: str, kind: str) -> None:
    message = parsed(mail(attached("", content)))
    assert (names(message), kinds(message)) == ([name], [kind])


def test_file_sent_as_nameless_text_is_still_a_file() -> None:
    part = with_headers(b"Content-Type: text/plain\r\n", FORM2)
    assert kinds(parsed(mail(text("x"), part))) == ["workbook"]
    table = with_headers(b"Content-Type: text/csv\r\nContent-Disposition: attachment\r\n", b"1,2")
    assert (names(parsed(mail(table))), kinds(parsed(mail(table)))) == (["附件-1.csv"], ["csv"])


def test_same_attachment_twice_is_one_also_across_containers() -> None:
    message = parsed(
        mail(attached("a.xlsx", FORM2), attached("b.xlsx", FORM2), attached("c.zip", zipped({"d.xlsx": FORM2})))
    )
    assert names(message) == ["a.xlsx"]


def test_empty_files_are_told_apart_by_their_names() -> None:
    message = parsed(mail(attached("附件2.xlsx".encode("gbk"), b""), attached("附件3.xlsx".encode("gbk"), b"")))
    assert names(message) == ["附件2.xlsx", "附件3.xlsx"]


def test_what_a_mac_sends_beside_a_file_is_ignored() -> None:
    double = mail(
        attached("a.xlsx", b"\x00\x05\x16\x07", b"application/applefile"),
        attached("a.xlsx", FORM2),
        subtype=b"appledouble",
        head=b"",
        boundary=b"double",
    )
    assert [file.content for file in parsed(mail(double)).attachments] == [FORM2]


def test_faults_of_one_mail_are_bounded() -> None:
    damaged = [attached(f"{n}.zip", b"PK\x03\x04 %d" % n) for n in range(30)]
    message = parsed(mail(*damaged), Limits(attachments=40))
    assert len(message.faults) == 30
    archives = raw_zip([(b"%d.pdf" % n, b"") for n in range(10)])
    broken = archives.replace(b"PK\x03\x04", b"PK\x03\x05")
    message = parsed(mail(attached("a.zip", b"PK\x03\x04" + broken)), Limits(attachments=2))
    assert faults(message)[-1] == ("ENV-03", "", "mail_too_large")
    assert len(message.faults) == 5


def test_texts_and_signatures_are_no_attachments() -> None:
    parts = [
        mail(
            text("x"),
            text("<p>x</p>", b"html"),
            text("BEGIN:VCALENDAR", b"calendar"),
            subtype=b"alternative",
            head=b"",
            boundary=b"alt",
        ),
        text("footer"),
        attached("smime.p7s", b"\x30\x80\x01"),
        attached("", b"\x30\x80\x02", b"application/pkcs7-signature"),
        attached("card.vcf", b"BEGIN:VCARD"),
        attached("invite.ics", b"BEGIN:VCALENDAR", b"text/calendar"),
        attached("signature.asc", b"-----BEGIN PGP SIGNATURE-----", b"application/pgp-signature"),
        attached("ATT00001.txt", b"list footer", b"text/plain"),
    ]
    message = parsed(mail(*parts))
    assert (message.attachments, message.faults) == ((), ())


def test_workbook_inside_alternative_and_related_parts_is_found() -> None:
    related = mail(text("<p/>", b"html"), attached("a.xlsx", FORM2), subtype=b"related", head=b"", boundary=b"rel")
    nested = mail(text("x"), related, subtype=b"alternative", head=b"", boundary=b"alt")
    assert names(parsed(mail(nested, attached("b.xlsx", FORM3)))) == ["a.xlsx", "b.xlsx"]


def test_logo_shown_in_the_text_is_ignored_and_a_page_shown_there_is_a_scan() -> None:
    page = text('<img src="cid:logo@x"><img src=cid:page%40x>', b"html")
    message = parsed(
        mail(
            page,
            inline_image(picture(120, 60), "logo@x"),
            inline_image(picture(620, 880), "page@x", "page.png"),
            attached("small.png", picture(300, 300), b"image/png"),
        )
    )
    assert names(message) == ["page.png", "small.png"]


def test_logo_in_a_related_part_or_under_outlooks_name_is_ignored() -> None:
    related = mail(
        text("<p/>", b"html"), inline_image(picture(100, 50), "never"), subtype=b"related", head=b"", boundary=b"r"
    )
    message = parsed(mail(related, attached("image001.png", picture(90, 50), b"image/png")))
    assert (message.attachments, message.faults) == ((), ())


def test_huge_picture_in_the_text_is_no_logo() -> None:
    png = bytearray(picture(700, 700))
    png[16:24] = (100_000).to_bytes(4, "big") * 2  # an image header that claims 10 gigapixels
    message = parsed(mail(text("<img src=cid:a>", b"html"), inline_image(bytes(png), "a")))
    assert kinds(message) == ["scan"]


# --- forwarded mails ---


def test_forwards_several_deep_are_opened_and_named() -> None:
    inner = mail(attached("a.xlsx", FORM2), head=b"Subject: =?gbk?B?1MK6xQ==?=\r\n", boundary=b"b1")
    middle = mail(text("fwd"), forwarded(inner), head="Subject: 转发\r\n".encode(), boundary=b"b2")
    message = parsed(mail(text("请看转发"), forwarded(middle), boundary=b"b3"))
    assert message.attachments[0].within == ("转发", "月号")
    assert message.sender == "unit01@oa.example"
    assert message.text == "请看转发"


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_forward_that_is_illegally_encoded_is_opened(encoding: str) -> None:
    inner = mail(text("x"), attached("a.xlsx", FORM2), boundary=b"inner")
    encoded = base64.encodebytes(inner) if encoding == "base64" else quopri.encodestring(inner)
    part = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + encoded
    message = parsed(mail(text("x"), part, boundary=b"outer"))
    assert [(file.name, file.content) for file in message.attachments] == [("a.xlsx", FORM2)]


def test_forward_as_a_file_is_opened() -> None:
    inner = mail(attached("a.xlsx", FORM2), head=b"Subject: monthly\r\n")
    message = parsed(mail(attached("old.eml", inner)))
    assert [(file.name, file.within) for file in message.attachments] == [("a.xlsx", ("monthly",))]
    assert parsed(mail(attached("old.eml", b""))).attachments == ()


def test_bounce_report_has_no_files_and_a_part_of_a_mail_is_a_fault() -> None:
    status = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\n"
    assert parsed(mail(text("failed"), status, subtype=b"report")).attachments == ()
    part = b'Content-Type: message/partial; id="1"; number=2; total=3\r\n\r\nQUJD'
    assert faults(parsed(mail(part))) == [("ENV-03", "", "mail_damaged")]


# --- archives ---


def test_zip_is_unpacked_one_level_with_its_name() -> None:
    archive = zipped(
        {"报表/附件2.xlsx": FORM2, "报表/": b"", "盖章.pdf": PDF, "__MACOSX/._a.xlsx": b"x", "~$附件2.xlsx": b"y"}
    )
    message = parsed(mail(attached("报表.zip".encode("gbk"), archive)))
    assert [(file.name, file.within, file.kind) for file in message.attachments] == [
        ("附件2.xlsx", ("报表.zip",), "workbook"),
        ("盖章.pdf", ("报表.zip",), "scan"),
    ]


def test_names_in_a_zip_are_read_as_gb18030_without_the_utf8_flag() -> None:
    archive = raw_zip([("附件2 青川盟.xlsx".encode("gb18030"), FORM2), ("附件3.xlsx".encode(), FORM3)])
    assert names(parsed(mail(attached("a.zip", archive)))) == ["附件2 青川盟.xlsx", "附件3.xlsx"]


def test_name_in_a_zip_in_info_zips_unicode_field_is_read() -> None:
    raw = b"fallback.xlsx"
    field = b"\x01" + zlib.crc32(raw).to_bytes(4, "little") + "附件2.xlsx".encode()
    archive = raw_zip([(raw, FORM2)], extra=struct.pack("<HH", 0x7075, len(field)) + field)
    assert names(parsed(mail(attached("a.zip", archive)))) == ["附件2.xlsx"]


@given(stem=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=30))
def test_any_chinese_name_in_a_zip_round_trips(stem: str) -> None:
    for flags, charset in ((0, "gb18030"), (0x800, "utf-8")):
        raw = f"{stem}.xlsx".encode(charset)
        try:
            ambiguous = not flags and raw.decode("utf-8") is not None
        except UnicodeDecodeError:
            ambiguous = False
        if not ambiguous:
            assert names(parsed(mail(attached("a.zip", raw_zip([(raw, FORM2)], flags))))) == [f"{stem}.xlsx"]


def test_mail_inside_a_zip_is_opened_and_a_zip_in_it_is_nested() -> None:
    inner = mail(attached("a.xlsx", FORM2), attached("b.zip", zipped({"c.xlsx": FORM3})), head=b"Subject: s\r\n")
    message = parsed(mail(attached("mails.zip", zipped({"1.eml": inner}))))
    assert message.attachments[0].within == ("mails.zip", "s")
    assert faults(message) == [("ENV-04", "b.zip", "archive_nested")]


def test_zip_in_a_zip_is_set_aside_and_the_rest_is_read() -> None:
    archive = zipped({"inner.zip": zipped({"a.xlsx": FORM3}), "b.xlsx": FORM2})
    message = parsed(mail(attached("a.zip", archive)))
    assert faults(message) == [("ENV-04", "inner.zip", "archive_nested")]
    assert kinds(message) == ["other", "workbook"]


@pytest.mark.parametrize(
    ("name", "content", "rule", "reason"),
    [
        ("a.rar", b"Rar!\x1a\x07\x01\x00", "ENV-04", "archive_kind"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "ENV-04", "archive_kind"),
        ("a.zip", b"Rar!\x1a\x07\x01\x00", "ENV-04", "archive_kind"),
        ("a.exe", PROGRAM, "ENV-04", "program"),
        ("a.pdf", PROGRAM, "ENV-04", "program"),
        ("a.xlsx", b"\x7fELF", "ENV-04", "program"),
        ("a.docx", zipped({"[Content_Types].xml": b"", "word/document.xml": b""}), "ENV-04", "unknown_kind"),
        ("a.docm", zipped({"[Content_Types].xml": b"", "word/vbaProject.bin": b""}), "ENV-04", "program"),
        ("a.mp4", b"\x00\x00\x00\x18ftyp", "ENV-04", "unknown_kind"),
        ("a.txt", b"hello", "ENV-04", "unknown_kind"),
        ("a.zip", zipped({"a.xlsx": FORM2})[:-60], "ENV-03", "archive_damaged"),
        ("a.zip", b"", "ENV-03", "archive_damaged"),
        ("a.xlsx.pgp", b"-----BEGIN PGP MESSAGE-----", "ENV-03", "mail_encrypted"),
    ],
)
def test_what_is_not_accepted_is_one_fault_and_leaves_the_rest(
    name: str, content: bytes, rule: str, reason: str
) -> None:
    message = parsed(mail(attached(name, content), attached("b.xlsx", FORM2)))
    assert faults(message) == [(rule, name, reason)]
    assert "b.xlsx" in names(message)
    if rule == "ENV-04":
        assert message.faults[0].value == f".{name.rpartition('.')[2]}"
        assert message.attachments[0].kind == "other"


def test_encrypted_zip_is_one_fault() -> None:
    archive = raw_zip([(b"a.xlsx", noise(50)), (b"b.xlsx", noise(60))], flags=1)
    assert faults(parsed(mail(attached("a.zip", archive)))) == [("ENV-03", "a.zip", "archive_encrypted")]


def test_damaged_member_is_a_fault_of_its_own() -> None:
    archive = bytearray(zipped({"a.xlsx": FORM2, "b.xlsx": FORM3}, zipfile.ZIP_STORED))
    archive[200] ^= 0xFF
    message = parsed(mail(attached("a.zip", bytes(archive))))
    assert names(message) == ["b.xlsx"]
    assert faults(message) == [("ENV-03", "a.xlsx", "archive_damaged")]


def test_member_without_a_name_is_named_by_its_content() -> None:
    for name in (b"", b"\x00.xlsx"):
        assert kinds(parsed(mail(attached("a.zip", raw_zip([(name, FORM2)]))))) == ["workbook"]


def test_paths_in_a_zip_are_only_names() -> None:
    archive = zipped({"../../../etc/cron.d/a.xlsx": FORM2, "C:\\Windows\\b.xlsx": FORM3})
    assert names(parsed(mail(attached("a.zip", archive)))) == ["a.xlsx", "b.xlsx"]


# --- winmail.dat ---


def test_files_in_winmail_dat_are_taken_out_with_their_long_names() -> None:
    long_name = tnef_property(0x3707, 0x1F, "附件2 临江.xlsx".encode("utf-16-le") + b"\x00\x00")
    envelope = tnef(
        tnef_file(b"FUJIAN~1.XLS", FORM2, long_name),
        tnef_file("附件3.xlsx".encode("gbk"), FORM3),
        tnef_file(b"image001.png", picture(90, 50)),
    )
    message = parsed(mail(attached("winmail.dat", envelope, b"application/ms-tnef")))
    assert [(file.name, file.content) for file in message.attachments] == [
        ("附件2 临江.xlsx", FORM2),
        ("附件3.xlsx", FORM3),
    ]
    assert message.faults == ()


def test_mail_in_winmail_dat_is_opened() -> None:
    inner = tnef(tnef_file(b"a.xlsx", FORM2))
    envelope = tnef(tnef_file(b"fwd", b"", tnef_property(0x3701, 0x0D, bytes(16) + inner)))
    assert [file.content for file in parsed(mail(attached("winmail.dat", envelope))).attachments] == [FORM2]


def test_damaged_winmail_dat_gives_what_can_be_had_and_a_fault() -> None:
    loop = tnef_attribute(2, 0x9005, b"\xff\xff\xff\xff\x02\x10\x01\x37\xff\xff\xff\xff")
    envelope = tnef(tnef_file(b"a.xlsx", FORM2), tnef_file(b"b.xlsx", FORM3) + loop)
    message = parsed(mail(attached("winmail.dat", envelope)))
    assert names(message) == ["a.xlsx", "b.xlsx"]
    assert faults(message) == [("ENV-03", "winmail.dat", "damaged")]


# --- S/MIME and PGP ---


def test_signed_mail_is_read_and_its_signature_ignored() -> None:
    wrapper = mail(
        mail(text("签名邮件"), attached("a.xlsx", FORM2), head=b"", boundary=b"inner"),
        attached("smime.p7s", b"\x30\x80", b"application/pkcs7-signature"),
        subtype=b"signed",
    )
    message = parsed(wrapper)
    assert (names(message), message.faults, message.text) == (["a.xlsx"], (), "签名邮件")


@pytest.mark.parametrize("in_pieces", [False, True])
def test_opaque_signed_mail_is_unwrapped(in_pieces: bool) -> None:
    entity = mail(text("不透明签名"), attached("a.xlsx", FORM2), head=b"")
    body = with_headers(
        b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n",
        signed(entity, in_pieces),
    )
    message = parsed(HEAD + body)
    assert [(file.name, file.content) for file in message.attachments] == [("a.xlsx", FORM2)]
    assert (message.text, message.faults) == ("不透明签名", ())


def test_signed_file_is_unwrapped_under_its_own_name() -> None:
    assert names(parsed(mail(attached("a.xlsx.p7m", signed(FORM2))))) == ["a.xlsx"]


def test_encrypted_mail_is_a_fault() -> None:
    enveloped = attached("smime.p7m", signed(b"x", kind=3), b"application/pkcs7-mime")
    assert faults(parsed(mail(enveloped))) == [("ENV-03", "smime.p7m", "mail_encrypted")]
    pgp = [
        attached("", b"Version: 1\n", b"application/pgp-encrypted"),
        attached("encrypted.asc", b"-----BEGIN PGP MESSAGE-----\n"),
    ]
    assert faults(parsed(mail(*pgp, subtype=b"encrypted"))) == [("ENV-03", "encrypted.asc", "mail_encrypted")]


def test_damaged_wrapper_is_a_fault() -> None:
    cut = signed(mail(attached("a.xlsx", FORM2)))[:500]
    assert faults(parsed(mail(attached("smime.p7m", cut)))) == [("ENV-03", "smime.p7m", "mail_damaged")]


# --- broken mails ---


def test_multipart_without_its_boundary_is_mended() -> None:
    raw = mail(text("x"), attached("a.xlsx", FORM2))
    for broken in (
        raw.replace(b'; boundary="=_b"', b"", 1),
        raw.replace(b'boundary="=_b"', b'boundary="other"', 1),
        raw.replace(b"Content-Type: multipart", b"broken header line\r\nContent-Type: multipart", 1),
    ):
        assert [file.content for file in parsed(broken).attachments] == [FORM2]


def test_multipart_that_cannot_be_mended_is_a_fault() -> None:
    raw = HEAD + b"Content-Type: multipart/mixed\r\n\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-"
    assert faults(parsed(raw)) == [("ENV-03", "", "mail_damaged")]


def test_plain_text_that_claims_parts_is_read_as_text() -> None:
    message = parsed(HEAD + b"Content-Type: multipart/mixed\r\n\r\nhello")
    assert (message.text, message.faults) == ("hello", ())


@pytest.mark.parametrize("end", [0, 40, 400, 900])
def test_mail_cut_short_keeps_what_came_before(end: int) -> None:
    raw = mail(text("x"), attached("a.pdf", PDF), attached("b.xlsx", FORM2))
    cut = raw[: len(raw) - end]
    assert names(parsed(cut))[:1] == ["a.pdf"]


def test_bare_carriage_returns_byte_order_marks_and_leading_blank_lines_do_not_matter() -> None:
    raw = mail(text("x"), attached("a.xlsx", FORM2))
    for form in (raw.replace(b"\r\n", b"\r"), b"\xef\xbb\xbf" + raw, b"\r\n\n" + raw, b"From x Mon Jan 1\n" + raw):
        message = parsed(form)
        assert (message.sender, names(message)) == ("unit01@oa.example", ["a.xlsx"])


def test_bytes_that_are_no_mail_are_a_mail_without_anything() -> None:
    for raw in (b"", b"\x00" * 1000, b"\xff\xfe" * 500, b"\r\n\r\n"):
        message = parsed(raw)
        assert (message.sender, message.attachments, message.received_at) == ("", (), None)


# --- limits ---


def test_mail_over_the_limit_is_read_as_far_as_its_headers() -> None:
    raw = mail(attached("a.xlsx", noise(20_000)))
    message = parsed(raw, Limits(mail_bytes=20_000))
    assert (message.sender, message.subject) == ("unit01@oa.example", "report")
    assert faults(message) == [("ENV-03", "", "mail_too_large")]


def test_attachment_over_the_limit_is_a_fault_and_leaves_the_rest() -> None:
    message = parsed(
        mail(attached("a.xlsx", noise(20_000)), attached("b.xlsx", FORM2)), Limits(attachment_bytes=15_000)
    )
    assert faults(message) == [("ENV-03", "a.xlsx", "mail_too_large")]
    assert names(message) == ["b.xlsx"]


def test_too_many_attachments_are_one_fault() -> None:
    message = parsed(mail(*(attached(f"{n}.xlsx", b"%d" % n) for n in range(20))), Limits(attachments=5))
    assert len(message.attachments) == 5
    assert faults(message) == [("ENV-03", "5.xlsx", "mail_too_large")]


def test_archive_over_its_limits_is_refused_before_it_is_unpacked() -> None:
    many = zipped({f"{n}.xlsx": b"" for n in range(30)})
    assert faults(parsed(mail(attached("a.zip", many)), Limits(archive_members=20))) == [
        ("ENV-03", "a.zip", "archive_members")
    ]
    large = zipped({"a.bin": noise(5000), "b.bin": noise(5000, 2)})
    assert faults(parsed(mail(attached("a.zip", large)), Limits(archive_bytes=9000))) == [
        ("ENV-03", "a.zip", "archive_bomb")
    ]


def test_several_archives_share_one_limit() -> None:
    archives = [attached(f"{n}.zip", zipped({f"{n}.pdf": PDF + noise(4000, n)})) for n in range(3)]
    message = parsed(mail(*archives), Limits(archive_bytes=9000))
    assert names(message) == ["0.pdf", "1.pdf"]
    assert faults(message) == [("ENV-03", "2.zip", "archive_bomb")]


# --- whatever comes ---


@given(raw=st.binary(max_size=3000))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    message = parsed(raw)
    assert [file.number for file in message.attachments] == list(range(1, len(message.attachments) + 1))


SHAPES = [
    mail(
        text("x"), attached("附件2.xlsx".encode("gbk"), FORM2), forwarded(mail(attached("b.pdf", PDF), boundary=b"q"))
    ),
    mail(attached("a.zip", zipped({"a.xlsx": FORM2, "b.eml": mail(attached("c.pdf", PDF))}))),
    mail(attached("winmail.dat", tnef(tnef_file(b"a.xlsx", FORM2, tnef_property(0x3707, 0x1E, b"long.xlsx"))))),
    HEAD + with_headers(b"Content-Type: application/pkcs7-mime\r\n", signed(mail(attached("a.xlsx", FORM2)), True)),
    mail(text("<img src=cid:a>", b"html"), inline_image(picture(50, 50), "a"), subtype=b"related"),
    *(path.read_bytes() for path in sorted(Path("pipelines/sample/inbox").rglob("*.eml"))[::7]),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(SHAPES)))
    for _ in range(draw(st.integers(1, 8))):
        at = (
            draw(st.integers(0, len(raw) - 1)) if draw(st.booleans()) else draw(st.integers(0, min(1500, len(raw) - 1)))
        )
        change = draw(st.integers(0, 3))
        if change == 0:
            raw[at] = draw(st.integers(0, 255))
        elif change == 1:
            del raw[at : at + draw(st.integers(1, 200))]
        elif change == 2:
            raw[at:at] = draw(st.binary(min_size=1, max_size=20))
        else:
            length = draw(st.integers(1, 300))
            raw[at:at] = raw[draw(st.integers(0, len(raw) - 1)) :][:length]
        raw = raw or bytearray(b"x")
    return bytes(raw)


@given(raw=mutated())
@settings(max_examples=200, deadline=None)
def test_no_mutation_of_a_real_mail_makes_it_raise(raw: bytes) -> None:
    message = parsed(raw)
    assert len(message.attachments) <= LIMITS.attachments
    for file in message.attachments:
        assert file.name == file.name.strip()
        assert "/" not in file.name


def test_kinds_that_the_settings_do_not_accept_are_set_aside() -> None:
    packed = zipped({"b.xlsx": workbook("b")})
    raw = mail(attached("a.xlsx", workbook()), attached("c.csv", b"a,b"), attached("d.zip", packed))
    message = parsed(raw, replace(LIMITS, accepted=("xlsx",)))
    assert [(attachment.name, attachment.kind) for attachment in message.attachments] == [
        ("a.xlsx", "workbook"),
        ("c.csv", "other"),
        ("d.zip", "other"),
    ]
    assert faults(message) == [("ENV-04", "c.csv", "unknown_kind"), ("ENV-04", "d.zip", "unknown_kind")]


@pytest.mark.parametrize("place", ["before", "after"])
def test_files_outside_of_the_boundaries_are_found(place: str) -> None:
    """As when a gateway wraps a mail into another one of the same boundary: the inner end is taken for the outer."""
    inner = mail(attached("a.xlsx", workbook("a")), boundary=b"same")
    whole = mail(forwarded(inner), attached("b.xlsx", workbook("b")), boundary=b"same")
    if place == "before":
        lost = b"--other\r\n" + attached("b.xlsx", workbook("b")) + b"\r\n--other--\r\n"
        whole = mail(attached("a.xlsx", workbook("a"))).replace(b"\r\n\r\n", b"\r\n\r\n" + lost, 1)
    message = parsed(whole)
    assert sorted(names(message)) == ["a.xlsx", "b.xlsx"]
    assert faults(message) == []
