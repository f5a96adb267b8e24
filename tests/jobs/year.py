"""A home that goes through a year by Dagster's own scheduler and sensors, in this process, under a clock that we set.

Belongs here: the home, its mails, the host that is up or down. Does not: what happens in the year, and asserting
(test_year.py). What is drawn and validated for people is stood in for, as it has tests of its own: the four forms of a
report, and Data Docs. All else is as it runs: collecting, parsing, settling, publishing, answering, mailing.
"""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import (
    InProcessTestWorkspaceLoadTarget,
    create_test_daemon_workspace_context,
    freeze_time,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from assets.instance import clock
from assets.instance.home import Home
from expectations.catalogue import load_catalogue
from pipelines.event_log import PRINTED_ALONE
from tests import bench
from tests.jobs.undrawn import stand_in
from tests.scans.made_scans import SEALED, made_scan

ZONE = ZoneInfo("Asia/Shanghai")
CARRIER = "YR"
A, B, C, D = (f"YR-01-001-{n:05d}" for n in range(1, 5))
NAMES = {A: "甲单位", B: "乙单位", C: "丙单位", D: "丁单位"}
REGISTER = f"""unit_code,unit_name,parent_code,level,kind,services,mailboxes,active_from,active_to
YR,年集团,,carrier,,,,2025-01,
YR-01,一省公司,YR,province,,,,2025-01,
YR-02,二省公司,YR,province,,,,2025-01,
YR-01-001,一市分公司,YR-01,city,,,office@oa.example,2025-01,
YR-02-001,二市分公司,YR-02,city,,,,2025-01,
{A},{NAMES[A]},YR-01-001,unit,county,access;im,u1@oa.example,2025-01,2025-06
{A},{NAMES[A]},YR-02-001,unit,county,access;im,u1@oa.example,2025-07,
{B},{NAMES[B]},YR-01-001,unit,county,access;im,u2@oa.example,2025-01,
{C},{NAMES[C]},YR-02-001,unit,county,access;im,u3@oa.example,2025-03,
{D},{NAMES[D]},YR-02-001,unit,county,access;im,u4@oa.example,2025-01,2025-05
"""
OPERATOR = "ops@oa.example"


def moment(text: str) -> datetime:
    """A local moment, as 2025-02-06T00:03."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def make_home(root: Path) -> Home:
    """A home of four units: C opens in March, D closes after May, A moves to the other province in July."""
    home = Home(root)
    home.register.mkdir(parents=True)
    home.inbox.mkdir()
    (home.register / "units.csv").write_text(REGISTER, encoding="utf-8")
    (home.register / "networks.csv").write_text("cidr,name\n100.0.0.0/8,出口\n101.0.0.0/8,出口\n", encoding="utf-8")
    (home.register / "calendar.yaml").write_text(
        "first_period: 2025-01\ncutoffs: {2025-09: 2025-10-09T18:00:00}\n", encoding="utf-8"
    )
    set_up(home)
    home.prepare()
    return home


def set_up(home: Home, **sections: Any) -> None:
    """Write settings.yaml: the year's own, and these."""
    settings = {"settle_seconds": 0, "watch_minutes": 0, "operators": {"mailboxes": [OPERATOR], "least_free_gib": 0.0}}
    notices = {"sender": "report@oa.example"}
    (home.register / "settings.yaml").write_text(
        yaml.safe_dump({**settings, "notices": notices, **sections}), encoding="utf-8"
    )


@cache
def _scan(number: int) -> bytes:
    return made_scan(SEALED[0], number)


def mail(unit: str, period: str, at: datetime, sender: str = "") -> bytes:
    """A complete return of a unit, received at a moment; from its own mailbox, or another `sender`."""
    number, month, catalogue = int(unit[-5:]), bench.Month(period), load_catalogue()
    message = EmailMessage()
    message["From"] = sender or f"u{number}@oa.example"
    message["To"], message["Subject"] = "report@oa.example", f"网络安全月报 {NAMES[unit]} {period}"
    message["Date"] = format_datetime(at)
    message["Received"] = f"from mx by oa.example; {message['Date']}"
    message["Message-ID"] = f"<{period}-{number}@oa.example>"
    message.set_content("请查收。")
    rng = random.Random(f"{unit} {period}")
    parts = {
        "附件2.xlsx": bench.annex2(unit, NAMES[unit], month, catalogue, rng),
        "附件3.xlsx": bench.annex3(unit, NAMES[unit], "county", month, catalogue, rng),
        "扫描件.jpg": _scan(100 * number + month.number),
    }
    for name, content in parts.items():
        message.add_attachment(content, "application", "octet-stream", filename=name)
    return message.as_bytes(policy=SMTP)


class Host:
    """The machine with Dagster on it: it looks when it is up. Down, nothing looks, and its memory is lost."""

    def __init__(self, home: Home, opened: ExitStack, patch: pytest.MonkeyPatch) -> None:
        self.home, self.patch = home, patch
        patch.setenv("SIXTH_HOME", str(home.root))
        patch.setattr(bench, "ASSETS", 2)
        patch.setattr(bench, "APPS", 1)
        patch.setattr(bench, "PROBLEMS", 2)
        stand_in(patch)
        self.instance = opened.enter_context(
            dg.instance_for_test(
                overrides={
                    "event_log_storage": {
                        "module": "pipelines.event_log",
                        "class": "KeptOpen",
                        "config": {"base_dir": str(home.dagster / "events")},
                    },
                    "compute_logs": PRINTED_ALONE,
                    "run_coordinator": {
                        "module": "dagster._core.run_coordinator",
                        "class": "DefaultRunCoordinator",
                    },
                    "run_launcher": {
                        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
                        "class": "SyncInMemoryRunLauncher",
                    },
                }
            )
        )
        target = LoadableTargetOrigin(
            executable_path=sys.executable, module_name="tests.jobs.night_definitions", attribute="defs"
        )
        origin = InProcessCodeLocationOrigin(target, location_name="pipelines.definitions")
        self.workspace = opened.enter_context(
            create_test_daemon_workspace_context(InProcessTestWorkspaceLoadTarget(origin), self.instance)
        )
        self.logger = logging.getLogger("daemon of the year")
        self.iterations: dict[str, Any] = {}
        self.inbox: list[tuple[datetime, str, bytes]] = []

    def post(self, at: datetime, raw: bytes) -> None:
        """A mail that will have come into the drop folder at a moment."""
        self.inbox.append((at, f"{len(self.inbox)}.eml", raw))

    def look(self, at: datetime) -> None:
        """One turn of the scheduler, with what it missed before, and one of the sensors."""
        for came, name, raw in self.inbox:
            file = self.home.inbox / name
            if came <= at and not file.exists():
                file.write_bytes(raw)
                os.utime(file, (came.timestamp(), came.timestamp()))
        self.patch.setattr(clock, "now", lambda: at)
        with freeze_time(at):
            list(launch_scheduled_runs(self.workspace, self.logger, at, self.iterations))
            list(execute_sensor_iteration(self.workspace, self.logger, None, None))

    def go_down(self) -> None:
        """The power is cut: the daemon forgets what it had in memory."""
        self.iterations = {}

    def runs(self) -> list[dg.DagsterRun]:
        """All runs of months, the oldest first."""
        records = self.instance.get_run_records(dg.RunsFilter(job_name="month"), ascending=True)
        return [record.dagster_run for record in records]


@contextmanager
def host(home: Home, patch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A host with a home on it."""
    sys.modules.pop("tests.jobs.night_definitions", None)
    with ExitStack() as opened:
        yield Host(home, opened, patch)
