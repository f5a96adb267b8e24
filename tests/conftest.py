"""What all tests have in common: no property is judged by its time, which is the machine's; ledgers of both kinds;
their files in memory where there is room.

A property that says nothing else is tried on 20 cases, other ones in every run; SIXTH_EXAMPLES tries more, in CI 50.
"""

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, settings

from assets.instance.workers import RARELY
from tests.outside import pytest_runtest_makereport, pytest_runtest_protocol
from tests.postgresql import ledger, ledger_url, postgresql_url

__all__ = ("ledger", "ledger_url", "postgresql_url", "pytest_runtest_makereport", "pytest_runtest_protocol")

settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("SIXTH_EXAMPLES", "20")),
)
settings.load_profile("untimed")

# Garbage is looked for seldom, as by the workers of a run, while tests are read too: little of what is imported is any.
gc.set_threshold(*RARELY)

_scripts: dict[str | None, ScriptDirectory] = {}
_scripts_of = ScriptDirectory.from_config


def _read_once(config: Config) -> ScriptDirectory:
    """The migrations of a database, which Dagster reads and runs through again for each file that it opens: half a
    second of each test's run.
    """
    place = config.get_main_option("script_location")
    if place not in _scripts:
        _scripts[place] = _scripts_of(config)
    return _scripts[place]


ScriptDirectory.from_config = _read_once  # type: ignore[method-assign,assignment]

JOBS = Path(__file__).parent / "jobs"
MEMORY = Path("/dev/shm")
ROOM_GIB = 8  # what tests leave there until they have ended, and the 5 below which operators are told of a full disk


def pytest_configure(config: pytest.Config) -> None:
    """Let files of tests lie in memory, unless TMPDIR says otherwise: a tenth of the time of a run is waiting for a disk.

    A container often has 64 MB there, or a place from which no library may be loaded; then they lie where they did.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines())
    available = int(told["MemAvailable"].split()[0]) << 10
    is_roomy = min(available, shutil.disk_usage(MEMORY).free) >= ROOM_GIB << 30
    if is_roomy and os.access(MEMORY, os.W_OK) and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: a third of the time of each it waits for a server, a worker or a home that
    another makes.
    """
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of whole runs first, then those with slow tests: the many short files then fill both processes to the end,
    whatever each took.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("outside")}
    items.sort(key=lambda item: (JOBS not in item.path.parents, item.path not in slow))


def pytest_collection_finish() -> None:
    """Look for garbage never among what was imported: with the threshold above a quarter of the time of a workbook that
    openpyxl reads and writes, a tenth of a run's.
    """
    gc.collect()
    gc.freeze()
