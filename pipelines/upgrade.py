"""`sixth upgrade`: a home of the release before brought to what this software works with, and what changes saved first.

Belongs here: which parts are saved, in which order they are brought up to date, and that two processes do not do it at
once. Does not: what a home's version is (assets/instance/home.py), the ledger's migrations (assets/ledger/migrations),
the warehouse, which the next run settles anew by itself (assets/month/settle.py).

The home is marked last: killed on the way, it is done again, and what was saved first stays as it was saved.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets.instance.home import SCHEMA, Home
from assets.instance.settings import load_settings
from assets.ledger.opening import FILE as LEDGER
from assets.ledger.opening import is_outdated, open_ledger
from pipelines.backup import copy_sqlite

SAVED = "before_upgrade"
PLAIN = ("warehouse/closed_months.json", "warehouse/last_run.json", "dagster/dagster.yaml", "home.json")
DATABASES = (
    f"warehouse/{LEDGER}",
    "warehouse/sightings.sqlite",
    "dagster/history/runs.db",
    "dagster/history/runs/index.db",
    "dagster/schedules/schedules.db",
)
LOCK = ".upgrade.lock"


class UpgradeRefused(Exception):
    """The home cannot be brought up to date yet; the message says what to do before."""

    exit_status = 2


def upgrade(home: Home, *, ledger_saved: bool = False) -> Path | None:
    """Bring a home of an earlier release up to date; where what was changed is saved, None where nothing was to do.

    `ledger_saved`: a ledger in PostgreSQL, which cannot be saved from here, has been. Raises UpgradeRefused, HomeError,
    LedgerError, SettingsError.
    """
    home.check()
    if home.schema == SCHEMA:
        return None
    with _alone(home):
        before = home.schema
        if before == SCHEMA:  # another process was quicker
            return None
        ledger_url = load_settings(home.register / "settings.yaml").ledger_url
        if ledger_url and not ledger_saved and is_outdated(home.warehouse, ledger_url):
            raise UpgradeRefused(
                "the ledger is in PostgreSQL and will be migrated: save it with pg_dump, then "
                f"`sixth upgrade --ledger-saved --home {home.root}`"
            )
        saved = _save(home, home.root / SAVED / f"schema-{before}")
        with open_ledger(home.warehouse, ledger_url):
            pass
        home.dagster.mkdir(exist_ok=True)
        home.configure_dagster()
        migrate_dagster(home)
        home.mark()
    return saved


def migrate_dagster(home: Home) -> None:
    """Bring Dagster's storage to the version of the Dagster that is installed; made where there is none."""
    from dagster import DagsterInstance  # noqa: PLC0415 - a second

    with DagsterInstance.from_config(str(home.dagster)) as instance:
        instance.upgrade(print_fn=lambda _: None)


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold off other processes that would upgrade the home, too; the lock is free when this process ends."""
    with (home.root / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _save(home: Home, target: Path) -> Path:
    """Copy what an upgrade changes under its place in the home, whole or not at all; what is saved already stays."""
    if target.exists():
        return target
    building = target.with_name(f".{target.name}")
    shutil.rmtree(building, ignore_errors=True)
    for name in (*PLAIN, *DATABASES):
        file, copy = home.root / name, building / name
        if not file.is_file():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if name in DATABASES:
            copy_sqlite(file, copy)
        else:
            shutil.copy2(file, copy)
    building.mkdir(parents=True, exist_ok=True)
    building.rename(target)
    return target
