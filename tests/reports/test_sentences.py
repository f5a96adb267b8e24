"""What the report says: never a hole, never an odd word, whatever the figures; and both languages say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expectations.catalogue import load_catalogue
from reports.model import Cause, Change, Header
from reports.report.blocks import Blocks
from reports.report.code_names import looks
from reports.report.expressions import all_said, description, first_said, headlines
from reports.report.facts import make_facts
from reports.report.first_page import FirstPage
from reports.report.queries import Found, described_queries
from reports.text.sentences import texts, words
from tests.reports.made_figures import names_of, summaries, tables

CUTOFF = datetime(2026, 11, 6, tzinfo=timezone(timedelta(hours=8)))
CATALOGUE = load_catalogue()
LOOKS = {lang: looks(CATALOGUE, lang) for lang in ("zh", "en")}
QUERIES = list(described_queries())
LANGUAGES = ("zh", "en")

ODD = {
    "zh": re.compile(
        r"[{}]|None|nan|  |。。|，，|，。|：。|；。|、、|[，、；：]$|其中 0 |(?<![\d,])([\d,]+) (?:个|起|项)[^，。]*，(?:其中 )?\1 (?:个|起|项)(?:逾期|报告超时|未评估|没有落实|未达标|未采取)|[\u4e00-\u9fff][,;:!?()][\u4e00-\u9fff]"
    ),
    "en": re.compile(
        r"[{}]|(?<=[a-z,;:(] )None\b|[(“]None|nan\b|  | [,.;]|[,;:]\.|\.\.|: \.|\b0 of them|(?<![\d,.])1 (?:units|assets|apps|problems|mails|agreements|items|rows|"
        r"incidents|figures|days|months|findings|indicators|vulnerabilities)\b|\b(?!1\b)\d+ (?:unit|asset|app|problem|mail|agreement)\b(?! of)"
    ),
}  # fmt: skip


def header(lang: str, **over: Any) -> Header:
    values: dict[str, Any] = {"as_of": CUTOFF, "kind": "deadline", "version": "v1", **over}
    return Header(
        period="2026-10", scope="C", scope_name="北原省公司", cutoff=CUTOFF, software="0", lang=lang, **values
    )


def facts_of(lang: str, now: dict[str, Any], before: dict[str, Any] | None, found: Any, **over: Any) -> dict[str, Any]:
    history = {**({"2026-09": before} if before else {}), "2026-10": now}
    points = [r["score"] for r in found["scores"].dicts()]
    figures = {
        "zero_scores": points.count(0),
        "top_scores": points.count(max(points, default=0)),
        "last_scores": points.count(min(points, default=0)),
        "supervised": 1,
        "mean_score": 50.5,
        "received": now["self_check"]["rows_received"],
        "counted": now["self_check"]["rows_counted"],
        "high_overdue": min(now["rectification"]["overdue"], now["rectification"]["open_by_severity"]["高"]),
    }
    page = FirstPage(header(lang, **over), CATALOGUE, history, found, names_of(now), figures, LOOKS[lang])
    return dict(page.facts)


def sensible(sentences: Sequence[str], lang: str) -> None:
    for sentence in sentences:
        assert not ODD[lang].search(sentence), sentence
        assert not sentence[0].islower(), sentence


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_sentence_reads_well_in_any_month(data: st.DataObject) -> None:
    now = data.draw(summaries())
    before = data.draw(st.one_of(st.none(), summaries()))
    found = data.draw(tables(now, QUERIES))
    changes = (Change("units.missing", 2, 1, (Cause("rules", ()),)),) * data.draw(st.integers(0, 2))
    kind, version = (
        ("supplement", "v2") if changes else data.draw(st.sampled_from([("interim", "interim"), ("deadline", "v1")]))
    )
    as_of = CUTOFF - timedelta(days=1) if kind == "interim" else CUTOFF
    over = {
        "kind": kind,
        "version": version,
        "as_of": as_of,
        "changes": changes,
        "before_version": "v1" if changes else "",
    }
    for lang in LANGUAGES:
        facts = facts_of(lang, now, before, found, **over)
        said = [sentence for sentence, _ in headlines(facts, words(lang))]
        assert 3 <= len(said) <= 6, said
        assert all(s.endswith("。" if lang == "zh" else ".") for s in said), said
        sensible(said, lang)
        for section in description("sections"):
            headline = first_said(section["headline"], facts, words(lang))
            assert headline, section["key"]
            sensible([headline, *all_said(section.get("sentences", ()), facts, words(lang))], lang)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_report_is_provisional_just_while_units_are_missing_or_the_cut_off_is_ahead(data: st.DataObject) -> None:
    now = data.draw(summaries())
    interim = data.draw(st.booleans())
    over = {"kind": "interim", "version": "interim", "as_of": CUTOFF - timedelta(hours=1)} if interim else {}
    found = data.draw(tables(now, QUERIES))
    for lang in LANGUAGES:
        page = FirstPage(header(lang, **over), CATALOGUE, {"2026-10": now}, found, names_of(now), {}, LOOKS[lang])
        said = page.provisional()
        assert bool(said) == (interim or now["units"]["missing"] + now["units"]["returned"] > 0)
        for name in [*names_of(now).get("missing", [])[:5], *names_of(now).get("returned", [])[:5]]:
            assert name in said
        if said:
            sensible([said], lang)


def quiet(units: int) -> dict[str, Any]:
    """The best month: everyone complete on time, nothing to complain of."""
    none = {"rows_received": 0, "rows_counted": 0}
    return {
        "units": {"expected": units, "complete_on_time": units, "complete_late": 0, "incomplete": 0, "returned": 0, "missing": 0},
        "forms": {
            "annex2": {"expected": units, "effective": units, "nil": units, "returned": 0, "missing": 0},
            "annex3": {"expected": units, "effective": units, "returned": 0, "missing": 0},
            "annex6": {"effective": 0, "returned": 0},
        },
        "exposed_assets": {
            **none, "by_type": {}, "by_mlps_level": {}, "holding_personal_data": 0, "without_protection": 0,
            "without_three_sync": 0, "unscanned": 0, "high_vulns": 0, "with_high_risk_port": 0,
        },
        "app_launches": {**none, "by_stage": {}, "by_platform": {}, "launched_without_assessment": 0, "interactive": 0},
        "self_check": {"expected_answers": 71, **none, "by_result": {"符合": 71}, "pass_rate": 100.0, "by_checklist": {}},
        "rectification": {**none, "open": 0, "overdue": 0, "closed_in_period": 0, "open_by_severity": {"高": 0, "中": 0, "低": 0}},
        "incidents": {**none, "by_level": {}, "by_kind": {}, "reported_late": 0, "median_minutes_to_report": None},
        "indicators": {},
        "agreements": {"in_force": 0, "expired": 0, "expiring_60d": 0},
        "findings": {"critical": 0, "error": 0, "warning": 0, "waived": 0, "by_rule": {}},
    }  # fmt: skip


def no_rows() -> dict[str, Any]:
    return {name: Found({}, (), 0) for name in QUERIES}


@pytest.mark.parametrize(
    ("lang", "units", "said"),
    [
        ("zh", 24, ["24 家单位全部按时完整报送。", "没有新增暴露面资产。", "自查符合率 100%。", "月末没有未完成的问题。",
                    "没有报告安全事件。", "没有需要决定的事项。"]),
        ("zh", 1, ["应报的 1 家单位已按时完整报送。", "没有新增暴露面资产。", "自查符合率 100%。", "月末没有未完成的问题。",
                   "没有报告安全事件。", "没有需要决定的事项。"]),
        ("en", 1, ["The one unit expected reported in full and on time.", "No assets were newly exposed.",
                   "The self-check pass rate is 100%.", "No problem was open at the end of the month.",
                   "No security incident was reported.", "Nothing needs a decision."]),
    ],
)  # fmt: skip
def test_the_best_month_is_told_plainly(lang: str, units: int, said: list[str]) -> None:
    facts = make_facts(header(lang), {"2026-10": quiet(units)}, no_rows(), {}, {}, LOOKS[lang], words(lang))
    assert [sentence for sentence, _ in headlines(facts, words(lang))] == said


def worst() -> dict[str, Any]:
    """The worst month: nobody reported, and what was open is overdue."""
    month = quiet(24)
    month["units"] |= {"complete_on_time": 0, "missing": 24}
    for form in ("annex2", "annex3"):
        month["forms"][form] |= {"effective": 0, "missing": 24}
    month["self_check"] |= {"pass_rate": None, "by_result": {}}
    month["rectification"] |= {"open": 7, "overdue": 7, "open_by_severity": {"高": 7, "中": 0, "低": 0}}
    return month


def test_the_worst_month_claims_nothing_that_nobody_reported() -> None:
    before = quiet(24)
    before["exposed_assets"] |= {"rows_received": 9, "rows_counted": 9, "high_vulns": 9, "without_protection": 9}
    before["incidents"] |= {"rows_counted": 4, "rows_received": 4, "reported_late": 4}
    before["rectification"] |= {"open": 7, "overdue": 1}
    names = {"missing": [f"单位{i}" for i in range(24)]}
    history = {"2026-09": before, "2026-10": worst()}
    page = FirstPage(header("zh"), CATALOGUE, history, no_rows(), names, {"high_overdue": 7}, LOOKS["zh"])
    assert [sentence for sentence, _ in headlines(page.facts, words("zh"))] == [
        "应报的 24 家单位到截止时间都没有报送。",
        "没有有效的附件2和附件3，资产、APP、自查和安全事件情况不明。",
        "月末未完成的 7 个问题全部逾期。",
        "需要决定：对 24 家未报或被退回的单位如何督办；7 个逾期的高风险问题是否挂牌督办。",
    ]
    assert [(m.kind, m.text) for m in page.moves["figures"]] == [
        ("worse", "按时完整单位由 24 降至 0"),
        ("worse", "未报单位由 0 升至 24"),
        ("worse", "逾期问题由 1 升至 7"),
    ]


def test_fewer_reports_are_no_improvement() -> None:
    before, now = quiet(10), quiet(10)
    before["exposed_assets"] |= {"rows_counted": 50, "high_vulns": 50}
    now["exposed_assets"] |= {"rows_counted": 5, "high_vulns": 5}
    now["forms"]["annex2"]["effective"] = 4
    page = FirstPage(header("zh"), CATALOGUE, {"2026-09": before, "2026-10": now}, no_rows(), {}, {}, LOOKS["zh"])
    assert page.moves["figures"] == []
    entry = next(k for k in description("first_page")["kpis"] if k["figure"] == "exposed_assets.high_vulns")
    assert page.kpi(entry, set()).good == "none"


def test_of_a_month_of_which_little_is_in_nothing_absolute_is_said_and_nothing_better() -> None:
    """`没有新增暴露面资产` of 2 units of 24, and a pass rate of theirs that beat last month's of all."""
    before, now = quiet(24), quiet(24)
    before["self_check"] |= {"pass_rate": 80.0}
    before["indicators"] = {code: {**i, "rate": 50.0} for code, i in before["indicators"].items() if "rate" in i}
    now["units"] |= {"complete_on_time": 2, "missing": 22}
    for form in ("annex2", "annex3"):
        now["forms"][form] |= {"effective": 2, "missing": 22}
        before["forms"][form] |= {"effective": 2, "missing": 22}  # so that there are no fewer than last month
    page = FirstPage(header("zh"), CATALOGUE, {"2026-09": before, "2026-10": now}, no_rows(), {}, {}, LOOKS["zh"])
    said = [sentence for sentence, _ in headlines(page.facts, words("zh"))]
    assert {
        "已报单位没有新增暴露面资产。",
        "自查符合率 100%。",
        "已报单位月末没有未完成的问题。",
        "已报单位没有报告安全事件。",
    } <= set(said)
    assert not [sentence for sentence in said if sentence.startswith("没有")]
    assert [m.text for m in page.moves["figures"] if m.kind == "better" and "率" in m.text] == []
    entry = next(k for k in description("first_page")["kpis"] if k["figure"] == "self_check.pass_rate")
    assert page.kpi(entry, set()).good == "none"


