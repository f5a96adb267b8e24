"""A portal on the sample as a run leaves it: its snapshots, made once for all tests of a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.instance.home import Home
from pipelines.portal_desk import PortalDecider
from reports.portal.shared import Portal
from reports.portal.snapshot import write_snapshots
from tests.portal.made_portal import home_of, portal_of
from tests.reports.settled_sample import Sample, settled_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample of the package, settled once."""
    with settled_sample(tmp_path_factory.mktemp("sample")) as made:
        yield made


@pytest.fixture(scope="session")
def snapshots(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The snapshots of all months of the sample."""
    folder = tmp_path_factory.mktemp("snapshots")
    write_snapshots(sample.work, folder)
    return folder


@pytest.fixture(scope="module")
def home(snapshots: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with them, and a ledger of its own."""
    made = home_of(tmp_path_factory.mktemp("home"))
    shutil.copytree(snapshots, made.portal)
    return made


@pytest.fixture(scope="module")
def portal(home: Home) -> Iterator[Portal]:
    """The portal of that home."""
    with portal_of(home, decider=PortalDecider(home)) as made:
        yield made
