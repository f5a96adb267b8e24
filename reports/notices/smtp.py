"""Mails out: the bytes of a mail, and sending them by SMTP or putting them into the outbox.

Belongs here: RFC 5322 and MIME, the SMTP conversation, files that appear whole. Does not: who gets a mail and why
(reports/notices/due.py), its words (reports/notices/letters.py), what is known to be sent (assets/ledger/).

The classes of email.mime rather than EmailMessage: Python 3.11 folds long Message-IDs and MIME types into encoded
words under the newer policies, and threads and attachments break.
"""

from __future__ import annotations

import logging
import os
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from assets.instance.certificates import certificate_end
from assets.instance.settings import SmtpSettings
from reports.notices.mime import _line
from reports.notices.outbox import Outgoing, put_in_outbox

log = logging.getLogger("sixth.delivery")
LOST_IN_A_ROW = 3
CLOSING = 421  # service not available, closing transmission channel (RFC 5321, 4.2.3)
TOO_BIG = 552
OK = 250
PERMANENT = 500
_DATE = re.compile(
    r"\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}"
)  # RFC 5322, 3.3, as servers greet with it
Deliver = Callable[[Sequence[Outgoing]], list[str]]
"""Mails, of which a server takes one at a time → sha256 of what is out of each. Raises Refused, or Unreachable."""


class Refused(Exception):
    """A mail did not go out; others may. `permanent`: the server will not change its mind (5xx)."""

    def __init__(self, error: str, *, permanent: bool) -> None:
        super().__init__(error)
        self.permanent = permanent


class Unreachable(Exception):
    """No mail goes out now: there is no server, or it refuses us. Never holds the password."""


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


def check_server(smtp: SmtpSettings) -> datetime | None:
    """Connect, log in where there is a user, and leave; nothing is mailed. The server's clock, where it greets with it
    (Exchange and Sendmail do, Postfix does not). Raises Unreachable.
    """
    server = _Server(smtp, "", time.sleep)
    greeting = server.connect().greeting
    server.leave()
    found = _DATE.search(greeting)
    return parsedate_to_datetime(found[0]) if found else None


def certificate_of_server(smtp: SmtpSettings) -> datetime | None:
    """When the certificate ends by which the server is known; None without TLS. Raises Unreachable."""
    server = _Server(smtp, "", time.sleep)
    connection = server.connect()
    try:
        return certificate_end(connection.sock)
    finally:
        server.leave()


class _Greeted:
    """Keeps what a server says first."""

    greeting = ""

    def connect(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        """Connect, as smtplib does."""
        code, words = super().connect(*args, **options)  # type: ignore[misc]
        self.greeting = _answer(code, words)
        return code, words


class _Plain(_Greeted, smtplib.SMTP):
    """A connection that begins without TLS."""


class _Tls(_Greeted, smtplib.SMTP_SSL):
    """A connection under TLS from the start."""


class _Server:
    """An SMTP server: connected for the first mail, and again when the connection is lost."""

    def __init__(self, settings: SmtpSettings, sender: str, pause: Callable[[float], None]) -> None:
        self.settings = settings
        self.sender = sender
        self.pause = pause
        self.connection: _Plain | _Tls | None = None
        self.sent_at: float | None = None
        self.lost = 0

    def deliver(self, mails: Sequence[Outgoing]) -> list[str]:
        """Send mails; see Deliver.

        If one is refused or the connection is lost, this raises; whether earlier mails of the call went out is unknown.
        """
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
        connection = self.connect()
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

    def connect(self) -> _Plain | _Tls:
        """A connection, logged in. Raises Unreachable."""
        settings = self.settings
        password = _password(settings) if settings.user else ""
        try:
            context = ssl.create_default_context(cafile=settings.ca_file or None)
            if settings.tls == "tls":
                self.connection = _Tls(settings.host, settings.port, timeout=settings.timeout_seconds, context=context)
            else:
                self.connection = _Plain(settings.host, settings.port, timeout=settings.timeout_seconds)
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
