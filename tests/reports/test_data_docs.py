"""Data Docs of the sample: the whole month as it is settled, masked, and no page written that is there already."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from expectations.suites import UNIT_MONTHS, month_suites
from reports.data_docs.pages import write_data_docs
from reports.data_docs.validations import outcomes, results_of, validate_months, validated_months
from tests.reports.settled_sample import EMPTY, LAST, Sample

PERSON, PHONE, SCRIPT = "欧阳修远", "13912345678", "<script>alert(1)</script>"
SECRET = "Abc#98765"
WAIVED = "asset_name"  # the column of the fault that a steward has waived


@pytest.fixture(scope="module")
def validated(sample: Sample) -> Iterator[Sample]:
    """The sample validated, with faults in personal columns, and one that is a script."""
    made = """
        insert into core.all_findings
        select * replace (
            $id as finding_id, $column as column_key, $rule as rule_id, $value as value, $id || ' 列' as "column",
            $status as status, $by as decided_by
        )
        from core.all_findings
        where period = $period and sheet_key = 'exposed_assets' and row > 0
        order by all
        limit 1
    """
    faults = [
        ("made-1", "owner", "GEN-06", PERSON), ("made-2", "owner_phone", "GEN-02", PHONE),
        ("made-3", "asset_name", "GEN-04", SCRIPT), ("made-4", "remark", "GEN-07", f"管理口令：{SECRET}"),
    ]  # fmt: skip
    for id_, column, rule, value in faults:
        parameters = {"id": id_, "column": column, "rule": rule, "value": value, "period": LAST}
        is_waived = column == WAIVED
        parameters |= {"status": "waived" if is_waived else "open", "by": PERSON if is_waived else ""}
        sample.warehouse.execute(made, parameters)
    validate_months(sample.work)
    yield sample
    sample.warehouse.execute("delete from core.all_findings where finding_id like 'made-%'")
    sample.warehouse.execute("delete from core.validations")


def write(sample: Sample, folder: Path, lang: str = "zh") -> list[Path]:
    months = validated_months(sample.warehouse)
    return write_data_docs(folder, months, partial(results_of, sample.warehouse), sample.catalogue, lang)


def test_the_results_are_of_the_whole_month(validated: Sample) -> None:
    """Every finding on rows is counted once, and of every row it is known whether it was asked."""
    suites = month_suites(validated.catalogue, LAST)
    of_rows = {check.rule.id for checks in suites.values() for check in checks}
    found = outcomes(validated.work, LAST, suites)
    failed = {(name, check.rule.id): 0 for name, checks in suites.items() for check in checks}
    for name, checks in suites.items():
        for check, outcome in zip(checks, found[name], strict=True):
            failed[name, check.rule.id] += outcome.failed
            assert outcome.failed <= outcome.rows, (name, check)
            assert bool(outcome.examples) == bool(outcome.failed), (name, check)
    counted = validated.warehouse.execute(
        """
        select sheet_key, rule_id, count(distinct (form_id, row, column_key, expected)), count(distinct (form_id, row))
        from core.all_findings
        where period = $period and list_contains($rules, rule_id)
        group by all
        """,
        {"period": LAST, "rules": sorted(of_rows)},
    ).fetchall()
    assert {key: n for key, n in failed.items() if n}.keys() == {(s or UNIT_MONTHS, r) for s, r, _, _ in counted}
    for sheet, rule, cells, rows in counted:
        assert rows <= failed[sheet or UNIT_MONTHS, rule] <= cells
    rows = validated.warehouse.value(
        """
        select count(*)
        from staging.self_check
        semi join (select form_id from core.submissions where period = $period and status <> 'replaced') using (form_id)
        """,
        {"period": LAST},
    )
    assert found["self_check"][0].rows == rows > 1000


def test_a_result_is_kept_for_every_suite_of_every_month_on_record(validated: Sample) -> None:
    months = validated_months(validated.warehouse)
    assert [m.period for m in months] == ["2026-09", LAST]
    assert EMPTY not in [m.period for m in months]
    for month in months:
        results = results_of(validated.warehouse, month.period)
        assert results.keys() == month_suites(validated.catalogue, LAST).keys()
        assert month.evaluated == sum(len(r["results"]) for r in results.values())
        assert month.successful == sum(one["success"] for r in results.values() for one in r["results"])
    assert validate_months(validated.work) == []
    fingerprint = "update core.settled set fingerprint = fingerprint || ? where period = ?"
    validated.warehouse.connection.execute(fingerprint, ["!", LAST])
    try:
        before = validated.warehouse.frame("select suite, result from core.validations order by all")
        assert validate_months(validated.work) == [LAST]
        assert validated.warehouse.frame("select suite, result from core.validations order by all").equals(before)
    finally:
        validated.warehouse.execute(
            "update core.settled set fingerprint = rtrim(fingerprint, '!') where period = $p", {"p": LAST}
        )
        validate_months(validated.work)


def test_what_is_waived_is_counted_beside_what_fails_without_a_name(validated: Sample, tmp_path: Path) -> None:
    suites = month_suites(validated.catalogue, LAST)
    found = zip(suites["exposed_assets"], outcomes(validated.work, LAST, suites)["exposed_assets"], strict=True)
    assert {(c.rule.id, c.at): o.waived for c, o in found if o.waived} == {("GEN-04", (WAIVED,)): 1}
    months = {m.period: m.waived for m in validated_months(validated.warehouse)}
    assert months == {"2026-09": 0, LAST: 1}
    write(validated, tmp_path)
    page = (tmp_path / LAST / "exposed_assets.html").read_text(encoding="utf-8")
    assert "其中 1 行已由主管部门豁免" in page
    assert "主管部门豁免" not in (tmp_path / LAST / "self_check.html").read_text(encoding="utf-8")
    rule = page[page.index('id="GEN-04-asset_name"') :].partition("</tr>")[0]
    assert re.findall(r'<td class="n">(?:<strong>)?([\d,]+)', rule)[1:] == ["1", "1"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_pages_stand_alone_and_show_nobody(validated: Sample, tmp_path: Path, lang: str) -> None:
    write(validated, tmp_path, lang)
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) == 1 + 2 * (1 + len(month_suites(validated.catalogue, LAST)))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\((?!data:)|@import""", text), page
        assert PERSON not in text
        assert SECRET not in text
        assert PHONE not in text
        assert SCRIPT not in text
        for link in re.findall(r'href="([^"#]+)"', text):
            assert (page.parent / link).exists(), (page, link)
    assets = (tmp_path / LAST / "exposed_assets.html").read_text(encoding="utf-8")
    assert PERSON[0] + "**" in assets
    assert "管理口令：****" in assets
    assert "139****5678" in assets
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in assets
    for result in tmp_path.rglob("*.json"):
        told = result.read_text(encoding="utf-8")
        assert PERSON not in told
        assert SECRET not in told
        assert PHONE not in told
    kept = results_of(validated.warehouse, LAST)["exposed_assets"]
    assert json.loads((tmp_path / LAST / "exposed_assets.json").read_text(encoding="utf-8")) == kept


