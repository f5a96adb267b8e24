"""A mailbox: against a real Dovecot on loopback, and against servers that are odd in known ways."""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.instance.settings import ImapSettings
from assets.intake.mail import archive, sources
from assets.intake.mail.seen import copies, mails, open_sightings
from assets.intake.mail.sources import MailboxError, collect_imap
from tests.mail.dovecot import PASSWORD, Cutting, Dovecot, dovecot

pytestmark = pytest.mark.outside

__all__ = ["dovecot"]

_users = iter(range(1_000_000))


class Mailbox:
    """A mailbox of its own at the server, and a home that collects it."""

    def __init__(self, server: Dovecot, folder: Path) -> None:
        self.server = server
        self.user = f"user{next(_users)}"
        self.folder = folder
        self.archive = folder / "archive"
        self.sightings: sqlite3.Connection = open_sightings(folder / "sightings.db")
        self.settings = ImapSettings(
            host="127.0.0.1",
            user=self.user,
            port=server.port,
            tls="none",
            password_env="SIXTH_TEST_PASSWORD",
            retry_seconds=0.01,
        )

    def append(self, *raws: bytes, at: str | None = None) -> None:
        self.server.append(self.user, *raws, at=at)

    def collect(self, **changes: object) -> sources.Collected:
        return collect_imap(replace(self.settings, **changes), self.archive, self.sightings)  # type: ignore[arg-type]

    def contents(self) -> list[bytes]:
        return sorted(archive.load(path.stem, self.archive) for path in self.archive.glob("??/*.eml"))