# ----------------------------------------------------------------------------------------------------------- the texts
def _forms(text: Any) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def test_every_text_is_there_in_both_languages() -> None:
    for key, text in texts().items():
        assert set(text) == {"zh", "en"}, key
        assert isinstance(text["zh"], str), key
        assert text["zh"], key
        assert isinstance(text["en"], str) or set(text["en"]) == {"one", "other"}, key
        assert all(_forms(text["en"])) or key.startswith("measure."), key


def test_no_half_width_punctuation_stands_between_chinese_characters() -> None:
    stray = re.compile(r"[\u4e00-\u9fff}][,;:!?()][\u4e00-\u9fff{]|[\u4e00-\u9fff][()]|[()][\u4e00-\u9fff]")
    assert [key for key, text in texts().items() if stray.search(text["zh"])] == []


def test_no_chinese_stands_in_the_english_texts() -> None:
    chinese = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")
    assert [k for k, text in texts().items() if any(chinese.search(form) for form in _forms(text["en"]))] == []


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        words("zh").say("head.all")
    with pytest.raises(ValueError, match="no value"):
        words("zh").say("head.checks_first", rate=None)


@pytest.mark.parametrize(
    ("lang", "period", "written"),
    [("zh", "2026-10", "2026年10月"), ("en", "2026-10", "October 2026"), ("zh", "2026H2", "2026年下半年"),
     ("en", "2026H1", "first half of 2026"), ("zh", "2026", "2026年")],
)  # fmt: skip
def test_a_period_is_written_as_the_language_has_it(lang: str, period: str, written: str) -> None:
    assert words(lang).period(period) == written