def test_a_link_to_a_rule_leads_to_its_row(validated: Sample, tmp_path: Path) -> None:
    write(validated, tmp_path)
    month = (tmp_path / LAST / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="(\w+\.html)#([^"]+)"', month)
    assert len(links) > 20
    for page, anchor in links:
        assert f'id="{anchor}"' in (tmp_path / LAST / page).read_text(encoding="utf-8")


def test_only_pages_that_changed_are_written(validated: Sample, tmp_path: Path) -> None:
    first = write(validated, tmp_path)
    assert len(first) == 1 + 2 * (1 + 2 * len(month_suites(validated.catalogue, LAST)))
    assert write(validated, tmp_path) == []
    lost = tmp_path / "2026-09" / "incidents.html"
    whole = lost.read_bytes()
    lost.unlink()
    (tmp_path / "2026-09" / ".index.html-1").write_text("half a page that a killed run left", encoding="utf-8")
    assert write(validated, tmp_path) == [lost]
    assert lost.read_bytes() == whole
    assert not list(tmp_path.rglob(".*"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    other = """
        update core.validations
        set result = replace(result, '"element_count": 10,', '"element_count": 10 ,')
        where period = $period and suite = 'incidents'
    """
    kept = validated.warehouse.frame("select * from core.validations where period = $period", {"period": LAST})
    validated.warehouse.execute(other, {"period": LAST})
    written = write(validated, tmp_path)
    validated.warehouse.put("core.validations", kept, period=LAST)
    assert {path for path, content in before.items() if path.read_bytes() != content} == set(written)
    assert set(written) <= {tmp_path / LAST / "index.html"}
