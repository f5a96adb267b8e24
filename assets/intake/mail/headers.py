"""What a mail's headers say: raw bytes into text, file names, addresses and times.

Belongs here: header syntax and character sets (RFC 2047, RFC 2231, and raw 8-bit text).
Does not: the walk through a mail's parts (message.py) and what kind of file a name stands for (kinds.py).
"""

from __future__ import annotations

import binascii
import html
import itertools
import quopri
import re
import unicodedata
from datetime import UTC, datetime
from email.message import Message as Part
from email.utils import parseaddr, parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from assets.instance.limits import Limits

NAME_CHARACTERS = 200
CHINESE = ("gb18030", "big5hkscs")
# Labels that say nothing, or that Chinese mailers put on text which is something else.
UNTRUSTED = {"", "us-ascii", "ascii", "iso-8859-1", "x-unknown", "unknown-8bit", "default", "binary"}
# Python's codecs that are no charsets of mail, and slow or not even text.
NO_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "unicode-escape", "undefined"}
ALIASES = {
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "ms936": "gb18030",
    "windows-936": "gb18030",
    "chinese": "gb18030",
    "big5": "big5hkscs",
    "x-big5": "big5hkscs",
    "cn-big5": "big5hkscs",
    "cp950": "big5hkscs",
    "hz-gb-2312": "hz",
    "ks_c_5601-1987": "cp949",
    "unicode-1-1-utf-8": "utf-8",
}
ENCODED_WORD = re.compile(rb"=\?([^?\s]{1,75})\?([bBqQ])\?([^?]*)\?=")
OFFSET = re.compile(r"(?:UTC?|GMT)?([+-])(\d\d?):?(\d\d)?(?!\d)", re.IGNORECASE)
CLOCK = re.compile(r"(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?![\d:])")
HALF_DAY = re.compile(r"([AP])M\b", re.IGNORECASE)  # 11:59:59 PM: no mailer should, some do
BESIDE_ZONE = re.compile(r"(?:^|\s)((?:19|20)\d{2})$|^((?:19|20)\d{2})(?=\s+[+-])")
ISO_DAY = re.compile(r"((?:19|20)\d{2})[-/](0?[1-9]|1[0-2])[-/](\d{1,2})T?")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CHINA = "+0800"
# Zones by letters: China's own, and those of RFC 5322 4.3 but for CST, which here is no American one.
ZONES = {
    "CST": CHINA, "BJT": CHINA, "CCT": CHINA, "HKT": CHINA, "UT": "+0000", "UTC": "+0000", "GMT": "+0000", "Z": "+0000",
    "EST": "-0500", "EDT": "-0400", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}  # fmt: skip
# An address in brackets, and what stands around it that is no part of one: names in quotation marks, remarks.
IN_BRACKETS = re.compile(r"<\s*(?:mailto:)?([^<>\s\"@]+@[^<>\s\"@]+)\s*>", re.IGNORECASE)
ASIDE = re.compile(r'"(?:[^"\\]|\\.)*+"|\((?:[^()\\]|\\.)*+\)')
ALONE = re.compile(r"[^\s<>\"(),;:@]+@[^\s<>\"(),;:@]+")
MOST_OF_FROM = 4096  # characters in which an address is looked for
PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
PERCENT_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2}){2}")


def header(part: Part, name: str, limits: Limits) -> bytes:
    """The raw bytes of a part's first header of that name, at most `limits.header_value_bytes`; b"" if
    none.
    """
    wanted = name.lower()
    for key, value in part.raw_items():
        if key.lower() == wanted:
            raw = str(value).encode("utf-8", "surrogateescape")
            return raw[: limits.header_value_bytes]
    return b""


def decode_bytes(raw: bytes, charset: str, hint: str = "") -> str:
    """Bytes as text by their label, or by their shape where the label is missing, unknown or wrong.

    `hint` is a charset declared elsewhere in the same mail. Never raises.
    """
    label = charset.strip().strip("\"'").lower().split("*")[0]
    if label in UNTRUSTED or label in NO_CHARSETS:
        return _decode_unlabelled(raw, hint)
    codec = ALIASES.get(label, label)
    try:
        text = raw.decode(codec)
    except (LookupError, UnicodeError, ValueError):
        return _decode_unlabelled(raw, hint)
    if codec in CHINESE:
        as_utf8 = _decode_strictly(raw, "utf-8")
        if as_utf8 is not None and _only_chinese(as_utf8):
            return as_utf8
    return text


