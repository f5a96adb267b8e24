"""What stewards look at before they decide: mails as received, one mail in full, a unit's month and what changed in it.

Belongs here: plain functions of a home as its last run left it. Does not: what may be decided (decisions.py), how it is
printed (steward_commands.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assets.intake.mail.archive import path_of
from assets.ledger.models import Decision
from assets.month.decisions import effective_decisions
from expectations.catalogue import Column, SheetForm
from expectations.secrets import hidden
from pipelines.decisions import AWAITING, IN_FORCE, Desk
from pipelines.listing import query

ROWS_DRAWN = 20  # of one sheet; `sixth findings` has all


# ------------------------------------------------------------------------------------------------------------ mails
def mails_of(desk: Desk, *, period: str = "", unit: str = "", held: bool = False) -> list[dict[str, Any]]:
    """Mails by the clock of the last run, the held ones first, then the latest: when, from whom, what came of each."""
    rows = query(
        desk.home,
        """
        with files as (
            select mail, file from staging.forms
            union
            select mail, file from staging.scans
            union
            select mail, file from staging.faults where file <> ''
        ),
        became as (
            select mail, period, string_agg(told, ', ' order by told) as told
            from (
                select mail, period, unit_code || ' ' || form || ' ' || status as told from core.submissions
                union
                select mail, period, unit_code || ' scan ' || state from core.scans
            )
            group by mail, period
        )
        select
            m.mail,
            m.period,
            m.received_at,
            t.sender,
            t.subject,
            (select string_agg(f.file, ', ' order by f.file) from files as f where f.mail = m.mail) as attachments,
            case when m.held then 'held' else coalesce(b.told, m.unit_code || ' nothing in it counts') end as became,
            m.unit_code,
            m.held,
        from core.mails as m
        inner join staging.mails as t using (mail)
        left join became as b using (mail, period)
        where ($period = '' or m.period = $period) and (not $held or m.held)
        order by m.held desc, m.received_at desc, m.mail, m.period
        """,
        {"period": period, "held": held},
    )
    found = []
    for row in rows:
        named = desk.named_units(row["mail"], row["period"]) if row["held"] else []
        concerned = {code for code, _ in named} | {row["unit_code"]}
        if unit and unit not in concerned and unit not in row["became"]:
            continue
        codes = list(dict.fromkeys(code for code, _ in named))
        todo = f"sixth assign {row['mail'][:12]} --unit {codes[0] if len(codes) == 1 else '...'}" if row["held"] else ""
        found.append(
            {
                "mail": row["mail"],
                "period": row["period"],
                "received_at": local(desk, row["received_at"]),
                "sender": row["sender"],
                "subject": row["subject"],
                "attachments": row["attachments"] or "",
                "became": row["became"],
                "names": ", ".join(f"{code} ({where})" for code, where in named),
                "todo": todo,
            }
        )
    return found


def local(desk: Desk, moment: Any) -> str:
    """A moment in the settings' time zone."""
    return str(moment.astimezone(desk.deadline.zone).isoformat(timespec="minutes"))


def told_of_mail(desk: Desk, name: str) -> Iterator[str]:
    """One mail in full, line by line: its head, forms with their covers, scans, what is wrong, where it lies.

    Raises DecisionError where no mail, or more than one, has that name.
    """
    sha256 = desk.mail(name)
    (mail,) = query(desk.home, "select * from staging.mails where mail = $mail", {"mail": sha256})
    booked = query(desk.home, "select * from core.mails where mail = $mail order by period", {"mail": sha256})
    yield f"mail      {sha256}"
    yield f"from      {mail['sender']}"
    yield f"subject   {mail['subject']}"
    for row in booked:
        whose = "held" if row["held"] else row["unit_code"]
        again = f", the same bytes {_counted(row['copies'], 'time')} more" if row["copies"] else ""
        yield f"{row['period']}   {whose}, received {local(desk, row['received_at'])}{again}"
    for code, where in desk.named_units(sha256, booked[-1]["period"]) if booked else ():
        yield f"names     {code} ({where})"
    yield from _decided(d for d in desk.listed(datetime.now(UTC)) if d["subject"] == sha256)
    yield f"lies in   {path_of(sha256, desk.home.archive).relative_to(desk.home.root)}"
    for form in query(
        desk.home,
        """
        select f.*, s.unit_code, s.status
        from staging.forms as f
        left join core.submissions as s using (form_id)
        where f.mail = $mail
        order by f.number
        """,
        {"mail": sha256},
    ):
        yield ""
        yield f"{form['form']}  {form['file']}  {form['unit_code'] or ''} {form['status'] or 'not booked'}"
        definition = desk.catalogue.form(form["form"])
        cover: Mapping[str, Any] = json.loads(form["cover"])
        for column in definition.cover:
            text = cover.get(column.key, {}).get("text")
            if text and not column.pii:
                yield f"  {column.zh}  {text}"
        for key, table in json.loads(form["tables"]).items():
            yield f"  {desk.catalogue.sheets[key].title}  {table['rows']} rows"
    for scan in query(desk.home, "select * from staging.scans where mail = $mail order by number", {"mail": sha256}):
        yield ""
        yield f"scan  {scan['file']}  {scan['state']}"
    for row in query(
        desk.home,
        """
        select finding_id, rule_id, severity, sheet, cell, message, status
        from core.all_findings
        where mail = $mail
        order by form, sheet_key, row, rule_id, column_key, finding_id
        """,
        {"mail": sha256},
    ):
        place = " ".join(filter(None, (row["sheet"], row["cell"])))
        yield f"{row['finding_id']}  {row['rule_id']}  {row['status']}  {place}  {row['message']}"


