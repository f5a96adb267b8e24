"""A run launcher for several machines: runs of shards are tasks of Celery's workers, all others run beside the daemon.

Belongs here: launching, ending and looking after both; dagster.yaml names this launcher where the setting
`shards.workers` is more than 0. Does not: the workers (celery_worker.py); trying runs again, which Dagster does.

Of a task whose worker is gone Celery's result backend says STARTED for ever; the workers are asked which tasks they are
at. They answer while they work, as it is their processes that work (pool prefork).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import DagsterInstance, DagsterRun, Field, StringSource
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from assets.instance.resource import SHARD_JOB
from pipelines.celery_worker import QUEUE, SETTINGS
from pipelines.launcher import CheckedRunLauncher

ANSWER_SECONDS = 3.0


class ShardRunLauncher(CheckedRunLauncher):
    """Runs of the job of shards on Celery's workers, through one broker; all others as CheckedRunLauncher does."""

    def __init__(self, broker: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._on_workers = CeleryRunLauncher(QUEUE, broker=broker, backend=broker, config_source=dict(SETTINGS))
        super().__init__(inst_data=inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        """The URL of the broker, which keeps the results as well."""
        return {"broker": Field(StringSource)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> ShardRunLauncher:
        """As Dagster makes it of dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    def register_instance(self, instance: DagsterInstance) -> None:
        """Let both launchers know the instance."""
        super().register_instance(instance)
        self._on_workers.register_instance(instance)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to a worker, or to the code server."""
        if context.dagster_run.job_name == SHARD_JOB:
            self._on_workers.launch_run(context)
        else:
            super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """End a run."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None and DAGSTER_CELERY_TASK_ID_TAG in run.tags:
            return self._on_workers.terminate(run_id)
        return super().terminate(run_id)

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """NOT_FOUND where workers answer and none of them is at the run's task, which has not ended either; RUNNING
        where nobody can tell: a broker that was started again knows of no task.
        """
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return super().check_run_worker_health(run)
        active = self._on_workers.celery.control.inspect(timeout=ANSWER_SECONDS).active()
        known = self._on_workers.check_run_worker_health(run)  # after the workers were asked: it may just have ended
        if known.status in (WorkerStatus.SUCCESS, WorkerStatus.FAILED):
            return known
        task = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        if active is None or any(one["id"] == task for tasks in active.values() for one in tasks):
            return CheckRunHealthResult(WorkerStatus.RUNNING)  # without any answer it ends by dagster/max_runtime
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "no worker is at it: its worker is gone")
