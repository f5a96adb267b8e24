"""Where mails come from: the drop folder and an IMAP mailbox, each collected into the archive.

Belongs here: finding what is new, archiving it, booking that it was seen. Does not: looking into a mail
(message.py) and keeping it (archive.py, sightings.py). Nothing at a source is ever marked, moved or
deleted.

A mail is booked only once it is durably archived, in batches: a run killed at any moment is simply run
again.
"""

from __future__ import annotations

import binascii
import imaplib
import logging
import os
import re
import sqlite3
import ssl
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assets.instance.certificates import certificate_end
from assets.instance.limits import MIB, Limits
from assets.instance.settings import ImapSettings
from assets.intake.mail import archive as mail_archive
from assets.intake.mail.headers import moment
from assets.intake.mail.kinds import SCAN_EXTENSIONS, WORKBOOK_EXTENSIONS, extension_of
from assets.intake.mail.seen import Sighting, files_of, keys_of, record
from expectations.secrets import hidden

_INTERNALDATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
log = logging.getLogger(__name__)
Tell = Callable[..., None]
FOLDER = "folder"
FOLDER_BATCH = 500
READERS = 4
FETCH_BYTES = 16 * MIB
FETCH_MAILS = 50
LISTED_AT_ONCE = 1000
NOT_LONG = timedelta(days=31)
NO_MAILS = {
    ".msg": "an Outlook message; open it in Outlook and save it as .eml",
    ".oft": "an Outlook template; drop the mail as .eml",
    ".pst": "an Outlook store; export its mails as .eml",
    ".mbox": "a mailbox of many mails; export them as .eml, one file each",
    ".mbx": "a mailbox of many mails; export them as .eml, one file each",
    ".emlx": "a mail of Apple Mail; save it as raw message source, .eml",
    ".zip": "an archive; unpack it, so that the mails in it lie here as .eml",
    ".rar": "an archive; unpack it, so that the mails in it lie here as .eml",
    ".7z": "an archive; unpack it, so that the mails in it lie here as .eml",
}
# What office programs and file managers leave in any folder.
OFFICE_LOCK = "~$"
LEFT_BY_PROGRAMS = {"thumbs.db", "desktop.ini"}
STILL_WRITTEN = {".part", ".partial", ".tmp", ".crdownload"}
# imaplib refuses longer lines; all UIDs of a mailbox come in one.
LONGEST_LINE = 50 * MIB


