"""What a unit sends on the portal: checked in a process of its own, or made into a mail that the portal has signed.

Belongs here: both, on the files of one request. Does not: what is wrong with a form (reports/feedback/checking.py),
what becomes of a mail (assets/intake/). A check keeps nothing: its files lie in a folder that goes with it. A return is
put into the inbox as any mail is: archive, cut-off, receipt and "the same bytes again" are the intake's. Its From is
the unit's own mailbox; that the portal made it is said by a signature with a key that never leaves the home.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.limits import MIB
from assets.instance.workers import Died, run_isolated
from assets.intake.mail.headers import clean_name
from reports.feedback.checking import check_files
from reports.feedback.precheck import precheck_text

KEY = "key"
KEY_BYTES = 32
LONGEST_NAME, LONGEST_SUFFIX = 240, 10  # bytes of a file's name, of which file systems take 255; characters
HEADER = "X-Sixth-Upload"
DOMAIN = "portal.sixth.invalid"
CHECKS_AT_ONCE = 1
WAIT_SECONDS = 30.0
SECONDS = 60.0  # of processor time for one check
MEMORY = 3072 * MIB
KINDS = (".xlsx", ".xlsm", ".xls", ".zip", ".pdf", ".jpg", ".jpeg", ".png", ".tif")

_checking = threading.Semaphore(CHECKS_AT_ONCE)


class NotChecked(Exception):
    """A check that could not be made; `reason` is busy, or a code of expectations/reasons.yaml."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class File:
    """A file that was sent: its name, cleaned, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: the words, and whether a form would be returned or a row dropped."""

    text: str
    is_rejected: bool


def named(name: str) -> str:
    """A file's name as it may be shown and kept: no path, no control characters, no longer than a file system takes;
    "" for what is none.
    """
    cleaned = clean_name(name)
    suffix = Path(cleaned).suffix
    suffix = suffix if len(suffix) <= LONGEST_SUFFIX else ""
    stem = cleaned.removesuffix(suffix).encode()[: LONGEST_NAME - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix


# ------------------------------------------------------------------------------------------------------------ checking
def check(home: Home, files: Sequence[File], unit: str, period: str, lang: str) -> Verdict:
    """What `sixth check` says of the files, worked out by a process that may die. Raises NotChecked."""
    if not _checking.acquire(timeout=WAIT_SECONDS):
        raise NotChecked("busy")
    try:
        with tempfile.TemporaryDirectory(prefix="sixth-upload-") as folder:
            paths = []
            for number, file in enumerate(files):
                place = Path(folder) / str(number)
                place.mkdir()
                (place / file.name).write_bytes(file.content)
                paths.append(str(place / file.name))
            task = (tuple(paths), str(home.root), unit, period, lang)
            made = run_isolated(
                _checked, [task], workers=1, batch=1, seconds_per_task=SECONDS, memory_bytes=MEMORY
            )  # fmt: skip
            ((_, result),) = list(made)
    finally:
        _checking.release()
    if isinstance(result, Died):
        raise NotChecked(result.reason)
    return Verdict(*result)


def _checked(task: tuple[tuple[str, ...], str, str, str, str]) -> tuple[str, bool]:
    paths, root, unit, period, lang = task
    checked = check_files([Path(p) for p in paths], unit=unit, period=period, home=Home(Path(root)), lang=lang)
    return precheck_text(checked), checked.is_rejected


# ------------------------------------------------------------------------------------------------------------- sending
def key_of(home: Home) -> bytes:
    """The key that mails of the portal are signed with; made when it is first needed, for the owner's eyes alone."""
    file = home.portal / KEY
    with contextlib.suppress(FileNotFoundError):
        file.chmod(0o600)  # whatever a restored home made of it
        return file.read_bytes()
    home.portal.mkdir(parents=True, exist_ok=True)
    making = file.with_name(f".{KEY}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        made.write(secrets.token_bytes(KEY_BYTES))
        made.flush()
        os.fsync(made.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(making, file)  # whoever is first has made it
    making.unlink()
    return file.read_bytes()


def mail_of(
    home: Home, files: Sequence[File], *, mailbox: str, to: str, subject: str, text: str, by: str, address: str,
    now: datetime,
) -> bytes:  # fmt: skip
    """The mail that a return on the portal becomes. `now` is aware: the time at which it was received."""
    message = EmailMessage(policy=SMTP)
    received = format_datetime(now)
    message["Received"] = f"from portal ([{address}]) by {DOMAIN} with HTTP; {received}"
    message["From"], message["To"] = mailbox, to or f"returns@{DOMAIN}"
    message["Subject"], message["Date"] = subject, received
    message["Message-ID"] = f"<{secrets.token_hex(16)}@{DOMAIN}>"
    message.set_content(text)
    for file in files:
        message.add_attachment(file.content, maintype="application", subtype="octet-stream", filename=file.name)
    raw = message.as_bytes(policy=SMTP)
    return f"{HEADER}: {_signature(key_of(home), by, raw)}\r\n".encode() + raw


def _signature(key: bytes, by: str, raw: bytes) -> str:
    name = base64.urlsafe_b64encode(by.encode()).decode()
    signed = name.encode() + b"\0" + raw
    return f"{name} {hmac.new(key, signed, hashlib.sha256).hexdigest()}"


def sent_by(home: Home, raw: bytes) -> str | None:
    """Who sent a mail through the portal; None where it did not come that way, or its signature does not hold."""
    head, _, rest = raw.partition(b"\r\n")
    name, _, value = head.partition(b": ")
    told = value.decode("ascii", "replace").split()
    if name.decode("ascii", "replace") != HEADER or len(told) != 2 or not (home.portal / KEY).exists():
        return None
    with contextlib.suppress(ValueError):
        by = base64.urlsafe_b64decode(told[0]).decode()
        if hmac.compare_digest(_signature(key_of(home), by, rest), " ".join(told)):
            return by
    return None


def put_into_inbox(home: Home, raw: bytes, now: datetime) -> str:
    """Put a mail into the drop folder, whole or not at all; its sha256, by which it is known from then on."""
    sha256 = hashlib.sha256(raw).hexdigest()
    home.inbox.mkdir(parents=True, exist_ok=True)
    place = home.inbox / f"portal-{now:%Y%m%d-%H%M%S}-{sha256[:12]}.eml"
    building = home.portal / f".{place.name}"  # not in the inbox, where a run would wonder at it
    with building.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    building.rename(place)
    return sha256
