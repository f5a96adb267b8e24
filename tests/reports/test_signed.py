"""The report for the one who signs: a short body, the signature, annexes of the worst rows."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import docx
import pypdf
import pytest
from docx.oxml.ns import qn

from reports.forms.docx import render_docx
from reports.forms.pdf import render_pdf
from reports.model import Report, Table
from reports.report.signed import for_signing
from tests.reports.reading import pages_of
from tests.reports.settled_sample import EMPTY, LAST, Sample

MOST_ROWS = 15
BODY_PAGES = 8
LARGEST_PAGES = 12
LINES_OF_A_SIGNATURE = 4  # and the number of the page
FOR_PROGRAMS = {"mail", "row", "rule_id", "unit_code"}


@pytest.fixture(scope="module")
def report(sample: Sample) -> Report:
    return sample.reports(LAST)["EX"]


def flat(text: str) -> str:
    return re.sub(r"[\s\u200b]+", "", text)


def test_the_body_is_short_and_annexes_show_the_worst_rows(report: Report) -> None:
    signed = for_signing(report)
    assert 4 <= len(signed.sections) <= 7
    shown = [b for s in (*signed.sections, *signed.annexes) for b in s.blocks]
    assert all(len(b.rows) <= MOST_ROWS for b in shown if not hasattr(b, "kind"))
    overdue = next(b for b in shown if b.anchor == "annex_problems_overdue")
    assert isinstance(overdue, Table)
    days = [row[[c.key for c in overdue.columns].index("days_overdue")] for row in overdue.rows]
    assert days == sorted(days, reverse=True)
    whole = next(b for b in report.tables() if b.anchor == "problems_overdue")
    assert max(row[[c.key for c in whole.columns].index("days_overdue")] for row in whole.rows) == days[0]


def test_nothing_is_for_programs_and_nothing_stands_twice_under_one_anchor(report: Report) -> None:
    signed = for_signing(report)
    blocks = [b for s in (*signed.sections, *signed.annexes) for b in s.blocks]
    anchors = [b.anchor for b in blocks]
    assert len(anchors) == len(set(anchors))
    columns = {c.key for b in blocks if isinstance(b, Table) for c in b.columns}
    assert columns.isdisjoint(FOR_PROGRAMS)
    assert {b.anchor for b in blocks}.isdisjoint({"appendix_figures", "appendix_mails"})


def test_what_is_cut_says_how_many_there_are_and_where(report: Report) -> None:
    signed = for_signing(report)
    cut = [b for s in signed.annexes for b in s.blocks if isinstance(b, Table) and b.total > len(b.rows)]
    assert cut
    text = flat("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(render_pdf(signed))).pages))
    for table in cut:
        assert f"共{table.total}行" in text
        assert flat(table.source) in text


PROVISIONAL = (
    "报送已于 2026年11月6日 00:00 截止，仍有单位缺报。1 家单位报送后全部被退回：青川盟分公司工程建设部。在其补报之前，"
    "本报告为暂定报告；补报后另发补充报告。其上月报送新增资产 2 项，APP 3 个，本月没有计入。"
)


def test_the_body_of_a_provisional_report_is_no_longer(report: Report) -> None:
    """It had nine pages: the contents began a page of which the figures beside them took the rest."""
    pages = dict(contents_of(render_docx(for_signing(replace(report, provisional=PROVISIONAL)))))
    assert min(page for title, page in pages.items() if title.startswith("附件")) <= BODY_PAGES + 1


def test_all_that_a_body_says_ends_with_a_full_stop(report: Report) -> None:
    """The findings of a section that stands within another had none."""
    said = [text for section in for_signing(report).sections for text in section.sentences]
    assert len(said) > 20
    assert [text for text in said if not text.endswith("。")] == []


def test_a_large_carrier_names_branches_for_units_on_twelve_pages(report: Report) -> None:
    states = next(table for table in report.tables() if table.anchor == "returns_states")
    rows = tuple((row[0], 2000 if n == 0 else 0, *row[2:]) for n, row in enumerate(states.rows))
    sections = tuple(
        replace(s, blocks=tuple(replace(b, rows=rows) if b is states else b for b in s.blocks)) for s in report.sections
    )
    signed = for_signing(replace(report, sections=sections))
    anchors = {block.anchor.removeprefix("annex_") for s in (*signed.sections, *signed.annexes) for block in s.blocks}
    assert "returns_by_branch" in anchors
    assert not {anchor for anchor in anchors if anchor.endswith("_by_unit")}
    assert "returns_matrix" not in anchors
    assert max(page for _, page in contents_of(render_docx(signed))) <= LARGEST_PAGES


@pytest.mark.parametrize("period", [LAST, EMPTY])
def test_the_signature_stands_between_body_and_annexes(sample: Sample, period: str) -> None:
    signed = for_signing(sample.reports(period)["EX"])
    paragraphs = [p.text for p in docx.Document(io.BytesIO(render_docx(signed))).paragraphs]
    place = next(i for i, text in enumerate(paragraphs) if text.startswith("签发："))
    assert "审核：" in paragraphs[place]
    assert "编制：" in paragraphs[place]
    annexes = [i for i, text in enumerate(paragraphs) if re.match(r"附件\d+　", text) and "\t" not in text]
    assert all(i > place for i in annexes)
    assert bool(annexes) == bool(signed.annexes)
    assert any("（盖章）" in text for text in paragraphs[place:])


def test_a_month_that_nobody_reported_can_be_signed(sample: Sample) -> None:
    signed = for_signing(sample.reports(EMPTY)["EX"])
    text = flat("".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(render_pdf(signed))).pages))
    assert "签发：" in text


def test_a_long_title_breaks_before_its_bracket(report: Report) -> None:
    long = replace(report, title="某某省某某市通信分公司网络安全工作月报（2026年10月）")
    title = docx.Document(io.BytesIO(render_docx(for_signing(long)))).paragraphs[0].text
    assert title == "某某省某某市通信分公司网络安全工作月报\n（2026年10月）"


@pytest.fixture(scope="module")
def word(report: Report, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    """The document, and its pages as LibreOffice lays them out."""
    content = render_docx(for_signing(report))
    return content, pages_of(content, "docx", tmp_path_factory.mktemp("signed"))


@pytest.mark.outside
@pytest.mark.parametrize("form", ["docx", "pdf"])
def test_the_body_is_short_and_no_page_nearly_empty(
    report: Report, word: tuple[bytes, list[str]], form: str, tmp_path: Path
) -> None:
    pages = word[1] if form == "docx" else pages_of(render_pdf(for_signing(report)), "pdf", tmp_path)
    signature = next(n for n, text in enumerate(pages, start=1) if "签发：" in flat(text))
    assert signature <= BODY_PAGES
    assert len(pages) <= 2 * BODY_PAGES + 2
    assert min(len(text.splitlines()) for text in pages) > LINES_OF_A_SIGNATURE


@pytest.mark.outside
@pytest.mark.parametrize(("period", "lang"), [(LAST, "zh"), (EMPTY, "zh"), (LAST, "en")])
def test_the_contents_tell_the_page_of_every_heading(
    sample: Sample, word: tuple[bytes, list[str]], tmp_path: Path, period: str, lang: str
) -> None:
    content, pages = word
    if (period, lang) != (LAST, "zh"):
        content = render_docx(for_signing(sample.reports(period, lang)["EX"]))
        pages = pages_of(content, "docx", tmp_path)
    shown = [[flat(line) for line in text.splitlines()] for text in pages]
    told = contents_of(content)
    assert len(told) >= 10
    for heading, page in told:
        assert [n for n, lines in enumerate(shown, start=1) if flat(heading) in lines] == [page], heading


def contents_of(content: bytes) -> list[tuple[str, int]]:
    """The contents as they stand in the file, without a field being brought up to date: headings and pages."""
    body = docx.Document(io.BytesIO(content)).element.body
    entries = []
    for paragraph in body.iter(qn("w:p")):
        style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        if style is not None and style.get(qn("w:val")) == "TOC1":
            *heading, page = [text.text or "" for text in paragraph.iter(qn("w:t"))]
            entries.append(("".join(heading), int(page)))
    assert not any(field.get(qn("w:dirty")) for field in body.iter(qn("w:fldChar")))
    return entries
