"""`sixth report --half 2026H2`, `--year 2026`: the months of a span settled, put together and published.

Belongs here: the order of the steps, and what is said of them. Does not: collecting mails (`sixth run` does), the
work of a step (assets/month/spans.py, reports/publishing/publish.py, reports/report/span_words.py).
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial

from assets.instance import periods
from assets.instance.clock import take_clock
from assets.instance.home import Home
from assets.instance.periods import Deadline
from assets.instance.progress import reporter
from assets.instance.register import Register
from assets.instance.session import open_session
from assets.intake import staging
from assets.intake.parsing import parser_of
from assets.month import spans
from assets.month.settle import indexed_work
from assets.month.sql_tests import failing_tests
from pipelines.month_run import Outcome
from reports.publishing.publish import publish
from reports.publishing.versions import Edition


def refusal(span: str, register: Register, deadline: Deadline, as_of: datetime) -> str:
    """Why there can be no report of a span yet, or ever; "" where there can."""
    if spans.months_over(span, register, deadline, as_of):
        return ""
    last = periods.months_of(span)[-1]
    if last < register.first_period:
        return f"{span} lies before {register.first_period}, the first month on record"
    return f"no month of {span} on record is over yet at {as_of.isoformat(timespec='minutes')}"


def parsing(done: int, of: int) -> None:
    """Tell how far parsing is."""
    reporter("parsing mails", done, of)


def report_span(home: Home, span: str, as_of: datetime, lang: str) -> Outcome:
    """Publish a half-year or year for every scope from the mails that are parsed, and mail it to its readers; status 3
    where figures disagree.

    `span`: 2026H2 or 2026, for which `refusal` has nothing to say. Raises what settling and publishing raise; then
    nothing is published half. Raises ClockBehind, too.
    """
    from reports.forms.beside import with_documents  # noqa: PLC0415
    from reports.forms.pool import render_all  # noqa: PLC0415 - wanted here alone
    from reports.notices.run import mail_reports  # noqa: PLC0415
    from reports.notices.sending import QUEUED, summary  # noqa: PLC0415
    from reports.report.span_words import gather_span  # noqa: PLC0415

    home.prepare()  # before anything is booked: a home with traces of a run and no mark is one of an earlier release
    take_clock(home, as_of)
    with open_session(home, as_of, lang=lang, for_run=True) as session, reporter.shown():
        # A home of older software has its mails parsed as this one reads them, as a month's run does.
        incoming = home.warehouse / "incoming"
        staging.parse_new(session.warehouse, session.once(parser_of), home.archive, incoming, parsing)
        work = session.once(indexed_work)
        of = spans.months_on_record(work, span)
        if not of:
            return Outcome((f"no month of {span} is on record: no mail is about one, and no run was made then",), 2)
        spans.settle_months(work, of[-1])
        with spans.span_tables(work, span) as (span_work, parameters):
            failing = failing_tests(span_work, span, parameters)
            if failing:
                return Outcome((f"figures do not reconcile, nothing was published: {failing}",), 3)
            editions = publish(
                span_work,
                span,
                home.published,
                partial(gather_span, work.warehouse, work.catalogue, parameters),
                with_documents(render_all, session.settings.documents, span_work, span, parameters),
                lang,
            )
        mailed = mail_reports(session, span, span_work) if session.settings.feedback else []
    told = [f"readers  {summary(mailed)}"] if mailed else []
    if any(row.outcome == QUEUED for row in mailed):
        told.append(f"         what is queued goes out when `sixth report` is run for {span} again")
    return Outcome((*_lines(span, of, editions[0]), *told), 0)


def _lines(span: str, of: tuple[str, ...], edition: Edition) -> list[str]:
    summary = json.loads((edition.folder / "summary.json").read_text(encoding="utf-8"))
    units, problems = summary["units"], summary["rectification"]
    return [
        f"{span} {summary['kind']} report ({edition.version}) as of {summary['as_of']}",
        f"months   {of[0]} to {of[-1]}, {len(of)} in all",
        f"units    {units['complete_on_time']} on time, {units['complete_late']} late, "
        f"{units['incomplete']} incomplete, {units['returned']} returned, {units['missing']} missing, "
        f"of {units['expected']}",
        f"problems {problems['open']} open, {problems['overdue']} overdue",
        f"report   {edition.folder / 'report.html'}",
    ]
