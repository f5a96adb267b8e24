"""Which earlier months must be published again: those that are otherwise than when they were last published.

commands.md, `sixth run`. Belongs here: booking as what a month was last published, and comparing. Does not: whether a
version comes of it (publish.py), settling the months (assets/month/).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from assets.instance import periods
from assets.month.freshness import fingerprints
from assets.month.work import Work
from reports.publishing.versions import latest_version, versions

SCHEMA = {"period": pl.String, "fingerprint": pl.String}


def months_due(work: Work, period: str, published: Path) -> list[str]:
    """The settled months before `period` that may need a version, a supplement or answers, the oldest first.

    A month is due while what it rests on is not what it rested on when a run last ended with it: a mail, a decision or
    an edit came, or a run was cut off; and while it has no deadline report, where there is anything of it: a report
    made before the cut-off, or a mail. What is published is looked into, not what a run did: also a month that another
    run settled, and then died, is due.
    """
    known = {}
    if work.warehouse.exists("core.published_months"):
        known = {r["period"]: r["fingerprint"] for r in work.warehouse.rows("select * from core.published_months")}
    with_mails = {r["period"] for r in work.warehouse.rows("select distinct period from core.mails")}
    prints = fingerprints(work, periods.preceding(period))
    due = []
    for month, print_ in prints.items():
        scopes = [folder for folder in (published / month).glob("*/") if latest_version(folder)]
        is_closed = any(versions(folder) for folder in scopes)
        if (scopes or month in with_mails) and not (is_closed and known.get(month) == print_):
            due.append(month)
    return due


def remember_month(work: Work, period: str) -> None:
    """Book that a run has published the month, answered its units and told them, as it stands now."""
    frame = pl.DataFrame([(period, fingerprints(work, period)[period])], schema=SCHEMA, orient="row")
    work.warehouse.put("core.published_months", frame, period=period)
