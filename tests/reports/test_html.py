"""report.html as a file: its links to mails, its fonts, its size, the same bytes anywhere (test_html_in_browser.py opens it)."""

from __future__ import annotations

import base64
import hashlib
import io
import re

import pytest
from fontTools.ttLib import TTFont

from reports.forms.html import render_html
from reports.model import Cause, Change
from reports.text import formats
from tests.reports import made_reports
from tests.reports.reading import rendered_elsewhere
from tests.reports.settled_sample import LAST, Sample


def test_the_mails_of_a_change_lead_to_their_rows(sample: Sample) -> None:
    """They were words, from which nobody got on to the mail."""
    mails = next(t for t in sample.reports(LAST)["EX"].tables() if t.anchor == "appendix_mails")
    mail = str(mails.rows[0][0])[: formats.MAIL_SHOWN]
    because = tuple(
        Cause("mail", (("name", name), ("at", "2026-11-07 09:12"), ("mail", told)))
        for name, told in (("综合部", mail), ("—", "0123456789ab"))
    )
    changes = (Change("units.missing", 2, 1, because),)
    report = sample.reports(LAST, kind="supplement", version="v2", before_version="v1", changes=changes)["EX"]
    page = render_html(report).decode()
    assert f"<a href='#mail-{mail}'>{mail}</a><br>" in page
    assert "#mail-0123456789ab" not in page


def embedded_fonts(page: bytes) -> list[TTFont]:
    return [
        TTFont(io.BytesIO(base64.b64decode(font)))
        for font in re.findall(r"data:font/woff2;base64,([A-Za-z0-9+/=]+)", page.decode())
    ]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_embedded_fonts_hold_every_character_of_the_headings(sample: Sample, lang: str) -> None:
    for report in sample.reports(LAST, lang).values():
        held = {chr(c) for font in embedded_fonts(render_html(report)) for c in font.getBestCmap()}
        headings = [report.title, report.headlines[0], *(s.headline for s in report.sections)]
        assert {c for text in headings for c in text if c > " "} <= held


def test_the_page_is_small(sample: Sample) -> None:
    for report in sample.reports(LAST).values():
        assert len(render_html(report)) < 600_000


def test_the_same_report_gives_the_same_bytes_in_another_process() -> None:
    here = hashlib.sha256(render_html(made_reports.provisional())).hexdigest()
    assert rendered_elsewhere("html", "render_html", "provisional") == here
