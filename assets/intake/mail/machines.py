"""Mails that machines write of mails: read receipts, and bounces, which say that an answer of ours did not arrive.

RFC 6522 (multipart/report), 3464 (delivery status), 8098 (read receipts). Belongs here: telling them and whom a bounce
is about. Does not: whether a mail may be answered (reports/notices/due.py), whose mailbox it is
(assets/month/submissions.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message as Part

from assets.instance.limits import Limits
from assets.intake.mail import headers

DAEMONS = frozenset({"mailer-daemon", "postmaster"})
ADDRESS = re.compile(r"[A-Za-z0-9._%+=/'-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
FULL = re.compile(
    r"\b[45]\.2\.[1-4]\b|mailbox (?:is )?full|over ?quota|quota exceeded|容量|空间已满|已满", re.IGNORECASE
)
UNKNOWN = re.compile(r"\b[45]\.1\.\d|user (?:unknown|not found)|no such user|不存在", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail to `address` (lower case) did not arrive; `reason` is a code of expectations/reasons.yaml."""

    address: str
    reason: str


def is_report(top: Part) -> bool:
    """Whether a mail is a report on a mail. What such a mail carries is what it reports on, nothing that is sent."""
    return str(top.get_content_type()) == "multipart/report"


def bounce_of(top: Part, sender: str, text: str, limits: Limits) -> Bounce | None:
    """What a mail says did not arrive; None where it is no bounce. A delay that may still end well is none."""
    told = [_fields(part) for part in top.walk() if part.get_content_type() == "message/delivery-status"]
    for fields in told:
        address = ADDRESS.search(fields.get("final-recipient") or fields.get("original-recipient") or "")
        if address and fields.get("action", "failed").strip().lower() == "failed":
            said = f"{fields.get('status', '')} {fields.get('diagnostic-code', '')}"
            return Bounce(address[0].lower(), _reason(said))
    failed = ADDRESS.search(headers.header(top, "x-failed-recipients", limits).decode("ascii", "replace"))
    if told or not (failed or sender.partition("@")[0] in DAEMONS):
        return None
    address = failed or next((a for a in ADDRESS.finditer(text) if a[0].partition("@")[0].lower() not in DAEMONS), None)
    return Bounce(address[0].lower(), _reason(text)) if address else None


def _fields(part: Part) -> dict[str, str]:
    """The fields of a delivery status, by name in lower case: those of its last block, which is of a recipient.

    The parser makes a message of each block, where it has not been put aside as text.
    """
    blocks = part.get_payload()
    fields: dict[str, str] = {}
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, Part):
            fields |= {name.lower(): str(value) for name, value in block.raw_items()}
    return fields


def _reason(said: str) -> str:
    if FULL.search(said):
        return "mailbox_full"
    return "mailbox_unknown" if UNKNOWN.search(said) else "not_delivered"
