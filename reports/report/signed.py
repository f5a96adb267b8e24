"""The report for the one who signs: a short body, and annexes of the worst rows, as report.docx and report.pdf have it.

Belongs here: choosing among the sections of a report as signed.yaml says. Does not: the sections (sections.yaml), how
either form draws them (reports/forms/).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from reports.model import Chart, Matrix, Report, Section, Table, Value
from reports.report.expressions import description
from reports.text import formats
from reports.text.sentences import words

Block = Table | Chart | Matrix


@cache
def _plan() -> Mapping[str, Any]:
    plan: Mapping[str, Any] = description("signed")
    return plan


def for_signing(report: Report) -> Report:
    """The same report with the body and the annexes of signed.yaml as its sections; reports.md, 'for who signs'.

    Tables are cut, never made anew: `total` still counts all rows, and what is cut says where the rest is.
    """
    sections = {section.key: section for section in report.sections}
    blocks = {block.anchor: block for section in report.sections for block in section.blocks}
    units = _units(report)
    body = tuple(
        made for entry in _plan()["body"] if (made := _part(entry, sections, blocks, units, report.header.lang))
    )
    told = {section.key for section in body} | {k for entry in _plan()["body"] for k in entry["from"]}
    # Sections that no plan names (the half-yearly inspection, say) are said in the body as they stand, without tables.
    further = tuple(
        replace(section, blocks=())
        for key, section in sections.items()
        if key not in told and key not in ("summary", "appendix") and (section.headline or section.sentences)
    )
    shown = {block.anchor for section in body for block in section.blocks}
    annexes = tuple(
        Section(key, sections[key].title, "", (), kept)
        for key, entries in _plan()["annexes"].items()
        if key in sections and (kept := tuple(_apart(block, shown) for block in _chosen(entries, blocks, units)))
    )
    return replace(report, sections=(*body, *further), annexes=annexes)


def _units(report: Report) -> int:
    """How many units are expected to report, as the returns' table of states counts them."""
    states = next((table for table in report.tables() if table.anchor == "returns_states"), None)
    return sum(row[1] for row in states.rows if isinstance(row[1], int)) if states else 0


def _part(
    entry: Mapping[str, Any], sections: Mapping[str, Section], blocks: Mapping[str, Block], units: int, lang: str
) -> Section | None:
    of = [sections[key] for key in entry["from"] if key in sections]
    if not of:
        return None
    title = words(lang).say(entry["title"]) if "title" in entry else of[0].title
    first, *others = of
    told = ((formats.sentence(s.headline, lang) if s.headline else "", *s.sentences) for s in others)
    sentences = (*first.sentences, *(text for texts in told for text in texts if text))
    charts = [blocks[name] for name in entry.get("charts", ()) if name in blocks]
    tables = _chosen(entry.get("tables", ()), blocks, units)
    return Section(entry["key"], title, first.headline, sentences, (*tables, *charts))


def _apart(block: Block, shown: Collection[str]) -> Block:
    """A block of an annex: under an anchor of its own where the body shows it as well."""
    return replace(block, anchor=f"annex_{block.anchor}") if block.anchor in shown else block


def _chosen(entries: Any, blocks: Mapping[str, Block], units: int) -> Iterator[Block]:
    for entry in entries:
        block = blocks.get(entry["of"])
        if block is None or units > entry.get("most_units", units) or units <= entry.get("more_than", units - 1):
            continue
        if isinstance(block, Table):
            if block.rows:
                yield _cut(block, entry, units)
        elif isinstance(block, Matrix):
            worst = sorted(enumerate(block.rows), key=lambda row: (_good_months(row[1][1]), row[0]))
            yield replace(block, rows=tuple(row for _, row in worst[: _most_rows(units)]))
        else:
            yield block


def _good_months(states: Sequence[str]) -> int:
    """The months in time, less those missing: the fewer, the worse."""
    return states.count("on_time") - sum(state in ("missing", "returned") for state in states)


def _most_rows(units: int) -> int:
    many = _plan()["many"]
    return int(many["rows"] if units > many["more_than"] else _plan()["rows"])


def _cut(table: Table, entry: Mapping[str, Any], units: int) -> Table:
    """A table with the worst of its rows, and with the columns that are for people."""
    rows, marked = list(enumerate(table.rows)), table.emphasis
    if "order" in entry and len(table.rows) == table.total:  # what is cut already was ordered where it was asked for
        place = next(i for i, c in enumerate(table.columns) if c.key == entry["order"])
        rows.sort(key=lambda pair: _rank(pair[1][place], down=entry.get("down", False)))
    rows = rows[: min(entry.get("rows", _most_rows(units)), _most_rows(units))]
    left_out = _plan()["left_out"]
    kept = [
        i
        for i, c in enumerate(table.columns)
        if c.kind not in left_out["kinds"]
        and c.key not in left_out["keys"]
        and ("columns" not in entry or c.key in entry["columns"])
    ]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for _, row in rows),
        emphasis=frozenset(n for n, (old, _) in enumerate(rows) if old in marked),
        whole=False,
    )


def _rank(value: Value, *, down: bool) -> tuple[bool, float]:
    """Sorts what has no value last."""
    number = float(value) if isinstance(value, int | float) else 0.0
    return value is None, -number if down else number
