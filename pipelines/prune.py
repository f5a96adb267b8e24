"""`sixth prune`: what can be made anew of closed months, found and taken away.

commands.md. Belongs here: which files and which of Dagster's runs these are. Does not: mails, versions and the ledger,
which nothing here touches.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from assets.instance.closed_months import closed_months
from assets.instance.home import Home
from assets.instance.resource import PARTITION
from assets.instance.warehouse import open_warehouse
from reports.feedback.folders import DIGEST, PAGE
from reports.publishing.versions import INTERIM, versions

ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True)
class Removable:
    """Something of a month that can be made anew: a folder, a marked workbook, or a run of Dagster's by its id."""

    period: str
    kind: str
    size: int
    path: Path | None = None
    run_id: str = ""


def removable(home: Home, before: str) -> list[Removable]:
    """What can go of the closed months before a month, the oldest first. Raises HomeError."""
    home.check()
    months = [month for month in closed_months(home) if month < before]
    found = [item for month in months for item in _files(home, month)]
    if (home.dagster / "dagster.yaml").is_file():
        with DagsterInstance.from_config(str(home.dagster)) as instance:
            for month in months:
                filters = RunsFilter(statuses=ENDED, tags={PARTITION: month})
                found += [
                    Removable(month, "run of Dagster", 0, run_id=run.run_id) for run in instance.get_runs(filters)
                ]
    return sorted(found, key=lambda item: item.period)


def _files(home: Home, month: str) -> Iterator[Removable]:
    for scope in sorted((home.published / month).glob("*/")):
        interim = scope / INTERIM
        if interim.is_dir() and versions(scope):
            size = sum(path.stat().st_size for path in interim.rglob("*") if path.is_file())
            yield Removable(month, "interim folder", size, interim)
    for path in sorted((home.published / month / "feedback").glob("[!.]*/*")):
        if path.name not in (PAGE, DIGEST):
            yield Removable(month, "marked workbook", path.stat().st_size, path)


def remove(home: Home, items: list[Removable]) -> None:
    """Take away what `removable` found. No run goes on meanwhile: raises WarehouseBusy where one does.

    A unit's folder that has lost its workbooks is made anew when its month is settled again: its digest no longer
    stands. Killed on the way, it is run again.
    """
    with open_warehouse(home.warehouse):
        for item in items:
            if item.kind == "marked workbook" and item.path:
                (item.path.parent / DIGEST).write_text("pruned", encoding="utf-8")
                item.path.unlink(missing_ok=True)
            elif item.path:
                shutil.rmtree(item.path, ignore_errors=True)
        with DagsterInstance.from_config(str(home.dagster)) as instance:
            for item in items:
                if item.run_id and instance.has_run(item.run_id):
                    instance.delete_run(item.run_id)
