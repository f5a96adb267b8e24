"""Header text and file names, in the spellings that mailers in China use and misuse."""

from __future__ import annotations

import base64
import email
import quopri
import unicodedata
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.limits import Limits
from assets.intake.mail import headers

LIMITS = Limits()
NAME = "附件2 临江市第2县分公司.xlsx"


def name_in(header: bytes, hint: str = "") -> str:
    part = email.message_from_bytes(b"Content-Disposition: attachment; " + header + b"\n\n")
    return headers.file_name(part, LIMITS, hint)


def word(raw: bytes, charset: str) -> bytes:
    return b"=?%b?B?%b?=" % (charset.encode(), base64.b64encode(raw))


def segments(charset: str, sizes: int = 7) -> bytes:
    encoded = quote(NAME.encode(charset), safe="").encode()
    pieces = [encoded[start : start + sizes * 3] for start in range(0, len(encoded), sizes * 3)]
    pieces[0] = charset.encode() + b"''" + pieces[0]
    return b";\n ".join(b"filename*%d*=%b" % (number, piece) for number, piece in enumerate(pieces))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"filename*=utf-8''" + quote(NAME).encode(), id="RFC 2231"),
        pytest.param(b"filename*=GB18030'zh'" + quote(NAME.encode("gb18030")).encode(), id="RFC 2231 gb18030"),
        pytest.param(segments("utf-8"), id="RFC 2231 continuations split anywhere"),
        pytest.param(segments("gb18030"), id="RFC 2231 continuations gb18030"),
        pytest.param(b'filename="' + word(NAME.encode(), "utf-8") + b'"', id="encoded word in quotes"),
        pytest.param(b"filename=" + word(NAME.encode("gbk"), "GBK"), id="encoded word without quotes"),
        pytest.param(b'filename="' + word(NAME.encode("gbk"), "gb2312") + b'"', id="gbk labelled gb2312"),
        pytest.param(
            b'filename="'
            + word(NAME.encode("gb18030")[:5], "gb18030")
            + b"\n "
            + word(NAME.encode("gb18030")[5:], "gb18030")
            + b'"',
            id="words split inside a character",
        ),
        pytest.param(
            b'filename="=?utf-8?Q?' + quopri.encodestring(NAME.encode(), header=True).replace(b"=\n", b"") + b'?="',
            id="Q encoding",
        ),
        pytest.param(b'filename="' + NAME.encode("gb18030") + b'"', id="raw GB18030"),
        pytest.param(b'filename="' + NAME.encode() + b'"', id="raw UTF-8"),
        pytest.param(b"filename=" + NAME.encode("gbk").replace(b" ", b" "), id="raw, blank, no quotes"),
        pytest.param(b"filename=\"dummy.bin\"; filename*=utf-8''" + quote(NAME).encode(), id="both forms"),
        pytest.param(b'filename="' + quote(NAME).encode() + b'"', id="percent-encoded plain form"),
        pytest.param(b'filename="' + NAME.encode("ascii", "xmlcharrefreplace") + b'"', id="character references"),
        pytest.param(b'FileName="' + NAME.encode("gbk") + b'"', id="capitals"),
        pytest.param(b'filename="' + word(NAME.encode("gbk"), "utf-8") + b'"', id="gbk labelled utf-8"),
        pytest.param(b'filename="' + word(NAME.encode(), "gb2312") + b'"', id="utf-8 labelled gb2312"),
        pytest.param(b'filename="' + word(NAME.encode("gbk"), "x-unknown") + b'"', id="unknown label"),
    ],
)
def test_file_name_is_read(header: bytes) -> None:
    assert name_in(header) == NAME


def test_file_name_in_content_type_alone_is_read() -> None:
    part = email.message_from_bytes(b'Content-Type: application/x; name="' + NAME.encode("gbk") + b'"\n\n')
    assert headers.file_name(part, LIMITS) == NAME


def test_raw_big5_name_is_told_from_gb18030() -> None:
    assert name_in('filename="附件二 網路安全月報.xlsx"'.encode("big5")) == "附件二 網路安全月報.xlsx"


