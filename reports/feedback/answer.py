"""The answer to one unit: what became of its return, what to mend and where, as a page, as text and on its workbooks.

Belongs here: the answer's content and wording, feedback.html and its plain-text twin, which notes and lines a marked
workbook gets. Does not: which findings are told together (folding.py), the marking itself (marking/), reading rows and
writing folders (feedback_folders.py). Nothing is masked: it is the unit's own data.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from expectations.catalogue import Catalogue
from expectations.language import codes, language, read_texts
from expectations.messages import fill, reason_text
from reports.feedback.grouping import EXPLAINED, SEVERITIES, WAIVED, Finding, Folding, Line
from reports.feedback.marking.shapes import CHECK, MUST, Entry, FeedbackSheet, Mark
from reports.feedback.replacements import Replacement, in_words
from reports.text.deadline import deadline_in_words
from reports.text.examples import in_month
from reports.text.formats import clean, moment

HERE = Path(__file__).parent
LANGUAGES = codes()
RANGES_SHOWN = 5
FOLLOW_SHOWN = 12
VALUES_SHOWN = 3
_CELL = re.compile(r"([A-Z]+)(\d+)")
COLUMNS = tuple(f.name for f in fields(Finding) if not f.name.startswith("note_"))
"""The columns of core.all_findings that an answer is made of."""
_FLAGGED = ("CVR-07", "CVR-08")  # they speak of a sheet, and are mended on the cover


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form in a workbook; `cover` and `tables` as in core.submissions."""

    form: str
    form_id: str
    cover: str
    tables: str = "{}"


