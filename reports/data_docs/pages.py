"""The pages of Data Docs: all months, a month's checkpoint, and of each suite the validation result.

outputs.md, data_docs/. Belongs here: which pages there are, what is on them, and writing those that changed. Does not:
the layout (data_docs.html.jinja), validating (expectations/validations.py).

They are drawn from the validation results as GX's JSON has them, which lies beside each page. GX's own pages load
fifteen files from elsewhere, have a tracking picture, and write cells into the page as they are (findings/gx.md, 4).
Examples of values come masked (assets/month/validations.py).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from expectations.catalogue import Catalogue
from expectations.suites import EACH_OF, UNIT_MONTHS
from reports.forms import html
from reports.text import formats as notation
from reports.text.sentences import Words, words

HERE = Path(__file__).parent
TEMPLATE = "data_docs.html.jinja"
INDEX = "index.html"
FEWEST_TO_FILTER = 12
UNTOLD = ("column_list", "ignore_row_if")  # arguments that follow from the others

Results = Mapping[str, Mapping[str, Any]]  # of every suite the validation result, as GX's JSON has it


@dataclass(frozen=True, slots=True)
class Month:
    """A month that was validated: how many expectations there are and were met, rows that fail one counted for each,
    those of them that are waived, and a digest of its results.
    """

    period: str
    evaluated: int
    successful: int
    unexpected: int
    waived: int
    digest: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """An expectation and its result, as a row of a page."""

    id: str
    anchor: str
    suite: str
    title: str
    column: str
    asked: str
    severity: str
    severity_name: str
    effect: str
    rows: int
    failed: int
    waived: int
    share: float
    examples: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Suite:
    """A suite and its result, as a row of a month's page."""

    key: str
    title: str
    evaluated: int
    successful: int
    rows: int
    unexpected: int
    waived: int
    rules: Sequence[_Rule]

    @property
    def share(self) -> float:
        """The expectations that were met, of 100."""
        return 100 * self.successful / self.evaluated if self.evaluated else 100.0


def write_data_docs(
    folder: Path,
    months: Sequence[Month],
    results_of: Callable[[str], Results],
    catalogue: Catalogue,
    lang: str = "zh",
) -> list[Path]:
    """Bring Data Docs in line with the validation results of all months; the pages that were written.

    The results of a month are asked for only where its pages are not of these results already. A page appears whole,
    and one that would be the same is left alone; pages of months and suites that are no more go.
    """
    pages = _Pages(catalogue, lang)
    written: list[Path] = []
    for month in months:
        own, stamp = folder / month.period, pages.stamp(month)
        if _stands(own, stamp, catalogue):
            continue
        results = results_of(month.period)
        files = dict(pages.of_month(month, results, stamp))
        files[INDEX] = files.pop(INDEX)  # last: it says that the others stand
        written += [own / name for name, content in files.items() if _put(own / name, content)]
        for left in set(own.iterdir()) - {own / name for name in files}:
            left.unlink()
    if _put(folder / INDEX, pages.all_months(months)):
        written.append(folder / INDEX)
    return written


def _stands(folder: Path, stamp: str, catalogue: Catalogue) -> bool:
    """Whether a month's pages are of these results and this layout."""
    index = folder / INDEX
    if not index.exists() or stamp not in index.read_text(encoding="utf-8"):
        return False
    return all((folder / f"{suite}.html").exists() for suite in (*catalogue.sheets, UNIT_MONTHS))


