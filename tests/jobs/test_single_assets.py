"""Single assets materialised as Dagster's page lets one do: nothing leaves the house of a month that is half done."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.instance.clock import AS_OF
from assets.instance.home import Home
from assets.instance.register import load_register
from assets.instance.warehouse import open_warehouse
from assets.month.gate import NotSettled
from expectations.catalogue import load_catalogue
from pipelines.definitions import build_defs
from reports.publishing.manifest import verify
from reports.publishing.versions import versions
from tests.feedback.made_month import PERIOD, ZONE, drop_mail
from tests.feedback.made_month import Home as Made
from tests.feedback.made_month import home as made_home
from tests.templates.filled_forms import filled_forms

PUNCTUAL, LATE = "D-001", "D-002"
DEADLINE_RUN, NEXT_NIGHT = (datetime(2026, 11, day, 0, 30, tzinfo=ZONE) for day in (6, 7))
WRITING_OUT = ("published_reports", "unit_feedback", "sent_notices")


def materialise(home: Home, as_of: datetime, *assets: str) -> dg.ExecuteInProcessResult:
    """Materialise some assets of the month in a run of their own; all without any."""
    home.prepare()
    job = build_defs(home, as_of=as_of).resolve_job_def("month")
    with dg.DagsterInstance.get() as instance:
        return job.execute_in_process(
            instance=instance,
            partition_key=PERIOD,
            asset_selection=[dg.AssetKey(a) for a in assets] or None,
            tags={AS_OF: as_of.isoformat()},
        )


def send(home: Home, unit: str, day: int) -> None:
    made = Made(home.root, load_register(home.register), load_catalogue())
    forms = filled_forms(made.unit(unit), made.catalogue, made.register)
    drop_mail(made, unit, [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", forms["annex3"])], day=day)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose deadline report is out; since then a mail has come."""
    home = Home(tmp_path / "home")
    made_home(home.root, [PUNCTUAL, LATE])
    (home.register / "settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    send(home, PUNCTUAL, 3)
    materialise(home, DEADLINE_RUN)
    send(home, LATE, 6)
    return home


def published(home: Home) -> dict[Path, bytes]:
    """Everything that has left the house, byte for byte."""
    return {
        path: path.read_bytes()
        for folder in (home.published, home.outbox)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_month_half_worked_on_is_neither_published_nor_answered_nor_mailed_of(home: Home) -> None:
    """In two clicks this made a v2 whose summary and data disagree, and which is never changed again."""
    before = published(home)
    assert versions(home.published / PERIOD / "C") == ["v1"]
    materialise(home, NEXT_NIGHT, "archived_mails", "parsed_mails", "submissions")
    for asset in WRITING_OUT:
        with pytest.raises(NotSettled, match=f"{PERIOD} is not settled: .* `sixth run --period {PERIOD}`"):
            materialise(home, NEXT_NIGHT, asset)
    assert published(home) == before

    materialise(home, NEXT_NIGHT)
    folder = home.published / PERIOD / "C" / "v2"
    assert verify(folder) == []
    units = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["units"]
    assert (units["complete_on_time"], units["complete_late"], units["missing"]) == (1, 1, 0)


def test_what_does_not_add_up_is_not_published_by_a_later_run_of_the_last_assets_either(home: Home) -> None:
    """A blocking check holds within its own run alone."""
    materialise(home, NEXT_NIGHT, "archived_mails", "parsed_mails", "earlier_months")
    materialise(home, NEXT_NIGHT, "submissions", "form_findings", "counted_rows", "findings", "marts")
    with open_warehouse(home.warehouse) as warehouse:
        warehouse.execute("update marts.unit_results set rows_counted = rows_received + 1")
        warehouse.execute("delete from core.reconciled")
        warehouse.execute("delete from core.table_digests")  # as if it had been settled so
    before = published(home)
    for asset in WRITING_OUT:
        with pytest.raises(NotSettled, match=r"rows_of_units_add_up|is not settled"):
            materialise(home, NEXT_NIGHT, asset)
    assert published(home) == before
