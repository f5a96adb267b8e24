"""One mail's bytes as what intake needs of it: who, when, and the files it carries.

Belongs here: which leaf of a mail is a file of the sender's, and opening forwarded mails and containers.
Does not: the tree of parts (parts.py), header text (headers.py), what a file is (kinds.py), how containers
are opened (unpacking.py, tnef.py, smime.py), whose mail it is, and reading workbooks or scans.
"""

from __future__ import annotations

import hashlib
import html
import io
import logging
import re
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message as Part
from urllib.parse import unquote

import lxml.etree
import lxml.html

from assets.instance.limits import Limits
from assets.intake.fault import Fault
from assets.intake.mail import headers, kinds, parts, smime, tnef, unpacking
from assets.intake.mail.links import linked_files
from assets.intake.mail.machines import Bounce, bounce_of, is_report
from assets.intake.mail.parts import Leaf, MailPart
from assets.intake.mail.unpacking import RefusedError

log = logging.getLogger(__name__)

LINKED = "linked"  # code of expectations/reasons.yaml: the file is a link in the text
TEXT_CHARACTERS = 2000
TEXT_BYTES = 16 * 1024
HTML_BYTES = 256 * 1024
# Half the width of a page scanned at 150 dpi, and more than any logo in a signature.
PAGE_PIXELS = 600
UNNAMED = "附件-{number}{extension}"
# What Exchange makes of text between two attachments.
EXCHANGE_TEXT = re.compile(r"ATT\d{5,}\.(?:txt|html?)", re.IGNORECASE)
# What Outlook calls the images of its text.
OUTLOOK_IMAGE = re.compile(r"image\d{3}\.[a-z]{3,4}", re.IGNORECASE)
# No files of the sender's, unless their content says otherwise.
IGNORED_TYPES = {
    "application/ics",
    "application/pgp-encrypted",
    "application/pgp-keys",
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "text/calendar",
    "text/directory",
    "text/vcard",
    "text/x-vcard",
}
# What a Mac sends beside a file, under the same name (RFC 1740).
RESOURCE_FORK = "application/applefile"
SIGNED_TYPES = {"application/pkcs7-mime", "application/x-pkcs7-mime"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that the sender sent. `number` counts from 1 in the order of the mail; `name` is fit for
    display; `within` names the forwarded mails (subject) and .zip files it came out of, outermost first;
    `kind` is workbook, csv, scan or other, by content first; `span` is where in the mail it stands (parts.Leaf).
    """

    number: int
    name: str
    content: bytes
    within: tuple[str, ...]
    kind: str
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A mail as intake sees it. `sender` is the From address in lower case ("" if none), `text` the first
    2000 characters of its plain body; times are aware, UTC: `received_at` of the topmost Received
    header, `dated_at` of Date. `faults` are ENV-03 and ENV-04, one a file; a file that is only linked to (LINKED) is
    one of them. `bounce` says whom an answer of ours did not reach; a mail on a mail carries no files of the sender's.
    """

    sender: str
    subject: str
    message_id: str
    references: str
    text: str
    received_at: datetime | None
    dated_at: datetime | None
    attachments: tuple[Attachment, ...]
    faults: tuple[Fault, ...]
    bounce: Bounce | None = None


@dataclass(slots=True)
class _Intake:
    """What has been found in a mail so far, and how much may still be."""

    limits: Limits
    attachments: list[Attachment] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)
    text: str = ""
    files: int = 0
    unpacked_bytes: int = 0

    def refuse(self, reason: str, file: str, extension: str = "", rule_id: str = "ENV-03") -> None:
        self.book(Fault(rule_id, file=file, value=extension, reason=reason))

    def book(self, fault: Fault) -> None:
        """Keeps a fault; a mail with more of them than files are allowed is too large as a whole."""
        if len(self.faults) < 2 * self.limits.attachments:
            self.faults.append(fault)
        elif len(self.faults) == 2 * self.limits.attachments:
            self.faults.append(Fault("ENV-03", reason="mail_too_large"))


def parse_message(raw: bytes, limits: Limits) -> Message:
    """A mail as received, taken apart within `limits`. Never raises: what cannot be used is a fault.

    The same file twice is one attachment. Files of a kind that is not accepted are attachments of kind
    `other`, unopened, beside their fault; a container that cannot be opened is only a fault.
    """
    intake = _Intake(limits)
    hint, bounce = "", None
    top = parts.parse_headers(raw, limits)
    try:
        if len(raw) > limits.mail_bytes:
            raise RefusedError("mail_too_large")
        tree = parts.parse(raw, limits, is_the_mail=True)
        hint = parts.charset_of(tree, limits)
        _take_message(tree, (), False, intake)
        if is_report(tree):
            intake.attachments.clear()
            intake.faults.clear()
        bounce = bounce_of(tree, headers.address(headers.header(top, "from", limits), hint), intake.text, limits)
    except RefusedError as refused:
        intake.refuse(refused.reason, "")
    except Exception:  # a mail must never stop a run: it ends as a finding, and the log has the trace
        log.exception("a mail could not be taken apart")
        intake.refuse("mail_damaged", "")
    return _message(top, hint, intake, bounce)


