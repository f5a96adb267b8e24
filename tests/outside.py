"""Programs of the outside that tests need: browsers, office suites, servers.

A test that needs one is marked `outside` and runs by `make test-outside`. On a machine without the program it is
skipped; where SIXTH_NO_SKIPS is set, as `.ci/run` does, it fails, so that all that CI is believed to run does run.

Belongs here: finding programs, and holding that marks and skips are told the truth. Does not: starting them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ALLOWED = ("outside", "long")
# Where Debian keeps programs that are on no user's path: the newest of several versions first.
OFF_THE_PATH = (
    str(Path(sys.executable).parent),  # what came as a package
    "/usr/sbin",
    *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name.zfill(9), reverse=True)),
)
_running: list[pytest.Item] = []


def program(*names: str, install: str) -> str:
    """The path of the first of these programs that is here. `install`: what to install where none is.

    Raises pytest's Skipped where there is none, and its Failed in a test that is not marked `outside`, which would
    fail on a machine with Python alone.
    """
    if _running and not _is_allowed(_running[-1]):
        pytest.fail(f"mark {_running[-1].nodeid} `outside`: it needs {names[0]}")
    path = os.pathsep.join([os.environ.get("PATH", ""), *OFF_THE_PATH])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    pytest.skip(f"there is no {names[0]}: install {install}")


@contextmanager
def chromium() -> Iterator[Any]:
    """The system's Chromium, driven by Playwright."""
    path = program("chromium", "chromium-browser", "google-chrome", install="chromium")
    from playwright.sync_api import sync_playwright  # a fifth of a second in every process

    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path, args=["--no-sandbox"], env=dict(os.environ))
        yield browser
        browser.close()


def _is_allowed(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ALLOWED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Which test runs now."""
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.pop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A test that was skipped has failed where it is not marked `outside`, and everywhere by SIXTH_NO_SKIPS."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if not _is_allowed(item):
            report.outcome, report.longrepr = "failed", f"a test that is skipped is to be marked `outside`. {reason}"
        elif os.environ.get("SIXTH_NO_SKIPS"):
            report.outcome, report.longrepr = "failed", f"nothing may be skipped here. {reason}"
    return report
