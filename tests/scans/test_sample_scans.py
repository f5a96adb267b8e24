"""The scans of the sample month are called what expected.json says of the units that sent them."""

from __future__ import annotations

import csv
import email
import email.utils
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipelines
from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.scans.scan import read_scan

SAMPLE = Path(str(pipelines.__path__[0])) / "sample"


def scans_of_units(period: str) -> Iterator[tuple[str, bytes]]:
    """Unit and content of every scan that a unit's own mailbox sent for the period."""
    with (SAMPLE / "register/units.csv").open(encoding="utf-8-sig", newline="") as file:
        reporting = [row for row in csv.DictReader(file) if row["level"] == "unit"]
    units = {box: row["unit_code"] for row in reporting for box in row["mailboxes"].split(";")}
    for path in sorted((SAMPLE / "inbox" / period).glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes())
        sender = email.utils.parseaddr(mail["From"])[1].strip().lower()
        for part in mail.walk():
            content = part.get_payload(decode=True)
            if not isinstance(content, bytes) or sender not in units:
                continue
            if content.startswith((b"%PDF", b"\xff\xd8", b"\x89PNG")):
                yield units[sender], content


@pytest.mark.parametrize("period", ["2026-09", "2026-10"])
def test_the_scans_of_the_sample_are_called_what_they_are(period: str) -> None:
    keys = json.loads((SAMPLE / "expected.json").read_text(encoding="utf-8"))
    latest = [key for key in keys if key.startswith(period)][-1]
    expected = {unit: row["scan"] for unit, row in keys[latest]["units"].items()}
    seen = set()
    for unit, content in scans_of_units(period):
        state = read_scan(content, "scan", Limits(), SealThresholds()).state
        # A page that came before is sealed all the same.
        assert (unit, state) == (unit, {"reused": "sealed"}.get(expected[unit], expected[unit]))
        seen.add(state)
    assert seen == ({"sealed", "unsealed", "unreadable"} if period == "2026-09" else {"sealed"})
