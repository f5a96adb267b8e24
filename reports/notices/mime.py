"""The bytes of a mail: RFC 5322 and MIME.

Belongs here: heads, bodies, attachments, as deterministic bytes. Does not: sending them (smtp.py, outbox.py), their
words (letters.py).

The classes of email.mime rather than EmailMessage: Python 3.11 folds long Message-IDs and MIME types into encoded
words under the newer policies, and threads and attachments break.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from assets.instance.settings import is_address

MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>")
REFERENCES_KEPT = 20
LONGEST_SUBJECT = 200
LONGEST_NAME = 255  # bytes, as in file systems; times three, as RFC 2231 writes them, within a line's 998
LINE = 76
FOLD = "\r\n "
WORKBOOKS = {
    ".xlsx": "vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xlsm": "vnd.ms-excel.sheet.macroenabled.12",
    ".xls": "vnd.ms-excel",
}


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above a mail. Names and subject may be in any script; addresses are ASCII.

    `references` are the Message-IDs of the thread, the mail answered last; `automatic` is RFC 3834's word for what
    made it: auto-replied, or auto-generated.
    """

    sender: str
    sender_name: str
    recipient: str
    recipient_name: str
    subject: str
    message_id: str
    date: datetime
    references: tuple[str, ...] = ()
    reply_to: str = ""
    automatic: Literal["auto-replied", "auto-generated"] = "auto-generated"


def message_id(key: str, sender: str) -> str:
    """The Message-ID of a notice: the same for the same key and sender, so that a second copy is known as one."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"


def thread(message_id: str, references: str) -> tuple[str, ...]:
    """The References of an answer (RFC 5322, 3.6.4) to a mail with these; what is no Message-ID is left out."""
    earlier = [r for r in MESSAGE_ID.findall(references) if r != message_id]
    if len(earlier) > REFERENCES_KEPT:
        earlier = [earlier[0], *earlier[-REFERENCES_KEPT + 1 :]]
    return tuple(dict.fromkeys([*earlier, *MESSAGE_ID.findall(message_id)[:1]]))


def reply_subject(subject: str) -> str:
    """The subject of an answer: with one Re:, whatever it was called before."""
    bare = re.sub(r"^(?:(?:re|回复|答复|回覆)\s*[:：]\s*)+", "", _line(subject), flags=re.IGNORECASE)
    return f"Re: {bare}"


def mail_bytes(head: Head, text: str, html: str, attachments: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """The mail as sent: plain text and HTML as alternatives, and attachments (name, content).

    The same input gives the same bytes. Raises ValueError for an address that is none.
    """
    for address in filter(None, (head.sender, head.recipient, head.reply_to)):
        if not is_address(address):
            raise ValueError(f"{address!r} is no address")
    body = MIMEMultipart("alternative", _subparts=[MIMEText("", "plain", "utf-8"), MIMEText("", "html", "utf-8")])
    top = body
    if attachments:
        top = MIMEMultipart("mixed", _subparts=[body, *(_attachment(name) for name, _ in attachments)])
    own = hashlib.sha256(head.message_id.encode()).hexdigest()[:24]
    for number, part in enumerate(p for p in top.walk() if p.is_multipart()):
        # Every part is base64, which has no "=_" within a line.
        part.set_boundary(f"=_sixth_{own}_{number}")
    _put_head(top, head)
    contents = [_crlf(text).encode(), _crlf(html).encode(), *(content for _, content in attachments)]
    return b"".join(_written(top, iter(contents)))


def _written(part: Message[Any, Any], contents: Iterator[bytes]) -> Iterator[bytes]:
    """A part as bytes, with the next of the contents for each part without parts. The library's generator takes ten
    times as long, to look for lines to fold; here header lines are folded already: see _words and _put_head.
    """
    yield "".join(f"{name}: {value}\r\n" for name, value in part.items()).encode("ascii")
    yield b"\r\n"
    if not part.is_multipart():
        yield _base64(next(contents))
        return
    boundary = f"--{part.get_boundary()}".encode()
    for number, below in enumerate(part.get_payload()):
        yield (b"\r\n" if number else b"") + boundary + b"\r\n"
        yield from _written(below, contents)
    yield b"\r\n" + boundary + b"--\r\n"


def _base64(content: bytes) -> bytes:
    """Base64 in lines, each with its end."""
    text = binascii.b2a_base64(content, newline=False)
    return b"".join([text[at : at + LINE] + b"\r\n" for at in range(0, len(text), LINE)])


def _put_head(mail: Message[Any, Any], head: Head) -> None:
    mail["From"] = _mailbox("From", head.sender_name, head.sender)
    mail["To"] = _mailbox("To", head.recipient_name, head.recipient)
    if head.reply_to:
        mail["Reply-To"] = head.reply_to
    subject = _line(head.subject)
    mail["Subject"] = _words(
        "Subject", subject if len(subject) <= LONGEST_SUBJECT else subject[: LONGEST_SUBJECT - 1] + "…"
    )
    mail["Date"] = format_datetime(head.date)
    mail["Message-ID"] = head.message_id
    if head.references:
        mail["In-Reply-To"] = head.references[-1]
        mail["References"] = FOLD.join(head.references)
    # No answering machine shall answer (RFC 3834, 2; Exchange has a header of its own), nor shall we: see
    # reports/notices/due.py, is_automatic.
    mail["Auto-Submitted"] = head.automatic
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"


def _line(text: str) -> str:
    """Text for one header line: no control characters, so that none can begin another header; no lone surrogates."""
    readable = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", readable).strip()


def _words(field: str, text: str, rest: str = "") -> str:
    """Text for a header, as encoded words where it must be (RFC 2047), folded to lines of 76; `rest` stands behind."""
    header = Header(header_name=field)
    header.append(text, "us-ascii" if _is_plain(text) else "utf-8")
    if rest:
        header.append(rest, "us-ascii")
    return header.encode(linesep=FOLD.strip(" "), maxlinelen=LINE)


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text


@lru_cache(maxsize=64)  # the sender's comes in every mail
def _mailbox(field: str, name: str, address: str) -> str:
    """A mailbox with a display name (RFC 5322, 3.4)."""
    shown = _line(name)
    if _is_plain(shown):
        shown = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"' if shown else ""
    return _words(field, shown, f"<{address}>") if shown else address


def _crlf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text.encode("utf-8", "replace").decode("utf-8"))


def _attachment(name: str) -> MIMEBase:
    """The head of an attachment; a name that is not ASCII is told as RFC 2231 has it."""
    shown = re.sub(r'[/\\"]', "_", _line(name))
    while len(shown.encode()) > LONGEST_NAME:
        shown = shown[: len(shown) // 2] + Path(shown).suffix[:8]
    part = MIMEApplication(b"", WORKBOOKS.get(Path(shown).suffix.lower(), "octet-stream"))
    parameter = shown if _is_plain(shown) else ("utf-8", "", shown)
    part.add_header("Content-Disposition", "attachment", filename=parameter)
    part.set_param("name", parameter)  # type: ignore[arg-type]
    return part
