"""The mails to units and offices as text and as a page: receipts, reminders, overdue notices, lists for offices.

Belongs here: what each says, from a unit's standing. Does not: who gets it and when (reports/notices/due.py), the words
(notices.yaml), headers and MIME (reports/notices/smtp.py), the list of findings (the feedback page).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from babel.dates import format_timedelta
from babel.lists import format_list
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from assets.instance.periods import is_period
from expectations.language import language, read_texts
from reports.text import sentences
from reports.text.deadline import deadline_in_words
from reports.text.formats import clean, figure_name, moment, name, written

HERE = Path(__file__).parent
OWING = ("missing", "returned", "incomplete")
FORMS_OWED = ("missing", "returned")
SCANS_OWED = ("missing", "reused", "unreadable")
PAIR = 2
FIGURES_TOLD = {
    "units.expected": "int", "units.complete_on_time": "int", "units.missing": "int",
    "exposed_assets.high_vulns": "int", "self_check.pass_rate": "percent", "rectification.overdue": "int",
    "incidents.by_level": "int",
}  # fmt: skip

Words = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a unit's return, as of the last run (marts.unit_results, marts.unit_forms).

    `forms` is the state of each form in the order of forms.yaml; `held_up`: an open finding keeps the unit from
    being complete; `first_complete_at` is aware, and so is `cutoff`, the unit's own where it has one.
    """

    unit_code: str
    unit_name: str
    state: str
    forms: Mapping[str, str]
    scan: str
    held_up: bool = False
    rows_received: int = 0
    rows_counted: int = 0
    warnings: int = 0
    on_time: bool | None = None
    first_complete_at: datetime | None = None
    cutoff: datetime | None = None

    @property
    def owed(self) -> tuple[tuple[str, str], ...]:
        """What the unit still owes, each with its state: forms, `scan`, or `other` that holds it up."""
        if self.state not in OWING:
            return ()
        items = [(form, state) for form, state in self.forms.items() if state in FORMS_OWED]
        if self.scan in SCANS_OWED and (self.held_up or self.state == "missing"):
            items.append(("scan", self.scan))
        elif self.held_up:
            items.append(("other", "open"))
        return tuple(items)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What all mails of a run have in common. Times are aware, in the time zone of the cut-off.

    `contact` is whom to ask; `can_reply`: an answer to the mail reaches the mailbox that is collected.
    """

    period: str
    cutoff: datetime
    as_of: datetime
    lang: str = "zh"
    contact: str = ""
    can_reply: bool = True


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of a mail."""

    subject: str
    text: str
    html: str


# -------------------------------------------------------------------------------------------------------- the letters
def receipt(
    standing: Standing | None,
    addressee: str,
    received_at: Sequence[datetime],
    occasion: Occasion,
    *,
    attached: bool = False,
    left_out: bool = False,
    has_page: bool = False,
    as_page: bool = True,
    from_page: Sequence[str] = (),
) -> Letter:
    """The answer to mails received at these times (aware) from `addressee`: the unit, or a node that filed for it.

    `attached`: marked workbooks go with it; `left_out`: they are too large to; `has_page`: the feedback page is its
    HTML, of which lines that must not be missed stand here as well (`from_page`); `as_page` False: the letter is wanted
    as text alone. Without a standing (the mail of a node above units, which owes no return) it says that no form was
    found.
    """
    words = _words(occasion, received=moment(max(received_at), occasion.lang), count=len(received_at))
    subject = words("receipt_subject", name=standing.unit_name if standing else addressee)
    if standing is None:
        lines = [words("nothing_found"), words("nothing_next")]
        return _letter(occasion, subject, words("receipt_missing"), "bad", addressee, lines)
    owed, _ = _owed(standing, occasion.lang)
    left = 0 if standing.state == "returned" else standing.rows_received - standing.rows_counted
    to_do = bool(owed or left or standing.warnings)
    lines = []
    if left:
        told = {"received": standing.rows_received, "counted": standing.rows_counted, "left": left}
        lines.append(words("rows_left_out", **told))
    if standing.warnings:
        lines.append(words("to_check", count=standing.warnings))
    if owed:
        in_time = occasion.as_of < occasion.cutoff
        lines.append(
            words(
                "still_time" if in_time else "time_is_over",
                deadline=_deadline(occasion),
                owed=owed,
            )
        )
    if standing.on_time is False and standing.first_complete_at is not None:
        when = standing.first_complete_at.astimezone(occasion.cutoff.tzinfo)
        lines.append(words("was_late", when=moment(when, occasion.lang)))
    if has_page and to_do:
        lines.append(words("see_page"))
    if attached or left_out:
        lines.append(words("attached" if attached else "not_attached"))
    lines.append(_how_to_send(occasion) if to_do else words("nothing_to_do"))
    heading, tone = standing.state, "bad"
    if standing.state == "complete":
        heading, tone = "complete", "good"
        if left or standing.warnings:
            heading, tone = ("complete_left_out", "warn") if left else ("complete_to_check", "good")
    lead = "processed" if len(received_at) == 1 else "processed_several"
    if addressee != standing.unit_name:
        lead += "_for"
    return _letter(
        occasion,
        subject,
        words(f"receipt_{heading}", owed=owed, left=left, count=standing.warnings),
        tone,
        addressee,
        [words(lead, unit=standing.unit_name), *from_page],
        _standing_table(standing, occasion.lang),
        lines,
        as_page=as_page,
    )


