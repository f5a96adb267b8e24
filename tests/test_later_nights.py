"""Later nights leave units without anything new alone, and end as a night does that finds all of it at once.

Nor does it show how many units, forms and rows are worked on at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import polars as pl
import pytest

from assets.instance.periods import Deadline
from assets.instance.warehouse import Warehouse
from assets.month import booking
from assets.month.booking import book_month
from assets.month.findings import checking, steps
from assets.month.findings.steps import check_month_across, check_month_forms
from assets.month.freshness import index_mails, stale_months
from assets.month.marts import build_marts, count_rows
from assets.month.settle import settle_month
from assets.month.submissions import Mail
from assets.month.work import Work
from tests.reports.settled_sample import LAST, settled_sample

pytestmark = pytest.mark.slow

NIGHTS = [datetime(2026, 11, day, 2, 0, tzinfo=Deadline().zone) for day in (2, 3, 4, 5, 6, 10)]
# The last mail of the month; here it also has a word on what another unit was told to check.
LATE_MAIL_OF, EXPLAINED = "EX-15-01-CHA", "EX-15-01-NET"
STEPS: tuple[Callable[[Work, str], object], ...] = (
    book_month,
    check_month_forms,
    count_rows,
    check_month_across,
    build_marts,
)
BOOKS = (
    "core.settled",
    "core.settled_units",
    "core.standing_units",
    "core.unit_digests",
    "core.said",
    "core.booked_mails",
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    """The mails of the sample, parsed."""
    with settled_sample(tmp_path_factory.mktemp("nights")) as sample:
        sample.warehouse.execute(
            """
            insert into staging.explanations by name
            select m.mail, '' as form_id, 1 as ordinal, f.finding_id, f.subject, '该系统已于本月下线并完成备案' as text
            from (select arg_max(mail, received_at) as mail from core.mails where unit_code = $unit) as m
            cross join (
                select finding_id, subject
                from core.all_findings
                where period = $period and unit_code = $explained and rule_id = 'AST-03'
                order by all
                limit 1
            ) as f
            """,
            {"period": LAST, "unit": LATE_MAIL_OF, "explained": EXPLAINED},
        )
        yield sample.work


def tables(warehouse: Warehouse) -> list[str]:
    """The tables of what is found, counted and summed up, which have a period."""
    rows = warehouse.execute(
        """
        select distinct table_schema || '.' || table_name
        from information_schema.columns
        inner join information_schema.tables using (table_schema, table_name)
        where column_name = 'period' and table_schema in ('core', 'marts') and table_type = 'BASE TABLE'
        order by all
        """
    ).fetchall()
    return [t for (t,) in rows if t not in BOOKS]


def contents(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """What these tables hold, whatever the order of their rows."""
    return {t: warehouse.frame(f"select * from {t} order by all") for t in tables(warehouse)}


def forget(warehouse: Warehouse) -> None:
    """Let no night have been, but for the answers of rules on forms."""
    for table in [*tables(warehouse), *BOOKS]:
        warehouse.execute(f"delete from {table}")


def night(work: Work, as_of: datetime) -> None:
    """Settle what is stale at a moment."""
    work = replace(work, as_of=as_of)
    index_mails(work)
    for month in stale_months(work, LAST):
        settle_month(work, month)


def killed_night(work: Work, as_of: datetime, steps: int) -> None:
    """Begin to settle the last month and stop after so many steps."""
    work = replace(work, as_of=as_of)
    index_mails(work)
    for step in STEPS[:steps]:
        step(work, LAST)


def test_nights_one_after_another_end_as_one_night_does(work: Work) -> None:
    """Before each a run is killed after another step, and one whose clock was ahead: what it did must not stand."""
    warehouse, found = work.warehouse, {}
    forget(warehouse)
    for number, as_of in enumerate(NIGHTS):
        killed_night(work, NIGHTS[-1], steps=number)
        killed_night(work, as_of, steps=number)
        night(work, as_of)
        found[as_of] = contents(warehouse)
    assert found[NIGHTS[0]]["core.submissions"].height < found[NIGHTS[-1]]["core.submissions"].height
    for as_of, later in found.items():
        forget(warehouse)
        night(work, as_of)
        at_once = contents(warehouse)
        assert later.keys() == at_once.keys()
        assert [table for table in later if not later[table].equals(at_once[table])] == []


@dataclass(frozen=True, slots=True)
class Night:
    """What one night of the month did and found."""

    read: frozenset[str]
    """The mails that were booked."""
    came: frozenset[str]
    known: frozenset[str]
    standing: frozenset[str]
    """The units that were left alone, of those that are known."""
    reached: frozenset[str]
    """The units of which something came."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The nights of a month, and what they came to."""

    nights: list[Night]
    explained: list[tuple[str, str]]
    """The units that have explained something, and how."""
    changed: str
    """A mail that said something else after the last night."""
    read_again: frozenset[str]
    """The mails that were booked after that."""


