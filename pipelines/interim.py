"""`sixth pull` of an interim report in a form that is not kept: made of the settled month then.

Belongs here: holding the month against the interim report that stands. Does not: rendering (reports/forms/).
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from assets.instance.home import Home
from assets.month.settle import as_indexed
from assets.month.signing import asked_to_sign
from pipelines.copied_session import copied_session
from reports.forms.render import render_forms
from reports.publishing.publish import stands_as_settled
from reports.publishing.versions import header_of
from reports.report.first_page import gather


class InterimOutdated(Exception):
    """The month has been worked on since its interim report was made; the message says what to do."""

    exit_status = 2


def interim_document(home: Home, period: str, scope: str, form: str, lang: str) -> bytes:
    """report.FORM of the interim report that stands, with its figures and its `as_of`.

    Raises InterimOutdated where what the warehouse holds is not what the report was made of.
    """
    folder = home.published / period / scope / "interim"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    as_of = datetime.fromisoformat(summary["as_of"])
    with copied_session(home, as_of, lang=lang) as session:
        work = session.once(as_indexed)
        if not stands_as_settled(work, period, scope, home.published, asked_to_sign(session, work, period)):
            raise InterimOutdated(
                f"{period} has been worked on since its interim report was made; `sixth run --period {period}` first"
            )
        header = header_of(folder, work.register.tree(period).by_code[scope].name, work.software, lang)
        report = gather(work.warehouse, work.catalogue, work.parameters(period), [scope])(header)
    return render_forms(replace(report, data=folder / "data"), (form,))[f"report.{form}"]
