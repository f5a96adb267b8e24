"""The commands of stewards: mails, show, unit; waive, assign, confirm-seal, extend, note, approve, take-back and
decisions.

Belongs here: arguments, and what is printed. Does not: what may be decided and what follows (decisions.py), what is
looked up (casework.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.terminal import (
    Format,
    HomeOption,
    WrongUse,
    clock_of,
    exit_codes,
    open_home,
    out,
    period_of,
    write_cells,
    write_rows,
)

if TYPE_CHECKING:
    from pipelines.decisions import Desk, Planned, Steward

stewards = typer.Typer(rich_markup_mode=None)

SHORT = 12  # digits of a mail's sha256 in tables: enough to name it by

ByOption = Annotated[str, typer.Option("--by", help="Who decides.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in five characters or more.")]
OverOption = Annotated[str, typer.Option("--over", help="The key of the decision in force that this one replaces.")]
WhenOption = Annotated[str, typer.Option("--as-of", help="When it was decided, not in the future; else now.")]
MonthOption = Annotated[str, typer.Option("--period", help="The month reported on, as 2026-10.")]


PreviewOption = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Settle the months with it in a copy and print what comes of it exactly; by itself where they are small.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would follow, and decide nothing.")]


def _decide(
    home: Path | None,
    steward: tuple[str, str, str, str],
    plan: Callable[[Desk, Steward], Planned],
    preview: bool | None = None,
    dry_run: bool = False,
) -> None:
    """Plan decisions, record them, and print their keys and what follows; `steward`: who, why, when, over what."""
    from pipelines.decisions import Desk, Steward  # noqa: PLC0415 - the ledger's libraries, wanted here alone

    by, reason, as_of, over = steward
    desk = Desk(open_home(home))
    planned = plan(desk, Steward(by, reason, clock_of(as_of), over))
    # Before it is recorded: what cannot be foreseen is not decided either.
    exactly = _foreseen(desk, planned, preview, dry_run)
    for decision in () if dry_run else desk.write(planned):
        out.print(f"{decision.key} {decision.kind} {decision.subject}", markup=False)
    for line in (*planned.follows, *exactly):
        out.print(f"  {line}", markup=False)
    if dry_run or planned.when:
        out.print("  nothing was decided (--dry-run)" if dry_run else f"  {planned.when}", markup=False)


def _foreseen(desk: Desk, planned: Planned, preview: bool | None, dry_run: bool) -> list[str]:
    """Lines on what comes of decisions exactly, where that was asked for, or is quickly worked out."""
    from pipelines import preview as previews  # noqa: PLC0415 - all that settles months

    if preview is None:
        preview = dry_run or previews.is_cheap(desk)
    if not preview:
        return []
    lines = [f"  {line}" for line in previews.told(previews.foreseen(desk, planned))]
    return ["settled with it, on the mails of the last run:", *lines] if lines else ["no state and no figure changes"]


@stewards.command(epilog="Example: sixth waive 1f0c9be27a44 --by 王晓燕 --reason 原件已核对，端口为笔误")
@exit_codes
def waive(
    findings: Annotated[list[str], typer.Argument(help="Findings, as `sixth findings` names them.")],
    by: ByOption,
    reason: ReasonOption,
    through: Annotated[str, typer.Option("--through", help="The same fault in later months too, up to this one.")] = "",
    over: OverOption = "",
    as_of: WhenOption = "",
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Let findings stand: rows count, forms are not returned. One reason for all; all or none."""
    steward = (by, reason, as_of, over)
    _decide(home, steward, lambda desk, who: desk.waive(findings, who, through), preview, dry_run)


