"""A unit's way through a month: blank forms, filled, mailed, answered, corrected in the marked workbook, complete."""

from __future__ import annotations

import csv
from datetime import date
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from PIL import Image

from tests.jobs import command_line
from tests.jobs.expected import latest, table
from tests.scans.made_scans import made_page

pytestmark = pytest.mark.usefixtures("undrawn")
UNIT, MAILBOX, PERIOD = "EX-15-01-010", "county01010@oa.example", "2026-10"


def sixth(*arguments: str | Path, status: int = 0) -> str:
    return command_line.sixth(*arguments, check=status).stdout


def place(sheet: Worksheet, heading: str) -> tuple[int, int]:
    """Row and column of a heading or label; a title above that reads the same is none."""
    found = [
        (cell.row, cell.column)
        for row in sheet.iter_rows(max_row=20)
        for cell in row
        if str(cell.value or "").replace("*", "").strip("： \n") == heading
    ]
    assert found, f"{heading} is not on {sheet.title}"
    return found[-1]


def fill_cover(sheet: Worksheet, **values: Any) -> None:
    for label, value in values.items():
        row, column = place(sheet, label)
        sheet.cell(row, column + 1).value = value


def put(sheet: Worksheet, row: int, heading: str, value: Any) -> None:
    sheet.cell(row, place(sheet, heading)[1]).value = value


PEOPLE = {"填报人": "王强", "联系电话": "13900001111", "填报日期": date(2026, 11, 2), "单位负责人": "赵敏"}


