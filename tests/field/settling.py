"""Homes of the field trial: its register, some mails in the inbox, and the stages of a run up to the marts."""

from __future__ import annotations

import email
import email.policy
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assets.instance.home import Home
from assets.instance.session import open_session
from assets.instance.warehouse import Warehouse
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.month.freshness import stale_months
from assets.month.settle import indexed_work, settle_month

INPUTS = Path(__file__).parent / "inputs"
PERIOD = "2026-10"
AS_OF = datetime(2026, 11, 6, 0, 30, tzinfo=ZoneInfo("Asia/Shanghai"))


def field_home(root: Path, *mails: Path) -> Home:
    """A home with the register of the field trial, from PERIOD on, and some mails in its inbox."""
    shutil.copytree(INPUTS / "register", root / "register")
    (root / "register" / "calendar.yaml").write_text(f"first_period: {PERIOD}\n", encoding="utf-8")
    home = Home(root)
    home.prepare()
    for mail in mails:
        drop(home, mail.name, mail.read_bytes())
    return home


def drop(home: Home, name: str, raw: bytes) -> None:
    """Put a file into the inbox as one that has lain there for an hour."""
    path = home.inbox / name
    path.write_bytes(raw)
    os.utime(path, (time.time() - 3600,) * 2)


def opened(mail: Path) -> EmailMessage:
    """A mail, to be changed and dropped."""
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@contextmanager
def settled(home: Home, as_of: datetime = AS_OF) -> Iterator[Warehouse]:
    """The warehouse after a run's stages up to the marts."""
    with open_session(home, as_of) as session:
        collect(session)
        parser = session.once(parser_of)
        staging.parse_new(session.warehouse, parser, home.archive, home.warehouse / "incoming")
        work = session.once(indexed_work)
        for month in stale_months(work, PERIOD):
            settle_month(work, month)
        yield session.warehouse


def result(warehouse: Warehouse, unit: str) -> dict[str, Any]:
    """What became of a unit: its row of marts.unit_results."""
    (row,) = warehouse.rows(
        "select * from marts.unit_results where period = $period and unit_code = $unit",
        {"period": PERIOD, "unit": unit},
    )
    return row


def rules(warehouse: Warehouse, unit: str, *, of: str = "") -> list[tuple[str, str, str]]:
    """The unit's open findings whose rule begins with `of`: rule, file, message."""
    rows = warehouse.rows(
        """
        select rule_id, file, message
        from core.findings
        where period = $period and unit_code = $unit and status = 'open' and starts_with(rule_id, $of)
        order by rule_id, file
        """,
        {"period": PERIOD, "unit": unit, "of": of},
    )
    return [(r["rule_id"], r["file"], r["message"]) for r in rows]
