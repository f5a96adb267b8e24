"""What was settled is known by its digest: of a month whose tables were changed since nothing leaves the house."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assets.month.digests import changed_tables, settled_tables
from assets.month.freshness import stale_months
from assets.month.gate import ChangedSinceSettled, NotSettled, reconcile, require_settled
from assets.month.settle import settle_month
from tests.month.test_sql_tests import MUTANTS, changed
from tests.reports.settled_sample import LAST, Sample, settled_sample

pytestmark = pytest.mark.slow

RECENT = ["2026-09", LAST]
# The ten of house.md, A1, and what no test of the figures could know: other content under the same counts.
SILENT = {
    "a finding says something else": "update core.all_findings set message = message || '。' where period = $period",
    "a problem is described otherwise": "update marts.problems set problem = '无' where period = $period",
    "an earlier month's figures are others": """
        update marts.summaries set summary = replace(summary, '"rows_counted"', '"rows_counted" ')
        where period = '2026-09'
    """,
    "a table is empty": "delete from core.mails where period = $period",
}
CHANGES = {**{name: sql for name, (_, sql) in list(MUTANTS.items())[:10]}, **SILENT}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with settled_sample(tmp_path_factory.mktemp("gate")) as sample:
        yield sample


def test_a_settled_month_may_go_out(settled: Sample) -> None:
    for month in RECENT:
        require_settled(settled.work, month)


@pytest.mark.parametrize("name", CHANGES)
def test_a_month_changed_since_it_was_settled_is_refused(settled: Sample, name: str) -> None:
    with changed(settled.warehouse, CHANGES[name]), pytest.raises(ChangedSinceSettled, match="changed since"):
        require_settled(settled.work, LAST)
    require_settled(settled.work, LAST)


def test_every_table_of_a_month_is_known_by_its_digest(settled: Sample) -> None:
    for table in settled_tables():
        if not settled.warehouse.value(f"select count(*) from {table} where period = $period", {"period": LAST}):
            continue
        one_less = f"delete from {table} where period = $period and rowid = (select min(rowid) from {table})"
        last = one_less.replace(f"from {table})", f"from {table} where period = $period)")
        with changed(settled.warehouse, last):
            assert changed_tables(settled.warehouse, LAST, RECENT) == {LAST: [table]}


def test_digests_of_another_version_of_duckdb_say_nothing(settled: Sample) -> None:
    with changed(settled.warehouse, "update core.table_digests set digest = '1', hashed_by = 'v0'"):
        assert changed_tables(settled.warehouse, LAST, RECENT) == {}
    with changed(settled.warehouse, "update core.table_digests set digest = '1' where period = $period"):
        assert changed_tables(settled.warehouse, LAST, RECENT) == {LAST: sorted(settled_tables())}


def test_a_month_that_was_changed_or_does_not_agree_is_settled_from_the_start(settled: Sample) -> None:
    """A gate that found something wrong must not stay shut for ever."""
    warehouse, work = settled.warehouse, settled.work
    whole = {table: warehouse.frame(f"select * from {table} order by all") for table in settled_tables()}
    for tamper, refusal in (
        ("update marts.unit_results set score = 100 where period = $period", ChangedSinceSettled),
        ("update marts.self_check set counted = false where period = $period", None),
    ):
        warehouse.execute(tamper, {"period": LAST})
        if refusal:
            with pytest.raises(refusal):
                require_settled(work, LAST)
        else:
            assert reconcile(work, LAST)
        with pytest.raises(NotSettled, match="not settled"):
            require_settled(work, LAST)
        assert stale_months(work, LAST) == [LAST]
        settle_month(work, LAST)
        require_settled(work, LAST)
        for table, rows in whole.items():
            assert warehouse.frame(f"select * from {table} order by all").equals(rows), table