def test_raw_gbk_name_with_ascii_second_bytes_is_read_with_the_charset_of_the_text() -> None:
    rare = "誠涀漒.xlsx"
    assert any(byte in b"\\|}" for byte in rare.encode("gbk"))
    assert name_in(b'filename="' + rare.encode("gbk") + b'"', hint="gbk") == rare


def test_latin_name_is_not_taken_for_chinese() -> None:
    assert name_in('filename="résumé.xlsx"'.encode("latin-1")) == "résumé.xlsx"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd.xlsx", "passwd.xlsx"),
        ("C:\\users\\a\\附件2.xlsx", "附件2.xlsx"),
        ("report\u202excod.exe", "reportxcod.exe"),
        ("a\u200bb\x00c\x1bd.xlsx", "abcd.xlsx"),
        (" 附件2.xlsx. ", "附件2.xlsx"),
        ("a\r\n\tb.xlsx", "a b.xlsx"),
        ("e\u0301.xlsx", "é.xlsx"),
        ("/", ""),
        ("附" * 500 + ".xlsx", "附" * 195 + ".xlsx"),
    ],
)
def test_shown_name_has_no_path_and_nothing_invisible(sent: str, shown: str) -> None:
    assert headers.clean_name(sent) == shown


CHINESE = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=3, max_size=40)
# The 3,755 everyday characters: what can be told without a label.
EVERYDAY = st.text(
    st.sampled_from([bytes([row, cell]).decode("gb2312") for row in range(0xB0, 0xD7) for cell in range(0xA1, 0xFF)]),
    min_size=4,
    max_size=40,
)


@given(stem=CHINESE, charset=st.sampled_from(["utf-8", "gbk", "gb18030"]), split=st.integers(0, 200))
def test_encoded_words_round_trip_wherever_they_are_split(stem: str, charset: str, split: int) -> None:
    raw = f"{stem}.xlsx".encode(charset)
    header = word(raw[:split], charset) + b"\r\n " + word(raw[split:], charset)
    assert headers.decode_text(header) == f"{stem}.xlsx"


@given(stem=CHINESE, charset=st.sampled_from(["utf-8", "gbk", "gb18030"]), size=st.integers(1, 40))
def test_continuations_round_trip_wherever_they_are_split(stem: str, charset: str, size: int) -> None:
    encoded = quote(f"{stem}.xlsx".encode(charset), safe="")
    size = max(size, len(encoded) // 100 + 1)  # more than 100 segments are not read
    pieces = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    pieces[0] = f"{charset}''{pieces[0]}"
    header = "x;" + ";".join(f" filename*{number}*={piece}" for number, piece in enumerate(pieces))
    assert headers.parameter(header.encode(), "filename") == f"{stem}.xlsx"


@given(stem=EVERYDAY)
def test_raw_gb18030_round_trips_without_a_label(stem: str) -> None:
    raw = f'x; filename="{stem}.xlsx"'.encode("gb18030")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        assert headers.parameter(raw, "filename") == f"{stem}.xlsx"


@given(
    stem=st.text(
        st.characters(blacklist_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), blacklist_characters='\\/"%&='),
        min_size=1,
        max_size=60,
    )
)
def test_raw_utf8_round_trips(stem: str) -> None:
    raw = f'x; filename="{stem}.xlsx"'.encode()
    shown = headers.clean_name(headers.parameter(raw, "filename"))
    assert shown == headers.clean_name(f"{stem}.xlsx")


@given(raw=st.binary(max_size=300), hint=st.sampled_from(["", "gbk", "big5", "utf-8", "nonsense"]))
def test_no_header_makes_the_readers_raise_or_shows_anything_invisible(raw: bytes, hint: str) -> None:
    for shown in (
        headers.clean_text(headers.decode_text(raw, hint)),
        headers.clean_name(headers.parameter(b"x;" + raw, "filename", hint)),
        headers.clean_name(headers.parameter(b"x; filename*=" + raw, "filename", hint)),
        headers.clean_name(headers.parameter(b"x; filename*0*=" + raw, "filename", hint)),
        headers.address(raw, hint),
    ):
        assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs"}
        shown.encode("utf-8")
    moment = headers.moment(raw)
    assert moment is None or moment.utcoffset() is not None


