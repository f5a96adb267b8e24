"""Where a steward's pages are: the worklist, findings, units, held mails, the log of decisions."""

from __future__ import annotations

from reports.portal.access import Routes
from reports.portal.asked import STEWARD
from reports.portal.decision_log import decide_on_decision, decisions
from reports.portal.finding_pages import decide_on_finding, finding
from reports.portal.held_mails import assign, held
from reports.portal.unit_pages import decide_on_unit, difference, unit, units
from reports.portal.worklist import export, waive_batch, worklist


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/worklist", worklist, STEWARD)
    routes.add("/worklist.csv", export, STEWARD)
    routes.add("/worklist", waive_batch, STEWARD, method="POST")
    routes.add("/finding/{finding}", finding, STEWARD)
    routes.add("/finding/{finding}", decide_on_finding, STEWARD, method="POST")
    routes.add("/units", units, STEWARD)
    routes.add("/units/{unit}", unit, STEWARD)
    routes.add("/units/{unit}/{form}", difference, STEWARD)
    routes.add("/units/{unit}", decide_on_unit, STEWARD, method="POST")
    routes.add("/held", held, STEWARD)
    routes.add("/held/{mail}", assign, STEWARD, method="POST")
    routes.add("/decisions", decisions, STEWARD)
    routes.add("/decisions/{key}", decide_on_decision, STEWARD, method="POST")
