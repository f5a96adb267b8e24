"""The Dagster definitions: assets, checks, the nightly schedule, sensors. `build_defs` makes them, with overrides."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg

import reports.assets as outgoing
from assets.instance import clock
from assets.instance.home import Home, find_home
from assets.instance.logs import are_json, dagster_logger
from assets.instance.periods import preceding
from assets.instance.register import RegisterError, load_register
from assets.instance.resource import ANSWERING, JOB, HomeResource
from assets.instance.settings import Settings, SettingsError, load_settings
from assets.intake import assets as intake
from assets.month import assets as month
from assets.month.checks import CHECKS, figures_reconcile
from pipelines import quiet_runs, stored
from pipelines.partitions import monthly
from pipelines.sensors import deadline_check, sensors_of
from pipelines.shard_runs import partitions_of, shard_job, shards_given

log = logging.getLogger("sixth.night")

OF_NO_MONTH = (*intake.ASSETS, *month.OF_NO_MONTH, *outgoing.OF_NO_MONTH)
ASSETS = (*month.ASSETS, *outgoing.ASSETS)
ANSWERING_ASSETS = (*intake.ASSETS, *month.OF_NO_MONTH, *month.ASSETS, *outgoing.ANSWERS)
NIGHTLY = "0 2 * * *"
AT_SIX = "0 6 * * *"
MAX_RUNTIME_SECONDS = 6 * 3600
WITHOUT_REGISTER = "2026-01"


def _told_of(home: Home) -> tuple[str, Settings]:
    """First period and settings of a home; defaults where it has none yet, so that the web pages open all the same."""
    try:
        settings = load_settings(home.register / "settings.yaml")
        return load_register(home.register).first_period, settings
    except (RegisterError, SettingsError):
        return WITHOUT_REGISTER, Settings()


def _is_quiet(home: Home, period: str) -> bool:
    """Whether the night of a period finds nothing to be done, which is noted then. What is wrong, a run is to say."""
    usual = HomeResource(home=str(home.root))
    try:
        settings = load_settings(home.register / "settings.yaml")
        deadline = settings.deadline(load_register(home.register))
        quiet = quiet_runs.in_place_of_run(
            home, settings, deadline, period, clock.now(), usual.lang, earlier=usual.earlier
        )
    except Exception as error:
        log.info("the night is looked at by a run: %s", error)
        return False
    return quiet is not None


def build_defs(
    home: Home,
    *,
    as_of: datetime | None = None,
    resources: dict[str, Any] | None = None,
    assets: Sequence[dg.AssetsDefinition] = ASSETS,
    executor: dg.ExecutorDefinition = dg.in_process_executor,
) -> dg.Definitions:
    """Definitions for one home. `as_of`: the months over by then exist as partitions; `resources` override.

    `executor`: by default a run works in one process, with the home opened once; one with a process a step works too.
    """
    first_period, settings = _told_of(home)
    timezone, shards = settings.cutoff.timezone, settings.shards
    partitions = monthly(first_period, timezone, as_of)
    of_no_month: Sequence[dg.AssetsDefinition] = OF_NO_MONTH
    if shards.most_units:
        assets = (*month.WITH_SHARDS, *assets)
        after = intake.parsed_after(*(key for asset in month.WITH_SHARDS for key in asset.keys))
        of_no_month = [after if asset is intake.parsed_mails else asset for asset in of_no_month]
    if settings.store:
        of_no_month = [*of_no_month, stored.stored_copy]
    elsewhere = (*month.ON_WORKERS, *outgoing.ON_WORKERS) if shards.most_units and shards.workers else ()
    by_shard = partitions_of(partitions)
    partitioned = [
        *dg.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=partitions), assets),
        *dg.map_asset_specs(lambda spec: spec.replace_attributes(partitions_def=by_shard), elsewhere),
    ]
    is_out = deadline_check(home)
    in_json = are_json(home)
    job = dg.define_asset_job(
        JOB,
        config={"loggers": {"console": {}}} if in_json else None,
        selection=dg.AssetSelection.all()
        - dg.AssetSelection.checks(is_out)
        - dg.AssetSelection.assets(*(key for asset in elsewhere for key in asset.keys)),
        description="Mails to the published report of one period.",
        tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
    )

    answer = dg.define_asset_job(
        ANSWERING,
        selection=dg.AssetSelection.assets(*(key for asset in ANSWERING_ASSETS for key in asset.keys))
        - dg.AssetSelection.checks(*(check for check in CHECKS if check is not figures_reconcile)),
        description="Mails to the answers of the units that sent them; reports are left to the night.",
        tags={"dagster/max_runtime": str(MAX_RUNTIME_SECONDS)},
    )

    @dg.schedule(
        job=job,
        cron_schedule=NIGHTLY,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Every night, the period whose window is open; where there is nothing to be done, that is noted for the run.

        Its clock is that of the moment at which it begins, not of the tick: it may have waited for another run, or for
        a host that was down, and what came meanwhile counts.
        """
        moment = context.scheduled_execution_time
        period = preceding(f"{moment:%Y-%m}")
        if _is_quiet(home, period):
            return dg.SkipReason(f"{period}: {quiet_runs.FOUND_NOTHING}")
        return dg.RunRequest(run_key=f"{moment:%Y-%m-%d}:{period}", partition_key=period)

    look = dg.define_asset_job(
        "is_the_report_out",
        selection=dg.AssetSelection.checks(is_out),
        description="Whether the deadline reports are out; red where one is not.",
    )
    at_six = dg.ScheduleDefinition(
        name="at_six",
        job=look,
        cron_schedule=AT_SIX,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )

    of_shards = [shard_job(MAX_RUNTIME_SECONDS)] if elsewhere else []
    return dg.Definitions(
        assets=[*of_no_month, *partitioned],
        asset_checks=[*CHECKS, is_out],
        jobs=[job, answer, look, *of_shards],
        schedules=[nightly, at_six],
        sensors=[*sensors_of(home, job, answer), *(shards_given(home, one) for one in of_shards)],
        resources={"home": HomeResource(home=str(home.root)), **(resources or {})},
        executor=executor,
        loggers={"console": dagster_logger()} if in_json else None,
    )


defs = build_defs(find_home(None))
