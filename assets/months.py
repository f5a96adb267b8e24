"""A month settled: from parsed mails to submissions, findings, counted rows and marts, step by step.

Belongs here: the steps in their order, each of which reads what the one before wrote to the warehouse and replaces
its own rows of the period, so that it can be run again at any time. Does not: the work of a step (submissions,
findings, sql/), publishing (assets/publishing.py).

A month rests on its mails, the register, the catalogue, the settings and the month before; their digest is the
month's fingerprint, and a month whose fingerprint stands is not settled again. Where it does not, findings and rows
of units whose own mails are what they were stand all the same (core.standing_units), but for findings of rules that
look at other months or units.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Any

import polars as pl

from assets import periods
from assets.blocks import blocks
from assets.findings import checking
from assets.findings.record import PLAIN, findings_of, says_something
from assets.findings.record import SCHEMA as FINDINGS
from assets.findings.scans import check_scans
from assets.periods import Deadline
from assets.register import Register, Unit
from assets.submissions import Booked, Booking, Mail, Submission, book
from assets.summary import summaries
from assets.warehouse import SQL, Warehouse, model
from expectations.catalogue import Catalogue
from expectations.suites import Check, Validator, is_of_what_is_absent
from expectations.validating import ValidatorProcess

ROW_MARTS = (
    "exposed_assets", "app_launches", "self_check", "rectification", "incidents", "indicators", "agreements",
)  # fmt: skip
KEY_SUPERVISION_SERVICE_YEARS = 1  # 003, article 9
KEY_SUPERVISION_INCIDENT_YEARS = 2
UTC_TIME = pl.Datetime("us", "UTC")
NOT_STANDING = "unit_code not in (select unit_code from core.standing_units where period = $period)"
OF_MAILS = "mail in (select unnest($mails))"
NOT_BOOKED = "mail not in (select mail from core.booked_mails where period = $period)"
OF_UNITS = "unit_code in (select unnest($units))"
CARRIED = "list_contains($carried, rule_id)"
ACROSS = f"({CARRIED} or (list_contains($absent, rule_id) and {NOT_STANDING}))"
BLOCK = 2000  # mails booked, and units checked, at once


@dataclass(frozen=True)
class Work:
    """All that settling months depends on. `as_of` is the clock of the run: later mails are not there yet."""

    warehouse: Warehouse
    catalogue: Catalogue
    register: Register
    deadline: Deadline
    form_versions: frozenset[str]
    score_weights: Mapping[str, float]
    as_of: datetime
    software: str
    parsed_by: str  # Parser.fingerprint: with other limits a mail has other rows
    make_validator: Callable[[], Validator | ValidatorProcess] = Validator
    progress: Callable[[str, int, int], None] | None = None

    @cached_property
    def validator(self) -> Validator | ValidatorProcess:
        """The run's one validator, made when first needed: Great Expectations takes seconds to import."""
        return self.make_validator()

    def failures(self, name: str, checks: tuple[Check, ...], frame: pl.DataFrame) -> pl.DataFrame:
        """Validator.failures; a night with no new rows never makes the validator."""
        return self.validator.failures(name, checks, frame)

    @cached_property
    def rests_on(self) -> str:
        """Digest of everything but the mails."""
        parts = [
            self.catalogue.digest,
            self.register.digest,
            repr(self.deadline),
            ",".join(sorted(self.form_versions)),
            json.dumps(dict(self.score_weights), sort_keys=True),
            self.software,
            self.parsed_by,
        ]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def parameters(self, period: str) -> dict[str, Any]:
        """The parameters that SQL models may name."""
        start = periods.first_day(period)
        back = f"{start.year - KEY_SUPERVISION_INCIDENT_YEARS}-{start.month:02d}"
        on_record = periods.between(self.register.first_period, period)
        return {
            "period": period,
            **self.months_within([period], list(on_record)[-12:] or [period]),
            "previous": periods.preceding(period),
            "year_before": f"{start.year - 1}-{start.month:02d}",
            "two_years_before": back,
            "month_start": start,
            "month_end": periods.last_day(period),
            "cutoff": self.deadline.cutoff(period),
            "timezone": self.deadline.timezone,
            "carrier": self.register.tree(period).carrier,
        }

    def months_within(self, months: list[str], recent: list[str]) -> dict[str, Any]:
        """The parameters that name months: those that make up the period, and those shown beside one another."""
        return {
            "months": months,
            "cutoffs": [self.deadline.cutoff(m) for m in months],
            "recent": recent,
            "recent_cutoffs": [self.deadline.cutoff(m) for m in recent],
        }


