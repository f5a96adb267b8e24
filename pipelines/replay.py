"""`sixth run --replay`: the figures as they were, or would have been, at some moment; nothing leaves the house.

Belongs here: settling a month by another clock, in a copy of the warehouse that is thrown away. Does not: publishing,
answering units, moving the home's clock.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.progress import reporter
from assets.instance.session import Session, open_session
from assets.instance.warehouse import open_warehouse
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.month.settle import indexed_work
from assets.month.spans import settle_months
from assets.month.sql_tests import failing_tests
from pipelines.month_run import Outcome, figure_lines


@contextmanager
def copied_session(home: Home, as_of: datetime, overrides: Path | None = None) -> Iterator[Session]:
    """The home opened with a copy of its warehouse, which is gone afterwards: what is done there changes nothing.

    `overrides` is a folder with other files of the catalogue than the home's.
    """
    with tempfile.TemporaryDirectory(dir=home.warehouse, prefix="replay-") as folder:
        file = home.warehouse / "sixth.duckdb"
        if file.exists():
            shutil.copy(file, folder)
        with open_warehouse(Path(folder)) as warehouse:
            yield Session(home, warehouse, as_of, None, "zh", overrides)


def replay(home: Home, period: str, as_of: datetime, source: Path | None) -> Outcome:
    """Show the figures of a period by the clock `as_of`; status 3 where they do not agree with each other.

    Mails that have come are collected and kept, as ever; all else is as it was. Raises what settling raises.
    """
    with open_session(home, as_of, source) as session, reporter.shown():
        collect(session)
        staging.parse_new(
            session.warehouse,
            session.once(parser_of),
            home.archive,
            home.warehouse / "incoming",
            lambda done, of: reporter("parsing mails", done, of),
        )
        session.warehouse.execute("checkpoint")
    with copied_session(home, as_of) as session, reporter.shown():
        work = session.once(indexed_work)
        settle_months(work, period)
        if failing := failing_tests(work, period):
            return Outcome((f"figures do not reconcile: {failing}",), 3)
        summary = session.warehouse.value(
            "select summary from marts.summaries where period = $period and scope = $carrier", work.parameters(period)
        )
    at = as_of.astimezone(work.deadline.zone).isoformat(timespec="seconds")
    return Outcome((f"{period} replayed as of {at}; nothing was published", *figure_lines(json.loads(summary))), 0)