def test_many_names_are_cut_with_a_count() -> None:
    names = [f"单位{i}" for i in range(9)]
    assert words("zh").names(names) == "单位0、单位1、单位2、单位3、单位4等 9 家"
    assert words("en").names(names[:6]) == ", ".join(names[:6])
    assert words("en").names(names).endswith("单位4 and 4 more")


def test_everything_that_the_descriptions_name_is_there() -> None:
    said: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            said.update(v for k, v in node.items() if k in {"say", "sub", "head"} and isinstance(v, str))
            said.update(v for k, v in node.items() if k in {"unit", "label"} and "." in str(v))
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(description("sections"))
    walk(description("first_page"))
    said |= {f"table.{b[k]}" for s in description("sections") for b in s["blocks"] for k in b if k in _TABLES}
    assert said - set(texts()) == set()


_TABLES = {"query", "figures", "history", "matrix", "definitions", "weights"}


def test_every_figure_of_a_summary_is_defined() -> None:
    now = quiet(1) | {"mails": {"received": 1, "held": 0, "duplicates": 0}}
    facts = make_facts(header("zh"), {"2026-10": now}, no_rows(), {}, {}, LOOKS["zh"], words("zh"))
    table = Blocks("zh", CATALOGUE, {"2026-10": now}, no_rows(), facts, LOOKS["zh"]).definitions(
        {"definitions": "appendix_figures"}
    )
    assert all(row[3] for row in table.rows)
    assert len(table.rows) > 50
