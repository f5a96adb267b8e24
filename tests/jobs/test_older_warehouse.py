"""A warehouse that other models, forms or code have made is settled again by the next run, by itself."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.instance import software, sql, warehouse
from assets.instance.home import Home
from assets.instance.session import Session, open_session
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.month.freshness import stale_months
from assets.month.settle import indexed_work, settle_month
from expectations import catalogue
from pipelines.listing import findings_of, status_of
from tests.feedback.made_month import PERIOD, ZONE, drop_mail
from tests.feedback.made_month import home as made_home
from tests.templates.filled_forms import filled_forms

UNIT = "D-001"
CLOCK = datetime(2026, 11, 8, 0, 30, tzinfo=ZONE)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the mail of one unit, late by a day."""
    made = made_home(tmp_path / "home", [UNIT])
    forms = filled_forms(made.unit(UNIT), made.catalogue, made.register, only=("annex2", "annex3"))
    drop_mail(made, UNIT, [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", forms["annex3"])], day=7)
    return Home(made.root)


def settle(session: Session) -> list[str]:
    """A night's work up to the marts; the months that were settled."""
    collect(session)
    staging.parse_new(
        session.warehouse, session.once(parser_of), session.home.archive, session.home.warehouse / "incoming"
    )
    work = session.once(indexed_work)
    stale = stale_months(work, PERIOD)
    for month in stale:
        settle_month(work, month)
    return stale


def night(home: Home, query: str = "select 1 as n") -> tuple[list[str], list[dict[str, Any]]]:
    """The months that a night settles, and the rows of a query on what comes of it."""
    with open_session(home, CLOCK) as session:
        return settle(session), session.warehouse.rows(query)


def tables(home: Home) -> dict[str, list[dict[str, Any]]]:
    """Every mart of the home."""
    every = "select table_name as n from information_schema.tables where table_schema = 'marts'"
    with open_session(home, CLOCK) as session:
        names = session.warehouse.rows(every)
        return {r["n"]: session.warehouse.rows(f"select * from marts.{r['n']} order by all") for r in names}


def test_a_column_more_in_the_forms_does_not_stop_the_night(home: Home) -> None:
    """It ended as a BinderException, every night until somebody deleted the warehouse."""
    assert night(home)[0] == ["2026-09", PERIOD]
    assert night(home)[0] == []
    forms = yaml.safe_load((Path(catalogue.__file__).parent / "forms.yaml").read_text(encoding="utf-8"))
    columns = forms["annex2"]["sheets"]["exposed_assets"]["columns"]
    columns.append({"key": "owner_dept", "zh": "责任部门", "type": "text", "required": "never"})
    (home.register / "forms.yaml").write_text(yaml.safe_dump(forms, allow_unicode=True), encoding="utf-8")
    stale, rows = night(home, "select owner_dept from marts.exposed_assets")
    assert stale == ["2026-09", PERIOD]
    assert rows
    assert {r["owner_dept"] for r in rows} == {None}


def test_a_warehouse_of_the_release_before_is_made_anew(home: Home) -> None:
    """Its tables lack columns of marts, of core and of staging, and it does not say what made it."""
    night(home)
    made_today = tables(home)
    with warehouse.open_warehouse(home.warehouse) as old:
        old.execute("drop table core.made_by")
        for table, column in (
            ("marts.problems", "severity"),
            ("marts.self_check", "counted"),
            ("marts.unit_results", "key_supervision"),
            ("core.all_findings", "effect"),
            ("core.submissions", "nil"),
            ("staging.forms", "period"),
        ):
            old.execute("drop view if exists core.findings")
            old.execute(f"alter table {table} drop column {column}")
        old.execute("alter table marts.problems add column of_another_time varchar")
    assert findings_of(home, PERIOD) == []
    assert status_of(home, PERIOD, CLOCK).headline
    assert night(home)[0] == ["2026-09", PERIOD]
    assert tables(home) == made_today


def test_an_edited_model_is_settled_again(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lateness that cost other points changed no score, and nobody was told."""
    points = f"select score_timeliness as points from marts.unit_results where period = '{PERIOD}'"
    (before,) = night(home, points)[1]
    for folder in ("sql", "assets", "expectations"):
        shutil.copytree(
            software.ROOT / folder, tmp_path / "edited" / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    edited = tmp_path / "edited" / "sql" / "marts" / "unit_results.sql"
    text = edited.read_text(encoding="utf-8")
    late = "when state = 'complete' then 0.5"
    assert text.count(late) == 1
    edited.write_text(text.replace(late, "when state = 'complete' then 0.25"), encoding="utf-8")
    monkeypatch.setattr(software, "ROOT", tmp_path / "edited")
    monkeypatch.setattr(sql, "SQL", tmp_path / "edited" / "sql")
    for cached in (software._digest_of, sql.model):
        cached.cache_clear()
    try:
        stale, (after,) = night(home, points)
    finally:
        monkeypatch.undo()
        for cached in (software._digest_of, sql.model):
            cached.cache_clear()
    assert stale == ["2026-09", PERIOD]
    assert after["points"] < before["points"]
