"""A mail's bytes as a tree of parts, and the tree as its leaves: texts and files, not yet told apart.

Belongs here: MIME (RFC 2045-2049), forwarded mails, transfer encodings, and mending what mailers break.
Does not: header text (names.py), what a leaf is and what becomes of it (kinds.py, message.py).
"""

from __future__ import annotations

import binascii
import email
import itertools
import quopri
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from email.message import Message as Part
from pathlib import Path
from typing import Any

from assets.instance.limits import Limits
from assets.intake.fault import Fault
from assets.intake.mail import headers as names
from assets.intake.mail.unpacking import RefusedError

ESSENTIAL_HEADER = re.compile(
    rb"^(?:from|subject|date|received|message-id|references|in-reply-to|mime-version|content-[a-z-]+)[ \t]*:"
    rb"[^\n]*(?:\n[ \t][^\n]*){0,200}",
    re.IGNORECASE | re.MULTILINE,
)
HEADER_START = re.compile(rb"^[^ \t]", re.MULTILINE)
BLANK_LINE = re.compile(rb"\n\r?\n")
# A long run of base64 lines; the look-behind keeps the search linear.
BASE64_RUN = re.compile(rb"(?<![A-Za-z0-9+/\r\n])[A-Za-z0-9+/\r\n]{2048,}")
# The boundary of a multipart whose header has none, or another one.
LOST_BOUNDARY = re.compile(rb"(?:\A|\n)--([^\s\"][^\r\n\"]{0,69}?)[ \t]*\r?\nContent-", re.IGNORECASE)
# What stands for a run taken out, and where in the mail it is. No sender can know it: it is made anew in every run.
TOKEN = b"sixth" + secrets.token_hex(16).encode()
RUN = re.compile(TOKEN + rb"\.(\d+)\.(\d+)\.")
# The parser looks at each line once for every multipart around it: some 3 s.
PARSER_STEPS = 10_000_000
NOT_THE_MAIL = {"message/partial", "message/external-body"}
NO_MAILS = {"message/delivery-status", "message/disposition-notification", "message/feedback-report"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part without parts. `within` names the forwarded mails that it lies in, outermost first; `related`:
    it belongs to an HTML page. `name`, `charset`, `content_id` are "" where the part has none. `span` is where
    its content stands in the mail's own bytes as one run of base64, if it does: `content_at` gives it again.
    """

    name: str
    content_type: str
    content: bytes
    within: tuple[str, ...]
    charset: str = ""
    content_id: str = ""
    related: bool = False
    span: tuple[int, int] | None = None


class MailPart(Part):
    """A part that can get at the base64 runs which were taken out of `source` before parsing."""

    source: bytes = b""
    is_the_mail: bool = False
    """Whether `source` is the mail as it was received, so that it can be found again in the archived file."""

    def body(self) -> bytes:
        """What stands in the mail below the part's headers, runs still out; get_payload would mend 8-bit
        text.
        """
        text = self._payload  # type: ignore[attr-defined]
        return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else b""

    def with_runs(self, body: bytes) -> bytes:
        """A body with its base64 runs put back."""
        return RUN.sub(lambda found: self.source[int(found[1]) : int(found[2])], body)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the tree the walk is; `hint` is the charset of the mail's text."""

    within: tuple[str, ...]
    hint: str
    depth: int = 0
    related: bool = False


def content_at(span: tuple[int, int], mail: Path) -> bytes:
    """The content of a `Leaf` of an archived mail, by its span there, without taking the mail apart again.

    Raises OSError, and binascii.Error where the file is not that mail.
    """
    start, end = span
    with mail.open("rb") as file:
        file.seek(start)
        return binascii.a2b_base64(file.read(end - start))


def parse(raw: bytes, limits: Limits, *, is_the_mail: bool = False) -> MailPart:
    """The tree of parts, by the standard library's compat32 parser (findings/ingest.md, 4.4).

    Long base64 runs are put aside first and stand in the tree as an unguessable token: none of their lines
    can be a header or a boundary, and the parser sees some 2 KB of a mail instead of 300. Raises RefusedError
    (mail_too_large) for parts nested hundreds deep and for more lines than the parser can do in seconds.
    """
    received, raw = raw, _clip_headers(_with_line_feeds(raw), limits)
    is_the_mail = is_the_mail and raw is received  # else it was mended, and all has moved
    skeleton: list[bytes] = []
    position = 0
    for run in BASE64_RUN.finditer(raw):
        start, end = _whole_lines(raw, *run.span())
        if start < end:
            skeleton += [raw[position:start], b"%b.%d.%d." % (TOKEN, start, end)]
            position = end
    skeleton.append(raw[position:])
    text = b"".join(skeleton)
    if max(text.count(b"\n"), text.count(b"\r")) * (1 + text.lower().count(b"multipart/")) > PARSER_STEPS:
        raise RefusedError("mail_too_large")

    def part() -> MailPart:
        made = MailPart()
        made.source, made.is_the_mail = raw, is_the_mail
        return made

    try:
        return email.message_from_bytes(text, part)
    except RecursionError as error:
        raise RefusedError("mail_too_large") from error


def parse_headers(raw: bytes, limits: Limits) -> Part:
    """A mail's own headers only. Never raises."""
    raw = _with_line_feeds(raw)
    blank = BLANK_LINE.search(raw)
    return email.message_from_bytes(_clip_headers(raw[: blank.end() if blank else None], limits))


def leaves(message: MailPart, within: tuple[str, ...], limits: Limits) -> Iterator[Leaf | Fault]:
    """A mail's leaves in order, those of forwarded mails included, and what of it is out of reach."""
    budget = [limits.mime_parts]
    yield from _walk(message, _Place(within, charset_of(message, limits)), budget, limits)


def charset_of(message: Part, limits: Limits) -> str:
    """The charset of a mail's first text part, "" if none: the best guess for its unlabelled headers."""
    with suppress(RecursionError):
        for part in message.walk():
            if part.get_content_maintype() == "text":
                return names.parameter(names.header(part, "content-type", limits), "charset")
    return ""


def subject_of(message: Part, limits: Limits) -> str:
    """A mail's subject, cleaned, short enough for display."""
    raw = names.header(message, "subject", limits)
    return names.clean_text(names.decode_text(raw, charset_of(message, limits)))[: names.NAME_CHARACTERS]


# --- bytes to parts ---


def _with_line_feeds(raw: bytes) -> bytes:
    """Without what editors put before the headers, and with line feeds for bare carriage returns."""
    raw = raw.lstrip(b"\r\n\xef\xbb\xbf")
    return raw.replace(b"\r", b"\n") if b"\r" in raw[:4096] and b"\n" not in raw[:4096] else raw


def _clip_headers(raw: bytes, limits: Limits) -> bytes:
    """The mail without the headers that intake does not need, where it has too many or too long ones."""
    blank = BLANK_LINE.search(raw)
    end = blank.start() + 1 if blank else len(raw)
    if end <= limits.header_bytes:
        starts = HEADER_START.finditer(raw, 0, end)
        if sum(1 for _ in itertools.islice(starts, limits.header_count + 1)) <= limits.header_count:
            return raw
    kept = itertools.islice(ESSENTIAL_HEADER.finditer(raw, 0, end), limits.header_count)
    lines = [found[0][: limits.header_value_bytes].rstrip(b"\r\n") for found in kept]
    return b"\n".join(lines) + b"\n" + raw[end:]


def _whole_lines(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """A run of base64 less the header that it may begin in and the line that it may end in."""
    start = raw.find(b"\n", start, end)
    if start < 0:
        return end, end
    while start < end and raw[start] in b"\r\n":
        start += 1
    if raw[end : end + 1] == b"=":
        return start, end + (2 if raw[end + 1 : end + 2] == b"=" else 1)
    end = raw.rfind(b"\n", start, end)
    while end > start and raw[end - 1] in b"\r\n":
        end -= 1
    return start, end


# --- parts to leaves ---


def _walk(part: MailPart, place: _Place, budget: list[int], limits: Limits) -> Iterator[Leaf | Fault]:
    if place.depth > limits.mime_depth or not budget[0]:
        if budget[0] >= 0:
            budget[0] = -1  # said once
            yield Fault("ENV-03", file=names.file_name(part, limits, place.hint), reason="mail_too_large")
        return
    if budget[0] < 0:
        return
    budget[0] -= 1
    content_type = part.get_content_type()
    children: Any = part.get_payload() if part.is_multipart() else None
    if children is None:
        rescued = _rescued(part, limits)
        if rescued is not None:
            yield from _walk(rescued, replace(place, depth=place.depth + 1), budget, limits)
        elif content_type.startswith("multipart/") and b"content-" in _payload(part)[0].lower():
            yield Fault("ENV-03", file=names.file_name(part, limits, place.hint), reason="mail_damaged")
        else:
            yield _leaf(part, place, limits)
    elif content_type in NOT_THE_MAIL:
        yield Fault("ENV-03", file=names.file_name(part, limits, place.hint), reason="mail_damaged")
    elif content_type.startswith("message/"):
        for child in children if content_type not in NO_MAILS else []:
            try:
                inner = _forwarded(part, child, limits)
            except RefusedError as refused:
                yield Fault("ENV-03", file=names.file_name(part, limits, place.hint), reason=refused.reason)
                continue
            subject = subject_of(inner, limits) or names.file_name(part, limits, place.hint) or "eml"
            hint = charset_of(inner, limits) or place.hint
            yield from _walk(inner, _Place((*place.within, subject), hint, place.depth + 1), budget, limits)
    else:
        related = place.related or content_type == "multipart/related"
        inside = replace(place, depth=place.depth + 1, related=related)
        for child in children:
            yield from _walk(child, inside, budget, limits)
        for outside in (part.preamble, part.epilogue):  # where two multiparts, one in the other, share a boundary
            rescued = _parts_in(part.with_runs(outside.encode("utf-8", "surrogateescape")), limits) if outside else None
            if rescued is not None:
                yield from _walk(rescued, inside, budget, limits)


def _leaf(part: MailPart, place: _Place, limits: Limits) -> Leaf:
    content_id = names.header(part, "content-id", limits).decode("ascii", "replace")
    stated = part.get_content_type()
    content, run = _payload(part)
    return Leaf(
        name=names.file_name(part, limits, place.hint),
        content_type="text/plain" if stated.startswith("multipart/") else stated,
        content=content,
        within=place.within,
        charset=names.parameter(names.header(part, "content-type", limits), "charset"),
        content_id=content_id.strip(" <>\t\r\n"),
        related=place.related,
        span=run if part.is_the_mail else None,
    )


def _rescued(part: MailPart, limits: Limits) -> MailPart | None:
    """The parts of a multipart whose boundary got lost, or of a mail whose headers broke off too early."""
    headers = {key.lower() for key, _ in part.raw_items()}
    is_mail_without_type = "content-type" not in headers and not headers.isdisjoint({"from", "received"})
    if part.get_content_maintype() != "multipart" and not is_mail_without_type:
        return None
    return _parts_in(part.with_runs(part.body()), limits)


def _parts_in(body: bytes, limits: Limits) -> MailPart | None:
    """The parts in a body that nothing tells the boundary of; None where there are none."""
    lost = LOST_BOUNDARY.search(body)
    if not lost:
        return None
    head = b'Content-Type: multipart/mixed; boundary="%b"\n\n' % lost[1]
    try:
        rescued = parse(head + body, limits)
    except RefusedError:
        return None
    return rescued if rescued.is_multipart() else None


def _forwarded(part: MailPart, inner: MailPart, limits: Limits) -> MailPart:
    """The mail in a message/rfc822 part; base64 and quoted-printable are not allowed there, and common."""
    encoding = _encoding(part)
    if encoding.startswith("base64") and not inner.keys():
        inner["Content-Transfer-Encoding"] = "base64"
        return parse(_payload(inner)[0], limits)
    if encoding.startswith("quoted-printable") and b"=3D" in names.header(inner, "content-type", limits):
        return parse(quopri.decodestring(inner.with_runs(inner.as_bytes())), limits)
    return inner


def _encoding(part: MailPart) -> str:
    return str(part.get("content-transfer-encoding", "")).strip().lower()


def _payload(part: MailPart) -> tuple[bytes, tuple[int, int] | None]:
    """A leaf's content, its transfer encoding undone, and where in its source it stands, if as one run of base64."""
    body = part.body()
    encoding = _encoding(part)
    if encoding.startswith("base64"):
        run = RUN.fullmatch(body.strip())
        if run:
            span = int(run[1]), int(run[2])
            with suppress(binascii.Error):  # straight from the mail: no copy of what may be 100 MB
                return binascii.a2b_base64(memoryview(part.source)[slice(*span)]), span
    body = part.with_runs(body)
    if encoding.startswith("base64"):
        return _base64(body), None
    if encoding.startswith("quoted-printable"):
        return quopri.decodestring(body), None
    if encoding.startswith(("x-uu", "uu")):
        return _uuencoded(body), None
    return body, None


def _base64(body: bytes) -> bytes:
    """Base64 with whatever damage it has: cut short, stray characters, padding in the middle."""
    try:
        if b"=" not in body.rstrip(b"=\r\n \t"):
            return binascii.a2b_base64(body)
    except binascii.Error:
        pass
    decoded = []
    for piece in re.split(rb"=[=\s]*", body):
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", piece)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        decoded.append(binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)))
    return b"".join(decoded)


def _uuencoded(body: bytes) -> bytes:
    """The file between `begin` and `end`, as far as it can be read."""
    decoded = []
    inside = False
    for line in body.splitlines():
        if not inside:
            inside = line.startswith(b"begin ")
        elif line.strip() in (b"end", b"`", b""):
            break
        else:
            try:
                decoded.append(binascii.a2b_uu(line))
            except binascii.Error:  # a mailer padded the line; its first character says how much counts
                with suppress(binascii.Error):
                    decoded.append(binascii.a2b_uu(line[: ((line[0] - 32 & 63) * 4 + 5) // 3]))
    return b"".join(decoded)