class MailboxError(Exception):
    """A mailbox cannot be collected: what the server said, never the password."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Collected:
    """What a source had: `listed` mails, of which `new` (sha256) were never seen before; `waiting` are still
    being written, `skipped` cannot be had or exceed the limits (both by key, for people to look after); `no_mails` are
    files in the drop folder that are none, each with what it is and what to do about it; `unreachable` is why a mailbox
    could not be collected to its end, "" where it was.
    """

    listed: int
    new: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    no_mails: tuple[tuple[str, str], ...] = ()
    unreachable: str = ""


# --- the drop folder ---


def collect_folder(
    inbox: Path,
    archive: Path,
    sightings: sqlite3.Connection,
    *,
    settle_seconds: float = 2.0,
    mail_bytes: int = Limits().mail_bytes,
    clock: datetime | None = None,
) -> Collected:
    """Archives every `.eml` below `inbox`, at any depth, that was not read before (by path, size, time of
    change).

    A file changed within the last `settle_seconds`, or while it was read, waits for the next run. Raises
    OSError where the archive cannot be written; what cannot be read is skipped. `clock` is that of the run.
    """
    mail_archive.tidy(archive)
    waiting: list[str] = []
    skipped: list[str] = []
    new: list[str] = []
    known = files_of(sightings, FOLDER)
    no_mails: list[tuple[str, str]] = []
    listed = list(_mail_files(inbox, skipped, no_mails))
    present = {file.key for file in listed}
    now = time.time()
    unread = []
    for file in listed:
        if known.get(file.key) == (file.size, file.mtime_ns):
            continue
        if 0 <= now - file.mtime_ns / 1e9 < settle_seconds:
            waiting.append(file.key)
        elif not 0 < file.size <= mail_bytes:
            log.warning("%s: empty or over the limit of %d bytes, skipped", hidden(str(file.path)), mail_bytes)
            skipped.append(file.key)
        else:
            unread.append(file)
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(unread), FOLDER_BATCH):
            batch = unread[start : start + FOLDER_BATCH]
            found = []
            for file, sha256 in zip(batch, readers.map(lambda f: _archive_file(f, archive), batch), strict=True):
                if sha256 is None:
                    skipped.append(file.key)
                elif not sha256:
                    waiting.append(file.key)
                else:
                    found.append((file, sha256))
            mail_archive.sync((sha256 for _, sha256 in found), archive)
            new += record(
                sightings,
                [
                    Sighting(FOLDER, file.key, sha256, seen_at=_first_seen(file, clock or datetime.now(UTC)))
                    for file, sha256 in found
                ],
                present,
                [(FOLDER, file.key, file.size, file.mtime_ns) for file, _ in found],
                archive,
            )
    return Collected(len(listed), tuple(new), tuple(waiting), tuple(skipped), tuple(sorted(no_mails)))


def unread_mails(inbox: Path, sightings: sqlite3.Connection | None, mail_bytes: int) -> list[tuple[str, int, int]]:
    """Key, size and time of change (ns) of the mails in the drop folder that a collecting will read and none has."""
    return [mail for mail in look_into(inbox, sightings, lambda *_: None).unread if 0 < mail[1] <= mail_bytes]


@dataclass(frozen=True, slots=True)
class InFolder:
    """What lies in the drop folder, looked at and not read: mails that no collecting has read (key, size, time of
    change in ns), and, as in Collected, `skipped` and `no_mails`.
    """

    unread: tuple[tuple[str, int, int], ...]
    skipped: tuple[str, ...]
    no_mails: tuple[tuple[str, str], ...]


def look_into(inbox: Path, sightings: sqlite3.Connection | None, tell: Tell = log.warning) -> InFolder:
    """Look into the drop folder without reading a mail. `tell` is told of what is no mail, as in collecting."""
    known = files_of(sightings, FOLDER) if sightings else {}
    skipped: list[str] = []
    no_mails: list[tuple[str, str]] = []
    listed = _mail_files(inbox, skipped, no_mails, tell)
    unread = [(f.key, f.size, f.mtime_ns) for f in listed if known.get(f.key) != (f.size, f.mtime_ns)]
    return InFolder(tuple(unread), tuple(skipped), tuple(sorted(no_mails)))


@dataclass(frozen=True, slots=True)
class _File:
    """A file in the drop folder as it was when it was listed."""

    key: str
    path: Path
    size: int
    mtime_ns: int


def _what_it_is(name: str) -> str:
    """What a file of the drop folder is that is no mail, and what to do about it; "" for what programs leave there."""
    if name.startswith(OFFICE_LOCK) or name.lower() in LEFT_BY_PROGRAMS:
        return ""
    extension = extension_of(name)
    if extension in STILL_WRITTEN:
        return ""
    if extension in SCAN_EXTENSIONS | WORKBOOK_EXTENSIONS | {".csv"}:
        return "an attachment without its mail: when it came and from whom is not told; drop the mail as .eml"
    return NO_MAILS.get(extension, "no mail (.eml)")


def _mail_files(
    inbox: Path, skipped: list[str], no_mails: list[tuple[str, str]], tell: Tell = log.warning
) -> Iterator[_File]:
    """The files named `.eml` in any case; links are not followed, names beginning with a dot are other
    programs'. `tell` is told of all others.
    """

    def unreadable(error: OSError) -> None:
        tell("%s: cannot be listed: %s", error.filename, error.strerror)
        skipped.append(_key(Path(error.filename), inbox))

    for folder, _, names in os.walk(inbox, onerror=unreadable):
        for name in names:
            path = Path(folder) / name
            if name.startswith("."):
                continue
            if path.suffix.lower() != ".eml":
                if what := _what_it_is(name):
                    tell("%s: not collected: %s", hidden(str(path)), what)
                    no_mails.append((_key(path, inbox), what))
                continue
            try:
                status = path.lstat()
            except OSError as error:
                unreadable(error)
                continue
            if stat.S_ISREG(status.st_mode):
                yield _File(_key(path, inbox), path, status.st_size, status.st_mtime_ns)
            else:
                tell("%s: no regular file, skipped", hidden(str(path)))
                skipped.append(_key(path, inbox))


def _first_seen(file: _File, clock: datetime) -> datetime:
    """When a file may be said to have come: when it was put there, if that was not long before the run that sees it."""
    put = datetime.fromtimestamp(file.mtime_ns // 10**9, UTC)
    return put if clock - NOT_LONG <= put <= clock else clock


def _key(path: Path, inbox: Path) -> str:
    return os.fsencode(path.relative_to(inbox)).decode("utf-8", "backslashreplace")


def _archive_file(file: _File, archive: Path) -> str | None:
    """The sha256 of the archived mail; "" where it is being written, None where it cannot be read."""
    try:
        with file.path.open("rb") as opened:
            raw = opened.read(file.size + 1)
            status = os.fstat(opened.fileno())
    except OSError as error:
        log.warning("%s: cannot be read: %s", hidden(str(file.path)), error.strerror)
        return None
    if len(raw) != file.size or (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
        return ""
    return mail_archive.write(raw, archive)


# --- a mailbox ---


@dataclass(slots=True)
class _Listing:
    """What a mailbox holds, by key (`<UIDVALIDITY>/<UID>`), as far as it is known."""

    present: set[str] = field(default_factory=set)
    skipped: dict[str, None] = field(default_factory=dict)


def collect_imap(
    settings: ImapSettings,
    archive: Path,
    sightings: sqlite3.Connection,
    *,
    mail_bytes: int = Limits().mail_bytes,
    clock: datetime | None = None,
) -> Collected:
    """Archives every mail of a mailbox whose UID was not seen before under its UIDVALIDITY (RFC 3501
    2.3.1.1).

    The mailbox is opened read-only and mails are fetched without marking them. After a lost connection it
    goes on where it was. Raises MailboxError where that does not help, or at once where the server refuses
    (password, certificate, mailbox); OSError where the archive cannot be written.
    """
    imaplib._MAXLINE = max(imaplib._MAXLINE, LONGEST_LINE)  # type: ignore[attr-defined]
    mail_archive.tidy(archive)
    source = _source(settings)
    new: list[str] = []
    failures = 0
    while True:
        listing = _Listing()
        batches = _unseen(settings, keys_of(sightings, source), listing, mail_bytes)
        while True:
            try:
                batch = next(batches, None)
            except ssl.SSLCertVerificationError as error:
                raise MailboxError(f"{settings.host}: {error}") from error
            except (imaplib.IMAP4.abort, OSError) as error:
                failures += 1
                log.warning("%s: connection lost: %s", settings.host, error)
                if failures > settings.retries:
                    raise MailboxError(f"{settings.host}: no connection: {error}") from error
                time.sleep(settings.retry_seconds * 2 ** (failures - 1))
                break
            except imaplib.IMAP4.error as error:
                raise MailboxError(f"{settings.host}: {error}") from error
            if batch is None:
                return Collected(len(listing.present), tuple(new), (), tuple(listing.skipped))
            failures = 0
            found = [
                Sighting(source, key, mail_archive.write(raw, archive), received_at, clock or datetime.now(UTC))
                for key, received_at, raw in batch
            ]
            mail_archive.sync((sighting.sha256 for sighting in found), archive)
            new += record(sightings, found, listing.present, archive=archive)


_Mail = tuple[str, datetime | None, bytes]


def _unseen(settings: ImapSettings, seen: set[str], listing: _Listing, mail_bytes: int) -> Iterator[list[_Mail]]:
    """(key, INTERNALDATE, bytes) of the mails not seen yet, in batches of bounded size, over one
    connection.
    """
    server = _connect(settings)
    try:
        _expect(server.select(_quoted(settings.mailbox), readonly=True))
        validity = int(_expect(server.response("UIDVALIDITY"))[0])
        uids = [int(uid) for uid in _expect(server.uid("SEARCH", "ALL"))[0].split()]
        listing.present |= {f"{validity}/{uid}" for uid in uids}
        unseen = sorted(uid for uid in uids if f"{validity}/{uid}" not in seen)
        for start in range(0, len(unseen), LISTED_AT_ONCE):
            sizes = _sizes(server, unseen[start : start + LISTED_AT_ONCE])
            for uid in [uid for uid, size in sizes.items() if not 0 < size <= mail_bytes]:
                log.warning("mail %d/%d: empty or over %d bytes, skipped", validity, uid, mail_bytes)
                listing.skipped[f"{validity}/{uid}"] = None
                del sizes[uid]
            for batch in _batches(sizes):
                yield list(_fetch(server, batch, validity, listing))
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            server.logout()


@contextmanager
def _visit(settings: ImapSettings) -> Iterator[imaplib.IMAP4]:
    """A connection, logged in, for a look at the mailbox. Raises MailboxError, at once."""
    try:
        server = _connect(settings)
        try:
            yield server
        finally:
            with suppress(imaplib.IMAP4.error, OSError):
                server.logout()
    except (imaplib.IMAP4.error, OSError, ValueError) as error:
        raise MailboxError(f"{settings.host}: {error}") from error


def check_mailbox(settings: ImapSettings) -> tuple[int, datetime | None]:
    """Log in, open the mailbox for reading, and leave; how many mails there are, and when the newest came by the
    server's clock. Raises MailboxError, at once.
    """
    with _visit(settings) as server:
        mails = int(_expect(server.select(_quoted(settings.mailbox), readonly=True))[0])
        answer = server.fetch(str(mails), "(INTERNALDATE)")[1] if mails else []
        date = _INTERNALDATE.search(b" ".join(line for line in answer if isinstance(line, bytes)))
        return mails, moment(date[1]) if date else None


def mailbox_state(settings: ImapSettings) -> tuple[int, int]:
    """UIDVALIDITY and UIDNEXT (RFC 3501, 6.3.10): from which UID on a mailbox has nothing yet. Raises MailboxError."""
    with _visit(settings) as server:
        told = _expect(server.status(_quoted(settings.mailbox), "(UIDVALIDITY UIDNEXT)"))[0]
        found = [re.search(rb"\b%b (\d+)" % name, told) for name in (b"UIDVALIDITY", b"UIDNEXT")]
        if not all(found):
            raise imaplib.IMAP4.error(f"STATUS is answered by {told!r}")
        validity, next_uid = (int(number[1]) for number in found if number)
        return validity, next_uid


def collected_up_to(sightings: sqlite3.Connection, settings: ImapSettings, validity: int) -> int:
    """The highest UID of a mailbox that was collected under a UIDVALIDITY; 0 where none was."""
    keys = (key.split("/") for key in keys_of(sightings, _source(settings)))
    return max((int(uid) for under, uid in keys if int(under) == validity), default=0)


def certificate_of_mailbox(settings: ImapSettings) -> datetime | None:
    """When the certificate ends by which the server is known; None without TLS. Raises MailboxError."""
    with _visit(settings) as server:
        return certificate_end(server.sock)


def _source(settings: ImapSettings) -> str:
    return f"imap:{settings.host}/{settings.mailbox}"


def _connect(settings: ImapSettings) -> imaplib.IMAP4:
    """A connection, logged in. Raises MailboxError where there is no password."""
    password = _password(settings)
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    server: imaplib.IMAP4
    if settings.tls == "tls":
        server = imaplib.IMAP4_SSL(settings.host, settings.port, ssl_context=context, timeout=settings.timeout_seconds)
    else:
        server = imaplib.IMAP4(settings.host, settings.port, timeout=settings.timeout_seconds)
        if settings.tls == "starttls":
            server.starttls(context)
    if "AUTH=PLAIN" in server.capabilities:
        server.authenticate("PLAIN", lambda _: f"\0{settings.user}\0{password}".encode())
    elif (settings.user + password).isascii():
        server.login(settings.user, password)
    else:
        raise MailboxError(f"{settings.host}: only takes ASCII user names and passwords")
    # NetEase and Coremail open no mailbox ("Unsafe Login") for clients that do not say their name (RFC 2971).
    if b"ID" in _expect(server.capability())[0].split():
        server.xatom("ID", '("name" "Sixth" "version" "1")')
    return server


def _password(settings: ImapSettings) -> str:
    if settings.password_env:
        password = os.environ.get(settings.password_env, "")
        if not password:
            raise MailboxError(f"no password in the environment variable {settings.password_env}")
        return password
    try:
        return Path(settings.password_file).read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MailboxError(f"{settings.password_file}: no password can be read") from error


def _expect(answer: tuple[str, list[bytes | None]]) -> list[bytes]:
    """The data of a command that succeeded, b"" for none. Raises imaplib's error with the server's words."""
    status, data = answer
    found = [item or b"" for item in data] or [b""]
    if status not in ("OK", "UIDVALIDITY"):
        raise imaplib.IMAP4.error(found[0].decode("utf-8", "replace") or status)
    return found


def _quoted(mailbox: str) -> str:
    """A mailbox's name in modified UTF-7 (RFC 3501 5.1.3), quoted."""

    def shifted(found: re.Match[str]) -> str:
        letters = binascii.b2a_base64(found[0].encode("utf-16-be"), newline=False)
        return f"&{letters.decode().rstrip('=').replace('/', ',')}-"

    name = re.sub(r"[^\x20-\x7e]+", shifted, mailbox.replace("&", "&-"))
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _sizes(server: imaplib.IMAP4, uids: list[int]) -> dict[int, int]:
    """The size of each mail that is still there, by UID."""
    sizes = {}
    for line in _expect(server.uid("FETCH", ",".join(map(str, uids)), "(UID RFC822.SIZE)")):
        uid, size = re.search(rb"\bUID (\d+)", line), re.search(rb"\bRFC822\.SIZE (\d+)", line)
        if uid and size:
            sizes[int(uid[1])] = int(size[1])
    return {uid: sizes[uid] for uid in uids if uid in sizes}


