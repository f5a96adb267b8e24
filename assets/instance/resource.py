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
from pydantic import Field, PrivateAttr

from assets.instance.clock import clock_of, now, take_clock
from assets.instance.home import Home
from assets.instance.session import Session, open_session


class HomeResource(dg.ConfigurableResource):
    """The home that a run works on; its clock is the run's (clock.py).

    `earlier`: whether earlier months with something new are published and answered, too. `apply_register`: the closed
    months that are to rest on the register as it is now.
    """

    home: str
    source: str = ""
    lang: str = "zh"
    earlier: bool = True
    apply_register: list[str] = Field(default_factory=list)
    _session: Session | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[HomeResource, None, None]:
        """Hold the home open while Dagster uses the resource. Raises ClockBehind."""
        source, home = Path(self.source) if self.source else None, Home(Path(self.home))

        def clock() -> datetime:
            """The clock of the run, fixed while the home is held: runs that wait for each other are in order."""
            moment = clock_of(context.run, context.instance) if context.run and context.instance else now()
            take_clock(home, moment)
            return moment

        with open_session(home, clock, source, self.lang, self.apply_register) as session:
            self._session = session
            yield self

    @property
    def session(self) -> Session:
        """The open session."""
        assert self._session is not None
        return self._session
