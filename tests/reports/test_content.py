"""The report's content against the warehouse: the figures of summary.json, each scope its own units, nothing personal."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from assets.instance.warehouse import SQL, model
from reports.model import Cause, Change, Chart, Matrix, Report, Table
from reports.report import first_page, queries
from reports.report.expressions import description
from reports.report.facts import flat
from reports.report.queries import described_queries
from reports.text.sentences import Names, words
from tests.reports.settled_sample import EMPTY, LAST, Sample

SCOPES = ("EX", "EX-15", "EX-15-01", "EX-16", "EX-16-01")
MONTHS = ("2026-09", LAST, EMPTY)
WHEN = datetime(2026, 10, 6, tzinfo=UTC)


Reported = Callable[..., Mapping[str, Report]]


@pytest.fixture(scope="module")
def reported(sample: Sample) -> Reported:
    """The reports of all scopes for a month and language, put together once for all tests that only read them."""
    made = cache(sample.reports)
    return lambda period, lang="zh": made(period, lang)


def table(report: Report, anchor: str) -> Table:
    return next(t for t in report.tables() if t.anchor == anchor)


def column(found: Table, key: str) -> list[Any]:
    place = [c.key for c in found.columns].index(key)
    return [row[place] for row in found.rows]


def texts_of(report: Report) -> str:
    """Everything a report says, in one text."""
    return repr(report)


@pytest.mark.parametrize("period", MONTHS)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_figure_of_the_summary_is_in_the_report(
    sample: Sample, reported: Reported, period: str, lang: str
) -> None:
    for scope, report in reported(period, lang).items():
        figures = table(report, "appendix_figures")
        told = dict(zip(column(figures, "path"), column(figures, "value"), strict=True))
        assert told == dict(flat(sample.summary(period, scope)))


def test_all_sections_stand_in_the_order_of_the_specification(sample: Sample, reported: Reported) -> None:
    report = reported(LAST)["EX"]
    assert [s.key for s in report.sections] == list(sample.catalogue.texts["glossary"]["sections"])
    assert all(s.headline for s in report.sections)


def test_the_five_numbers_are_those_of_the_summary(sample: Sample, reported: Reported) -> None:
    for scope, report in reported(LAST).items():
        whole = table(report, "returns_by_form").rows[0]
        units = sample.summary(LAST, scope)["units"]
        complete = units["complete_on_time"] + units["complete_late"]
        assert whole[1:4] == (units["expected"], complete, units["complete_on_time"])
        assert whole[4:6] == (
            round(100 * complete / units["expected"] + 1e-9, 2),
            round(100 * units["complete_on_time"] / units["expected"] + 1e-9, 2),
        )


def test_the_sections_count_incidents_as_the_summary_does(sample: Sample, reported: Reported) -> None:
    """One that is reported again until it is resolved was counted in every month, and nowhere did it stand since when."""
    seen = 0
    for scope, report in reported(LAST).items():
        of_summary = sample.summary(LAST, scope)["incidents"]
        tables = {t.anchor: t for t in report.tables()}
        for anchor, figure in (("incidents_by_level", "by_level"), ("incidents_by_kind", "by_kind")):
            counted = sum(column(tables[anchor], "incidents")) if anchor in tables else 0
            assert counted == sum(of_summary[figure].values()), (scope, anchor)
        assert len(column(tables["incidents_unresolved"], "occurred_at")) == of_summary["unresolved"]
        assert sum(column(tables["incidents_listed"], "first_counted")) == sum(of_summary["by_level"].values())
        seen += of_summary["unresolved"]
    assert seen


def test_agreements_that_ended_or_were_not_listed_are_told(sample: Sample, reported: Reported) -> None:
    ended = unlisted = 0
    for period in MONTHS[:2]:
        report, by_rule = reported(period)["EX"], sample.summary(period, "EX")["findings"]["by_rule"]
        tables = {t.anchor: t for t in report.tables()}
        listed = column(tables["agreements_unlisted"], "agreement_no") if "agreements_unlisted" in tables else []
        assert len(listed) == by_rule.get("NDA-06", 0)
        unlisted += len(listed)
        ended += len(column(tables["agreements_ended"], "agreement_no")) if "agreements_ended" in tables else 0
    query = "select count(*) as n from marts.agreements where counted and status = '终止'"
    assert [ended] == [row["n"] for row in sample.warehouse.rows(query)]
    assert ended
    assert unlisted


def test_the_matrix_shows_what_became_of_every_unit(sample: Sample, reported: Reported) -> None:
    report = reported(LAST)["EX"]
    matrix = next(b for s in report.sections for b in s.blocks if isinstance(b, Matrix))
    assert matrix.periods[-1] == LAST
    latest = [states[-1] for _, states in matrix.rows]
    units = sample.summary(LAST, "EX")["units"]
    assert latest.count("on_time") == units["complete_on_time"]
    assert sum(s.startswith("late+") for s in latest) == units["complete_late"]
    assert {s: latest.count(s) for s in ("incomplete", "returned", "missing")} == {
        s: units[s] for s in ("incomplete", "returned", "missing")
    }


def test_a_late_month_of_the_matrix_counts_the_days_since_its_own_cut_off(sample: Sample, reported: Reported) -> None:
    rows = sample.warehouse.rows(
        "select period, unit_name, first_complete_at as at from marts.unit_results where state = 'complete' and not on_time"
    )
    report = reported(LAST)["EX"]
    matrix = next(b for s in report.sections for b in s.blocks if isinstance(b, Matrix))
    states = dict(matrix.rows)
    days = {(r["period"], r["unit_name"]): (r["at"] - sample.work.deadline.cutoff(r["period"])).days + 1 for r in rows}
    assert {p for p, _ in days} >= {"2026-09", LAST}
    for (period, unit), late in days.items():
        if period in matrix.periods:
            assert states[unit][matrix.periods.index(period)] == f"late+{late}"


def test_a_supplement_names_every_figure_with_its_section_and_in_the_order_of_the_summary(
    sample: Sample, reported: Reported
) -> None:
    """`按规则 · AST-07` told nobody what was counted."""
    mail = (("name", "青川盟第13旗县分公司"), ("at", "2026-11-09 05:18"), ("mail", "61481c6b634a"))
    because = (Cause("mail", mail), Cause("rules", ()))
    figures = (
        "mails.received", "findings.by_rule.OLD-01", "findings.by_rule.AST-07", "self_check.by_checklist.NSW.pass_rate", "indicators.IND-05.rate",
        "exposed_assets.by_type.网站", "units.complete_late",
    )  # fmt: skip
    over: dict[str, Any] = {"kind": "supplement", "version": "v2", "before_version": "v1"}
    report = sample.reports(LAST, changes=tuple(Change(f, 1, 2, because) for f in figures), **over)["EX"]
    assert report.changes is not None
    assert [row[0] for row in report.changes.rows] == [
        "迟报单位", "暴露面资产 · 按资产类型 · 网站", "网络安全工作自查 · 自查符合率（%）",
        "IND-05 重要信息系统漏洞扫描 · 完成率（%）", "数据质量 · AST-07 近90天未扫描", "数据质量 · OLD-01", "收到邮件",
    ]  # fmt: skip
    assert {row[1:] for row in report.changes.rows} == {
        (1, 2, "青川盟第13旗县分公司 2026-11-09 05:18 来信 61481c6b634a\n表样、检查清单或校验规则有改动")
    }
    assert all(r.changes is None for r in reported(LAST).values())


def test_an_interim_report_compares_units_with_themselves(sample: Sample) -> None:
    """Half of the units looked like half of the assets."""
    over: dict[str, Any] = {"kind": "interim", "version": "interim"}
    over["as_of"] = sample.work.parameters(LAST)["cutoff"] - timedelta(days=1)
    report = sample.reports(LAST, **over)["EX"]
    before = {kpi.label: kpi.before for kpi in report.kpis}
    same = sample.warehouse.value(
        """
        select count(*)
        from marts.exposed_assets
        where
            period = $before and counted and unit_code in (
                select unit_code from marts.unit_forms where period = $now and state in ('effective', 'nil')
            )
        """,
        {"before": "2026-09", "now": LAST},
    )
    assert before["新增暴露面资产"] == same
    assert "与这些单位上月的数字相比" in report.provisional
    assert sample.summary("2026-09", "EX")["exposed_assets"]["rows_counted"] >= same
    assert sample.warehouse.value("select count(distinct scope) from core.scope_units where period = '2026-09'") == 5


def test_a_waiver_is_said_to_end_a_month_before_it_does(sample: Sample) -> None:
    told = {}
    for period in ("2026-09", LAST):
        sample.warehouse.execute(
            """
            insert into core.decisions by name
            select
                $period as period, 'aaaaaaaaaaaa' as key, 'waive' as kind, 'f' as subject, 'EX-15-01-006' as unit_code,
                '王晓燕' as decided_by, $at as decided_at, $last as through, '已看过原件' as reason, '' as mail, '' as fault,
                '' as replaces, false as is_late, 'f' as finding_id,
            """,
            {"period": period, "at": WHEN, "last": LAST},
        )
    try:
        for period in ("2026-09", LAST):
            for scope, report in sample.reports(period).items():
                told[period, scope] = "1 项豁免到 2026年10月为止" in texts_of(report)
    finally:
        sample.warehouse.execute("delete from core.decisions where key = 'aaaaaaaaaaaa'")
    of_unit = ("EX", "EX-15", "EX-15-01")  # the scopes that the unit is of
    assert {key for key, said in told.items() if said} == {("2026-09", scope) for scope in of_unit}


def test_of_an_unknown_month_nothing_is_claimed(sample: Sample, reported: Reported) -> None:
    """The empty month said that no problem was open and that every row received was counted."""
    report = reported(EMPTY)["EX-16-01"]
    if sample.summary(EMPTY, "EX-16-01")["rectification"]["open"] == 0:
        assert not any("没有未完成的问题" in s.headline for s in report.sections)
    anchors = {b.anchor for s in report.sections for b in s.blocks}
    assert not anchors & {"quality_left_out", "quality_if_counted", "quality_waived"}
    assert any("情况不明" in sentence for sentence in report.headlines)


def test_a_chart_over_the_months_has_at_least_two(reported: Reported) -> None:
    for report in reported("2026-09").values():
        for chart in (b for s in report.sections for b in s.blocks if isinstance(b, Chart)):
            if chart.labels[0][:2] == "20":
                assert (
                    sum(any(v is not None for v in m) for m in zip(*(s.values for s in chart.series), strict=True)) > 1
                )


def test_what_a_unit_owes_says_which_form_and_why(sample: Sample, reported: Reported) -> None:
    owed = table(reported("2026-09")["EX"], "returns_owed")
    by_state = dict(zip(column(owed, "unit_name"), column(owed, "state"), strict=True))
    units = sample.summary("2026-09", "EX")["units"]
    assert list(by_state.values()).count("missing") == units["missing"]
    assert owed.total == units["missing"] + units["returned"] + units["incomplete"]
    returned = [i for i, s in enumerate(column(owed, "state")) if s == "returned"]
    assert all(column(owed, "reasons")[i] for i in returned)


@pytest.mark.parametrize("scope", SCOPES)
def test_ranks_are_the_scopes_own_and_skip_after_ties(reported: Reported, scope: str) -> None:
    scores = table(reported(LAST)[scope], "scores")
    ranks, points = column(scores, "rank"), column(scores, "score")
    assert ranks == [1 + sum(other > own for other in points) for own in points]
    assert ranks[0] == 1


def test_the_parts_of_a_score_add_up_to_it(reported: Reported) -> None:
    scores = table(reported(LAST)["EX"], "scores")
    parts = ("timeliness", "data_quality", "self_check", "rectification", "indicators")
    for row in zip(column(scores, "score"), *(column(scores, p) for p in parts), strict=True):
        assert row[0] == pytest.approx(sum(row[1:]), abs=0.03)


def test_a_scope_speaks_of_its_own_units_alone(sample: Sample, reported: Reported) -> None:
    rows = sample.warehouse.rows(
        """
        select unit_name, unit_code
        from core.units
        where period = $period and level = 'unit'
        """,
        {"period": LAST},
    )
    report = texts_of(reported(LAST)["EX-16"])
    outside = [r["unit_name"] for r in rows if not r["unit_code"].startswith("EX-16")]
    assert len(outside) > 10
    assert [name for name in outside if name in report] == []
    assert any(r["unit_name"] in report for r in rows if r["unit_code"].startswith("EX-16"))


def test_rows_lead_to_their_mail_and_row(reported: Reported) -> None:
    report = reported(LAST)["EX"]
    mails = set(column(table(report, "appendix_mails"), "mail"))
    cited = [t for t in report.tables() if any(c.key == "mail" for c in t.columns) and t.anchor != "appendix_mails"]
    assert len(cited) > 6
    for found in cited:
        assert {m for m in column(found, "mail") if m} <= mails, found.anchor
        if "row" in [c.key for c in found.columns]:
            assert all(c.unit for c in found.columns if c.key == "row"), found.anchor


def test_no_section_asks_for_personal_data(sample: Sample) -> None:
    personal = {c.key for s in sample.catalogue.sheets.values() for c in s.columns if c.pii}
    personal |= {c.key for f in sample.catalogue.forms for c in f.cover if c.pii}
    assert personal
    parameters = {**sample.work.parameters(LAST), "shown": 1}
    for block in described_queries().values():
        cursor = sample.warehouse.execute(f"select * from ({model('sections/' + block['sql'])}) limit 0", parameters)
        assert not personal & {d[0] for d in cursor.description or ()}, block["sql"]
        cursor.fetchall()


def test_no_name_or_phone_of_a_person_stands_in_a_report(sample: Sample, reported: Reported) -> None:
    people = sample.warehouse.rows(
        """
        select owner as name, owner_phone as phone from marts.exposed_assets where period = $period
        union
        select owner, owner_phone from marts.app_launches where period = $period
        """,
        {"period": LAST},
    )
    said = texts_of(reported(LAST)["EX"])
    assert len(people) > 5
    assert [p for p in people if (p["phone"] and p["phone"] in said)] == []
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", said)


def test_a_month_without_any_mail_claims_nothing(sample: Sample, reported: Reported) -> None:
    report = reported(EMPTY)["EX"]
    by_label = {k.anchor or k.label: k for k in report.kpis}
    assert [k.value for k in report.kpis].count(None) == 5
    assert all(k.detail for k in by_label.values())
    assert [m for m in report.moves if m.kind == "better"] == []
    assert report.provisional
    unit = sample.warehouse.value(
        "select unit_name from core.units where period = $period and level = 'unit' order by position",
        {"period": EMPTY},
    )
    assert unit in report.provisional
    assert next(s for s in report.sections if s.key == "incidents").headline == "没有一份附件3有效，安全事件情况不明"


def test_the_first_month_has_nothing_to_compare_with(sample: Sample, reported: Reported) -> None:
    first = sample.work.register.first_period
    report = reported(first)["EX"]
    assert report.moves == ()
    assert all(k.before is None for k in report.kpis)
    assert not any(isinstance(b, Chart) and b.kind == "line" for s in report.sections for b in s.blocks)


def test_a_report_before_the_cut_off_names_who_is_missing(sample: Sample) -> None:
    cutoff = sample.work.parameters(LAST)["cutoff"]
    reports = sample.reports(LAST, kind="interim", version="interim", as_of=cutoff - timedelta(hours=30))
    names = sample.warehouse.rows(
        "select unit_name from marts.unit_results where period = '2026-10' and state in ('missing', 'returned')"
    )
    assert names
    assert all(n["unit_name"] in reports["EX"].provisional for n in names)
    complete = sample.reports(LAST, kind="interim", version="interim", as_of=sample.work.parameters(LAST)["cutoff"])
    assert complete["EX-16"].provisional == ""


def test_long_tables_are_cut_and_say_how_many_rows_there_are(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sample.reports(LAST)["EX"]
    monkeypatch.setattr(first_page, "ROWS_SHOWN", 5)
    cut = sample.reports(LAST)["EX"]
    units = table(cut, "appendix_units")
    assert (len(units.rows), units.total) == (5, 24)
    assert units.source == "data/units.csv"
    assert table(cut, "scores_lowest").rows  # shown where the ranking is cut
    assert "scores_lowest" not in [t.anchor for t in whole.tables()]
    matrix = next(b for s in cut.sections for b in s.blocks if isinstance(b, Matrix))
    assert (len(matrix.rows), matrix.total) == (5, 24)
    assert matrix.rows[0][1][-1] != "on_time"


def test_anchors_are_unique_and_lead_somewhere(reported: Reported) -> None:
    for report in reported(LAST).values():
        anchors = [b.anchor for s in report.sections for b in s.blocks]
        assert len(anchors) == len(set(anchors))
        assert {k.anchor for k in report.kpis} - {""} <= set(anchors)
        assert {*report.headline_anchors} - {""} <= {*anchors, "changes"}
        assert len(report.headline_anchors) == len(report.headlines)


def test_the_same_month_gives_the_same_content_and_travels_to_worker_processes(sample: Sample) -> None:
    once, again = sample.reports(LAST), sample.reports(LAST)
    assert once == again
    assert pickle.loads(pickle.dumps(once)) == once


def test_every_query_of_the_folder_is_used_and_says_its_grain() -> None:
    spans = description("spans")
    used = {b["sql"] for b in described_queries().values()} | {"scope_names", "scope_facts", "missing_before"}
    used |= {b["query"] for b in spans["section"]["blocks"]}
    assert {p.stem for p in (SQL / "sections").glob("*.sql")} == used
    assert [name for name in used if "Grain: one " not in model(f"sections/{name}")] == []


def test_every_block_has_a_place_of_its_own() -> None:
    blocks = [
        next(
            b[k] for k in ("query", "figures", "history", "matrix", "heat", "chart", "definitions", "weights") if k in b
        )
        for s in description("sections")
        for b in s["blocks"]
    ]
    assert len(blocks) == len(set(blocks))
    assert queries.ROWS_SHOWN == first_page.ROWS_SHOWN


def test_a_provisional_report_says_until_when_and_what_the_missing_reported_before(
    sample: Sample, reported: Reported
) -> None:
    """The figures of the rows that those units had counted the month before, and the table that names them."""
    report = reported(LAST)["EX"]
    rows = sample.warehouse.rows(
        """
        select count(*) as assets
        from marts.exposed_assets as a
        inner join marts.unit_results as r using (unit_code)
        where a.period = '2026-09' and a.counted and r.period = '2026-10' and r.state in ('missing', 'returned')
        """
    )
    assert f"其上月报送新增资产 {rows[0]['assets']} 项、" in report.provisional
    assert "在其补报之前，本报告为暂定报告" in report.provisional
    assert report.provisional_anchor in {block.anchor for section in report.sections for block in section.blocks}
    first = sample.reports(sample.work.register.first_period)["EX"]
    assert "上月报送" not in first.provisional


def test_many_units_are_counted_by_the_node_above_them() -> None:
    say = words("zh")
    cities = [("青川盟分公司", 900), ("临江市分公司", 400), ("丙市分公司", 100), ("丁市分公司", 50), ("戊市分公司", 30)]
    many = Names(["甲"] * 25, 1500, cities, 7)
    told = say.names(many)
    assert told == say.all_names(many)
    assert told.startswith("青川盟分公司 900 家、临江市分公司 400 家、")
    assert told.endswith("等 7 个地市共 1,500 家")
    assert say.names(Names(["甲"] * 25, 1300, cities[:2], 2)) == "青川盟分公司 900 家、临江市分公司 400 家，共 1,300 家"
    assert say.names(Names(["甲", "乙"], 2, cities[:1], 1)) == "甲、乙"
    assert say.names(Names(["甲"] * 25, 61, cities[:1], 1)).endswith("等 61 家"), "a city alone names its units"
