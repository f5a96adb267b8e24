"""What one cell of a blank form takes: in words, as a data validation, and as the formula that says it lacks something.

Belongs here: the `required`, `type`, `codes` and `max_len` of forms.yaml for Excel. Does not: sheets and looks
(blank_forms.py), the words (blank_forms.yaml).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

from assets.intake.values import words_for_nothing
from expectations.catalogue import CODE_TYPES, Catalogue, Column, Indicator, Item, clauses
from expectations.language import language, read_texts
from reports.text.examples import EXAMPLES_OF, in_month

_NOTHING = words_for_nothing("code")  # of a column that another one's condition asks about
_FULL_WIDTH = ("／", "－")  # as intake normalises them
EARLIEST, LATEST = date(1990, 1, 1), date(2099, 12, 31)
GREATEST = 999_999_999_999
LONGEST_MESSAGE, LONGEST_TITLE = 255, 32  # characters of an input message in Excel
LONGEST_TEXT = 255  # of a cell in text format: Excel shows longer ones as #####
HAS_OR_NOT = "有无"  # a heading with it is answered 有 or 无, any other 是 or 否
NUMBER_FORMATS = {
    "date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm", "percent": "0.00%", "int": "0", "decimal": "General",
}  # fmt: skip


def choices(column: Column) -> tuple[str, ...]:
    """What may be chosen in a column; nothing where it is no list."""
    if column.type == "bool":
        return ("有", "无") if HAS_OR_NOT in column.zh else ("是", "否")
    return column.codes if column.type in CODE_TYPES else ()


def number_format(column: Column) -> str:
    """The number format of a column. Text stays text: 80,443 would become a number, 1.10 would lose its zero."""
    if column.type == "text" and (column.max_len or 0) > LONGEST_TEXT:
        return "General"
    return NUMBER_FORMATS.get(column.type, "@")


def lacks(cell: str, column: Column, filled: str, cell_of: Callable[[str], str]) -> str | None:
    """The formula that is true where a required cell is blank in a row that is begun; None for what is never required.

    `filled` is the row's range (A1 style), `cell_of` the cell of another column of the row. The clauses target and
    ratio are not in it: whoever lists the rows knows which of them have one.
    """
    if column.required == "never":
        return None
    tests = [f"COUNTA({filled})>0", _blank(cell, words_for_nothing(column.type, column.codes))]
    for clause in clauses(column.required):
        if clause.kind in ("target", "ratio"):
            continue
        other = cell_of(clause.column)
        if clause.kind in ("empty", "filled"):
            tests.append(_blank(other) if clause.kind == "empty" else f"NOT({_blank(other)})")
        else:
            alike = ",".join(f'TRIM({other})="{value}"' for value in clause.values)
            tests.append(f"OR({alike})" if clause.kind == "is" else f"NOT(OR({_blank(other)},{alike}))")
    return f"=AND({','.join(tests)})"


def _blank(cell: str, words: Iterable[str] = _NOTHING) -> str:
    """Whether a cell is empty, or says so by / or - or 无, as intake has it."""
    told = ",".join(f'TRIM({cell})="{word}"' for word in sorted({*words, *_FULL_WIDTH}) if word)
    return f"OR(LEN(TRIM({cell}))=0,{told})"


@cache
def _texts() -> Mapping[str, Any]:
    content: Mapping[str, Any] = read_texts(Path(__file__).parent / "blank_forms.yaml")
    return content


class Wording:
    """The words of blank forms in one language."""

    def __init__(self, catalogue: Catalogue, lang: str, period: str = EXAMPLES_OF) -> None:
        """`period` is the month that examples lie in."""
        self.lang, self.period = lang, period
        self.glossary: Mapping[str, Any] = catalogue.texts["glossary"]

    def say(self, key: str, **values: object) -> str:
        """A text of blank_forms.yaml."""
        return str(_texts()[key][self.lang]).format(**values)

    def lines(self, key: str, **values: object) -> list[str]:
        """A text of several lines."""
        return [str(line).format(**values) for line in _texts()[key][self.lang]]

    def heading(self, sheet: str, column: Column) -> str:
        """A heading as it is on paper, with its English name where English is spoken."""
        if language(self.lang).speaks_catalogue:
            return column.zh
        named = self.glossary["columns"].get(f"{sheet}.{column.key}", {self.lang: column.zh})
        return self.say("colleague", zh=column.zh, named=named[self.lang])

    def item(self, item: Item) -> str:
        """The text of a checklist item."""
        return self._own(item.text, "items", item.code)

    def indicator(self, indicator: Indicator) -> str:
        """The name of an indicator."""
        return self._own(indicator.zh, "indicators", indicator.code)

    def _own(self, text: str, group: str, code: str) -> str:
        if language(self.lang).speaks_catalogue:
            return text
        return str(self.glossary[group].get(code, {}).get(self.lang, text))

    def required(self, sheet: str, column: Column, others: Iterable[Column]) -> str:
        """Whether and when a column is required, in a sentence."""
        if column.required in ("always", "never"):
            return self.say(column.required)
        by_key = {c.key: c for c in others}
        told = []
        for clause in clauses(column.required):
            name = self.heading(sheet, by_key[clause.column]) if clause.column else ""
            values = self.say("or").join(self.say("quoted", value=v) for v in clause.values)
            told.append(self.say(f"clause_{clause.kind}", column=name, values=values))
        return self.say("when", clauses=self.say("and").join(told))

    def wants(self, sheet: str, column: Column) -> str:
        """What may be entered, in a sentence or two; where a rule asks for a form, that form."""
        asked = _texts()["formats"].get(f"{sheet}.{column.key}")
        codes = "、".join(choices(column))
        if column.type == "enum_list":
            told = self.say("choose_some", codes=codes)
        elif codes:
            told = self.say("choose", codes=codes)
        else:
            kind = asked[self.lang] if asked else self.glossary["types"][column.type][self.lang]
            told = self.say("wants", type=in_month(kind, self.period))
        return told + (
            language(self.lang).between_sentences + self.say("longest", n=column.max_len) if column.max_len else ""
        )

    def hint(self, sheet: str, column: Column, others: Iterable[Column]) -> str:
        """All that is to be known of a column."""
        return self.required(sheet, column, others) + language(self.lang).between_sentences + self.wants(sheet, column)


def validation(column: Column, hint: str, refusal: tuple[str, str], source: list[str] | str | None) -> dict[str, Any]:
    """The data validation of a column for XlsxWriter: what is let in, and what is said when a cell of it is selected.

    `refusal` is title and text of what is said of a wrong entry, `source` the list of choices or where it stands.
    """
    rule: dict[str, Any] = {
        "validate": "any",
        "input_title": column.zh[:LONGEST_TITLE],
        "input_message": cut(hint, LONGEST_MESSAGE),
        "error_title": refusal[0][:LONGEST_TITLE],
        "error_message": cut(refusal[1], LONGEST_MESSAGE),
    }
    if source:  # several choices are typed, and codes only offered: nothing is refused there
        return rule | {"validate": "list", "source": source, "show_error": column.type in ("enum", "bool")}
    if column.type == "date":
        return rule | {"validate": "date", "criteria": "between", "minimum": EARLIEST, "maximum": LATEST}
    if column.type == "datetime":
        first, last = (datetime.combine(day, time.min) for day in (EARLIEST, LATEST))
        return rule | {"validate": "date", "criteria": "between", "minimum": first, "maximum": last}
    if column.type == "int":
        return rule | {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": GREATEST}
    if column.type == "percent":
        return rule | {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 1}
    if column.max_len:
        return rule | {"validate": "length", "criteria": "<=", "value": column.max_len}
    return rule


def cut(text: str, longest: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
