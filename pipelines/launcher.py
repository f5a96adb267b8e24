"""A run launcher for one machine that notices a run whose worker is gone.

Belongs here: asking whether a run's worker is still there (run monitoring, dagster.yaml). Does not: what happens then,
which Dagster does: the run has failed, its slot of the pool is free, and it is tried again (run_retries).

After a power cut the stock launcher says STARTED for as long as nobody ends the run by hand: it cannot tell, and no
other run begins. A `sixth run` has no launcher; it says on itself which process it is.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

PROCESS = "sixth/process"
ANSWER_SECONDS = 10
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> str:
    """What names this process on this machine, until the machine starts again: host, boot, id, start."""
    return _process(os.getpid())


def is_alive(process: str) -> bool:
    """Whether a process so named is still there; of another machine nothing can be said, so it is."""
    host, _, pid, _ = process.split("|")
    return host != socket.gethostname() or _process(int(pid)) == process


def _process(pid: int) -> str:
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
        # proc(5): the name, in brackets, may hold anything; starttime is the 20th field after it.
        started = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        boot = started = ""
    return f"{socket.gethostname()}|{boot}|{pid}|{started}"


class CheckedRunLauncher(DefaultRunLauncher):
    """DefaultRunLauncher whose code server is asked whether it still has the worker of a run."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Tells run monitoring to ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the worker is there or nobody can tell, NOT_FOUND once it is known to be gone."""
        if PROCESS in run.tags and not is_alive(run.tags[PROCESS]):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process of the run has ended without saying so")
        if GRPC_INFO_TAG not in run.tags:  # run by a command, not launched
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=ANSWER_SECONDS)
            has_worker = deserialize_value(answer, CanCancelExecutionResult).can_cancel
        except Exception:  # the code server is down, or starting: whoever is asked next time will know
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if has_worker:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the code server, started again, does not know it")