def _message(top: Part, hint: str, intake: _Intake, bounce: Bounce | None) -> Message:
    limits = intake.limits

    def text_of(name: str) -> str:
        return headers.clean_text(headers.decode_text(headers.header(top, name, limits), hint))

    _, semicolon, received = headers.header(top, "received", limits).rpartition(b";")
    return Message(
        sender=headers.address(headers.header(top, "from", limits), hint),
        subject=text_of("subject"),
        message_id=text_of("message-id"),
        references=text_of("references") or text_of("in-reply-to"),
        text=intake.text,
        received_at=headers.moment(received) if semicolon else None,
        dated_at=headers.moment(headers.header(top, "date", limits), by_guess=True),
        attachments=tuple(intake.attachments),
        faults=tuple(intake.faults),
        bounce=bounce,
    )


# --- leaves to files ---


def _take_message(message: MailPart, within: tuple[str, ...], zipped: bool, intake: _Intake) -> None:
    """Puts a mail's files and, of the outermost mail, its text into `intake`."""
    bodies: list[Leaf] = []
    files: list[Leaf] = []
    for leaf in parts.leaves(message, within, intake.limits):
        if isinstance(leaf, Fault):
            intake.book(leaf)
        elif _is_body(leaf, intake.limits):
            bodies.append(leaf)
        else:
            files.append(leaf)
    shown = _shown_images(bodies)
    for leaf in files:
        if not _is_decoration(leaf, shown):
            _take_file(leaf, zipped, intake)
    if not within and not intake.text:
        own = [body for body in bodies if not body.within]
        intake.text = _body_text(own)
        for name in linked_files((body.content_type, _decoded(body)) for body in own):
            intake.refuse(LINKED, name, rule_id="ENV-04")


def _is_body(leaf: Leaf, limits: Limits) -> bool:
    """Whether a leaf is text of the mail: a text part without a name, unless its bytes are a file's."""
    if leaf.name or not leaf.content_type.startswith("text/") or leaf.content_type == "text/csv":
        return False
    kind = kinds.kind_of("", leaf.content, limits.archive_members)
    return kind.name not in ("workbook", "scan", "zip", "tnef")


def _shown_images(bodies: list[Leaf]) -> set[str]:
    """Content-IDs of the images that the HTML bodies show."""
    shown: set[str] = set()
    for body in bodies:
        if body.content_type == "text/html":
            text = body.content[:HTML_BYTES].decode("ascii", "replace")
            shown |= {unquote(html.unescape(found)) for found in re.findall(r"cid:([^\"'\s>)]{1,998})", text)}
    return shown


def _is_decoration(leaf: Leaf, shown: set[str]) -> bool:
    """Whether a leaf is an image of the mail's own text, such as a signature's logo: smaller than a page."""
    if not OUTLOOK_IMAGE.fullmatch(leaf.name):
        in_text = leaf.related or leaf.content_id in shown
        if not in_text or not leaf.content_type.startswith("image/"):
            return False
    from PIL import Image  # noqa: PLC0415 - most mails have no such leaf, and `sixth check` none

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(leaf.content)) as image:
                return min(image.size) < PAGE_PIXELS
    except Image.DecompressionBombError:
        return False
    except Exception:  # Pillow raises what it likes on broken images
        return not leaf.content.startswith(tuple(kinds.SCANS))


def _kind(leaf: Leaf, limits: Limits) -> kinds.Kind:
    """What a leaf is: by content, then by name, then by the type that the mail states."""
    if leaf.content_type == RESOURCE_FORK:
        return kinds.Kind("ignored", "")
    kind = kinds.kind_of(leaf.name, leaf.content, limits.archive_members)
    if kind.name in ("workbook", "csv", "scan", "zip") and not kinds.is_accepted(kind, leaf.content, limits.accepted):
        return kinds.Kind("other", kind.extension, kinds.UNKNOWN)
    if kind.name == "other" and kind.reason == kinds.UNKNOWN:
        if leaf.content_type in SIGNED_TYPES:
            return kinds.Kind("signed", ".p7m")
        if leaf.content_type in IGNORED_TYPES:
            return kinds.Kind("ignored", "")
        if leaf.content_type == "text/csv" and not leaf.name and "csv" in limits.accepted:
            return kinds.Kind("csv", ".csv")
        if leaf.content_type.startswith("text/") and EXCHANGE_TEXT.fullmatch(leaf.name):
            return kinds.Kind("ignored", "")
    return kind


