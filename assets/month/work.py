"""What settling a month depends on: the warehouse, what is expected, the register, the clock.

Belongs here: the one value that every step takes, and the parameters that SQL models may name. Does not: the steps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import duckdb
import polars as pl

from assets.instance import periods
from assets.instance.periods import Deadline
from assets.instance.register import Register
from assets.instance.software import code_digest
from assets.instance.warehouse import Warehouse
from expectations.catalogue import Catalogue

UTC_TIME = pl.Datetime("us", "UTC")
SETTLED_BY = ("assets", "expectations", "sql")  # the code that an edit of settles months again
BLOCK = 2000  # mails booked, and units checked, at once


def made_by(catalogue: Catalogue) -> str:
    """Digest of what shapes the tables of months and all that is in them: SQL, code, forms, and DuckDB's hashes."""
    parts = [code_digest(*SETTLED_BY), catalogue.digest, duckdb.__version__]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Work:
    """All that settling months depends on. `as_of` is the clock of the run: later mails are not there yet."""

    warehouse: Warehouse
    catalogue: Catalogue
    register: Register
    deadline: Deadline
    form_versions: frozenset[str]  # empty: those that the catalogue accepts in each month
    score_weights: Mapping[str, float]
    as_of: datetime
    software: str
    parsed_by: str  # Parser.fingerprint: with other limits a mail has other rows
    coverage_percent: float = 80  # of the answers, and of the indicators; with fewer a month is incomplete
    progress: Callable[[str, int, int], None] | None = None
    off_record: frozenset[str] = frozenset()  # months before the home's first run that no mail is about (settle.py)

    @cached_property
    def rests_on(self) -> str:
        """Digest of everything but the mails."""
        parts = [
            self.catalogue.digest,
            self.register.digest,
            repr([(month, register.digest) for month, register in self.register.closed.items()]),
            repr(self.deadline),
            ",".join(sorted(self.form_versions)),
            json.dumps(dict(self.score_weights), sort_keys=True),
            f"{self.coverage_percent:g}",
            self.software,
            made_by(self.catalogue),
            self.parsed_by,
        ]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def month_rests_on(self, period: str) -> str:
        """Digest of everything but the mails that a month rests on: of the register what it says of that month."""
        parts = [
            self.catalogue.digest,
            self.register.said_digest(period),
            f"{self.deadline.timezone} {self.deadline.cutoff(period)}",
            ",".join(sorted(self.form_versions)),
            json.dumps(dict(self.score_weights), sort_keys=True),
            f"{self.coverage_percent:g}",
            self.software,
            made_by(self.catalogue),
            self.parsed_by,
        ]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def months_to(self, last: str) -> list[str]:
        """The months on record up to `last`, in order."""
        return [m for m in periods.between(self.register.first_period, last) if m not in self.off_record]

    def parameters(self, period: str) -> dict[str, Any]:
        """The parameters that SQL models may name. What carries over comes from the month on record before: it may lie
        farther back than the month before, beside which figures are shown.
        """
        before = periods.preceding(period)
        return {
            "period": period,
            **self.months_within([period], self.months_to(period)[-12:] or [period]),
            "previous": before,
            "carried_from": max(self.months_to(before), default=before),
            "following": periods.following(period),
            "year_before": periods.year_before(period),
            "month_start": periods.first_day(period),
            "month_end": periods.last_day(period),
            "cutoff": self.deadline.cutoff(period),
            "timezone": self.deadline.timezone,
            "carrier": self.register.tree(period).carrier,
            "coverage_percent": self.coverage_percent,
        }

    def months_within(self, months: list[str], recent: list[str]) -> dict[str, Any]:
        """The parameters that name months: those that make up the period, and those shown beside one another."""
        return {
            "months": months,
            "cutoffs": [self.deadline.cutoff(m) for m in months],
            "recent": recent,
            "recent_cutoffs": [self.deadline.cutoff(m) for m in recent],
        }
