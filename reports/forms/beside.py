"""Documents to sign, made beside a report as it is published, where the settings want any.

Belongs here: of which scopes and units, and their names in the version's folder. Does not: what they say
(reports/report/documents.py), documents that people ask for (pipelines/documents.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from assets.instance.settings import SettingsError
from assets.month.work import Work
from reports.model import Header, Report
from reports.publishing.publish import Render
from reports.report.documents import NoSuchDocument, document, is_made_of, kinds, subject_of

FOLDER = "documents"


def check_kinds(wanted: Sequence[str]) -> None:
    """Raise SettingsError where the setting `documents` names one that is not."""
    if unknown := [kind for kind in wanted if kind not in kinds()]:
        raise SettingsError(f"settings.yaml: documents: {unknown[0]!r} is none of {', '.join(kinds())}")


def with_documents(
    render: Render, wanted: Sequence[str], work: Work, period: str, parameters: Mapping[str, Any]
) -> Render:
    """Rendering that adds the documents of the setting to every version but interim ones, under documents/.

    A document of a scope goes into that scope's version; one of units alone into that of the node above each unit.
    One that has nothing to say is left out. Raises SettingsError where the setting names a kind that is none.
    """
    check_kinds(wanted)

    def made(reports: Iterable[tuple[str, Report]]) -> Iterator[tuple[str, dict[str, bytes]]]:
        headers: dict[str, Header] = {}

        def noted() -> Iterator[tuple[str, Report]]:
            for scope, report in reports:
                headers[scope] = report.header
                yield scope, report

        for scope, files in render(noted()):
            header = headers.pop(scope)
            if header.kind != "interim":
                files |= dict(_documents(header, wanted, work, period, parameters))
            yield scope, files

    return made if wanted else render


def _documents(
    header: Header, wanted: Sequence[str], work: Work, period: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[str, bytes]]:
    from reports.forms.docx import render_docx  # noqa: PLC0415 - rendered in worker processes, else

    tree = work.register.tree(period)
    scope = subject_of(tree, header.scope)
    units = [subject_of(tree, u.code) for u in tree.reporting if u.parent == header.scope]
    leads = [(kind, lead) for kind in wanted for lead in kinds()[kind].get("led", [""])]
    for kind, lead in leads:
        for subject in [scope] if is_made_of(kind, scope, period) else units:
            if not is_made_of(kind, subject, period):
                continue
            try:
                made = document(kind, subject, header, work.warehouse, work.catalogue, parameters, lead)
            except NoSuchDocument:
                continue
            of = lead or ("" if subject is scope else subject.code)
            name = f"{kind}-{of}" if of else kind
            yield f"{FOLDER}/{name}.docx", render_docx(made)
