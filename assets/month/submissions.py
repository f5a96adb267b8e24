"""Whose a mail is, which month it speaks of, and what is wrong with its covers: mails become submissions.

system.md, Mail and What becomes of a unit; rules ENV-01, -02, -05, -08, WBK-06 and CVR-01 to -09, which speak of mails
and covers, where Great Expectations has no table to expect anything of. Belongs here: plain functions over parsed
mails. Does not: what other mails make of one (look_back.py), reading files (assets/intake/parsing.py), rows
(assets/month/findings/).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assets.instance.periods import Deadline, following, year_before
from assets.instance.register import Register, Tree, Unit
from assets.intake.fault import Fault
from expectations.catalogue import Catalogue, Form
from expectations.signature import read as read_code

NIL_FORM = "annex2"
NIL_WORDS = "零报告"
NIL_DENIED = re.compile(r"(非|不是|并非|不属于|取消|撤回)[^,，。;；]*零报告|零报告.*(通知|要求|吗|\?)")
# Months in words, each with the day behind it where there is one: 2026年11月5日 is rather when the mail was written.
_NUMBER = r"(?:\d{1,2}|[一二三四五六七八九十廿]{1,3})"
_DAY = rf"(?P<day>\s*(?:月\s*{_NUMBER}\s*[日号]|[./-]\s*\d{{1,2}}(?!\d)))?"
_MONTH = re.compile(rf"(?P<year>20\d\d)\s*[年./-]?\s*(?P<month>1[0-2]|0[1-9]|[1-9])(?!\d){_DAY}")
_MONTH_ALONE = re.compile(rf"(?<!\d)(?P<month>1[0-2]|0?[1-9])(?=\s*月){_DAY}")
# 九月, 十一月份, and the years before them: 二〇二六年.
_IN_WORDS = re.compile(
    r"(?<![一二三四五六七八九十])(?P<month>十[一二]?|[一二三四五六七八九])(?=\s*月)|[〇○零一二三四五六七八九]{4}(?=\s*年)"
)
_WORDS = {"十": 10, "十一": 11, "十二": 12} | {word: number for number, word in enumerate("〇一二三四五六七八九")}
# Judged by a rule of their own, not by CVR-06.
_OWN_RULE = frozenset({"unit_code", "period"})


CORRECTION = re.compile("更正|补报|修订|重报")


LINKED = "linked"  # the reason of a file that is only linked to (assets/intake/mail/message.py)


@dataclass(slots=True)
class Mail:
    """A parsed mail with what parsing found in it. `received_at` is aware; `trusted` whether a server said it;
    `assigned_to` the unit that a steward gave it to; `bounced` the address that an answer of ours did not reach.

    What other mails make of it (look_back.py): `unaltered` are the forms (form_id) that came back as we sent them, with
    when that return had come; `slips` are the forms (form_id) whose month is taken for a slip, `used`
    says of a scan (number) of a unit what it was used for before.
    """

    mail: str
    sender: str
    received_at: datetime
    trusted: bool
    copies: int
    subject: str = ""
    text_start: str = ""
    explains: bool = False
    assigned_to: str | None = None
    bounced: str = ""
    bounce_reason: str = ""
    forms: list[dict[str, Any]] = field(default_factory=list)
    scans: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    unaltered: dict[str, str] = field(default_factory=dict)
    slips: set[str] = field(default_factory=set)
    used: dict[tuple[int, str], str] = field(default_factory=dict)


@dataclass(slots=True)
class Submission:
    """One form of one unit for one period in one mail; which of them stands is said in sql/settled/submissions.sql."""

    period: str
    unit_code: str
    form: str
    form_id: str
    mail: str
    number: int
    file: str
    received_at: datetime
    returned: bool
    nil: bool
    cover: str
    tables: str
    totals: list[int] | None = None
    totals_at_most: list[int] | None = None


@dataclass(slots=True)
class PlainFinding:
    """A finding of a plain check, before its message is written. `form_id` is empty for mails and units."""

    unit_code: str
    mail: str
    form_id: str
    fault: Fault


@dataclass(slots=True)
class Booked:
    """Everything one period gets from the mails."""

    submissions: list[Submission] = field(default_factory=list)
    scans: list[dict[str, Any]] = field(default_factory=list)
    findings: list[PlainFinding] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Booking:
    """What booking depends on beside the mails."""

    register: Register
    catalogue: Catalogue
    deadline: Deadline
    form_versions: frozenset[str]  # empty: those that the catalogue accepts in each month


def book(mails: Iterable[Mail], period: str, booking: Booking) -> Booked:
    """Book the mails that concern `period`, each by itself; mails of other months leave no trace in the result."""
    booked = Booked()
    for mail in mails:
        _book_mail(mail, period, booking, booked)
    return booked


def same_name(entered: str, registered: str) -> bool:
    """Whether two unit names are the same but for width and white space (CVR-03)."""
    return _bare(entered) == _bare(registered)


def _bare(name: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", name))


def _month(form: Mapping[str, Any], cover: Mapping[str, Any], mail: Mail, booking: Booking) -> tuple[str, Fault | None]:
    """The period a form is booked for, and CVR-04, -05 or -09; without a month, or with a slip, that of the window."""
    window = booking.deadline.window_period(mail.received_at)
    if not form["readable"] or not cover:
        return window, None
    entry = cover.get("period", {})
    month = form["period"]
    place = {"cell": entry.get("cell", ""), "value": entry.get("text") or ""}
    if month is None:
        return window, Fault("CVR-04", **place)
    if month < booking.register.first_period or not booking.deadline.is_over(month, mail.received_at):
        return window, Fault("CVR-05", **place)
    if form["form_id"] in mail.slips:
        return window, Fault("CVR-09", expected=window, **place)
    return month, None


def is_correction(mail: Mail, cover: Mapping[str, Any]) -> bool:
    """Whether a mail, by its subject, or a cover, by 报送类型, says that it corrects what came before (CVR-09)."""
    kind = cover.get("submission_kind", {})
    return any(map(says_correction, (mail.subject, kind.get("text") or "", kind.get("value") or "")))


def says_correction(text: str) -> bool:
    """Whether a text says that something is corrected."""
    return CORRECTION.search(_bare(text)) is not None


def _unit(cover: Mapping[str, Any], sender: Unit, tree: Tree) -> tuple[str, Fault | None]:
    """The unit a form is booked under, and CVR-01, -02 or -03; without a usable one, the sender's."""
    if not cover:
        return sender.code, None
    entry = cover.get("unit_code", {})
    code = entry.get("value") or ""
    place = {"cell": entry.get("cell", ""), "value": entry.get("text") or ""}
    unit = tree.by_code.get(code)
    if unit is None or unit.level != "unit":
        return sender.code, Fault("CVR-01", **place)
    if not tree.is_within(code, sender.code):
        return sender.code, Fault("CVR-02", **place)
    name = cover.get("unit_name", {})
    if name.get("text") and not same_name(name["text"], unit.name):
        return code, Fault("CVR-03", cell=name["cell"], value=name["text"], expected=unit.name)
    return code, None


