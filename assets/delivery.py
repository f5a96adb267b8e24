"""Mails out: the bytes of a mail, and sending them by SMTP or putting them into the outbox.

Belongs here: RFC 5322 and MIME, the SMTP conversation, files that appear whole. Does not: who gets a mail and why
(assets/notices.py), its words (reports/notices.py), what is known to be sent (assets/ledger/).

The classes of email.mime rather than EmailMessage: Python 3.11 folds long Message-IDs and MIME types into encoded
words under the newer policies, and threads and attachments break.
"""

from __future__ import annotations

import binascii
import hashlib
import logging
import os
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
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

log = logging.getLogger("sixth.delivery")

# An address as RFC 5321 takes it without SMTPUTF8, neither quoted nor a literal.
ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>")
REFERENCES_KEPT = 20
LONGEST_SUBJECT = 200
LONGEST_NAME = 255  # bytes, as in file systems; times three, as RFC 2231 writes them, within a line's 998
LINE = 76
AT_ONCE = 64  # mails that go into the outbox together: as many wait for the disk once
FLUSHING = 8  # threads that wait for the disk
FOLD = "\r\n "
LOST_IN_A_ROW = 3
UNFINISHED_SECONDS = 3600
WORKBOOKS = {
    ".xlsx": "vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xlsm": "vnd.ms-excel.sheet.macroenabled.12",
    ".xls": "vnd.ms-excel",
}
CLOSING = 421  # service not available, closing transmission channel (RFC 5321, 4.2.3)
TOO_BIG = 552
OK = 250
PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail to be sent: its file's name in the outbox, its bytes and their digest."""

    file_name: str
    recipient: str
    content: bytes
    sha256: str


Deliver = Callable[[Sequence[Outgoing]], list[str]]
"""Mails, of which a server takes one at a time → sha256 of what is out of each. Raises Refused, or Unreachable."""


class Refused(Exception):
    """A mail did not go out; others may. `permanent`: the server will not change its mind (5xx)."""

    def __init__(self, error: str, *, permanent: bool) -> None:
        super().__init__(error)
        self.permanent = permanent