def decode_text(raw: bytes, hint: str = "") -> str:
    """A header's value as text: encoded words (RFC 2047) anywhere, also in quotes, and raw 8-bit text
    between.

    Adjacent words of one charset are joined as bytes first: Outlook splits words inside a character.
    """
    raw = re.sub(rb"\r?\n[ \t]*", b" ", raw)
    text: list[str] = []
    pending_charset = ""
    pending = b""
    position = 0
    for match in ENCODED_WORD.finditer(raw):
        gap = raw[position : match.start()]
        charset = match[1].decode("ascii", "replace").lower()
        word = _word_bytes(match[2], match[3])
        position = match.end()
        if pending_charset and not gap.strip(b" \t"):
            if charset == pending_charset:
                pending += word
                continue
            gap = b""
        if pending_charset:
            text.append(decode_bytes(pending, pending_charset, hint))
        text.append(_decode_unlabelled(gap, hint))
        pending_charset, pending = charset, word
    if pending_charset:
        text.append(decode_bytes(pending, pending_charset, hint))
    text.append(_decode_unlabelled(raw[position:], hint))
    return "".join(text)


def parameter(raw: bytes, name: str, hint: str = "") -> str:
    """A parameter of a header's value: `name*` before `name*0*...` (RFC 2231) before `name`; "" if none."""
    found: dict[str, bytes] = {}
    for match in PARAMETER.finditer(b";" + raw.partition(b";")[2]):
        value = match[2].strip()
        if len(value) >= 2 and value[:1] == value[-1:] == b'"':
            value = re.sub(rb'\\(["\\])', rb"\1", value[1:-1])
        found.setdefault(match[1].decode("ascii", "replace").lower(), value)
    if name + "*" in found:
        return _extended(found[name + "*"], hint)
    segments = []
    for number in range(100):
        for key, encoded in ((f"{name}*{number}*", True), (f"{name}*{number}", False)):
            if key in found:
                segments.append((found[key], encoded))
                break
        else:
            break
    if segments:
        return _continued(segments, hint)
    if name in found:
        return _plain(found[name], hint)
    return ""


def file_name(part: Part, limits: Limits, hint: str = "") -> str:
    """The file name that a part gives itself, cleaned (`clean_name`); "" if none."""
    disposition = header(part, "content-disposition", limits)
    content_type = header(part, "content-type", limits)
    return clean_name(parameter(disposition, "filename", hint) or parameter(content_type, "name", hint))


