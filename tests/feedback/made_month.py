"""A month of made mails, settled: a small register, the mails of its units, and the warehouse that comes of them.

Belongs here: what the tests of feedback and templates need to have findings as a run makes them. Does not: asserting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assets.instance.limits import Limits
from assets.instance.periods import Deadline
from assets.instance.register import UNIT_COLUMNS, Register, Unit, load_register
from assets.instance.settings import SealThresholds
from assets.instance.warehouse import Warehouse, open_warehouse
from assets.intake import staging
from assets.intake.mail.seen import mails, open_sightings
from assets.intake.mail.sources import collect_folder
from assets.intake.parsing import Parser
from assets.month.freshness import index_mails, stale_months
from assets.month.settle import prepare, settle_month
from assets.month.work import Work
from expectations.catalogue import Catalogue, load_catalogue
from tests.scans.made_scans import SEALED, made_scan

PERIOD = "2026-10"
ZONE = ZoneInfo("Asia/Shanghai")
WEIGHTS = {"timeliness": 20, "data_quality": 20, "self_check": 30, "rectification": 20, "indicators": 10}

Attachment = tuple[str, bytes]


@dataclass(frozen=True)
class Home:
    """A home folder with a register and mails."""

    root: Path
    register: Register
    catalogue: Catalogue

    def unit(self, code: str) -> Unit:
        return self.register.tree(PERIOD).by_code[code]


def home(root: Path, units: Iterable[str], first_period: str = "2026-09") -> Home:
    """A home with one city and these units, each of kind network with the services access and im. Every month from
    `first_period` on is settled: where the one before PERIOD is not looked at, PERIOD takes half the time.
    """
    rows = [",".join(UNIT_COLUMNS), "C,集团,,carrier,,,,2025-01,", "P,北原省公司,C,province,,,,2025-01,"]
    rows.append("D,青川分公司,P,city,,,,2025-01,")
    rows += [f"{u},{u}单位,D,unit,network,access;im,{u.lower()}@oa.example,2025-01," for u in units]
    folder = root / "register"
    folder.mkdir(parents=True)
    (folder / "units.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "networks.csv").write_text("cidr,name\n203.0.113.0/24,出口\n", encoding="utf-8")
    (folder / "calendar.yaml").write_text(f"first_period: {first_period}\n", encoding="utf-8")
    return Home(root, load_register(folder), load_catalogue())


@cache
def sealed_page() -> bytes:
    """A scan with a seal."""
    return made_scan(SEALED[0], 1)


def drop_mail(home: Home, unit: str, attachments: Iterable[Attachment], *, day: int = 3, scan: bool = True) -> None:
    """Put a mail of the unit into the inbox, received on a day of November, with its sealed scan."""
    message = EmailMessage()
    message["From"], message["To"] = f"{unit.lower()}@oa.example", "wlaq@oa.example"
    message["Subject"], message["Message-ID"] = f"{unit} 月报 {day}", f"<{unit}-{day}@oa.example>"
    message["Received"] = f"from oa by mx; Tue, {day} Nov 2026 09:00:00 +0800"
    message.set_content("见附件")
    for name, content in attachments:
        message.add_attachment(content, "application", "octet-stream", filename=name)
    if scan:
        message.add_attachment(sealed_page(), "image", "jpeg", filename="扫描件.jpg")
    inbox = home.root / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / f"{unit}-{day}.eml").write_bytes(message.as_bytes())


@contextmanager
def settled(home: Home, as_of: str = "2026-11-05T00:30:00") -> Iterator[Work]:
    """Collect, parse and settle the month as a run would."""
    sightings = open_sightings(home.root / "sightings.sqlite")
    collect_folder(home.root / "inbox", home.root / "archive", sightings, settle_seconds=0)
    with open_warehouse(home.root / "warehouse", threads=1) as warehouse:
        parser = Parser(home.catalogue, Limits(), SealThresholds(), "tests")
        staging.prepare(warehouse, parser)
        staging.put_receipts(warehouse, mails(sightings))
        staging.parse_new(warehouse, parser, home.root / "archive", home.root / "incoming")
        work = Work(
            warehouse=warehouse,
            catalogue=home.catalogue,
            register=home.register,
            deadline=Deadline(),
            form_versions=frozenset({home.catalogue.form_version}),
            score_weights=WEIGHTS,
            as_of=datetime.fromisoformat(as_of).replace(tzinfo=ZONE),
            software="tests",
            parsed_by="tests",
        )
        prepare(work)
        index_mails(work)
        for month in stale_months(work, PERIOD):
            settle_month(work, month)
        yield work
    sightings.close()


def findings(warehouse: Warehouse, unit: str) -> list[Mapping[str, Any]]:
    """The open findings of a unit."""
    return list(
        warehouse.rows("select * from core.all_findings where unit_code = $unit and status = 'open'", {"unit": unit})
    )
