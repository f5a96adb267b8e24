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
from tests.jobs.command_line import copy_of
from tests.templates.filled_forms import filled_forms

pytestmark = pytest.mark.usefixtures("undrawn")

PUNCTUAL, LATE = "D-001", "D-002"
DEADLINE_RUN, NEXT_NIGHT = (datetime(2026, 11, day, 0, 30, tzinfo=ZONE) for day in (6, 7))
INTAKE = ("archived_mails", "parsed_mails", "indexed_mails")
MONTH = ("earlier_months", "submissions", "form_findings", "counted_rows", "findings", "marts")
WRITING_OUT = ("published_reports", "portal_snapshots", "unit_feedback", "sent_notices")


def materialise(home: Home, as_of: datetime, *steps: str) -> dg.ExecuteInProcessResult:
    """Materialise the assets of some steps in a run of their own; all without any."""
    home.prepare()
    definitions = build_defs(home, as_of=as_of)
    graph = definitions.resolve_asset_graph()
    keys = [k for k in graph.get_all_asset_keys() if graph.get(k).assets_def.op.name in steps]
    with dg.DagsterInstance.get() as instance:
        return definitions.resolve_job_def("month").execute_in_process(
            instance=instance,
            partition_key=PERIOD,
            asset_selection=keys or None,
            tags={AS_OF: as_of.isoformat()},
        )


def send(home: Home, unit: str, day: int) -> None:
    made = Made(home.root, load_register(home.register), load_catalogue())
    forms = filled_forms(made.unit(unit), made.catalogue, made.register, only=("annex2", "annex3"))
    drop_mail(made, unit, [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", forms["annex3"])], day=day)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose deadline report is out; since then a mail has come."""
    home = Home(tmp_path_factory.mktemp("reported") / "home")
    made_home(home.root, [PUNCTUAL, LATE])
    (home.register / "settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    send(home, PUNCTUAL, 3)
    materialise(home, DEADLINE_RUN)
    send(home, LATE, 6)
    return home


@pytest.fixture
def home(reported: Home, tmp_path: Path) -> Home:
    """A copy of it to go on with."""
    return Home(copy_of(reported.root, tmp_path / "home"))


def published(home: Home) -> dict[Path, bytes]:
    """Everything that has left the house, byte for byte."""
    return {
        path: path.read_bytes()
        for folder in (home.published, home.portal, home.outbox)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_month_half_worked_on_is_neither_published_nor_answered_nor_mailed_of(home: Home) -> None:
    """In two clicks this made a v2 whose summary and data disagree, and which is never changed again."""
    before = published(home)
    assert versions(home.published / PERIOD / "C") == ["v1"]
    materialise(home, NEXT_NIGHT, *INTAKE, "earlier_months", "submissions")
    for asset in WRITING_OUT:
        with pytest.raises(NotSettled, match=f"{PERIOD} is not settled: .* `sixth run --period {PERIOD}`"):
            materialise(home, NEXT_NIGHT, asset)
    assert published(home) == before

    materialise(home, NEXT_NIGHT)
    folder = home.published / PERIOD / "C" / "v2"
    assert verify(folder).is_as_published
    units = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["units"]
    assert (units["complete_on_time"], units["missing"]) == (1, 0)


def test_what_does_not_add_up_is_not_published_by_a_later_run_of_the_last_assets_either(home: Home) -> None:
    """A blocking check holds within its own run alone."""
    materialise(home, NEXT_NIGHT, *INTAKE, "earlier_months")
    materialise(home, NEXT_NIGHT, *MONTH[1:])
    with open_warehouse(home.warehouse) as warehouse:
        warehouse.execute("update marts.unit_results set rows_counted = rows_received + 1")
        warehouse.execute("delete from core.reconciled")
        warehouse.execute("delete from core.table_digests")  # as if it had been settled so
    before = published(home)
    for asset in WRITING_OUT:
        with pytest.raises(NotSettled, match=r"rows_of_units_add_up|is not settled"):
            materialise(home, NEXT_NIGHT, asset)
    assert published(home) == before


def test_the_last_assets_alone_publish_as_of_when_mails_were_looked_for(home: Home) -> None:
    """A report must not say that nothing had come by the moment at which somebody pressed a button."""
    before = published(home)
    materialise(home, NEXT_NIGHT, *WRITING_OUT)
    assert published(home) == before


def test_the_page_is_told_rows_columns_and_versions(home: Home) -> None:
    result = materialise(home, NEXT_NIGHT)
    told = {
        m.asset_key.to_user_string(): m
        for m in (e.materialization for e in result.get_asset_materialization_events())
        if m.partition in (None, PERIOD)
    }
    assets = told["marts/exposed_assets"]
    assert assets.metadata["dagster/row_count"].value == 4
    columns = {c.name: c.type for c in assets.metadata["dagster/column_schema"].value.columns}
    assert columns["counted"] == "boolean"
    versions_ = {k: (m.tags or {}).get("dagster/data_version") for k, m in told.items() if k.startswith("marts/")}
    assert len(set(versions_.values())) == 1
    again = materialise(home, NEXT_NIGHT)
    for event in again.get_asset_materialization_events():
        key = event.materialization.asset_key.to_user_string()
        if key in versions_:
            assert (event.materialization.tags or {})["dagster/data_version"] == versions_[key]
