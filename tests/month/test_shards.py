"""Shards: the cut, and a month whose tables are the same whether shards have worked on its mails before or not.

The month has what goes wrong with a cut: an office above provinces that files for units of two of them, a unit that is
corrected from there, one scan used in two provinces, a mail from nobody's address, and a late correction.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from assets.instance.home import Home
from assets.instance.register import load_register
from assets.instance.session import open_session
from assets.instance.warehouse import Warehouse
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.intake.shards import (
    GIVEN,
    REST,
    Given,
    book_done,
    cut,
    give,
    given_mails,
    given_shards,
    is_done,
    shard_file,
    take_mails,
)
from assets.month.freshness import decide
from assets.month.settle import indexed_work, settle_month
from assets.month.shards import OtherVersion, Worked, give_shards, take_months, wait_for, work_on, work_on_all
from assets.month.work import Work
from expectations.catalogue import load_catalogue
from tests.feedback import made_month
from tests.scans.made_scans import SEALED, made_scan
from tests.templates.filled_forms import filled_forms

pytestmark = pytest.mark.slow  # months in shards

PERIOD = "2026-10"
UNITS = """\
unit_code,unit_name,parent_code,level,kind,services,mailboxes,active_from,active_to
C,集团,,carrier,,,c@oa.example,2025-01,
P,北原省公司,C,province,,,p@oa.example,2025-01,
D,青川分公司,P,city,,,,2025-01,
A1,甲单位,D,unit,network,access;im,a1@oa.example,2025-01,
A2,乙单位,D,unit,network,access;im,a2@oa.example,2025-01,
Q,南岭省公司,C,province,,,,2025-01,
B1,丙单位,Q,unit,network,access;im,b1@oa.example,2025-01,
B2,丁单位,Q,unit,network,access;im,b2@oa.example,2025-01,
"""
FIRST, SECOND = "2026-11-04T02:00:00+08:00", "2026-11-06T00:30:00+08:00"
# What a run remembers of how it came to its tables, and no table of the month.
BOOKKEEPING = {
    "core.form_failures", "core.forms_checked", "core.asked_now", "core.failures_now", "core.answered_now",
    "core.standing_units", "core.settling",
}  # fmt: skip


def test_a_province_is_a_shard_and_a_large_one_several_of_equal_size(tmp_path: Path) -> None:
    tree = _register(tmp_path).tree(PERIOD)
    assert cut(tree, 2) == {"C": REST, "P": "P", "D": "P", "A1": "P", "A2": "P", "Q": "Q", "B1": "Q", "B2": "Q"}
    of = cut(tree, 1)
    assert of == {"C": REST, "P": "P.1", "D": "P.1", "A1": "P.1", "A2": "P.2", "Q": "Q.1", "B1": "Q.1", "B2": "Q.2"}


def _register(root: Path) -> Any:
    folder = root / "register"
    folder.mkdir(parents=True)
    (folder / "units.csv").write_text(UNITS, encoding="utf-8")
    (folder / "networks.csv").write_text("cidr,name\n203.0.113.0/24,出口\n", encoding="utf-8")
    (folder / "calendar.yaml").write_text(f"first_period: {PERIOD}\n", encoding="utf-8")
    (folder / "settings.yaml").write_text("settle_seconds: 0\nshards: {most_units: 10}\n", encoding="utf-8")
    return load_register(folder)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mails of two nights, in first/ and second/."""
    root = tmp_path_factory.mktemp("mails")
    made = made_month.Home(root, _register(root), load_catalogue())

    def forms(unit: str, number: int, *names: str) -> list[tuple[str, bytes]]:
        filled = filled_forms(made.unit(unit), made.catalogue, made.register, number, only=names)
        return [(f"{unit} {form}.xlsx", filled[form]) for form in names]

    def drop(unit: str, day: int, *files: tuple[str, bytes]) -> None:
        made_month.drop_mail(made, unit, files, day=day, scan=False)

    scan = ("扫描件.jpg", made_scan(SEALED[0], 1))
    b1 = forms("B1", 1, "annex2", "annex3")
    a1 = forms("A1", 1, "annex2", "annex3")
    drop("A1", 3, *a1, scan)
    drop("B1", 3, *b1, scan)  # that scan is the other's
    drop("C", 2, *forms("A2", 3, "annex2", "annex3"), *forms("B2", 4, "annex2"))
    drop("P", 3, a1[0])
    drop("Nobody", 3, *b1)
    (root / "inbox").rename(root / "first")
    drop("C", 5, *b1)
    (root / "inbox").rename(root / "second")
    return root


def home_of(root: Path, inbox: Path, nights: int = 1) -> Path:
    """A home with the mails of so many nights."""
    if not root.exists():
        _register(root)
    for night in ("first", "second")[:nights]:
        shutil.copytree(inbox / night, root / "inbox", dirs_exist_ok=True)
    return root