# --------------------------------------------------------------------------------------- which months are stale
def index_mails(work: Work) -> None:
    """Make core.mail_periods: every mail received by the clock of the run, beside each month that it may concern."""
    work.warehouse.execute(
        """
        create or replace table core.mail_periods as
        with received as (
            select
                m.mail,
                coalesce(r.told_at, m.header_received_at, m.dated_at, $as_of) as received_at,
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
            -- A nil return by mail alone (ENV-07) may speak of an earlier month; assets/submissions.py reads which.
            select strftime(cast(timezone($timezone, r.received_at) as date) - to_months(cast(i as integer)), '%Y-%m')
            from generate_series(2, 13) as back(i)
            where r.states_nil
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
            select
                period,
                md5(string_agg(concat_ws('|', mail, epoch_us(received_at), copies), ',' order by mail)) as mails,
            from core.mail_periods
            group by period
            """
        )
    }
    prints: dict[str, str] = {}
    before = work.rests_on
    for period in periods.between(work.register.first_period, last):
        before = hashlib.sha256(f"{before}|{period}|{mails.get(period, '')}".encode()).hexdigest()
        prints[period] = before
    return prints


def stale_months(work: Work, last: str) -> list[str]:
    """The months up to `last` that must be settled again, in order: from the first stale one on, all."""
    settled = {r["period"]: r["fingerprint"] for r in work.warehouse.rows("select * from core.settled")}
    prints = fingerprints(work, last)
    stale = [p for p, print_ in prints.items() if settled.get(p) != print_]
    return [p for p in prints if stale and p >= stale[0]]


def prepare(work: Work) -> None:
    """Make the tables that steps look into before the first month has filled them."""
    warehouse = work.warehouse
    if not warehouse.exists("core.settled"):
        warehouse.put("core.settled", pl.DataFrame(schema={"period": pl.String, "fingerprint": pl.String}))
        warehouse.put(
            "marts.summaries",
            pl.DataFrame(schema={"period": pl.String, "scope": pl.String, "summary": pl.String}),
        )
    if not warehouse.exists("core.all_findings"):
        warehouse.put("core.all_findings", pl.DataFrame(schema=FINDINGS))
    warehouse.execute("create or replace view core.findings as select * from core.all_findings where counts")


# ------------------------------------------------------------------------------------------------ step: submissions
def book_month(work: Work, period: str) -> None:
    """Mails to submissions: core.units, scope_units, submissions, mails, scans and plain_findings of the period.

    A mail that is booked already, and of which nothing is otherwise now, is not looked at again.
    """
    unsettle(work, period)
    put_references(work, period)
    warehouse, parameters = work.warehouse, {"period": period, "rests_on": work.rests_on}
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
    warehouse.put("core.booked_mails", digests, period=period)


def unsettle(work: Work, period: str) -> None:
    """Say that the month, and so every later one, is being worked on."""
    work.warehouse.execute("delete from core.settled where period >= $period", {"period": period})


def read_mails(work: Work, period: str, mails: Sequence[str]) -> list[Mail]:
    """Some mails that may concern the period, with their forms, scans and faults, by their names."""
    warehouse, parameters = work.warehouse, {"period": period, "mails": mails}
    read = {
        r["mail"]: Mail(**r)
        for r in warehouse.rows(
            f"""
            select
                p.mail, m.sender, m.subject, m.text_start, p.received_at, p.trusted, p.copies,
                m.mail in (select mail from staging.explanations) as explains,
            from core.mail_periods as p
            inner join staging.mails as m using (mail)
            where p.period = $period and {OF_MAILS}
            order by p.mail
            """,
            parameters,
        )
    }
    for table in ("forms", "scans", "faults"):
        order = "ordinal" if table == "faults" else "number"
        for row in warehouse.rows(
            f"select * from staging.{table} where {OF_MAILS} order by mail, {order}",
            parameters,
        ):
            getattr(read[row["mail"]], table).append(row)
    return list(read.values())


