"""Documents made from the figures, ready to sign: one YAML file each in documents/, the same engine as the report.

Belongs here: reading a description, and making the content of a document of it. Does not: the texts and tables
(documents/KIND.yaml), what its queries ask (sql/documents/), drawing it (reports/forms/docx.py), where it goes
(pipelines/documents.py, reports/assets.py). They are documents of Chinese offices, and in Chinese alone.

A description has:

    name, of, span      what it is called; made of a scope, of a unit, or of both; of a month or a half-year
    title, to, draft    its title, whom it is addressed to, what stands below the title
    signed_by           `above`: by the node above a unit, not by whom it is about
    queries             by the names under which expressions see their rows: sql/documents/NAME.sql, `only`: these rows
    led                 of what a department leads: names by kind (`leads` in checklists.yaml and forms.yaml)
    needs               what must hold for there to be such a document, and what is said where it does not
    lead, sections      texts as in sections.yaml, with `text` in place of a key of texts.yaml; tables below them
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import polars as pl

from assets.instance.periods import is_period
from assets.instance.register import Tree
from assets.instance.warehouse import Warehouse, model
from expectations.catalogue import Catalogue
from expectations.secrets import hidden_column
from reports.model import Column, Header, Letter, Report, Section, Table, Value
from reports.report.code_names import Look, looks
from reports.report.expressions import HERE, Facts, all_said, description, evaluate, first_said, holds
from reports.text.sentences import Names, Words, words

LANG = "zh"
MOST_ROWS = 15
MOST_NODES = 5
WORKBOOK = "report.xlsx"  # beside the report that the document is made of; it has every row


class NoSuchDocument(Exception):
    """There is nothing for such a document to say; the message says why, in Chinese as the document is."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a document is about: a scope with all reporting units below it, or one unit."""

    code: str
    name: str
    above: str  # the name of the node above it, of the carrier its own
    units: tuple[str, ...]
    is_unit: bool


@cache
def kinds() -> dict[str, Mapping[str, Any]]:
    """The descriptions of all documents by kind, in the order of their names."""
    return {p.stem: description(f"documents/{p.stem}") for p in sorted((HERE / "documents").glob("*.yaml"))}


def subject_of(tree: Tree, code: str) -> Subject:
    """A unit or a node of the register, with the reporting units that a document on it speaks of."""
    node = tree.by_code[code]
    is_unit = node.level == "unit"
    units = (code,) if is_unit else tuple(u.code for u in tree.reporting if tree.is_within(u.code, code))
    above = tree.by_code[node.parent].name if node.parent in tree.by_code else node.name
    return Subject(code, node.name, above, units, is_unit)


def is_made_of(kind: str, subject: Subject, period: str) -> bool:
    """Whether there is such a document of a scope or a unit, and of a month or a half-year."""
    entry = kinds()[kind]
    return ("unit" if subject.is_unit else "scope") in entry["of"] and is_period(period) == (entry["span"] == "month")


def document(
    kind: str,
    subject: Subject,
    header: Header,
    warehouse: Warehouse,
    catalogue: Catalogue,
    parameters: Mapping[str, Any],
    lead: str = "",
) -> Report:
    """The content of a document on the settled period of the header, which is that of the report that it rests on.

    `parameters` are those of the period, of a span within assets.month.spans.span_tables; `lead` is who leads, of a
    document of what a department leads. Raises NoSuchDocument.
    """
    entry = kinds()[kind]
    if entry.get("led") and lead not in entry["led"]:
        known = "、".join(f"{code}（{name}）" for code, name in entry["led"].items())
        raise NoSuchDocument(f"请指明牵头部门：{known}。")
    header = replace(header, scope=subject.code, scope_name=subject.name, lang=LANG)
    parameters = {**parameters, "units": list(subject.units)}
    facts = _facts(entry, subject, header, warehouse, parameters)
    facts |= {
        "lead": entry.get("led", {}).get(lead, ""),
        "led_items": [
            item.code
            for item in catalogue.items
            if lead in item.leads and any(item.life.holds(month) for month in parameters["months"])
        ],
        "led_indicators": [indicator.code for indicator in catalogue.indicators if lead in indicator.leads],
    }
    say = words(LANG)
    for need in entry.get("needs", ()):
        if not holds(need, facts):
            raise NoSuchDocument(say.fill(need["text"], period=header.period, name=subject.name))
    resolve = looks(catalogue, LANG)
    return Report(
        header=header,
        title=_filled(entry["title"], facts, say),
        provisional="",
        headlines=_paragraphs(entry.get("lead", ()), facts, say),
        kpis=(),
        sections=tuple(
            _section(f"{kind}_{n}", part, facts, say, resolve)
            for n, part in enumerate(entry["sections"], start=1)
            if holds(part, facts)
        ),
        letter=Letter(
            addressee=_filled(entry["to"], facts, say) if "to" in entry else "",
            draft=entry["draft"],
            issuer=subject.above if entry.get("signed_by") == "above" else subject.name,
        ),
    )


def _filled(text: str, facts: Facts, say: Words) -> str:
    return say.fill(text, period=facts["period"], name=facts["name"], lead=facts["lead"])


