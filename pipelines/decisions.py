"""What stewards may decide, and what follows from it: proposals for the ledger, refused with a reason (system.md,
Decisions).

Belongs here: plain functions of a home as its last run left it. Does not: the log (assets/ledger/decisions.py), what a
decision does in the next run (assets/month/), the commands (steward_commands.py).

What is said to follow is worded `at most`: a row that counts may fail rules that were not asked of it before.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from assets.instance.closed_months import register_of
from assets.instance.home import Home
from assets.instance.periods import Deadline, first_day, following, is_period
from assets.instance.register import Register
from assets.instance.settings import Settings, load_settings
from assets.ledger.decisions import DecisionError, Proposal, all_decisions, followers, in_force, record
from assets.ledger.models import Decision
from assets.ledger.opening import open_ledger, open_reader
from assets.month.findings.substance import says_something
from expectations.catalogue import Catalogue, Rule, load_catalogue

IN_FORCE = "in force"
AWAITING = "awaits approval"
LASTING_EFFECTS = ("drop", "flag")  # of which a waiver may go on to later months
SEEN = ("rule_id", "effect", "form", "file", "sheet", "cell", "fault")  # of a finding that is waived, kept in `about`


@dataclass(frozen=True, slots=True)
class Steward:
    """Who decides, why, and when; `over` is the key of the decision in force that is to be replaced."""

    by: str
    reason: str
    at: datetime
    over: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """Decisions that may be recorded, lines on what will follow from them, and when it will."""

    proposals: tuple[Proposal, ...]
    follows: tuple[str, ...]
    when: str = "takes effect in the next run"


class Desk:
    """What stewards decide on: a home as its last run left it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.register: Register = register_of(home)
        self.settings: Settings = load_settings(home.register / "settings.yaml")
        self.deadline: Deadline = self.settings.deadline(self.register)
        self.catalogue: Catalogue = load_catalogue(home.register)

    # ------------------------------------------------------------------------------------------------ the log
    def decisions(self) -> list[Decision]:
        """Every decision ever taken, in the order of time and key."""
        with open_reader(self.home.warehouse, self.settings.ledger_url) as ledger:
            return all_decisions(ledger)

    def write(self, planned: Planned) -> list[Decision]:
        """Record what was planned, all or none. Raises DecisionError where it is refused."""
        with open_ledger(self.home.warehouse, self.settings.ledger_url) as ledger:
            return record(ledger, planned.proposals, datetime.now(UTC))

    def months(self) -> list[str]:
        """The months that are settled, in their order."""
        return [r["period"] for r in self._rows("select period from core.settled order by period")]

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        from pipelines.listing import query  # noqa: PLC0415 - the warehouse's library, which the portal does without

        return query(self.home, sql, parameters)

    def _propose(self, steward: Steward, kind: str, subject: str, **told: Any) -> Proposal:
        if not says_something(steward.reason, self.catalogue):
            raise DecisionError(f"{steward.reason!r} gives no reason; say what was seen or heard, and from whom")
        return Proposal(kind, subject, steward.by, steward.reason, steward.at, over=steward.over, **told)

    # ------------------------------------------------------------------------------------------------ waive
    def waive(self, findings: Sequence[str], steward: Steward, through: str = "") -> Planned:
        """Waive findings, each once. Raises DecisionError, naming the finding and why it cannot be waived."""
        if through and not is_period(through):
            raise DecisionError(f"--through {through!r} is not a month; write it as 2026-12")
        rows = [self._finding(key) for key in dict.fromkeys(findings)]
        proposals = []
        for row in rows:
            self._may_waive(row, through)
            about = {name: str(row[name]) for name in SEEN if row[name]}
            proposals.append(
                self._propose(
                    steward,
                    "waive",
                    row["finding_id"],
                    unit_code=row["unit_code"],
                    period=row["period"],
                    mail=row["mail"],
                    fault=row["fault"] if through else "",
                    through=through,
                    about=about,
                )
            )
        planned = Planned(tuple(proposals), tuple(self._follows_from_waiving(rows, through)))
        awaiting = sorted({row["rule_id"] for row in rows if row["effect"] in self.settings.approved_effects})
        if not awaiting:
            return planned
        return replace(
            planned,
            when=f"{', '.join(awaiting)}: takes effect in the next run after a second person has approved it "
            "(sixth approve, with the key)",
        )

    def _finding(self, finding: str) -> dict[str, Any]:
        rows = self._rows("select * from core.all_findings where finding_id = $finding", finding=finding)
        if not rows:
            raise DecisionError(
                f"finding {finding} is none of the last run: mended, or its form was replaced by a later one "
                "(`sixth findings --period ...` lists those that stand)"
            )
        return rows[0]

    def why_not(self, row: Mapping[str, Any]) -> str:
        """Why a finding (rule_id, sheet_key, column_key) may not be waived, "" where it may."""
        rule: Rule = self.catalogue.rules[row["rule_id"]]
        may = self.catalogue.may_waive(rule.id, row["sheet_key"], row["column_key"])
        return "" if may else rule.why_not.get("en", rule.when)

    def waived_before(self, findings: Sequence[Mapping[str, Any]]) -> dict[str, Decision]:
        """By finding_id the last waiver in force of the same fault in an earlier submission or month: it has nothing to
        act on any more, and the fault is open again. `findings`: finding_id, period, fault, status.
        """
        faults: dict[str, list[Decision]] = {}
        for decision in in_force(self.decisions(), datetime.now(UTC)):
            if decision.kind == "waive" and (fault := decision.fault or json.loads(decision.about).get("fault")):
                faults.setdefault(fault, []).append(decision)
        before = {}
        for row in findings:
            if row["status"] != "open" or not row["fault"]:
                continue
            same = [
                d for d in faults.get(row["fault"], ()) if d.subject != row["finding_id"] and d.period <= row["period"]
            ]
            if same:
                before[row["finding_id"]] = same[-1]
        return before

    def _may_waive(self, row: dict[str, Any], through: str) -> None:
        what = f"finding {row['finding_id']} ({row['rule_id']})"
        if why_not := self.why_not(row):
            raise DecisionError(f"{what} may not be waived: {why_not}")
        if through and row["effect"] not in LASTING_EFFECTS:
            raise DecisionError(
                f"{what} is waived month by month: --through is for rules that drop or flag a row",
                why="month_by_month",
                rule=row["rule_id"],
            )
        if through and not row["fault"]:
            raise DecisionError(
                f"{what} cannot be known again: its row has no readable key; leave --through out",
                why="no_key",
                rule=row["rule_id"],
            )
        if through and through < row["period"]:
            raise DecisionError(
                f"--through {through} lies before {row['period']}, the month of the finding",
                why="before_month",
                through=through,
                period=row["period"],
            )

    def _follows_from_waiving(self, rows: Sequence[dict[str, Any]], through: str) -> list[str]:
        waived = {r["finding_id"] for r in rows}
        lines = []
        dropping = {(r["form_id"], r["sheet_key"], r["row"]) for r in rows if r["effect"] == "drop"}
        for form_id, sheet, row in sorted(dropping):
            others = self._rows(
                """
                select distinct rule_id from core.all_findings
                where
                    form_id = $form and sheet_key = $sheet and row = $row and effect = 'drop' and status = 'open'
                    and finding_id not in (select unnest($waived))
                order by rule_id
                """,
                form=form_id, sheet=sheet, row=row, waived=sorted(waived),
            )  # fmt: skip
            still = ", ".join(r["rule_id"] for r in others)
            place = f"{self.catalogue.sheets[sheet].title} row {row}"
            lines.append(f"{place} stays out: {still} is open too" if still else f"{place} counts")
        returned = sorted({r["form_id"] for r in rows if r["effect"] == "return"})
        lines += [self._follows_for_form(form_id, waived) for form_id in returned]
        held_up = sorted({(r["unit_code"], r["period"]) for r in rows if r["effect"] == "incomplete"})
        lines += [self._follows_for_unit(unit, period, waived) for unit, period in held_up]
        flags = Counter(r["effect"] for r in rows)["flag"]
        if flags:
            lines.append(f"{flags} flagged, told apart from now on: the figures of rows stay as they are")
        if through:
            lines.append(f"the same fault of the same row is waived through {through}")
        return [*lines, *self._versions_to_come({r["period"] for r in rows})]

    def _follows_for_form(self, form_id: str, waived: set[str]) -> str:
        (form,) = self._rows(
            """
            select
                s.unit_code, s.form, s.received_at, s.period,
                (
                    select string_agg(distinct f.rule_id, ', ' order by f.rule_id)
                    from core.all_findings as f
                    where
                        f.form_id = s.form_id and f.effect = 'return' and f.status = 'open'
                        and f.finding_id not in (select unnest($waived))
                ) as still,
                s.tables
            from core.submissions as s where s.form_id = $form
            """,
            form=form_id, waived=sorted(waived),
        )  # fmt: skip
        what = f"{form['form']} of {form['unit_code']}"
        if form["still"]:
            return f"{what} stays returned: {form['still']} is open too"
        rows = sum(int(t["rows"]) for t in json.loads(form["tables"]).values())
        return (
            f"{what} stands from {self._local(form['received_at'])} on, the time of its mail; its rows are checked, "
            f"and at most {rows} count"
        )

    def _follows_for_unit(self, unit: str, period: str, waived: set[str]) -> str:
        held = self._rows(
            """
            select rule_id as owed from core.findings
            where
                period = $period and unit_code = $unit and effect = 'incomplete' and status = 'open'
                and finding_id not in (select unnest($waived))
            union
            select form || ' ' || state from marts.unit_forms
            where period = $period and unit_code = $unit and state in ('missing', 'returned')
            order by owed
            """,
            period=period, unit=unit, waived=sorted(waived),
        )  # fmt: skip
        still = ", ".join(r["owed"] for r in held)
        if still:
            return f"{unit} stays incomplete for {period}: {still}"
        return f"{unit} is complete for {period} from the time of its mails on"

    def _versions_to_come(self, periods: set[str]) -> list[str]:
        lines = []
        for period in sorted(periods):
            carrier = self.register.tree(period).carrier
            if (self.home.published / period / carrier / "v1").is_dir():
                lines.append(f"the deadline report of {period} stands: the next run makes a supplement that says so")
        return lines

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.deadline.zone):%Y-%m-%d %H:%M}"

    # ------------------------------------------------------------------------------------------------ assign
    def assign(self, mail: str, unit: str, steward: Steward, *, anyway: bool = False) -> Planned:
        """Give a held mail to a unit. Raises DecisionError where it is not held, or its covers name another unit.

        One that a decision in force has given to a unit is decided anew on top of that (--over): nobody else's mail.
        """
        sha256 = self.mail(mail)
        rows = self._booked(sha256)
        given = any(d.kind == "assign" and d.mail == sha256 for d in in_force(self.decisions(), steward.at))
        if not given and not any(r["held"] for r in rows):
            whose = next((r["unit_code"] for r in rows), "")
            raise DecisionError(f"mail {sha256[:12]} is not held" + (f": it is {whose}'s" if whose else ""))
        for row in rows:
            known = self.register.tree(row["period"]).by_code.get(unit)
            if known is None or known.level != "unit":
                raise DecisionError(f"{unit} does not report in {row['period']}, the month that the mail speaks of")
        named = self.named_units(sha256, rows[-1]["period"])
        covers = {code for code, where in named if where == "cover"}
        if covers - {unit} and not anyway:
            raise DecisionError(
                f"the cover names {', '.join(sorted(covers))}, not {unit}: its form would be returned (CVR-02); "
                "assign it to that unit, or say --anyway"
            )
        told = ", ".join(f"{where} names {code}" for code, where in named) or "neither cover nor subject names a unit"
        forms = self._forms_of(sha256)
        received = self._local(rows[0]["received_at"])
        follows = [
            told,
            f"{unit} has the mail of {received} with {forms} form{'' if forms == 1 else 's'}; a later one "
            "of the same kind goes before it",
            f"the receipt goes to {', '.join(self._mailboxes(unit, rows[-1]['period'])) or 'nobody: no mailbox'}",
            *self._versions_to_come({r["period"] for r in rows}),
        ]
        about = {"cover": ";".join(sorted(covers)), "anyway": "yes" if anyway else "no"}
        proposal = self._propose(steward, "assign", sha256, unit_code=unit, mail=sha256, about=about)
        return Planned((proposal,), tuple(follows))

    def _booked(self, mail: str) -> list[dict[str, Any]]:
        return self._rows("select * from core.mails where mail = $mail order by period", mail=mail)

    def _forms_of(self, mail: str) -> int:
        return len(self._rows("select form from staging.forms where mail = $mail", mail=mail))

    def _mailboxes(self, unit: str, period: str) -> tuple[str, ...]:
        return self.register.tree(period).by_code[unit].mailboxes

    def mail(self, name: str) -> str:
        """The whole sha256 of a mail, named by 8 of its digits or more. Raises DecisionError."""
        if len(name) < 8:
            raise DecisionError(f"mail {name!r}: name it by 8 digits of its sha256 or more")
        found = self._rows("select mail from staging.mails where starts_with(mail, $name)", name=name.lower())
        if len(found) != 1:
            raise DecisionError(
                f"mail {name}: {'several have' if found else 'none has'} these first digits (`sixth mails` lists them)"
            )
        return str(found[0]["mail"])

    def named_units(self, mail: str, period: str) -> list[tuple[str, str]]:
        """The units that a mail names, with where: `cover` or `subject`."""
        tree = self.register.tree(period)
        named = []
        for row in self._rows("select cover from staging.forms where mail = $mail order by number", mail=mail):
            code = json.loads(row["cover"]).get("unit_code", {}).get("value")
            if code in tree.by_code and (code, "cover") not in named:
                named.append((code, "cover"))
        for row in self._rows("select subject from staging.mails where mail = $mail", mail=mail):
            subject = row["subject"] or ""
            named += [(u.code, "subject") for u in tree.reporting if u.code in subject or u.name in subject]
        return named

    # ------------------------------------------------------------------------------------- seals, cut-offs, notes
    def reports_in(self, unit: str, period: str) -> None:
        """Raise DecisionError where a unit does not report in a period."""
        known = self.register.tree(period).by_code.get(unit)
        if known is None or known.level != "unit":
            raise DecisionError(f"{unit} does not report in {period}")

    def confirm_seal(self, unit: str, period: str, steward: Steward) -> Planned:
        """Say that the unit's best scan bears the seal. Raises DecisionError where it has none that lacks it."""
        self.reports_in(unit, period)
        rows = self._unsealed(unit, period)
        if not rows:
            best = self._best_scan(unit, period)
            raise DecisionError(f"{unit} has no unsealed scan for {period} to confirm: its best is {best}")
        row = rows[0]
        proposal = self._propose(
            steward,
            "confirm_seal",
            f"{unit}/{period}",
            unit_code=unit,
            period=period,
            mail=row["mail"],
            about={"finding": row["finding_id"], "file": row["file"]},
        )
        follows = [
            f"the scan {row['file']} in mail {row['mail'][:12]} counts as sealed, until a later one replaces it",
            *self._versions_to_come({period}),
        ]
        return Planned((proposal,), tuple(follows))

    def _unsealed(self, unit: str, period: str) -> list[dict[str, Any]]:
        """SIG-02 of the unit's month, which its best scan has where it lacks the seal."""
        return self._rows(
            """
            select * from core.all_findings
            where period = $period and unit_code = $unit and rule_id = 'SIG-02' and counts
            """,
            period=period, unit=unit,
        )  # fmt: skip

    def _best_scan(self, unit: str, period: str) -> str:
        state = self._rows(
            "select scan from marts.unit_results where period = $period and unit_code = $unit",
            period=period, unit=unit,
        )  # fmt: skip
        return str(state[0]["scan"]) if state else "not known before the first run"

    def extend(self, unit: str, period: str, until: datetime, steward: Steward, *, late: bool = False) -> Planned:
        """Give a unit's month a cut-off of its own. Raises DecisionError where the time is not in the month's window,
        not after the general cut-off, or the general one is past and it was not said to be `late`.
        """
        self.reports_in(unit, period)
        cutoff, ends = self.deadline.cutoff(period), self._window_ends(period)
        told = {"period": period, "cutoff": self._local(cutoff)}
        if until <= cutoff:
            raise DecisionError(
                f"--until {self._local(until)} is not after the cut-off of {period}, {self._local(cutoff)}",
                why="until_early",
                until=self._local(until),
                **told,
            )
        if until >= ends:
            raise DecisionError(
                f"--until {self._local(until)} lies past the window of {period}, which ends on {self._local(ends)}",
                why="past_window",
                until=self._local(until),
                ends=self._local(ends),
                **told,
            )
        if steward.at >= cutoff and not late:
            raise DecisionError(
                f"the cut-off of {period}, {self._local(cutoff)}, is past: say --late to grant it all the same",
                why="past_cutoff",
                **told,
            )
        granted_late = steward.at >= cutoff
        proposal = self._propose(
            steward,
            "extend",
            f"{unit}/{period}",
            unit_code=unit,
            period=period,
            until=until,
            about={"late": "yes" if granted_late else "no"},
        )
        follows = [
            f"{unit} is on time for {period} where it is complete before {self._local(until)}; its reminders follow",
            *(
                self._versions_to_come({period})
                or [f"the deadline report of {period} is made on time all the same, and names the unit with its own"]
            ),
        ]
        return Planned((proposal,), tuple(follows))

    def _window_ends(self, period: str) -> datetime:
        """The first moment that is no longer in the month's window, the calendar month after it."""
        month = first_day(following(following(period)))
        return datetime(month.year, month.month, 1, tzinfo=self.deadline.zone)

    def moment(self, text: str) -> datetime:
        """A time as it was given, in the settings' time zone where it names none. Raises DecisionError."""
        try:
            given = datetime.fromisoformat(text)
        except ValueError as error:
            raise DecisionError(f"--until {text!r} is no time; write it as 2026-11-08T18:00") from error
        return given if given.tzinfo else given.replace(tzinfo=self.deadline.zone)

    def note(self, subject: str, steward: Steward) -> Planned:
        """A remark on a finding, a mail, a unit's month (UNIT/2026-10) or a decision. Raises DecisionError."""
        unit, _, period = subject.partition("/")
        told: dict[str, Any]
        if period:
            if not is_period(period):
                raise DecisionError(f"{subject}: {period!r} is not a month; write it as UNIT/2026-10")
            self.reports_in(unit, period)
            told = {"unit_code": unit, "period": period}
        elif decided := next((d for d in self.decisions() if d.key == subject), None):
            told = {"unit_code": decided.unit_code, "period": decided.period, "mail": decided.mail}
        elif known := self._known(subject):
            told = known
        else:
            subject = self.mail(subject)
            owner = self._rows("select unit_code from core.mails where mail = $mail order by period", mail=subject)
            told = {"mail": subject, "unit_code": owner[0]["unit_code"] if owner else ""}
        return Planned((self._propose(steward, "note", subject, **told),), ("it is shown; no figure changes",), when="")

    def _known(self, finding: str) -> dict[str, Any]:
        """Whose a finding of the last run is; nothing where there is none of that id."""
        rows = self._rows("select * from core.all_findings where finding_id = $key", key=finding)
        return {name: rows[0][name] for name in ("unit_code", "period", "mail")} if rows else {}

    # ------------------------------------------------------------------------------------- decisions on decisions
    def _decision(self, key: str) -> Decision:
        found = next((d for d in self.decisions() if d.key == key), None)
        if found is None:
            raise DecisionError(f"there is no decision {key}; `sixth decisions` lists them")
        return found

    def take_back(self, key: str, steward: Steward) -> Planned:
        """End a decision. Raises DecisionError where there is none of that key; the log refuses one not in force."""
        ended = self._decision(key)
        told = {name: getattr(ended, name) for name in ("unit_code", "period", "mail", "through")}
        proposal = replace(self._propose(steward, "take_back", key, **told), over="")
        follows = [
            f"as if {key} ({ended.kind} by {ended.decided_by}) had never been, from its time on",
            *self._versions_to_come({ended.period} - {""}),
        ]
        return Planned((proposal,), tuple(follows))

    def approve(self, key: str, steward: Steward) -> Planned:
        """A second person's approval of a waiver that needs one. Raises DecisionError where it needs none, or the
        approver is who decided.
        """
        waiver = self._decision(key)
        if key not in {d.key for d in in_force(self.decisions(), steward.at)}:
            raise DecisionError(f"{key} is not in force", why="not_in_force", key=key)
        if waiver.kind != "waive" or json.loads(waiver.about).get("effect") not in self.settings.approved_effects:
            raise DecisionError(f"{key} needs no approval (settings.yaml, approved_effects)")
        if waiver.decided_by == steward.by.strip():
            raise DecisionError(f"{key} was decided by {waiver.decided_by}: a second person approves it")
        told = {name: getattr(waiver, name) for name in ("unit_code", "period", "mail")}
        proposal = self._propose(steward, "approve", key, **told)
        return Planned((proposal,), (f"{key} takes effect", *self._versions_to_come({waiver.period})))

    # ------------------------------------------------------------------------------------------------ listing
    def listed(
        self, at: datetime, *, period: str = "", unit: str = "", kind: str = "", standing: bool = False
    ) -> list[dict[str, Any]]:
        """The log by a moment, with what became of each decision: in force, awaiting approval, replaced, taken back."""
        decisions = self.decisions()
        followed = followers(decisions, at)
        approved = {d.subject for d in in_force(decisions, at) if d.kind == "approve"}
        bearing = {
            r["mail"] for r in self._rows("select mail from core.mail_periods where period = $period", period=period)
        }
        waived = [d.subject for d in decisions if d.kind == "waive"]
        found = "select finding_id from core.all_findings where finding_id in (select unnest($waived))"
        acted_on = {r["finding_id"] for r in self._rows(found, waived=waived)}
        rows = []
        for d in decisions:
            if d.decided_at > at or (kind and d.kind != kind) or (unit and d.unit_code != unit):
                continue
            bears = d.period <= period <= (d.through or d.period) if d.period else d.mail in bearing
            if period and not bears:
                continue
            state = self._state(d, followed.get(d.key), approved)
            if state == IN_FORCE and d.kind == "waive" and not d.through and d.subject not in acted_on:
                state = f"{IN_FORCE}, its finding is gone"  # mended, or replaced by a later submission
            if standing and not state.startswith(IN_FORCE):
                continue
            rows.append(
                {
                    "key": d.key,
                    "kind": d.kind,
                    "subject": d.subject,
                    "about": _seen(d),
                    "unit_code": d.unit_code,
                    "period": d.period,
                    "decided_by": d.decided_by,
                    "decided_at": d.decided_at.astimezone(self.deadline.zone).isoformat(timespec="seconds"),
                    "until": d.until and d.until.astimezone(self.deadline.zone).isoformat(timespec="minutes"),
                    "through": d.through,
                    "reason": d.reason,
                    "replaces": d.replaces,
                    "state": state,
                    "recorded_at": d.recorded_at.astimezone(self.deadline.zone).isoformat(timespec="seconds"),
                    "account": d.account,
                }
            )
        return rows

    def _state(self, decision: Decision, after: Decision | None, approved: set[str]) -> str:
        if decision.kind == "take_back":
            return "taken back " + decision.subject
        if after is not None:
            return f"{'taken back by' if after.kind == 'take_back' else 'replaced by'} {after.key}"
        effect = json.loads(decision.about).get("effect")
        if decision.kind == "waive" and effect in self.settings.approved_effects and decision.key not in approved:
            return AWAITING
        return IN_FORCE


def _seen(decision: Decision) -> str:
    """What a steward decided on, in words: of a finding its rule and place, of a seal the scan."""
    about = json.loads(decision.about)
    told = (about.get("rule_id"), about.get("sheet") or about.get("file"), about.get("cell"))
    return " ".join(part for part in told if part)
