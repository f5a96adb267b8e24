"""The month as Dagster assets, partitioned by period: rows, findings, tables.

Belongs here: thin assets that call the plain functions of the steps and say how much they did. Does not: the work
itself; the checks (checks.py); how they are run (pipelines/definitions.py).

Settling goes by unit and is finer than a partition; it tells Dagster what it did: the data version of a month's assets
is the fingerprint under which the month stands, and a month before that is settled again on the way is an event of its
own. Dependencies of marts are those of their SQL.
"""

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from assets.instance.home import Home
from assets.instance.resource import ANSWERING, POOL, SHARD_JOB, HomeResource
from assets.instance.shown import DATA_VERSION, code_version, table_metadata
from assets.instance.store import StoreError
from assets.intake.assets import MAILS, PARSED, sheet_key
from assets.month.booking import book_month
from assets.month.findings.steps import check_month_across, check_month_forms
from assets.month.freshness import decide, fingerprint_of, is_settling, mark_settled, unsettle_changed
from assets.month.handing import hand_out, handed
from assets.month.marts import ROW_MARTS, STANDING_MARTS, build_marts, count_rows
from assets.month.models import references
from assets.month.settle import as_indexed, indexed_work, settle_month
from assets.month.shards import Asked, give_shards, take_months, wait_for, work_on, work_on_all
from assets.month.work import Work
from expectations.validating import start_early

CODE = ("assets/month", "expectations")  # what makes the tables of a month, beside their models
SHARD, GIVEN_TAG = "province", "sixth/given"  # a dimension of the partitions of runs of shards; a tag of theirs
LAST_MONTH = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)


def mart_key(name: str) -> dg.AssetKey:
    """The key of marts.<name>."""
    return dg.AssetKey(["marts", name])


def _result(work: Work, period: str, table: str, key: dg.AssetKey | None = None) -> dg.MaterializeResult:
    """What an asset that is one table of the month says of itself."""
    return dg.MaterializeResult(
        asset_key=key,
        metadata=table_metadata(work.warehouse, table, period),
        data_version=dg.DataVersion(fingerprint_of(work, period)),
    )


