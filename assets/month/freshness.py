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

from assets.instance import periods
from assets.month.digests import changed_tables, remember_tables
from assets.month.work import Work

NOT_STANDING = "unit_code not in (select unit_code from core.standing_units where period = $period)"


def index_mails(work: Work) -> None:
    """Make core.mail_periods: every mail received by the clock of the run, beside each month that it may concern."""
    work.warehouse.execute(
        """
        create or replace table core.mail_periods as
        with received as (
            select
                m.mail,
                coalesce(r.told_at, m.header_received_at, m.dated_at, r.seen_at, $as_of) as received_at,
                r.told_at is not null or m.header_received_at is not null as trusted,
                r.copies,
                contains(m.subject || m.text_start, '零报告') as states_nil,
            from staging.mails as m
            inner join staging.receipts as r using (mail)
        )
        select distinct
            mail,
            received_at,
            trusted,
            copies,
            p.period,
        from received as r, lateral (
            select strftime(cast(timezone($timezone, r.received_at) as date) - to_months(1), '%Y-%m') as period
            union
            select f.period from staging.forms as f where f.mail = r.mail and f.period is not null
            union
            -- A nil return by mail alone (ENV-07) may speak of an earlier month; submissions.py reads which.
            select strftime(cast(timezone($timezone, r.received_at) as date) - to_months(cast(i as integer)), '%Y-%m')
            from generate_series(2, 13) as back(i) where r.states_nil
        ) as p
        where received_at <= $as_of
        """,
        {"as_of": work.as_of, "timezone": work.deadline.timezone},
    )


def fingerprints(work: Work, last: str) -> dict[str, str]:
    """The fingerprint of every month from the first on record to `last`, each resting on the one before."""
    mails = {
        r["period"]: r["mails"]
        for r in work.warehouse.rows(
            """
            with of_others as (
                select mail, concat_ws('|', period, form_id) as said from core.slips
                union all
                select mail, concat_ws('|', period, unit_code, number, used_for) as said from core.used_scans
            ),
            said as (
                select mail, string_agg(said, ',' order by said) as said from of_others group by mail
            )
            select
                period,
                md5(string_agg(
                    concat_ws('|', mail, epoch_us(received_at), copies, s.said), ',' order by mail
                )) as mails,
            from core.mail_periods
            left join said as s using (mail)
            group by period
            """
        )
    }
    # A note changes nothing that is counted.
    decided = {
        r["period"]: r["told"]
        for r in work.warehouse.rows(
            """
            select period, string_agg(key || decided_by, ',' order by key) as told
            from core.decisions
            where kind <> 'note'
            group by period
            """
        )
    }
    prints: dict[str, str] = {}
    before = ""
    for period in periods.between(work.register.first_period, last):
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
    """Make core.standing_units of the period; the others no longer count as settled, whatever becomes of this run."""
    warehouse, parameters = work.warehouse, {"period": period, "rests_on": work.month_rests_on(period)}
    warehouse.put("core.said_now", explanations)
    for table in ("unit_digests", "standing_units"):
        warehouse.run_model(f"core.{table}", parameters, model_name=f"settled/{table}")
    warehouse.execute(f"delete from core.settled_units where period = $period and {NOT_STANDING}", parameters)


def mark_settled(work: Work, period: str) -> None:
    """Book the fingerprint under which the month was settled, of its units the digests, and what its tables hold."""
    digests = work.warehouse.frame(
        f"select * from core.unit_digests where period = $period and {NOT_STANDING}", {"period": period}
    )
    work.warehouse.put("core.settled_units", digests, period=period, instead_of=NOT_STANDING)
    work.warehouse.run_model("core.said", {"period": period}, model_name="settled/said")
    remember_tables(work.warehouse, period)
    print_ = fingerprints(work, period)[period]
    frame = pl.DataFrame({"period": [period], "fingerprint": [print_]})
    work.warehouse.put("core.settled", frame, period=period)