def fill_annex2(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    fill_cover(book["填报信息"], **PEOPLE, 本月有无新增暴露面资产="有", 本月有无APP上线="无")
    sheet = book["暴露面资产新增"]
    row = place(sheet, "资产名称")[0] + 1
    asset = {
        "资产名称": "营业系统", "资产类型": "业务系统", "公网IP地址": "203.0.113.200", "开放端口": "443", "协议": "TCP",
        "所属系统": "支撑域", "等保级别": "三级", "等保备案编号": "15000-1", "是否涉及个人信息": "否", "责任人": "王强",
        "责任人电话": "13900001111", "上线日期": date(2026, 11, 8), "暴露原因": "对外服务", "防护措施": "WAF",
        "漏洞扫描日期": date(2026, 10, 20), "高危漏洞数": 0, "是否落实三同步": "否",
    }  # fmt: skip
    for heading, value in asset.items():
        put(sheet, row, heading, value)
    book.save(path)


def fill_annex3(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    fill_cover(book["填报信息"], **PEOPLE, 本月有无安全事件="无")
    sheet = book["自查结果"]
    row, codes = place(sheet, "检查项编号")
    for r in range(row + 1, sheet.max_row + 1):
        if sheet.cell(r, codes).value:
            put(sheet, r, "自查结果", "符合")
            put(sheet, r, "完成率", 1)
            put(sheet, r, "检查人", "王强")
            put(sheet, r, "检查日期", date(2026, 10, 20))
    sheet = book["工作指标"]
    row, codes = place(sheet, "指标编号")
    for r in range(row + 1, sheet.max_row + 1):
        if str(sheet.cell(r, codes).value or "").startswith("IND"):
            put(sheet, r, "完成数", 10)
            put(sheet, r, "应完成数", 10)
    book.save(path)


def mail(home: Path, name: str, day: int, *files: Path) -> None:
    message = EmailMessage()
    stamp = f"Mon, {day:02d} Nov 2026 09:00:00 +0800"
    message["Received"] = f"from desk by mx.oa.example; {stamp}"
    message["From"], message["Date"], message["Subject"] = MAILBOX, stamp, f"月报 {name}"
    message["Message-ID"] = f"<{name}@oa.example>"
    message.set_content("请查收")
    for file in files:
        message.add_attachment(file.read_bytes(), maintype="application", subtype="octet-stream", filename=file.name)
    (home / "inbox" / f"{name}.eml").write_bytes(message.as_bytes(policy=SMTP))


def run(home: Path, day: int) -> dict[str, str]:
    """Run the night of a day; the unit's row of units.csv."""
    sixth("run", "--home", home, "--period", PERIOD, "--as-of", f"2026-11-{day:02d}T23:00:00+08:00")
    rows = table(latest(home, PERIOD, "EX"), "units")
    return next(r for r in rows if r["unit_code"] == UNIT)


def findings(home: Path) -> list[dict[str, str]]:
    told = sixth("findings", "--home", home, "--period", PERIOD, "--unit", UNIT, "--format", "csv")
    return [r for r in csv.DictReader(told.splitlines()) if r.get("rule_id")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    sixth("init", "--sample", "--home", made)
    for old in (made / "inbox").iterdir():
        for eml in old.iterdir():
            eml.unlink()
    return made


def test_blank_forms_lead_to_a_complete_return_by_way_of_the_marked_workbook(home: Path, tmp_path: Path) -> None:
    sixth("template", "--home", home, "--unit", UNIT, "--period", PERIOD, "--out", tmp_path)
    blanks = {p.name[:3]: p for p in (tmp_path / UNIT).iterdir()}
    fill_annex2(blanks["附件2"])
    fill_annex3(blanks["附件3"])
    told = sixth("check", blanks["附件2"], blanks["附件3"], status=1)
    assert "结论：有 1 行不计入。必须改正 1 处。请核实 1 处，属实的不必改动。" in told
    assert [line.split()[-1] for line in told.splitlines() if line.startswith("* ")] == ["AST-05", "AST-10"]

    scan = tmp_path / "扫描件.jpg"
    page: Image.Image = made_page("normal", 1)
    page.save(scan, quality=80)
    mail(home, "first", 2, blanks["附件2"], blanks["附件3"], scan)
    unit = run(home, 2)
    assert (unit["state"], unit["errors"], unit["scan"]) == ("complete", "1", "sealed")
    assert [(f["rule_id"], f["status"]) for f in findings(home)] == [("AST-05", "open"), ("AST-10", "open")]

    folder = home / "published" / PERIOD / "feedback" / UNIT
    marked = next(p for p in folder.iterdir() if p.name.startswith("附件2"))
    assert "AST-05" in (folder / "feedback.html").read_text(encoding="utf-8")
    book = openpyxl.load_workbook(marked)
    assert book.sheetnames[0] == "反馈"
    sheet = book["暴露面资产新增"]
    row, column = place(sheet, "资产名称")[0] + 1, place(sheet, "上线日期")[1]
    note = sheet.cell(row, column).comment
    assert note is not None
    assert "AST-05" in note.text

    sheet.cell(row, column).value = date(2026, 10, 8)
    listed = book["反馈"]
    heading, explain = place(listed, "情况说明")
    rule = next(r for r in range(heading + 1, listed.max_row + 1) if any("AST-10" in str(c.value) for c in listed[r]))
    listed.cell(rule, explain).value = "设备为临时迁移，三同步评审已排期至十二月。"
    corrected = tmp_path / marked.name
    book.save(corrected)

    mail(home, "second", 9, corrected)
    unit = run(home, 9)
    assert (unit["state"], unit["on_time"], unit["errors"], unit["warnings"]) == ("complete", "true", "0", "0")
    (explained,) = findings(home)
    assert (explained["rule_id"], explained["status"]) == ("AST-10", "explained")
    assert explained["reason"].startswith("设备为临时迁移")


def test_an_explanation_without_substance_explains_nothing(home: Path, tmp_path: Path) -> None:
    from assets.month.findings.substance import says_something
    from expectations.catalogue import load_catalogue

    catalogue = load_catalogue()
    assert not any(
        says_something(t, catalogue)
        for t in ("", "核实无误", "经核实，无误。", "  属实 ", "正常", "123456", "Verified.")
    )
    assert says_something("端口为运维专用，已限源访问", catalogue)
    del home, tmp_path


def test_a_nil_return_by_mail_alone_leaves_annex_3_owed(home: Path) -> None:
    message = EmailMessage()
    message["Received"] = "from desk by mx; Mon, 02 Nov 2026 09:00:00 +0800"
    message["From"], message["Subject"] = MAILBOX, "2026年10月零报告"
    message.set_content("本月无新增。")
    (home / "inbox" / "nil.eml").write_bytes(message.as_bytes(policy=SMTP))
    unit = run(home, 2)
    assert (unit["state"], unit["annex2"], unit["annex3"]) == ("incomplete", "nil", "missing")
    assert {f["rule_id"] for f in findings(home)} == {"ENV-07", "SIG-01"}


def test_a_list_of_findings_sent_back_alone_is_read_for_its_explanations(home: Path, tmp_path: Path) -> None:
    sixth("template", "--home", home, "--unit", UNIT, "--period", PERIOD, "--out", tmp_path)
    blank = next(p for p in (tmp_path / UNIT).iterdir() if p.name.startswith("附件2"))
    fill_annex2(blank)
    mail(home, "first", 2, blank)
    run(home, 2)
    (subject,) = {f["finding_id"]: f for f in findings(home) if f["rule_id"] == "AST-10"}
    folder = home / "published" / PERIOD / "feedback" / UNIT
    marked = openpyxl.load_workbook(next(p for p in folder.iterdir() if p.name.startswith("附件2")))
    listed = marked["反馈"]
    heading, explain = place(listed, "情况说明")
    row = next(r for r in range(heading + 1, listed.max_row + 1) if any(subject == str(c.value) for c in listed[r]))
    listed.cell(row, explain).value = "三同步评审已排期至十二月"
    for title in marked.sheetnames[1:]:
        del marked[title]
    alone = tmp_path / "反馈.xlsx"
    marked.save(alone)
    mail(home, "second", 9, alone)
    run(home, 9)
    assert {f["rule_id"]: f["status"] for f in findings(home)}["AST-10"] == "explained"
    assert not {"WBK-03", "ENV-02"} & {f["rule_id"] for f in findings(home)}
