"""`sixth run --replay`: the figures as they were, or would have been, at some moment; nothing leaves the house.

Belongs here: settling a month by another clock, in a copy of the warehouse that is thrown away. Does not: publishing,
answering units, moving the home's clock.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.progress import reporter
from assets.instance.session import open_session
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.month.settle import indexed_work
from assets.month.spans import settle_months
from assets.month.sql_tests import failing_tests
from pipelines.copied_session import copied_session
from pipelines.month_run import Outcome, figure_lines


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
        work = replace(work, off_record=work.off_record - {period})  # it is asked for
        settle_months(work, period)
        if failing := failing_tests(work, period):
            return Outcome((f"figures do not reconcile: {failing}",), 3)
        summary = session.warehouse.value(
            "select summary from marts.summaries where period = $period and scope = $carrier", work.parameters(period)
        )
    at = as_of.astimezone(work.deadline.zone).isoformat(timespec="seconds")
    return Outcome((f"{period} replayed as of {at}; nothing was published", *figure_lines(json.loads(summary))), 0)