def night(root: Path, as_of: str, *, sharded: bool) -> tuple[dict[str, pl.DataFrame], dict[str, int], dict[str, str]]:
    """The steps of a run to the tables of the month: those, how many units came from which shard, which failed."""
    home, taken, failed = Home(root), {}, {}
    with open_session(home, datetime.fromisoformat(as_of)) as session:
        collect(session)
        parser = session.once(parser_of)
        if sharded:
            given = give_shards(session, PERIOD)
            failed = work_on_all(home, given)
            assert [one.name for one in given if not is_done(home, one)] == list(failed)
            take_mails(session.warehouse, parser, home)
        staging.parse_new(session.warehouse, parser, home.archive, home.warehouse / "incoming")
        work = session.once(indexed_work)
        months = decide(work, PERIOD)
        if sharded:
            taken = take_months(work, home, months)
        for month in months:
            settle_month(work, month)
        return tables_of(work), taken, failed


def tables_of(work: Work) -> dict[str, pl.DataFrame]:
    """All tables, each with its rows in an order of their own."""
    names = work.warehouse.tables() - BOOKKEEPING
    return {name: work.warehouse.frame(f"select * from {name} order by all") for name in sorted(names)}


def differing(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> list[str]:
    return [
        name for name in sorted({*one, *other}) if not (name in one and name in other and one[name].equals(other[name]))
    ]


@pytest.mark.outside
def test_a_month_worked_on_in_shards_is_the_month(inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut_up = home_of(tmp_path / "whole", inbox), home_of(tmp_path / "cut", inbox)
    expected, _, _ = night(whole, FIRST, sharded=False)
    got, taken, failed = night(cut_up, FIRST, sharded=True)
    assert differing(expected, got) == []
    assert (failed, taken) == ({}, {"P": 1, "Q": 1, REST: 1})
    # That night the office's mail was with the rest; what it names is known now, and both provinces have it, too.
    for root in (whole, cut_up):
        home_of(root, inbox, 2)
    monkeypatch.setattr("assets.month.shards.given_mails", _broken)
    expected, _, _ = night(whole, SECOND, sharded=False)
    got, taken, failed = night(cut_up, SECOND, sharded=True)
    assert differing(expected, got) == []
    assert failed == {"Q": "RuntimeError: no room"}
    assert {one.name: one.mails for one in given_shards(Home(cut_up))} == {"P": 3, "Q": 3, REST: 3}


def _broken(home: Home, given: Given) -> pl.DataFrame:
    if given.name == "Q":
        raise RuntimeError("no room")
    return given_mails(home, given)


@pytest.mark.outside
def test_a_shard_of_another_version_is_refused_or_made_anew(inbox: Path, tmp_path: Path) -> None:
    home = Home(home_of(tmp_path / "home", inbox))
    with open_session(home, datetime.fromisoformat(FIRST)) as session:
        collect(session)
        give_shards(session, PERIOD)
    file = home.shards / "Q" / GIVEN
    told = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**told, "software": "another"}), encoding="utf-8")
    with pytest.raises(OtherVersion, match="install the head's on every worker"):
        work_on(home, "Q")
    file.write_text(json.dumps(told), encoding="utf-8")
    assert work_on(home, "Q") == Worked(1, (PERIOD,))
    assert work_on(home, "Q") is None  # done already
    with duckdb.connect(str(shard_file(home, "Q"))) as older:
        older.execute("update core.made_by set digest = 'older'")
    assert work_on(home, "Q") == Worked(0, (PERIOD,))


def test_the_head_waits_for_what_is_done_this_night_and_leaves_out_what_fails(tmp_path: Path) -> None:
    home = Home(tmp_path)
    given = [Given(name, PERIOD, FIRST, "", "", f"{name} tonight", 1, ()) for name in ("P", "Q", "R")]
    for one in given:
        (home.shards / one.name).mkdir(parents=True)
    book_done(home, given[0])
    book_done(home, replace(given[1], digest="Q last night"))

    def has_failed(one: Given) -> bool:
        return one.name == "Q"

    failed = wait_for(given, partial(is_done, home), has_failed, seconds=0)
    assert failed == {"Q": "its runs have failed", "R": "not done in 0 minutes"}
    for one in given:
        book_done(home, one)
    assert wait_for(given, partial(is_done, home), has_failed, seconds=0) == {}


def test_a_shard_that_is_none_any_more_is_taken_away_and_its_worker_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late worker that writes there while the folder is taken away ended the night of the head."""
    home = Home(tmp_path)
    one = Given("P", PERIOD, FIRST, "", "", "tonight", 1, ())
    (home.shards / "P").mkdir(parents=True)
    (home.shards / "P" / GIVEN).write_text(json.dumps(asdict(one)), encoding="utf-8")
    assert given_shards(home) == [one]

    def written_meanwhile(folder: Path, **_: object) -> None:
        raise OSError(39, "Directory not empty", str(folder))

    with monkeypatch.context() as busy, duckdb.connect() as connection:
        busy.setattr("os.rmdir", written_meanwhile)
        assert give(home, Warehouse(connection, tmp_path), {}, {}) == []
        assert given_shards(home) == [], "nobody is sent there any more"
        assert (home.shards / "P").exists()
        busy.undo()
        give(home, Warehouse(connection, tmp_path), {}, {})
    assert not (home.shards / "P").exists()
