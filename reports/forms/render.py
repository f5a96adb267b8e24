"""The four forms of a report: one call, bytes by file name.

Belongs here: which forms there are. Does not: any of them (html.py, docx.py, xlsx.py, pdf.py), worker processes
(pool.py). The renderers bring their engines with them, so they are imported when the first report is rendered.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.model import Report
from reports.report.signed import for_signing

FORMATS = ("html", "docx", "xlsx", "pdf")
SIGNED = frozenset({"docx", "pdf"})
"""The forms for the one who signs: a body, the signature, annexes (reports.md)."""


def render(report: Report) -> dict[str, bytes]:
    """The documents of a version by file name: all four forms, of an interim one the page alone (outputs.md)."""
    return render_forms(report, ("html",) if report.header.kind == "interim" else FORMATS)


def render_forms(report: Report, forms: Sequence[str]) -> dict[str, bytes]:
    """Some of report.html, report.docx, report.xlsx and report.pdf. The same report gives the same bytes."""
    from reports.forms.docx import render_docx  # noqa: PLC0415
    from reports.forms.html import render_html  # noqa: PLC0415
    from reports.forms.pdf import render_pdf  # noqa: PLC0415
    from reports.forms.xlsx import render_xlsx  # noqa: PLC0415

    renderers = {"html": render_html, "docx": render_docx, "xlsx": render_xlsx, "pdf": render_pdf}
    signed = for_signing(report) if SIGNED & set(forms) else report
    return {f"report.{form}": renderers[form](signed if form in SIGNED else report) for form in forms}