def _put_booked(warehouse: Warehouse, booked: Booked, period: str, instead_of: str) -> None:
    """Write what some mails were booked as, instead of the rows of the period for which a condition holds."""
    submissions: dict[str, Any] = dict.fromkeys(Submission.__slots__, pl.String) | {
        "number": pl.Int64, "received_at": UTC_TIME, "returned": pl.Boolean, "nil": pl.Boolean,
    }  # fmt: skip
    values = attrgetter(*submissions)  # asdict() copies them all, which took a quarter of the step
    forms = pl.DataFrame([values(s) for s in booked.submissions], schema=submissions, orient="row")
    mail: dict[str, Any] = {
        "mail": pl.String, "received_at": UTC_TIME, "unit_code": pl.String, "held": pl.Boolean, "copies": pl.Int64,
    }  # fmt: skip
    scan: dict[str, Any] = {
        "unit_code": pl.String, "mail": pl.String, "number": pl.Int64, "file": pl.String, "state": pl.String,
        "reason": pl.String, "received_at": UTC_TIME,
    }  # fmt: skip
    findings = [
        {"unit_code": f.unit_code, "mail": f.mail, "form_id": f.form_id, **asdict(f.fault)} for f in booked.findings
    ]
    tables = {
        "booked_forms": forms,
        "mails": pl.DataFrame(booked.mails, schema=mail),
        "scans": pl.DataFrame(booked.scans, schema=scan),
        "plain_findings": pl.DataFrame(findings, schema=PLAIN).with_columns(
            ordinal=pl.int_range(pl.len()).over("mail")
        ),
    }
    for table, frame in tables.items():
        rows = frame.with_columns(period=pl.lit(period))
        warehouse.put(f"core.{table}", rows, period=period, instead_of=instead_of)


def put_references(work: Work, period: str) -> None:
    """What the models join: units of the period, the scopes above each, items by profile, indicators, weights."""
    warehouse, tree, protected = (
        work.warehouse,
        work.register.tree(period),
        period in work.register.protection_periods,
    )
    units: list[dict[str, Any]] = []
    scopes: list[dict[str, str]] = []
    profiles: dict[str, Unit] = {}
    for position, unit in enumerate(tree.units):
        profile = f"{unit.kind}|{';'.join(sorted(unit.services))}|{'protected' if protected else ''}"
        profiles[profile] = unit
        units.append(
            {
                "period": period,
                "unit_code": unit.code,
                "unit_name": unit.name,
                "parent_code": unit.parent,
                "level": unit.level,
                "kind": unit.kind,
                "services": ";".join(sorted(unit.services)),
                "position": position,
                "profile": profile,
                "has_im_service": "im" in unit.services,
                "is_supervised": _is_supervised(work.register, unit, period),
            }
        )
        scopes.extend(
            {"period": period, "scope": scope, "unit_code": unit.code}
            for scope in tree.above(unit.code)
            if tree.by_code[scope].level != "unit"
        )
    warehouse.put("core.units", pl.DataFrame(units), period=period)
    warehouse.put("core.scope_units", pl.DataFrame(scopes), period=period)
    items = [
        {
            "profile": profile,
            "item_code": item.code,
            "checklist": item.checklist,
            "weight": item.weight,
            "target": item.target,
            "target_text": None if item.target is None else f"{item.target:g}%",
        }
        for profile, unit in profiles.items()
        if unit.level == "unit"
        for item in work.catalogue.items_for(unit.kind, unit.services, protected)
    ]
    item_schema = {
        "profile": pl.String, "item_code": pl.String, "checklist": pl.String, "weight": pl.Float64,
        "target": pl.Float64, "target_text": pl.String,
    }  # fmt: skip
    _keep_profiles(work, pl.DataFrame(items, schema=item_schema))
    warehouse.put(
        "core.indicators",
        pl.DataFrame(
            [(i.code, i.zh, i.kind, i.target) for i in work.catalogue.indicators],
            schema={"indicator_code": pl.String, "name": pl.String, "kind": pl.String, "target": pl.Float64},
            orient="row",
        ),
    )
    forms = [(f.key, not f.optional) for f in work.catalogue.forms]
    warehouse.put("core.forms", pl.DataFrame(forms, schema={"form": pl.String, "required": pl.Boolean}, orient="row"))
    warehouse.execute("create or replace view core.required_forms as select form from core.forms where required")
    allowed = work.catalogue.rules["INC-03"].parameters["minutes_allowed"]
    warehouse.put(
        "core.report_limits",
        pl.DataFrame(list(allowed.items()), schema={"level": pl.String, "minutes_allowed": pl.Int64}, orient="row"),
    )
    weights = {name: [float(points)] for name, points in work.score_weights.items()}
    warehouse.put("core.score_weights", pl.DataFrame(weights))


