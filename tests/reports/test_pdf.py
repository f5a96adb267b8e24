"""report.pdf as a reader of text and tags sees it. Belongs here: what the file holds. Does not: its look."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st
from pypdfium2 import PdfDocument

from pipelines.month_run import _glyph_lines
from reports.forms import pdf
from reports.forms.fonts import subset
from reports.forms.pdf import LayoutError, render_pdf
from reports.forms.print_tables import BREAK, MOST_ROWS, breakable
from reports.model import Chart, Column, Report, Table
from tests.reports import made_reports, reading


def opened(report: Report) -> Any:
    return pypdf.PdfReader(io.BytesIO(render_pdf(report)))


def text_of(reader: Any) -> str:
    """All text, without spaces and breaks: where a line ends is no matter of content."""
    return re.sub(rf"[\s{BREAK}]+", "", "".join(page.extract_text() for page in reader.pages))


@pytest.fixture(scope="module")
def full() -> Any:
    return opened(made_reports.full())


def fonts(reader: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            found[font.get_object()["/BaseFont"]] = descendant["/FontDescriptor"].get_object()
    return found


def tags(reader: Any) -> Iterator[Any]:
    waiting = [reader.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if isinstance(node, list):
            waiting.extend(node)
        elif hasattr(node, "get") and "/K" in node:
            yield node
            waiting.append(node["/K"])


def test_it_holds_the_figures_of_the_report(full: Any) -> None:
    text = text_of(full)
    for figure in ("网络安全月报2026年10月", "97.22%", "▲1.72个百分点改善", "1,234", "截止报告（v1）"):
        assert figure in text
    for part in ("NM-023", "2026-11-0509:04", "67.31", "−2.25", "99.8", "+3", made_reports.mail(1)[:12]):
        assert part in text
    assert "▲4退步" in text


def test_each_block_is_captioned_with_its_number(full: Any) -> None:
    text = text_of(full)
    for caption in ("表1最近12个月报送情况", "表2各单位报送情况", "图1高危漏洞存量一年下降近四成", "图4渠道类单位"):
        assert caption in text


def test_figures_of_charts_are_text(full: Any) -> None:
    text = text_of(full)
    assert "410" in text
    assert "敏感信息泄露" in text


def test_a_provisional_report_says_so_on_its_first_page() -> None:
    first = re.sub(r"\s+", "", opened(made_reports.provisional()).pages[0].extract_text())
    for text in ("暂定报告", "甲分公司、乙分公司", "与v1相比的变化", "按时完整单位", "87.25", "0123456789ab"):
        assert text in first


def test_it_is_tagged_and_says_its_language_and_title(full: Any) -> None:
    root = full.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "zh-CN"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert full.metadata is not None
    assert full.metadata.title == "网络安全月报 2026年10月"
    metadata = root["/Metadata"].get_data().decode()
    assert "pdfuaid:part" in metadata
    assert "pdfaid:conformance" in metadata


def test_tables_headings_and_pictures_are_tagged_as_such(full: Any) -> None:
    nodes = list(tags(full))
    kinds = [node.get("/S") for node in nodes]
    report = made_reports.full()
    assert kinds.count("/H1") == len(report.sections)
    assert kinds.count("/Table") >= 3
    assert "/TH" in kinds
    charts = [b for s in report.sections for b in s.blocks if isinstance(b, Chart)]
    told = [node["/Alt"] for node in nodes if node.get("/S") == "/Figure"]
    assert len(told) == len(charts)
    assert any("高危漏洞存量一年下降近四成" in alt for alt in told)


def test_all_fonts_are_embedded_and_ours(full: Any) -> None:
    found = fonts(full)
    assert {name.split("+")[1] for name in found} == {"NotoSansSC-Regular", "NotoSansSC-Bold", "NotoSerifSC-Bold"}
    assert all("/FontFile2" in descriptor or "/FontFile3" in descriptor for descriptor in found.values())


def test_texts_from_cells_are_shown_as_they_are(full: Any) -> None:
    text = text_of(full)
    for hostile in made_reports.HOSTILE:
        shown = re.sub(r"[\s\x00-\x1f]+", "", hostile)
        assert shown in text


def test_nothing_leads_out_of_the_file(full: Any) -> None:
    for page in full.pages:
        for annotation in page.get("/Annots", []):
            assert "/URI" not in annotation.get_object().get("/A", {})


def test_headlines_lead_to_their_tables(full: Any) -> None:
    links = [a.get_object() for a in full.pages[0].get("/Annots", [])]
    sections = len(made_reports.full().sections)
    assert len([a for a in links if a["/Subtype"] == "/Link"]) >= sections + 2


@pytest.mark.parametrize(
    ("table", "turned"), [(made_reports.hostile_table(), False), (made_reports.wide_table(), True)]
)
def test_pages_are_turned_only_for_tables_that_need_it(table: Table, turned: bool) -> None:
    pages = opened(made_reports.with_table(table)).pages
    assert any(page.mediabox.width > page.mediabox.height for page in pages) is turned


def test_long_tables_are_cut_and_say_where_the_rest_is() -> None:
    text = text_of(opened(made_reports.full(units=300)))
    assert f"NM-{MOST_ROWS - 1:03d}" in text
    assert "NM-299" not in text
    assert f"共300行，此处列出前{MOST_ROWS}行。全部数据见data/units.csv。" in text


def test_an_empty_month_can_be_read() -> None:
    text = text_of(opened(made_reports.empty()))
    assert "本期没有数据。" in text
    assert "没有单位报送" in text


def test_english_has_its_own_words_and_dates() -> None:
    reader = opened(made_reports.full("en"))
    text = " ".join(page.extract_text() for page in reader.pages)
    for part in (
        "Table 2",
        "Figure 1",
        "Contents",
        "Page 1 of",
        "Incomplete",
        "5 Nov 2026 09:04",
        "6 November 2026, 00:00",
    ):
        assert part in text
    assert reader.trailer["/Root"]["/Lang"] == "en-GB"


def test_the_same_report_gives_the_same_bytes_in_any_process() -> None:
    here = render_pdf(made_reports.provisional())
    assert here == render_pdf(made_reports.provisional())
    assert reading.sha256(here) == reading.rendered_elsewhere("pdf", "render_pdf", "provisional")


def test_a_font_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "report.typ"
    written = pdf.TEMPLATE.read_text(encoding="utf-8")
    template.write_text(written.replace('serif = "Noto Serif SC"', 'serif = "No Such Face"'), encoding="utf-8")
    monkeypatch.setattr(pdf, "TEMPLATE", template)
    with pytest.raises(LayoutError, match="no such face"):
        render_pdf(made_reports.full())


@pytest.mark.parametrize(
    "text",
    ["😀", "𠀀", "ཨོཾ", "한글", "\ue000", "\ufeff", "\ufffe", "\u202eabc", "e\u0301", "\u00ad", "\U000e0001", "\t\x85"],
)
def test_characters_that_no_font_has_do_not_cost_the_report(text: str) -> None:
    table = Table(
        "t", f"标题{text}", (Column("a", f"栏{text}"), Column("b", "说明", wide=True)), ((text, f"前{text}后"),), 1
    )
    shown = text_of(opened(made_reports.with_table(table)))
    assert "标题" in shown
    assert re.search("前.*后", shown)


def test_every_character_of_the_standard_table_has_a_glyph_in_every_font() -> None:
    standard = subset.standard_characters()
    assert len(standard) == 8105
    names = {ord(c) for c in "鄠邑区浉河区路氹城"}
    for font in pdf.FONTS.glob("*.ttf"):
        assert standard | names <= TTFont(font, lazy=True).getBestCmap().keys()


def test_a_character_without_a_glyph_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    pdf._tell_once.cache_clear()
    pdf.displayable(["网😎", "😎络"])
    assert caplog.messages == ["report.pdf shows □ for 😎 (U+1F60E): our fonts lack it"]


def test_a_run_says_which_characters_the_report_lacks(tmp_path: Path) -> None:
    for name, text, told in (
        (
            "report.docx",
            "㵲阳分公司&amp;😎网络",
            ["glyphs   report.pdf shows □ for 㵲 (U+3D72), 😎 (U+1F60E): our fonts lack them"],
        ),
        ("report.docx", "鄠邑区分公司", []),
        ("report.html", "㵲", []),
    ):
        for file in tmp_path.iterdir():
            file.unlink()
        with zipfile.ZipFile(tmp_path / name, "w") as parts:
            parts.writestr("word/document.xml", f"<w:document a='1'><w:t>{text}</w:t></w:document>")
        assert _glyph_lines(tmp_path) == told


def test_a_character_without_a_glyph_is_shown_as_a_box() -> None:
    assert pdf.displayable({"a": ["好😀", ("A&B", 1, None)]}) == {"a": ["好□", ["A&B", 1, None]]}
    assert pdf.displayable("e\u0301\x00") == "é"


def test_our_fonts_have_the_same_characters() -> None:
    sets = [set(TTFont(path, lazy=True).getBestCmap()) for path in pdf.FONTS.glob("*.ttf")]
    assert len(sets) == 4
    assert all(characters == sets[0] for characters in sets)
    assert {"□", "−", "▲", "√"} <= {chr(code) for code in sets[0]}


LINES = """#set text(
  font: "Noto Sans SC", size: 10pt, number-width: "tabular", number-type: "lining", lang: "zh", region: "cn",
)
#set page(width: auto, height: auto, margin: 0pt)
#for (line, bold) in json(bytes(sys.inputs.lines)) { page(text(weight: if bold { "bold" } else { "regular" }, line)) }
"""


def test_no_line_is_longer_than_it_is_taken_for(tmp_path: Path) -> None:
    template = tmp_path / "lines.typ"
    template.write_text(LINES, encoding="utf-8")
    signs = "AVWToyfLTea.,:/-_()0123456789%mé&<=>+①Ⅲ—…ω网络安全单位“”（）、。《》·"
    chosen = random.Random(20261106)
    made = ["".join(chosen.choices(signs, k=k)) for k in range(1, 40) for _ in range(20)]
    named = [c.text for t in made_reports.full().tables() for row in pdf.printed(t, "zh").rows for c in row if c.text]
    lines = [(line, bold) for line in [*made, *named] if "\n" not in line for bold in (False, True)]
    made_of = pdf.compiler(template).compile(format="pdf", sys_inputs={"lines": json.dumps(lines)})
    with PdfDocument(made_of) as document:
        drawn = [page.get_width() / 10 for page in document]
    assert len(drawn) == len(lines) > 1000
    for (line, bold), em in zip(lines, drawn, strict=True):
        taken = pdf.length(line, bold=bold) * pdf.KERNED + pdf.PAIR
        assert em <= taken, (line, bold)


@given(st.text())
def test_places_to_break_change_nothing_else(text: str) -> None:
    plain = text.replace(BREAK, "")
    assert breakable(plain).replace(BREAK, "") == plain
