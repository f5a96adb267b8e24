"""The reports of half-years and years: those of a month, on the tables of a span, with their trends month by month.

Belongs here: what such a report has otherwise than a month's, as spans.yaml describes it. Does not: the tables
(assets/month/spans.py), the content that the two share (content.py, blocks.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from assets.instance.warehouse import Warehouse
from expectations.catalogue import Catalogue
from reports.model import Chart, Header, Kpi, Matrix, Move, Report, Section, Table
from reports.report.expressions import description
from reports.report.first_page import FirstPage, gather_pages
from reports.report.queries import described_queries, summaries_where

FIGURE_WORDS = frozenset({"figure", "definition", "measure"})  # columns of texts that are ours, not a unit's


def gather_span(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], scopes: Sequence[str]
) -> Callable[[Header], Report]:
    """What the reports of the scopes rest on, asked once for all; what is returned makes the report of a header.

    To be called within spans.span_tables, with its parameters. KeyError where a scope has no summary.
    """
    first_page = gather_pages(warehouse, catalogue, parameters, scopes, _queries())
    of_span = {**parameters, "scopes": list(scopes)}
    months = summaries_where("sixth.marts.summaries", "list_contains($months, period)", warehouse, of_span)

    def report(header: Header) -> Report:
        page = first_page(header)
        # Figures stand beside the span before, trends go month by month.
        page.history = page.blocks.history = {m: json.loads(s) for m, s in months[header.scope].items()}
        return worded(_with_inspection(page), parameters["months"])

    return report


def _queries() -> dict[str, Mapping[str, Any]]:
    """The queries of a month's report, and those of the inspection."""
    inspection = description("spans")["section"]["blocks"]
    return {**described_queries(), **{b["query"]: {"sql": b["query"], **b} for b in inspection}}


def _with_inspection(page: FirstPage) -> Report:
    """The report with the section of the half-yearly inspection in its place."""
    report, spans = page.report(), description("spans")
    made = replace(page.blocks.section(spans["section"]), title=page.words.say("title.inspection"))
    after = next(i for i, s in enumerate(report.sections, start=1) if s.key == spans["after"])
    return replace(report, sections=(*report.sections[:after], made, *report.sections[after:]))


# --------------------------------------------------------------------------------------------------------------- words
def worded(report: Report, months: Sequence[str]) -> Report:
    """The report with what its texts say of a month said of a span.

    Charts over the months speak of months, and stay; so does all that units wrote.
    """

    def say(text: str) -> str:
        for month, span in description("spans")["words"][report.header.lang]:
            text = text.replace(month, span)
        return text

    return replace(
        report,
        provisional=say(report.provisional),
        headlines=tuple(map(say, report.headlines)),
        kpis=tuple(_kpi(kpi, say) for kpi in report.kpis),
        sections=tuple(_section(section, say, tuple(months)) for section in report.sections),
        moves=tuple(Move(move.kind, say(move.text)) for move in report.moves),
    )


def _kpi(kpi: Kpi, say: Callable[[str], str]) -> Kpi:
    return replace(kpi, label=say(kpi.label), unit=say(kpi.unit), detail=say(kpi.detail))


def _section(section: Section, say: Callable[[str], str], months: tuple[str, ...]) -> Section:
    return replace(
        section,
        headline=say(section.headline),
        sentences=tuple(map(say, section.sentences)),
        blocks=tuple(_block(block, say, months) for block in section.blocks),
    )


def _block(block: Table | Chart | Matrix, say: Callable[[str], str], months: tuple[str, ...]) -> Table | Chart | Matrix:
    if isinstance(block, Matrix):
        return replace(block, title=say(block.title))
    if isinstance(block, Chart):
        by_month = set(block.labels) <= set(months)
        return block if by_month else replace(block, title=say(block.title), subtitle=say(block.subtitle))
    if block.columns[0].key == "month":
        return block
    ours = [column.key in FIGURE_WORDS for column in block.columns]
    return replace(
        block,
        title=say(block.title),
        columns=tuple(replace(column, title=say(column.title)) for column in block.columns),
        rows=tuple(
            tuple(say(v) if own and isinstance(v, str) else v for v, own in zip(row, ours, strict=True))
            for row in block.rows
        )
        if any(ours)
        else block.rows,
        note=say(block.note),
        empty=say(block.empty),
    )
