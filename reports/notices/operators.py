"""Mails to operators: what is wrong with a home that runs by itself, and what to do about it.

Belongs here: their words, and sending those that wait. Does not: finding what is wrong (pipelines/watching.py), booking
what was told (assets/ledger/alerts.py), mails to units.
"""

from __future__ import annotations

import hashlib
import html
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from assets.instance.settings import Settings
from assets.ledger.alerts import Telling, claim, mark_sent, mark_unsent, waiting
from assets.ledger.models import Alert
from expectations.language import DEFAULT, language, read_texts
from expectations.secrets import hidden
from reports.notices.mime import Head, mail_bytes, message_id
from reports.notices.outbox import Outgoing
from reports.notices.sending import NO_SENDER
from reports.notices.smtp import Refused, Unreachable, open_delivery
from reports.text.formats import moment

log = logging.getLogger("sixth.operators")
TEXTS = Path(__file__).parent / "operators.yaml"
TRIED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What operators are to be told, once for the same kind, period, day and step.

    `kind` is one of operators.yaml. `values` fill its words, moments (aware) written in the language; `lines` are the
    last of the log.
    """

    kind: str
    day: date
    period: str = ""
    step: str = ""
    values: Mapping[str, str | datetime] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes it the same."""
        return "|".join((self.kind, self.period, self.day.isoformat(), self.step))


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    texts: Mapping[str, Mapping[str, str]] = read_texts(TEXTS)
    return texts


def telling(trouble: Trouble, home: Path, lang: str = DEFAULT) -> Telling:
    """A trouble in words. Log lines are told with what GEN-07 finds in them hidden."""
    values = {name: moment(v, lang) if isinstance(v, datetime) else v for name, v in trouble.values.items()}
    values |= {"period": trouble.period, "step": trouble.step, "home": str(home)}

    def say(key: str) -> str:
        return _texts()[key][lang].format(**values)

    body = [say(f"{trouble.kind}.what"), "", say("todo"), say(f"{trouble.kind}.todo")]
    if trouble.lines:
        body += ["", say("log"), *trouble.lines]
    body += ["", say("home")]
    subject = say("prefix") + say(f"{trouble.kind}.subject")
    return Telling(trouble.key, hidden(subject), hidden("\n".join(body) + "\n"))


def deliver(ledger: Engine, settings: Settings, outbox: Path, now: datetime) -> tuple[int, str]:
    """Send what waits for the operators, by the mail server or into the outbox; how many, and why no more of them.

    What does not go out waits, and is tried again for a week.
    """
    sender = settings.notices.sender or NO_SENDER
    queued = waiting(ledger, now - TRIED_FOR)
    sent, why = 0, ""
    with open_delivery(settings.smtp, sender, outbox) as send:
        for alert in queued:
            if not claim(ledger, alert):
                continue
            try:
                send([_mail(alert, sender, settings)])
            except (Refused, Unreachable) as error:
                why = str(error)
                mark_unsent(ledger, alert, why)
                log.error("operators are not told of %s: %s", alert.subject, why)
                if isinstance(error, Unreachable):
                    break
            else:
                mark_sent(ledger, alert, now)
                sent += 1
    return sent, why


def _mail(alert: Alert, sender: str, settings: Settings) -> Outgoing:
    name = f"{alert.key}|{alert.recipient}"
    head = Head(
        sender=sender,
        sender_name=settings.notices.sender_name,
        recipient=alert.recipient,
        recipient_name="",
        subject=alert.subject,
        message_id=message_id(f"operators|{name}", sender),
        date=alert.created_at.astimezone(settings.zone),
    )
    page = f'<html lang="{language(DEFAULT).tag}"><body><pre>{html.escape(alert.body)}</pre></body></html>\n'
    content = mail_bytes(head, alert.body, page)
    file_name = f"operators_{hashlib.sha256(name.encode()).hexdigest()[:16]}.eml"
    return Outgoing(file_name, alert.recipient, content, hashlib.sha256(content).hexdigest())