class Unreachable(Exception):
    """No mail goes out now: there is no server, or it refuses us. Never holds the password."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """A mail server. The password is in the environment variable `password_env` or, if that is "", alone in the
    file `password_file`; without a `user` there is no login. `tls` is from the start, by STARTTLS, or none
    (loopback); `ca_file` names a certificate authority of the house's own. `mails_per_minute` 0: as fast as it takes
    them.
    """

    host: str
    port: int = 465
    tls: Literal["tls", "starttls", "none"] = "tls"
    user: str = ""
    password_env: str = ""
    password_file: str = ""
    ca_file: str = ""
    timeout_seconds: float = 60.0
    mails_per_minute: float = 0.0

    def __post_init__(self) -> None:
        """Raise TypeError where `tls` is none of the three ways."""
        if self.tls not in ("tls", "starttls", "none"):
            raise TypeError(f"tls: {self.tls!r} is none of tls, starttls, none")


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


# ------------------------------------------------------------------------------------------------------ the mail
def is_address(text: str) -> bool:
    """Whether a mail can be sent to it: a plain ASCII address, in which no header or command can hide."""
    return ADDRESS.fullmatch(text) is not None and ".." not in text


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
    # assets/notices.py, is_automatic.
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


# ------------------------------------------------------------------------------------------------------- sending
@contextmanager
def open_delivery(
    smtp: SmtpSettings | None, sender: str, outbox: Path, *, pause: Callable[[float], None] = time.sleep
) -> Iterator[Deliver]:
    """A way to send mails: one SMTP connection for all of them, made for the first; without settings, the outbox."""
    if smtp is None:

        def put(mails: Sequence[Outgoing]) -> list[str]:
            try:
                return put_in_outbox(outbox, mails)
            except OSError as error:
                raise Unreachable(f"{outbox}: {error.strerror or error}") from error

        yield put
        return
    server = _Server(smtp, sender, pause)
    try:
        yield server.deliver
    finally:
        server.leave()


def put_in_outbox(outbox: Path, mails: Sequence[Outgoing]) -> list[str]:
    """Write mails into the outbox, each whole or not at all; the sha256 of what is there. One that is there is left.

    No file has its name before its bytes are on disk, and none is told before its name is: the folder is written once
    for all. Who takes mails out of the outbox must have them until the ledger says sent: one that is gone is written
    again.
    """
    outbox.mkdir(parents=True, exist_ok=True)
    there: dict[str, str] = {}
    written: dict[Path, Path] = {}
    try:
        for mail in mails:
            path = outbox / mail.file_name
            try:
                there[mail.file_name] = hashlib.sha256(path.read_bytes()).hexdigest()
            except FileNotFoundError:
                temporary = outbox / f".{mail.file_name}.{os.getpid()}"
                written[temporary] = path
                temporary.write_bytes(mail.content)
        _flush(list(written))
        for temporary, path in written.items():
            temporary.replace(path)
    except BaseException:
        for temporary in written:
            temporary.unlink(missing_ok=True)
        raise
    if written:
        _flush([outbox])
    return [there.get(mail.file_name, mail.sha256) for mail in mails]


def _flush(paths: Sequence[Path]) -> None:
    """Wait until files or folders are on disk; many at once, which the disk takes together."""

    def flush(path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    if len(paths) == 1:
        flush(paths[0])
    elif paths:
        with ThreadPoolExecutor(FLUSHING) as pool:
            list(pool.map(flush, paths))


def tidy_outbox(outbox: Path) -> None:
    """Remove what runs that were killed left half written, more than an hour ago."""
    for left in outbox.glob(".*.eml.*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < time.time() - UNFINISHED_SECONDS:
                left.unlink()


class _Server:
    """An SMTP server: connected for the first mail, and again when the connection is lost."""

    def __init__(self, settings: SmtpSettings, sender: str, pause: Callable[[float], None]) -> None:
        self.settings = settings
        self.sender = sender
        self.pause = pause
        self.connection: smtplib.SMTP | None = None
        self.sent_at: float | None = None
        self.lost = 0

    def deliver(self, mails: Sequence[Outgoing]) -> list[str]:
        """Send mails; see Deliver. Of one that was refused or lost, nothing is known of those before it."""
        return [self._deliver(mail.recipient, mail.content, mail.sha256) for mail in mails]

    def _deliver(self, recipient: str, content: bytes, sha256: str) -> str:
        self._keep_pace()
        try:
            connection = self._offer(recipient, len(content))
            self._hand_over(connection, content)
        except OSError as error:  # smtplib's own among them
            self._drop()
            self.lost += 1
            told = f"{self.settings.host}: connection lost: {_said(error)}"
            if self.lost >= LOST_IN_A_ROW:
                raise Unreachable(told) from error
            raise Refused(told, permanent=False) from error
        self.lost = 0
        return sha256

    def _keep_pace(self) -> None:
        if self.settings.mails_per_minute > 0 and self.sent_at is not None:
            self.pause(max(0.0, self.sent_at + 60 / self.settings.mails_per_minute - time.monotonic()))
        self.sent_at = time.monotonic()

    def _offer(self, recipient: str, size: int) -> smtplib.SMTP:
        """MAIL and RCPT, on a new connection where the old one has gone stale: nothing is sent twice by that."""
        if self.connection is not None:
            with suppress(OSError):
                if self._ask(self.connection, recipient, size):
                    return self.connection
            self._drop()
        connection = self._connect()
        if not self._ask(connection, recipient, size):
            raise smtplib.SMTPServerDisconnected("the server closes the connection")
        return connection

    def _ask(self, connection: smtplib.SMTP, recipient: str, size: int) -> bool:
        """Whether the server will have the mail; False where it is about to close. Raises Refused, Unreachable."""
        options = [f"size={size}"] if connection.has_extn("size") else []
        code, words = connection.mail(self.sender, options)
        if code == TOO_BIG:
            raise self._refusal(connection, code, words)
        if code not in (OK, CLOSING):
            self.leave()
            raise Unreachable(f"{self.settings.host} does not take mails from {self.sender}: {_answer(code, words)}")
        if code == OK:
            code, words = connection.rcpt(recipient)
        if code == CLOSING:
            return False
        if code // 100 != 2:
            raise self._refusal(connection, code, words)
        return True

    def _hand_over(self, connection: smtplib.SMTP, content: bytes) -> None:
        """DATA. Where the connection is lost here, nobody knows whether the mail was taken: it is sent again."""
        words: bytes | str
        try:
            code, words = connection.data(content)
        except smtplib.SMTPDataError as error:
            code, words = error.smtp_code, error.smtp_error
        if code == CLOSING:
            raise smtplib.SMTPServerDisconnected(_answer(code, words))
        if code // 100 != 2:
            raise self._refusal(connection, code, words)

    def _refusal(self, connection: smtplib.SMTP, code: int, words: bytes | str) -> Refused:
        try:
            connection.rset()
        except OSError:
            self._drop()
        self.lost = 0
        return Refused(f"{self.settings.host}: {_answer(code, words)}", permanent=code >= PERMANENT)

    def _connect(self) -> smtplib.SMTP:
        """A connection, logged in. Raises Unreachable."""
        settings = self.settings
        password = _password(settings) if settings.user else ""
        try:
            context = ssl.create_default_context(cafile=settings.ca_file or None)
            if settings.tls == "tls":
                self.connection = smtplib.SMTP_SSL(
                    settings.host, settings.port, timeout=settings.timeout_seconds, context=context
                )
            else:
                self.connection = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_seconds)
                if settings.tls == "starttls":
                    self.connection.starttls(context=context)
            self.connection.ehlo_or_helo_if_needed()
            if settings.user:
                self.connection.login(settings.user, password)
            return self.connection
        except UnicodeError:
            # Its words would quote the password.
            self._drop()
            raise Unreachable(f"{settings.host}: only takes ASCII user names and passwords") from None
        except OSError as error:
            self._drop()
            raise Unreachable(f"{settings.host}: {_said(error)}") from error

    def leave(self) -> None:
        """Take leave of the server."""
        if self.connection is not None:
            with suppress(OSError):
                self.connection.quit()
        self._drop()

    def _drop(self) -> None:
        """Close the connection without waiting for an answer."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def _password(settings: SmtpSettings) -> str:
    if settings.password_env:
        password = os.environ.get(settings.password_env, "")
        if not password:
            raise Unreachable(f"no password in the environment variable {settings.password_env}")
        return password
    try:
        return Path(settings.password_file).read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise Unreachable(f"{settings.password_file}: no password can be read") from None


def _answer(code: int, words: bytes | str) -> str:
    """A server's answer on one line."""
    told = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {_line(told)}".strip()


def _said(error: Exception) -> str:
    """What went wrong, on one line, in the server's words where they are its."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return _line(str(error)) or type(error).__name__
