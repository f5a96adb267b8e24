"""A home opened for work: register, settings, catalogue, the warehouse, and the clock.

Belongs here: opening and closing, without Dagster, so that light commands start quickly. Does not: what is done with
it (assets/), the Dagster resource around it (resources.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from assets.months import Work, index_mails, prepare
from assets.parsing import Parser
from assets.register import load_register
from assets.warehouse import Warehouse, open_warehouse
from expectations.catalogue import load_catalogue
from expectations.validating import make_validator
from pipelines import __version__
from pipelines.home import Home
from pipelines.progress import reporter
from pipelines.settings import Settings, load_settings


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
            parsed_by=self.settings.parser_fingerprint(catalogue, __version__),
            make_validator=make_validator,
            progress=reporter,
        )
        prepare(work)
        return work

    @cached_property
    def parser(self) -> Parser:
        """What parsing a mail depends on."""
        return Parser(self.work.catalogue, self.settings.limits, self.settings.seal, self.work.parsed_by)

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
