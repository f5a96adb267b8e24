"""Mails of a month read from staging, booked, and written to core: submissions, mails, scans, plain findings.

Belongs here: reading and writing. Does not: whose a form is and whether it stands (submissions.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import Any

import polars as pl

from assets.instance.batches import blocks
from assets.instance.warehouse import Warehouse, model
from assets.month.findings.record import PLAIN, ids_of_plain
from assets.month.freshness import unsettle
from assets.month.references import put_references
from assets.month.submissions import Booked, Booking, Mail, Submission, book
from assets.month.work import BLOCK, UTC_TIME, Work
from expectations.signature import MOST

CODE = pl.Struct({"form": pl.String, "unit_code": pl.String, "period": pl.String, "totals": pl.List(pl.Int64)})
OF_MAILS = "mail in (select unnest($mails))"
NOT_BOOKED = "mail not in (select mail from core.booked_mails where period = $period)"


def book_month(work: Work, period: str) -> None:
    """Mails to submissions: core.units, scope_units, submissions, mails, scans and plain_findings of the period.

    A mail that is booked already, and of which nothing is otherwise now, is not looked at again.
    """
    unsettle(work, period)
    put_references(work, period)
    warehouse, parameters = work.warehouse, {"period": period, "rests_on": work.month_rests_on(period)}
    digests = warehouse.frame(model("settled/mail_digests"), parameters)
    booked = warehouse.frame("select * from core.booked_mails where period = $period", parameters)
    standing = digests.join(booked, on=["mail", "digest"], how="semi")
    warehouse.put("core.booked_mails", standing, period=period)  # the others no longer, whatever becomes of this run
    mails = digests.join(standing, on="mail", how="anti")["mail"].sort().to_list()
    booking = Booking(work.register, work.catalogue, work.deadline, work.form_versions)
    for number, block in enumerate([*blocks(mails, BLOCK)] or [[]]):
        made = book(read_mails(work, period, block), period, booking)
        _put_booked(warehouse, made, period, instead_of="false" if number else NOT_BOOKED)
    warehouse.run_model("core.submissions", parameters, model_name="settled/submissions")
    warehouse.run_model("core.signed_pages", {**parameters, "most": MOST}, model_name="settled/signed_pages")
    warehouse.put("core.booked_mails", digests, period=period)


def read_mails(work: Work, period: str, mails: Sequence[str]) -> list[Mail]:
    """Those of some mails that may concern the period, with their forms, scans and faults, by their names."""
    warehouse, parameters = work.warehouse, {"period": period, "mails": mails}
    read = {
        r["mail"]: Mail(**r)
        for r in warehouse.rows(
            f"""
            select
                p.mail, m.sender, m.subject, m.text_start, m.bounced, m.bounce_reason,
                p.received_at, p.trusted, p.copies,
                m.mail in (select mail from staging.explanations) as explains,
                d.unit_code as assigned_to,
            from core.mail_periods as p
            inner join staging.mails as m using (mail)
            left join core.decisions as d on d.kind = 'assign' and d.mail = p.mail and d.period = p.period
            where p.period = $period and {OF_MAILS.replace("mail", "p.mail", 1)}
            order by p.mail
            """,
            parameters,
        )
    }
    parameters["mails"] = list(read)
    for table in ("forms", "scans", "faults"):
        order = "ordinal" if table == "faults" else "number"
        for row in warehouse.rows(
            f"select * from staging.{table} where {OF_MAILS} order by mail, {order}",
            parameters,
        ):
            getattr(read[row["mail"]], table).append(row)
    for row in warehouse.rows(f"select * from core.unaltered_forms where {OF_MAILS}", parameters):
        read[row["mail"]].unaltered[row["form_id"]] = row["sent_at"]
    for row in warehouse.rows(f"select mail, form_id from core.slips where {OF_MAILS}", parameters):
        read[row["mail"]].slips.add(row["form_id"])
    for row in warehouse.rows(f"select * from core.used_scans where period = $period and {OF_MAILS}", parameters):
        read[row["mail"]].used[row["number"], row["unit_code"]] = row["used_for"]
    return list(read.values())


def plain_findings(booked: Booked, period: str) -> pl.DataFrame:
    """The findings of booked mails (PLAIN) with the ids that they will have."""
    findings = [
        {"unit_code": f.unit_code, "mail": f.mail, "form_id": f.form_id, **asdict(f.fault)} for f in booked.findings
    ]
    plain = pl.DataFrame(findings, schema=PLAIN)
    return plain.with_columns(finding_id=ids_of_plain(plain, period))


def _put_booked(warehouse: Warehouse, booked: Booked, period: str, instead_of: str) -> None:
    """Write what some mails were booked as, instead of the rows of the period for which a condition holds."""
    submissions: dict[str, Any] = dict.fromkeys(Submission.__slots__, pl.String) | {
        "number": pl.Int64, "received_at": UTC_TIME, "returned": pl.Boolean, "nil": pl.Boolean,
        "totals": pl.List(pl.Int64), "totals_at_most": pl.List(pl.Int64),
    }  # fmt: skip
    values = attrgetter(*submissions)  # asdict() copies them all, which took a quarter of the step
    forms = pl.DataFrame([values(s) for s in booked.submissions], schema=submissions, orient="row")
    mail: dict[str, Any] = {
        "mail": pl.String, "received_at": UTC_TIME, "unit_code": pl.String, "held": pl.Boolean, "copies": pl.Int64,
    }  # fmt: skip
    scan: dict[str, Any] = {
        "unit_code": pl.String, "mail": pl.String, "number": pl.Int64, "file": pl.String, "state": pl.String,
        "reason": pl.String, "expected": pl.String, "received_at": UTC_TIME, "codes": pl.List(CODE),
    }  # fmt: skip
    plain = plain_findings(booked, period)
    tables = {
        "booked_forms": forms,
        "mails": pl.DataFrame(booked.mails, schema=mail),
        "scans": pl.DataFrame(booked.scans, schema=scan),
        "plain_findings": plain.with_columns(ordinal=pl.int_range(pl.len()).over("mail")),
    }
    for table, frame in tables.items():
        rows = frame.with_columns(period=pl.lit(period))
        warehouse.put(f"core.{table}", rows, period=period, instead_of=instead_of)