def _cover_faults(form: Mapping[str, Any], cover: Mapping[str, Any], booking: Booking, period: str) -> Iterable[Fault]:
    """CVR-06, WBK-06, CVR-07 and CVR-08 of one form of a month."""
    if not form["readable"] or not cover:
        return
    definition = booking.catalogue.of_month(period).form(form["form"])
    versions = booking.form_versions or booking.catalogue.accepted_versions(period)
    tables = json.loads(form["tables"])
    for column in definition.cover:
        entry = cover.get(column.key, {})
        place = {"cell": entry.get("cell", ""), "column": column.zh, "value": entry.get("text") or ""}
        if column.key in _OWN_RULE or column.required != "always":
            continue
        if entry.get("value") is None:
            yield Fault("CVR-06", **place)
        elif column.key == "form_version" and entry["value"] not in versions:
            yield Fault("WBK-06", expected="、".join(sorted(versions)), **place)
    for sheet in definition.sheets:
        if sheet.nil_flag is None or sheet.key not in tables:
            continue
        entry = cover.get(sheet.nil_flag, {})
        rows = tables[sheet.key]["rows"]
        if entry.get("value") == "否" and rows:
            yield Fault("CVR-07", sheet=sheet.title, cell="", value=str(rows))
        elif entry.get("value") != "否" and not rows:
            yield Fault("CVR-08", sheet=sheet.title)


