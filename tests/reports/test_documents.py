"""Documents to sign: what they say of the sample, of a month in which nobody reported, of one unit, of none."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import docx
import duckdb
import pytest

from assets.instance.home import Home
from assets.instance.settings import SettingsError
from assets.instance.warehouse import Warehouse, model
from pipelines.documents import NoDocument, write_documents
from reports.forms.beside import check_kinds, with_documents
from reports.forms.docx import render_docx
from reports.model import Header, Report, Table
from reports.report.documents import NoSuchDocument, Subject, document, kinds, subject_of, unit_names
from reports.report.expressions import HERE
from reports.text.sentences import Words
from tests.reports.reading import pages_of
from tests.reports.settled_sample import EMPTY, LAST, Sample

FIRST = "2026-09"
MONTHLY = [kind for kind, entry in kinds().items() if entry["span"] == "month"]
CLEAN = ("penalty", "EX-15-01-001", FIRST)  # in time, whole, with nothing overdue
HALF_WIDTH = re.compile(r"[㐀-鿿]\s*[,;:()!?]\s*[㐀-鿿]")


def made(
    sample: Sample,
    kind: str,
    code: str,
    period: str = LAST,
    subject: Subject | None = None,
    lead: str = "",
    **over: Any,
) -> Report:
    work = sample.work
    parameters = {**work.parameters(period), **over}
    about = subject or subject_of(work.register.tree(period), code)
    header = Header(
        period=period,
        scope=about.code,
        scope_name=about.name,
        version="v1",
        kind="deadline",
        as_of=parameters["cutoff"] + timedelta(minutes=30),
        cutoff=parameters["cutoff"],
        software="0.0.0",
        lang="zh",
    )
    lead = lead or next(iter(kinds()[kind].get("led", [""])))
    return document(kind, about, header, sample.warehouse, sample.catalogue, parameters, lead)


@contextmanager
def changed(sample: Sample, *statements: str) -> Iterator[None]:
    """Within, the warehouse after these statements; afterwards as it was."""
    sample.warehouse.execute("begin transaction")
    try:
        for statement in statements:
            sample.warehouse.execute(statement)
        yield
    finally:
        sample.warehouse.execute("rollback")


def said(report: Report) -> str:
    """All that a document says, tables aside."""
    parts = [report.title, *report.headlines, *(text for s in report.sections for text in (s.title, *s.sentences))]
    return "\n".join(parts)


def table(report: Report, title: str) -> Table:
    return next(b for s in report.sections for b in s.blocks if isinstance(b, Table) and b.title == title)


# ----------------------------------------------------------------------------------------------- each kind, on the sample
@pytest.mark.parametrize("period", [FIRST, LAST, EMPTY])
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (kind, code)
        for kind in MONTHLY
        for of, codes in {"scope": ["EX"], "unit": ["EX-15-01-001", "EX-15-01-ENG"]}.items()
        for code in codes
        if of in kinds()[kind]["of"]
    ],
)
def test_every_kind_is_said_whole_or_refused_with_a_reason(sample: Sample, kind: str, code: str, period: str) -> None:
    if (kind, period) in {("protection", FIRST), ("protection", EMPTY)} or (kind, code, period) == CLEAN:
        with pytest.raises(NoSuchDocument, match=subject_of(sample.work.register.tree(period), code).name):
            made(sample, kind, code, period)
        return
    report = made(sample, kind, code, period)
    text = said(report)
    assert all(s.sentences or s.blocks for s in report.sections), "a heading with nothing below it"
    assert "None" not in text
    assert not HALF_WIDTH.search(text)
    assert not re.search(r"\b0 [家项起个场份]", text), "what there is none of is said in words, or not at all"
    assert all(line.endswith(("。", "：")) for s in report.sections for line in s.sentences)
    paragraphs = [p.text for p in docx.Document(io.BytesIO(render_docx(report))).paragraphs]
    assert any(text.startswith("签发：") for text in paragraphs)
    assert any(text.endswith("（盖章）") for text in paragraphs)
    assert "年　　月　　日" in paragraphs[-1], "the day is written by who signs"


def test_the_ranking_is_that_of_the_report(sample: Sample) -> None:
    scores = next(t for t in sample.reports(LAST)["EX"].tables() if t.anchor == "scores")
    keys = [c.key for c in scores.columns]
    in_report = {
        row[keys.index("unit_name")]: (row[keys.index("rank")], row[keys.index("score")]) for row in scores.rows
    }
    ranked = table(made(sample, "assessment", "EX"), "得分与名次")
    ours = {row[2]: (row[0], row[3]) for row in ranked.rows}
    assert ours == in_report
    assert [row[0] for row in ranked.rows] == sorted(row[0] for row in ranked.rows)  # type: ignore[type-var]


def test_points_lost_are_what_is_missing_to_a_hundred(sample: Sample) -> None:
    report = made(sample, "assessment", "EX")
    scores = {row[2]: row[3] for row in table(report, "得分与名次").rows}
    lost = table(report, "扣分较多的单位及原因")
    assert len(lost.rows) == 15 < lost.total
    for name, points, why in lost.rows:
        assert isinstance(points, float)
        assert isinstance(why, str)
        assert points == pytest.approx(100 - scores[name], abs=0.011)  # type: ignore[operator]
        told = [float(n) for n in re.findall(r"扣 ([\d.]+) 分", why)]
        assert sum(told) == pytest.approx(points, abs=0.03) if told else "各部分均不得分" in why


def test_states_are_counted_as_the_summary_counts_them(sample: Sample) -> None:
    units = sample.summary(LAST, "EX")["units"]
    text = said(made(sample, "assessment", "EX"))
    for words, figure in {
        "按时完整报送的": "complete_on_time", "迟报的": "complete_late", "报送不完整的": "incomplete",
        "报表被退回的": "returned", "没有报送的": "missing",
    }.items():  # fmt: skip
        assert (f"{words} {units[figure]} 家" in text) == bool(units[figure])


def test_a_month_without_returns_ranks_nobody(sample: Sample) -> None:
    text = said(made(sample, "assessment", "EX", EMPTY))
    assert "均未得分" in text
    assert "没有单位得分，不作排名" in text
    assert "本月没有收到报表，无从比较" in text


def test_who_lost_all_does_not_fill_the_table_of_who_lost_points(sample: Sample) -> None:
    """Of 43 missing units of 300 it had fifteen, and nobody saw what the others lost points for."""
    few = table(made(sample, "assessment", "EX"), "扣分较多的单位及原因")
    assert str(few.rows[0][2]).endswith("各部分均不得分")
    assert few.source == "report.xlsx", "what is cut says where the rest is"
    missing = "update marts.unit_results set state = 'missing' where period = '{}' and unit_code like '%-0__'"
    with changed(sample, missing.format(LAST)):
        many = made(sample, "assessment", "EX")
    (told,) = re.findall(r"没有报送或报表被退回的 (\d+) 家单位各部分均不得分", said(many))
    listed = table(many, "扣分较多的单位及原因")
    assert int(told) >= 15
    assert listed.total == 24 - int(told)
    assert not any("各部分均不得分" in row[2] for row in listed.rows)


def test_of_a_fault_in_many_units_all_are_counted_and_named(tmp_path: Path) -> None:
    """Of 257 units it said 等 25 家: no more names than that were asked for."""
    warehouse = Warehouse(duckdb.connect(), tmp_path)
    warehouse.execute("create schema core")
    warehouse.execute(
        "create table core.units as select '2026-10' as period, 'U' || i as unit_code, '甲' || i as unit_name, i as position from range(30) as t(i)"
    )
    warehouse.execute(
        "create table core.findings as select period, 'U' || i as unit_code, 'AST-05' as rule_id, 'open' as status, "
        "'error' as severity from range(30) as t(i), (select unnest(['2026-09', '2026-10']) as period)"
    )
    asked = {"units": [f"U{i}" for i in range(30)], "period": "2026-10", "previous": "2026-09"}
    (row,) = warehouse.rows(model("documents/repeated"), asked)
    assert (row["units"], row["names"]) == (30, [f"甲{i}" for i in range(30)])


def test_many_units_are_told_by_the_node_above_them() -> None:
    rows = [{"unit_name": f"第{i}", "node_name": f"{i % 7}市"} for i in range(70)]
    assert (
        Words("zh").counted_names(unit_names(rows))
        == "0市 10 家、1市 10 家、2市 10 家、3市 10 家、4市 10 家等 7 个地市"
    )
    assert Words("zh").counted_names(unit_names(rows[:3])) == "第0、第1、第2"
    twice = [{"unit_name": "城区", "node_name": "甲市"}, {"unit_name": "城区", "node_name": "乙市"}]
    assert len(unit_names(twice + twice)) == 2, "two units of one name, each once"


def test_one_unit_is_spoken_of_in_the_singular(sample: Sample) -> None:
    one = Subject("EX-16", "临江市分公司", "示例通信集团", ("EX-16-01-001",), is_unit=False)
    text = said(made(sample, "assessment", "", LAST, one))
    assert "本月应考核单位 1 家，得 " in text
    assert "平均" not in text


def test_a_penalty_is_signed_by_the_node_above_and_says_what_it_rests_on(sample: Sample) -> None:
    report = made(sample, "penalty", "EX-15-01-ENG")
    assert report.letter
    assert report.letter.issuer == "青川盟分公司"
    assert report.letter.addressee == "青川盟分公司工程建设部："
    assert "未经签发不生效" in report.letter.draft
    text = said(report)
    assert "没有按要求报送2026年10月网络安全月报" in text or "被退回" in text
    assert "第六章" in text
    with pytest.raises(NoSuchDocument, match="没有应予通报批评的事项"):
        made(sample, "penalty", "EX-15-01-001", FIRST)


def test_the_wechat_report_has_every_part_that_its_model_asks_for(sample: Sample) -> None:
    report = made(sample, "wechat", "EX-15-01-001")
    assert [s.title for s in report.sections] == ["前言", "自查情况", "存在的问题", "整改措施", "结论"]
    groups = [text.split("。")[0] for text in report.sections[1].sentences]
    assert groups == [
        "（一）网络安全意识", "（二）微信账户安全", "（三）信息传输安全", "（四）信息存储安全", "（五）微信外发安全", "（六）微信朋友圈",
    ]  # fmt: skip
    missing = said(made(sample, "wechat", "EX-15-01-001", EMPTY))
    assert "没有收到可以计入的自查结果" in missing
    assert "目前不能作出结论" in missing


def test_the_wechat_report_counts_as_the_summary_does(sample: Sample) -> None:
    figures = sample.summary(LAST, "EX")["self_check"]["by_checklist"]
    text = said(made(sample, "wechat", "EX"))
    moments = figures["WXM"]["by_result"]
    assert f"填报 {figures['WXM']['rows_counted']} 项次" in text
    for result, n in moments.items():
        assert f"{result} {n} 项次" in text
    results = [figures[checklist]["by_result"] for checklist in ("WXS", "WXM")]
    rated = [sum(r.get(name, 0) for r in results) for name in ("符合", "部分符合", "不符合")]
    assert f"自查符合率为 {round(100 * rated[0] / sum(rated) + 1e-9, 2):g}%" in text


def test_protection_is_reported_in_its_months_alone(sample: Sample) -> None:
    with pytest.raises(NoSuchDocument, match="不是重大保障期"):
        made(sample, "protection", "EX", FIRST)
    titles = [s.title for s in made(sample, "protection", "EX").sections]
    assert titles[:3] == ["工作方案与责任分工", "风险评估与隐患封堵", "应急预案与演练"]
    assert titles[-1] == "保障结果"


def test_the_campaign_is_that_of_the_summary(sample: Sample) -> None:
    indicators = sample.summary(LAST, "EX")["indicators"]
    text = said(made(sample, "campaign", "EX"))
    for code, words in {
        "IND-12": "活动 {} 场",
        "IND-13": "材料 {} 份",
        "IND-14": "受众 {} 人次",
        "IND-15": "短信 {} 条",
    }.items():
        assert words.format(f"{indicators[code]['numerator']:,}") in text
    assert "没有单位报送有效的反诈宣传活动数据" in said(made(sample, "campaign", "EX", EMPTY))


def test_campaigns_are_compared_only_where_a_unit_reported_in_both_months(sample: Sample) -> None:
    """Of a unit that reported last month alone and one that did this month alone it said 由 0 场增至 0 场."""
    reported = "select distinct unit_code from marts.indicators where period = $period and counted"
    there = [{row["unit_code"] for row in sample.warehouse.rows(reported, {"period": p})} for p in (FIRST, LAST)]
    before, now = sorted(there[0] & there[1])[:2]
    both = Subject("EX-15", "青川分公司", "示例通信集团", (before, now), is_unit=False)
    assert "只比较两个月都报送的 2 家单位" in said(made(sample, "campaign", "", subject=both))
    with changed(
        sample,
        f"delete from marts.indicators where period = '{LAST}' and unit_code = '{before}'",
        f"delete from marts.indicators where period = '{FIRST}' and unit_code = '{now}'",
    ):
        for report in (made(sample, "campaign", "", subject=both), made(sample, "campaign", now)):
            (compared,) = (s for s in report.sections if s.title == "与上月相比")
            assert compared.sentences == ("与2026年9月没有可比的数据，无从比较。",)


def test_nobody_is_said_to_have_done_what_they_did_not_report(sample: Sample) -> None:
    """A list without any answer said 作了自查, and a unit whose forms were returned 没有报送月报."""
    for code in ("EX", "EX-15-01-001"):
        empty = said(made(sample, "wechat", code, EMPTY))
        assert "应对照" in empty
        assert "作了自查" not in empty
    returned = "青川盟分公司工程建设部"
    assert f"没有报送月报、或报表被退回的单位：{returned}。" in said(made(sample, "protection", "EX"))
    assert f"没有报送自查结果、或报表被退回的单位：{returned}。" in said(made(sample, "wechat", "EX"))


def test_how_many_units_there_are_is_told_once(sample: Sample) -> None:
    text = said(made(sample, "assessment", "EX", EMPTY))
    assert re.search(r"没有报送的 24 家：\S+、\S+等。", text)


def test_an_incident_that_an_earlier_month_counted_is_not_blamed_again(sample: Sample) -> None:
    (unit, *_) = [
        row["unit_code"]
        for row in sample.warehouse.rows(
            "select unit_code from marts.incidents where period = $period and counted group by all having count(*) = 1",
            {"period": LAST},
        )
    ]
    late = f"update marts.incidents set is_reported_late = true where period = '{LAST}' and unit_code = '{unit}'"
    overdue = f"update marts.unit_results set overdue_problems = 1 where period = '{LAST}' and unit_code = '{unit}'"
    again = f"update marts.incident_register set first_form_id = 'earlier' where unit_code = '{unit}'"
    blamed = "1 起安全事件没有在规定时限内报告"
    with changed(sample, late):
        assert blamed in said(made(sample, "penalty", unit))
        assert "保障期间发生安全事件 1 起" in said(made(sample, "protection", unit))
    with changed(sample, late, overdue, again):
        assert blamed not in said(made(sample, "penalty", unit))
        assert "保障期间没有发生安全事件。" in said(made(sample, "protection", unit))


@pytest.mark.parametrize(
    ("is_open", "is_overdue", "told"),
    [
        ("n = 1", "false", "已完成整改 {rest} 个，尚未完成 1 个。"),
        ("true", "n = 1", "尚未完成 {all} 个，其中逾期 1 个。"),
        ("n <= 2", "n <= 2", "已完成整改 {others} 个，尚未完成 2 个，其中逾期 2 个。"),
        ("false", "false", "所有问题均已完成整改。"),
    ],
)
def test_what_an_inspection_found_is_told_by_what_became_of_it(
    sample: Sample, is_open: str, is_overdue: str, told: str
) -> None:
    """The numbers stood one after the other without a comma, and 其中逾期 beside what it is part of."""
    found = "create or replace temp table found as select *, row_number() over () as n from marts.problems"
    count = sample.warehouse.value(f"select count(*) from marts.problems where period = '{LAST}'")
    with changed(
        sample,
        f"{found} where period = '{LAST}'",
        f"delete from marts.problems where period = '{LAST}'",
        "insert into marts.problems by name select * exclude (n) replace ("
        f"'半年检查' as source, period as reported_in, {is_open} as is_open, {is_overdue} as is_overdue) from found",
    ):
        text = said(made(sample, "inspection", "EX"))
    assert f"检查发现问题 {count} 个" in text
    assert told.format(all=count, rest=count - 1, others=count - 2) in text.splitlines()


def test_who_leads_a_duty_sees_its_items_and_figures_alone(sample: Sample) -> None:
    report = made(sample, "duties", "EX", lead="market")
    assert report.letter
    assert report.letter.addressee == "市场部："
    codes = [i.code for i in sample.catalogue.items if "market" in i.leads]
    assert codes
    names = {sample.catalogue.item_by_code[code].text for code in codes}
    assert {row[0] for row in table(report, "没有完全符合的检查项").rows} <= names
    led = [i for i in sample.catalogue.indicators if "market" in i.leads]
    figures = sample.summary(LAST, "EX")["indicators"]
    rows = table(report, "牵头的工作指标").rows
    assert {row[0]: row[1] for row in rows} == {i.zh: figures[i.code]["numerator"] for i in led}
    assert f"由市场部牵头的有检查项 {len(codes)} 个、工作指标 {len(led)} 项" in said(report)
    with pytest.raises(NoSuchDocument, match="market（市场部）"):
        made(sample, "duties", "EX", lead="finance")


def test_who_leads_no_item_sees_none(sample: Sample) -> None:
    """A choice among no items was one among all: here in a span whose months hold none."""
    report = made(sample, "duties", "EX", lead="market", months=[])
    (answers,) = (s for s in report.sections if s.title == "自查情况")
    assert answers.sentences == ("没有单位填报这些检查项，情况不明。",)
    assert answers.blocks == ()


def test_every_duty_has_a_lead_that_the_documents_know(sample: Sample) -> None:
    assert all(of.leads for of in (*sample.catalogue.items, *sample.catalogue.indicators))
    assert set(sample.catalogue.leads) == set(kinds()["duties"]["led"])


# ------------------------------------------------------------------------------------------------------------- the file
@pytest.mark.outside
def test_it_stands_on_few_pages_without_contents(sample: Sample, tmp_path: Any) -> None:
    pages = pages_of(render_docx(made(sample, "assessment", "EX")), "docx", tmp_path)
    assert len(pages) <= 6
    assert "目录" not in "".join(pages)
    assert "青川盟第" in pages[0]
    first = [line.strip() for line in pages[0].splitlines() if line.strip()]
    assert first[1].replace(" ", "") == "考核情况的通报", "the title breaks between words"


def test_descriptions_use_every_query_and_no_other() -> None:
    used = {name for entry in kinds().values() for name in entry["queries"]}
    folder = HERE.parents[1] / "sql" / "documents"
    assert {path.stem for path in folder.glob("*.sql")} == used


# ---------------------------------------------------------------------------------------------------------- by setting
def test_by_setting_they_lie_beside_the_report_but_not_of_an_interim_one(sample: Sample) -> None:
    work, parameters = sample.work, sample.work.parameters(LAST)

    def render(reports: Any) -> Any:
        yield from ((scope, {"report.html": b""}) for scope, _ in reports)

    wanted = ("assessment", "penalty", "protection")
    for kind, expected in {"deadline": True, "interim": False}.items():
        reports = sample.reports(LAST, kind=kind)
        chosen = [("EX", reports["EX"]), ("EX-15-01", reports["EX-15-01"])]
        files = dict(with_documents(render, wanted, work, LAST, parameters)(chosen))
        assert ("documents/assessment.docx" in files["EX"]) == expected
        assert any(name.startswith("documents/penalty-EX-15-01-") for name in files["EX-15-01"]) == expected
        assert not any("penalty" in name for name in files["EX"])
    assert json.dumps(sorted(files["EX"])) == '["report.html"]'


def test_a_kind_that_is_none_stops_the_run() -> None:
    check_kinds(["assessment"])
    with pytest.raises(SettingsError, match="'praise' is none of assessment, campaign"):
        check_kinds(["praise"])


def test_a_kind_that_is_none_stops_every_report_before_it_is_made(sample: Sample) -> None:
    """Of a night or of a half-year, which ask no command beforehand: they ended in a KeyError."""
    with pytest.raises(SettingsError, match="'praise' is none of assessment, campaign"):
        with_documents(lambda reports: iter(()), ["praise"], sample.work, LAST, sample.work.parameters(LAST))


# ---------------------------------------------------------------------------------------------------------- by command
@pytest.mark.parametrize("folders", ["", "2026-10", "2026-10/EX"])
def test_a_month_whose_first_run_was_killed_has_no_report_yet(tmp_path: Path, folders: str) -> None:
    """The folder of its reports stands before the first of them does."""
    home = Home(tmp_path / "home")
    (home.published / folders).mkdir(parents=True)
    with pytest.raises(NoDocument, match=r"no report of 2026-10 yet.*`sixth run --period 2026-10` makes one"):
        next(write_documents(home, "assessment", "2026-10", "", tmp_path))