@pytest.fixture
def mailbox(dovecot: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("SIXTH_TEST_PASSWORD", PASSWORD)
    mailbox = Mailbox(dovecot, tmp_path)
    yield mailbox
    mailbox.sightings.close()


def some_mails(count: int, seed: int = 1, size: int = 3000) -> list[bytes]:
    chance = random.Random(seed)
    return [
        b"Subject: %d\r\n\r\n" % number + chance.randbytes(size).hex().encode() + b"\r\n" for number in range(count)
    ]


def test_mails_are_archived_byte_for_byte_with_their_time_of_receipt(mailbox: Mailbox) -> None:
    raws = [*some_mails(120), b"Subject: \xb8\xbd\xbc\xfe\r\n\r\n8-bit \xff\r\n.\r\n"]
    mailbox.append(*raws, at='"06-Nov-2026 00:00:00 +0800"')
    collected = mailbox.collect()
    assert (collected.listed, len(collected.new), collected.skipped) == (121, 121, ())
    assert mailbox.contents() == sorted(raws)
    assert {seen.received_at for seen in mails(mailbox.sightings)} == {datetime(2026, 11, 5, 16, tzinfo=UTC)}


def test_mailbox_is_left_as_it_was(mailbox: Mailbox) -> None:
    mailbox.append(*some_mails(3))
    mailbox.collect()
    with mailbox.server.client(mailbox.user) as client:
        assert client.search(None, "UNSEEN")[1] == [b"1 2 3"]


def test_only_what_is_new_is_fetched(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox.append(*some_mails(10))
    mailbox.collect()
    mailbox.append(*some_mails(3, seed=2))
    assert len(mailbox.collect().new) == 3
    monkeypatch.setattr(sources, "_fetch", lambda *_: pytest.fail("was fetched again"))
    assert mailbox.collect().new == ()


def test_same_mail_twice_is_one_mail_and_a_copy(mailbox: Mailbox) -> None:
    mailbox.append(*some_mails(2), *some_mails(2))
    mailbox.collect()
    assert (len(mailbox.contents()), copies(mailbox.sightings)) == (2, 2)


def test_mails_deleted_or_moved_on_the_server_stay_archived_and_counted_once(mailbox: Mailbox) -> None:
    mailbox.append(*some_mails(10))
    mailbox.collect()
    with mailbox.server.client(mailbox.user) as client:
        client.store("1:3", "+FLAGS", "\\Deleted")
        client.expunge()
        client.create("done")
        client.copy("1:2", "done")
        client.store("1:2", "+FLAGS", "\\Deleted")
        client.expunge()
    mailbox.append(*some_mails(10)[3:4])  # moved back: a new UID
    mailbox.append(*some_mails(2, seed=2))
    collected = mailbox.collect()
    assert (collected.listed, len(collected.new)) == (8, 2)
    assert (len(mailbox.contents()), copies(mailbox.sightings)) == (12, 0)


def test_changed_uidvalidity_loses_and_doubles_nothing(mailbox: Mailbox) -> None:
    mailbox.append(*some_mails(10), *some_mails(2))
    mailbox.collect()
    mailbox.server.change_uidvalidity(mailbox.user)
    mailbox.append(*some_mails(3, seed=2))
    collected = mailbox.collect()
    assert (collected.listed, len(collected.new)) == (15, 3)
    assert (len(mailbox.contents()), copies(mailbox.sightings)) == (13, 2)
    keys = sources.keys_of(mailbox.sightings, f"imap:127.0.0.1/{mailbox.settings.mailbox}")
    assert len({key.partition("/")[0] for key in keys}) == 1
    assert mailbox.collect().new == ()


def test_mail_over_the_limit_is_skipped_and_named(mailbox: Mailbox) -> None:
    mailbox.append(*some_mails(2), *some_mails(1, size=20_000))
    collected = collect_imap(mailbox.settings, mailbox.archive, mailbox.sightings, mail_bytes=10_000)
    assert (len(collected.new), [key.partition("/")[2] for key in collected.skipped]) == (2, ["3"])


def test_mailbox_with_a_chinese_name_is_opened(mailbox: Mailbox) -> None:
    with mailbox.server.client(mailbox.user) as client:
        client.create('"&XfJT0ZAB-/&YqWIaA-"')
    mailbox.server.append(mailbox.user, *some_mails(2), mailbox='"&XfJT0ZAB-/&YqWIaA-"')
    assert len(mailbox.collect(mailbox="已发送/报表").new) == 2


def test_client_says_its_name(mailbox: Mailbox) -> None:
    mailbox.collect()
    assert "name=Sixth" in (mailbox.server.folder / "dovecot.log").read_text()


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_tls_is_used_and_the_certificate_checked(mailbox: Mailbox, tls: str) -> None:
    mailbox.append(*some_mails(2))
    port = mailbox.server.tls_port if tls == "tls" else mailbox.server.port
    with pytest.raises(MailboxError, match="certificate"):
        mailbox.collect(tls=tls, port=port)
    assert len(mailbox.collect(tls=tls, port=port, ca_file=str(mailbox.server.certificate)).new) == 2


def test_tls_is_the_default() -> None:
    settings = ImapSettings(host="mail.oa.example", user="sixth")
    assert (settings.tls, settings.port) == ("tls", 993)


def test_password_comes_from_a_file_too(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.append(*some_mails(1))
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    assert len(mailbox.collect(password_env="", password_file=str(tmp_path / "password")).new) == 1


def test_refusals_are_told_at_once_and_never_the_password(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    errors = []
    for changes, environment in (
        ({}, "wrong-word"),
        ({"mailbox": "nowhere"}, PASSWORD),
        ({}, ""),
        ({"password_env": "", "password_file": str(tmp_path / "none")}, PASSWORD),
    ):
        monkeypatch.setenv("SIXTH_TEST_PASSWORD", environment)
        with pytest.raises(MailboxError) as raised:
            mailbox.collect(**changes)
        errors.append(str(raised.value))
    told = "\n".join([*errors, caplog.text, str(asdict(mailbox.settings))])
    assert "wrong-word" not in told
    assert PASSWORD not in told
    assert "Mailbox doesn't exist" in errors[1]
    assert "SIXTH_TEST_PASSWORD" in errors[2]


def test_lines_that_break_again_and_again_lose_and_double_nothing(mailbox: Mailbox) -> None:
    raws = some_mails(150, size=5000)
    mailbox.append(*raws, raws[0])
    line = Cutting(mailbox.server.port, [50, 400, 20_000, 60_000, 400_000, 600_000, 700_000])
    collected = mailbox.collect(port=line.port, timeout_seconds=10)
    line.close()
    assert line.connections > 5
    assert collected.listed == 151
    assert mailbox.contents() == sorted(raws)
    assert copies(mailbox.sightings) == 1


def test_line_that_never_holds_is_given_up(mailbox: Mailbox) -> None:
    mailbox.append(*some_mails(5))
    line = Cutting(mailbox.server.port, [300] * 100)
    with pytest.raises(MailboxError, match="no connection"):
        mailbox.collect(port=line.port, retries=3)
    line.close()
    assert line.connections == 4
    assert len(mailbox.collect().new) == 5


COLLECT = """
import sys
from pathlib import Path
from assets.intake.mail import sources
from assets.intake.mail.seen import open_sightings
home, user, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = sources.ImapSettings("127.0.0.1", user, port=port, tls="none", password_env="SIXTH_TEST_PASSWORD")
book = open_sightings(home / "sightings.db")
print("started", flush=True)
sources.collect_imap(settings, home / "archive", book)
"""


def test_killed_at_any_moment_and_run_again_every_mail_is_archived_once(mailbox: Mailbox) -> None:
    """kill -9 while 500 mails are collected: 3 times, 20 with SIXTH_SLOW_TESTS=1, each time from nothing."""
    raws = some_mails(500, size=2000)
    mailbox.append(*raws)

    def collecting(folder: Path) -> subprocess.Popen[bytes]:
        folder.mkdir()
        command = [sys.executable, "-c", COLLECT, str(folder), mailbox.user, str(mailbox.server.port)]
        running = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert running.stdout is not None
        running.stdout.readline()
        return running

    whole = collecting(mailbox.folder / "whole")
    begun = time.monotonic()
    whole.communicate()
    assert whole.returncode == 0
    seconds = time.monotonic() - begun
    chance = random.Random(6)
    interrupted = 0
    for kill in range(20 if os.environ.get("SIXTH_SLOW_TESTS") == "1" else 3):
        folder = mailbox.folder / str(kill)
        running = collecting(folder)
        time.sleep(chance.uniform(0, seconds * 0.8))
        running.send_signal(signal.SIGKILL)
        running.communicate()
        book = open_sightings(folder / "sightings.db")
        booked = {seen.sha256 for seen in mails(book)}
        interrupted += len(booked) < 500
        assert booked <= {path.stem for path in (folder / "archive").glob("??/*.eml")}
        collect_imap(mailbox.settings, folder / "archive", book)
        archived = [path.stem for path in (folder / "archive").glob("??/*.eml")]
        assert sorted(archive.load(sha256, folder / "archive") for sha256 in archived) == sorted(raws)
        assert (len(mails(book)), copies(book)) == (500, 0)
        book.close()
    assert interrupted


# --- servers that are odd in known ways ---


class OddServer:
    """Speaks just enough IMAP: opens no mailbox before ID, puts the UID behind the mail, withholds UID 2,
    deletes UID 4 after listing it.
    """

    def __init__(self) -> None:
        self.mails = {1: b"Subject: 1\r\n\r\nx", 2: b"withheld", 3: b"Subject: 3\r\n\r\n)"}
        self.said_its_name = False
        self.marked = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self.listener.accept()
        with client, client.makefile("rwb") as stream:
            stream.write(b"* OK ready\r\n")
            stream.flush()
            for line in stream:
                tag, _, command = line.strip().partition(b" ")
                untagged, status = self._answer(command)
                stream.write(b"".join(b"* " + answer + b"\r\n" for answer in untagged))
                stream.write(tag + b" " + status + b" done\r\n")
                stream.flush()

    def _answer(self, command: bytes) -> tuple[list[bytes], bytes]:
        verb = command.upper()
        if verb == b"CAPABILITY":
            return [b"CAPABILITY IMAP4rev1 ID"], b"OK"
        if verb.startswith(b"ID "):
            self.said_its_name = b"Sixth" in command
        if verb.startswith((b"SELECT", b"STORE")):
            self.marked = True
        if verb.startswith(b"EXAMINE"):
            if not self.said_its_name:
                return [], b"NO EXAMINE Unsafe Login. Please contact kefu@188.com for help"
            return [b"3 EXISTS", b"OK [UIDVALIDITY 7]"], b"OK [READ-ONLY]"
        if verb.startswith(b"UID SEARCH"):
            return [b"SEARCH 4 3 2 1"], b"OK"
        if verb.startswith(b"UID FETCH"):
            uids = [int(uid) for uid in command.split()[2].split(b",")]
            if b"SIZE" in verb:
                return [
                    b"%d FETCH (RFC822.SIZE %d UID %d)" % (uid, len(self.mails[uid]), uid)
                    for uid in uids
                    if uid in self.mails
                ], b"OK"
            if 2 in uids:
                return [], b"NO internal error"
            return [
                b'%d FETCH (INTERNALDATE " 6-Nov-2026 00:00:00 +0800" BODY[] {%d}\r\n%b UID %d)'
                % (uid, len(self.mails[uid]), self.mails[uid], uid)
                for uid in uids
            ], b"OK"
        return [], b"OK"


def test_odd_server_is_read_as_far_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXTH_TEST_PASSWORD", "secret")
    server = OddServer()
    book = open_sightings(tmp_path / "s.db")
    settings = ImapSettings("127.0.0.1", "a", port=server.port, tls="none", password_env="SIXTH_TEST_PASSWORD")
    collected = collect_imap(settings, tmp_path / "archive", book)
    assert (collected.listed, collected.skipped, server.marked) == (4, ("7/2",), False)
    assert {archive.load(sha256, tmp_path / "archive") for sha256 in collected.new} == {
        server.mails[1],
        server.mails[3],
    }
    assert {seen.received_at for seen in mails(book)} == {datetime(2026, 11, 5, 16, tzinfo=UTC)}
    book.close()


def test_a_mailbox_is_tried_without_collecting_or_marking(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox.append(*some_mails(3))
    count, newest = sources.check_mailbox(mailbox.settings)
    assert count == 3
    assert newest is not None
    assert mailbox.contents() == []
    with pytest.raises(MailboxError, match=r"127\.0\.0\.1"):
        sources.check_mailbox(replace(mailbox.settings, mailbox="no such"))
    monkeypatch.setenv("SIXTH_TEST_PASSWORD", "wrong")
    with pytest.raises(MailboxError) as told:
        sources.check_mailbox(mailbox.settings)
    assert "wrong" not in str(told.value)
