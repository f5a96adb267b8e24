"""What those who watch the system ask it: whether the portal works, and figures for Prometheus."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, insert

from assets.instance.home import Home
from assets.ledger import people
from assets.ledger.models import Alert
from reports.portal.metrics import TEXTFILE, text_of, write_metrics
from reports.portal.reading import opened
from tests.portal.made_portal import CARRIER, PROVINCE, Browser, portal_of
from tests.reports.settled_sample import LAST

AS_OF = datetime(2026, 11, 6, 0, 30, tzinfo=UTC)
SUMMARY = {
    "as_of": AS_OF.isoformat(),
    "mails": {"received": 32, "held": 1, "duplicates": 0},
    "units": {"expected": 24, "complete_on_time": 16},
}


@pytest.fixture
def watched(home: Home) -> Home:
    """The home with a report of the carrier."""
    folder = home.published / LAST / CARRIER / "v1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(SUMMARY), encoding="utf-8")
    return home


Samples = dict[tuple[str, ...], float]


def read(text: bytes) -> Samples:
    """Prometheus's own reading: value by name and sorted values of labels."""
    families = text_string_to_metric_families(text.decode())
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_health_is_told_to_anybody_and_nothing_else(watched: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with portal_of(watched) as portal:
        answer = Browser(portal).get("/healthz")
        assert (answer.status_code, answer.text) == (200, "ok\n")
        monkeypatch.setattr(portal, "reader", create_engine("sqlite:////nowhere/ledger.sqlite"))
        answer = Browser(portal).get("/healthz")
        assert (answer.status_code, answer.text) == (503, "the ledger cannot be read\n")


def test_metrics_are_for_a_token_of_the_whole_carrier(watched: Home) -> None:
    now = datetime.now(UTC)
    with portal_of(watched) as portal:

        def asked(token: str) -> tuple[int, bytes]:
            answer = Browser(portal).get("/metrics", headers={"authorization": f"Bearer {token}"})
            return answer.status_code, answer.content

        assert asked("none")[0] == 401
        assert asked(people.add_token(portal.ledger, "reader", PROVINCE, 1, "tests", now))[0] == 401
        assert asked(people.add_token(portal.ledger, "unit", CARRIER, 1, "tests", now))[0] == 401
        status, text = asked(people.add_token(portal.ledger, "reader", CARRIER, 1, "tests", now))
        assert status == 200
        found = read(text)
        with opened(watched.portal, LAST, [CARRIER]) as month:
            counted = month.db.execute("select count(*) from findings where counts").fetchone()[0]
        assert found["sixth_units", LAST, "expected"] == 24
        assert found["sixth_mails", LAST, "held"] == 1
        assert sum(v for (name, *_), v in found.items() if name == "sixth_findings") == counted > 0
        age = found["sixth_report_age_seconds", LAST]
        assert 0 <= now.timestamp() - found["sixth_report_timestamp_seconds", LAST] - age + 60 < 120
        assert not re.search(rb"@|EX-15-|(?<![\d.])1[3-9]\d{9}(?!\d)", text)  # no digits behind the point of a figure


def test_the_text_file_has_what_the_last_run_took_and_what_waits(watched: Home, tmp_path: Path) -> None:
    place = Home(tmp_path)
    for name in ("register", "published", "portal"):
        (tmp_path / name).symlink_to(watched.root / name)
    with portal_of(watched) as portal:
        before = read(text_of(place, portal.reader, AS_OF))
        assert not [key for key in before if key[0] == "sixth_stage_seconds"]
        with portal.ledger.begin() as connection:
            row = {"key": "k", "recipient": "ops@oa.example", "subject": "s", "body": "b", "created_at": AS_OF}
            connection.execute(insert(Alert), [row])
        file = write_metrics(place, portal.reader, AS_OF + timedelta(hours=1), {"parsed_mails": 2.5})
    assert file == tmp_path / "metrics" / TEXTFILE
    found = read(file.read_bytes())
    assert found["sixth_stage_seconds", "parsed_mails"] == 2.5
    assert found["sixth_last_run_timestamp_seconds",] == (AS_OF + timedelta(hours=1)).timestamp()
    assert found["sixth_report_age_seconds", LAST] == 3600
    assert found["sixth_operator_mails_waiting",] == before["sixth_operator_mails_waiting",] + 1
    assert found["sixth_notices", "queued"] == 0
