"""Which runs start by themselves: a report that is not there is asked for, whatever the clock did meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.instance import clock
from assets.instance.clock import AS_OF, first_run, last_run, take_clock
from assets.instance.home import Home
from assets.ledger.decisions import Proposal, record
from assets.ledger.opening import open_ledger
from pipelines.definitions import build_defs
from pipelines.due_runs import asked, due_deadline_reports, due_own_cutoffs, without_deadline_report
from tests.feedback import made_month
from tests.notices.made_units import when

CARRIER = "C"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of three units, first month 2026-09, whose first run was in the window of 2026-09."""
    made = made_month.home(tmp_path / "home", ["U1", "U2", "U3"])
    place = Home(made.root)
    place.prepare()
    take_clock(place, when("2026-10-03T02:00"))
    return place


def publish(home: Home, period: str, version: str) -> None:
    (home.published / period / CARRIER / version).mkdir(parents=True)


def due(home: Home, moment: str) -> list[str]:
    return [run.period for run in due_deadline_reports(asked(home), when(moment))]


def test_a_report_is_due_two_minutes_after_its_cutoff_and_until_it_is_there(home: Home) -> None:
    publish(home, "2026-09", "interim")
    assert due(home, "2026-10-06T00:01") == []
    assert due(home, "2026-10-06T00:02") == ["2026-09"]
    assert due(home, "2026-10-20T12:00") == ["2026-09"]
    publish(home, "2026-09", "v1")
    assert due(home, "2026-10-20T12:00") == []


def test_a_failure_is_tried_again_once_an_hour(home: Home) -> None:
    keys = [due_deadline_reports(asked(home), when(f"2026-10-06T{at}"))[0].key for at in ("00:02", "00:59", "01:00")]
    assert keys[0] == keys[1] != keys[2]


def test_a_report_that_waited_for_the_mailbox_is_asked_for_when_it_is_to_go_out_anyway(home: Home) -> None:
    (home.register / "settings.yaml").write_text("cutoff: {publish_anyway_at: '06:30'}\n", encoding="utf-8")
    keys = [due_deadline_reports(asked(home), when(f"2026-10-06T{at}"))[0].key for at in ("06:00", "06:29", "06:30")]
    assert keys[0] == keys[1] != keys[2]


def test_a_cutoff_of_the_calendar_is_the_one_that_counts(home: Home) -> None:
    (home.register / "calendar.yaml").write_text(
        "first_period: 2026-09\ncutoffs: {2026-09: 2026-10-09T18:00:00}\n", encoding="utf-8"
    )
    assert due(home, "2026-10-09T18:01") == []
    assert due(home, "2026-10-09T18:02") == ["2026-09"]


def test_an_outage_over_the_ends_of_windows_leaves_no_report_out(home: Home) -> None:
    """F3: the schedule knows the open window alone, and makes up one tick, the last."""
    assert due(home, "2027-01-20T09:00") == ["2026-09", "2026-10", "2026-11", "2026-12"]


def test_months_before_the_first_run_are_not_asked_for(tmp_path: Path) -> None:
    place = Home(made_month.home(tmp_path / "home", ["U1"]).root)
    place.prepare()
    assert due(place, "2026-12-20T09:00") == []  # no run yet: the register may be half filled in
    take_clock(place, when("2026-12-20T09:00"))
    assert due(place, "2026-12-20T10:00") == ["2026-11"]
    publish(place, "2026-10", "interim")
    assert due(place, "2026-12-20T10:00") == ["2026-10", "2026-11"]


def test_the_first_run_stays_booked(home: Home) -> None:
    take_clock(home, when("2026-10-04T02:00"))
    assert first_run(home) == when("2026-10-03T02:00")
    assert last_run(home) == when("2026-10-04T02:00")


def extend(home: Home, unit: str, until: str) -> None:
    with open_ledger(home.warehouse) as ledger:
        proposal = Proposal(
            kind="extend",
            subject=f"{unit}/2026-09",
            unit_code=unit,
            period="2026-09",
            until=when(until),
            decided_by="王",
            decided_at=when("2026-10-05T09:00"),
            reason="设备割接，已电话说明",
        )
        record(ledger, [proposal], when("2026-10-05T09:00"))


def test_a_units_own_cutoff_is_looked_at_minutes_after_it(home: Home) -> None:
    def own(moment: str, looked: str = "2026-10-06T00:03") -> list[str]:
        return [run.period for run in due_own_cutoffs(asked(home), when(moment), lambda _: when(looked))]

    assert own("2026-10-08T18:02") == []  # no ledger, nobody was given longer
    extend(home, "U1", "2026-10-08T18:00")
    assert own("2026-10-08T18:02") == []  # without a deadline report that is what is asked for
    publish(home, "2026-09", "v1")
    assert own("2026-10-08T18:01") == []
    assert own("2026-10-08T18:02") == ["2026-09"]
    assert own("2026-10-09T03:00", looked="2026-10-09T02:00") == []
    assert own("2026-12-09T03:00") == []  # no longer ago than a window


# ------------------------------------------------------------------------------------------------ the sensor itself
@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(home: Home, instance: dg.DagsterInstance, moment: datetime, patch: pytest.MonkeyPatch) -> dg.SensorResult:
    definitions = build_defs(home, as_of=moment)
    patch.setattr(clock, "now", lambda: moment)
    sensor = definitions.resolve_sensor_def("deadline_reports")
    context = dg.build_sensor_context(instance=instance, definitions=definitions)
    return sensor.evaluate_tick(context)  # type: ignore[return-value]


def test_the_sensor_asks_for_runs_and_not_while_one_is_under_way(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = tick(home, instance, when("2026-11-06T00:02"), monkeypatch).run_requests or []
    assert [r.partition_key for r in requests] == ["2026-09", "2026-10"]
    assert AS_OF not in requests[0].tags  # its clock is that of the moment at which it begins
    job = build_defs(home).resolve_job_def("month")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": "2026-09"})
    requests = tick(home, instance, when("2026-11-06T01:00"), monkeypatch).run_requests or []
    assert [r.partition_key for r in requests] == ["2026-10"]


def test_the_sensor_says_why_it_asks_for_none(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(moment: str) -> str:
        told = tick(home, instance, when(moment), monkeypatch)
        assert not told.run_requests
        return str(told.skip_message)

    assert "every deadline report is there" in why("2026-10-05T23:00")
    assert "clock" in why("2026-10-02T00:00")
    (home.register / "units.csv").write_text("nonsense", encoding="utf-8")
    assert "units.csv" in why("2026-10-06T00:02")


def test_without_deadline_report_looks_at_any_scope(home: Home) -> None:
    (home.published / "2026-09" / "P" / "v1").mkdir(parents=True)
    assert without_deadline_report(asked(home), when("2026-10-06T00:00")) == []
