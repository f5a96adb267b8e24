"""`sixth init`: a home made, empty or with the sample in it.

Belongs here: the first files of an instance. Does not: what a home is (assets/instance/home.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from assets.instance.home import Home
from assets.instance.periods import Deadline, first_day

SAMPLE = Path(__file__).parent / "sample"
BLANK = Path(__file__).parent / "blank_register"
TO_FILL = {
    "units.csv": "the units that report and the offices above them, with their mailboxes",
    "networks.csv": "the carrier's own address blocks",
    "calendar.yaml": "the first month on record, months of major protection, cut-offs that differ",
}
"""The files of a new register, and what is to be filled in: an example stands in each, behind a #."""


def make_home(home: Home, *, sample: bool, now: datetime | None = None) -> bool:
    """Make a home, with a register to start from or, with `sample`, the sample's register and mails.

    The register's first month is the one whose window is open at `now` (aware; by default now). What is there already
    is left as it is; returns whether anything was made.
    """
    if home.register.exists():
        return False
    for folder in (home.inbox, home.archive, home.warehouse, home.published, home.outbox, home.dagster):
        folder.mkdir(parents=True, exist_ok=True)
    home.configure_dagster()
    building = home.root / ".register"
    shutil.rmtree(building, ignore_errors=True)
    if sample:
        shutil.copytree(SAMPLE / "inbox", home.inbox, dirs_exist_ok=True)
        shutil.copytree(SAMPLE / "register", building)
    else:
        shutil.copytree(BLANK, building)
        calendar = building / "calendar.yaml"
        calendar.write_text(_dated(calendar.read_text("utf-8"), now or datetime.now().astimezone()), "utf-8")
    home.mark()
    building.rename(home.register)
    return True


def _dated(calendar: str, now: datetime) -> str:
    """The blank calendar with the month whose window is open at `now`, and examples that lie in it."""
    deadline = Deadline()
    period = deadline.window_period(now)
    dates = {
        "OPEN_MONTH": period,
        "CUTOFF_DAY": f"{deadline.cutoff(period).date() + timedelta(days=3)}",
        "FIRST_DAY": f"{first_day(period)}",
    }
    for word, value in dates.items():
        calendar = calendar.replace(word, value)
    return calendar


def first_steps(home: Home) -> Iterator[str]:
    """What to do with a home that was just made, line by line."""
    yield "Fill in these files; an example stands in each, behind a #, and is not read:"
    for name, what in TO_FILL.items():
        yield f"  {home.register / name}  {what}"
    yield f"Then put mails (.eml) into {home.inbox}, or name a mailbox in {home.register / 'settings.yaml'},"
    yield f"and run: sixth run --home {home.root}"


def make_dagster_storage(home: Home) -> None:
    """Make Dagster's tables once: processes that start together on a home without them race in its migrations, and
    leave a storage that none can open.
    """
    from dagster import DagsterInstance  # noqa: PLC0415 - a second, and only a new home needs it

    with DagsterInstance.from_config(str(home.dagster)) as instance:
        instance.get_runs_count()
        instance.all_asset_keys()
