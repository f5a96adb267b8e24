"""What all tests have in common: no property is judged by its time, which is the machine's; ledgers of both kinds.

A property that says nothing else is tried on 50 cases, so that all tests end in CI's time; SIXTH_EXAMPLES tries more.
"""

import gc
import os
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, settings

from assets.instance.workers import RARELY
from tests.postgresql import ledger, ledger_url, postgresql_url

__all__ = ("ledger", "ledger_url", "postgresql_url")

settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("SIXTH_EXAMPLES", "50")),
)
settings.load_profile("untimed")

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of whole runs first: the many short files then fill both processes to the end, whatever each took."""
    items.sort(key=lambda item: JOBS not in item.path.parents)


def pytest_collection_finish() -> None:
    """Look for garbage seldom, as the workers of a run do, and never among what was imported: a quarter of the time of
    a workbook that openpyxl reads and writes, a tenth of a run's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)