def _batches(sizes: dict[int, int]) -> Iterator[list[int]]:
    batch: list[int] = []
    total = 0
    for uid, size in sizes.items():
        if batch and (total + size > FETCH_BYTES or len(batch) == FETCH_MAILS):
            yield batch
            batch, total = [], 0
        batch.append(uid)
        total += size
    if batch:
        yield batch


def _fetch(server: imaplib.IMAP4, uids: list[int], validity: int, listing: _Listing) -> Iterator[_Mail]:
    """The mails that are still there, left unmarked (BODY.PEEK); those that the server withholds are
    skipped.
    """
    status, answer = server.uid("FETCH", ",".join(map(str, uids)), "(UID INTERNALDATE BODY.PEEK[])")
    if status != "OK" and len(uids) > 1:
        for uid in uids:
            yield from _fetch(server, [uid], validity, listing)
        return
    if status != "OK":
        log.warning("mail %d/%d: the server does not hand it out, skipped", validity, uids[0])
        listing.skipped[f"{validity}/{uids[0]}"] = None
        return
    for position, item in enumerate(answer):
        if isinstance(item, tuple):
            rest = answer[position + 1] if position + 1 < len(answer) else b""
            # Attributes stand before or after the mail, as the server likes.
            attributes = item[0] + (rest if isinstance(rest, bytes) else b"")
            found = re.search(rb"\bUID (\d+)", attributes)
            date = _INTERNALDATE.search(attributes)
            if found and int(found[1]) in uids:
                yield f"{validity}/{int(found[1])}", moment(date[1]) if date else None, item[1]
