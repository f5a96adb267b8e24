"""How things are written in a report: values by kind and language, names of figures, captions, labels.

Belongs here: what every renderer writes in the same way. Does not: sentences on figures (content.py), fonts
and layout (the renderers), the words themselves (labels.yaml, expectations/glossary.yaml).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from expectations.language import language, read_texts
from reports.model import Chart, Column, Header, Kpi, Matrix, Report, Section, Table, Value

HERE = Path(__file__).parent
GLOSSARY = HERE.parent.parent / "expectations" / "glossary.yaml"
NUMBERS = frozenset({"int", "decimal", "percent", "points", "delta"})
MINUS = "−"
_NOT_NOUGHT = frozenset("123456789")
MAIL_SHOWN = 12  # characters of a mail's sha256
MOST_DECIMALS = 2
# As in the locale en_GB; not by strftime, which follows the machine's locale.
# Characters that XML 1.0 has no place for, and lone surrogates.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@cache
def glossary() -> Mapping[str, Mapping[str, Any]]:
    """The groups of glossary.yaml: names by code, each in both languages."""
    groups: Mapping[str, Mapping[str, Any]] = read_texts(GLOSSARY)
    return groups


@cache
def labels(lang: str) -> Mapping[str, str]:
    """The fixed labels of labels.yaml in that language."""
    return {k: str(v[lang]) for k, v in read_texts(HERE / "labels.yaml").items() if k != "marks"}


@cache
def marks(lang: str) -> Mapping[str, str]:
    """The short text of each state in a matrix."""
    return {k: str(v[lang]) for k, v in read_texts(HERE / "labels.yaml")["marks"].items()}


def in_matrix(state: str, lang: str) -> tuple[str, str, str]:
    """A state of a matrix as its code, the short text that stands for it, and in words: late, +2, 2 days late."""
    if not state:
        return "", "", labels(lang)["inactive"]
    code, _, days = state.partition("+")
    if days:
        told = labels(lang)["late_day" if days == "1" else "late_days"].format(n=days)
        return code, f"+{days}", told
    return code, marks(lang).get(code, code), name("states", code, lang)


def matrix_key(lang: str) -> list[tuple[str, str, str]]:
    """Code, short text and meaning of every state of a matrix."""
    told = {"late": labels(lang)["days_late"]}
    return [(code, mark, told.get(code) or name("states", code, lang)) for code, mark in marks(lang).items()]


def is_numeric(column: Column, values: Iterable[Value]) -> bool:
    """Whether a column's values stand to the right: numbers, also those in a column of text."""
    if column.kind in NUMBERS:
        return True
    known = [v for v in values if v is not None] if column.kind == "text" else []
    return bool(known) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)


def clean(text: str) -> str:
    """The text without the characters that no XML or PDF can hold."""
    return _UNWRITABLE.sub("", text)


def sentence(finding: str, lang: str) -> str:
    """A finding as a sentence: with a full stop, where it has no end yet."""
    return finding + ("" if finding.rstrip().endswith(tuple("。！？.!?")) else labels(lang)["full_stop"])


def name(group: str, code: str, lang: str) -> str:
    """A code in words, by its group of glossary.yaml; the code itself where it is unknown."""
    words = glossary().get(group, {}).get(code)
    return str(words.get(lang, code)) if words else code


@cache
def figure_name(path: str, lang: str) -> str:
    """A dotted path of summary.json in words: the longest part that glossary.yaml names, and the codes in it.

    `indicators.IND-01.rate` is named as `indicators.rate`, with the code.
    """
    figures = glossary()["figures"]
    parts = path.split(".")
    known = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    # A figure of one code among several is named as the figure: self_check.by_checklist.NSW.pass_rate.
    if len(parts) > 2 and known[0] not in figures:
        known.insert(0, f"{parts[0]}.{parts[-1]}")
    key = next((k for k in known if k in figures), "")
    if not key:
        return path
    rest = parts[1:-1] if not path.startswith(key) else parts[key.count(".") + 1 :]
    groups = ["checklists" if p in glossary()["checklists"] else "codes" for p in rest]
    codes = [name(group, p, lang) for group, p in zip(groups, rest, strict=True) if p[:3] != "by_"]
    return " · ".join([str(figures[key][lang]), *codes])


def decimals_of(values: Iterable[Value], kind: str) -> int:
    """How many decimals the numbers of a column need, the same in every row: at most 2."""
    if kind in {"int", "delta"}:
        return 0
    floats = [v for v in values if isinstance(v, float) and math.isfinite(v)]
    needed = 1 if kind in {"percent", "points"} else 0
    for value in floats:
        fraction = _rounded(value, MOST_DECIMALS).split(".")[1].rstrip("0")
        needed = max(needed, len(fraction))
    return needed


def moment(value: datetime, lang: str) -> str:
    """A moment for running text: 2026年11月6日 00:00, 6 November 2026, 00:00."""
    return language(lang).dated(value, language(lang).moment)


def day(value: date, lang: str) -> str:
    """A day for running text: 2026年11月6日, 6 November 2026."""
    return language(lang).dated(value, language(lang).day)


@cache
def _short_day(value: date, lang: str) -> str:
    return language(lang).dated(value, language(lang).short_day)


def _rounded(value: float, decimals: int) -> str:
    """A number without its sign, half up as in the summary: 80.25 is 80.3, though as a binary fraction it is even."""
    return f"{abs(value) + 1e-9:,.{decimals}f}"


