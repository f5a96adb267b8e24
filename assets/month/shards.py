"""Months of a shard: what goes by mail and by unit worked out for a part of the mails, and taken over by the head.

What a shard leaves is what a run of the head that stopped there would have left of these units: bookings under the
digest of a mail, findings and counted rows under the digest of a unit. The head takes both over, and its own steps find
what stands and do again what does not: a unit that has sent from two shards' mailboxes, a form that a mail of another
shard makes a slip, a register that was edited meanwhile. What looks at other months or at units of other shards is the
head's alone, as are marts, figures and reports. So a run with shards publishes what one without them does.

Belongs here: giving shards their mails, working on one, taking over. Does not: the steps; who works on shards
(pipelines/definitions.py).
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from assets.instance.home import Home
from assets.instance.progress import reporter
from assets.instance.session import Session
from assets.instance.warehouse import open_warehouse
from assets.intake import staging
from assets.intake.parsing import parser_of
from assets.intake.shards import (
    REST,
    THERE,
    Given,
    allot,
    book_done,
    cut,
    give,
    given_mails,
    given_shards,
    is_done,
    shard_file,
)
from assets.month.booking import book_month
from assets.month.findings.steps import check_month_across, check_month_forms
from assets.month.freshness import decide, mark_settled, unsettle, unsettle_changed
from assets.month.marts import ROW_MARTS, count_rows
from assets.month.settle import decided, indexed_work, work_of
from assets.month.work import Work, made_by

log = logging.getLogger("sixth.shards")

OF_MAILS = ("core.booked_forms", "core.mails", "core.scans", "core.plain_findings", "core.booked_mails")
OF_UNITS = (
    "core.all_findings",
    "core.replaced_answers",
    "core.explained_by_place",
    "core.rows_asked",
    *(f"marts.{sheet}" for sheet in ROW_MARTS),
    "core.settled_units",  # the last of a unit, by which it stands
)
WAIT_SECONDS = 600.0  # for another worker at the same shard
PAUSE_SECONDS = 2.0  # between two looks at what is done


class OtherVersion(Exception):
    """A shard is to be worked on by another software than its head's; the message says what to do."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Worked:
    """What working on a shard came to: mails parsed, and months settled again."""

    parsed: int
    months: tuple[str, ...]


def software_of(work: Work) -> str:
    """Names what makes the tables of a shard: with another one none of it would stand."""
    return hashlib.sha256(f"{made_by(work.catalogue)}|{work.parsed_by}|{work.software}".encode()).hexdigest()[:16]


def give_shards(session: Session, period: str) -> list[Given]:
    """Give every shard its mails, of all that are collected, for a run that settles months up to the period."""
    work, settings = session.once(work_of), session.settings
    staging.prepare(session.warehouse, session.once(parser_of))
    tree = work.register.tree(period)
    of = cut(tree, settings.shards.most_units)
    given = allot(session.warehouse, tree, of, session.home.archive, settings.limits)
    decisions = sorted(f"{d.key}|{d.decided_at.isoformat()}|{d.kind}" for d in decided(session))
    basis = hashlib.sha256("\n".join((work.rests_on, period, *decisions)).encode()).hexdigest()
    made = {
        name: Given(
            name=name,
            period=period,
            as_of=work.as_of.isoformat(),
            software=software_of(work),
            basis=basis,
            digest="",
            mails=0,
            units=tuple(code for code, shard in of.items() if shard == name),
        )
        for name in given
    }
    return give(session.home, session.warehouse, given, made)


def work_on(home: Home, name: str, lang: str = "zh") -> Worked | None:
    """Work on what a shard was given last; None where that is done already.

    What it knows from before stands where it still holds, and where it was made by another version it is made anew.
    Raises OtherVersion, WarehouseBusy, and what parsing and settling raise.
    """
    (given,) = (one for one in given_shards(home) if one.name == name)
    receipts = given_mails(home, given)
    folder = home.shards / name
    with open_warehouse(folder, wait_seconds=WAIT_SECONDS, for_run=True, has_readers=False) as warehouse:
        session = Session(home, warehouse, given.clock, None, lang)
        stands = warehouse.is_made_by(made_by(session.catalogue))
        work = session.once(work_of)
        if software_of(work) != given.software:
            raise OtherVersion(
                f"shard {name} was given by another version of Sixth, or another edition of forms and rules, than is "
                f"installed here ({software_of(work)}, wanted {given.software}): install the head's on every worker"
            )
        if stands and is_done(home, given):
            return None
        warehouse.put("staging.receipts", receipts)
        parsed = staging.parse_new(
            warehouse,
            session.once(parser_of),
            home.archive,
            folder / "incoming",
            lambda done, of: reporter(f"parsing mails of {name}", done, of),
        )
        work = session.once(indexed_work)
        unsettle_changed(work, given.period)
        months = decide(work, given.period)
        for month in months:
            _settle_own(work, month)
    book_done(home, given)
    return Worked(parsed, tuple(months))


def work_on_all(home: Home, given: Sequence[Given], lang: str = "zh") -> dict[str, str]:
    """Work on shards one after another; those that failed, with why: their part is left to the head."""
    failed = {}
    for one in given:
        try:
            work_on(home, one.name, lang)
        except Exception as error:
            log.exception("shard %s failed; the run works on its mails itself", one.name)
            failed[one.name] = f"{type(error).__name__}: {error}"
    return failed


