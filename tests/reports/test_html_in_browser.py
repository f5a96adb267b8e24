"""report.html in a real browser: its figures, its links, no request, usable by everyone and on a small screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from reports.forms.html import render_html
from reports.report.facts import flat
from tests.outside import chromium
from tests.reports import made_reports
from tests.reports.settled_sample import EMPTY, LAST, Sample

pytestmark = pytest.mark.outside

AXE = Path(__file__).with_name("axe.min.js")
PHONE, DESK = {"width": 414, "height": 800}, {"width": 1360, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports to look at, by name: both languages, a full month, an empty one, an interim and one made by hand."""
    folder = tmp_path_factory.mktemp("pages")
    early = sample.work.parameters("2026-09")["cutoff"].replace(day=4)
    reports = {
        "zh": sample.reports(LAST)["EX"],
        "en": sample.reports(LAST, "en")["EX"],
        "city": sample.reports(LAST)["EX-16-01"],
        "empty": sample.reports(EMPTY)["EX"],
        "interim": sample.reports("2026-09", kind="interim", version="interim", as_of=early)["EX"],
        "made": made_reports.provisional(),
        "bare": made_reports.empty(),
    }
    for name, report in reports.items():
        (folder / f"{name}.html").write_bytes(render_html(report))
    return {name: folder / f"{name}.html" for name in reports}


NAMES = ("zh", "en", "city", "empty", "interim", "made", "bare")


def open_page(browser: Any, path: Path, size: dict[str, int] = DESK, **options: Any) -> Any:
    page = browser.new_page(viewport=size, **options)
    page.goto(path.as_uri())
    return page


def figures_of(page: Any) -> dict[str, str]:
    """The figures of the appendix as the page shows them, by their path in summary.json."""
    rows = page.eval_on_selector_all(
        "#appendix_figures tbody tr", "rows => rows.map(r => [r.cells[4].textContent, r.cells[1].textContent])"
    )
    return dict(rows)


@pytest.mark.parametrize(
    ("name", "period", "scope"),
    [("zh", LAST, "EX"), ("en", LAST, "EX"), ("city", LAST, "EX-16-01"), ("empty", EMPTY, "EX")],
)
def test_the_page_shows_the_figures_of_the_summary(
    browser: Any, pages: dict[str, Path], sample: Sample, name: str, period: str, scope: str
) -> None:
    shown = figures_of(open_page(browser, pages[name]))
    expected = dict(flat(sample.summary(period, scope)))
    assert shown.keys() == expected.keys()
    for path, value in expected.items():
        text = shown[path].replace(",", "")
        assert (text == "" and value is None) or float(text) == value, path


def test_headline_figures_stand_on_the_first_page(browser: Any, pages: dict[str, Path], sample: Sample) -> None:
    page = open_page(browser, pages["zh"])
    shown = page.eval_on_selector_all(".kpi .kv", "all => all.map(e => e.firstChild.textContent)")
    summary = sample.summary(LAST, "EX")
    assert shown[0] == str(summary["units"]["complete_on_time"])
    assert f"{summary['self_check']['pass_rate']:.2f}" in shown
    assert str(summary["rectification"]["overdue"]) in shown


@pytest.mark.parametrize("name", NAMES)
def test_no_request_leaves_the_file(browser: Any, pages: dict[str, Path], name: str) -> None:
    page = browser.new_page(viewport=DESK)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[name].as_uri())
    page.evaluate("document.fonts.ready")
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()]


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_to_complain_of(browser: Any, pages: dict[str, Path], name: str) -> None:
    page = open_page(browser, pages[name])
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_phone_shows_the_page_without_scrolling_sideways(browser: Any, pages: dict[str, Path], name: str) -> None:
    page = open_page(browser, pages[name], PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("name", NAMES)
def test_every_link_within_the_page_leads_somewhere(browser: Any, pages: dict[str, Path], name: str) -> None:
    page = open_page(browser, pages[name])
    lost = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
        ".filter(id => !document.getElementById(id))"
    )
    assert lost == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_a_figure_leads_to_its_table_and_on_to_file_and_mail(browser: Any, pages: dict[str, Path]) -> None:
    page = open_page(browser, pages["zh"])
    anchor = page.get_attribute(".kpi a >> nth=2", "href")
    assert anchor == "#assets_at_risk"
    assert page.get_attribute(f"{anchor} .foot a", "href") == "data/exposed_assets.csv"
    mail = page.get_attribute(f"{anchor} tbody tr a", "href")
    assert page.locator(f"tr{mail}").count() == 1
    page.click(f"{anchor} tbody tr a >> nth=0")
    assert page.locator(f"tr{mail}").is_visible()  # though its table was folded


