"""The home folder: where an instance's data lives. outputs.md lists what is in it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

DAGSTER_YAML = Path(__file__).parent / "dagster.yaml"
# What earlier versions wrote there, by sha256: such a file nobody has changed.
EARLIER_DAGSTER_YAML = frozenset({"469a9b79a8e5df9487da2fa7ed8f235924386bd4f9729369ff111ca9f37005b6"})


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
    def portal(self) -> Path:
        """What the portal reads: a snapshot a month; and its key."""
        return self.root / "portal"

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
        self.configure_dagster()
        os.environ["DAGSTER_HOME"] = str(self.dagster)

    def configure_dagster(self) -> None:
        """Write Dagster's settings where there are none, or those of an earlier version that nobody has changed."""
        config = self.dagster / "dagster.yaml"
        if not config.exists() or hashlib.sha256(config.read_bytes()).hexdigest() in EARLIER_DAGSTER_YAML:
            config.write_bytes(DAGSTER_YAML.read_bytes())


def find_home(given: Path | None) -> Home:
    """The home named on the command line, else SIXTH_HOME, else ./home."""
    return Home(Path(given or os.environ.get("SIXTH_HOME") or "home").resolve())