def number(value: float, decimals: int, *, signed: bool = False) -> str:
    """A number with thousands commas and a true minus sign; signed, with a plus as well."""
    text = _rounded(value, decimals)
    if _NOT_NOUGHT.isdisjoint(text):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def written(value: Value, kind: str, lang: str, codes: str = "", decimals: int | None = None) -> str:
    """A value as text, by the kind of its column (model.Column); no figure is a dash, no text is nothing.

    `decimals` where a column has them alike; else as many as the value needs, at most 2.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return labels(lang)["none"] if kind in NUMBERS else ""
    if isinstance(value, bool):
        return name("answers", "true" if value else "false", lang)
    if isinstance(value, datetime):
        return f"{_short_day(value.date(), lang)} {value:%H:%M}"
    if isinstance(value, date):
        return _short_day(value, lang)
    if isinstance(value, int | float) and kind in NUMBERS | {"text"}:
        places = decimals_of([value], kind) if decimals is None else decimals
        return number(value, places, signed=kind in {"points", "delta"})
    if kind == "state":
        return clean(name(codes, str(value), lang))
    if kind == "mail":
        return clean(str(value))[:MAIL_SHOWN]
    return clean(str(value))


def unit_of(column: Column) -> str:
    """What stands under a column's heading: its unit, or % for percentages, which are written without it."""
    return column.unit or ("%" if column.kind == "percent" else "")


def version_name(header: Header) -> str:
    """Which version a report is: 截止报告（v1）."""
    text = labels(header.lang)["version_text"]
    return text.format(kind=name("report_kinds", header.kind, header.lang), version=header.version)


def identity(header: Header) -> list[tuple[str, str]]:
    """What identifies a report, as pairs of label and text, for the head of each form."""
    words = labels(header.lang)
    return [
        (words["period"], header.period),
        (words["scope"], header.scope_name),
        (words["version"], version_name(header)),
        (words["as_of"], moment(header.as_of, header.lang)),
        (words["cutoff"], moment(header.cutoff, header.lang)),
    ]


def blocks(report: Report) -> Iterator[tuple[Section, Table | Chart | Matrix, str]]:
    """Every block in order, with its section and number: 表1, 表2; 图1. A matrix counts as a table."""
    words = labels(report.header.lang)
    tables = figures = 0
    for section in (*report.sections, *report.annexes):
        for block in section.blocks:
            if isinstance(block, Chart):
                figures += 1
                yield section, block, words["figure"].format(n=figures)
            else:
                tables += 1
                yield section, block, words["table"].format(n=tables)


def year_name(year: str, lang: str) -> str:
    """2026年, 2026."""
    return labels(lang)["year"].format(year=year)


def month_name(month: str, lang: str) -> str:
    """A month by its number, short: 10月, Oct; nothing where there is none."""
    if not month.isdigit():
        return month
    return language(lang).dated(date(2000, int(month), 1), language(lang).short_month)


def cut_note(total: int, shown: int, source: str, lang: str) -> str:
    """Says that a table is cut, and where all of its rows are; nothing where it is whole."""
    if total <= shown:
        return ""
    words = labels(lang)
    cut = words["cut"].format(total=f"{total:,}", shown=f"{shown:,}")
    return cut + words["elsewhere"].format(source=source) if source else cut


def whereabouts(table: Table, shown: int, lang: str) -> str:
    """Where a table's rows are: all of them where it is cut, else the file that has them with every column."""
    if table.total <= shown:
        return labels(lang)["source"].format(source=table.source) if table.source else ""
    workbook = "report.xlsx" if len(table.rows) == table.total else ""
    return cut_note(table.total, shown, table.source or workbook, lang)


def change_of(kpi: Kpi, lang: str) -> tuple[str, str]:
    """What became of a headline figure since last period, in words, and its tone: good | bad | plain.

    Percentages change by percentage points. Nothing where one of the two is not there.
    """
    if not (isinstance(kpi.value, int | float) and isinstance(kpi.before, int | float)):
        return "", "plain"
    words = labels(lang)
    difference = kpi.value - kpi.before
    places = decimals_of([kpi.value, kpi.before], kpi.kind)
    text = number(difference, places, signed=True)
    if not any(c in "123456789" for c in text):
        return words["same"], "plain"
    unit = words["points"] if kpi.kind == "percent" else ""
    better = kpi.good != "none" and (difference > 0) == (kpi.good == "up")
    tone = "plain" if kpi.good == "none" else "good" if better else "bad"
    verdict = {"plain": "", "good": words["better"], "bad": words["worse"]}[tone]
    arrow = "▲" if difference > 0 else "▼"
    return " ".join(filter(None, (arrow, text.lstrip("+" + MINUS), unit, verdict))), tone


def with_unit(value: Value, kpi: Kpi, lang: str) -> str:
    """A headline figure with its unit behind it: 97.22%, 7 个; a dash where there is none."""
    text = written(value, kpi.kind, lang)
    if value is None or not kpi.unit:
        return text
    return text + ("" if kpi.unit == "%" else " ") + kpi.unit


def subtitle(header: Header) -> str:
    """One line below the title on which report it is."""
    words = labels(header.lang)
    return words["subtitle"].format(version=version_name(header), as_of=moment(header.as_of, header.lang))
