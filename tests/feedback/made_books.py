"""Workbooks as different programs write them, for the tests of marking.

Belongs here: building. Does not: asserting.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import openpyxl
import xlsxwriter
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image as SheetImage
from openpyxl.styles import PatternFill
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from PIL import Image

from reports.feedback.marking.shapes import CHECK, MUST, Entry, FeedbackSheet, Mark
from tests.workbooks.made_workbooks import MAIN, RELATIONS

SHEET, OTHER = "自查结果", "问题整改"
THREADS = "http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments"


def entry(number: int = 1, *, kind: str = MUST, cell: str = "C3", explanation: str = "") -> Entry:
    return Entry(
        severity="强制" if kind == MUST else "核实",
        kind=kind,
        place=f"{SHEET} {cell}",
        sheet=SHEET,
        cell=cell,
        problem=f"问题{number}",
        remedy="改正\n示例：符合",
        rule="GEN-03",
        explanation=explanation,
        is_open=kind == CHECK,
        finding_ids=(f"{number:012x}",),
        subjects=(f"{number:016x}",),
        places=(f"GEN-03|self_check|{number}|result",),
    )


def feedback_sheet(*entries: Entry, title: str = "某单位 2026年10月反馈") -> FeedbackSheet:
    return FeedbackSheet(
        title=title,
        lines=("报送不完整", "请改正"),
        headings=("序号", "类别", "位置", "问题", "怎么改", "规则", "情况说明"),
        entries=entries,
        empty="没有问题",
        author="自动反馈",
        note_marks=("【反馈】", "[Feedback]"),
        font="微软雅黑",
    )


MARKS: Sequence[Mark] = (
    Mark(SHEET, "C3", MUST, "强制 · 不在可选范围（GEN-03）"),
    Mark(SHEET, "B2", CHECK, "核实 · 一"),
    Mark(SHEET, "B2", CHECK, "核实 · 二"),
    Mark(SHEET, "F9", MUST, "强制 · 必填（GEN-01）"),
    Mark(OTHER, "A2", CHECK, "核实 · 三"),
)


def picture() -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(file, "PNG")
    file.seek(0)
    return file


def by_openpyxl() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = SHEET
    for row in range(1, 8):
        for column in range(1, 5):
            sheet.cell(row, column).value = f"{row}-{column}"
    sheet["D2"] = "=1+1"
    sheet["B2"].comment = Comment("用户自己的批注", "张三")
    sheet["D5"].comment = Comment("不相干的批注", "张三")
    sheet["C3"].fill = PatternFill("solid", start_color="FFDDEBF7")
    sheet["C3"].number_format = "0.00"
    sheet.add_image(SheetImage(picture()), "H2")
    rule = DataValidation(type="list", formula1='"符合,不符合"')
    rule.add("C2:C20")
    sheet.add_data_validation(rule)
    sheet.merge_cells("E10:F12")
    other = book.create_sheet(OTHER)
    other["A1"] = "编号"
    other.print_title_rows = "1:1"
    book.create_sheet("隐藏").sheet_state = "hidden"
    book.defined_names["全局"] = DefinedName("全局", attr_text=f"'{SHEET}'!$A$1")
    other.defined_names["本表"] = DefinedName("本表", attr_text=f"'{OTHER}'!$A$1")
    book.active = 1
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def by_xlsxwriter() -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        style = book.add_format({"bg_color": "#FFEEAA", "border": 1, "num_format": "0.0"})
        sheet = book.add_worksheet(SHEET)
        sheet.write_row(0, 0, ["编号", "内容", "结果", "日期"])
        for row in range(1, 8):
            sheet.write_row(row, 0, [row, "甲", 0.5, "=1+1"], style)
        sheet.set_column(5, 5, 12, style)
        sheet.write_formula("D9", "=SUM(A2:A8)", None, 28)
        sheet.insert_textbox(12, 1, "文本框：填表说明")
        sheet.insert_image(12, 6, "p.png", {"image_data": picture()})
        sheet.data_validation("C2:C20", {"validate": "list", "source": ["符合", "不符合"]})
        sheet.write_comment("B2", "用户自己的批注", {"author": "张三"})
        sheet.autofilter("A1:D8")
        sheet.protect()
        other = book.add_worksheet(OTHER)
        other.write_row(0, 0, ["编号", "状态"])
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": f"='{SHEET}'!$A$2:$A$8"})
        other.insert_chart("D2", chart)
        other.repeat_rows(0)
        other.print_area("A1:B9")
        book.define_name("全局", f"='{SHEET}'!$A$1")
        other.activate()
    return file.getvalue()


def rewritten(content: bytes, change: Mapping[str, bytes | None], rename: Mapping[str, str] | None = None) -> bytes:
    """A package with parts replaced, added, or (None) left out, and parts renamed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        names = [*old.namelist(), *(n for n in change if n not in old.namelist())]
        for name in names:
            part = change[name] if name in change else old.read(name)
            if part is not None:
                new.writestr((rename or {}).get(name, name), part)
    return file.getvalue()


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_threaded_comment() -> bytes:
    """As Excel writes a thread: beside it a note for programs that do not know threads."""
    content = by_openpyxl()
    own = parts(content)
    thread = (
        f'<ThreadedComments xmlns="{THREADS}"><threadedComment ref="B2" dT="2026-11-01T00:00:00" personId="{{P}}" id="{{T}}">'
        "<text>讨论</text></threadedComment></ThreadedComments>"
    )
    relations = own["xl/worksheets/_rels/sheet1.xml.rels"].replace(
        b"</Relationships>",
        b'<Relationship Id="thread" Type="http://schemas.microsoft.com/office/2017/10/relationships/threadedComment" '
        b'Target="../threadedComments/threadedComment1.xml"/></Relationships>',
    )
    return rewritten(
        content,
        {
            "xl/threadedComments/threadedComment1.xml": thread.encode(),
            "xl/worksheets/_rels/sheet1.xml.rels": relations,
        },
    )


def by_hand(rows: str, *, target: str = "worksheets/sheet1.xml", prefix: str = "", tail: str = "") -> bytes:
    """A workbook of one sheet with no styles: the least that is one."""
    p = f"{prefix}:" if prefix else ""
    space = f'xmlns{":" + prefix if prefix else ""}="{MAIN}"'
    sheet = f"<{p}worksheet {space}><{p}sheetData>{rows}</{p}sheetData>{tail}</{p}worksheet>"
    package = "http://schemas.openxmlformats.org/package/2006"
    link = f'<Relationship Id="s" Type="{RELATIONS}/worksheet" Target="{target}"/>'
    root = f'<Relationship Id="r" Type="{RELATIONS}/officeDocument" Target="/xl/workbook.xml"/>'
    sheets = f'<{p}sheets><{p}sheet name="{SHEET}" sheetId="7" r:id="s"/></{p}sheets>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    kinds = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types">{kinds}</Types>')
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{package}/relationships">{root}</Relationships>')
        archive.writestr("xl/workbook.xml", f'<{p}workbook {space} xmlns:r="{RELATIONS}">{sheets}</{p}workbook>')
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}/relationships">{link}</Relationships>'
        )
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return file.getvalue()