def test_without_a_script_every_row_stands_there(browser: Any, pages: dict[str, Path], sample: Sample) -> None:
    page = open_page(browser, pages["zh"], java_script_enabled=False)
    assert page.locator("#appendix_units tbody tr:visible").count() == sample.summary(LAST, "EX")["units"]["expected"]
    assert page.locator("th button").count() == 0


def test_a_long_table_unfolds_sorts_and_filters(browser: Any, pages: dict[str, Path]) -> None:
    page = open_page(browser, pages["zh"])
    rows = page.locator("#scores tbody tr:visible")
    assert rows.count() == 15
    page.click("#scores .fold")
    assert rows.count() == 24
    page.click("#scores thead th:nth-child(4) button")
    scores = [
        float(t)
        for t in page.eval_on_selector_all(
            "#scores tbody tr", "all => all.map(r => parseFloat(r.cells[3].textContent))"
        )
    ]
    assert scores == sorted(scores)
    assert page.get_attribute("#scores thead th:nth-child(4)", "aria-sort") == "ascending"
    page.click("#scores thead th:nth-child(4) button")
    assert page.get_attribute("#scores thead th:nth-child(4)", "aria-sort") == "descending"
    page.fill("#scores input", "临江市")
    assert rows.count() == 3
    assert page.inner_text("#scores [role=status]") == "显示 3 行"


def test_on_paper_nothing_is_folded_and_headings_are_repeated(
    browser: Any, pages: dict[str, Path], tmp_path: Path
) -> None:
    page = open_page(browser, pages["zh"])
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    document = pypdfium2.PdfDocument(tmp_path / "page.pdf")
    text = [document[n].get_textpage().get_text_range() for n in range(len(document))]
    assert "summary.json" in "".join(text)
    assert "mails.duplicates" in "".join(text)
    assert sum("检查内容" in t and "依据" in t for t in text) > 1


def test_what_units_wrote_is_text_and_nothing_else(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.new_page(viewport=DESK)
    page.on("dialog", lambda dialog: pytest.fail(f"a script of a cell ran: {dialog.message}"))
    page.goto(pages["made"].as_uri())
    shown = page.inner_text("body")
    assert page.locator("script").count() == 1
    assert "<script>alert(1)</script>" in shown
    assert "{{ 7*7 }} {% raw %}" in shown
    assert "A&B <0.5%" in shown
    assert made_reports.HOSTILE[0] in shown


def test_a_supplement_opens_with_what_changed(browser: Any, pages: dict[str, Path]) -> None:
    page = open_page(browser, pages["made"])
    assert page.locator("#changes tbody tr").count() > 0
    order = page.evaluate("[...document.querySelectorAll('#changes, #headlines, .part')].map(e => e.id)")
    assert order[0] == "changes"


def test_changes_of_rank_sort_by_their_sign(browser: Any, pages: dict[str, Path]) -> None:
    """An arrow stands before the number, which made it none."""
    page = open_page(browser, pages["zh"])
    page.click("#scores thead th:nth-child(2) button")
    cells = page.eval_on_selector_all("#scores tbody tr", "rows => rows.map(r => r.cells[1].textContent.trim())")
    moves = [int(c.replace("▲", "").replace("▼", "-").replace(" ", "")) for c in cells if c not in {"–", ""}]
    assert moves[0] < 0 < moves[-1]
    assert moves == sorted(moves)
