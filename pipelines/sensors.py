"""What starts a run by itself beside the nightly schedule: Dagster sensors that ask plain functions.

Belongs here: thin sensors. Does not: which runs are due (due_runs.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import PARTITION_NAME_TAG, PRIORITY_TAG

from assets.instance import clock
from assets.instance.clock import AS_OF
from assets.instance.home import Home
from assets.instance.periods import parse_time
from assets.instance.register import RegisterError
from assets.instance.settings import SettingsError
from pipelines.due_runs import DueRun, asked, due_deadline_reports, due_own_cutoffs, is_clock_behind

LOOK_SECONDS = 60
FIRST = "10"  # before others that wait in the queue
ACTIVE = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def is_active(instance: dg.DagsterInstance, job: str, period: str) -> bool:
    """Whether a run of the period waits or works."""
    wanted = dg.RunsFilter(job_name=job, statuses=list(ACTIVE), tags={PARTITION_NAME_TAG: period})
    return bool(instance.get_run_records(wanted, limit=1))


def last_look(instance: dg.DagsterInstance, job: str, period: str) -> datetime | None:
    """The clock of the last run of the period that succeeded."""
    wanted = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], tags={PARTITION_NAME_TAG: period})
    for record in instance.get_run_records(wanted, limit=1):
        if moment := record.dagster_run.tags.get(AS_OF):
            return parse_time(moment)
    return None


def deadline_sensor(home: Home, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Asks whether the deadline reports are there, and whether units' own cut-offs were looked at."""

    @dg.sensor(job=job, minimum_interval_seconds=LOOK_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
    def deadline_reports(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """A run for every period that has no deadline report after its cut-off; at most once an hour each."""
        now = clock.now()
        try:
            of = asked(home)
        except (RegisterError, SettingsError) as error:
            yield dg.SkipReason(str(error))
            return
        if is_clock_behind(home, now):
            yield dg.SkipReason("the machine's clock stands before that of the last run")
            return
        due: list[DueRun] = [
            *due_deadline_reports(of, now),
            *due_own_cutoffs(of, now, lambda period: last_look(context.instance, job.name, period)),
        ]
        for run in due:
            if not is_active(context.instance, job.name, run.period):
                yield dg.RunRequest(run_key=run.key, partition_key=run.period, tags={PRIORITY_TAG: FIRST})
        if not due:
            yield dg.SkipReason("every deadline report is there")

    return deadline_reports
