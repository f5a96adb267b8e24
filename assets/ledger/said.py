"""All that the ledger says to a run: by its digest, and until when that is all.

Belongs here: every table but those of what the run itself writes and of what none goes by; a table that is new is
looked at until it is named among them. Does not: what a run makes of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select

from assets.ledger.models import Base, Moment
from assets.ledger.opening import open_reader

if TYPE_CHECKING:
    from assets.instance.session import Session

WRITTEN_BY_RUNS = frozenset({"notices", "answers"})
OF_THE_PORTAL = frozenset(
    {"alerts", "sessions", "tries", "tokens", "audit", "unmask_requests", "unmask_answers", "unmask_downloads"}
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the ledger says: the digest of all of it, and the first moment in it (aware) that lies ahead, if any."""

    digest: str
    ahead: datetime | None


def said(ledger: Engine, at: datetime) -> Said:
    """What the ledger says at a moment: decisions, signatures, subscriptions, people and their rights."""
    found, moments = hashlib.sha256(), []
    with ledger.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in WRITTEN_BY_RUNS | OF_THE_PORTAL:
                continue
            rows = [row._asdict() for row in connection.execute(select(table))]
            found.update(f"{table.name}\n".encode())
            found.update("\n".join(sorted(repr(row) for row in rows)).encode("utf-8", "surrogateescape"))
            times = [column.name for column in table.columns if isinstance(column.type, Moment)]
            moments += [row[name] for row in rows for name in times if row[name] is not None and row[name] > at]
    return Said(found.hexdigest(), min(moments, default=None))


def said_to(session: Session) -> Said:
    """The same to a run, as it is when this is asked first."""
    with open_reader(session.home.warehouse, session.settings.ledger_url) as ledger:
        return said(ledger, session.as_of)