# --------------------------------------------------------------------------------------------------------------- shards
@dg.asset(
    pool=POOL,
    group_name="mail",
    kinds={"duckdb"},
    deps=[MAILS],
    code_version=code_version(*CODE, "assets/intake", "sql"),
)
def shards(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The mails given to shards, by province, and what goes by mail and unit worked out there (setting `shards`)."""
    session = home.session
    given = give_shards(session, context.partition_key)
    wanted = session.settings.shards
    if wanted.workers:
        try:
            is_back = hand_out(session.home, session.settings.handed_by, given)
            failed = wait_for(given, is_back, partial(has_failed, context.instance), 60 * wanted.wait_minutes)
        except (StoreError, OSError) as error:  # the store, or a mail that is gone from the archive
            failed = dict.fromkeys((one.name for one in given), str(error))
    else:
        failed = work_on_all(session.home, given, session.lang)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(given),
            "mails": dg.MetadataValue.json({one.name: one.mails for one in given}),
            "left to this run": dg.MetadataValue.json(failed),
        }
    )


def has_failed(instance: dg.DagsterInstance, given: Asked) -> bool:
    """Whether the runs of what a shard was given have ended, and none is to be tried again."""
    runs = instance.get_runs(dg.RunsFilter(job_name=SHARD_JOB, tags={GIVEN_TAG: given.asked}), limit=1)
    return any(run.is_finished and run.tags.get(WILL_RETRY_TAG) != "true" for run in runs)


@dg.asset(group_name="mail", kinds={"duckdb"}, code_version=code_version(*CODE, "assets/intake", "sql"))
def worked_shards(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """What one shard works out of the mails that it was given, on whichever machine (setting `shards.workers`)."""
    assert isinstance(context.partition_key, dg.MultiPartitionKey)
    name = context.partition_key.keys_by_dimension[SHARD]
    with handed(Home(Path(home.home)), name) as own:
        worked = work_on(own, name, home.lang)
    return dg.MaterializeResult(
        metadata={
            "mails parsed": worked.parsed if worked else 0,
            "months settled again": dg.MetadataValue.json(worked.months if worked else ()),
            "machine": socket.gethostname(),
        }
    )


# -------------------------------------------------------------------------------------------------- which months, whose
@dg.asset(pool=POOL, group_name="rows", kinds={"duckdb"}, deps=[PARSED], code_version=code_version("assets/month"))
def indexed_mails(home: HomeResource) -> dg.MaterializeResult:
    """Every parsed mail beside the months that it may concern by the run's clock, and what mails make of others."""
    work = home.session.once(indexed_work)
    return dg.MaterializeResult(
        metadata={**table_metadata(work.warehouse, "core.mail_periods"), "as of": work.as_of.isoformat()}
    )


@dg.asset(pool=POOL, group_name="rows", kinds={"duckdb"}, deps=[indexed_mails], code_version=code_version(*CODE, "sql"))
def earlier_months(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """The months before, settled again where their mails, the register or the rules have changed: what carries over.

    Here it is decided, for all steps of the run, whether the month itself is to be settled again.
    """
    work = home.session.once(as_indexed)
    changed = unsettle_changed(work, context.partition_key)
    every = decide(work, context.partition_key)
    if every and context.run.job_name != ANSWERING:
        start_early()  # what validates what they come to (reports/data_docs/) has its libraries by then
    taken = take_months(work, home.session.home, every) if home.session.settings.shards.most_units else {}
    stale = [m for m in every if m < context.partition_key]
    for month in stale:
        settle_month(work, month)
        for key, table in TABLES.items():
            context.log_event(
                dg.AssetMaterialization(
                    key,
                    partition=month,
                    metadata=table_metadata(work.warehouse, table, month),
                    tags={DATA_VERSION: fingerprint_of(work, month)},
                )
            )
    return dg.MaterializeResult(
        metadata={
            "settled again": dg.MetadataValue.json(stale),
            "changed since they were settled": dg.MetadataValue.json(changed),
            **({"units taken over from shards": dg.MetadataValue.json(taken)} if taken else {}),
        }
    )


@dg.asset(
    pool=POOL,
    group_name="rows",
    kinds={"duckdb"},
    deps=[earlier_months],
    code_version=code_version(*CODE, "sql/settled"),
)
def submissions(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Whose each form is and which one stands: effective, returned or replaced."""
    work, period = home.session.once(as_indexed), context.partition_key
    if is_settling(work, period):
        book_month(work, period)
    return _result(work, period, "core.submissions")


# ------------------------------------------------------------------------------------------------------------- findings
@dg.asset(
    pool=POOL,
    group_name="findings",
    kinds={"greatexpectations"},
    deps=[submissions, *(sheet_key(sheet) for sheet in ROW_MARTS)],
    code_version=code_version(*CODE, "sql/checks"),
)
def form_findings(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """Mails, covers, scans and every row held against their rules; each failing cell with its place and message."""
    work, period = home.session.once(as_indexed), context.partition_key
    if is_settling(work, period):
        check_month_forms(work, period)
    return _result(work, period, "core.findings")


def _deps(name: str, found: dg.AssetKey) -> list[dg.AssetDep]:
    """What a mart rests on, by its SQL. `found` is the asset of findings that stand when its model runs.

    A model that reads its own table looks back at the month before.
    """
    deps = {
        asset_of(table, found): dg.AssetDep(
            asset_of(table, found), partition_mapping=LAST_MONTH if table == f"marts.{name}" else None
        )
        for table in sorted(references(f"marts/{name}"))
    }
    return list(deps.values())


def asset_of(table: str, found: dg.AssetKey) -> dg.AssetKey:
    """The asset whose step makes a table `schema.name`; `found` is that of the findings that stand by then."""
    schema, name = table.split(".")
    if schema == "marts":
        return mart_key(name)
    if schema == "staging":
        return sheet_key(name) if name in ROW_MARTS else PARSED
    return found if table in ("core.findings", "core.all_findings", "core.standing_units") else submissions.key


@dg.multi_asset(
    name="counted_rows",
    pool=POOL,
    specs=[
        dg.AssetSpec(
            mart_key(sheet),
            description=f"Rows of sheet {sheet} of effective submissions, and which of them count.",
            deps=[*_deps(sheet, form_findings.key), dg.AssetDep(form_findings)],
            group_name="marts",
            kinds={"duckdb"},
            code_version=code_version(*CODE, f"sql/marts/{sheet}.sql"),
        )
        for sheet in ROW_MARTS
    ],
)
def counted_rows(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult]:
    """The rows of effective submissions, and which of them count: those that no drop finding touches."""
    work, period = home.session.once(as_indexed), context.partition_key
    if is_settling(work, period):
        count_rows(work, period)
    for sheet in ROW_MARTS:
        yield _result(work, period, f"marts.{sheet}", mart_key(sheet))


@dg.asset(
    pool=POOL,
    group_name="findings",
    kinds={"greatexpectations"},
    deps=[form_findings, *(mart_key(sheet) for sheet in ROW_MARTS)],
    code_version=code_version(*CODE, "sql/carried"),
)
def findings(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult:
    """With the rules that look at other months, other units and at what is absent: all findings of the month."""
    work, period = home.session.once(as_indexed), context.partition_key
    if is_settling(work, period):
        check_month_across(work, period)
    return _result(work, period, "core.findings")


# ---------------------------------------------------------------------------------------------------------------- marts
@dg.multi_asset(
    name="marts",
    pool=POOL,
    specs=[
        *(
            dg.AssetSpec(
                mart_key(name),
                description=f"At the end of the month: {name.replace('_', ' ')}, as sql/marts/{name}.sql says.",
                deps=_deps(name, findings.key),
                group_name="marts",
                kinds={"duckdb"},
                code_version=code_version(*CODE, f"sql/marts/{name}.sql"),
            )
            for name in STANDING_MARTS
        ),
        dg.AssetSpec(
            mart_key("summaries"),
            description="The figures of every scope: what summary.json holds.",
            deps=[findings, *(mart_key(name) for name in (*ROW_MARTS, *STANDING_MARTS))],
            group_name="marts",
            kinds={"duckdb"},
            code_version=code_version(*CODE, "sql/report"),
        ),
    ],
)
def marts(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult]:
    """Problems and agreements at the end of the month, what became of each unit, scores, figures of every scope."""
    work, period = home.session.once(as_indexed), context.partition_key
    if is_settling(work, period):
        build_marts(work, period)
        mark_settled(work, period)
    for name in (*STANDING_MARTS, "summaries"):
        yield _result(work, period, f"marts.{name}", mart_key(name))


# The assets of a month that are a table, which is settled with it wherever that is done.
TABLES = {
    submissions.key: "core.submissions",
    findings.key: "core.findings",
    **{mart_key(name): f"marts.{name}" for name in (*ROW_MARTS, *STANDING_MARTS, "summaries")},
}
ASSETS = (earlier_months, submissions, form_findings, counted_rows, findings, marts)
OF_NO_MONTH = (indexed_mails,)
WITH_SHARDS = (shards,)  # of a home whose settings want any
ON_WORKERS = (worked_shards,)  # of one whose shards run elsewhere