def _is_nil(form: Mapping[str, Any], definition: Form) -> bool:
    """Whether a form reports nothing new at all: no table has a row, and a cover flag can declare each of them empty.

    An annex 3 without a row is no statement: its answers are owed (CHK-09).
    """
    tables = json.loads(form["tables"])
    return all(sheet.nil_flag for sheet in definition.sheets) and not any(t["rows"] for t in tables.values())


def _book_mail(mail: Mail, period: str, booking: Booking, booked: Booked) -> None:
    window = booking.deadline.window_period(mail.received_at)
    months: list[tuple[dict[str, Any], dict[str, Any], str, Fault | None]] = []
    sent_back = [form for form in mail.forms if form["form_id"] in mail.unaltered]
    for form in mail.forms:
        if form in sent_back:
            continue
        cover = json.loads(form["cover"])
        month, fault = _month(form, cover, mail, booking)
        months.append((form, cover, month, fault))
    stated = nil_statement(mail, booking.deadline)
    said_for = stated[0] if stated else ""
    if stated and (nil_form_id(mail) in mail.slips or not _may_be_stated(said_for, window, booking)):
        stated = window, stated[1]
    concerned = {m for _, _, m, _ in months} | ({stated[0]} if stated else set())
    if period not in (concerned or {window}):
        return
    tree = booking.register.tree(period)
    missed = tree.by_mailbox.get(mail.bounced)
    if missed:
        fault = Fault("ENV-10", value=mail.bounced, reason=mail.bounce_reason)
        booked.findings.append(PlainFinding(missed.code, mail.mail, "", fault))
    known = missed or tree.by_mailbox.get(mail.sender)
    sender = known or tree.by_code.get(mail.assigned_to or "")
    booked.mails.append(
        {
            "mail": mail.mail,
            "received_at": mail.received_at,
            "unit_code": sender.code if sender else "",
            "held": sender is None,
            "copies": mail.copies,
        }
    )
    if known is None:
        fault = Fault("ENV-01", value=mail.sender)
        booked.findings.append(PlainFinding(sender.code if sender else "", mail.mail, "", fault))
    if sender is None:
        return
    if missed:
        return
    nil = stated is not None and stated[0] == period and sender.level == "unit"
    if stated and nil:
        _book_nil_statement(mail, stated, said_for, sender, booking, booked)
    owners: list[str] = []
    if period == window:
        owners += [_tell_of_unaltered(mail, form, sender, tree, booked) for form in sent_back]
    for form, cover, month, month_fault in months:
        if month == period:
            owners.append(_book_form(mail, form, cover, month_fault, period, sender, tree, booking, booked))
    _tell_of_two_files(mail, booking, booked)
    _book_rest(mail, period, concerned, owners, sender, booking, booked, nil=nil)


def nil_statement(mail: Mail, deadline: Deadline) -> tuple[str, str] | None:
    """The period for which a mail without an annex 2 says 零报告, and the line that says so (ENV-07).

    The subject goes before the first line of the text; without a month it is the one whose window is open.
    """
    if any(form["form"] == NIL_FORM for form in mail.forms):
        return None
    for line in (mail.subject, next((t for t in mail.text_start.splitlines() if t.strip()), "")):
        told = unicodedata.normalize("NFKC", line).strip()
        if NIL_WORDS not in told or NIL_DENIED.search(told):
            continue
        window = deadline.window_period(mail.received_at)
        return _month_told(told, window) or window, told
    return None


def _month_told(told: str, window: str) -> str | None:
    """The month that a line speaks of, None where it names none. A month without its year is the last such month before
    the mail, or that of the mail itself. That in which the mail was written is meant where no other is named; a whole
    date names a month only where nothing else does, and never that one.
    """
    now = following(window)
    told = _IN_WORDS.sub(_in_digits, told)
    found = [(match["day"], f"{match['year']}-{int(match['month']):02d}") for match in _MONTH.finditer(told)]
    for match in _MONTH_ALONE.finditer(told):
        year, month = int(now[:4]), int(match["month"])
        found.append((match["day"], f"{year - (month > int(now[5:]))}-{month:02d}"))
    whole = [month for day, month in found if not day]
    dated = [month for day, month in found if day and month != now]
    other = [month for month in whole if month != now]
    return next(iter((*other, *whole, *dated)), None)


