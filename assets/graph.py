"""The stages as Dagster assets, partitioned by period, in one direction: mail, rows, findings, tables, report.

Belongs here: thin assets and checks that call the plain functions of the stages and say how much they did. Does
not: the work itself; how they are run (pipelines/definitions.py).
"""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from assets import months, publishing, staging
from assets.mail import sightings as seen
from assets.mail.sources import Collected, collect_folder, collect_imap
from expectations.catalogue import load_catalogue
from pipelines.progress import reporter
from pipelines.resources import HomeResource
from pipelines.session import Session
from pipelines.telling import feedback_folder, tell_units

SHEETS = tuple(load_catalogue().sheets)
WORST_UNITS = 20


def collect(session: Session) -> list[Collected]:
    """Collect from the mailbox, where one is set, and from the drop folder; what each had."""
    home, settings = session.home, session.settings
    connection = seen.open_sightings(home.warehouse / "sightings.sqlite")
    try:
        collected = []
        if settings.imap and session.source is None:
            collected.append(
                collect_imap(settings.imap, home.archive, connection, mail_bytes=settings.limits.mail_bytes)
            )
        inbox = session.source or home.inbox
        look = partial(
            collect_folder,
            inbox,
            home.archive,
            connection,
            settle_seconds=settings.settle_seconds,
            mail_bytes=settings.limits.mail_bytes,
        )
        folder = look()
        if folder.waiting:
            # Just dropped is not yet still being written: look once more when it would have settled.
            time.sleep(settings.settle_seconds)
            again = look()
            folder = Collected(again.listed, (*folder.new, *again.new), again.waiting, again.skipped)
        collected.append(folder)
        staging.put_receipts(session.warehouse, seen.mails(connection))
    finally:
        connection.close()
    return collected


@dg.asset(group_name="mail", kinds={"email"})
def archived_mails(home: HomeResource) -> dg.MaterializeResult:
    """Every mail of the mailbox and the drop folder, byte for byte under its sha256; nothing is ever deleted."""
    collected = collect(home.session)
    total = home.session.warehouse.value("select count(*) from staging.receipts")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "new": sum(len(c.new) for c in collected),
            "waiting": sum(len(c.waiting) for c in collected),
            "skipped": dg.MetadataValue.json([s for c in collected for s in c.skipped]),
        }
    )


@dg.asset(group_name="mail", kinds={"duckdb"}, deps=[archived_mails])
def parsed_mails(home: HomeResource) -> dg.MaterializeResult:
    """Mails taken apart in worker processes: forms recognised, rows with the cell each value came from, scans."""
    session = home.session
    new = staging.parse_new(
        session.warehouse,
        session.parser,
        session.home.archive,
        session.home.warehouse / "incoming",
        lambda done, of: reporter("parsing mails", done, of),
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": session.warehouse.value("select count(*) from staging.forms"),
            "mails parsed": new,
            "rows by sheet": dg.MetadataValue.json(
                {s: session.warehouse.value(f"select count(*) from staging.{s}") for s in SHEETS}
            ),
        }
    )