def _keep_profiles(work: Work, items: pl.DataFrame) -> None:
    """Add the items of the period's profiles to core.profile_items, beside those of other months' profiles.

    A profile says by itself whom it is asked of, and when; only another catalogue changes what it asks.
    """
    warehouse = work.warehouse
    warehouse.put("core.profile_items_now", items.with_columns(catalogue=pl.lit(work.catalogue.digest)))
    warehouse.execute("create table if not exists core.profile_items as from core.profile_items_now limit 0")
    warehouse.execute("begin")
    warehouse.execute(
        """
        delete from core.profile_items
        where catalogue <> $digest or profile in (select profile from core.profile_items_now)
        """,
        {"digest": work.catalogue.digest},
    )
    warehouse.execute("insert into core.profile_items by name from core.profile_items_now")
    warehouse.execute("commit")


def _is_supervised(register: Register, unit: Unit, period: str) -> bool:
    """Whether the calendar makes the unit one under key supervision; incidents are looked at in marts/unit_results."""
    end = periods.last_day(period)
    year_ago = end.replace(year=end.year - KEY_SUPERVISION_SERVICE_YEARS, day=min(end.day, 28))
    starts = register.service_starts.get(unit.code, ())
    return bool(register.penalties.get(unit.code)) or any(year_ago < d <= end for d in starts)


# ------------------------------------------------------------------------------- steps: findings, counted rows, marts
def check_month_forms(work: Work, period: str) -> int:
    """Rows, covers, workbooks, mails and scans held against their rules: core.all_findings but for those of rules that
    look across months or units, or at what is absent.
    """
    parameters = work.parameters(period)

    def progress(done: int, of: int) -> None:
        if work.progress:
            work.progress("checking forms", done, of)

    explanations = _explanations(work, period)
    _find_standing_units(work, period, explanations)
    work.warehouse.execute(
        f"delete from core.all_findings where period = $period and ({NOT_STANDING} or {CARRIED})",
        {**parameters, "carried": _carried(work.catalogue)},
    )
    units = [
        r["unit_code"]
        for r in work.warehouse.rows(
            f"select unit_code from core.unit_digests where period = $period and {NOT_STANDING} order by unit_code",
            parameters,
        )
    ]
    some_units = blocks(units, BLOCK)
    answered = checking.check_forms(
        work.warehouse, work.failures, work.catalogue, work.register, work.parsed_by, parameters, some_units, progress
    )
    return sum(_record_form_findings(work, {**parameters, "units": block}, explanations) for block in answered)


def _record_form_findings(work: Work, parameters: Mapping[str, Any], explanations: pl.DataFrame) -> int:
    """Write the findings on mails, forms and scans of some units, $units; how many there are."""
    warehouse, period = work.warehouse, str(parameters["period"])
    plain = warehouse.frame(
        f"""
        select {", ".join(f'"{name}"' for name in PLAIN)}
        from core.plain_findings
        where period = $period and {OF_UNITS}
        order by mail, ordinal
        """,
        parameters,
    )
    submissions = _submissions(warehouse, parameters, OF_UNITS)
    own = submissions.filter(pl.col("level") == "unit")["unit_code"]
    scans = warehouse.frame(f"select * from core.scans where period = $period and {OF_UNITS}", parameters)
    found = findings_of(
        period,
        submissions,
        pl.concat([plain, check_scans(own, scans)]),
        checking.form_failures(warehouse, parameters["units"]),
        explanations,
        work.catalogue,
    )
    warehouse.put("core.all_findings", found, period=period, instead_of=OF_UNITS, parameters=parameters)
    return found.height


def _find_standing_units(work: Work, period: str, explanations: pl.DataFrame) -> None:
    """Make core.standing_units of the period; the others no longer count as settled, whatever becomes of this run."""
    warehouse, parameters = work.warehouse, {"period": period, "rests_on": work.rests_on}
    warehouse.put("core.said_now", explanations)
    for table in ("unit_digests", "standing_units"):
        warehouse.run_model(f"core.{table}", parameters, model_name=f"settled/{table}")
    warehouse.execute(f"delete from core.settled_units where period = $period and {NOT_STANDING}", parameters)


def _carried(catalogue: Catalogue) -> list[str]:
    """The rules that look at other months or other units."""
    return sorted(r.id for r in catalogue.rules.values() if r.carried)


def _submissions(warehouse: Warehouse, parameters: Mapping[str, Any], which: str) -> pl.DataFrame:
    """The submissions of the period for which a condition holds, with the level of their units."""
    return warehouse.frame(
        f"""
        select s.*, u.level
        from core.submissions as s
        left join core.units as u using (period, unit_code)
        where period = $period and {which}
        order by form_id
        """,
        parameters,
    )


