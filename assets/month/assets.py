"""The month as Dagster assets, partitioned by period: rows, findings, tables.

Belongs here: thin assets that call the plain functions of the steps and say how much they did. Does not: the work
itself; the checks (checks.py); how they are run (pipelines/definitions.py).
"""

import dagster as dg

from assets.instance.resource import HomeResource
from assets.instance.session import Session
from assets.intake.assets import parsed_mails
from assets.month.booking import book_month
from assets.month.findings.steps import check_month_across, check_month_forms
from assets.month.freshness import mark_settled, stale_months, unsettle_changed
from assets.month.marts import ROW_MARTS, build_marts, count_rows
from assets.month.settle import indexed_work, settle_month
from expectations.validating import start_early


@dg.asset(group_name="rows", kinds={"duckdb"}, deps=[parsed_mails])
def earlier_months(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The months before, settled again where their mails, the register or the rules have changed: what carries over."""
    work = home.session.once(indexed_work)
    changed = unsettle_changed(work, context.partition_key)
    every = stale_months(work, context.partition_key)
    if every:
        start_early()  # what validates what they come to (reports/data_docs/) has its libraries by then
    stale = [m for m in every if m < context.partition_key]
    for month in stale:
        settle_month(work, month)
    return dg.MaterializeResult(
        metadata={
            "settled again": dg.MetadataValue.json(stale),
            "changed since they were settled": dg.MetadataValue.json(changed),
        }
    )


def _unchanged(session: Session, period: str) -> bool:
    """Whether the month stands as it is: a night with nothing new goes straight to the report."""
    return not stale_months(session.once(indexed_work), period)


@dg.asset(group_name="rows", kinds={"duckdb"}, deps=[earlier_months])
def submissions(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Whose each form is and which one stands: effective, returned or replaced."""
    work, period = home.session.once(indexed_work), context.partition_key
    if not _unchanged(home.session, period):
        book_month(work, period)
    rows = work.warehouse.rows(
        "select status, count(*) as n from core.submissions where period = $period group by status order by status",
        {"period": period},
    )
    return dg.MaterializeResult(
        metadata={"dagster/row_count": sum(r["n"] for r in rows), **{r["status"]: r["n"] for r in rows}}
    )


@dg.asset(group_name="findings", kinds={"greatexpectations"}, deps=[submissions])
def form_findings(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Mails, covers, scans and every row held against their rules; each failing cell with its place and message."""
    work, period = home.session.once(indexed_work), context.partition_key
    if not _unchanged(home.session, period):
        check_month_forms(work, period)
    return dg.MaterializeResult(metadata={"dagster/row_count": _finding_count(home.session, period)})


@dg.asset(group_name="rows", kinds={"duckdb"}, deps=[form_findings])
def counted_rows(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The rows of effective submissions, and which of them count: those that no drop finding touches."""
    work, period = home.session.once(indexed_work), context.partition_key
    if not _unchanged(home.session, period):
        count_rows(work, period)
    counts = {
        sheet: work.warehouse.value(
            f"select count(*) from marts.{sheet} where period = $period and counted", {"period": period}
        )
        for sheet in ROW_MARTS
    }
    return dg.MaterializeResult(metadata={"dagster/row_count": sum(counts.values()), "by sheet": counts})


@dg.asset(group_name="findings", kinds={"greatexpectations"}, deps=[counted_rows])
def findings(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """With the rules that look at other months, other units and at what is absent: all findings of the month."""
    work, period = home.session.once(indexed_work), context.partition_key
    if not _unchanged(home.session, period):
        check_month_across(work, period)
    return dg.MaterializeResult(metadata={"dagster/row_count": _finding_count(home.session, period)})


@dg.asset(group_name="marts", kinds={"duckdb"}, deps=[findings])
def marts(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Problems and agreements at the end of the month, what became of each unit, scores, figures of every scope."""
    work, period = home.session.once(indexed_work), context.partition_key
    if not _unchanged(home.session, period):
        build_marts(work, period)
        mark_settled(work, period)
    count = work.warehouse.value("select count(*) from marts.unit_results where period = $period", {"period": period})
    return dg.MaterializeResult(metadata={"dagster/row_count": count})


def _finding_count(session: Session, period: str) -> int:
    return int(session.warehouse.value("select count(*) from core.findings where period = $period", {"period": period}))


ASSETS = (earlier_months, submissions, form_findings, counted_rows, findings, marts)