def _settle_own(work: Work, period: str) -> None:
    """The steps of a month that go by mail and unit."""
    book_month(work, period)
    check_month_forms(work, period)
    count_rows(work, period)
    check_month_across(work, period, of_absent_alone=True)
    mark_settled(work, period)


class Asked(Protocol):
    """What a shard is to do."""

    @property
    def name(self) -> str:
        """The shard's."""

    @property
    def asked(self) -> str:
        """No other asking has it."""


A = TypeVar("A", bound=Asked)


def wait_for(
    given: Sequence[A],
    is_back: Callable[[A], bool],
    has_failed: Callable[[A], bool],
    seconds: float,
    pause: float = PAUSE_SECONDS,
) -> dict[str, str]:
    """Wait until every shard has done what it was given, or has failed for good, or the time is up; those that have
    not, with why: their part is left to the head. `is_back` is asked whether one has, and takes back what it made.

    Asked is what a shard has done of this night's mails, not which runs there were.
    """
    until = time.monotonic() + seconds
    left, failed = list(given), dict[str, str]()
    told = -1
    while left := [one for one in left if not is_back(one)]:
        if (done := len(given) - len(left) - len(failed)) != told:
            reporter("waiting for shards", done, len(given))
            told = done
        failed |= {one.name: "its runs have failed" for one in left if has_failed(one) and not is_back(one)}
        left = [one for one in left if one.name not in failed]
        if left and time.monotonic() >= until:
            failed |= dict.fromkeys((one.name for one in left), f"not done in {seconds / 60:g} minutes")
            break
        if left:
            time.sleep(pause)
    for name, why in failed.items():
        log.error("shard %s: %s; the run does its part itself", name, why)
    return failed


# --------------------------------------------------------------------------------------------------------- taken over
def take_months(work: Work, home: Home, months: Sequence[str]) -> dict[str, int]:
    """Take over what shards have worked out of months that are to be settled: mails booked, units with their findings
    and rows; how many units of each shard. What stands here already is left alone.
    """
    shards = given_shards(home)
    others = [code for one in shards if one.name != REST for code in one.units]
    taken: dict[str, int] = {}
    for given in shards if months else ():
        with work.warehouse.attached(shard_file(home, given.name), THERE) as is_there:
            if not is_there or not _is_ours(work):
                continue
            whose = "unit_code in (select unnest($units))"
            codes = list(given.units)
            if given.name == REST:
                whose, codes = f"not {whose}", others
            taken[given.name] = sum(_take_month(work, month, whose, codes) for month in months)
    return taken


def _is_ours(work: Work) -> bool:
    """Whether the attached shard was made by this software: with another its tables may be others."""
    made = work.warehouse.exists("core.made_by", THERE) and work.warehouse.exists("core.booked_mails", THERE)
    return bool(made) and work.warehouse.value(f"select digest from {THERE}.core.made_by") == made_by(work.catalogue)


def _take_month(work: Work, period: str, whose: str, codes: list[str]) -> int:
    """Take over a month of the attached shard; how many units. `whose`: of which units it is asked, by `codes`."""
    warehouse, parameters = work.warehouse, {"period": period, "units": codes}
    there = {name for name in (*OF_MAILS, *OF_UNITS) if warehouse.exists(name, THERE)}
    warehouse.execute(
        f"""
        create or replace temp table taken_mails as
        select mail
        from {THERE}.core.booked_mails as s
        semi join (select mail from core.mail_periods where period = $period) as p using (mail)
        anti join core.booked_mails as h using (period, mail, digest)
        where s.period = $period
        """,
        parameters,
    )
    warehouse.execute(
        f"""
        create or replace temp table taken_units as
        select unit_code
        from {THERE}.core.settled_units as s
        anti join core.settled_units as h using (period, unit_code, digest)
        where s.period = $period and {whose}
        """,
        parameters,
    )
    mails = int(warehouse.value("select count(*) from taken_mails"))
    units = int(warehouse.value("select count(*) from taken_units"))
    if not mails and not units:
        return 0
    unsettle(work, period)
    own = "period = $period and subject in (select subject from {} where period = $period and {})"
    of_unit = "unit_code in (select unit_code from taken_units)"
    with warehouse.at_once():
        # What a table held when the month was settled is no measure of it any more.
        warehouse.execute("delete from core.table_digests where period = $period", parameters)
        warehouse.execute(f"delete from core.said where {own.format('core.all_findings', of_unit)}", parameters)
        for table, of in _rows_taken(there, of_unit):
            warehouse.execute(f"create table if not exists {table} as select * from {THERE}.{table} limit 0")
            warehouse.execute(f"delete from {table} where period = $period and {of}", parameters)
            warehouse.execute(
                f"insert into {table} by name select * from {THERE}.{table} where period = $period and {of}", parameters
            )
        said = own.format(f"{THERE}.core.all_findings", of_unit)
        warehouse.execute(f"insert into core.said by name select * from {THERE}.core.said where {said}", parameters)
    log.info("%s: %d mails and %d units of a shard taken over", period, mails, units)
    return units


def _rows_taken(there: set[str], of_unit: str) -> Iterator[tuple[str, str]]:
    """The tables that are taken over, in their order, each with the condition for its rows."""
    of_mail = "mail in (select mail from taken_mails)"
    for table in (*OF_MAILS, *OF_UNITS):
        if table in there:
            yield table, of_mail if table in OF_MAILS else of_unit
