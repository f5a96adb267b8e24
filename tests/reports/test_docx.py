"""report.docx as other programs read it. Belongs here: what the document holds, page and type. Does not: its look."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import pypdf
import pytest
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.forms.docx import chinese_number, render_docx
from reports.forms.print_tables import BREAK, MOST_ROWS
from reports.model import Chart, Column, Report, Section, Series, Table
from tests.reports import made_reports, reading


def opened(report: Report) -> Any:
    return docx.Document(io.BytesIO(render_docx(report)))


def text_of(document: Any) -> str:
    """All text of paragraphs and cells, in order, without the places to break."""
    body = document.element.body
    return "\n".join("".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p"))).replace(BREAK, "")


@pytest.fixture(scope="module")
def full() -> Any:
    return opened(made_reports.full())


def test_the_page_is_that_of_the_standard(full: Any) -> None:
    section = full.sections[0]
    sides = (section.page_width, section.page_height, section.top_margin, section.left_margin)
    for side, millimetres in zip(sides, (210, 297, 37, 28), strict=True):
        assert abs(side - Mm(millimetres)) < Mm(0.1)
    assert abs(section.page_width - section.left_margin - section.right_margin - Mm(156)) < Mm(0.1)
    assert abs(section.page_height - section.top_margin - section.bottom_margin - Mm(225)) < Mm(0.1)
    grid = section._sectPr.find(qn("w:docGrid"))
    assert (grid.get(qn("w:type")), grid.get(qn("w:linePitch"))) == ("lines", "579")


@pytest.mark.parametrize(
    ("style", "font", "size"),
    [
        ("Normal", "仿宋_GB2312", 16),
        ("Title", "方正小标宋简体", 22),
        ("Heading 1", "黑体", 16),
        ("Heading 2", "楷体_GB2312", 16),
        ("Heading 3", "仿宋_GB2312", 16),
        ("Footer", "宋体", 14),
    ],
)
def test_type_is_that_of_the_standard(full: Any, style: str, font: str, size: int) -> None:
    properties = full.styles[style].element.rPr
    assert properties.find(qn("w:rFonts")).get(qn("w:eastAsia")) == font
    assert full.styles[style].font.size == Pt(size)
    assert str(full.styles[style].font.color.rgb) == "000000"


def test_headings_are_numbered_as_the_standard_asks(full: Any) -> None:
    numbering = full.part.numbering_part.element
    levels = {
        level.find(qn("w:pStyle")).get(qn("w:val")): level.find(qn("w:lvlText")).get(qn("w:val"))
        for level in numbering.iter(qn("w:lvl"))
        if level.find(qn("w:pStyle")) is not None
    }
    assert {k: v for k, v in levels.items() if k.startswith("Heading")} == {
        "Heading1": "%1、", "Heading2": "（%2）", "Heading3": "%3.", "Heading4": "（%4）",
    }  # fmt: skip
    headings = [p.text for p in full.paragraphs if p.style.name == "Heading 1"]
    assert headings == [s.title for s in made_reports.full().sections]


def test_chinese_numbers_count_headings() -> None:
    assert [chinese_number(n) for n in (1, 9, 10, 11, 12, 20, 21, 99)] == [
        "一", "九", "十", "十一", "十二", "二十", "二十一", "九十九",
    ]  # fmt: skip


def test_page_numbers_stand_outside_between_dashes(full: Any) -> None:
    assert full.settings.odd_and_even_pages_header_footer
    section = full.sections[0]
    for footer, side in ((section.footer, "right"), (section.even_page_footer, "left")):
        paragraph = footer.paragraphs[0]
        assert paragraph.text == "— 1 —"
        assert paragraph._p.pPr.find(qn("w:jc")).get(qn("w:val")) == side
        assert "PAGE" in "".join(i.text for i in paragraph._p.iter(qn("w:instrText")))


def test_every_section_has_the_page_numbers() -> None:
    document = opened(made_reports.with_table(made_reports.wide_table()))
    orientations = [s.orientation for s in document.sections]
    assert len(set(orientations)) == 2
    for section in document.sections:
        assert len(section._sectPr.findall(qn("w:footerReference"))) == 2


def test_the_contents_are_a_field_with_a_link_to_every_heading(full: Any) -> None:
    body = full.element.body
    instructions = [i.text.strip() for i in body.iter(qn("w:instrText"))]
    assert any(i.startswith("TOC ") for i in instructions)
    anchors = {link.get(qn("w:anchor")) for link in body.iter(qn("w:hyperlink"))}
    marks = {mark.get(qn("w:name")) for mark in body.iter(qn("w:bookmarkStart"))}
    assert anchors == marks
    assert len(anchors) == len(made_reports.full().sections)
    assert "一、报送情况" in text_of(full)


def test_captions_count_by_field(full: Any) -> None:
    captions = [p.text for p in full.paragraphs if p.style.name.lower() == "caption"]
    assert "表2　各单位报送情况" in captions
    assert "图1　高危漏洞存量一年下降近四成" in captions
    instructions = [i.text.strip() for i in full.element.body.iter(qn("w:instrText"))]
    assert instructions.count("SEQ 图 \\* ARABIC") == 4
    assert instructions.count("SEQ 表 \\* ARABIC") == 4


def test_tables_repeat_their_headings_and_keep_rows_whole(full: Any) -> None:
    assert len(full.tables) >= 4
    for table in full.tables:
        first = table.rows[0]._tr.trPr
        assert first.find(qn("w:tblHeader")) is not None
        assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in table.rows)


def test_it_holds_the_figures_of_the_report(full: Any) -> None:
    text = text_of(full)
    for figure in (
        "97.22%",
        "95.5%",
        "▲ 1.72 个百分点 改善",
        "1,234 个",
        "NM-023",
        "2026-11-05 09:04",
        "67.31",
        "−2.25",
    ):
        assert figure in text
    for hostile in ("=1+1", "A&B <0.5%", "<script>alert(1)</script>", "{{ 7*7 }} {% raw %}"):
        assert hostile in text


def test_charts_are_pictures_with_a_description(full: Any) -> None:
    charts = [b for s in made_reports.full().sections for b in s.blocks if isinstance(b, Chart)]
    assert len(full.inline_shapes) == len(charts)
    for shape, chart in zip(full.inline_shapes, charts, strict=True):
        assert chart.title in shape._inline.docPr.get("descr")
        assert shape.width < Mm(156)
        image = full.part.related_parts[shape._inline.graphic.graphicData.pic.blipFill.blip.embed]
        assert image.blob.startswith(b"\x89PNG")
    ids = [shape._inline.docPr.get("id") for shape in full.inline_shapes]
    assert len(set(ids)) == len(ids)


def test_a_provisional_supplement_opens_with_both() -> None:
    text = text_of(opened(made_reports.provisional()))
    for part in ("暂定报告：截至发布时仍有 2 家单位未报", "与 v1 相比的变化", "按时完整单位", "87.25"):
        assert part in text
    assert text.index("暂定报告") < text.index("24 家单位全部报送") < text.index("报送情况\n")


def test_long_tables_are_cut_and_say_where_the_rest_is() -> None:
    text = text_of(opened(made_reports.full(units=300)))
    assert f"NM-{MOST_ROWS - 1:03d}" in text
    assert "NM-299" not in text
    assert f"共 300 行，此处列出前 {MOST_ROWS} 行。" in text


def test_an_empty_month_can_be_written() -> None:
    text = text_of(opened(made_reports.empty()))
    assert "本期没有数据。" in text


def test_english_is_numbered_and_worded_in_english() -> None:
    document = opened(made_reports.full("en"))
    text = text_of(document)
    for part in ("Contents", "Table 2", "Figure 1", "Incomplete", "6 November 2026"):
        assert part in text
    assert document.sections[0]._sectPr.find(qn("w:docGrid")) is None


def test_the_same_report_gives_the_same_bytes_in_any_process() -> None:
    here = render_docx(made_reports.provisional())
    assert here == render_docx(made_reports.provisional())
    assert reading.sha256(here) == reading.rendered_elsewhere("docx", "render_docx", "provisional")


def test_nothing_leaves_the_file_and_nothing_tells_when_it_was_made() -> None:
    with zipfile.ZipFile(io.BytesIO(render_docx(made_reports.full()))) as package:
        assert package.testzip() is None
        for entry in package.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            if entry.filename.endswith(".rels"):
                assert b'TargetMode="External"' not in package.read(entry)
        core = package.read("docProps/core.xml").decode()
    assert core.count("2026-11-05T16:00:00Z") == 2


def test_it_ends_with_who_and_when(full: Any) -> None:
    assert [p.text for p in full.paragraphs][-2:] == ["集团（盖章）", "2026年11月6日"]


@pytest.mark.outside
def test_libreoffice_lays_it_out_with_twenty_two_lines_a_page(tmp_path: Path) -> None:
    path = tmp_path / "report.docx"
    path.write_bytes(render_docx(made_reports.of_prose()))
    reader = pypdf.PdfReader(reading.converted(path, tmp_path))
    page = max(reader.pages, key=lambda p: len(p.extract_text()))
    lines = [line for line in page.extract_text().splitlines() if line.startswith("汉")]
    assert len(lines) == 22
    assert {len(re.sub(r"\s", "", line)) for line in lines} == {28}


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_text_gives_a_document_that_opens(title: str, text: str) -> None:
    table = Table("t", title, (Column("a", text), Column("b", "说明", wide=True)), ((text, text),), 1)
    assert len(opened(made_reports.with_table(table)).tables) == 1


def test_nothing_of_the_template_is_left_that_says_otherwise() -> None:
    """A second copy of the styles stood beside ours: Word may call such a document damaged."""
    with zipfile.ZipFile(io.BytesIO(render_docx(made_reports.full()))) as package:
        names = package.namelist()
    assert not [n for n in names if "stylesWithEffects" in n or "customXml" in n or "thumbnail" in n]


def test_a_heading_turns_with_the_wide_table_that_it_opens() -> None:
    """It stood alone at the foot of the page before."""
    wide = made_reports.wide_table()
    section = Section("appendix", "附录", "各单位情况", (), (wide,))
    report = replace(made_reports.of_prose(), sections=(*made_reports.of_prose().sections, section))
    with zipfile.ZipFile(io.BytesIO(render_docx(report))) as package:
        body = package.read("word/document.xml").decode()
    turns = [body.index(m.group()) for m in re.finditer(r"<w:pgSz [^>]*>", body)]
    assert turns[0] < body.rindex("附录") < body.index("第0栏")
    assert body[: body.rindex("附录")].count("<w:pgSz ") == 1


def test_a_chart_is_no_higher_than_its_page() -> None:
    rows = tuple(Series(f"第{n}单位", (90.0, 80.0)) for n in range(60))
    chart = Chart("heat", "heat", "最低", "%", ("NSW", "WXS"), rows, unit="%")
    with zipfile.ZipFile(io.BytesIO(render_docx(made_reports.with_blocks(chart)))) as package:
        body = package.read("word/document.xml").decode()
    height = int(re.search(r'<wp:extent cx="\d+" cy="(\d+)"', body)[1])  # type: ignore[index]
    assert height <= 520 * 12700
