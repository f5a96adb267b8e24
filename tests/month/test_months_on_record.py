"""A month before the home's first run without any mail about it is not on record: nobody is missing in it.

system.md, The register. A home whose register begins two years before its first run, with three mails: one in time, one
with another year on the cover, one that says in words that there was nothing in a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest

from assets.instance.clock import booked, take_clock
from assets.instance.home import Home
from assets.instance.register import load_register
from assets.instance.session import Session, open_session
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.month.settle import indexed_work
from assets.month.spans import months_on_record, settle_months
from expectations.catalogue import load_catalogue
from tests.feedback.made_month import PERIOD, ZONE, drop_mail
from tests.feedback.made_month import Home as Made
from tests.feedback.made_month import home as made_home
from tests.templates.filled_forms import changed, cover_cell, filled_forms

UNIT = "D-001"
CLOCK = datetime(2026, 11, 8, 0, 30, tzinfo=ZONE)
WITH_MAILS = ["2025-10", "2026-03", PERIOD]  # by its cover, by its words, by its cover and the window that it came in


@pytest.fixture
def bare(tmp_path: Path) -> Home:
    """The home with the last of them alone."""
    made = made_home(tmp_path / "home", [UNIT])
    (made.root / "register/calendar.yaml").write_text("first_period: 2025-01\n", encoding="utf-8")
    (made.root / "register/settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    nil = EmailMessage()
    nil["From"], nil["Subject"] = f"{UNIT.lower()}@oa.example", "2026年3月零报告"
    nil["Received"] = "from oa by mx; Wed, 4 Nov 2026 09:00:00 +0800"
    nil.set_content("如题")
    (made.root / "inbox").mkdir(exist_ok=True)
    (made.root / "inbox/nil.eml").write_bytes(nil.as_bytes())
    home = Home(made.root)
    home.prepare()
    return home


@pytest.fixture
def home(bare: Home) -> Home:
    """The home with all three."""
    made = Made(bare.root, load_register(bare.register), load_catalogue())
    form = made.catalogue.form("annex3")

    def of_last_year(book: openpyxl.Workbook) -> None:
        book[form.cover_title][cover_cell(book[form.cover_title], form, "period")].value = "2025-10"

    forms = filled_forms(made.unit(UNIT), made.catalogue, made.register)
    drop_mail(made, UNIT, [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", changed(forms["annex3"], of_last_year))])
    return bare


@contextmanager
def collected(home: Home) -> Iterator[Session]:
    """The home opened, its mails parsed."""
    with open_session(home, CLOCK) as session:
        collect(session)
        staging.parse_new(session.warehouse, session.once(parser_of), home.archive, home.warehouse / "incoming")
        yield session


@pytest.mark.slow  # a year of months settled
def test_a_month_without_mails_before_the_first_run_is_in_no_table(home: Home) -> None:
    take_clock(home, CLOCK, PERIOD)
    with collected(home) as session:
        work = indexed_work(session)
        assert work.months_to(PERIOD) == WITH_MAILS
        assert work.parameters(PERIOD)["recent"] == WITH_MAILS
        assert months_on_record(work, "2026H2") == (PERIOD,)
        assert months_on_record(work, "2025H1") == ()

        settle_months(work, PERIOD)
        for table in ("core.settled", "core.units", "marts.unit_results", "marts.summaries"):
            found = [r["period"] for r in work.warehouse.rows(f"select distinct period from {table} order by period")]
            assert found == WITH_MAILS, table
        # What is open carries over a gap: from March to October, and not from September, of which nothing is known.
        assert (work.parameters(PERIOD)["carried_from"], work.parameters(PERIOD)["previous"]) == ("2026-03", "2026-09")
        problems = "select period, issue_no, reported_in from marts.problems where is_open order by period, issue_no"
        carried = [(r["period"], r["issue_no"]) for r in work.warehouse.rows(problems) if r["reported_in"] == "2025-10"]
        assert {period for period, _ in carried} == set(WITH_MAILS)

        take_clock(home, CLOCK, "2026-08")  # somebody asks for it: it is on record from then on
        work = indexed_work(session)
        assert work.months_to(PERIOD) == [*WITH_MAILS[:2], "2026-08", PERIOD]
        settle_months(work, PERIOD)
        missing = "select state from marts.unit_results where period = '2026-08'"
        assert [r["state"] for r in work.warehouse.rows(missing)] == ["missing"]


def test_a_month_that_no_mail_may_speak_for_any_more_is_not_put_on_record_by_its_words(bare: Home) -> None:
    """A mail says 零报告 for a month of the last year at the most: for an older one it is returned in its window."""
    mail = bare.inbox / "nil.eml"
    text = mail.read_bytes()
    subject = next(line for line in text.splitlines() if line.startswith(b"Subject:"))
    older = EmailMessage()
    older["Subject"] = "2025年3月零报告"
    mail.write_bytes(text.replace(subject, older.as_bytes().splitlines()[0]))
    take_clock(bare, CLOCK, PERIOD)
    with collected(bare) as session:
        assert indexed_work(session).months_to(PERIOD) == [PERIOD]


def test_every_month_from_the_first_run_on_is_on_record(bare: Home) -> None:
    """Whether a mail came or not; and what runs are asked for is booked once."""
    take_clock(bare, CLOCK.replace(year=2025), "2025-10")
    take_clock(bare, CLOCK, PERIOD)
    runs = booked(bare)
    assert (runs.first, runs.as_of, runs.asked) == (CLOCK.replace(year=2025), CLOCK, ("2025-10", PERIOD))
    with collected(bare) as session:
        work = indexed_work(session)
        assert work.months_to(PERIOD)[:3] == ["2025-10", "2025-11", "2025-12"]
        assert replace(work, off_record=frozenset()).months_to("2025-03") == ["2025-01", "2025-02", "2025-03"]


def test_what_is_published_is_on_record(bare: Home) -> None:
    """By software that did not book what runs were asked for."""
    bare.prepare()
    (bare.warehouse / "last_run.json").write_text('{"as_of": "2026-11-06T00:30:00+08:00"}\n', encoding="utf-8")
    (bare.published / "2026-02").mkdir(parents=True)
    take_clock(bare, CLOCK, PERIOD)
    with collected(bare) as session:
        assert indexed_work(session).months_to(PERIOD) == ["2026-02", "2026-03", PERIOD]