def _explanations(work: Work, period: str) -> pl.DataFrame:
    """What units have said of their warnings in marked workbooks up to the period: subject, text; the latest stands."""
    told = work.warehouse.frame(
        """
        select e.subject, e.text
        from staging.explanations as e
        inner join core.mails as m using (mail)
        where m.period <= $period and not m.held
        order by m.received_at, e.mail, e.ordinal
        """,
        {"period": period},
    )
    tells = pl.Series([says_something(text, work.catalogue) for text in told["text"]], dtype=pl.Boolean)
    return told.filter(tells).unique("subject", keep="last", maintain_order=True)


def count_rows(work: Work, period: str) -> dict[str, int]:
    """Rows of effective submissions with whether they count: marts.<sheet> of the period; rows received by sheet."""
    warehouse, parameters = work.warehouse, work.parameters(period)
    for table, effect in (("dropped", "drop"), ("flagged", "flag")):
        column = "rules" if effect == "drop" else "flags"
        warehouse.execute(
            f"""
            create or replace temp table {table} as
            select form_id, sheet_key as sheet, row, list(distinct rule_id order by rule_id) as {column}
            from core.all_findings
            where period = $period and {NOT_STANDING} and effect = '{effect}' and status = 'open' and row > 0
            group by form_id, sheet_key, row
            """,
            parameters,
        )
    return {sheet: warehouse.run_model(f"marts.{sheet}", parameters, instead_of=NOT_STANDING) for sheet in ROW_MARTS}


def check_month_across(work: Work, period: str) -> int:
    """The rules that look at other months, other units or what is absent; how many findings they add."""
    parameters = work.parameters(period)
    failures = checking.check_across(work.warehouse, work.failures, work.catalogue, parameters)
    parameters |= {
        "carried": _carried(work.catalogue),
        "absent": sorted(r.id for r in work.catalogue.rules.values() if is_of_what_is_absent(r, work.catalogue)),
        "forms": failures["form_id"].unique().to_list(),
    }
    submissions = _submissions(work.warehouse, parameters, "form_id in (select unnest($forms))")
    plain = pl.DataFrame(schema=PLAIN)
    found = findings_of(period, submissions, plain, failures, _explanations(work, period), work.catalogue)
    work.warehouse.put("core.all_findings", found, period=period, instead_of=ACROSS, parameters=parameters)
    return found.height


def build_marts(work: Work, period: str) -> dict[str, int]:
    """What stands at the end of the month, what became of each unit, and the figures of every scope."""
    parameters = work.parameters(period)
    counts = {
        name: work.warehouse.run_model(f"marts.{name}", parameters)
        for name in ("problems", "agreement_register", "unit_forms", "unit_results")
    }
    figures = summaries(work.warehouse, work.catalogue, parameters)
    rows = [(period, scope, json.dumps(figures[scope], ensure_ascii=False)) for scope in figures]
    schema = {"period": pl.String, "scope": pl.String, "summary": pl.String}
    work.warehouse.put("marts.summaries", pl.DataFrame(rows, schema=schema, orient="row"), period=period)
    return counts


def mark_settled(work: Work, period: str) -> None:
    """Book the fingerprint under which the month was settled, and of its units the digests."""
    digests = work.warehouse.frame(
        f"select * from core.unit_digests where period = $period and {NOT_STANDING}", {"period": period}
    )
    work.warehouse.put("core.settled_units", digests, period=period, instead_of=NOT_STANDING)
    work.warehouse.run_model("core.said", {"period": period}, model_name="settled/said")
    print_ = fingerprints(work, period)[period]
    frame = pl.DataFrame({"period": [period], "fingerprint": [print_]})
    work.warehouse.put("core.settled", frame, period=period)


def settle_month(work: Work, period: str) -> None:
    """All steps of one month."""
    book_month(work, period)
    check_month_forms(work, period)
    count_rows(work, period)
    check_month_across(work, period)
    build_marts(work, period)
    mark_settled(work, period)


def failing_tests(work: Work, period: str) -> dict[str, int]:
    """The SQL tests of sql/tests: how many rows each returns, which is none where all is well."""
    return {
        path.stem: int(
            work.warehouse.value(f"select count(*) from ({model(f'tests/{path.stem}')})", work.parameters(period))
        )
        for path in sorted((SQL / "tests").glob("*.sql"))
    }
