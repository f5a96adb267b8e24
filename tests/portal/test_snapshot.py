"""The snapshot and the one door to it: what is in it, when it is written, and that SQLite itself cuts it to a scope."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assets.instance.warehouse import SQL
from expectations.catalogue import load_catalogue
from reports.portal.reading import CUT, opened, periods
from reports.portal.shape import HELD
from reports.portal.snapshot import decides, digest_of, write_snapshots
from tests.portal.made_portal import CARRIER, OTHER_PROVINCE, OTHER_UNIT, PROVINCE, UNIT
from tests.reports.settled_sample import EMPTY, LAST, Sample

ALL = "select * from {}"


def test_every_settled_month_has_one_and_is_written_when_it_changes(
    sample: Sample, snapshots: Path, tmp_path: Path
) -> None:
    assert periods(snapshots) == [EMPTY, LAST, "2026-09"]
    assert write_snapshots(sample.work, snapshots) == []
    (snapshots / f"{LAST}.sqlite.4711").write_text("of a run that was killed", encoding="utf-8")
    before = digest_of(snapshots / f"{LAST}.sqlite")
    (snapshots / f"{LAST}.sqlite").rename(tmp_path / "before.sqlite")
    assert write_snapshots(sample.work, snapshots) == [LAST]
    assert digest_of(snapshots / f"{LAST}.sqlite") == before
    assert sorted(p.suffix for p in snapshots.iterdir()) == [".sqlite"] * 3
    assert (snapshots / f"{LAST}.sqlite").read_bytes() == (tmp_path / "before.sqlite").read_bytes()


def test_it_says_what_the_warehouse_says(sample: Sample, snapshots: Path) -> None:
    with opened(snapshots, LAST, [CARRIER]) as month:
        counted = month.db.execute("select count(*) from findings where counts").fetchone()[0]
        assert counted == sample.warehouse.value("select count(*) from core.findings where period = $p", {"p": LAST})
        of_node = {n["unit_code"]: n["place"] for n in month.rows("nodes")}
        for code in (CARRIER, PROVINCE, OTHER_PROVINCE):
            rows = [r for r in month.rows("counts", at=of_node[code]) if r["sheet_key"] == "*"]
            by_sheet = [r for r in month.rows("counts", at=of_node[code]) if r["sheet_key"] != "*"]
            summary = sample.summary(LAST, code)["findings"]
            open_ones = {r["rule_id"]: 0 for r in rows}
            for r in rows:
                open_ones[r["rule_id"]] += r["n"] if r["status"] == "open" else 0
            assert {k: v for k, v in open_ones.items() if v} == {k: v for k, v in summary["by_rule"].items() if v}
            assert sum(r["n"] for r in rows) == sum(r["n"] for r in by_sheet)
        order = [
            r["moves"]
            for r in month.rows(
                "worklist", lo=HELD, hi=999, moves="all", status="open", can="", rule="", sheet="", most=999, after=0
            )
        ]
        assert order == sorted(order, key=["hold", "return", "incomplete", "drop", "seal", "flag"].index)


def test_personal_data_is_masked_when_it_is_made(sample: Sample, snapshots: Path) -> None:
    told = {
        str(value)
        for sheet in sample.catalogue.sheets.values()
        for column in sheet.columns
        if column.pii
        for (value,) in sample.warehouse.execute(
            f'select distinct "{column.key}__text" from staging.{sheet.key}'
        ).fetchall()
        if value and len(str(value)) > 2
    }
    assert len(told) > 100
    with opened(snapshots, LAST, [CARRIER]) as month:
        cells = "\n".join(c for (c,) in month.db.execute("select cells from rows"))
        shown = "\n".join(str(tuple(r)) for r in month.db.execute("select value, message, expected from findings"))
    assert "**" in cells
    assert [value for value in told if f'"{value}"' in cells or value in shown] == []


def test_what_can_be_decided_is_what_the_rules_say() -> None:
    catalogue = load_catalogue()
    for rule, sheet, column, kind in (
        ("ENV-01", "", "", "assign"),
        ("SIG-02", "", "", "confirm_seal"),
        ("GEN-05", "self_check", "item_code", ""),
        ("GEN-02", "exposed_assets", "ports", "waive"),
        ("GEN-03", "self_check", "result", ""),
        ("GEN-02", "self_check", "item_code", ""),
    ):
        assert decides(catalogue, rule, sheet, column) == kind, (rule, column)


@pytest.mark.parametrize(
    ("scopes", "units"),
    [
        ([CARRIER], 24),
        ([PROVINCE], 21),
        ([OTHER_PROVINCE], 3),
        ([UNIT], 1),
        ([UNIT, OTHER_UNIT], 2),
        (["NOWHERE"], 0),
        ([], 0),
    ],
)
def test_a_scope_sees_what_lies_below_it(snapshots: Path, scopes: list[str], units: int) -> None:
    with opened(snapshots, LAST, scopes) as month:
        assert month.db.execute("select count(*) from units").fetchone()[0] == units
        assert bool(month.rows("mails")) == (CARRIER in scopes)
        seen = {code for (code,) in month.db.execute("select unit_code from findings")}
        assert len(seen - {""}) <= units
        assert ("" in seen) == (CARRIER in scopes)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from main.findings",
        "select count(*) from findings join main.findings using (rule_id)",
        "select count(*) from findings f join {behind}.findings g using (rule_id)",
        "select max(value) from {behind}.findings",
        "with x as (select * from {behind}.units) select * from x",
        "attach ':memory:' as other",
        "detach {behind}",
        "drop view temp.findings",
        "drop view findings",
        "create temp view z as select 1",
        "create temp table z (a)",
        "delete from findings",
        "update units set state = 'complete'",
        "insert into temp.nodes values (1)",
        "select sql from sqlite_temp_master",
        "select name from sqlite_master",
        "pragma database_list",
        "select * from pragma_database_list",
        "pragma writable_schema = on",
        "vacuum",
        "begin",
        "select load_extension('x')",
    ],
)  # fmt: skip
def test_nothing_goes_round_the_views(snapshots: Path, statement: str) -> None:
    with opened(snapshots, LAST, [UNIT]) as month:
        with pytest.raises(sqlite3.DatabaseError):
            month.db.execute(statement.format(behind="snapshot")).fetchall()
        for table in CUT:  # and after the attempt all is as it was
            month.db.execute(f"select count(*) from {table}").fetchone()
        assert month.db.execute("select count(*) from units").fetchone()[0] == 1


def test_the_name_of_what_lies_behind_is_told_nowhere(snapshots: Path) -> None:
    names = set()
    for _ in range(2):
        asked: list[str] = []
        with opened(snapshots, LAST, [UNIT]) as month:
            month.db.set_trace_callback(asked.append)
            month.rows("unit", place=0)
            names |= set(re.findall(r"\bs[0-9a-f]{24}\b", "".join(asked)))
            with pytest.raises(sqlite3.DatabaseError):
                month.db.execute("explain select * from sqlite_temp_schema")
    assert names == set()


def test_queries_name_views_alone() -> None:
    for path in (SQL / "portal" / "read").glob("*.sql"):
        text = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"\b(main|temp)\.|;", text), path
        tables = set(re.findall(r"\b(?:from|join)\s+(\w+)", text))
        assert tables <= {*CUT, "about"}, path


def test_a_snapshot_of_an_earlier_version_is_as_none_until_a_run_writes_it_anew(
    sample: Sample, snapshots: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"{LAST}.sqlite"
    file.write_bytes((snapshots / f"{LAST}.sqlite").read_bytes())
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("alter table nodes drop column content")
        db.execute("pragma user_version = 0")
        db.execute("update about set value = 'of then' where name = 'digest'")
    assert periods(tmp_path) == []
    with pytest.raises(FileNotFoundError), opened(tmp_path, LAST, [CARRIER]):
        pass
    assert LAST in write_snapshots(sample.work, tmp_path)
    assert LAST in periods(tmp_path)


def test_a_month_that_is_none_is_not_looked_for(snapshots: Path) -> None:
    for period in ("2026-08", "../2026-10", "2026-10.sqlite", ""):
        with pytest.raises(FileNotFoundError), opened(snapshots, period, [CARRIER]):
            pass
