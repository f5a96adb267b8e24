"""The run's one resource: the home, opened.

In-process, as `sixth run` does it, it is made once a run; with other executors once a step, which finds all it
needs in the warehouse.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from assets.instance.clock import take_clock
from assets.instance.home import Home
from assets.instance.periods import parse_time
from assets.instance.session import Session, open_session


class HomeResource(dg.ConfigurableResource):
    """The home that a run works on. `as_of` is the run's clock, ISO 8601 with offset; empty: now."""

    home: str
    as_of: str = ""
    source: str = ""
    lang: str = "zh"
    _session: Session | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[HomeResource, None, None]:
        """Hold the home open while Dagster uses the resource. Raises ClockBehind."""
        clock = parse_time(self.as_of) if self.as_of else datetime.now().astimezone()
        source, home = Path(self.source) if self.source else None, Home(Path(self.home))
        take_clock(home, clock)
        with open_session(home, clock, source, self.lang) as session:
            self._session = session
            yield self

    @property
    def session(self) -> Session:
        """The open session."""
        assert self._session is not None
        return self._session