def _facts(
    entry: Mapping[str, Any], subject: Subject, header: Header, warehouse: Warehouse, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """What the expressions of a description may name."""
    summaries = {
        row["period"]: json.loads(row["summary"])
        for row in warehouse.rows(
            "select period, summary from marts.summaries where scope = $scope and period in ($period, $previous)",
            {**parameters, "scope": subject.code},
        )
    }
    rows = {name: _rows(query or {}, name, warehouse, parameters) for name, query in entry["queries"].items()}
    seen = warehouse.value(
        "select count(*) from marts.unit_results where period = $previous and list_contains($units, unit_code)",
        parameters,
    )
    return {
        "rows": rows,
        "now": summaries.get(header.period),
        "name": subject.name,
        "is_unit": subject.is_unit,
        "units": len(subject.units),
        "period": header.period,
        "previous": parameters["previous"],
        "as_of": header.as_of,
        "has_before": bool(seen),
        "having": _having,
        "among": _among,
        "names": unit_names,
        "total": _total,
        "mean": lambda rows, key: round(_total(rows, key) / len(rows) + 1e-9, 2) if rows else None,
        "listed": _listed,
    }


def _rows(
    query: Mapping[str, Any], name: str, warehouse: Warehouse, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    frame = warehouse.frame(model(f"documents/{name}"), parameters)
    for column, values in query.get("only", {}).items():
        frame = frame.filter(pl.col(column).is_in(values))
    texts = [column for column, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(hidden_column(frame[column]).alias(column) for column in texts).to_dicts()


def _having(rows: Iterable[Mapping[str, Any]], key: str, *values: Any) -> list[Mapping[str, Any]]:
    """The rows in which a column has one of these values; without values, those in which it is something."""
    return [row for row in rows if (row[key] in values if values else row[key])]


def _among(rows: Iterable[Mapping[str, Any]], key: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
    """The rows in which a column has one of these values; none where there are no values."""
    return [row for row in rows if row[key] in values]


def unit_names(rows: Iterable[Mapping[str, Any]]) -> Names:
    """The units of rows, each once; where rows say the node above, with how many each of the nodes has."""
    units = dict.fromkeys((row["unit_name"], row.get("node_name")) for row in rows)
    nodes = Counter(node for _, node in units if node)
    return Names([unit for unit, _ in units], len(units), nodes.most_common(MOST_NODES), len(nodes))


def _listed(counts: Iterable[tuple[str, int]], measure: str) -> str:
    """符合 3 项、不符合 1 项: what there is none of is not said; "" where there is nothing."""
    say = words(LANG)
    return say.say("names.separator").join(f"{name} {say.number(n)} {measure}" for name, n in counts if n)


def _total(rows: Iterable[Mapping[str, Any]], key: str) -> Any:
    """The sum of a column; what is not known counts nothing."""
    return sum(row[key] or 0 for row in rows)


def _paragraphs(entries: Sequence[Mapping[str, Any]], facts: Facts, say: Words) -> tuple[str, ...]:
    """The paragraphs of entries, each a text, the first of several (`any`), or several in one (`together`, with `joint`
    between them and `end` behind).
    """
    told: list[str] = []
    for entry in entries:
        if "each" not in entry and not holds(entry, facts):
            continue
        if "together" in entry:
            parts = _paragraphs(entry["together"], facts, say)
            told.append(entry.get("joint", "").join(parts) + entry.get("end", "") if parts else "")
        elif "any" in entry:
            told.append(first_said(entry["any"], facts, say))
        else:
            told += all_said([entry], facts, say)
    return tuple(text for text in told if text)


def _section(key: str, part: Mapping[str, Any], facts: Facts, say: Words, resolve: Mapping[str, Look]) -> Section:
    tables = [
        _table(f"{key}_{n}", table, facts, say, resolve)
        for n, table in enumerate(part.get("tables", ()), start=1)
        if holds(table, facts)
    ]
    return Section(
        key,
        part["title"],
        "",
        _paragraphs(part.get("say", ()), facts, say),
        tuple(table for table in tables if table.rows),
    )


def _table(anchor: str, entry: Mapping[str, Any], facts: Facts, say: Words, resolve: Mapping[str, Look]) -> Table:
    """A table of rows, cut at `most`; a column is a title, or a mapping of title, kind, look, when, say."""
    rows = evaluate(entry["rows"], facts)
    shown = rows[: entry.get("most", MOST_ROWS)]
    specs = {
        key: spec if isinstance(spec, Mapping) else {"title": spec}
        for key, spec in entry["columns"].items()
        if not isinstance(spec, Mapping) or holds(spec, facts)
    }

    def value(key: str, spec: Mapping[str, Any], row: Mapping[str, Any]) -> Value:
        if "say" in spec:
            return "；".join(all_said(spec["say"], {**facts, "row": row}, say))
        known = row[key]
        if isinstance(known, list):
            return say.names(known) if known else ""
        return resolve[spec["look"]](known) if "look" in spec and known is not None else known

    columns = tuple(
        Column(key, s["title"], s.get("kind", "text"), wide=bool(s.get("wide"))) for key, s in specs.items()
    )
    written = tuple(tuple(value(key, spec, row) for key, spec in specs.items()) for row in shown)
    source = WORKBOOK if len(written) < len(rows) else ""
    return Table(anchor, entry["title"], columns, written, len(rows), source=source)
