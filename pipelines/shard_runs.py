"""Runs of shards, for workers on other machines: what each was given is a run, by month and province.

Belongs here: the job, its partitions, and asking for its runs. Does not: what a run does (assets/month/assets.py),
where it runs (shard_launcher.py).
"""

from __future__ import annotations

import dagster as dg

from assets.instance.home import Home
from assets.instance.resource import SHARD_JOB
from assets.intake.shards import given_shards, is_done
from assets.month.assets import GIVEN_TAG, ON_WORKERS, SHARD

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
        selection=dg.AssetSelection.assets(*(key for asset in ON_WORKERS for key in asset.keys)),
        description="The mails of one shard parsed, booked, checked and counted, for the head to take over.",
        tags={"dagster/max_runtime": str(max_runtime_seconds)},
    )


def shards_given(home: Home, job: dg.UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """The sensor that asks for a run of every shard which was given something that it has not done."""

    @dg.sensor(
        name="shards_given",
        job=job,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A run of every shard that was given mails and has not done with them.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        waiting = [one for one in given_shards(home) if not is_done(home, one)]
        if not waiting:
            return dg.SkipReason("every shard has done what it was given")
        requests = [
            dg.RunRequest(
                run_key=one.digest,
                partition_key=dg.MultiPartitionKey({"month": one.period, SHARD: one.name}),
                tags={SHARD_TAG: one.name, GIVEN_TAG: one.digest},
            )
            for one in waiting
        ]
        return dg.SensorResult(
            requests, dynamic_partitions_requests=[SHARDS.build_add_request([o.name for o in waiting])]
        )

    return look
