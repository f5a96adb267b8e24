"""Sentences from figures: the texts of texts.yaml filled in, with numbers and dates as the language writes them.

Belongs here: filling a text. Does not: which text is said when (sections.yaml), how a cell is written (notation.py).

A text is `{zh, en}`; an English one may be `{one, other}`, chosen by `n`. A placeholder is `{name}` or `{name:how}`:
percent, points, period, moment, names (a list, cut with a count of the rest), or the key of a noun
(`{n:unit}` is `3 家单位`, `1 unit`). A placeholder without a value is an error, never a hole.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from babel import Locale
from babel.numbers import format_decimal, format_percent

from expectations.language import language, read_texts
from reports.text.formats import HERE

NAMES_SHOWN = 5
MANY = 60  # units that are counted by the node above them rather than named
MOST_NAMES_SHOWN = 20  # where naming them is the point: who is missing


@cache
def texts() -> Mapping[str, Mapping[str, Any]]:
    """All of texts.yaml."""
    content: Mapping[str, Mapping[str, Any]] = read_texts(HERE / "texts.yaml")
    return content


class Names(list[str]):
    """Some of many names; `total` counts them all. `most`: of the nodes above them those with the most, each with how
    many, and `nodes` how many nodes there are: what is said where they are more than MANY.
    """

    def __init__(self, names: Sequence[str], total: int, most: Sequence[tuple[str, int]] = (), nodes: int = 0) -> None:
        super().__init__(names)
        self.total, self.most, self.nodes = total, most, nodes

    @property
    def are_many(self) -> bool:
        """Whether they are counted by the nodes above them rather than named."""
        return self.total > MANY and self.nodes > 1


class Words(string.Formatter):
    """The texts in one language. Use `words(lang)`, which keeps one of each."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.language = language(lang)
        self.locale = Locale.parse(self.language.locale)

    def has(self, key: str) -> bool:
        """Whether there is a text of that key."""
        return key in texts()

    def say(self, key: str, **values: Any) -> str:
        """The text of `key` filled in. KeyError where there is no such text or a placeholder has no value."""
        text = texts()[key][self.lang]
        if isinstance(text, dict):
            text = text["one" if self.locale.plural_form(values["n"]) == "one" else "other"]
        return self.fill(text, **values)

    def fill(self, text: str, **values: Any) -> str:
        """A text filled in. KeyError where a placeholder has no value."""
        return self.vformat(text, (), values) if "{" in text else str(text)

    def format_field(self, value: Any, format_spec: str) -> str:
        """Write a value the way its placeholder asks; ValueError where there is no value."""
        if value is None or value == "":
            raise ValueError(f"a placeholder ({format_spec or 'plain'}) has no value")
        if not format_spec:
            return self.number(value) if isinstance(value, int | float) else str(value)
        if (writer := _WRITERS.get(format_spec)) is not None:
            return writer(self, value)
        return self.say(f"noun.{format_spec}", n=value)

    def number(self, value: float) -> str:
        """A number with the locale's separators and at most 2 decimals."""
        return _number(value, self.locale)

    def percent(self, value: float) -> str:
        """99.5 as 99.5%."""
        return _percent(value, self.locale)

    def points(self, value: float) -> str:
        """A difference of two percentages, without its sign."""
        return self.say("noun.points", n=round(abs(value), 2))

    def names(self, names: Sequence[str], shown: int = NAMES_SHOWN) -> str:
        """Names joined; of many the first few, and how many there are in all."""
        separator = self.say("names.separator")
        if isinstance(names, Names) and names.are_many:
            key = "names.nodes" if names.nodes > len(names.most) else "names.all_nodes"
            return self.say(key, names=self._of_nodes(names), nodes=names.nodes, n=names.total)
        total = names.total if isinstance(names, Names) else len(names)
        if total <= shown + 1:
            return separator.join(names)
        return self.say("names.more", names=separator.join(names[:shown]), n=total, rest=total - shown)

    def all_names(self, names: Sequence[str]) -> str:
        """As `names`, with more of them."""
        return self.names(names, MOST_NAMES_SHOWN)

    def counted_names(self, names: Sequence[str]) -> str:
        """As `all_names`, where how many there are was said before."""
        if isinstance(names, Names) and names.are_many:
            most = self._of_nodes(names)
            return self.say("names.in_nodes", names=most, nodes=names.nodes) if names.nodes > len(names.most) else most
        if len(names) <= MOST_NAMES_SHOWN + 1:
            return self.all_names(names)
        return self.say("names.and_others", names=self.say("names.separator").join(names[:MOST_NAMES_SHOWN]))

    def _of_nodes(self, names: Names) -> str:
        """The nodes with the most of many names, each with how many."""
        told = (self.say("names.of_node", name=name, n=n) for name, n in names.most)
        return self.say("names.separator").join(told)

    def period(self, period: str) -> str:
        """2026-10 as 2026年10月 or October 2026; half-years and years likewise."""
        year, _, rest = period.partition("-")
        if rest:
            return self.language.dated(date(int(year), int(rest), 1), self.language.month)
        if "H" in period:
            year, _, half = period.partition("H")
            return self.say(f"period.half_{half}", year=year)
        return self.say("period.year", year=period)

    def title(self, scope: str, period: str) -> str:
        """The title of the report of a scope, by its name, of a month, a half-year or a year."""
        kind = "half" if "H" in period else "month" if "-" in period else "year"
        return self.say(f"title.{kind}", scope=scope, period=period)

    def moment(self, value: datetime) -> str:
        """A moment in running text, in its own time zone."""
        return self.language.dated(value, self.language.moment)


@cache
def _number(value: float, locale: Locale) -> str:
    return str(format_decimal(value, "#,##0.##;−#,##0.##", locale=locale))


@cache
def _percent(value: float, locale: Locale) -> str:
    return str(format_percent(value / 100, "#,##0.##%;−#,##0.##%", locale=locale))


_WRITERS: Mapping[str, Callable[[Words, Any], str]] = {
    "percent": Words.percent,
    "points": Words.points,
    "period": Words.period,
    "moment": Words.moment,
    "names": Words.names,
    "all_names": Words.all_names,
    "counted_names": Words.counted_names,
}


@cache
def words(lang: str) -> Words:
    """The texts in a language."""
    return Words(lang)
