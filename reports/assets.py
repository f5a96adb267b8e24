"""What leaves the house, as Dagster assets: reports published, units answered, notices sent.

Belongs here: thin assets that call the plain functions of the rooms beside and say how much they did. Does not: the
work itself; how they are run (pipelines/definitions.py).
"""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.instance.clock import now
from assets.instance.closed_months import book, closed_months, kept_register
from assets.instance.home import Home
from assets.instance.progress import reporter
from assets.instance.resource import ANSWERING, JOB, PARTITION, POOL, HomeResource
from assets.instance.session import Session
from assets.instance.shown import code_version
from assets.intake import assets as intake
from assets.intake.shards import given_shards, is_done
from assets.month import assets as month
from assets.month.assets import SHARD, asset_of, findings, has_failed, mart_key
from assets.month.freshness import fingerprint_of
from assets.month.gate import require_settled
from assets.month.models import models_of, references
from assets.month.settle import as_indexed
from assets.month.shards import wait_for
from reports.data_docs.pages import write_data_docs
from reports.data_docs.validations import results_of, validate_months, validated_months
from reports.drawing import (
    Drawing,
    ask,
    close,
    draw,
    drawn_answers,
    drawn_reports,
    drawn_snapshots,
    forget,
    is_drawn,
    printing_of,
)
from reports.ending import book_end
from reports.feedback.folders import Written, write_feedback
from reports.notices.run import feedback_folder, tell_readers, tell_units
from reports.notices.sending import QUEUED, Row
from reports.portal.shape import VAULT
from reports.portal.snapshot import MADE_BY, write_snapshots
from reports.portal.vault import write_vaults
from reports.publishing.earlier import months_due, remember_month
from reports.publishing.publish import publish
from reports.publishing.versions import Edition

ANSWERED = "answered"
OUTCOMES = "outcomes"
PUBLISHED = dg.AssetKey("published_reports")
PUBLISHED_TABLES = models_of("published")


def publish_month(session: Session, period: str, asked: Sequence[Drawing] = ()) -> list[Edition]:
    """Publish a settled month for every scope, with what shards that were `asked` have drawn. Raises NotSettled."""
    work = session.once(as_indexed)
    if work.as_of >= work.deadline.cutoff(period) or period in closed_months(session.home):
        book(session.home, session.register, period)
    printing = printing_of(session, work, period)
    return publish(
        work,
        period,
        session.home.published,
        printing.gather,
        printing.render,
        session.lang,
        partial(kept_register, session.home),
        printing.signing,
        printing.page_of,
        drawn_reports(session.home, asked),
    )


def answer_units(session: Session, period: str) -> Written:
    """Write every unit's answer of a settled month, where the settings want any. Raises NotSettled."""
    if not session.settings.feedback:
        return Written((), ())
    work = session.once(as_indexed)
    written = write_feedback(
        work,
        period,
        session.home.archive,
        feedback_folder(session, period),
        software=work.software,
        lang=session.lang,
        limits=session.settings.limits,
        progress=lambda done, of: reporter("marking workbooks", done, of),
        drawn=drawn_answers(session.home),
    )
    session.left += written.failed
    return written


def months_to_answer(session: Session, period: str) -> list[str]:
    """The months in which mails may wait for an answer: those before with something new, and the period."""
    return [*months_due(session.once(as_indexed), period, session.home.published), period]


def send_answers(session: Session, period: str) -> list[Row]:
    """Send the receipts that a settled month owes, where the settings want any; reminders and reports are the night's.

    It is not booked that a run has done with the month: what is new in it is still to be published.
    """
    return tell_units(session, period, reminders=False) if session.settings.feedback else []


def send_notices(session: Session, period: str) -> list[Row]:
    """Send what a settled month owes to units and readers, where the settings want it; book that a run has.

    Where mails wait for their server a run has not: the next one takes the month up again, whether anything is new or
    not, and sends them.
    """
    rows = [*tell_units(session, period), *tell_readers(session, period)] if session.settings.feedback else []
    waiting = [row.recipient for row in rows if row.outcome == QUEUED]
    session.left += waiting
    if not waiting:
        remember_month(session.once(as_indexed), period)
    return rows