# ---------------------------------------------------------------------------------------------------------- findings
def decidable(desk: Desk, findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings (finding_id among their columns) with what a steward may do about each, and has done about the same
    fault before: `waivable` (yes, or why not; empty where nothing is open) and `waived_before`.
    """
    told = {
        row["finding_id"]: row
        for row in query(
            desk.home,
            """
            select finding_id, period, rule_id, sheet_key, column_key, fault, status
            from core.all_findings
            where finding_id in (select unnest($findings))
            """,
            {"findings": [f["finding_id"] for f in findings]},
        )
    }
    before, pending = desk.waived_before(list(told.values())), _waived_since(desk)
    rows = []
    for finding in findings:
        row = told[finding["finding_id"]]
        waivable = f"no: {why_not}" if (why_not := desk.why_not(row)) else "yes"
        if row["finding_id"] in pending:
            waivable = f"waived by {pending[row['finding_id']]}, from the next run on"
        rows.append(
            {
                **finding,
                "waivable": waivable if row["status"] == "open" else "",
                "waived_before": _waiver(desk, before.get(finding["finding_id"])),
            }
        )
    return rows


def _waived_since(desk: Desk) -> dict[str, str]:
    """The findings that are waived by decisions in force, with the key of each."""
    made = effective_decisions(desk.decisions(), datetime.now(UTC), desk.settings.approved_effects)
    return {d.subject: d.key for d, _ in made if d.kind == "waive"}


def _decided(decisions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Decisions and remarks that stand, or wait for approval, a line each, as they are shown with what they are on."""
    for d in decisions:
        if not d["state"].startswith((IN_FORCE, AWAITING)):
            continue
        kind = d["kind"].replace("_", " ")
        on = f" on {d['subject']}" if d["kind"] in ("note", "waive", "approve") and "/" not in d["subject"] else ""
        on += f" ({d['about']})" if d["about"] else ""
        on += f" until {end}" if (end := d["until"] or d["through"]) else ""
        who = f"{d['decided_by']}, {d['decided_at'][:16]}, {d['state']}"
        yield f"decided   {d['key']} {kind}{on} by {who}: {d['reason']}"


def _waiver(desk: Desk, decision: Decision | None) -> str:
    if decision is None:
        return ""
    return f"{decision.key} by {decision.decided_by} on {local(desk, decision.decided_at)[:10]}: {decision.reason}"


# ------------------------------------------------------------------------------------------------------ a unit's month
@dataclass(frozen=True, slots=True)
class Drawn:
    """Failing rows of a sheet as they were entered: the row's number, its key, and the cells that fail."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class UnitMonth:
    """A unit's month: lines on what became of it, its submissions, what changed between two of them, failing rows."""

    head: tuple[str, ...]
    submissions: tuple[dict[str, Any], ...]
    changes: tuple[str, ...]
    findings: tuple[dict[str, Any], ...]
    drawn: tuple[Drawn, ...]


def month_of_unit(desk: Desk, unit: str, period: str) -> UnitMonth:
    """A unit's month as the last run left it. Raises DecisionError where the unit does not report in it."""
    desk.reports_in(unit, period)
    parameters = {"period": period, "unit": unit}
    found = query(
        desk.home,
        "select * from marts.unit_results where period = $period and unit_code = $unit",
        parameters,
    )
    head = [f"{unit} {desk.register.tree(period).by_code[unit].name}, {period}"]
    if not found:
        return UnitMonth((*head, f"no run has looked at it yet (`sixth run --period {period}`)"), (), (), (), ())
    result = found[0]
    state = result["state"] + ("" if result["on_time"] is None else " on time" if result["on_time"] else " late")
    head.append(
        f"{state}; scan {result['scan']}; {result['rows_counted']} of {result['rows_received']} rows count; "
        f"{_counted(result['errors'], 'error')}, {_counted(result['warnings'], 'warning')}; score {result['score']}"
    )
    if result["cutoff"]:
        head.append(f"cut-off of its own: {local(desk, result['cutoff'])}")
    head += _decided(desk.listed(datetime.now(UTC), period=period, unit=unit))
    submissions = query(
        desk.home,
        """
        select
            s.form, s.received_at, s.file, s.mail, s.status, s.form_id, s.number,
            (
                select string_agg(distinct f.rule_id, ', ' order by f.rule_id)
                from core.plain_findings as f
                inner join core.rules as r using (rule_id)
                where f.period = s.period and f.form_id = s.form_id and r.effect = 'return'
            ) as returned_by,
        from core.submissions as s
        where s.period = $period and s.unit_code = $unit
        order by s.form, s.received_at, s.mail, s.number
        """,
        parameters,
    )
    changes: list[str] = []
    for form in dict.fromkeys(s["form"] for s in submissions):
        of_form = [s for s in submissions if s["form"] == form]
        if len(of_form) > 1:
            changes += _changes(desk, form, of_form[-2], of_form[-1])
    findings = query(
        desk.home,
        """
        select finding_id, rule_id, severity, status, form, form_id, sheet_key, sheet, cell, row, column_key, message
        from core.all_findings
        where period = $period and unit_code = $unit
        order by form, sheet_key, row, rule_id, column_key, finding_id
        """,
        parameters,
    )
    told = [
        {
            "form": s["form"],
            "received_at": local(desk, s["received_at"]),
            "file": s["file"],
            "mail": s["mail"][:12],
            "status": s["status"],
            "because": _why(s),
        }
        for s in submissions
    ]
    drawn = tuple(_draw(desk, findings))
    return UnitMonth(tuple(head), tuple(told), tuple(changes), tuple(decidable(desk, findings)), drawn)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _why(submission: Mapping[str, Any]) -> str:
    if submission["status"] == "effective":
        waived = f", {submission['returned_by']} waived" if submission["returned_by"] else ""
        return f"the latest that is not returned{waived}"
    if submission["returned_by"]:
        return f"returned by {submission['returned_by']}"
    return "a later one replaced it"


def _changes(desk: Desk, form: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two submissions of a form, row by row of the same key, whatever their order."""
    yield f"{form}: {before['mail'][:12]} to {now['mail'][:12]}"
    same = True
    for sheet in desk.catalogue.form(form).sheets:
        was, is_now = (_by_key(desk, sheet, str(s["form_id"])) for s in (before, now))
        for key in sorted(was.keys() - is_now.keys()):
            same = False
            yield f"  {sheet.title}  {key}  gone"
        for key in sorted(is_now.keys() - was.keys()):
            same = False
            yield f"  {sheet.title}  {key}  new"
        for key in sorted(was.keys() & is_now.keys()):
            for column in sheet.columns:
                value = column.key
                if was[key].get(value) != is_now[key].get(value):
                    same = False
                    texts = [_readable(rows[key].get(f"{value}__text"), column) for rows in (was, is_now)]
                    yield f"  {sheet.title}  {key}  {column.zh}: {texts[0]} -> {texts[1]}"
    if same:
        yield "  nothing in its rows"


def _readable(text: Any, column: Column) -> str:
    """A cell as entered; personal data is left to the workbook, and no secret is shown (GEN-07)."""
    if not text:
        return "empty"
    return "***" if column.pii else hidden(str(text))


def _by_key(desk: Desk, sheet: SheetForm, form_id: str) -> dict[str, dict[str, Any]]:
    """The rows of a sheet of one form by their key; of rows with the same key the first."""
    keyed: dict[str, dict[str, Any]] = {}
    for row in query(
        desk.home, f"select * from staging.{sheet.key} where form_id = $form order by row", {"form": form_id}
    ):
        keyed.setdefault(_key(sheet, row) or f"row {row['row']}", row)
    return keyed


def _key(sheet: SheetForm, row: Mapping[str, Any]) -> str:
    return " ".join(str(row[k]) for k in sheet.key_columns if row.get(k) is not None)


def _draw(desk: Desk, findings: list[dict[str, Any]]) -> Iterator[Drawn]:
    """The failing rows of every sheet as they were entered; personal data is left to the workbook."""
    failing: dict[tuple[str, str], dict[int, set[str]]] = {}
    for finding in findings:
        if finding["sheet_key"] and finding["row"] > 0 and finding["status"] == "open":
            rows = failing.setdefault((finding["sheet_key"], finding["form_id"]), {})
            rows.setdefault(finding["row"], set()).add(finding["column_key"])
    for (key, form_id), rows in failing.items():
        sheet = desk.catalogue.sheets[key]
        wanted = set(sheet.key_columns) | {c for columns in rows.values() for c in columns}
        shown = [c for c in sheet.columns if c.key in wanted and not c.pii]
        entered = {
            r["row"]: r
            for r in query(
                desk.home,
                f"select * from staging.{key} where form_id = $form and row in (select unnest($rows)) order by row",
                {"form": form_id, "rows": sorted(rows)},
            )
        }
        drawn = [
            (str(n), *(_cell(entered[n].get(f"{c.key}__text"), c.key in columns) for c in shown))
            for n, columns in sorted(rows.items())[:ROWS_DRAWN]
            if n in entered
        ]
        yield Drawn(sheet.title, ("row", *(c.zh for c in shown)), tuple(drawn), max(0, len(rows) - ROWS_DRAWN))


def _cell(text: Any, fails: bool) -> str:
    shown = "" if text is None else hidden(str(text))
    return f">{shown or ' '}<" if fails else shown