def clean_text(text: str) -> str:
    """NFC, without control, format (bidirectional, zero-width) and lone surrogate characters; blanks as
    one.
    """
    kept = (
        " " if unicodedata.category(char) in ("Zl", "Zp") or char in "\t\r\n" else char
        for char in unicodedata.normalize("NFC", text)
        if char in "\t\r\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )
    return " ".join("".join(kept).split())


def clean_name(name: str) -> str:
    """A file name fit for display: `clean_text`, no path, at most NAME_CHARACTERS (the extension stays)."""
    name = clean_text(name[: 20 * NAME_CHARACTERS])
    name = re.split(r"[\\/]", name.rstrip("\\/"))[-1].strip(" .")
    if len(name) > NAME_CHARACTERS:
        stem, dot, extension = name.rpartition(".")
        if not dot or len(extension) > 10:
            return name[:NAME_CHARACTERS]
        return stem[: NAME_CHARACTERS - len(extension) - 1] + dot + extension
    return name


def address(raw: bytes, hint: str = "") -> str:
    """The first address of a From header, lower case; "" if none (RFC 5322 3.4)."""
    try:
        found = _address(raw.decode("ascii", "surrogateescape"))
        if "@" not in found:  # some mailers encode name and address together
            found = _address(decode_text(raw, hint))
    except RecursionError:  # comments nested without end
        return ""
    return clean_text(found).replace(" ", "").lower().rstrip(".") if "@" in found else ""


def _address(text: str) -> str:
    """The address of a header that names one as mailers do: behind a name, which may have an @ or a comma in it without
    the quotation marks that it needs; else as the standard library reads it.
    """
    plain = ASIDE.sub(" ", text[:MOST_OF_FROM])
    if found := IN_BRACKETS.search(plain):
        before, comma, _ = plain[: found.start()].partition(",")
        if not (comma and "@" in before):  # else the first address has no brackets
            return found[1]
    elif len(words := plain.split()) > 1:
        told = [word for word in words if ALONE.fullmatch(word)]
        if len(told) == 1 and "," not in plain:
            return told[0]
    return parseaddr(text)[1]


def moment(raw: bytes, *, by_guess: bool = False) -> datetime | None:
    """A header's time (RFC 5322 3.3), aware, UTC; None if unreadable.

    CST alone is China Standard Time (system.md, Mail). A time with no zone, or one that these letters do not tell, is
    none, or, `by_guess`, one of China.
    """
    text = raw.decode("ascii", "replace").strip()
    clock = CLOCK.search(text)
    if clock is None:
        return None
    day, zone = text[: clock.start()].strip(), re.sub(r"\([^()]*\)\s*$", "", text[clock.end() :]).strip()
    zone = re.sub(r"^\.\d+", "", zone).strip()  # parts of a second
    hours, _, rest = clock[0].partition(":")
    if half := HALF_DAY.match(zone):
        hours, zone = str(int(hours) % 12 + 12 * (half[1] in "Pp")), zone[half.end() :].strip()
    at = re.sub(r"(?<=:\d\d):60$", ":59", f"{hours}:{rest}")  # a leap second, which no clock here has
    if year := BESIDE_ZONE.search(zone):  # Thu Nov  5 12:00:00 CST 2026, or 2026 +0800
        day, zone = f"{day} {year[1] or year[2]}", (zone[: year.start()] + zone[year.end() :]).strip()
    if offset := OFFSET.match(zone):
        sign, hours, minutes = offset.groups()
        offset_told = f"{sign}{int(hours):02d}{minutes or '00'}"
    else:
        if zone.upper() not in ZONES and not by_guess:
            return None
        offset_told = ZONES.get(zone.upper(), CHINA)
    if iso := ISO_DAY.fullmatch(day):
        day = f"{iso[3]} {MONTHS[int(iso[2]) - 1]} {iso[1]}"
    try:
        return parsedate_to_datetime(f"{day} {at} {offset_told}").astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _decode_strictly(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _only_chinese(text: str) -> bool:
    high = [char for char in text if ord(char) > 0x7F]
    return bool(high) and all(0x2E80 <= ord(char) <= 0x9FFF or 0xFF00 <= ord(char) <= 0xFFEF for char in high)


def _share_common(text: str, codec: str) -> float:
    """Share of the non-ASCII characters that the older, smaller charset has too: of everyday Chinese, all."""
    high = [char for char in text if ord(char) > 0x7F]
    if not high:
        return 0.0
    common = 0
    for char in high:
        try:
            encoded = char.encode(codec)
        except UnicodeEncodeError:
            continue
        common += codec != "big5" or 0xA1 <= encoded[0] <= 0xC6  # Big5 from 0xC9 on: rare characters
    return common / len(high)


def _decode_unlabelled(raw: bytes, hint: str) -> str:
    if raw.isascii():
        return raw.decode("ascii")
    as_utf8 = _decode_strictly(raw, "utf-8")
    if as_utf8 is not None and _only_chinese(as_utf8):
        return as_utf8
    hint = ALIASES.get(hint.strip().lower(), hint.strip().lower())
    if hint in CHINESE:
        hinted = _decode_strictly(raw, hint)
        if hinted is not None:
            return hinted
    if as_utf8 is not None:
        return as_utf8
    as_gb, as_big5 = _decode_strictly(raw, "gb18030"), _decode_strictly(raw, "big5hkscs")
    share_gb = _share_common(as_gb or "", "gb2312")
    share_big5 = _share_common(as_big5 or "", "big5")
    if as_big5 is not None and share_big5 > share_gb and share_big5 > 0.8:
        return as_big5
    if as_gb is not None and share_gb >= 0.5:
        return as_gb
    return raw.decode("cp1252", "replace")


def _word_bytes(encoding: bytes, word: bytes) -> bytes:
    if encoding in b"qQ":
        return quopri.decodestring(word.replace(b"_", b" "))
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", word)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _extended(value: bytes, hint: str) -> str:
    parts = value.split(b"'", 2)
    if len(parts) == 3:
        return decode_bytes(unquote_to_bytes(parts[2]), parts[0].decode("ascii", "replace"), hint)
    return _decode_unlabelled(unquote_to_bytes(value), hint)


def _continued(segments: list[tuple[bytes, bool]], hint: str) -> str:
    charset = b""
    value, encoded = segments[0]
    if encoded and value.count(b"'") >= 2:
        charset, _, value = value.split(b"'", 2)
        segments = [(value, True), *segments[1:]]
    raw = b""
    for escaped, run in itertools.groupby(segments, lambda segment: segment[1]):
        joined = b"".join(value for value, _ in run)  # first: some mailers split inside an escape
        raw += unquote_to_bytes(joined) if escaped else joined
    if not charset and b"=?" in raw:
        return decode_text(raw, hint)
    return decode_bytes(raw, charset.decode("ascii", "replace"), hint)


def _plain(value: bytes, hint: str) -> str:
    text = decode_text(value, hint)
    if PERCENT_ENCODED.search(text):  # some OA systems percent-encode the plain parameter
        text = _decode_strictly(unquote_to_bytes(text), "utf-8") or text
    if "&#" in text:  # and some webmails write character references
        text = html.unescape(text)
    return text
