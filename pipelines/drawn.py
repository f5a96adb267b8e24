"""`sixth pull` of a report in a form that is not kept, or in another language than it was published in: drawn anew.

Belongs here: holding the settled period against the version that stands. Does not: rendering (reports/forms/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.periods import is_period
from assets.month import spans
from assets.month.gate import NotSettled
from assets.month.settle import as_indexed
from assets.month.signing import asked_to_sign
from assets.month.work import Work
from expectations.language import codes, language
from pipelines.copied_session import copied_session
from reports.forms.render import render_forms
from reports.publishing.publish import Content, counts_as_published, stands_as_settled
from reports.publishing.versions import header_of, latest_version
from reports.report.first_page import gather
from reports.report.span_words import gather_span

_SPOKEN = re.compile(r'<html[^>]* lang="([^"]+)"')


class NotAsPublished(Exception):
    """The version cannot be drawn anew; the message says what to do."""

    exit_status = 2


def language_of(folder: Path) -> str:
    """The code of the language that a version was published in."""
    with (folder / "report.html").open(encoding="utf-8") as page:
        found = _SPOKEN.search(page.read(1_000))
    return next((code for code in codes() if found and language(code).tag == found[1]), codes()[0])


def drawn_document(home: Home, period: str, scope: str, version: str, form: str, lang: str) -> bytes:
    """report.FORM of the version of a scope that stands, with its figures and its `as_of`, in a language.

    Raises NotAsPublished where what the warehouse holds is not what the version was made of, or the version is one that
    says what changed since another: that is told when it is published, and not again.
    """
    root = home.published / period / scope
    folder = root / version
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    if version != (latest := latest_version(root)):
        raise NotAsPublished(f"{version} was followed by {latest}; of {version} there is what was published alone")
    if summary["kind"] == "supplement":
        raise NotAsPublished(
            f"{version} is a supplement: what changed in it is told as it was published alone, in "
            f"{language(language_of(folder)).name}; leave --lang out"
        )
    with _as_settled(home, period, scope, datetime.fromisoformat(summary["as_of"]), lang) as (work, content):
        header = header_of(folder, work.register.tree(period).by_code[scope].name, work.software, lang)
        report = content(header)
    return render_forms(replace(report, data=folder / "data"), (form,))[f"report.{form}"]


@contextmanager
def _as_settled(home: Home, period: str, scope: str, as_of: datetime, lang: str) -> Iterator[tuple[Work, Content]]:
    """The settled month, half-year or year as its version that stands has it, and what the report of a header is."""
    how = f"sixth run --period {period}" if is_period(period) else f"sixth report --{_kind(period)} {period}"
    outdated = NotAsPublished(f"{period} has been worked on since its report was made; `{how}` first")
    with copied_session(home, as_of, lang=lang) as session:
        work = session.once(as_indexed)
        if is_period(period):
            if not stands_as_settled(work, period, scope, home.published, asked_to_sign(session, work, period)):
                raise outdated
            yield work, gather(work.warehouse, work.catalogue, work.parameters(period), [scope])
            return
        try:
            with spans.span_tables(work, period) as (of_span, parameters):
                if not counts_as_published(of_span, period, scope, home.published):
                    raise outdated
                yield of_span, gather_span(work.warehouse, work.catalogue, parameters, [scope])
        except NotSettled as unsettled:
            raise outdated from unsettled


def _kind(span: str) -> str:
    return "half" if "H" in span else "year"
