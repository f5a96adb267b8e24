"""The Celery application of workers that shards run on: `celery -A pipelines.celery_worker worker`.

The broker is the one of the environment, SIXTH_BROKER, which may hold a password and so stands in no file of the home.
A worker that sees nothing of the head's folder has SIXTH_STORE, the head's setting `store`, and takes from there before
each task what it needs to know of the home.

Belongs here: the application, and making its processes fit for work that has processes of its own. Does not: which runs
come here (shard_launcher.py).
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]
from typing import Any

from celery.signals import task_prerun, worker_process_init
from dagster_celery.config import DEFAULT_CONFIG
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from assets.instance.home import find_home
from assets.instance.workers import warm
from assets.month.handing import take_home
from pipelines.month_run import WORKER_MODULES

BROKER, STORE = "SIXTH_BROKER", "SIXTH_STORE"
QUEUE = "dagster"
SETTINGS: dict[str, Any] = {
    **DEFAULT_CONFIG,
    "broker_connection_retry_on_startup": True,
    "worker_disable_prefetch": True,  # a task that waits behind another would be lost with its worker for an hour
    "worker_max_tasks_per_child": 20,
}

app = make_app(
    {
        "broker": os.environ.get(BROKER, ""),
        "backend": os.environ.get(BROKER, ""),
        "config_source": dict(SETTINGS),
        "task_default_queue": QUEUE,
    }
)
execute_job = create_execute_job_task(app)
resume_job = create_resume_job_task(app)


@worker_process_init.connect
def have_processes(**_: object) -> None:
    """Let a process of the pool start processes: Celery marks it as a daemon, which may not, and its key is of a kind
    that cannot be handed on.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    config["daemon"] = False
    config["authkey"] = AuthenticationString(bytes(config["authkey"]))
    warm(WORKER_MODULES)  # once for all runs of this process


@task_prerun.connect
def know_the_home(**_: object) -> None:
    """Bring what is known of the home up to date, from the store, where this worker has it from there."""
    if os.environ.get(STORE):
        take_home(find_home(None), os.environ[STORE])