@dataclass(frozen=True, slots=True)
class SentWorkbook:
    """A workbook that a unit sent: attachment `number` of a mail, its displayed name, and the forms in it.

    `span`: where it stands in the archived mail (assets/intake/mail/parts.py), where that is known.
    """

    mail: str
    number: int
    file: str
    forms: tuple[SentForm, ...]
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a unit said of a finding in a marked workbook, and what became of it (core.explanations)."""

    subject: str
    text: str
    verdict: str


@dataclass(frozen=True, slots=True)
class UnitState:
    """What became of a unit in a month: rows of marts.unit_results and marts.unit_forms. Times are aware, local."""

    period: str
    unit_code: str
    unit_name: str
    state: str
    on_time: bool | None
    forms: tuple[tuple[str, str], ...]
    rows_received: int
    rows_counted: int
    cutoff: datetime
    received_at: datetime | None
    replaced: tuple[Replacement, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """The answer to one unit, before it has a form."""

    unit: UnitState
    workbooks: tuple[SentWorkbook, ...]
    lines: tuple[Line, ...]
    wording: Wording


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    content: Mapping[str, Mapping[str, str]] = read_texts(HERE / "feedback.yaml")
    return content


@lru_cache(maxsize=256)
def _month(period: str, lang: str) -> str:
    return language(lang).dated(datetime.strptime(period, "%Y-%m").date(), language(lang).month)


def feedback_of(
    unit: UnitState,
    findings: Iterable[Mapping[str, Any]],
    workbooks: Iterable[SentWorkbook],
    catalogue: Catalogue,
    lang: str = "zh",
    folding: Folding | None = None,
    said: Iterable[Said] = (),
) -> Feedback:
    """The answer to a unit from rows of core.all_findings (COLUMNS).

    `folding` is of the same catalogue; who answers many units makes it once. `said`: what the unit said of its
    findings in the month, the latest last.
    """
    sent = tuple(workbooks)
    own = [row for row in findings if row["status"] in ("open", EXPLAINED, WAIVED)]
    covers = {form.form_id: form.cover for workbook in sent for form in workbook.forms}
    found = [placed(row, covers.get(row["form_id"], ""), catalogue) for row in own]
    lines = (folding or Folding(catalogue)).lines(_with_refusals(found, said))
    return Feedback(unit, sent, tuple(lines), Wording(catalogue, lang, unit.period))


def _with_refusals(findings: Iterable[Finding], said: Iterable[Said]) -> Iterator[Finding]:
    """The findings, those that are open although the unit said something of them with why that does not do."""
    latest = {s.subject: s for s in said}
    for finding in findings:
        own = None if finding.is_explained else latest.get(finding.subject)
        if own and own.verdict != "accepted":
            yield replace(finding, note_said=own.text, note_refused=own.verdict)
        elif own and finding.severity != "warning":
            yield replace(finding, note_said=own.text, note_refused="must")
        else:
            yield finding


def placed(row: Mapping[str, Any], cover: str, catalogue: Catalogue) -> Finding:
    """The finding with the place where it is to be mended: its cell, or the question on the cover that it is about."""
    note_sheet, note_cell = row["sheet"], row["cell"]
    if row["rule_id"] in _FLAGGED and cover:
        form = catalogue.form(row["form"])
        flag = next((s.nil_flag for s in form.sheets if s.title == row["sheet"]), None)
        entry = json.loads(cover).get(flag, {})
        note_sheet, note_cell = entry.get("sheet", form.cover_title), entry.get("cell", "")
    return Finding(**{name: row[name] for name in COLUMNS}, note_sheet=note_sheet, note_cell=note_cell)


# -------------------------------------------------------------------------------------------------------- wording
class Wording:
    """How an answer is put in one language. What is said of findings is kept, as page, sheets and notes say it."""

    def __init__(self, catalogue: Catalogue, lang: str, period: str) -> None:
        """`period` is the month that examples lie in."""
        self.catalogue, self.lang, self.period = catalogue, lang, period
        self._faults: dict[tuple[Finding, ...], str] = {}
        self._remedies: dict[Finding, str] = {}
        self._follows: dict[Line, str] = {}
        self.glossary: Mapping[str, Any] = catalogue.texts["glossary"]
        self._expected = {v["zh"]: v[lang] for v in self.glossary["types"].values()}

    def say(self, key: str, **values: object) -> str:
        """A text of feedback.yaml."""
        return _texts()[key][self.lang].format(**values)

    def name(self, group: str, code: str) -> str:
        """A code in words, by its group of glossary.yaml."""
        return str(self.glossary[group].get(code, {self.lang: code})[self.lang])

    def month(self, period: str) -> str:
        """2026年10月, October 2026."""
        return _month(period, self.lang)

    def _part(self, finding: Finding, part: str) -> str:
        return str(self.catalogue.texts["messages"][finding.rule_id][part][self.lang])

    def title(self, finding: Finding) -> str:
        """What the rule is about, in a few words."""
        return self._part(finding, "title")

    def example(self, finding: Finding) -> str:
        """A right entry."""
        return in_month(self._part(finding, "example"), self.period)

    def fault(self, findings: Sequence[Finding]) -> str:
        """What was entered and what is wrong with it; of many findings, what they have in common."""
        of = tuple(findings)
        if of not in self._faults:
            words = {name: self._common(name, of) for name in ("file", "sheet", "column", "value", "expected")}
            words["expected"] = self._expected.get(words["expected"], words["expected"])
            words["reason"] = reason_text(of[0].cause, self.catalogue, self.lang) if of[0].cause else ""
            self._faults[of] = clean(fill(self._part(of[0], "fault"), words))
        return self._faults[of]

    def _common(self, name: str, findings: Sequence[Finding]) -> str:
        values = list(dict.fromkeys(str(getattr(f, name)) for f in findings))
        if len(values) == 1:
            return values[0]
        is_list = name == "value" and len(values) <= VALUES_SHOWN and all(values)
        return self.say("list").join(values) if is_list else ""

    def remedy(self, finding: Finding) -> str:
        """What to do about it."""
        if finding not in self._remedies:
            words = {n: getattr(finding, n) for n in ("file", "sheet", "column", "value")}
            self._remedies[finding] = fill(self._part(finding, "remedy"), words)
        return self._remedies[finding]

    def severity(self, finding: Finding) -> str:
        """退回, 强制, 核实; or that it is explained, or waived."""
        return self.say(finding.status) if finding.is_settled else self.name("severities", finding.severity)

    def place(self, line: Line, *, with_form: bool) -> str:
        """Where a line is to be looked for; with the form, or the file, before it where there are several."""
        first = line.first
        words = []
        if with_form and first.form:
            words.append(self.name("short_forms", first.form))
        if first.sheet:
            words.append(first.note_sheet)
        elif first.file:
            words.append(first.file)
        elif not words:
            form = self.name("short_forms", first.form) if first.form else self.say("nowhere")
            words.append(self.say("scan") if first.rule_id.startswith("SIG") else form)
        if where := self._where(line):
            words.append(where)
        return " · ".join(words[:-1]) + (" " if first.sheet and where else " · " if words[:-1] else "") + words[-1]

    def _where(self, line: Line) -> str:
        findings, n = line.findings, len(line.findings)
        cells = [f.note_cell for f in findings if f.note_cell]
        if n == 1:
            return cells[0] if cells else self.say("row", n=findings[0].row) if findings[0].row else ""
        if not cells:
            return self.say("times", n=n)
        found = ranges(cells)
        places = self.say("list").join(found[:RANGES_SHOWN])
        if len(found) > RANGES_SHOWN:
            places += self.say("and_more")
        return self.say("cells", places=places, n=n)

    def follow(self, line: Line) -> str:
        """What else goes away with a line; "" where nothing does."""
        if not line.follow:
            return ""
        if line not in self._follows:
            self._follows[line] = self._said_of(line.follow)
        return self._follows[line]

    def _said_of(self, follow: Iterable[Finding]) -> str:
        by_rule: dict[str, list[Finding]] = {}
        for finding in follow:
            by_rule.setdefault(finding.rule_id, []).append(finding)
        told = []
        for findings in by_rule.values():
            names = [f.expected for f in findings if not f.cell and f.expected][:FOLLOW_SHOWN]
            title = self.title(findings[0])
            if len(names) == len(findings):
                told.append(self.say("follow_named", title=title, names=self.say("list").join(names)))
            else:
                told.append(self.say("follow_one", title=title, n=len(findings)))
        return clean(self.say("follow", list=self.say("apart").join(told)))

    def refusal(self, finding: Finding) -> str:
        """Why what the unit said of a finding explains nothing; "" where it said nothing, or enough."""
        if not finding.note_refused:
            return ""
        return clean(self.say("refused", text=finding.note_said, why=self.say(f"refused_{finding.note_refused}")))

    def note(self, finding: Finding) -> str:
        """What stands beside a marked cell."""
        head = self.say("note_title", severity=self.severity(finding), title=self.title(finding), rule=finding.rule_id)
        remedy = self.say("label", label=self.say("remedy"), text=self.remedy(finding))
        example = self.say("label", label=self.say("example"), text=self.example(finding))
        return "\n".join((head, self.fault([finding]), remedy, example))


def ranges(cells: Iterable[str]) -> list[str]:
    """Cells of a column as ranges: C5, C6, C7, C9 is C5:C7, C9."""
    found: list[list[str | int]] = []
    for cell in cells:
        match = _CELL.fullmatch(cell)
        if not match:
            continue
        letters, row = match[1], int(match[2])
        if found and found[-1][0] == letters and found[-1][2] == row - 1:
            found[-1][2] = row
        else:
            found.append([letters, row, row])
    return [f"{c}{a}" if a == b else f"{c}{a}:{c}{b}" for c, a, b in found]


def count_open(lines: Iterable[Line], severities: Sequence[str] = SEVERITIES) -> int:
    """How many findings of these severities are open, those apart that follow from others."""
    return sum(len(line.findings) for line in lines if line.first.severity in severities and not line.first.is_settled)


def verdict(feedback: Feedback, lines: Sequence[Line] | None = None) -> str:
    """What became of the return and how much there is to do (in `lines`, else in all), in a few sentences."""
    wording, unit = feedback.wording, feedback.unit
    say = wording.say
    sentences = [say(unit.state, month=wording.month(unit.period))]
    own = feedback.lines if lines is None else lines
    must, check = count_open(own, SEVERITIES[:2]), count_open(own, SEVERITIES[2:])
    if must:
        sentences.append(say("must", n=must))
    if check:
        sentences.append(say("check", n=check))
    if not must and not check:
        sentences.append(say("nothing"))
    if elsewhere := count_open(feedback.lines) - must - check:
        sentences.append(say("elsewhere", n=elsewhere))
    return language(wording.lang).between_sentences.join(sentences)


def owed(feedback: Feedback) -> str:
    """What is still missing of the return; "" where nothing is."""
    wording = feedback.wording
    parts = [
        wording.say(f"owed_{state}", form=wording.name("short_forms", form))
        for form, state in feedback.unit.forms
        if state in ("missing", "returned")
    ]
    if any(f.effect == "incomplete" and not f.is_settled for line in feedback.lines for f in line.findings):
        parts.append(wording.say("owed_scan"))
    return wording.say("list").join(parts)


def _said(feedback: Feedback) -> str:
    """How many explanations were accepted, and how many not; "" where there is none."""
    accepted = sum(len(line.findings) for line in feedback.lines if line.first.is_explained)
    refused = sum(1 for line in feedback.lines for f in line.findings if f.note_refused)
    say = feedback.wording.say
    told = [say("said_accepted", n=accepted)] if accepted else []
    return say("list").join([*told, say("said_refused", n=refused)] if refused else told)


def _replaced(feedback: Feedback) -> str:
    """What each form that was sent again replaced, and what changed by it."""
    wording = feedback.wording
    return wording.say("apart").join(
        in_words(r, wording.say, wording.name("short_forms", r.form), lambda at: moment(at, wording.lang))
        for r in feedback.unit.replaced
    )


def _cutoff(feedback: Feedback) -> str:
    wording = feedback.wording
    return wording.say("cutoff_text", deadline=deadline_in_words(feedback.unit.cutoff, wording.lang))


def title(feedback: Feedback) -> str:
    """The heading of the page, and the subject of a mail with it."""
    wording = feedback.wording
    return wording.say("title", unit=feedback.unit.unit_name, month=wording.month(feedback.unit.period))


# ------------------------------------------------------------------------------------------------------- the page
@cache
def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["clean"] = clean
    return environment


def _facts(feedback: Feedback, copies: Sequence[str]) -> list[tuple[str, str]]:
    """What identifies the answer, and what is still owed."""
    wording, unit = feedback.wording, feedback.unit
    say = wording.say
    state = unit.state if unit.state != "complete" else "complete_on_time" if unit.on_time else "complete_late"
    forms = [
        f"{wording.name('short_forms', form)} {wording.name('form_states', s)}"
        for form, s in unit.forms
        if s != "not_required"
    ]
    facts = [
        (say("unit"), f"{unit.unit_name} {unit.unit_code}"),
        (say("period"), wording.month(unit.period)),
        (say("state"), wording.name("states", state)),
        (say("forms"), say("apart").join(forms)),
        (say("rows"), say("rows_text", received=unit.rows_received, counted=unit.rows_counted)),
        (say("skipped"), _skipped(feedback)),
        (say("owed"), owed(feedback)),
        (say("said"), _said(feedback)),
        (say("replaced"), _replaced(feedback)),
        (say("received"), moment(unit.received_at, wording.lang) if unit.received_at else ""),
        (say("cutoff"), _cutoff(feedback)),
        (say("workbooks"), say("apart").join(copies)),
    ]
    return [(label, clean(text)) for label, text in facts if text]


_FACT = re.compile(r'<th scope="row"[^>]*>([^<]*)</th><td[^>]*>([^<]*)</td>')  # of templates/feedback.html.jinja


def told_on_page(page: str, lang: str) -> list[str]:
    """The facts of a page (feedback.html) that its unit must not miss where a mail is read as plain text: which rows
    were not read, what became of its explanations, what its files replaced. A line each.
    """
    texts = _texts()
    labels = {texts[key][lang] for key in ("skipped", "said", "replaced")}
    facts = ((html.unescape(label), html.unescape(text)) for label, text in _FACT.findall(page))
    return [texts["label"][lang].format(label=label, text=text) for label, text in facts if label in labels]


def _skipped(feedback: Feedback) -> str:
    """The rows that something stands in and that were not taken for data, by sheet and by what they were taken for."""
    wording = feedback.wording
    told = []
    for table in (t for w in feedback.workbooks for f in w.forms for t in json.loads(f.tables).values()):
        kinds = []
        for kind, rows in table.get("skipped", {}).items():
            shown = [part.replace("A", "").replace(":", "-") for part in ranges(f"A{row}" for row in rows)]
            more = wording.say("and_more") if len(shown) > VALUES_SHOWN else ""
            listed = wording.say("list").join(shown[:VALUES_SHOWN]) + more
            kinds.append(wording.say("skipped_rows", rows=listed, kind=wording.say(f"skipped_{kind}")))
        if kinds:
            told.append(f"{table['title']} {wording.say('list').join(kinds)}")
    return wording.say("apart").join(told)


def groups_of(found: Sequence[Line], wording: Wording) -> list[dict[str, Any]]:
    """The lines by severity, those explained and those waived last, and in each by rule: what to do is said once."""
    groups = []
    hints = {EXPLAINED: "", WAIVED: wording.say("waived_hint")}
    for severity in (*SEVERITIES, EXPLAINED, WAIVED):
        lines = [x for x in found if severity == (x.first.status if x.first.is_settled else x.first.severity)]
        if not lines:
            continue
        blocks: dict[tuple[str, ...], list[Line]] = {}
        for line in lines:
            blocks.setdefault((line.first.rule_id, wording.remedy(line.first)), []).append(line)
        groups.append(
            {
                "severity": severity,
                "name": wording.severity(lines[0].first),
                "hint": hints[severity] if severity in hints else wording.name("severity_hints", severity),
                "count": sum(len(x.findings) for x in lines),
                "blocks": [_block(rule_id, remedy, own, wording) for (rule_id, remedy), own in blocks.items()],
            }
        )
    return groups


def _block(rule_id: str, remedy: str, lines: Sequence[Line], wording: Wording) -> dict[str, Any]:
    first = lines[0].first
    return {
        "rule": rule_id,
        "title": wording.title(first),
        "remedy": "" if first.is_settled else remedy,
        "example": wording.example(first),
        "lines": [
            {
                "place": clean(wording.place(line, with_form=True)),
                "fault": wording.fault(line.findings),
                "follow": wording.follow(line),
                "refusal": wording.refusal(line.first),
                "explanation": clean(line.first.reason) if line.first.is_explained else "",
                "finding": line.first.finding_id if is_open(line) else "",
            }
            for line in lines
        ],
    }


def feedback_html(feedback: Feedback, copies: Sequence[str] = ()) -> str:
    """The answer as a page that is also the body of a mail: tables and inline style, nothing fetched, no script.

    `copies` are the file names of the marked workbooks that go with it.
    """
    return _page("feedback.html.jinja", feedback, copies)


def feedback_text(feedback: Feedback, copies: Sequence[str] = ()) -> str:
    """The same as plain text."""
    return _page("feedback.txt.jinja", feedback, copies)


def findings_text(lines: Sequence[Line], wording: Wording) -> str:
    """Lines as plain text, as feedback_text has them."""
    groups = groups_of(lines, wording)
    return _environment().get_template("findings.txt.jinja").render(say=wording.say, groups=groups)


def _page(template: str, feedback: Feedback, copies: Sequence[str]) -> str:
    wording = feedback.wording
    return _environment().get_template(template).render(
        lang=language(wording.lang).tag,
        say=wording.say,
        title=clean(title(feedback)),
        verdict=verdict(feedback),
        facts=_facts(feedback, copies),
        groups=groups_of(feedback.lines, wording),
        must=count_open(feedback.lines, SEVERITIES[:2]),
        copies=copies,
    )  # fmt: skip


# -------------------------------------------------------------------------------------------------- the workbooks
def _concerns(line: Line, workbook: SentWorkbook) -> bool:
    """Whether a line is told on a workbook: its own, and what is said of the mail or the scan."""
    return line.first.form_id in {"", *(form.form_id for form in workbook.forms)}


def marks_of(feedback: Feedback, workbook: SentWorkbook) -> list[Mark]:
    """The marks of a workbook, most important first. What follows from another finding is not marked."""
    wording = feedback.wording
    return [
        Mark(f.note_sheet, f.note_cell, CHECK if f.severity == "warning" else MUST, wording.note(f))
        for line in feedback.lines
        if _concerns(line, workbook) and not line.first.is_settled
        for f in line.findings
        if f.note_cell and f.form_id
    ]


def sheet_of(feedback: Feedback, workbook: SentWorkbook, *, is_marked: bool) -> FeedbackSheet:
    """The sheet 反馈 of a workbook, which is marked, or (is_marked False) stands alone because it cannot be."""
    wording = feedback.wording
    say = wording.say
    own = [line for line in feedback.lines if _concerns(line, workbook)]
    missing = owed(feedback)
    lines = [
        verdict(feedback, own),
        *([say("label", label=say("owed"), text=missing)] if missing else []),
        say(
            "label",
            label=say("cutoff"),
            text=say("cutoff_text", deadline=deadline_in_words(feedback.unit.cutoff, wording.lang)),
        ),
        *((say("how_mend"), say("how_send")) if is_marked else (say("how_list", file=clean(workbook.file)),)),
    ]
    entries = [_entry(line, wording, with_form=len(workbook.forms) > 1, is_linked=is_marked) for line in own]
    return _sheet(title(feedback), lines, entries, wording)


def _sheet(heading: str, lines: Sequence[str], entries: Sequence[Entry], wording: Wording) -> FeedbackSheet:
    say = wording.say
    number, severity, place, problem, how, rule, explain = map(
        say, ("number", "severity", "place", "problem", "how", "rule", "explain")
    )
    return FeedbackSheet(
        title=heading,
        lines=tuple(lines),
        headings=(number, severity, place, problem, how, rule, explain),
        entries=tuple(entries),
        empty=say("nothing"),
        author=say("author"),
        note_marks=(say("note_mark"), *(_texts()["note_mark"][x] for x in LANGUAGES if x != wording.lang)),
        font=say("font"),
    )


def is_open(line: Line) -> bool:
    """Whether a unit may explain a line: a warning that is not waived."""
    return line.first.severity == "warning" and not line.first.is_waived


def said_sheet(heading: str, lines: Mapping[str, Line], said: Mapping[str, str], wording: Wording) -> FeedbackSheet:
    """The sheet 反馈 alone, with what a unit says of some lines, as if it had written that into its marked workbook.

    `lines` and `said` by the id of a line's first finding.
    """
    entries = [
        replace(_entry(lines[name], wording, with_form=True, is_linked=False), explanation=text)
        for name, text in said.items()
    ]
    return _sheet(heading, (), entries, wording)


def _entry(line: Line, wording: Wording, *, with_form: bool, is_linked: bool) -> Entry:
    first, say = line.first, wording.say
    problem = (
        say("label", label=wording.title(first), text=wording.fault(line.findings)),
        wording.follow(line),
        wording.refusal(first),
    )
    example = say("label", label=say("example"), text=wording.example(first))
    return Entry(
        severity=wording.severity(first),
        kind=CHECK if first.severity == "warning" else MUST,
        place=wording.place(line, with_form=with_form),
        sheet=first.note_sheet if first.form_id and is_linked else "",
        cell=first.note_cell,
        problem="\n".join(filter(None, problem)),
        remedy=say("waived_hint") if first.is_waived else f"{wording.remedy(first)}\n{example}",
        rule=first.rule_id,
        explanation=first.reason if first.is_explained else "",
        is_open=is_open(line),
        finding_ids=tuple(f.finding_id for f in line.findings),
        subjects=tuple(f.subject for f in line.findings),
        places=tuple(f"{f.rule_id}|{f.sheet_key}|{f.row}|{f.column_key}" for f in line.findings),
    )
