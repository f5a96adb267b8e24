"""What leaves the house, as Dagster assets: reports published, units answered, notices sent.

Belongs here: thin assets that call the plain functions of the rooms beside and say how much they did. Does not: the
work itself; how they are run (pipelines/definitions.py).
"""

from functools import partial

import dagster as dg

from assets.instance.closed_months import book, closed_months
from assets.instance.progress import reporter
from assets.instance.resource import HomeResource
from assets.instance.session import Session
from assets.month.assets import marts
from assets.month.settle import indexed_work
from reports.data_docs.pages import write_data_docs
from reports.data_docs.validations import results_of, validate_months, validated_months
from reports.feedback.folders import Written, write_feedback
from reports.forms.pool import render_all
from reports.notices.run import feedback_folder, tell_units
from reports.notices.sending import Row
from reports.publishing.earlier import months_due, remember_month
from reports.publishing.publish import publish
from reports.publishing.versions import Edition
from reports.report.first_page import gather


def publish_month(session: Session, period: str) -> list[Edition]:
    """Publish a settled month for every scope. Raises NotSettled."""
    work = session.once(indexed_work)
    if session.as_of >= work.deadline.cutoff(period) or period in closed_months(session.home):
        book(session.home, session.register, period)
    return publish(
        work,
        period,
        session.home.published,
        partial(gather, work.warehouse, work.catalogue, work.parameters(period)),
        render_all,
        session.lang,
    )


def answer_units(session: Session, period: str) -> Written:
    """Write every unit's answer of a settled month, where the settings want any. Raises NotSettled."""
    if not session.settings.feedback:
        return Written((), ())
    work = session.once(indexed_work)
    return write_feedback(
        work,
        period,
        session.home.archive,
        feedback_folder(session, period),
        software=work.software,
        lang=session.lang,
        limits=session.settings.limits,
        progress=lambda done, of: reporter("marking workbooks", done, of),
    )


def send_notices(session: Session, period: str) -> list[Row]:
    """Send what a settled month owes to units, where the settings want it, and book that a run has ended with it."""
    rows = tell_units(session, period) if session.settings.feedback else []
    remember_month(session.once(indexed_work), period)
    return rows


@dg.asset(group_name="reports", kinds={"jinja", "excel"}, deps=[marts])
def earlier_reports(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Late corrections: every earlier month with something new published, answered and told of, the oldest first."""
    session = home.session
    work, made = session.once(indexed_work), {}
    for month in months_due(work, context.partition_key, session.home.published) if home.earlier else ():
        made[month] = {e.scope: e.version for e in publish_month(session, month) if e.made}
        answer_units(session, month)
        send_notices(session, month)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": sum(map(len, made.values())), "versions": dg.MetadataValue.json(made)}
    )


@dg.asset(group_name="reports", kinds={"jinja", "excel"}, deps=[earlier_reports])
def published_reports(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The consolidated report of every scope, with data and manifest, in a folder that appears whole or not at all."""
    editions = publish_month(home.session, context.partition_key)
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
    written = answer_units(home.session, context.partition_key)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": len(written.changed), "failed": dg.MetadataValue.json(list(written.failed))}
    )


@dg.asset(group_name="units", kinds={"email"}, deps=[unit_feedback])
def sent_notices(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Receipts to the units whose mails were processed; reminders and overdue notices on their days. Each once."""
    rows = send_notices(home.session, context.partition_key)
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


ASSETS = (earlier_reports, published_reports, unit_feedback, sent_notices, data_docs)