@stewards.command(
    epilog="Example: sixth assign 433cf2ad92b2 --unit EX-15-01-NET --by 王晓燕 --reason 电话核实，为该单位新邮箱"
)
@exit_codes
def assign(
    mail: Annotated[str, typer.Argument(help="The mail's sha256, or its first digits.")],
    unit: Annotated[str, typer.Option("--unit", help="The unit's code.")],
    by: ByOption,
    reason: ReasonOption,
    anyway: Annotated[bool, typer.Option("--anyway", help="Though its cover names another unit.")] = False,
    over: OverOption = "",
    as_of: WhenOption = "",
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Give a held mail to a unit, at the time it was received."""
    steward = (by, reason, as_of, over)
    _decide(home, steward, lambda desk, who: desk.assign(mail, unit, who, anyway=anyway), preview, dry_run)


@stewards.command(
    epilog="Example: sixth confirm-seal EX-15-01-001 --period 2026-10 --by 李卫 --reason 印章为淡红色，已看原件"
)
@exit_codes
def confirm_seal(
    unit: Annotated[str, typer.Argument(help="The unit's code.")],
    period: MonthOption,
    by: ByOption,
    reason: ReasonOption,
    over: OverOption = "",
    as_of: WhenOption = "",
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Say that the best scan of a unit's month bears the seal."""
    steward = (by, reason, as_of, over)
    _decide(home, steward, lambda desk, who: desk.confirm_seal(unit, period_of(period), who), preview, dry_run)


@stewards.command(
    epilog="Example: sixth extend EX-15-01-012 --period 2026-10 --until 2026-11-08T18:00 --by 王晓燕 --reason 台风断网"
)
@exit_codes
def extend(
    unit: Annotated[str, typer.Argument(help="The unit's code.")],
    period: MonthOption,
    until: Annotated[str, typer.Option("--until", help="The unit's own cut-off, as 2026-11-08T18:00.")],
    by: ByOption,
    reason: ReasonOption,
    late: Annotated[bool, typer.Option("--late", help="Though the general cut-off is past.")] = False,
    over: OverOption = "",
    as_of: WhenOption = "",
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Give a unit's month a cut-off of its own."""
    steward = (by, reason, as_of, over)

    def plan(desk: Desk, who: Steward) -> Planned:
        return desk.extend(unit, period_of(period), desk.moment(until), who, late=late)

    _decide(home, steward, plan, preview, dry_run)


@stewards.command(epilog="Example: sixth note EX-15-01-003/2026-10 --by 王晓燕 --reason 已电话提醒，下周一补报")
@exit_codes
def note(
    subject: Annotated[str, typer.Argument(help="A finding, a mail, a unit's month (UNIT/2026-10) or a decision.")],
    by: ByOption,
    reason: ReasonOption,
    as_of: WhenOption = "",
    home: HomeOption = None,
) -> None:
    """A remark; no figure changes."""
    _decide(home, (by, reason, as_of, ""), lambda desk, who: desk.note(subject, who), preview=False)


@stewards.command(epilog="Example: sixth approve 7f21cfc3190a --by 李卫 --reason 已看附件，同意")
@exit_codes
def approve(
    key: Annotated[str, typer.Argument(help="The key of the waiver.")],
    by: ByOption,
    reason: ReasonOption,
    as_of: WhenOption = "",
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """A second person's approval of a waiver that needs one (settings.yaml, approved_effects)."""
    _decide(home, (by, reason, as_of, ""), lambda desk, who: desk.approve(key, who), preview, dry_run)


@stewards.command(epilog="Example: sixth take-back 7f21cfc3190a --by 李卫 --reason 原件与电子版不符")
@exit_codes
def take_back(
    key: Annotated[str, typer.Argument(help="The key of the decision.")],
    by: ByOption,
    reason: ReasonOption,
    as_of: WhenOption = "",
    preview: PreviewOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """End a decision, as if it had never been."""
    _decide(home, (by, reason, as_of, ""), lambda desk, who: desk.take_back(key, who), preview, dry_run)


def _known_unit(desk: Desk, unit: str) -> None:
    """Raise WrongUse for a code that is on the register in no month: nothing found would say that there is nothing."""
    if unit and all(known.code != unit for known in desk.register.units):
        raise WrongUse(f"--unit {unit}: no unit of that code is on the register in any month")


@stewards.command(epilog="Example: sixth decisions --period 2026-10 --in-force")
@exit_codes
def decisions(
    period: Annotated[str, typer.Option("--period", help="Those that bear on a month.")] = "",
    unit: Annotated[str, typer.Option("--unit", help="Of one unit.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="Of one kind, as waive.")] = "",
    in_force: Annotated[bool, typer.Option("--in-force", help="Those in force alone.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.table,
    as_of: Annotated[str, typer.Option("--as-of", help="As the log stood then; else now.")] = "",
    home: HomeOption = None,
) -> None:
    """The log: every decision with its key, who, when, why, and what became of it."""
    from assets.ledger.models import DECISIONS  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from pipelines.decisions import Desk  # noqa: PLC0415

    chosen = period_of(period) if period else ""
    wanted = kind.replace("-", "_")
    if wanted and wanted not in DECISIONS:
        raise WrongUse(f"--kind {kind!r} is none of {', '.join(DECISIONS)}")
    desk = Desk(open_home(home))
    _known_unit(desk, unit)
    rows = desk.listed(clock_of(as_of), period=chosen, unit=unit, kind=wanted, standing=in_force)
    if form is Format.table:
        rows = [{**row, "subject": row["subject"][:SHORT]} if row["kind"] == "assign" else row for row in rows]
    rows = [{**row, "ends": row["until"] or row["through"]} for row in rows] if form is Format.table else rows
    headings = {"key": "key", "kind": "kind", "subject": "subject", "about": "detail", "unit_code": "unit"}
    headings |= {"decided_at": "decided", "decided_by": "by", "reason": "message", "ends": "until", "state": "state"}
    write_rows(rows, form, headings, "key")
    if form is Format.table:
        out.print(f"{len(rows)} decision{'' if len(rows) == 1 else 's'}")


# ------------------------------------------------------------------------------------------------- what they look at
@stewards.command(epilog="Example: sixth mails --period 2026-10 --held")
@exit_codes
def mails(
    period: Annotated[str, typer.Option("--period", help="That may concern a month.")] = "",
    unit: Annotated[str, typer.Option("--unit", help="Of one unit, or that name it.")] = "",
    held: Annotated[bool, typer.Option("--held", help="Those held for a steward alone.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.table,
    home: HomeOption = None,
) -> None:
    """Mails as received, held ones first: from whom, with what, what came of them, and what to do."""
    from pipelines.casework import mails_of  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from pipelines.decisions import Desk  # noqa: PLC0415

    chosen = period_of(period) if period else ""
    desk = Desk(open_home(home))
    rows = mails_of(desk, period=chosen, unit=unit, held=held)
    if not rows:  # a cover may name a unit that nobody knows
        _known_unit(desk, unit)
    if form is Format.table:
        rows = [{**row, "mail": row["mail"][:SHORT]} for row in rows]
    headings = {"mail": "mail", "received_at": "received", "sender": "from", "subject": "message"}
    headings |= {"attachments": "file", "became": "detail", "names": "names", "todo": "to do"}
    write_rows(rows, form, headings, "mail")
    if form is Format.table:
        out.print(f"{len(rows)} mail{'' if len(rows) == 1 else 's'}")


@stewards.command(epilog="Example: sixth show 433cf2ad92b2")
@exit_codes
def show(
    mail: Annotated[str, typer.Argument(help="The mail's sha256, or its first digits.")],
    home: HomeOption = None,
) -> None:
    """One mail: its covers and forms, scans, findings, where it lies in archive/."""
    from assets.intake.mail.archive import load  # noqa: PLC0415
    from pipelines.casework import told_of_mail  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from pipelines.decisions import Desk  # noqa: PLC0415
    from reports.portal.uploads import sent_by  # noqa: PLC0415

    desk = Desk(open_home(home))
    for line in told_of_mail(desk, mail):
        out.print(line, markup=False)
    if by := sent_by(desk.home, load(desk.mail(mail), desk.home.archive)):
        out.print(f"sent on the portal by {by}: its signature holds", markup=False)


@stewards.command(epilog="Example: sixth unit EX-15-01-003 --period 2026-10")
@exit_codes
def unit(
    code: Annotated[str, typer.Argument(help="The unit's code.")],
    period: MonthOption,
    home: HomeOption = None,
) -> None:
    """A unit's month: submissions, which stands and why, what changed between two, the rows that fail."""
    from pipelines.casework import month_of_unit  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from pipelines.decisions import Desk  # noqa: PLC0415

    month = month_of_unit(Desk(open_home(home)), code, period_of(period))
    for line in month.head:
        out.print(line, markup=False)
    if month.submissions:
        out.print()
        headings = {"form": "form", "received_at": "received", "file": "file", "mail": "mail", "status": "status"}
        write_rows(month.submissions, Format.table, headings | {"because": "detail"}, "form")
    for line in month.changes:
        out.print(line, markup=False)
    for drawn in month.drawn:
        out.print(f"\n{drawn.title}", markup=False)
        write_cells(drawn.headings, drawn.rows)
        if drawn.left_out:
            out.print(f"and {drawn.left_out} rows more")
    if month.findings:
        out.print()
        headings = {"finding_id": "finding", "rule_id": "rule", "status": "status", "cell": "cell", "sheet": "sheet"}
        headings |= {"message": "message", "waivable": "waivable", "waived_before": "waived before"}
        write_rows(month.findings, Format.table, headings, "finding_id")


@stewards.command(epilog="Example: sixth rehearse new/rules.yaml --periods 2026-08..2026-10")
@exit_codes
def rehearse(
    rules: Annotated[Path, typer.Argument(help="The changed rules.yaml.")],
    periods: Annotated[str, typer.Option("--periods", help="The months, as 2026-08..2026-10, or one.")],
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.table,
    home: HomeOption = None,
) -> None:
    """What past months would come to under other rules, by the clock of the last run; nothing is touched."""
    from pipelines.rehearsal import rehearse as differences  # noqa: PLC0415 - Great Expectations takes seconds

    first, _, last = periods.partition("..")
    if not rules.is_file():
        raise WrongUse(f"{rules} is no file; name a rules.yaml")
    rows = differences(open_home(home), rules, period_of(first), period_of(last or first))
    headings = {"what": "what", "period": "period", "subject": "subject", "unit_code": "unit", "before": "before"}
    headings |= {"after": "after", "fails": "fails", "passes": "passes", "otherwise": "otherwise"}
    write_rows(rows, form, headings | {"explained": "explained before"}, "what")
    if form is Format.table:
        out.print(f"{len(rows)} difference{'' if len(rows) == 1 else 's'}")
