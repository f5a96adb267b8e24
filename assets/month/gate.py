"""What must hold before anything of a month leaves the house: it is settled, and its figures agree.

Belongs here: asking and refusing. Does not: what makes a month stale (freshness.py), the SQL tests (sql/tests), what
is published, answered or mailed (reports/).

A report is never made again and a mail never taken back, while Dagster lets single assets be materialised on a month
that is half worked on, and a blocking check holds within its own run alone. So everything that writes out asks here
first, whoever called it.
"""

from __future__ import annotations

import polars as pl

from assets.month.freshness import fingerprints, forget, stale_months, unsettle_changed
from assets.month.sql_tests import failing_tests
from assets.month.work import Work


class NotSettled(Exception):
    """A month must not be published, answered or mailed of as it stands; the message says what to do."""

    exit_status = 2


class ChangedSinceSettled(NotSettled):
    """Somebody or something else than settling has written to a month's tables."""

    exit_status = 3


def reconcile(work: Work, period: str) -> dict[str, int]:
    """Run the SQL tests and book under which fingerprint they pass; those that fail, with their number of rows.

    A month whose figures do not agree is settled from the start by the next run.
    """
    failing = failing_tests(work, period)
    passed = [] if failing else [(period, fingerprints(work, period)[period])]
    frame = pl.DataFrame(passed, schema={"period": pl.String, "fingerprint": pl.String}, orient="row")
    work.warehouse.put("core.reconciled", frame, period=period)
    if failing:
        forget(work, period)
    return failing


def require_settled(work: Work, period: str) -> None:
    """Raise NotSettled unless the month stands as mails, register, settings and rules have it now, holds what it was
    settled with, and adds up.
    """
    remedy = (
        "nothing is published, answered or mailed of it; "
        f"`sixth run --period {period}`, or the job `month` in Dagster, settles it first"
    )
    if stale := stale_months(work, period):
        since = f" (neither is {stale[0]}, which it rests on)" if stale[0] != period else ""
        raise NotSettled(
            f"{period} is not settled{since}: mails, register, settings or rules have changed, or a run was cut off; "
            f"{remedy}"
        )
    if changed := unsettle_changed(work, period):
        told = "; ".join(f"{', '.join(tables)} of {month}" for month, tables in changed.items())
        raise ChangedSinceSettled(f"{told} changed since the month was settled; {remedy}")
    found_to_agree = work.warehouse.value(
        "select fingerprint from core.reconciled where period = $period", {"period": period}
    )
    if found_to_agree != fingerprints(work, period)[period] and (failing := reconcile(work, period)):
        raise NotSettled(f"the figures of {period} do not agree ({failing}); {remedy}")
