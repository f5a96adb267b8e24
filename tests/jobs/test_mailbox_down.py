"""A mailbox that cannot be reached stops no run; the deadline report waits for it, not for ever (system.md, Mail)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.instance.home import Home
from pipelines.month_run import Outcome, run_period
from reports.publishing.versions import versions
from tests.feedback import made_month
from tests.mail.dovecot import PASSWORD, Dovecot, dovecot, free_port
from tests.notices.made_units import when
from tests.templates.filled_forms import filled_forms

__all__ = ["dovecot"]
pytestmark = [pytest.mark.outside, pytest.mark.usefixtures("page_alone")]

PERIOD, CARRIER, USER = "2026-10", "C", "collected"
ANNEXES = ("annex2", "annex3")


def set_mailbox(home: Home, port: int) -> None:
    imap = {"host": "127.0.0.1", "port": port, "user": USER, "tls": "none", "password_env": "SIXTH_TEST_PASSWORD"}
    settings = {"imap": {**imap, "retries": 1, "retry_seconds": 0.01}, "settle_seconds": 0}
    (home.register / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def run(home: Home, as_of: str) -> Outcome:
    outcome = run_period(home, PERIOD, when(as_of), None, "zh", earlier=True)
    assert outcome.status == 0, outcome.lines
    return outcome


def summary(home: Home, version: str) -> dict[str, Any]:
    path = home.published / PERIOD / CARRIER / version / "summary.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def page(home: Home, version: str) -> str:
    return (home.published / PERIOD / CARRIER / version / "report.html").read_text(encoding="utf-8")


def was_reached(home: Home) -> bool:
    """What the check says in Dagster after the last run."""
    key = dg.AssetCheckKey(dg.AssetKey("archived_mails"), "mailbox_was_reached")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event is not None
    assert record.event.dagster_event is not None
    return record.event.dagster_event.asset_check_evaluation_data.passed


def test_the_report_waits_for_the_mailbox_then_goes_out_and_is_made_up_for(
    tmp_path: Path, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F6: there was no report at all, and the drop folder was not even looked into."""
    monkeypatch.setenv("SIXTH_TEST_PASSWORD", PASSWORD)
    made = made_month.home(tmp_path / "home", ["U1", "U2"])
    home = Home(made.root)
    for number, unit in enumerate(("U1", "U2"), 1):
        forms = filled_forms(made.unit(unit), made.catalogue, made.register, number, only=ANNEXES)
        attachments = [(f"{form}.xlsx", forms[form]) for form in ANNEXES]
        made_month.drop_mail(made, unit, [*attachments, ("扫描件.jpg", made_month.made_scan(made_month.SEALED[0], number))],
                             scan=False)  # fmt: skip
    mailed = made.root / "inbox/U2-3.eml"
    dovecot.append(USER, mailed.read_bytes(), at='"03-Nov-2026 09:00:00 +0800"')
    mailed.unlink()

    set_mailbox(home, free_port())
    told = run(home, "2026-11-06T00:03")
    assert "mailbox  cannot be reached: 127.0.0.1: no connection" in "\n".join(told.lines)
    assert versions(home.published / PERIOD / CARRIER) == []
    waiting = summary(home, "interim")
    assert waiting["collected"] == {"imap": "unreachable", "folder": "ok"}
    assert (waiting["units"]["complete_on_time"], waiting["units"]["missing"]) == (1, 1)  # the folder was looked into
    assert "收件邮箱未能连接" in page(home, "interim")
    assert not was_reached(home)

    run(home, "2026-11-06T06:00")
    anyway = summary(home, "v1")
    assert (anyway["kind"], anyway["collected"]["imap"]) == ("deadline", "unreachable")
    assert "收件邮箱未能连接" in page(home, "v1")

    set_mailbox(home, dovecot.port)
    run(home, "2026-11-06T07:00")
    caught_up = summary(home, "v2")
    assert (caught_up["kind"], caught_up["collected"]["imap"]) == ("supplement", "ok")
    assert (caught_up["units"]["complete_on_time"], caught_up["units"]["missing"]) == (2, 0)
    assert "收件邮箱未能连接" not in page(home, "v2")
    assert was_reached(home)