def _in_digits(said: re.Match[str]) -> str:
    """A month or a year in words, as digits: 九 is 9, 二〇二六 is 2026."""
    if said["month"]:
        return str(_WORDS[said["month"]])
    return "".join(str(_WORDS.get(word, 0)) for word in said[0])


def _may_be_stated(month: str, window: str, booking: Booking) -> bool:
    """Whether a mail may say 零报告 for a month: over, on record, and no longer ago than mails are looked at for it
    (sql/settled/mail_periods.sql).
    """
    return max(booking.register.first_period, year_before(window)) <= month <= window


def nil_form_id(mail: Mail) -> str:
    """The name of the submission that a nil return by mail alone is."""
    return f"{mail.mail[:20]}-0-{NIL_FORM}"


def _book_nil_statement(
    mail: Mail, stated: tuple[str, str], said_for: str, sender: Unit, booking: Booking, booked: Booked
) -> None:
    """Book what a mail says as a nil annex 2, which a month that cannot be reported, or a slip, returns."""
    period, line = stated
    name = nil_form_id(mail)
    returned = True
    if name in mail.slips:
        fault = Fault("CVR-09", value=said_for, expected=period)
    elif said_for != period:
        fault = Fault("CVR-05", value=said_for)
    else:
        returned, fault = False, Fault("ENV-07", value=line)
    booked.findings.append(PlainFinding(sender.code, mail.mail, name, fault))
    booked.submissions.append(
        Submission(period, sender.code, NIL_FORM, name, mail.mail, 0, "", mail.received_at, returned, True, "{}", "{}")
    )


def _book_form(
    mail: Mail,
    form: dict[str, Any],
    cover: dict[str, Any],
    month_fault: Fault | None,
    period: str,
    sender: Unit,
    tree: Tree,
    booking: Booking,
    booked: Booked,
) -> str:
    """Book one form; the unit it went to."""
    unit, unit_fault = _unit(cover, sender, tree)
    definition = booking.catalogue.form(form["form"])
    faults = [f for f in (unit_fault, month_fault) if f]
    faults.extend(_cover_faults(form, cover, booking, period))
    cover_title = next((e["sheet"] for e in cover.values() if "sheet" in e), definition.cover_title)
    on_cover = [
        Fault(
            **{
                **{name: getattr(f, name) for name in Fault.__slots__},
                "file": form["file"],
                "sheet": f.sheet or cover_title,
                "column": f.column or _heading(f.rule_id, definition.cover),
            }
        )
        for f in faults
    ]
    of_form = [f for f in mail.faults if f["form_id"] == form["form_id"]]
    is_lacking = any(f["rule_id"] == "WBK-02" for f in of_form)
    not_asked = _columns_not_asked(form, definition, period) if is_lacking else set()
    on_cover.extend(
        _as_fault(f) for f in of_form if f["rule_id"] != "WBK-02" or (f["sheet"], f["column"]) not in not_asked
    )
    booked.findings.extend(PlainFinding(unit, mail.mail, form["form_id"], f) for f in on_cover)
    returns = returning(booking.catalogue, period)
    booked.submissions.append(
        Submission(
            period=period,
            unit_code=unit,
            form=form["form"],
            form_id=form["form_id"],
            mail=mail.mail,
            number=form["number"],
            file=form["file"],
            received_at=mail.received_at,
            returned=any(f.rule_id in returns for f in on_cover),
            nil=form["readable"] and _is_nil(form, definition),
            cover=form["cover"],
            tables=form["tables"],
            totals=form.get("totals"),
            totals_at_most=form.get("totals_at_most"),
        )
    )
    return unit


def returning(catalogue: Catalogue, period: str) -> frozenset[str]:
    """The rules by which a form is returned in a month."""
    asked = (rule for rule in catalogue.rules.values() if rule.is_asked(period))
    return frozenset(rule.id for rule in asked if rule.weight(period)[1] == "return")


def _columns_not_asked(form: Mapping[str, Any], definition: Form, period: str) -> set[tuple[str, str]]:
    """The columns that are not in force in the month, by the title of their sheet in the workbook and their heading."""
    tables = json.loads(form["tables"])
    return {
        (tables[sheet.key]["title"], column.zh)
        for sheet in definition.sheets
        if sheet.key in tables
        for column in sheet.columns
        if not column.life.holds(period)
    }