@given(
    label=st.text(max_size=20) | st.sampled_from(["idna", "punycode", "rot13", "hex", "utf-16", "mbcs", "undefined"])
)
def test_no_charset_label_makes_decoding_raise(label: str) -> None:
    assert isinstance(headers.decode_bytes(b"abc-\xb8\xbd\xff", label), str)


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        (b"Unit01@OA.example", "unit01@oa.example"),
        (b'"\xce\xf7\xb2\xbf" <unit01@oa.example>', "unit01@oa.example"),
        (b"=?gbk?B?zve4xQ==?= <unit01@oa.example>", "unit01@oa.example"),
        (word("西部 <unit01@oa.example>".encode(), "utf-8"), "unit01@oa.example"),
        (b'"boss@oa.example" <evil@else.example>', "evil@else.example"),
        (b"unit01@oa.example, other@oa.example", "unit01@oa.example"),
        (b"unit01@oa.example, Other <other@oa.example>", "unit01@oa.example"),
        # what mailers write without the quotation marks that it needs
        (b"'unit01@oa.example' <unit01@oa.example>", "unit01@oa.example"),
        (b"zhang@office <unit01@oa.example>", "unit01@oa.example"),
        (b"Zhang, San <unit01@oa.example>", "unit01@oa.example"),
        (b"Zhang San unit01@oa.example", "unit01@oa.example"),
        (b"<mailto:unit01@oa.example>", "unit01@oa.example"),
        (b"unit01@oa.example (Zhang, San)", "unit01@oa.example"),
        (b"unit01@oa.example.", "unit01@oa.example"),
        (b"boss@oa.example <evil@else.example>", "evil@else.example"),
        (b"nobody", ""),
        (b"", ""),
    ],
)
def test_sender_is_the_first_address_in_lower_case(header: bytes, sender: str) -> None:
    assert headers.address(header) == sender


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        (b"Fri, 06 Nov 2026 00:00:01 +0800 (CST)", datetime(2026, 11, 5, 16, 0, 1, tzinfo=UTC)),
        (b"6 Nov 2026 00:00:01 -0000", datetime(2026, 11, 6, 0, 0, 1, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00 CST", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00 cst (China)", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00 GMT", datetime(2026, 11, 5, 12, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00 PST", datetime(2026, 11, 5, 20, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00 GMT+08:00", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00 UTC+8", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu Nov  5 12:00:00 CST 2026", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu Nov  5 12:00:00 2026 +0800", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00.123456 +0800", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"2026-11-05 12:00:00 +0800", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:00:00 +0800CST", datetime(2026, 11, 5, 4, 0, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 11:59:59 PM +0800", datetime(2026, 11, 5, 15, 59, 59, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:05 am +0800", datetime(2026, 11, 4, 16, 5, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 23:59:60 +0800", datetime(2026, 11, 5, 15, 59, 59, tzinfo=UTC)),
        (b"Thu, 05 Nov 2026 12:60 +0800", None),
        (b"Thu, 05 Nov 2026 12:00:00 XYZ", None),
        (b"Thu, 05 Nov 2026 12:00:00", None),
        (b" 6-Nov-2026 00:00:01 +0800", datetime(2026, 11, 5, 16, 0, 1, tzinfo=UTC)),
        (b"yesterday", None),
        (b"Fri, 06 Nov 99999 00:00:01 +0800", None),
        (b"Fri, 06 Nov 2026 00:00:01 +9999", None),
        (b"", None),
    ],
)
def test_times_are_aware_and_utc(header: bytes, moment: datetime | None) -> None:
    assert headers.moment(header) == moment


@pytest.mark.parametrize("zone", ["", " CST", " XYZ", " +0800", " Asia/Shanghai", " 中国标准时间"])
def test_a_date_whose_zone_is_not_told_is_taken_for_one_of_china(zone: str) -> None:
    moment = headers.moment(f"Thu, 05 Nov 2026 12:00:00{zone}".encode(), by_guess=True)
    assert moment == datetime(2026, 11, 5, 4, 0, tzinfo=UTC)
