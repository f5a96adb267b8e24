"""A home opened for work: register, settings, catalogue, the warehouse, and the clock.

Belongs here: opening and closing, without Dagster, so that light commands start quickly. Does not: what is done with
it (the stages), the Dagster resource around it (resource.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from assets.instance.closed_months import register_of
from assets.instance.home import Home
from assets.instance.periods import Deadline
from assets.instance.register import Register
from assets.instance.settings import Settings, load_settings
from assets.instance.warehouse import Warehouse, open_warehouse, read_warehouse
from expectations.catalogue import Catalogue, load_catalogue

T = TypeVar("T")


class Session:
    """What the steps of one run share. Everything but the warehouse is read when first asked for."""

    def __init__(
        self,
        home: Home,
        warehouse: Warehouse,
        as_of: datetime,
        source: Path | None,
        lang: str,
        overrides: Path | None = None,
        apply_register: Collection[str] = (),
    ) -> None:
        self.home = home
        self.overrides = overrides or home.register
        self.warehouse = warehouse
        self.as_of = as_of
        self.source = source
        self.lang = lang
        self.apply_register = apply_register
        self.left: list[str] = []
        """What the steps so far leave to the next run, by a word each: it is then not one with nothing to be done."""
        self._made: dict[Callable[[Session], Any], Any] = {}

    @cached_property
    def settings(self) -> Settings:
        """The settings of the home."""
        return load_settings(self.home.register / "settings.yaml")

    @cached_property
    def catalogue(self) -> Catalogue:
        """Forms, checklists and rules, with the home's overrides."""
        return load_catalogue(self.overrides)

    @cached_property
    def register(self) -> Register:
        """The home's register, with closed months by the registers that they rest on, but for those that it is to be
        applied to. Raises RegisterError.
        """
        return register_of(self.home, self.apply_register)

    @cached_property
    def deadline(self) -> Deadline:
        """When returns are due."""
        return self.settings.deadline(self.register)

    def once(self, make: Callable[[Session], T]) -> T:
        """What `make` makes of this session, made at the first call: a stage's own view of the home."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def has(self, make: Callable[[Session], Any]) -> bool:
        """Whether that was made of this session already."""
        return make in self._made


@contextmanager
def open_session(
    home: Home,
    as_of: datetime | Callable[[], datetime],
    source: Path | None = None,
    lang: str = "zh",
    apply_register: Collection[str] = (),
    *,
    wait_seconds: float = 0,
    for_run: bool = False,
) -> Iterator[Session]:
    """Open a home for work, at a moment, or one that is told once it is open.

    `apply_register`: closed months that are to rest on the register as it is now. `for_run`: see `open_warehouse`.

    Raises HomeError, WarehouseBusy, WarehouseDamaged; on use also errors of register and settings.
    """
    home.check()
    home.prepare()
    with open_warehouse(home.warehouse, wait_seconds=wait_seconds, for_run=for_run) as warehouse:
        yield Session(
            home, warehouse, as_of() if callable(as_of) else as_of, source, lang, apply_register=apply_register
        )


@contextmanager
def open_for_reading(home: Home, as_of: datetime, lang: str = "zh") -> Iterator[Session]:
    """A home opened to look at what the last run left, also while another works; the warehouse cannot be changed.

    Raises HomeError, WarehouseBusy, WarehouseDamaged; on use also errors of register and settings.
    """
    home.check()
    home.prepare()
    with read_warehouse(home.warehouse) as warehouse:
        yield Session(home, warehouse, as_of, None, lang)