def reminder(standing: Standing, occasion: Occasion) -> Letter:
    """Before the cut-off, to a unit that owes something."""
    owed, table = _owed(standing, occasion.lang)
    words = _words(occasion, owed=owed, deadline=_deadline(occasion), left=_left(occasion))
    lines = [*_advice(standing, words), _how_to_send(occasion), words("just_sent")]
    subject, heading = words("reminder_subject"), words("reminder_heading")
    return _letter(occasion, subject, heading, "warn", standing.unit_name, [words("reminder_lead")], table, lines)


def overdue(standing: Standing, occasion: Occasion, office: str = "") -> Letter:
    """After the cut-off, to a unit that owes something; `office` is the name of the node that gets the list."""
    owed, table = _owed(standing, occasion.lang)
    words = _words(occasion, owed=owed, deadline=_deadline(occasion))
    lines = [words("send_soon"), *_advice(standing, words), _how_to_send(occasion), words("just_sent")]
    if office:
        lines.append(words("office_told", office=office))
    subject, heading = words("overdue_subject"), words("overdue_heading")
    return _letter(occasion, subject, heading, "bad", standing.unit_name, [words("overdue_lead")], table, lines)


def office_list(
    office: str, standings: Sequence[Standing], occasion: Occasion, without_mailbox: Sequence[str] = ()
) -> Letter:
    """After the cut-off, to the office above: its units that owe something, and which of them no mail reaches."""
    lang = occasion.lang
    words = _words(occasion, count=len(standings), deadline=_deadline(occasion))
    rows = [
        (
            s.unit_name,
            s.unit_code,
            name("states", s.state, lang),
            _list([_item(item, lang) for item, _ in s.owed], lang),
        )
        for s in standings
    ]
    head = (words("unit"), words("unit_code"), words("state"), words("owed"))
    lines = [words("units_told")]
    if without_mailbox:
        lines.append(words("units_without_mailbox", units=_list(without_mailbox, lang)))
    subject, heading = words("office_list_subject"), words("office_list_heading")
    return _letter(occasion, subject, heading, "bad", office, [words("office_list_lead")], (head, *rows), lines)


# ---------------------------------------------------------------------------------------------------------- sentences
@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    texts: Mapping[str, Mapping[str, str]] = read_texts(HERE / "notices.yaml")
    return texts


def _words(occasion: Occasion, **values: object) -> Words:
    """The texts of notices.yaml in the language of the occasion, by key, filled with these values and further ones."""
    common = {
        "prefix": _texts()["prefix"][occasion.lang],
        "month": sentences.words(occasion.lang).period(occasion.period),
        "as_of": moment(occasion.as_of, occasion.lang),
        **values,
    }
    return lambda key, **further: _texts()[key][occasion.lang].format(**{**common, **further})


def _item(item: str, lang: str) -> str:
    """A form or the scan, by its short name."""
    return _texts()[item][lang] if item in ("scan", "other") else name("short_forms", item, lang)


def _list(items: Sequence[str], lang: str) -> str:
    return format_list(items, locale=language(lang).locale) if items else ""


def _deadline(occasion: Occasion) -> str:
    return deadline_in_words(occasion.cutoff, occasion.lang)


def _left(occasion: Occasion) -> str:
    """The time left: in days, and on the last day in hours, rounded up."""
    left = occasion.cutoff - occasion.as_of
    unit: Literal["hour", "day"] = "hour" if left <= timedelta(days=1) else "day"
    one = timedelta(hours=1) if unit == "hour" else timedelta(days=1)
    locale = language(occasion.lang).locale
    return format_timedelta(math.ceil(left / one) * one, unit, threshold=math.inf, locale=locale)


def _advice(standing: Standing, words: Words) -> list[str]:
    """What is easily missed about the things that are owed."""
    owed = dict(standing.owed)
    lines = []
    if "returned" in owed.values():
        lines.append(words("mend_returned"))
    if owed.get("annex2") == "missing":
        lines.append(words("nil_is_a_return"))
    if "scan" in owed:
        lines.append(words("scan_is_signed"))
    return lines


def _how_to_send(occasion: Occasion) -> str:
    return _texts()["by_reply" if occasion.can_reply else "by_usual_mailbox"][occasion.lang]


