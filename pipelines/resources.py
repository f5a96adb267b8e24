"""The run's one resource: the home with its register, settings and open warehouse, and the clock.

Belongs here: opening and closing. In-process, as `sixth run` does it, it is made once a run; with other executors
once a step, which finds all it needs in the warehouse.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from assets.months import Work, index_mails, prepare
from assets.parsing import Parser
from assets.publishing import parse_time
from assets.register import load_register
from assets.warehouse import Warehouse, open_warehouse
from expectations.catalogue import load_catalogue
from pipelines import __version__
from pipelines.home import Home
from pipelines.progress import reporter
from pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


class Session:
    """What the assets of one run share. Everything but the warehouse is read when first asked for."""

    def __init__(self, home: Home, warehouse: Warehouse, as_of: datetime, source: Path | None, lang: str) -> None:
        self.home = home
        self.warehouse = warehouse
        self.as_of = as_of
        self.source = source
        self.lang = lang

    @cached_property
    def settings(self) -> Settings:
        """The settings of the home."""
        return load_settings(self.home.register / "settings.yaml")

    @cached_property
    def work(self) -> Work:
        """All that settling months depends on."""
        catalogue = load_catalogue(self.home.register)
        register = load_register(self.home.register)
        weights: dict[str, Any] = asdict(self.settings.score)
        work = Work(
            warehouse=self.warehouse,
            catalogue=catalogue,
            register=register,
            deadline=self.settings.deadline(register),
            form_versions=self.settings.accepted_versions(catalogue),
            score_weights=weights,
            as_of=self.as_of,
            software=__version__,
            progress=reporter,
        )
        prepare(work)
        return work

    @cached_property
    def parser(self) -> Parser:
        """What parsing a mail depends on."""
        catalogue = self.work.catalogue
        fingerprint = self.settings.parser_fingerprint(catalogue, __version__)
        return Parser(catalogue, self.settings.limits, self.settings.seal, fingerprint)

    @cached_property
    def indexed(self) -> Work:
        """The work, with every parsed mail beside the months that it may concern."""
        index_mails(self.work)
        return self.work


@contextmanager
def open_session(home: Home, as_of: datetime, source: Path | None = None, lang: str = "zh") -> Iterator[Session]:
    """Open a home for work. Raises HomeError, WarehouseBusy; on use also errors of register and settings."""
    home.check()
    home.prepare()
    with open_warehouse(home.warehouse) as warehouse:
        yield Session(home, warehouse, as_of, source, lang)


class HomeResource(dg.ConfigurableResource):
    """The home that a run works on. `as_of` is the run's clock, ISO 8601 with offset; empty: now."""

    home: str
    as_of: str = ""
    source: str = ""
    lang: str = "zh"
    _context: AbstractContextManager[Session] | None = PrivateAttr(default=None)
    _session: Session | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[HomeResource, None, None]:
        """Hold the home open while Dagster uses the resource."""
        clock = parse_time(self.as_of) if self.as_of else datetime.now().astimezone()
        source = Path(self.source) if self.source else None
        with open_session(Home(Path(self.home)), clock, source, self.lang) as session:
            self._session = session
            yield self

    @property
    def session(self) -> Session:
        """The open session."""
        assert self._session is not None
        return self._session