def _take_file(leaf: Leaf, zipped: bool, intake: _Intake) -> None:
    """Puts one file into `intake`: opened if it is a container, booked with its kind if it is not."""
    limits = intake.limits
    kind = _kind(leaf, limits)
    if kind.name == "ignored" or not (leaf.name or leaf.content):
        return
    digest = hashlib.sha256(leaf.content or leaf.name.encode()).digest()
    if digest in intake.digests or intake.files > limits.attachments:
        return
    intake.digests.add(digest)
    intake.files += 1
    number = len(intake.attachments) + 1
    name = leaf.name or UNNAMED.format(number=number, extension=kind.extension or ".bin")
    if intake.files > limits.attachments or len(leaf.content) > limits.attachment_bytes:
        intake.refuse("mail_too_large", name)
        return
    try:
        if kind.name == "message":
            inner = parts.parse(leaf.content, limits)
            subject = parts.subject_of(inner, limits) or name
            _take_message(inner, (*leaf.within, subject), zipped, intake)
        elif kind.name == "zip" and not zipped:
            _take_zip(name, leaf, intake)
        elif kind.name == "tnef":
            for title, content in tnef.files(leaf.content, limits):
                inside = Leaf(title, "", content, leaf.within)
                if not _is_decoration(inside, set()):
                    _take_file(inside, zipped, intake)
        elif kind.name == "signed":
            _take_signed(leaf, zipped, intake)
        elif kind.name == "encrypted":
            intake.refuse("mail_encrypted", name)
        else:
            booked = kind.name if kind.name in ("workbook", "csv", "scan") else "other"
            if booked == "other":
                reason = "archive_nested" if kind.name == "zip" else kind.reason
                intake.refuse(reason, name, kind.extension, "ENV-04")
            intake.attachments.append(Attachment(number, name, leaf.content, leaf.within, booked, leaf.span))
    except RefusedError as refused:
        intake.refuse(refused.reason, name)


def _take_zip(name: str, leaf: Leaf, intake: _Intake) -> None:
    """The files of a .zip, each as if attached. Raises RefusedError for the archive as a whole."""
    encrypted = False
    budget = intake.limits.archive_bytes - intake.unpacked_bytes
    for member, content in unpacking.unzip(leaf.content, budget, intake.limits):
        if isinstance(content, bytes):
            intake.unpacked_bytes += len(content)
            _take_file(Leaf(member, "", content, (*leaf.within, name)), True, intake)
        elif content.reason != "archive_encrypted":
            intake.refuse(content.reason, member)
        elif not encrypted:
            encrypted = True
            intake.refuse(content.reason, name)


def _take_signed(leaf: Leaf, zipped: bool, intake: _Intake) -> None:
    """What an S/MIME signature wraps: a mail's parts (RFC 8551 3.5.2), or a file. Raises RefusedError."""
    content = smime.signed_content(leaf.content)
    if re.match(rb"[!-9;-~]+:", content.lstrip()):
        _take_message(parts.parse(content, intake.limits), leaf.within, zipped, intake)
    else:
        _take_file(Leaf(leaf.name.removesuffix(".p7m"), "", content, leaf.within), zipped, intake)


# --- the text ---


def _body_text(bodies: list[Leaf]) -> str:
    for wanted in ("text/plain", "text/html"):
        for body in bodies:
            if body.content_type == wanted:
                text = _decoded(body)
                lines = _words(text) if wanted == "text/html" else text.splitlines()
                text = "\n".join(headers.clean_text(line) for line in lines).strip()
                if text:
                    return text[:TEXT_CHARACTERS]
    return ""


def _decoded(body: Leaf) -> str:
    raw = _beginning(body.content, HTML_BYTES if body.content_type == "text/html" else TEXT_BYTES)
    return headers.decode_bytes(raw, body.charset)


def _beginning(text: bytes, size: int) -> bytes:
    """At most `size` bytes of a text, cut between characters: these three are part of none in any charset
    here.
    """
    if len(text) <= size:
        return text
    end = max(text.rfind(mark, 0, size) for mark in (b"\n", b" ", b">"))
    return text[: end if end > 0 else size]


def _words(text: str) -> list[str]:
    """The words of an HTML page, a line a run of text."""
    try:
        parser = lxml.html.HTMLParser(encoding="utf-8")
        page = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.LxmlError, ValueError):
        return []
    found = page.xpath("//text()[normalize-space() and not(ancestor::script or ancestor::style or ancestor::head)]")
    return [str(run) for run in found]
