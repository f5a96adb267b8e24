"""Which months, and which units of a month, must be settled again.

Belongs here: digests of what a month rests on, and what was booked under them. Does not: settling (settle.py).

A month rests on its mails, the register, the catalogue, the settings and the month before; their digest is the
month's fingerprint, and a month whose fingerprint is unchanged is not settled again. Where it has changed, findings and
rows of units whose own mails are unchanged are kept all the same (core.standing_units), but for findings of rules that
look at other months or units.
"""

from __future__ import annotations

import hashlib

import polars as pl

from assets.instance.warehouse import model
from assets.month.digests import changed_tables, remember_tables
from assets.month.work import Work

NOT_STANDING = "unit_code not in (select unit_code from core.standing_units where period = $period)"


def index_mails(work: Work) -> None:
    """Make core.mail_periods: every mail received by the clock of the run, beside each month that it may concern."""
    work.warehouse.execute(
        f"create or replace table core.mail_periods as {model('settled/mail_periods')}",
        {"as_of": work.as_of, "timezone": work.deadline.timezone},
    )
    work.warehouse.put("core.indexed", pl.DataFrame({"as_of": [work.as_of.isoformat()]}))


def fingerprints(work: Work, last: str) -> dict[str, str]:
    """The fingerprint of every month from the first on record to `last`, each resting on the one before."""
    mails = {r["period"]: r["mails"] for r in work.warehouse.rows(model("settled/mails_of_months"))}
    decided = {r["period"]: r["told"] for r in work.warehouse.rows(model("settled/decisions_of_months"))}
    prints: dict[str, str] = {}
    before = ""
    for period in work.months_to(last):
        told = f"{before}|{work.month_rests_on(period)}|{period}|{mails.get(period, '')}|{decided.get(period, '')}"
        before = hashlib.sha256(told.encode()).hexdigest()
        prints[period] = before
    return prints


def stale_months(work: Work, last: str) -> list[str]:
    """The months up to `last` that must be settled again, in order: from the first stale one on, all."""
    settled = {r["period"]: r["fingerprint"] for r in work.warehouse.rows("select * from core.settled")}
    prints = fingerprints(work, last)
    stale = [p for p, print_ in prints.items() if settled.get(p) != print_]
    return [p for p in prints if stale and p >= stale[0]]


def decide(work: Work, period: str) -> list[str]:
    """Decide once, for all steps of a run, what is to be settled again: the stale months up to the period, in order.

    A month that is found stale by other mails while it is being settled stays stale: it is booked under the fingerprint
    of now.
    """
    stale, prints = stale_months(work, period), fingerprints(work, period)
    schema = {"period": pl.String, "fingerprint": pl.String}
    rows = [(month, prints[month]) for month in stale]
    work.warehouse.put("core.settling", pl.DataFrame(rows, schema=schema, orient="row"))
    return stale


def is_settling(work: Work, period: str) -> bool:
    """Whether a month is to be settled again, as was decided last."""
    return bool(work.warehouse.value("select count(*) from core.settling where period = $period", {"period": period}))


def fingerprint_of(work: Work, period: str) -> str:
    """The fingerprint under which the tables of the month are, or are being, made; "" before they ever were."""
    found = work.warehouse.value(
        """
        select fingerprint from core.settling where period = $period
        union all
        select fingerprint from core.settled where period = $period
        """,
        {"period": period},
    )
    return found or ""


def unsettle(work: Work, period: str) -> None:
    """Say that the month, and so every later one, is being worked on."""
    work.warehouse.execute("delete from core.settled where period >= $period", {"period": period})


def forget(work: Work, period: str) -> None:
    """Let the month be settled from the start by the next run, no unit of it left as it is."""
    unsettle(work, period)
    for table in ("core.settled_units", "core.booked_mails", "core.table_digests"):
        work.warehouse.execute(f"delete from {table} where period = $period", {"period": period})


def unsettle_changed(work: Work, period: str) -> dict[str, list[str]]:
    """Take for not settled at all what was changed since it was settled: of the period and the months that its report
    looks back into the tables that were, by month.
    """
    changed = changed_tables(work.warehouse, period, work.parameters(period)["recent"])
    for month in changed:
        forget(work, month)
    return changed


def _find_standing_units(work: Work, period: str, explanations: pl.DataFrame) -> None:
    """Find the units whose inputs are unchanged (core.standing_units).

    All others are marked unsettled first, so that a killed run starts over with them.
    """
    warehouse, parameters = work.warehouse, {"period": period, "rests_on": work.month_rests_on(period)}
    warehouse.put("core.said_now", explanations)
    for table in ("unit_digests", "standing_units"):
        warehouse.run_model(f"core.{table}", parameters, model_name=f"settled/{table}")
    warehouse.execute(f"delete from core.settled_units where period = $period and {NOT_STANDING}", parameters)


def mark_settled(work: Work, period: str) -> None:
    """Book the fingerprint under which the month was settled (decide), its units' digests, and what its tables hold."""
    digests = work.warehouse.frame(
        f"select * from core.unit_digests where period = $period and {NOT_STANDING}", {"period": period}
    )
    work.warehouse.put("core.settled_units", digests, period=period, instead_of=NOT_STANDING)
    work.warehouse.run_model("core.said", {"period": period}, model_name="settled/said")
    remember_tables(work.warehouse, period)
    print_ = fingerprint_of(work, period) or fingerprints(work, period)[period]
    frame = pl.DataFrame({"period": [period], "fingerprint": [print_]})
    work.warehouse.put("core.settled", frame, period=period)
    work.warehouse.execute("delete from core.settling where period = $period", {"period": period})
