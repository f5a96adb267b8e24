"""What leaves the house, as Dagster assets: reports published, units answered, notices sent.

Belongs here: thin assets that call the plain functions of the rooms beside and say how much they did. Does not: the
work itself; how they are run (pipelines/definitions.py).
"""

from functools import partial

import dagster as dg

from assets.instance.progress import reporter
from assets.instance.resource import HomeResource
from assets.month.assets import marts
from assets.month.settle import indexed_work
from reports.data_docs.pages import write_data_docs
from reports.data_docs.validations import results_of, validate_months, validated_months
from reports.feedback.folders import write_feedback
from reports.forms.pool import render_all
from reports.notices.run import feedback_folder, tell_units
from reports.publishing.publish import publish
from reports.report.first_page import gather


@dg.asset(group_name="reports", kinds={"jinja", "excel"}, deps=[marts])
def published_reports(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The consolidated report of every scope, with data and manifest, in a folder that appears whole or not at all."""
    session = home.session
    work, period = session.once(indexed_work), context.partition_key
    editions = publish(
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
    work, period = session.once(indexed_work), context.partition_key
    if not session.settings.feedback:
        return dg.MaterializeResult(metadata={"dagster/row_count": 0})

    written = write_feedback(
        work,
        period,
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


@dg.asset(group_name="findings", kinds={"greatexpectations"}, deps=[marts, sent_notices])
def data_docs(home: HomeResource) -> dg.MaterializeResult:
    """The checkpoint of every month that has changed, and Data Docs of all: last, as nothing waits for it."""
    session = home.session
    work = session.once(indexed_work)
    validated = validate_months(work)
    months = validated_months(work.warehouse)
    written = write_data_docs(
        session.home.data_docs, months, partial(results_of, work.warehouse), work.catalogue, session.lang
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(m.evaluated for m in months),
            "validated": dg.MetadataValue.json(validated),
            "pages written": len(written),
            "data docs": dg.MetadataValue.path(str(session.home.data_docs / "index.html")),
        }
    )


ASSETS = (published_reports, unit_feedback, sent_notices, data_docs)
