"""The run's one resource: the home, opened when a step first asks for it.

Belongs here: holding the home open for a run that works in one process, as `sixth run` and the nightly do, or for one
step where each has a process of its own, which finds all that it needs in the warehouse; waiting for others, and the
clock of the run. Does not: what is done with the home (the stages).

One process at a time writes the warehouse. Runs that Dagster launches take turns by the pool, which a run holds from
its start to its end (dagster.yaml); runs from the command line, and steps of one run beside each other, wait here for
the file, which the operating system frees when its holder ends, however it ends.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr

from assets.instance.clock import clock_of, now, take_clock
from assets.instance.home import Home
from assets.instance.inputs import begin
from assets.instance.logs import of_run, set_up_logs
from assets.instance.session import Session, open_session
from assets.instance.warehouse import WarehouseBusy

JOB = "month"  # of all steps
ANSWERING = "answer"  # of those that answer units, and of no report
SHARD_JOB = "shard"  # of what one shard works on
POOL = "warehouse"  # of every step and check
PARTITION = "dagster/partition"  # the tag of a run that is of one month
WAIT_SECONDS = 60.0
WAITS = 60  # each a retry of the step that the page shows


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
    _context: dg.InitResourceContext | None = PrivateAttr(default=None)
    _opened: ExitStack = PrivateAttr(default_factory=ExitStack)
    _session: Session | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[HomeResource, None, None]:
        """Close the home when Dagster is done with the resource."""
        with ExitStack() as opened:
            set_up_logs(Home(Path(self.home)))
            run = context.run
            opened.enter_context(of_run(run.run_id if run else "", run.tags.get(PARTITION, "") if run else ""))
            self._context, self._opened, self._session = context, opened, None
            yield self

    @property
    def session(self) -> Session:
        """The open session. Raises ClockBehind, and RetryRequested while another run holds the home."""
        if self._session is None:
            source = Path(self.source) if self.source else None
            opening = open_session(
                Home(Path(self.home)),
                self._clock,
                source,
                self.lang,
                self.apply_register,
                wait_seconds=WAIT_SECONDS,
                for_run=True,
            )
            try:
                self._session = self._opened.enter_context(opening)
            except WarehouseBusy as busy:
                raise dg.RetryRequested(max_retries=WAITS) from busy
            begin(self._session.home)
        return self._session

    def _clock(self) -> datetime:
        """The clock of the run, fixed while the home is held: runs that wait for each other are in order."""
        run, instance = (self._context.run, self._context.instance) if self._context else (None, None)
        moment = clock_of(run, instance) if run and instance else now()
        take_clock(Home(Path(self.home)), moment, run.tags.get(PARTITION, "") if run else "")
        return moment
