"""A month settled: a home's months opened for work, and the steps in their order.

Belongs here: opening, and the order. Does not: the steps, each of which reads what the one before wrote to the
warehouse and replaces its own rows of the period, so that it can be run again at any time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from assets.instance.clock import booked
from assets.instance.periods import between, parse_time
from assets.instance.progress import reporter
from assets.instance.session import Session
from assets.instance.software import installed_version
from assets.instance.warehouse import model
from assets.month.booking import book_month, read_mails
from assets.month.decisions import effective_decisions, put_decisions
from assets.month.findings.record import SCHEMA as FINDINGS
from assets.month.findings.steps import check_month_across, check_month_forms
from assets.month.freshness import fingerprints, index_mails, mark_settled
from assets.month.look_back import look_back
from assets.month.marts import build_marts, count_rows
from assets.month.submissions import nil_statement
from assets.month.work import Work, made_by

if TYPE_CHECKING:
    from assets.ledger.models import Decision

log = logging.getLogger("sixth.month")


class NotIndexed(Exception):
    """Nothing can be done with months before mails are indexed; the message says what to do."""

    exit_status = 2


def prepare(work: Work) -> None:
    """Make the tables that steps look into before the first month has filled them.

    A warehouse that other models, forms or code have made is begun anew: its tables may lack a column.
    """
    warehouse = work.warehouse
    if warehouse.is_made_by(made_by(work.catalogue)):
        return
    if warehouse.exists("core.settled") and warehouse.value("select count(*) from core.settled"):
        log.warning("the warehouse was made by other models, forms or code: every month is settled again")
    warehouse.begin_anew(made_by(work.catalogue), {"core.all_findings": pl.DataFrame(schema=FINDINGS)})
    warehouse.execute("create or replace view core.findings as select * from core.all_findings where counts")


def work_of(session: Session) -> Work:
    """All that settling months of an opened home depends on. Raises RegisterError, CatalogueError, SettingsError."""
    settings, catalogue = session.settings, session.catalogue
    weights: dict[str, Any] = asdict(settings.score)
    work = Work(
        warehouse=session.warehouse,
        catalogue=catalogue,
        register=session.register,
        deadline=session.deadline,
        form_versions=settings.accepted_versions(catalogue),
        score_weights=weights,
        coverage_percent=settings.coverage_percent,
        as_of=session.as_of,
        software=installed_version(),
        parsed_by=settings.parser_fingerprint(catalogue),
        progress=reporter,
    )
    prepare(work)
    return work


def indexed_work(session: Session) -> Work:
    """The same, with every parsed mail beside the months that it may concern by the clock of the run, stewards'
    decisions beside those that they bear on, and what earlier mails make of later ones.
    """
    work, settings = session.once(work_of), session.settings
    index_mails(work)
    made = decided(session)
    put_decisions(work.warehouse, effective_decisions(made, work.as_of, settings.approved_effects))
    look_back(work)
    return on_record(work, session)


def decided(session: Session) -> list[Decision]:
    """Every decision of the log."""
    from assets.ledger.decisions import all_decisions  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from assets.ledger.opening import open_reader  # noqa: PLC0415

    with open_reader(session.home.warehouse, session.settings.ledger_url) as ledger:
        return all_decisions(ledger)


def as_indexed(session: Session) -> Work:
    """The same as mails were last indexed, by the clock of then: what has come since is for a run that looks for it.

    In a run of the whole job that is the run's own clock. Raises NotIndexed.
    """
    work = session.once(work_of)
    if not work.warehouse.exists("core.indexed"):
        raise NotIndexed("no mails have been looked for on this home; materialise the job `month`, or run `sixth run`")
    as_of = parse_time(work.warehouse.value("select as_of from core.indexed"))
    return on_record(work if as_of == work.as_of else replace(work, as_of=as_of), session)


def on_record(work: Work, session: Session) -> Work:
    """The work without the months that are not on record: those before the home's first run that have no mail, in
    which else everybody would be missing (system.md, The register), but for those that a run was asked for by name or
    that are published.
    """
    runs = booked(session.home)
    if runs.first is None:
        return work
    opened = work.deadline.window_period(runs.first)
    known = {opened, *runs.asked, *(folder.name for folder in session.home.published.glob("*/"))}
    before = {*between(work.register.first_period, opened)} - known
    return replace(work, off_record=frozenset(before - months_with_mails(work, before))) if before else work


def months_with_mails(work: Work, before: Collection[str]) -> set[str]:
    """The months that a mail is about: in whose window it came, on a cover of it, or, of the months `before`, for which
    it says 零报告 and may say so.
    """
    warehouse, parameters = work.warehouse, {"timezone": work.deadline.timezone}
    months = {r["period"] for r in warehouse.rows(model("settled/months_with_mails"), parameters)}
    saying_nil = warehouse.rows(model("settled/mails_saying_nil"), {"before": sorted(before)})
    may_say = {r["mail"]: r["months"] for r in saying_nil}
    for window in sorted({r["period"] for r in saying_nil}):
        for mail in read_mails(work, window, [r["mail"] for r in saying_nil if r["period"] == window]):
            stated = nil_statement(mail, work.deadline)
            if stated and stated[0] in may_say[mail.mail]:
                months.add(stated[0])
    return months


def settle_month(work: Work, period: str) -> None:
    """All steps of one month, under the fingerprint that it has now."""
    print_ = fingerprints(work, period)[period]
    row = pl.DataFrame({"period": [period], "fingerprint": [print_]})
    work.warehouse.put("core.settling", row, period=period)
    book_month(work, period)
    check_month_forms(work, period)
    count_rows(work, period)
    check_month_across(work, period)
    build_marts(work, period)
    mark_settled(work, period)