_COVER_COLUMN = {
    "CVR-01": "unit_code", "CVR-02": "unit_code", "CVR-03": "unit_name", "CVR-04": "period", "CVR-05": "period",
    "CVR-09": "period",
}  # fmt: skip


def _heading(rule_id: str, cover: Iterable[Any]) -> str:
    key = _COVER_COLUMN.get(rule_id)
    return next((c.zh for c in cover if c.key == key), "")


def _as_fault(row: Mapping[str, Any]) -> Fault:
    return Fault(**{name: row[name] for name in Fault.__slots__})


def _tell_of_unaltered(mail: Mail, form: Mapping[str, Any], sender: Unit, tree: Tree, booked: Booked) -> str:
    """ENV-11: our marked copy came back as we sent it, which is no return; the unit that it is of.

    A mail that explains findings in it has said something all the same.
    """
    unit, _ = _unit(json.loads(form["cover"]), sender, tree)
    if not mail.explains:
        fault = Fault("ENV-11", file=form["file"], expected=mail.unaltered[form["form_id"]])
        booked.findings.append(PlainFinding(unit, mail.mail, "", fault))
    return unit


def _tell_of_two_files(mail: Mail, booking: Booking, booked: Booked) -> None:
    """ENV-08: of two files of one form for one unit, the one that stands before the one that counts.

    The last one counts; where it was returned and an earlier one was not, that one, and the last has its own finding.
    """
    own: dict[tuple[str, str], list[Submission]] = {}
    for submission in reversed(booked.submissions):
        if submission.mail != mail.mail:
            break
        own.setdefault((submission.unit_code, submission.form), []).append(submission)
    for (unit, form), sent in own.items():
        counts = next((s for s in sent if not s.returned), sent[0])
        hint = booking.catalogue.form(form).file_hint
        for other in reversed(sent[sent.index(counts) + 1 :]):
            fault = Fault("ENV-08", file=other.file, value=counts.file, expected=hint)
            booked.findings.append(PlainFinding(unit, mail.mail, counts.form_id, fault))


def _codes_for(
    unit: str, period: str, scan: Mapping[str, Any], units: Iterable[str], months: Iterable[str]
) -> list[dict[str, Any]]:
    """What the codes on a scan say to a unit; those of other units and months that the same mail holds forms of speak
    to them alone.
    """
    said = [code for text in scan.get("codes") or () if (code := read_code(text))]
    others = set(units) - {unit}
    other_months = set(months) - {period}
    return [
        {"form": c.form, "unit_code": c.unit_code, "period": c.period, "totals": list(c.totals)}
        for c in said
        if c.unit_code not in others and c.period not in other_months
    ]


def _book_rest(
    mail: Mail,
    period: str,
    months: Iterable[str],
    owners: list[str],
    sender: Unit,
    booking: Booking,
    booked: Booked,
    *,
    nil: bool,
) -> None:
    """Book the scans, and what is to be said of the mail itself."""
    units = list(dict.fromkeys(owners)) or [sender.code]
    for scan in mail.scans:
        booked.scans.extend(
            {
                "unit_code": unit,
                "mail": mail.mail,
                "number": scan["number"],
                "file": scan["file"],
                "state": "reused" if (scan["number"], unit) in mail.used else scan["state"],
                "reason": scan["reason"],
                "expected": mail.used.get((scan["number"], unit), ""),
                "codes": _codes_for(unit, period, scan, units, months),
                "received_at": mail.received_at,
            }
            for unit in units
        )
    about = units[0] if len(units) == 1 else sender.code
    wanted = {form.key for form in booking.catalogue.forms if not form.optional}
    is_whole = bool(mail.scans) and wanted <= {form["form"] for form in mail.forms}
    booked.findings.extend(
        PlainFinding(about, mail.mail, "", _as_fault(f))
        for f in mail.faults
        if f["form_id"] is None
        and not (is_whole and f["reason"] == LINKED)  # a link is no loss where nothing is missing
    )
    opened_in_vain = any(f["rule_id"] == "ENV-03" for f in mail.faults)
    if not mail.forms and not mail.scans and not opened_in_vain and not nil and not mail.explains:
        booked.findings.append(PlainFinding(about, mail.mail, "", Fault("ENV-02")))
    if not mail.trusted:
        booked.findings.append(PlainFinding(about, mail.mail, "", Fault("ENV-05")))
