"""Runs of shards, for workers on other machines: what each was given is a run, by month and province.

Belongs here: the job, its partitions, and asking for its runs. Does not: what a run does (assets/month/assets.py),
where it runs (shard_launcher.py).
"""

from __future__ import annotations

import dagster as dg

from assets.instance.home import Home
from assets.instance.resource import SHARD_JOB
from assets.intake.shards import Given, given_shards, is_done
from assets.month.assets import GIVEN_TAG, SHARD, worked_shards
from reports.assets import drawn_shards
from reports.drawing import Drawing, waiting

LOOK_SECONDS = 5
SHARD_TAG = "sixth/shard"  # by which dagster.yaml lets one run at a time be at a shard
SHARDS = dg.DynamicPartitionsDefinition(name="shards")


def partitions_of(months: dg.PartitionsDefinition[str]) -> dg.MultiPartitionsDefinition:
    """A run of a shard is of one month, up to which it settles, and of one shard: a province, or a part of one."""
    return dg.MultiPartitionsDefinition({"month": months, SHARD: SHARDS})


def shard_job(max_runtime_seconds: int) -> dg.UnresolvedAssetJobDefinition:
    """The job of one shard."""
    return dg.define_asset_job(
        SHARD_JOB,
        selection=dg.AssetSelection.assets(worked_shards, drawn_shards),
        description="One shard: its mails parsed, booked, checked and counted, or a settled month drawn: reports and "
        "answers, for the head to take over.",
        tags={"dagster/max_runtime": str(max_runtime_seconds)},
    )


def shards_given(home: Home, job: dg.UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor that asks for a run of every shard which was given something that it has not done: mails, or a settled
    month to draw.
    """

    @dg.sensor(
        name="shards_given",
        job=job,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A run of every shard that was given something and has not done with it.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        left: list[tuple[Given | Drawing, dg.AssetKey]] = [
            *((one, worked_shards.key) for one in given_shards(home) if not is_done(home, one)),
            *((one, drawn_shards.key) for one in waiting(home)),
        ]
        if not left:
            return dg.SkipReason("every shard has done what it was given")
        requests = [
            dg.RunRequest(
                run_key=one.asked,
                partition_key=dg.MultiPartitionKey({"month": one.period, SHARD: one.name}),
                tags={SHARD_TAG: one.name, GIVEN_TAG: one.asked},
                asset_selection=[key],
            )
            for one, key in left
        ]
        names = sorted({one.name for one, _ in left})
        return dg.SensorResult(requests, dynamic_partitions_requests=[SHARDS.build_add_request(names)])

    return look
