"""The home folder: where an instance's data lives. outputs.md lists what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from assets.instance.durable import write_durably

DAGSTER_YAML = Path(__file__).parent / "dagster.yaml"
ON_WORKERS_YAML = Path(__file__).parent / "dagster_on_workers.yaml"
WORKERS_LINE = "limit: 0  # the setting shards.workers\n"
# What earlier versions wrote there, by sha256: such a file nobody has changed.
EARLIER_DAGSTER_YAML = frozenset({"469a9b79a8e5df9487da2fa7ed8f235924386bd4f9729369ff111ca9f37005b6"})
SCHEMA = 2
"""How this software lays a home out. Raised with a change that software of before would misread or undo."""
MARK = "home.json"
STORAGE = "# Where Dagster keeps runs, events and ticks: the setting dagster_url."
UNMARKED = 1  # the releases up to 0.1 marked no home
_TRACES = ("warehouse/sixth.duckdb", "warehouse/ledger.sqlite", "warehouse/last_run.json")


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
    def shards(self) -> Path:
        """What shards were given and have made of it, a folder each (assets/intake/shards.py)."""
        return self.root / "shards"

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
    def sightings(self) -> Path:
        """Which copy of which mail was seen where."""
        return self.warehouse / "sightings.sqlite"

    @property
    def ended(self) -> Path:
        """What the last run left, where it left nothing to be done (reports/nothing_new.py)."""
        return self.warehouse / "ended.json"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def schema(self) -> int:
        """The version that the home is laid out by; that of this software where nothing has run in it yet.

        Raises HomeError where its mark cannot be read.
        """
        try:
            told = json.loads((self.root / MARK).read_text(encoding="utf-8"))
            return int(told["schema"])
        except FileNotFoundError:
            return UNMARKED if any((self.root / trace).exists() for trace in _TRACES) else SCHEMA
        except (ValueError, KeyError, TypeError) as error:
            raise HomeError(
                f"{self.root / MARK} does not say which version the home is of: {error!r}; take it from the last backup"
            ) from error

    def mark(self) -> None:
        """Book that the home is laid out as this software does it."""
        write_durably(self.root / MARK, json.dumps({"schema": SCHEMA}) + "\n")

    @property
    def quiet_runs(self) -> Path:
        """Runs that found nothing to be done and that Dagster was not told of yet, a file each."""
        return self.dagster / "quiet_runs"

    def check(self) -> None:
        """Raise HomeError where this is no home, or that of a newer software."""
        if not self.register.is_dir():
            raise HomeError(f"{self.root} is no home of Sixth; make one with `sixth init --home {self.root}`")
        if self.schema > SCHEMA:
            raise HomeError(
                f"{self.root} is the home of a newer Sixth (schema {self.schema}; this one knows {SCHEMA}), which this "
                "one would misread; install that version again, or restore the backup of before it"
            )

    def prepare(self) -> None:
        """Make what a run needs and point Dagster here. Raises HomeError where the home is to be upgraded before."""
        if self.schema < SCHEMA:
            raise HomeError(
                f"{self.root} is the home of an earlier Sixth (schema {self.schema}, now {SCHEMA}); "
                f"`sixth upgrade --home {self.root}` saves what it changes and brings it up to date"
            )
        for folder in (self.inbox, self.archive, self.warehouse, self.published, self.dagster):
            folder.mkdir(parents=True, exist_ok=True)
        if not (self.root / MARK).exists():
            self.mark()
        self.configure_dagster()
        os.environ["DAGSTER_HOME"] = str(self.dagster)

    def configure_dagster(self) -> None:
        """Write Dagster's settings where there are none, or none that somebody has changed, with the storage that
        `dagster_url` names; left as they are while settings.yaml cannot be read, which whoever needs more of it tells:
        services that were started once go on by themselves when it is mended. Raises HomeError where the URL is none or
        a package is missing.
        """
        from assets.instance.settings import Settings, SettingsError, load_settings  # noqa: PLC0415 - `--help` reads none

        config = self.dagster / "dagster.yaml"
        try:
            settings = load_settings(self.register / "settings.yaml")
        except SettingsError:
            if config.exists():
                return
            settings = Settings()
        if settings.shards.workers and not (find_spec("dagster_celery") and find_spec("redis")):
            raise HomeError(
                "workers in section shards of settings.yaml needs the packages dagster-celery and redis, which are not "
                "installed: pip install 'sixth[cluster]'"
            )
        ours = dagster_yaml(settings.shards.workers)
        wanted = ours + (_storage(settings.dagster_url) if settings.dagster_url else "")
        there = config.read_text(encoding="utf-8") if config.exists() else ours
        bare = there.partition(STORAGE)[0]
        known = (dagster_yaml(0), dagster_yaml(_workers_in(bare)))
        is_ours = bare in known or hashlib.sha256(bare.encode()).hexdigest() in EARLIER_DAGSTER_YAML
        if is_ours and (there != wanted or not config.exists()):
            config.write_text(wanted, encoding="utf-8")


def postgresql_of(url: str) -> str:
    """The URL of Dagster's storage, by the driver that it works with. Raises HomeError."""
    scheme, found, rest = url.partition("://")
    if scheme != "postgresql" or not found:
        raise HomeError("dagster_url in settings.yaml must be as postgresql://user@host/database")
    if find_spec("dagster_postgres") is None:
        raise HomeError("dagster_url in settings.yaml needs the package dagster-postgres, which is not installed")
    return f"postgresql+psycopg2://{rest}"


def dagster_yaml(workers: int) -> str:
    """Dagster's settings of a home whose shards run on so many processes of workers; 0: it has none."""
    if not workers:
        return DAGSTER_YAML.read_text(encoding="utf-8")
    return ON_WORKERS_YAML.read_text(encoding="utf-8").replace(WORKERS_LINE, WORKERS_LINE.replace("0", str(workers)))


def _workers_in(text: str) -> int:
    """How many processes such settings are for; 0 where they are for none."""
    before, _, after = WORKERS_LINE.partition("0")
    found = re.search(re.escape(before) + r"(\d+)" + re.escape(after), text)
    return int(found[1]) if found else 0


def _storage(url: str) -> str:
    return f"{STORAGE}\nstorage:\n  postgres:\n    postgres_url: {json.dumps(postgresql_of(url))}\n"


def find_home(given: Path | None) -> Home:
    """The home named on the command line, else SIXTH_HOME, else ./home."""
    return Home(Path(given or os.environ.get("SIXTH_HOME") or "home").resolve())
