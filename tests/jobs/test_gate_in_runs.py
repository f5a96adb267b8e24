"""Whole runs on figures that cannot be trusted: nothing of them is published, and the next run puts them right."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from assets.instance.home import Home
from assets.instance.warehouse import open_warehouse
from assets.month import marts
from assets.month.gate import NotSettled
from pipelines import month_run
from reports.publishing.versions import versions
from tests.feedback.made_month import PERIOD
from tests.feedback.made_month import home as made_home
from tests.jobs.test_single_assets import DEADLINE_RUN, LATE, NEXT_NIGHT, PUNCTUAL, materialise, send
from tests.month.test_sql_tests import MUTANTS

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a month in its inbox."""
    home = Home(tmp_path / "home")
    made_home(home.root, [PUNCTUAL, LATE])
    (home.register / "settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    send(home, PUNCTUAL, 3)
    return home


def of_carrier(home: Home) -> list[str]:
    """The versions of the scope that holds all others."""
    scopes = sorted((home.published / PERIOD).glob("*/latest.json"), key=lambda path: len(path.parent.name))
    return versions(scopes[0].parent) if scopes else []


def published(home: Home) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(home.published.rglob("*")) if p.is_file()}


def test_figures_that_do_not_agree_end_the_run_with_3_and_nothing_published(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_row_more(*args: object, **kwargs: object) -> dict[str, dict[str, dict[str, int]]]:
        figures = summaries(*args, **kwargs)
        for scope in figures.values():
            scope["exposed_assets"]["rows_received"] += 1
        return figures

    summaries = marts.summaries
    with monkeypatch.context() as wrong:
        wrong.setattr(marts, "summaries", one_row_more)
        for _ in range(2):  # the next night is no better
            outcome = month_run.run_period(home, PERIOD, DEADLINE_RUN, None, "zh")
            assert outcome.status == 3
            assert "nothing was published" in outcome.lines[0]
            assert "summary_rows_of_marts of exposed_assets" in outcome.lines[0]
            assert not list(home.published.rglob("summary.json"))
            assert not list(home.published.rglob("feedback.html"))
    outcome = month_run.run_period(home, PERIOD, NEXT_NIGHT, None, "zh")
    assert outcome.status == 0
    assert of_carrier(home) == ["v1"]


def tamper(home: Home) -> None:
    """The ten corruptions of house.md, A1, as far as the month has what they change."""
    with open_warehouse(home.warehouse) as warehouse:
        for _, sql in list(MUTANTS.values())[:10]:
            for statement in sql.split(";"):
                warehouse.execute(statement, {"period": PERIOD})


def test_a_run_with_nothing_new_makes_no_supplement_of_changed_marts(home: Home) -> None:
    """Seven of ten corruptions became a v2 by a plain run, which is never changed again."""
    materialise(home, DEADLINE_RUN)
    before = published(home)
    assert of_carrier(home) == ["v1"]
    tamper(home)
    with pytest.raises(NotSettled, match="unit_results of 2026-10 changed since the month was settled"):
        materialise(home, NEXT_NIGHT, "published_reports")
    assert published(home) == before
    materialise(home, NEXT_NIGHT)
    tamper(home)
    result = materialise(home, NEXT_NIGHT)
    told = result.asset_materializations_for_node("earlier_months")[0].metadata
    assert isinstance(changed := told["changed since they were settled"], dg.JsonMetadataValue)
    assert "marts.unit_results" in changed.data[PERIOD]  # type: ignore[index, call-overload]
    assert published(home) == before
