"""The tests of sql/tests on a settled month: none fails as it is, and each catches the corruption that it is for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assets.instance.warehouse import SQL, Warehouse
from assets.month.sql_tests import SUMMARIES, failing_tests, grains, names_of
from tests.reports.settled_sample import EMPTY, LAST, Sample, settled_sample

pytestmark = pytest.mark.slow


def one(table: str, where: str = "true") -> str:
    """A condition that one row of a table meets."""
    return f"rowid = (select min(rowid) from {table} where period = $period and {where})"


def figure(scope: str, path: str, value: str) -> str:
    """A statement that puts another value, told in SQL over the `old` one, into a scope's summary."""
    patch = value.replace("old", f"cast(summary ->> '$.{path}' as bigint)")
    for key in reversed(path.split(".")):
        patch = f"json_object('{key}', {patch})"
    return f"""
        update marts.summaries set summary = json_merge_patch(summary, {patch})
        where period = $period and scope = '{scope}'
    """


RETURNED, INCOMPLETE = "state = 'returned'", "state = 'incomplete'"
# What a careless or malicious hand does to a settled month, and the test that must say so.
MUTANTS: dict[str, tuple[str, str]] = {
    # ------------------------------------------------------------------ house.md, A1: nine of these ten were published
    "every score is 0": ("scores_follow", "update marts.unit_results set score = 0 where period = $period"),
    "every unit is complete": (
        "units_have_their_state",
        "update marts.unit_results set state = 'complete' where period = $period",
    ),
    "every problem is closed": (
        "problems_carry_over",
        "update marts.problems set is_open = false, is_overdue = false, status = '已完成' where period = $period",
    ),
    "half of the apps are gone": (
        "rows_are_those_of_effective_forms of app_launches",
        "delete from marts.app_launches where period = $period and rowid % 2 = 0",
    ),
    "self-check is there twice": (
        "grain of self_check",
        "insert into marts.self_check select * from marts.self_check where period = $period",
    ),
    "unit results are there twice": (
        "grain of unit_results",
        "insert into marts.unit_results select * from marts.unit_results where period = $period",
    ),
    "every unit sent five rows more": (
        "rows_of_units_add_up",
        "update marts.unit_results set rows_received = rows_received + 5 where period = $period",
    ),
    "a branch expects no unit": ("summary_parts_add_up", figure("EX-15", "units.expected", "0")),
    "the carrier passes everything": ("summary_shares_follow", figure("EX", "self_check.pass_rate", "100")),
    "an asset is gone": (
        "rows_are_those_of_effective_forms of exposed_assets",
        f"delete from marts.exposed_assets where {one('marts.exposed_assets')}",
    ),
    # --------------------------------------------------------------------------------------------- and for every test
    "a finding is there twice": (
        "findings_are_unique",
        f"insert into core.all_findings select * from core.all_findings where {one('core.all_findings', 'counts')}",
    ),
    "a unit has no result": (
        "units_of_scopes_add_up",
        f"delete from marts.unit_results where {one('marts.unit_results')}",
    ),
    "a row is of no unit with a result": (
        "rows_of_units_add_up",
        f"update marts.incidents set unit_code = 'GONE' where {one('marts.incidents')}",
    ),
    "a key is empty": (
        "grain of problems",
        f"update marts.problems set issue_no = null where {one('marts.problems')}",
    ),
    "a row says neither that it counts nor that it does not": (
        "dropped_rows_have_a_finding of indicators",
        f"update marts.indicators set counted = null where {one('marts.indicators')}",
    ),
    "a row is left out without a finding": (
        "dropped_rows_have_a_finding of self_check",
        f"update marts.self_check set counted = false where {one('marts.self_check', 'counted')}",
    ),
    "a row counts in spite of its finding": (
        "dropped_rows_have_a_finding of self_check",
        f"update marts.self_check set counted = true where {one('marts.self_check', 'not counted')}",
    ),
    "a finding that left a row out is gone": (
        "dropped_rows_have_a_finding of exposed_assets",
        """
        delete from core.all_findings
        where period = $period and sheet_key = 'exposed_assets' and effect = 'drop' and form_id in (
            select form_id from core.submissions where period = $period and status = 'effective'
        )
        """,
    ),
    "rows of a returned form count": (
        "rows_are_those_of_effective_forms of exposed_assets",
        """
        update core.submissions set status = 'returned'
        where period = $period and form_id = (select min(form_id) from marts.exposed_assets where period = $period)
        """,
    ),
    "a form that was not sent is effective": (
        "forms_have_their_state",
        f"update marts.unit_forms set state = 'effective' where {one('marts.unit_forms', RETURNED)}",
    ),
    "a unit is forgiven its errors": (
        "units_have_their_state",
        f"update marts.unit_results set errors = 0 where {one('marts.unit_results', 'errors > 0')}",
    ),
    "a unit is complete and was at no time": (
        "units_have_their_state",
        "update marts.unit_results set first_complete_at = null where period = $period",
    ),
    "a part of a score is full": (
        "scores_follow",
        "update marts.unit_results set score_self_check = 30, score = score + 30 - score_self_check where period = $period",
    ),
    "a unit without returns has a score": (
        "scores_follow",
        f"""
        update marts.unit_results set score = 20, score_rectification = 20, state = 'returned'
        where {one('marts.unit_results', INCOMPLETE)}
        """,
    ),
    "a problem is forgotten": (
        "problems_carry_over",
        f"delete from marts.problems where {one('marts.problems', 'reported_in < $period')}",
    ),
    "a problem has time until next year": (
        "problems_carry_over",
        f"update marts.problems set due_on = due_on + 400 where {one('marts.problems', 'is_overdue')}",
    ),
    "an agreement runs on": (
        "agreements_carry_over",
        f"update marts.agreement_register set expires_on = expires_on + 400 where {one('marts.agreement_register')}",
    ),
    "an agreement is forgotten": (
        "agreements_carry_over",
        f"delete from marts.agreement_register where {one('marts.agreement_register', 'reported_in < $period')}",
    ),
    "an incident is resolved": (
        "incidents_carry_over",
        f"update marts.incident_register set is_open = false where {one('marts.incident_register', 'is_open')}",
    ),
    "an incident is forgotten": (
        "incidents_carry_over",
        f"delete from marts.incident_register where {one('marts.incident_register')}",
    ),
    "a summary counts more rows than there are": (
        "summary_rows_of_marts of incidents",
        figure("EX-16", "incidents.rows_received", "old + 1"),
    ),
    "a scope counts more than those below it": (
        "summary_scopes_add_up",
        figure("EX", "exposed_assets.unscanned", "old + 1"),
    ),
    "a scope counts fewer findings than those below it": (
        "summary_scopes_add_up",
        figure("EX", "findings.warning", "old - 1"),
    ),
    "a rate is another": ("summary_shares_follow", figure("EX-15", 'indicators.IND-02.rate', "99.9")),
    "a scope has no summary": (SUMMARIES, "delete from marts.summaries where period = $period and scope = 'EX-16'"),
    "every scope has one asset unscanned more": (
        SUMMARIES,
        ";".join(figure(s, "exposed_assets.unscanned", "old + 1") for s in ("EX", "EX-15", "EX-15-01")),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample, which nothing else looks at."""
    with settled_sample(tmp_path_factory.mktemp("gate")) as sample:
        yield sample


@contextmanager
def changed(warehouse: Warehouse, sql: str) -> Iterator[None]:
    """Within, the last month is as a statement makes it."""
    warehouse.execute("begin")
    try:
        for statement in sql.split(";"):
            warehouse.execute(statement, {"period": LAST})
        yield
    finally:
        warehouse.execute("rollback")


def test_no_test_fails_of_a_month_that_is_as_it_was_settled(settled: Sample) -> None:
    for month in ("2026-09", LAST, EMPTY):
        assert failing_tests(settled.work, month) == {}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_corrupted_month_is_told(settled: Sample, name: str) -> None:
    test, sql = MUTANTS[name]
    before = settled.warehouse.frame("select * from marts.summaries order by all")
    with changed(settled.warehouse, sql):
        found = failing_tests(settled.work, LAST)
        if "marts.summaries" in sql:
            assert not settled.warehouse.frame("select * from marts.summaries order by all").equals(before)
    assert test in found


def test_every_test_has_a_mutant() -> None:
    tests = [*names_of(), *names_of("month"), *names_of("sheet"), *names_of("mart"), SUMMARIES]
    caught = {test.partition(" of ")[0] for test, _ in MUTANTS.values()}
    assert set(tests) == caught


def test_every_mart_says_what_its_grain_is(settled: Sample) -> None:
    models = {path.stem for path in (SQL / "marts").glob("*.sql")}
    assert grains().keys() == models | {"summaries"}
    for mart, said in grains().items():
        columns = {row["column_name"]: row["null"] for row in settled.warehouse.rows(f"describe marts.{mart}")}
        assert {*said["grain"], *said["filled"]} <= columns.keys(), mart
        assert said["grain"][0] == "period"


def test_sql_tests_lie_where_they_are_asked() -> None:
    folders = {path.parent.relative_to(SQL / "tests") for path in (SQL / "tests").rglob("*.sql")}
    assert folders == {Path(), Path("month"), Path("sheet"), Path("mart")}