def _put(path: Path, content: bytes) -> bool:
    """Write a file whole, where it is not there with this content; whether it was written."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
    return True


class _Pages:
    """The pages in one language."""

    def __init__(self, catalogue: Catalogue, lang: str) -> None:
        self.catalogue = catalogue
        self.lang = lang
        self.words: Words = words(lang)

    def stamp(self, month: Month) -> str:
        """A digest of all that a month's pages are made of."""
        parts = (month.digest, self.catalogue.digest, self.lang, _layout())
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def of_month(self, month: Month, results: Results, stamp: str) -> Iterable[tuple[str, bytes]]:
        """The files of a month's folder: its page, and of each suite page and result."""
        suites = [self._suite(key, results[key]) for key in (*self.catalogue.sheets, UNIT_MONTHS) if key in results]
        failing = sorted(
            ((suite, rule) for suite in suites for rule in suite.rules if rule.failed),
            key=lambda pair: (-pair[1].failed, pair[1].id, pair[1].column),
        )
        period = self.words.period(month.period)
        title = self.words.say("docs.month", period=period)
        yield INDEX, self._page("month", title, month=month, suites=suites, failing=failing, stamp=stamp)
        for suite in suites:
            heading = self.words.say("docs.suite", period=period, suite=suite.title)
            yield f"{suite.key}.html", self._page("suite", heading, month=month, suite=suite, suites=suites)
            yield f"{suite.key}.json", _json(results[suite.key])

    def all_months(self, months: Sequence[Month]) -> bytes:
        """The page that leads to all months, the latest first."""
        latest = sorted(months, key=lambda m: m.period, reverse=True)
        return self._page("months", self.words.say("docs.months"), months=latest)

    def _page(self, kind: str, title: str, **values: Any) -> bytes:
        page = _environment().get_template(TEMPLATE)
        font = html.embedded("".join(sorted({c for c in title + "0123456789,." if c > " "})))
        values |= {"kind": kind, "title": title, "font": font, "lang": self.lang, "words": self.words}
        return page.render(say=self.words.say, filter_from=FEWEST_TO_FILTER, **values).lstrip().encode()

    def _suite(self, key: str, result: Mapping[str, Any]) -> _Suite:
        rules = [self._rule(one) for one in result["results"]]
        return _Suite(
            key=key,
            title=self._suite_name(key),
            evaluated=result["statistics"]["evaluated_expectations"],
            successful=result["statistics"]["successful_expectations"],
            rows=rules[0].rows if rules else 0,  # the first are asked of the rows of the sheet themselves
            unexpected=sum(rule.failed for rule in rules),
            waived=sum(rule.waived for rule in rules),
            rules=sorted(rules, key=lambda rule: (-rule.failed, rule.id)),
        )

    def _suite_name(self, key: str) -> str:
        return self.words.say("docs.unit_months") if key == UNIT_MONTHS else notation.name("sheets", key, self.lang)

    def _rule(self, result: Mapping[str, Any]) -> _Rule:
        configuration, found = result["expectation_config"], result["result"]
        kwargs, meta = configuration["kwargs"], configuration["meta"]
        rule = self.catalogue.rules[kwargs["rule"]]
        arguments = ", ".join(f"{k}={_short(v)}" for k, v in kwargs["arguments"].items() if k not in UNTOLD)
        return _Rule(
            id=rule.id,
            anchor=f"{rule.id}-{kwargs['column'].replace(EACH_OF, '').replace('|', '-')}",
            suite=kwargs["suite"],
            title=self.catalogue.texts["messages"][rule.id]["title"][self.lang],
            column=self._columns(kwargs["suite"], kwargs["column"]),
            asked=f"{kwargs['asks']}({arguments})",
            severity=meta["severity"],
            severity_name=notation.name("severities", meta["severity"], self.lang),
            effect=notation.name("effects", meta["effect"], self.lang),
            rows=found["element_count"],
            failed=found["unexpected_count"],
            waived=found["waived_count"],
            share=found["unexpected_percent"],
            examples=found["partial_unexpected_index_list"],
        )

    def _columns(self, suite: str, keys: str) -> str:
        """The columns that a rule's findings point at, as they are headed."""
        if keys.startswith(EACH_OF):
            return self.words.say("docs.any_column")
        named = (notation.name("columns", f"{suite}.{key}", self.lang) for key in keys.split("|") if key)
        return self.words.say("docs.or").join(named)


def _short(value: Any) -> str:
    """An argument of an expectation, a long one cut."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"


def _json(result: Mapping[str, Any]) -> bytes:
    return (json.dumps(result, ensure_ascii=False, indent=1) + "\n").encode()


@cache
def _layout() -> str:
    """A digest of what the pages are made with."""
    digest = hashlib.sha256()
    for path in (HERE / TEMPLATE, *(html.TEMPLATES / name for name in ("report.css", "report.js"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["asset"] = _asset
    return environment


@cache
def _asset(name: str) -> Markup:
    return Markup((html.TEMPLATES / name).read_text(encoding="utf-8"))  # our own file