@dg.asset(
    pool=POOL,
    group_name="reports",
    kinds={"jinja", "excel"},
    deps=[mart_key("summaries")],
    code_version=code_version("reports"),
)
def earlier_reports(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Late corrections: every earlier month with something new published, answered and told of, the oldest first."""
    session = home.session
    work, made = session.once(as_indexed), {}
    for earlier in months_due(work, context.partition_key, session.home.published) if home.earlier else ():
        made[earlier] = {e.scope: e.version for e in publish_month(session, earlier) if e.made}
        answer_units(session, earlier)
        send_notices(session, earlier)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": sum(map(len, made.values())), "versions": dg.MetadataValue.json(made)}
    )


def is_whole(run: dg.DagsterRun) -> bool:
    """Whether a run is one of the whole job, and no selection of its steps, nor one that goes on after a failure."""
    every = {asset.node_def.name for asset in (*intake.ASSETS, *month.OF_NO_MONTH, *month.ASSETS, *ASSETS)}
    steps = set(run.step_keys_to_execute or every)
    return run.job_name == JOB and not run.asset_selection and not run.op_selection and steps >= every


def _rests_on(*models: str) -> list[dg.AssetKey]:
    """The assets whose tables some models read, by their SQL."""
    return sorted({asset_of(table, findings.key) for name in models for table in references(name)})


def _table_metadata(file: Path) -> dict[str, Any]:
    """Rows and columns of a published table; of one that a version of long ago does not have, nothing."""
    if not file.exists():
        return {}
    rows = pl.scan_parquet(file)
    columns = [dg.TableColumn(name, type=str(kind).lower()) for name, kind in rows.collect_schema().items()]
    return {
        "dagster/row_count": rows.select(pl.len()).collect().item(),
        "dagster/column_schema": dg.TableSchema(columns),
    }


@dg.multi_asset(
    name="published_reports",
    pool=POOL,
    specs=[
        *(
            dg.AssetSpec(
                ["published", table],
                description=f"data/{table}.csv and .parquet of every scope; rows and columns are those of the carrier.",
                deps=_rests_on(f"published/{table}"),
                group_name="reports",
                kinds={"csv", "parquet"},
                code_version=code_version("reports/publishing", f"sql/published/{table}.sql"),
            )
            for table in PUBLISHED_TABLES
        ),
        dg.AssetSpec(
            PUBLISHED,
            description="The consolidated report of every scope, in folders that appear whole or not at all.",
            deps=[
                earlier_reports,
                *(dg.AssetKey(["published", table]) for table in PUBLISHED_TABLES),
                mart_key("summaries"),
                *_rests_on(*(f"sections/{name}" for name in models_of("sections"))),
            ],
            group_name="reports",
            kinds={"jinja", "excel"},
            code_version=code_version("reports", "sql/sections"),
        ),
    ],
)
def published_reports(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult]:
    """The consolidated report of every scope, with data and manifest, in a folder that appears whole or not at all."""
    session = home.session
    work, period = session.once(as_indexed), context.partition_key
    asked, left = _drawn_by_shards(session, period, context.instance)
    editions = publish_month(session, period, asked)
    carrier = editions[0]
    version = dg.DataVersion(f"{fingerprint_of(work, period)}-{carrier.version}")
    for table in PUBLISHED_TABLES:
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(["published", table]),
            metadata=_table_metadata(carrier.folder / "data" / f"{table}.parquet"),
            data_version=version,
        )
    yield dg.MaterializeResult(
        asset_key=PUBLISHED,
        metadata={
            "dagster/row_count": sum(e.made for e in editions),
            "report": dg.MetadataValue.path(str(carrier.folder / "report.html")),
            "versions": dg.MetadataValue.json({e.scope: e.version for e in editions}),
            **({"left to this run": dg.MetadataValue.json(left)} if asked else {}),
        },
        data_version=version,
    )


def _drawn_by_shards(
    session: Session, period: str, instance: dg.DagsterInstance
) -> tuple[list[Drawing], dict[str, str]]:
    """Have shards draw the month where they run on workers: what they were asked for, and who has not done it and why.

    Where no worker has done anything of this night's mails either, nobody is asked and waited for once more. Nor where
    workers see nothing of the home's folder (setting `by_store`): what they draw from and into lies there.
    """
    home, wanted = session.home, session.settings.shards
    if (
        not wanted.workers
        or session.settings.handed_by
        or not any(is_done(home, given) for given in given_shards(home))
    ):
        forget(home)
        return [], {}
    asked = ask(session, period)
    left = wait_for(asked, partial(is_drawn, home), partial(has_failed, instance), 60 * wanted.wait_minutes)
    close(home)
    return asked, left


@dg.asset(group_name="reports", kinds={"jinja", "excel"}, code_version=code_version("reports"))
def drawn_shards(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Reports, answers and snapshots of a settled month as one shard draws them, on whichever machine."""
    assert isinstance(context.partition_key, dg.MultiPartitionKey)
    drew = draw(Home(Path(home.home)), context.partition_key.keys_by_dimension[SHARD])
    counts = asdict(drew) if drew else {}
    return dg.MaterializeResult(metadata={**counts, "machine": socket.gethostname()})


@dg.asset(
    pool=POOL,
    group_name="reports",
    kinds={"sqlite"},
    deps=[PUBLISHED],
    code_version=code_version(*MADE_BY, "reports/portal/vault.py"),
)
def portal_snapshots(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """What the portal shows, a file a month: written of every settled month whose content has changed."""
    session = home.session
    work = session.once(as_indexed)
    require_settled(work, context.partition_key)
    written = write_snapshots(work, session.home.portal, drawn_snapshots(session.home))
    write_vaults(work, session.home.portal / VAULT, wanted=session.settings.vault)
    return dg.MaterializeResult(metadata={"dagster/row_count": len(written), "written": dg.MetadataValue.json(written)})


@dg.asset(
    pool=POOL,
    group_name="units",
    kinds={"excel"},
    deps=[mart_key("summaries"), PUBLISHED],  # of a run that leaves reports to the night the first alone
    code_version=code_version("reports/feedback"),
)
def unit_feedback(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Every unit's answer: what to mend, and its own workbooks with the failing cells marked.

    Where reports are left to the night, of earlier months with something new as well.
    """
    session, period = home.session, context.partition_key
    months = months_to_answer(session, period) if context.run.job_name == ANSWERING else [period]
    written = [answer_units(session, month) for month in months]
    changed = [unit for one in written for unit in one.changed]
    failed = [unit for one in written for unit in one.failed]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(changed),
            ANSWERED: dg.MetadataValue.json(changed),
            "failed": dg.MetadataValue.json(failed),
        }
    )


@dg.asset(
    pool=POOL, group_name="units", kinds={"email"}, deps=[unit_feedback], code_version=code_version("reports/notices")
)
def sent_notices(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Receipts to the units whose mails were processed; reminders and overdue notices on their days. Each once."""
    session, period = home.session, context.partition_key
    if context.run.job_name == ANSWERING:
        rows = [row for month in months_to_answer(session, period) for row in send_answers(session, month)]
    else:
        rows = send_notices(session, period)
    outcomes: dict[str, int] = {}
    for row in rows:
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + 1
    return dg.MaterializeResult(metadata={"dagster/row_count": len(rows), OUTCOMES: dg.MetadataValue.json(outcomes)})


@dg.asset(
    pool=POOL,
    group_name="findings",
    kinds={"greatexpectations"},
    deps=[mart_key("summaries"), portal_snapshots, sent_notices],
    code_version=code_version("reports/data_docs"),
)
def data_docs(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The checkpoint of every month that has changed, and Data Docs of all: last, as nothing waits for it.

    With it a run of the whole job ends, and writes down whether it leaves anything to be done.
    """
    session = home.session
    work = session.once(as_indexed)
    validated = validate_months(work)
    months = validated_months(work.warehouse)
    written = write_data_docs(
        session.home.data_docs, months, partial(results_of, work.warehouse), work.catalogue, session.lang
    )
    if is_whole(context.run):
        book_end(session, context.run.tags[PARTITION], earlier=home.earlier)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(m.evaluated for m in months),
            "validated": dg.MetadataValue.json(validated),
            "pages written": len(written),
            "data docs": dg.MetadataValue.path(str(session.home.data_docs / "index.html")),
        }
    )


@dg.asset(
    pool=POOL,
    group_name="operation",
    kinds={"prometheus"},
    deps=[sent_notices, "portal_snapshots", data_docs],
    code_version=code_version("reports/portal/metrics.py"),
)
def metrics(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Figures for Prometheus: mails, findings, units, notices, and what every stage of the run took."""
    from assets.ledger.opening import open_reader  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from reports.portal.metrics import write_metrics  # noqa: PLC0415

    stats = context.instance.get_run_step_stats(context.run.run_id)
    seconds = {s.step_key: s.end_time - s.start_time for s in stats if s.start_time and s.end_time}
    session = home.session
    with open_reader(session.home.warehouse, session.settings.ledger_url) as ledger:
        path = write_metrics(session.home, ledger, now(), seconds)
    return dg.MaterializeResult(metadata={"dagster/row_count": len(seconds), "path": dg.MetadataValue.path(str(path))})


ASSETS = (earlier_reports, published_reports, portal_snapshots, unit_feedback, sent_notices)
ANSWERS = (unit_feedback, sent_notices)
OF_NO_MONTH = (data_docs, metrics)
ON_WORKERS = (drawn_shards,)  # of a home whose shards run elsewhere
