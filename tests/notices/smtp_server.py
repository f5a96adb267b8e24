"""A real SMTP server on loopback (aiosmtpd) that takes mails, refuses some, and breaks connections on demand."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from assets.instance.settings import SmtpSettings

PASSWORD = "geheim-Pass-77"


@dataclass
class Post:
    """What the server does and has. `refuse` maps a recipient to the answer to RCPT; `senders` to that to MAIL.
    `wait_for`: no mail is taken before so many have arrived.
    """

    refuse: dict[str, str] = field(default_factory=dict)
    senders: str = ""
    content: str = ""
    drop_after_data: int = 0
    drop_at_data: int = 0
    drop_after_mails: int = 0
    wait_for: int = 0
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    arrived: int = 0
    in_session: dict[int, int] = field(default_factory=dict)

    @property
    def mails(self) -> list[EmailMessage]:
        """The mails taken, as read by the standard library."""
        read = [email.message_from_bytes(raw, policy=email.policy.default) for _, raw in self.taken]
        return [mail for mail in read if isinstance(mail, EmailMessage)]

    async def handle_EHLO(  # noqa: N802 - names are aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Count connections."""
        if id(session) not in self.in_session:
            self.connections += 1
            self.in_session[id(session)] = 0
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse all senders, or after so many mails the whole connection."""
        if self.senders:
            return self.senders
        if self.drop_after_mails and self.in_session.get(id(session), 0) >= self.drop_after_mails:
            return "421 4.7.0 too many messages in this connection"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse some recipients."""
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take the mail; or break the connection before that, or after it and before the answer."""
        if self.content:
            return self.content
        self.arrived += 1
        while self.arrived < self.wait_for:
            await asyncio.sleep(0.01)
        if self.drop_at_data:
            self.drop_at_data -= 1
            break_off(server)
            await asyncio.sleep(0)
            return "250 never seen"
        raw = envelope.content
        assert isinstance(raw, bytes)
        self.taken.append((envelope.rcpt_tos[0], raw))
        self.in_session[id(session)] = self.in_session.get(id(session), 0) + 1
        if self.drop_after_data:
            self.drop_after_data -= 1
            break_off(server)
        return "250 OK"


def break_off(server: SMTP) -> None:
    """Close the connection without a word."""
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    """Let in whoever knows the password."""
    good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=good, handled=good)


@contextmanager
def smtp_server(
    post: Post, *, tls: str = "none", certificate: Path | None = None, **options: Any
) -> Iterator[SmtpSettings]:
    """The server, and the settings with which to reach it. `certificate` is a folder with certificate.pem and key.pem."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    controller = Controller(
        post, hostname="127.0.0.1", port=port, ssl_context=context if tls == "tls" else None, **options
    )
    controller.start()
    try:
        yield SmtpSettings(
            host="127.0.0.1",
            port=port,
            tls=tls,  # type: ignore[arg-type]
            ca_file=str(certificate / "certificate.pem") if certificate else "",
            timeout_seconds=10,
        )
    finally:
        controller.stop()
