"""A report as content, before it has a form: what every renderer is given, and all that it needs.

Belongs here: the shapes. Does not: filling them (content.py), drawing them (html.py, docx.py, pdf.py, xlsx.py).
Everything here can be pickled: rendering runs in worker processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

Value = None | str | int | float | bool | date | datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """What made a figure other than it was. `values` are those of the words `cause.KIND` of texts.yaml, in their order.

    kind: mail | decided | ended | register | rules | settings | software.
    """

    kind: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that a supplement changes: its dotted path in summary.json, before, after, and what made it so."""

    figure: str
    before: Value
    after: Value
    because: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """Which report it is. Times are aware, in the time zone of the settings."""

    period: str  # "2026-10"; "2026H2" or "2026" for half-years and years
    scope: str
    scope_name: str
    version: str  # interim | v1 | v2 ...
    kind: str  # interim | deadline | supplement
    as_of: datetime
    cutoff: datetime
    software: str
    lang: str  # zh | en
    changes: tuple[Change, ...] = ()
    before_version: str = ""
    mailbox_unreachable: bool = False  # mails may lie there that the report does not know
    unsigned: tuple[str, ...] = ()  # offices that are asked to sign their month and have not, by name


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `kind` says how values are written and aligned; `unit` stands under the heading.

    kind: text | code | int | decimal | percent (99.5 is 99.5 %) | points (difference of percents) | delta (signed int)
    | date | datetime | bool | state (a code of glossary.yaml, group in `codes`) | mail (sha256, shown short).
    A text column may hold numbers, each written with the decimals of its own.
    `bar`: a form that can may draw a bar beside the number, as long as value / bar.
    """

    key: str
    title: str
    kind: str = "text"
    unit: str = ""
    codes: str = ""
    wide: bool = False
    bar: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to show. `total` counts the rows there are; where it is more than are shown, `source` has them all.

    `source` is a file of data/ (data/units.csv). `emphasis` marks row numbers that matter. `anchor` is unique.
    """

    anchor: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    total: int
    source: str = ""
    note: str = ""
    emphasis: frozenset[int] = frozenset()
    empty: str = ""  # the sentence shown instead where there are no rows
    whole: bool = False  # shown with all of its rows in print as well
    folded_after: int = 0  # rows that stand first; what follows from them is folded, and in print left out


@dataclass(frozen=True, slots=True)
class Series:
    """A row of numbers of a chart; None where there is no figure."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart beside which its numbers stand. kind: line | columns (stacked) | bars (horizontal) | heat."""

    anchor: str
    kind: str
    title: str  # says the trend, computed
    subtitle: str  # measure, unit, period
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    target: float | None = None
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The last 12 months, unit by unit: a state code a cell (on_time | late+2, with the days | incomplete | returned |
    missing | "" not active), readable without colour by the short text that goes with it.
    """

    anchor: str
    title: str
    periods: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    total: int


@dataclass(frozen=True, slots=True)
class Kpi:
    """A headline figure with last month's beside it. `good`: up | down | none says which way is better.

    `trend` has a figure for each of the report's months.
    """

    label: str
    value: Value
    kind: str
    unit: str
    before: Value
    good: str
    trend: tuple[float | None, ...]
    anchor: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of reports.md: a heading that tells the finding, then sentences, tables and charts as they are read."""

    key: str
    title: str
    headline: str
    sentences: tuple[str, ...] = ()
    blocks: tuple[Table | Chart | Matrix, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """What changed since last month, in a sentence. `kind`: better | worse."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a document that goes out has in place of what a report has on its first page.

    `addressee` is "" where it is addressed to nobody; `draft` stands below the title until it is issued, `issuer` by
    the seal.
    """

    addressee: str
    draft: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    `headlines`: the first is the lead, the others follow as points; `headline_anchors` has for each the table or
    chart that it speaks of ("" where there is none). `moves` is empty in the first month on record. `months`: those
    of the trends. `changes`: what a supplement changes, figure by figure; None in other reports. `annexes` stand
    behind the signature, in the forms that are signed. `data`: the folder that holds the version's tables of data/
    while it is rendered, for the form that shows their rows; None where there is none. `letter`: of a document that is
    no report, without contents and headline figures; its day is written by hand. `pages`: the addresses of units' own
    pages, by unit, from the version's folder.
    """

    header: Header
    title: str
    provisional: str  # who is missing, and what was not collected, in sentences; "" where the report is none
    headlines: tuple[str, ...]
    kpis: tuple[Kpi, ...]
    sections: tuple[Section, ...]
    headline_anchors: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    months: tuple[str, ...] = ()
    changes: Table | None = None
    annexes: tuple[Section, ...] = ()
    data: Path | None = None
    letter: Letter | None = None
    provisional_anchor: str = ""  # of the table of those that are missing
    pages: Mapping[str, str] = field(default_factory=dict)

    def tables(self) -> Sequence[Table]:
        """Every table, in order."""
        return [b for s in self.sections for b in s.blocks if isinstance(b, Table)]