def report(
    addressee: str,
    scope_name: str,
    summary: Mapping[str, Any],
    occasion: Occasion,
    *,
    link: str,
    attached: bool,
    too_large: bool,
    encrypted: bool,
) -> Letter:
    """The mail with a published report; `summary` is its summary.json.

    `attached`: its documents go with it, `encrypted` under a password; `too_large`: they are left out for their size;
    `link`: where it lies, "" where no setting says so.
    """
    from reports.report.facts import NEW_INCIDENTS, known  # noqa: PLC0415 - brings polars, wanted here alone

    made = datetime.fromisoformat(summary["as_of"])
    words = _words(
        occasion,
        scope=scope_name,
        kind=name("report_kinds", summary["kind"], occasion.lang),
        version=summary["version"],
        made=moment(made, occasion.lang),
    )
    lines = [words("report_lead")]
    if summary["kind"] == "supplement":
        lines.append(words("report_supplement"))
    where = [words("report_encrypted" if encrypted else "report_attached")] if attached else []
    if too_large:
        where.append(words("report_too_large"))
    if link:
        where.append(words("report_link", link=link))
    elif too_large:
        where.append(words("report_ask"))
    tongue = sentences.words(occasion.lang)
    title = tongue.title(scope_name, occasion.period)
    names = {NEW_INCIDENTS: tongue.say("kpi.incidents")}
    figures = [
        (names.get(path) or figure_name(path, occasion.lang), _told(known(summary, path), kind, occasion.lang))
        for path, kind in FIGURES_TOLD.items()
    ]
    head = (words("figure"), words("value"))
    missing = summary["units"]["missing"] + summary["units"]["returned"]
    return _letter(
        occasion,
        words("report_subject") if is_period(occasion.period) else words("report_subject_span", title=title),
        title,
        "warn" if missing else "good",
        addressee,
        lines,
        (head, *figures),
        where,
    )


def _told(value: Any, kind: str, lang: str) -> str:
    return written(value, kind, lang) + ("%" if kind == "percent" and value is not None else "")


# -------------------------------------------------------------------------------------------------------------- tables
Rows = tuple[tuple[str, ...], ...]


def _state(item: str, state: str, lang: str) -> str:
    if item == "other":
        return _texts()["open"][lang]
    return name("scan_states" if item == "scan" else "form_states", state, lang)


def _full_name(item: str, lang: str) -> str:
    return _texts()[f"{item}_row"][lang] if item in ("scan", "other") else name("forms", item, lang)


def _owed(standing: Standing, lang: str) -> tuple[str, Rows]:
    """What is owed, as a list within a sentence and as a table."""
    rows = ((_full_name(item, lang), _state(item, state, lang)) for item, state in standing.owed)
    head = (_texts()["form"][lang], _texts()["state"][lang])
    return _list([_item(item, lang) for item, _ in standing.owed], lang), (head, *rows)


def _standing_table(standing: Standing, lang: str) -> Rows:
    """Each form that is expected or was sent, and the scan, with its state; and what else is owed."""
    items = [(form, state) for form, state in standing.forms.items() if state != "not_required"]
    items.append(("scan", standing.scan))
    items += [(item, state) for item, state in standing.owed if item == "other"]
    head = (_texts()["form"][lang], _texts()["state"][lang])
    return (head, *((_full_name(item, lang), _state(item, state, lang)) for item, state in items))


# -------------------------------------------------------------------------------------------------------------- layout
@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=lambda template: template is not None and template.endswith(".html.jinja"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )


def _letter(
    occasion: Occasion,
    subject: str,
    heading: str,
    tone: str,
    addressee: str,
    before: Sequence[str],
    table: Rows = (),
    after: Sequence[str] = (),
    *,
    as_page: bool = True,
) -> Letter:
    """Lay a letter out. `tone` is good, warn or bad; the first row of `table` is its heading; see `receipt`."""
    words = _words(occasion)
    foot = [words("automatic")]
    if occasion.contact:
        foot.append(words("contact", contact=occasion.contact))
    # The names of units come from the register, and may hold what HTML cannot.
    values: dict[str, Any] = {
        "lang": language(occasion.lang).tag,
        "system": words("system"),
        "to": words("to", name=clean(addressee)),
        "heading": clean(heading),
        "tone": tone,
        "before": [clean(line) for line in before],
        "table": [[clean(cell) for cell in row] for row in table],
        "pairs": [clean(words("pair", item=row[0], state=row[1])) for row in table[1:] if len(row) == PAIR],
        "after": [clean(line) for line in after],
        "foot": foot,
        "foot_line": language(occasion.lang).between_sentences.join(foot),
    }
    pages = _environment()
    return Letter(
        subject,
        pages.get_template("notice_text.txt.jinja").render(values),
        pages.get_template("notice_page.html.jinja").render(values) if as_page else "",
    )