@pytest.fixture(scope="module")
def passed(work: Work) -> Passed:
    """Every night of the month, one after another, and its last once more with one mail that says something else."""
    warehouse, read = work.warehouse, set[str]()
    nights: list[Night] = []

    def reading(work: Work, period: str, mails: Sequence[str]) -> list[Mail]:
        read.update(mails if period == LAST else ())
        return read_mails(work, period, mails)

    def all_of(query: str, before: datetime) -> frozenset[str]:
        parameters = {"p": LAST} | ({"before": before} if "$before" in query else {})
        return frozenset(of for (of,) in warehouse.execute(query, parameters).fetchall())

    read_mails = booking.read_mails
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(booking, "read_mails", reading)
        forget(warehouse)
        for before, as_of in pairwise([datetime(2026, 1, 1, tzinfo=Deadline().zone), *NIGHTS]):
            read.clear()
            night(work, as_of)
            nights.append(
                Night(
                    frozenset(read),
                    all_of("select mail from core.mail_periods where period = $p and received_at > $before", before),
                    all_of("select unit_code from core.unit_digests where period = $p", before),
                    all_of("select unit_code from core.standing_units where period = $p", before),
                    all_of(
                        """
                        select unit_code from core.submissions where period = $p and received_at > $before
                        union
                        select unit_code from core.mails where period = $p and received_at > $before
                        """,
                        before,
                    ),
                )
            )
        reasons = "select distinct unit_code, reason from core.all_findings where period = $p and status = 'explained'"
        explained = warehouse.execute(reasons, {"p": LAST}).fetchall()
        mail = warehouse.value(
            "select min(mail) from core.plain_findings where period = $p and mail in (select mail from staging.faults)",
            {"p": LAST},
        )
        warehouse.execute("update staging.faults set value = value || '?' where mail = $mail", {"mail": mail})
        read.clear()
        book_month(replace(work, as_of=NIGHTS[-1]), LAST)
    return Passed(nights, explained, mail, frozenset(read))


def test_units_without_anything_new_are_left_alone(passed: Passed) -> None:
    for of in passed.nights:
        explained = {EXPLAINED} if of is passed.nights[-1] else set()
        assert of.standing == of.known - of.reached - explained
    assert passed.explained == [(EXPLAINED, "该系统已于本月下线并完成备案")]


def test_mails_that_are_booked_are_not_booked_again(passed: Passed) -> None:
    for of in passed.nights:
        assert of.read == of.came
    assert passed.read_again == {passed.changed}


@pytest.fixture(scope="module")
def once(work: Work) -> dict[str, pl.DataFrame]:
    """What the last two nights came to."""
    forget(work.warehouse)
    night(work, NIGHTS[-2])
    night(work, NIGHTS[-1])
    return contents(work.warehouse)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_step_run_again_changes_nothing(
    work: Work, once: dict[str, pl.DataFrame], step: Callable[[Work, str], object]
) -> None:
    step(replace(work, as_of=NIGHTS[-1]), LAST)
    if step is check_month_forms:  # which takes away what a later step has found
        check_month_across(work, LAST)
    again = contents(work.warehouse)
    assert [table for table in once if not once[table].equals(again[table])] == []


def test_how_many_are_worked_on_at_once_does_not_show(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for few in (False, True):
        if few:
            monkeypatch.setattr(booking, "BLOCK", 3)
            monkeypatch.setattr(steps, "BLOCK", 3)
            monkeypatch.setattr(checking, "ROWS", 50)
        forget(work.warehouse)
        work.warehouse.execute("delete from core.form_failures")
        work.warehouse.execute("delete from core.forms_checked")
        night(work, NIGHTS[-1])
        found.append(contents(work.warehouse))
    at_once, by_few = found
    assert at_once["core.all_findings"].height > 100
    assert [table for table in at_once if not at_once[table].equals(by_few[table])] == []
