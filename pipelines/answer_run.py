"""`sixth answer`: the mails that have come collected, checked and answered; reports are left to the night.

Belongs here: what is run, and what is said of it. Does not: the steps, which are those of the nightly run
(pipelines/definitions.py, ANSWERING_ASSETS); when a watcher asks for it (sensors.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from assets.instance.home import Home
from pipelines.month_run import MOST_NAMED, NotReconciled, Outcome, executed, mailbox_lines, not_collected

WORKER_MODULES = ["cv2", "assets.intake.parsing", "reports.feedback.folders"]


def answer_period(home: Home, period: str, as_of: datetime, lang: str) -> Outcome:
    """Answer the units whose mails have come, in the period and in earlier months.

    Raises ClockBehind, and whatever a stage failed with.
    """
    from assets.instance.resource import ANSWERING  # noqa: PLC0415 - Dagster

    try:
        result, stages = executed(home, period, as_of, WORKER_MODULES, job_name=ANSWERING, lang=lang)
    except NotReconciled as error:
        return Outcome((f"figures do not reconcile, nobody was answered: {error}",), 3)
    from assets.intake.assets import NO_MAILS, UNREACHABLE  # noqa: PLC0415
    from reports.assets import ANSWERED, OUTCOMES  # noqa: PLC0415

    told: dict[str, Any] = {}
    for step in ("archived_mails", "unit_feedback", "sent_notices"):
        for event in result.asset_materializations_for_node(step):
            told |= {f"{step} {name}": entry.value for name, entry in event.metadata.items()}
    units = told[f"unit_feedback {ANSWERED}"]
    outcomes = told[f"sent_notices {OUTCOMES}"]
    receipts = ", ".join(f"{n} {what}" for what in ("sent", "queued", "failed") if (n := outcomes.get(what)))
    lines = (
        f"{period} as of {as_of.isoformat()}; reports follow with the next run",
        f"mails    {told['archived_mails new']} new",
        f"answers  {len(units)} written{': ' + ', '.join(units) if 0 < len(units) <= MOST_NAMED else ''}",
        f"receipts {receipts or 'none due'}",
        *not_collected(told[f"archived_mails {NO_MAILS}"]),
        *mailbox_lines(str(told.get(f"archived_mails {UNREACHABLE}", ""))),
    )
    return Outcome(lines, 0, stages)
