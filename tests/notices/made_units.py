"""Small registers, standings and mailrooms for the tests of notices. Belongs here: what several of them need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assets.instance.periods import Deadline
from assets.instance.register import UNIT_COLUMNS, Register, load_register
from assets.instance.settings import NoticeSettings
from reports.notices.due import Incoming
from reports.notices.letters import Standing
from reports.notices.sending import Mailroom

PERIOD = "2026-10"
ZONE = ZoneInfo("Asia/Shanghai")
SENDER = "wlaq@oa.example"
HEAD = ["C,集团,,carrier,,,,2025-01,", "C-1,北原省公司,C,province,,,,2025-01,"]
OFFICE = "C-1-1,青川分公司,C-1,city,,,office@oa.example,2025-01,"


def when(text: str) -> datetime:
    """A local moment, as 2026-11-03T02:00."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def register(folder: Path, units: Iterable[str], office: str = OFFICE) -> Register:
    """A register of a carrier, a province, a city (`office`) and `units`: `code,name,mailboxes`."""
    rows = []
    for unit in units:
        code, name, mailboxes = unit.split(",")
        rows.append(f"{code},{name},C-1-1,unit,county,,{mailboxes},2025-01,")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "units.csv").write_text("\n".join([",".join(UNIT_COLUMNS), *HEAD, office, *rows]), encoding="utf-8")
    (folder / "networks.csv").write_text("cidr,name\n", encoding="utf-8")
    (folder / "calendar.yaml").write_text("first_period: 2026-08\n", encoding="utf-8")
    return load_register(folder)


def many(folder: Path, number: int) -> Register:
    """A register of so many units, each with a mailbox."""
    return register(folder, (f"U{n:03},第{n}旗县分公司,u{n:03}@oa.example" for n in range(number)))


def standing(code: str = "U1", **over: Any) -> Standing:
    """A unit from which nothing came, but for what is said."""
    forms = {"annex2": "missing", "annex3": "missing", "annex6": "not_required", **over.pop("forms", {})}
    return replace(Standing(code, f"{code}单位", "missing", forms, "missing"), **over)


def complete(code: str = "U1", **over: Any) -> Standing:
    """A unit whose return is complete and on time."""
    facts = {
        "state": "complete",
        "forms": {"annex2": "effective", "annex3": "effective"},
        "scan": "sealed",
        "on_time": True,
    }
    return standing(code, **{**facts, **over})


def incoming(
    mail: str = "m1", unit: str = "U1", sender: str = "u1@oa.example", at: str = "2026-11-02T10:00"
) -> Incoming:
    """A mail of a unit."""
    return Incoming(mail, unit, sender, "月报", f"<{mail}@oa.example>", "", when(at))


def mailroom(folder: Path, of: Register, at: str = "2026-11-03T02:00", **over: Any) -> Mailroom:
    """A mailroom with its outbox in `folder`. Its real clock is a minute later than that of the run."""
    settings = NoticeSettings(sender=SENDER, sender_name="网络部", **over.pop("settings", {}))
    later = when(at) + timedelta(minutes=1)
    return Mailroom(of, Deadline(), folder / "outbox", when(at), settings, now=lambda: later, **over)