@dg.asset(group_name="rows", kinds={"duckdb"}, deps=[parsed_mails])
def earlier_months(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The months before, settled again where their mails, the register or the rules have changed: what carries over."""
    work = home.session.indexed
    stale = [m for m in months.stale_months(work, context.partition_key) if m < context.partition_key]
    for month in stale:
        months.settle_month(work, month)
    return dg.MaterializeResult(metadata={"settled again": dg.MetadataValue.json(stale)})


def _unchanged(session: Session, period: str) -> bool:
    """Whether the month stands as it is: a night with nothing new goes straight to the report."""
    return not months.stale_months(session.indexed, period)


@dg.asset(group_name="rows", kinds={"duckdb"}, deps=[earlier_months])
def submissions(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Whose each form is and which one stands: effective, returned or replaced."""
    work, period = home.session.indexed, context.partition_key
    if not _unchanged(home.session, period):
        months.book_month(work, period)
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
    work, period = home.session.indexed, context.partition_key
    if not _unchanged(home.session, period):
        months.check_month_forms(work, period)
    return dg.MaterializeResult(metadata={"dagster/row_count": _finding_count(home.session, period)})


@dg.asset(group_name="rows", kinds={"duckdb"}, deps=[form_findings])
def counted_rows(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The rows of effective submissions, and which of them count: those that no drop finding touches."""
    work, period = home.session.indexed, context.partition_key
    if not _unchanged(home.session, period):
        months.count_rows(work, period)
    counts = {
        sheet: work.warehouse.value(
            f"select count(*) from marts.{sheet} where period = $period and counted", {"period": period}
        )
        for sheet in months.ROW_MARTS
    }
    return dg.MaterializeResult(metadata={"dagster/row_count": sum(counts.values()), "by sheet": counts})


@dg.asset(group_name="findings", kinds={"greatexpectations"}, deps=[counted_rows])
def findings(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """With the rules that look at other months, other units and at what is absent: all findings of the month."""
    work, period = home.session.indexed, context.partition_key
    if not _unchanged(home.session, period):
        months.check_month_across(work, period)
    return dg.MaterializeResult(metadata={"dagster/row_count": _finding_count(home.session, period)})


@dg.asset(group_name="marts", kinds={"duckdb"}, deps=[findings])
def marts(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Problems and agreements at the end of the month, what became of each unit, scores, figures of every scope."""
    work, period = home.session.indexed, context.partition_key
    if not _unchanged(home.session, period):
        months.build_marts(work, period)
        months.mark_settled(work, period)
    count = work.warehouse.value("select count(*) from marts.unit_results where period = $period", {"period": period})
    return dg.MaterializeResult(metadata={"dagster/row_count": count})


@dg.asset(group_name="reports", kinds={"jinja", "excel"}, deps=[marts])
def published_reports(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The consolidated report of every scope, with data and manifest, in a folder that appears whole or not at all."""
    from reports.content import gather  # noqa: PLC0415 - wanted here alone
    from reports.pool import render_all  # noqa: PLC0415

    session = home.session
    work, period = session.indexed, context.partition_key
    editions = publishing.publish(
        work,
        period,
        session.home.published,
        partial(gather, work.warehouse, work.catalogue, work.parameters(period)),
        render_all,
        session.lang,
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(e.made for e in editions),
            "report": dg.MetadataValue.path(str(editions[0].folder / "report.html")),
            "versions": dg.MetadataValue.json({e.scope: e.version for e in editions}),
        }
    )


@dg.asset(group_name="units", kinds={"excel"}, deps=[published_reports])
def unit_feedback(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Every unit's answer: what to mend, and its own workbooks with the failing cells marked."""
    session = home.session
    work, period = session.indexed, context.partition_key
    if not session.settings.feedback:
        return dg.MaterializeResult(metadata={"dagster/row_count": 0})
    from reports.feedback_folders import write_feedback  # noqa: PLC0415 - wanted here alone

    written = write_feedback(
        work.warehouse,
        work.catalogue,
        work.parameters(period),
        session.home.archive,
        feedback_folder(session, period),
        software=work.software,
        lang=session.lang,
        limits=session.settings.limits,
        progress=lambda done, of: reporter("marking workbooks", done, of),
    )
    return dg.MaterializeResult(
        metadata={"dagster/row_count": len(written.changed), "failed": dg.MetadataValue.json(list(written.failed))}
    )


@dg.asset(group_name="units", kinds={"email"}, deps=[unit_feedback])
def sent_notices(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Receipts to the units whose mails were processed; reminders and overdue notices on their days. Each once."""
    session = home.session
    if not session.settings.feedback:
        return dg.MaterializeResult(metadata={"dagster/row_count": 0})
    rows = tell_units(session, context.partition_key)
    outcomes: dict[str, int] = {}
    for row in rows:
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + 1
    return dg.MaterializeResult(metadata={"dagster/row_count": len(rows), "outcomes": dg.MetadataValue.json(outcomes)})


ASSETS = (
    archived_mails, parsed_mails, earlier_months, submissions, form_findings, counted_rows, findings, marts,
    published_reports, unit_feedback, sent_notices,
)  # fmt: skip


def _finding_count(session: Session, period: str) -> int:
    return int(session.warehouse.value("select count(*) from core.findings where period = $period", {"period": period}))


# --------------------------------------------------------------------------------------------------------- checks
@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            f"{sheet}_rows_hold", asset=findings, description=f"No row of sheet {sheet} fails a drop rule"
        )
        for sheet in SHEETS
    ],
)
def rows_hold(context: dg.AssetCheckExecutionContext, home: HomeResource) -> Iterator[dg.AssetCheckResult]:
    """One check a suite: the rules that rows fail, most cells first. A unit's fault never stops the month."""
    period = context.partition_key
    found: dict[str, list[dict[str, Any]]] = {}
    for row in home.session.warehouse.rows(
        """
        select sheet_key, rule_id, any_value(effect) as effect, count(*) as cells, count(distinct unit_code) as units
        from core.findings
        where period = $period and sheet_key <> ''
        group by sheet_key, rule_id
        order by cells desc, rule_id
        """,
        {"period": period},
    ):
        found.setdefault(row["sheet_key"], []).append(row)
    for sheet in SHEETS:
        rules = found.get(sheet, [])
        dropping = [r for r in rules if r["effect"] == "drop"]
        records = [
            dg.TableRecord({k: r[k] for k in ("rule_id", "effect", "cells", "units")}) for r in rules[:WORST_UNITS]
        ]
        yield dg.AssetCheckResult(
            asset_key=findings.key,
            check_name=f"{sheet}_rows_hold",
            passed=not dropping,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "cells": sum(r["cells"] for r in rules),
                **({"rules": dg.MetadataValue.table(records)} if records else {}),
            },
        )


@dg.asset_check(asset=marts, blocking=True)
def figures_reconcile(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """The SQL tests of sql/tests return no row: totals agree however they are summed; else nothing is published."""
    failing = {k: v for k, v in months.failing_tests(home.session.indexed, context.partition_key).items() if v}
    return dg.AssetCheckResult(passed=not failing, metadata={"failing rows": dg.MetadataValue.json(failing)})


CHECKS = (rows_hold, figures_reconcile)
