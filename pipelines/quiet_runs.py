"""Runs that found nothing to be done, as runs of Dagster: its pages and sensors know of them as of any other.

Such a run loads no Dagster (reports/nothing_new.py). It is noted in a file of its own; whoever has Dagster loaded next,
a run or the daemon, takes the notes up, each as a run that succeeded, in one event.

Belongs here: taking the clock for such a run, noting it, and taking notes up. Does not: knowing that there is nothing
to be done.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from assets.instance.clock import AS_OF, now, take_clock
from assets.instance.durable import write_durably
from assets.instance.home import Home
from assets.instance.periods import Deadline
from assets.instance.settings import Settings, SettingsError, load_settings
from reports.nothing_new import Quiet, nothing_new

if TYPE_CHECKING:
    import dagster as dg

FOUND_NOTHING = "nothing new: the month stands as the run before left it"


def in_place_of_run(
    home: Home, settings: Settings, deadline: Deadline, period: str, as_of: datetime, lang: str, *, earlier: bool
) -> Quiet | None:
    """Take the clock and note a run of a month in which there is nothing to be done; None where one is to look.

    `deadline` is that of today's settings and register. Raises HomeError, ClockBehind.
    """
    quiet = nothing_new(home, settings, deadline, period, as_of, lang, earlier=earlier)
    if quiet is None:
        return None
    home.prepare()
    take_clock(home, as_of, period)
    note(home, period, as_of)
    return quiet


def note(home: Home, period: str, as_of: datetime) -> None:
    """Note, durably, that a run of a period found nothing to be done."""
    run_id = str(uuid4())
    told = {"run_id": run_id, "period": period, "as_of": as_of.isoformat(), "at": now().timestamp()}
    home.quiet_runs.mkdir(exist_ok=True)
    write_durably(home.quiet_runs / f"{run_id}.json", json.dumps(told) + "\n")


def take_up(home: Home, instance: dg.DagsterInstance) -> int:
    """Let Dagster know of the runs that were noted, in their order; how many it did not know of."""
    notes = [(file, json.loads(file.read_text(encoding="utf-8"))) for file in home.quiet_runs.glob("*.json")]
    new = 0
    for file, told in sorted(notes, key=lambda note: note[1]["at"]):
        new += _record(instance, told)
        file.unlink(missing_ok=True)
    if new:
        _tell_prometheus(home, max(float(told["at"]) for _, told in notes))
    return new


def _tell_prometheus(home: Home, at: float) -> None:
    """The figures as after a whole run, by the moment of the last; not while settings cannot be read, as runs tell."""
    from assets.ledger.opening import open_reader  # noqa: PLC0415 - with what Dagster brings
    from reports.portal.metrics import seconds_of_the_last_run, write_metrics  # noqa: PLC0415

    with suppress(SettingsError):
        url = load_settings(home.register / "settings.yaml").ledger_url
        with open_reader(home.warehouse, url) as ledger:
            moment = datetime.fromtimestamp(at).astimezone()
            write_metrics(home, ledger, moment, seconds_of_the_last_run(home))


def _record(instance: dg.DagsterInstance, told: dict[str, str | float]) -> bool:
    from dagster import DagsterEvent, DagsterRun, DagsterRunStatus  # noqa: PLC0415

    from assets.instance.resource import JOB, PARTITION  # noqa: PLC0415

    run_id, at = str(told["run_id"]), float(told["at"])
    run = instance.get_run_by_id(run_id)
    if run is not None and run.is_finished:
        return False
    if run is None:
        tags = {PARTITION: str(told["period"]), AS_OF: str(told["as_of"])}
        instance.add_run(DagsterRun(JOB, run_id, status=DagsterRunStatus.STARTED, tags=tags))
    ended = DagsterEvent("PIPELINE_SUCCESS", JOB, message=FOUND_NOTHING)
    instance.report_dagster_event(ended, run_id, timestamp=at)
    return True
