"""The home folder: where an instance's data lives. outputs.md lists what is in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  poll_interval_seconds: 10
concurrency:
  runs:
    max_concurrent_runs: 1
"""


class HomeError(Exception):
    """The home folder cannot be used; the message says what to do."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one instance."""

    root: Path

    @property
    def register(self) -> Path:
        """units.csv, networks.csv, calendar.yaml, settings.yaml, and overrides of the catalogue."""
        return self.root / "register"

    @property
    def inbox(self) -> Path:
        """The drop folder."""
        return self.root / "inbox"

    @property
    def archive(self) -> Path:
        """Every mail, byte for byte."""
        return self.root / "archive"

    @property
    def warehouse(self) -> Path:
        """DuckDB, the sightings of mails, and the ledger."""
        return self.root / "warehouse"

    @property
    def published(self) -> Path:
        """The reports."""
        return self.root / "published"

    @property
    def outbox(self) -> Path:
        """Mails to units, where no server is configured."""
        return self.root / "outbox"

    @property
    def data_docs(self) -> Path:
        """Great Expectations' Data Docs."""
        return self.root / "data_docs"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    def check(self) -> None:
        """Raise HomeError where this is no home."""
        if not self.register.is_dir():
            raise HomeError(f"{self.root} is no home of Sixth; make one with `sixth init --home {self.root}`")

    def prepare(self) -> None:
        """Make what a run needs and point Dagster here."""
        for folder in (self.inbox, self.archive, self.warehouse, self.published, self.dagster):
            folder.mkdir(parents=True, exist_ok=True)
        config = self.dagster / "dagster.yaml"
        if not config.exists():
            config.write_text(DAGSTER_YAML, encoding="utf-8")
        os.environ["DAGSTER_HOME"] = str(self.dagster)


def find_home(given: Path | None) -> Home:
    """The home named on the command line, else SIXTH_HOME, else ./home."""
    return Home(Path(given or os.environ.get("SIXTH_HOME") or "home").resolve())
