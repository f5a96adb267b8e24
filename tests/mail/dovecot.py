"""A real IMAP server for the tests: Dovecot on loopback, in a folder of its own, gone after the tests.

Belongs here: starting, filling and disturbing it. Does not: asserting.
"""

from __future__ import annotations

import contextlib
import getpass
import imaplib
import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.outside import program

PASSWORD = "geheim-秘密"
CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
imap_id_log = *
mail_location = maildir:{folder}/mail/%u
mail_uid = {mail_user}
mail_gid = {mail_group}
first_valid_uid = 1
mail_max_userip_connections = 50
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_certificate(folder: Path) -> None:
    """A certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sixth tests")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Dovecot:
    """A running server; any user name with PASSWORD opens a mailbox of its own."""

    def __init__(self, server: str, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.certificate = folder / "certificate.pem"
        (folder / "run").mkdir()
        (folder / "mail").mkdir()
        write_certificate(folder)
        root = os.geteuid() == 0
        me = getpass.getuser()
        if root:
            shutil.chown(folder / "mail", "nobody", "nogroup")
        (folder / "dovecot.conf").write_text(
            CONFIGURATION.format(
                folder=folder,
                port=self.port,
                tls_port=self.tls_port,
                password=PASSWORD,
                mail_user="nobody" if root else me,
                mail_group="nogroup" if root else os.getgid(),
                internal_user="dovecot" if root else me,
                internal_group="dovecot" if root else os.getgid(),
                login_user="dovenull" if root else me,
            ),
            encoding="utf-8",
        )
        self.process = subprocess.Popen([server, "-F", "-c", folder / "dovecot.conf"])
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.1)
        raise TimeoutError((folder / "dovecot.log").read_text())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    @contextlib.contextmanager
    def client(self, user: str, mailbox: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Another mail program at the same mailbox, with write access."""
        client = imaplib.IMAP4("127.0.0.1", self.port)
        client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
        client.select(mailbox)
        yield client
        client.logout()

    def append(self, user: str, *raws: bytes, mailbox: str = "INBOX", at: str | None = None) -> None:
        with self.client(user) as client:
            for raw in raws:
                status, answer = client.append(mailbox, "", at or "", raw)
                assert status == "OK", answer

    def change_uidvalidity(self, user: str) -> None:
        """Forgets its index, as after a restore or a move to another server: all UIDs are given anew."""
        for path in (self.folder / "mail" / user).glob("dovecot*"):
            path.unlink()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    server = program("dovecot", install="dovecot-imapd")
    folder = Path(tempfile.mkdtemp(prefix="sixth-dovecot-"))
    folder.chmod(0o755)
    running = Dovecot(server, folder)
    yield running
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)


class Cutting:
    """A line to the server that breaks: connection number n ends after `after[n]` bytes from the server."""

    def __init__(self, port: int, after: list[int]) -> None:
        self.target = port
        self.after = after
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            limit = self.after[self.connections] if self.connections < len(self.after) else None
            self.connections += 1
            threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, limit), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(8192):
                if limit is not None:
                    data = data[:limit]
                    limit -= len(data)
                target.sendall(data)
                if limit == 0:
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.listener.close()
