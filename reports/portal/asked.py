"""What an address asks of a month's snapshot: the month, the scope or unit looked at, and the filters.

Belongs here: reading and checking it. Does not: the cut to the scopes granted (reading.py), what a page makes of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from assets.instance.periods import is_period
from reports.portal.access import NothingYet, NotThere, Visit
from reports.portal.reading import OF_MOST, Row, Snapshot, opened, periods
from reports.portal.shape import HELD, RANK

STEWARD = "steward"
MOST_OF = 2000  # nodes below one that has so many findings that the first hundred are soon found
FILTERS = ("period", "scope", "unit", "moves", "status", "can", "rule", "sheet")
MOVES = ("", *RANK, "all")
STATUSES = ("open", "waived", "explained", "all")
NO_SHEET = "-"


@dataclass(frozen=True)
class Asked:
    """A month, the node looked at (a scope or a unit), and the filters, all from the address."""

    period: str
    scope: Row
    at: Row
    filters: Mapping[str, str]

    @property
    def interval(self) -> dict[str, int]:
        """The places that are looked at; held mails are the carrier's."""
        lo = self.at["place"] or HELD
        return {"lo": lo, "hi": self.at["ends"]}

    @property
    def chosen(self) -> dict[str, str]:
        """The filters as the queries take them."""
        return {k: self.filters[k] for k in ("moves", "status", "can", "rule", "sheet")}

    @property
    def listed(self) -> dict[str, str]:
        """The consequences and states of the filter one by one, as an index takes them."""
        moves, status = self.filters["moves"], self.filters["status"]
        wanted = [m for m in RANK if moves == "all" or (m == (moves or m) and (moves or m != "flag"))]
        states = [s for s in STATUSES[:-1] if status in ("all", s)]
        told = {f"moves_{n}": move for n, move in enumerate([*wanted, *[""] * len(RANK)][: len(RANK)])}
        return told | {f"status_{n}": state for n, state in enumerate([*states, "", "", ""][:3])}

    def soonest(self, query: str) -> str:
        """The query, or its twin that goes through most of the carrier sooner."""
        return f"{query}{OF_MOST}" if self.at["ends"] - self.at["place"] > MOST_OF else query

    def address(self, **other: str | int) -> str:
        """The query of the same filters with some others; defaults are left out."""
        values = {**self.filters, "period": self.period, "scope": self.scope["unit_code"], **other}
        shown = {k: v for k, v in values.items() if v not in ("", 0) and not (k == "status" and v == "open")}
        return "?" + urlencode(shown)


def chosen_period(visit: Visit) -> str:
    """The month that is asked for, else the latest with a snapshot. NotThere where the one asked for has none,
    NothingYet where no month has.
    """
    there = periods(visit.portal.home.portal)
    wanted = visit.asked("period")
    if not wanted and not there:
        raise NothingYet
    if wanted and wanted not in there:
        raise NotThere
    return wanted or there[0]


def sent_period(visit: Visit) -> str:
    """The month that a form is of. NotThere where it is none."""
    period = visit.sent("period")
    if not is_period(period):
        raise NotThere
    return period


def page_after(visit: Visit) -> int:
    """After how many rows a page begins."""
    asked = visit.asked("after", "0")
    return int(asked) if asked.isdecimal() and len(asked) < 10 else 0


@contextmanager
def snapshot_of(visit: Visit, role: str, period: str) -> Iterator[Snapshot]:
    """The snapshot of a month, cut to what the person has in a role."""
    try:
        with opened(visit.portal.home.portal, period, visit.who.scopes(role)) as snapshot:
            yield snapshot
    except FileNotFoundError as error:
        raise NotThere from error


def asked_of(visit: Visit, snapshot: Snapshot, period: str) -> Asked:
    """What the address asks of the snapshot. NotThere for a scope or unit that is not in it, NothingYet where it has
    nothing of the person's and no scope was asked for.
    """
    filters = {name: visit.asked(name) for name in FILTERS[2:]}
    filters["status"] = filters["status"] or "open"
    catalogue = visit.portal.catalogue
    if filters["sheet"] not in ("", NO_SHEET, *catalogue.sheets) or filters["rule"] not in ("", *catalogue.rules):
        raise NotThere
    if filters["moves"] not in MOVES or filters["status"] not in STATUSES or filters["can"] not in ("", "yes", "no"):
        raise NotThere
    wanted = visit.asked("scope")
    scope = snapshot.one("node", unit_code=wanted) if wanted else next(iter(snapshot.rows("nodes")), None)
    if scope is None:
        raise NotThere if wanted else NothingYet
    at = snapshot.one("node", unit_code=filters["unit"]) if filters["unit"] else scope
    if at is None:
        raise NotThere
    return Asked(period, scope, at, filters)


def codes_covered(visit: Visit) -> set[str]:
    """The units that the person's scopes cover, in any month that has a snapshot; "" for the carrier's steward."""
    found: set[str] = set()
    for period in periods(visit.portal.home.portal):
        with snapshot_of(visit, STEWARD, period) as snapshot:
            found |= {row["unit_code"] for row in snapshot.rows("codes")}
    return found
