"""The command `sixth`. spec/commands.md says what each sub-command does.

Belongs here: arguments, messages, exit codes. Does not: the work. Whatever is heavy to import (Dagster, Great
Expectations, pandas) is imported by the commands that need it.

Exit status: 0 done; 1 as `check` and `verify` say; 2 wrong use, register or settings; 3 a failure inside.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import signal
import sys
import zipfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from assets.instance.home import find_home
from expectations.language import DEFAULT
from pipelines.new_home import first_steps, make_dagster_storage, make_home
from pipelines.operator_commands import operators
from pipelines.portal_commands import portal as portal_app
from pipelines.steward_commands import stewards
from pipelines.terminal import (
    AsOfOption,
    Format,
    HomeOption,
    Lang,
    PeriodOption,
    PublishedLang,
    WrongUse,
    add_texts,
    clock_of,
    exit_codes,
    open_home,
    out,
    period_of,
    table_of,
    write_rows,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Collects the monthly network-security returns from the mail, checks every cell, publishes the report.",
)

app.add_typer(stewards)
app.add_typer(operators)
app.add_typer(portal_app)


# ------------------------------------------------------------------------------------------------------------ init
@app.command(epilog="Example: sixth init --sample --home home")
@exit_codes
def init(
    home: HomeOption = None,
    sample: Annotated[bool, typer.Option("--sample", help="With the sample register and its mails.")] = False,
    portal: Annotated[
        bool, typer.Option("--portal", help="With people of each role in the sample, to log in to its portal as.")
    ] = False,
) -> None:
    """Make a home folder."""
    place = find_home(home)
    if portal and not sample:
        raise WrongUse("--portal goes with --sample; `sixth user add` lets people into a portal of your own")
    if make_home(place, sample=sample):
        make_dagster_storage(place)
        out.print(f"{place.root} is a home now{' with the sample in it' if sample else ''}")
        for line in () if sample else first_steps(place):
            out.print(line, markup=False)
    else:
        out.print(
            f"{place.root} is a home already; "
            + ("its mails and register stay as they are" if portal else "nothing was changed")
        )
    if portal:
        from pipelines.portal_commands import let_sample_people_in  # noqa: PLC0415

        let_sample_people_in(place)


# ------------------------------------------------------------------------------------------------------------- run
@app.command(epilog="Example: sixth run --period 2026-10 --as-of 2026-11-06T00:30:00+08:00")
@exit_codes
def run(
    period: Annotated[str, typer.Option("--period", help="The month reported on, as 2026-10; else the open one.")] = "",
    as_of: AsOfOption = "",
    source: Annotated[Path | None, typer.Option("--source", help="A folder of mails instead of the inbox.")] = None,
    lang: Lang = DEFAULT,
    replayed: Annotated[
        bool, typer.Option("--replay", help="Show the figures of --as-of; publish nothing, tell nobody.")
    ] = False,
    apply_register: Annotated[
        bool, typer.Option("--apply-register", help="Let edits of the register reach closed months, --period alone.")
    ] = False,
    home: HomeOption = None,
) -> int:
    """The main job: collect, parse, validate, aggregate, publish."""
    place, clock = open_home(home), clock_of(as_of)
    if source is not None and not source.is_dir():
        raise WrongUse(f"--source {source} is no folder")
    from assets.instance.closed_months import closed_months  # noqa: PLC0415
    from assets.instance.periods import preceding  # noqa: PLC0415
    from pipelines.month_run import check_before_run, run_period, without_run  # noqa: PLC0415

    settings, register = check_before_run(place)
    deadline = settings.deadline(register)
    chosen = period_of(period) if period else preceding(f"{clock.astimezone(deadline.zone):%Y-%m}")
    if chosen < register.first_period:
        raise WrongUse(f"--period {chosen} lies before {register.first_period}, the first month on record")
    if not deadline.is_over(chosen, clock):
        raise WrongUse(f"--period {chosen} is not over yet at {clock.isoformat(timespec='minutes')}")
    mails = source.resolve() if source else None
    if replayed:
        from pipelines.replay import replay  # noqa: PLC0415

        outcome = replay(place, chosen, clock, mails)
    else:
        closed = [month for month in closed_months(place) if not period or month == chosen] if apply_register else []
        quiet = None
        if not mails and not apply_register:
            quiet = without_run(place, settings, register, chosen, clock, lang, earlier=not period)
        outcome = quiet or run_period(place, chosen, clock, mails, lang, earlier=not period, apply_register=closed)
    for line in outcome.lines:
        out.print(line)
    return outcome.status


@app.command(epilog="Example: sixth answer")
@exit_codes
def answer(as_of: AsOfOption = "", lang: Lang = DEFAULT, home: HomeOption = None) -> int:
    """Answer the mails that have come, in minutes; reports are left to the next run."""
    place, clock = open_home(home), clock_of(as_of)
    from assets.instance.clock import first_run  # noqa: PLC0415
    from pipelines.answer_run import answer_period  # noqa: PLC0415
    from pipelines.month_run import check_before_run  # noqa: PLC0415

    settings, register = check_before_run(place)
    period = settings.deadline(register).window_period(clock)
    if first_run(place) is None:
        raise WrongUse(f"no run has looked at this home yet; the first is a whole one (`sixth run --period {period}`)")
    if period < register.first_period:
        raise WrongUse(f"the open month, {period}, lies before {register.first_period}, the first month on record")
    outcome = answer_period(place, period, clock, lang)
    for line in outcome.lines:
        out.print(line, markup=False)
    return outcome.status


# -------------------------------------------------------------------------------------------------------- register
register_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(register_app, name="register", help="The register and what its edits would change.")


@register_app.callback()
def register() -> None:
    """The register and what its edits would change."""


@register_app.command("diff", epilog="Example: sixth register diff")
@exit_codes
def register_diff(as_of: AsOfOption = "", home: HomeOption = None) -> None:
    """Which edits would change closed months, and how many figures there; nothing is changed."""
    from assets.instance.clock import last_run  # noqa: PLC0415
    from pipelines.register_diff import edit_lines, figure_counts  # noqa: PLC0415

    place = open_home(home)
    lines = edit_lines(place, most=1_000)
    for line in lines or ["no edit of the register would change a closed month"]:
        out.print(line, markup=False)
    clock = clock_of(as_of) if as_of else last_run(place) or clock_of("")
    for month, (scopes, figures) in (figure_counts(place, clock) if lines else {}).items():
        out.print(f"{month}: {figures} figures of {scopes} scopes would change")


# ---------------------------------------------------------------------------------------------------------- report
@app.command(epilog="Example: sixth report --half 2026H2 --as-of 2027-01-06T00:30:00+08:00")
@exit_codes
def report(
    half: Annotated[str, typer.Option("--half", help="The half-year reported on, as 2026H2.")] = "",
    year: Annotated[str, typer.Option("--year", help="The year reported on, as 2026.")] = "",
    as_of: AsOfOption = "",
    lang: Lang = DEFAULT,
    home: HomeOption = None,
) -> int:
    """Put the months of a half-year or a year together and publish the report."""
    from assets.instance.periods import is_span  # noqa: PLC0415
    from pipelines.month_run import check_before_run  # noqa: PLC0415
    from pipelines.span_run import refusal, report_span  # noqa: PLC0415

    if bool(half) == bool(year):
        raise WrongUse("name either a half-year, --half 2026H2, or a year, --year 2026")
    if half and not (is_span(half) and "H" in half):
        raise WrongUse(f"--half {half!r} is not a half-year; write it as 2026H2")
    if year and not (is_span(year) and "H" not in year):
        raise WrongUse(f"--year {year!r} is not a year; write it as 2026")
    place, clock, span = open_home(home), clock_of(as_of), half or year
    settings, register = check_before_run(place)
    deadline = settings.deadline(register)
    if why_not := refusal(span, register, deadline, clock):
        raise WrongUse(why_not)
    outcome = report_span(place, span, clock, lang)
    for line in outcome.lines:
        out.print(line)
    return outcome.status


# ---------------------------------------------------------------------------------------------------------- status
@app.command(epilog="Example: sixth status --period 2026-10")
@exit_codes
def status(
    period: Annotated[str, typer.Option("--period", help="The month reported on; else the open one.")] = "",
    as_of: AsOfOption = "",
    home: HomeOption = None,
) -> None:
    """Who has reported, who not, hours to the cut-off."""
    from assets.instance.settings import load_settings  # noqa: PLC0415
    from assets.instance.store import store_lines  # noqa: PLC0415
    from pipelines.listing import status_of  # noqa: PLC0415

    place, clock = open_home(home), clock_of(as_of)
    report = status_of(place, period_of(period) if period else None, clock)
    out.print(report.headline)
    for line in store_lines(place.warehouse, load_settings(place.register / "settings.yaml").store):
        out.print(line, markup=False)
    table = table_of(
        "unit", "name", "state", "own cut-off", "annex 2", "annex 3", "annex 6", "scan", "errors", "warnings", "why not"
    )
    for row in report.rows:
        table.add_row(*row)
    out.print(table)
    for line in report.held:
        out.print(line, markup=False)


@app.command(epilog="Example: sixth findings --period 2026-10 --unit EX-15-01-003 --severity error")
@exit_codes
def findings(
    period: PeriodOption,
    unit: Annotated[str, typer.Option("--unit", help="Of one unit.")] = "",
    rule: Annotated[str, typer.Option("--rule", help="Of one rule, as AST-05.")] = "",
    severity: Annotated[str, typer.Option("--severity", help="critical, error or warning.")] = "",
    form: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.table,
    home: HomeOption = None,
) -> None:
    """What failed and where."""
    from pipelines.casework import decidable  # noqa: PLC0415 - the ledger's libraries
    from pipelines.decisions import Desk  # noqa: PLC0415
    from pipelines.listing import findings_of, unknown  # noqa: PLC0415

    if severity not in ("", "critical", "error", "warning"):
        raise WrongUse(f"--severity {severity!r} is none of critical, error, warning")
    place = open_home(home)
    if why_not := unknown(place, period_of(period), unit=unit, rule=rule):
        raise WrongUse(why_not)
    rows = decidable(Desk(place), findings_of(place, period, unit=unit, rule=rule, severity=severity))
    headings = {"finding_id": "finding", "unit_code": "unit", "rule_id": "rule", "severity": "severity"}
    headings |= {"status": "status", "cell": "cell", "message": "message", "file": "file", "sheet": "sheet"}
    headings |= {"waivable": "waivable", "waived_before": "waived before"}
    write_rows(rows, form, headings, "finding_id")
    if form is Format.table:
        out.print(f"{len(rows)} finding{'' if len(rows) == 1 else 's'}")


@app.command(epilog="Example: sixth check 附件2.xlsx 附件3.xlsx 扫描件.pdf")
@exit_codes
def check(
    files: Annotated[list[Path], typer.Argument(help="Workbooks and scans, as they would be mailed.")],
    unit: Annotated[str, typer.Option("--unit", help="The unit's code; else what the cover says.")] = "",
    period: Annotated[str, typer.Option("--period", help="The month reported on; else what the cover says.")] = "",
    home: Annotated[Path | None, typer.Option("--home", help="A home whose register to check against.")] = None,
    lang: Lang = DEFAULT,
) -> int:
    """Check files before sending them: no home needed. Exit 1 if a form would be returned or a row dropped."""
    from reports.feedback.checking import check_files  # noqa: PLC0415
    from reports.feedback.precheck import precheck_text  # noqa: PLC0415

    month = period_of(period) if period else ""
    place = open_home(home) if home else None
    checked = check_files(files, unit=unit, period=month, home=place, lang=lang)
    out.print(precheck_text(checked), markup=False, end="")
    return 1 if checked.is_rejected else 0


# ------------------------------------------------------------------------------------------------------------ pull
DOCUMENTS = ("html", "xlsx", "docx", "pdf")
PULLED = (*DOCUMENTS, "csv", "parquet", "json")


@app.command(epilog="Example: sixth pull --period 2026-10 --scope EX-15 --format xlsx --out report.xlsx")
@exit_codes
def pull(
    period: PeriodOption,
    scope: Annotated[str, typer.Option("--scope", help="A node above units; else the carrier.")] = "",
    version: Annotated[str, typer.Option("--version", help="interim, v1, v2 ...; else the latest.")] = "",
    form: Annotated[str, typer.Option("--format", help=f"One of {', '.join(PULLED)}.")] = "html",
    target: Annotated[Path | None, typer.Option("--out", help="Where to put it; else the current folder.")] = None,
    url: Annotated[str, typer.Option("--url", help="A portal to fetch from, with a token in SIXTH_TOKEN.")] = "",
    lang: PublishedLang = None,
    home: HomeOption = None,
) -> None:
    """Fetch a published report of a month, a half-year (2026H2) or a year. csv and parquet come as one .zip."""
    if url:
        from pipelines.portal_fetch import fetch  # noqa: PLC0415

        content, named = fetch(url, period=period, scope=scope, version=version, form=form)
        path = _target(target, named)
        path.write_bytes(content)
        out.print(str(path))
        return
    from assets.instance.closed_months import register_of  # noqa: PLC0415
    from assets.instance.periods import is_span, months_of  # noqa: PLC0415
    from reports.publishing.versions import latest_version  # noqa: PLC0415

    place = open_home(home)
    if form not in PULLED:
        raise WrongUse(f"--format {form!r} is none of {', '.join(PULLED)}")
    last_month = months_of(period)[-1] if is_span(period) else period_of(period)
    tree = register_of(place).tree(last_month)
    chosen = scope or tree.carrier
    folder = place.published / period / chosen
    wanted = version or latest_version(folder)
    if wanted is None or not (folder / wanted).is_dir():
        if not folder.is_dir() and chosen not in {node.code for node in tree.scopes}:
            raise WrongUse(f"--scope {chosen} is no node above units in {last_month}; only those have a report")
        there = sorted(p.name for p in folder.glob("*") if p.is_dir()) if folder.is_dir() else []
        raise WrongUse(
            f"there is no {wanted or 'report'} of {chosen} for {period}; "
            + (f"there is {', '.join(there)}" if there else f"`sixth run --period {period}` makes one")
        )
    source = folder / wanted
    name = f"{period}-{chosen}-{wanted}"
    if form in ("csv", "parquet"):
        path = _target(target, f"{name}-{form}.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted((source / "data").glob(f"*.{form}")):
                archive.write(file, file.name)
    else:
        file = source / ("summary.json" if form == "json" else f"report.{form}")
        path = _target(target, f"{name}.{form}")
        spoken = _spoken(source, lang) if form in DOCUMENTS else ""
        if spoken or not file.is_file():
            from pipelines.drawn import drawn_document, language_of  # noqa: PLC0415

            path.write_bytes(drawn_document(place, period, chosen, wanted, form, spoken or language_of(source)))
        else:
            shutil.copyfile(file, path)
    out.print(str(path))


def _spoken(source: Path, lang: str | None) -> str:
    """The language that was asked for, where it is another one than that of the published version; else ""."""
    if not lang:
        return ""
    from pipelines.drawn import language_of  # noqa: PLC0415

    return lang if lang != language_of(source) else ""


def _target(target: Path | None, name: str) -> Path:
    if target is None:
        return Path(name).resolve()
    if target.is_dir():
        return (target / name).resolve()
    if not target.parent.is_dir():
        raise WrongUse(f"--out: {target.parent} is no folder")
    return target.resolve()


@app.command(epilog="Example: sixth document assessment --scope EX-15 --period 2026-10 --out home")
@exit_codes
def document(
    kind: Annotated[str, typer.Argument(help="What is to be signed; --list shows which there are.")] = "",
    period: Annotated[str, typer.Option("--period", help="The month, or the half-year as 2026H2.")] = "",
    scope: Annotated[str, typer.Option("--scope", help="A node above units, or a unit; else the carrier.")] = "",
    target: Annotated[Path, typer.Option("--out", help="The folder to put it into.")] = Path(),
    lead: Annotated[str, typer.Option("--lead", help="Who leads the duty, as network; of duties alone.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Show the kinds, each with an example.")] = False,
    home: HomeOption = None,
) -> None:
    """Make a document of a published report's figures, ready to sign (Word, in Chinese). It is sent to nobody."""
    from assets.instance.periods import is_span  # noqa: PLC0415
    from pipelines.documents import listing, write_documents  # noqa: PLC0415

    if listed:
        table = table_of("kind", "name", "of", "example")
        for row in listing():
            table.add_row(*row)
        out.print(table)
        return
    if not kind or not period:
        raise WrongUse("name a kind and a --period; `sixth document --list` shows the kinds with examples")
    if not target.is_dir():
        raise WrongUse(f"--out: {target} is no folder")
    chosen = period if is_span(period) else period_of(period)
    for path in write_documents(open_home(home), kind, chosen, scope, target.resolve(), lead):
        out.print(str(path), markup=False)


@app.command(epilog="Example: sixth verify home/published/2026-10/EX/v1")
@exit_codes
def verify(
    path: Annotated[
        Path, typer.Argument(help="A version folder, or its manifest.json; or where it is in the home's published/.")
    ],
    home: HomeOption = None,
) -> int:
    """Check a published folder against its manifest."""
    from reports.publishing.manifest import verify as verify_folder  # noqa: PLC0415

    named = path if path.exists() else find_home(home).published / path
    folder = named if named.exists() else path
    folder = folder.parent if folder.name == "manifest.json" else folder
    try:
        found = verify_folder(folder)
    except FileNotFoundError as error:
        raise WrongUse(f"{folder} holds no manifest.json; name a version folder such as …/2026-10/EX/v1") from error
    except ValueError as error:
        out.print(str(error), markup=False)
        return 1
    told = {
        "missing": found.missing,
        "changed since it was published": found.changed,
        "not of this version: put here since": found.extra,
        "left by an office program or file manager, no part of the version and no harm to it": found.left,
    }
    for what, paths in told.items():
        for file in paths:
            out.print(f"{file}: {what}", markup=False)
    counts = [(len(found.changed), "changed"), (len(found.missing), "missing"), (len(found.extra), "put here since")]
    verdict = ", ".join(f"{n} {what}" for n, what in counts if n) or "every file is as it was published"
    out.print(f"{folder}: {verdict}", markup=False)
    return 0 if found.is_as_published else 1


# -------------------------------------------------------------------------------------------------------- template
@app.command(epilog="Example: sixth template --unit EX-15-01-001 --period 2026-10 --out forms")
@exit_codes
def template(
    period: PeriodOption,
    unit: Annotated[str, typer.Option("--unit", help="The unit's code.")] = "",
    everyone: Annotated[bool, typer.Option("--all", help="Of every unit of the period.")] = False,
    target: Annotated[Path, typer.Option("--out", help="The folder to put them into.")] = Path(),
    lang: Lang = DEFAULT,
    home: HomeOption = None,
) -> None:
    """The blank forms of a unit: name filled in, items listed, drop-downs, last month's open problems."""
    from reports.notices.run import blank_forms_for  # noqa: PLC0415

    if bool(unit) == everyone:
        raise WrongUse("name one unit, --unit CODE, or all of them, --all")
    for path in blank_forms_for(open_home(home), unit, period_of(period), target, lang):
        out.print(str(path))


# ---------------------------------------------------------------------------------------------------------- remind
@app.command(epilog="Example: sixth remind --period 2026-10 --dry-run")
@exit_codes
def remind(
    period: Annotated[str, typer.Option("--period", help="The month reported on; else the open one.")] = "",
    as_of: AsOfOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be mailed, mail nothing.")] = False,
    lang: Lang = DEFAULT,
    home: HomeOption = None,
) -> None:
    """Mail the units that have not reported, as of the last run; each notice is sent once."""
    from reports.notices.run import remind_units  # noqa: PLC0415

    place, clock = open_home(home), clock_of(as_of)
    rows, summary = remind_units(place, period_of(period) if period else None, clock, dry_run=dry_run, lang=lang)
    if rows:
        table = table_of("kind", "unit", "name", "recipient", "owed", "outcome", "detail")
        for row in rows:
            shown = (row.kind, row.unit_code, row.unit_name, row.recipient, row.owed, row.outcome, row.detail)
            add_texts(table, shown)
        out.print(table)
    out.print(summary)


# ------------------------------------------------------------------------------------------------------------- dev
@app.command(epilog="Example: sixth dev --home home --port 3000")
@exit_codes
def dev(
    home: HomeOption = None,
    port: Annotated[int, typer.Option("--port", help="Port of the web pages.")] = 3000,
) -> None:
    """Dagster's web server and daemon on this home: assets, checks, schedules."""
    place = open_home(home)
    place.prepare()
    os.environ["SIXTH_HOME"] = str(place.root)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-m",
        "pipelines.definitions",
        "-p",
        str(port),
        "-h",
        "127.0.0.1",
    ]
    # Started in the background of a script it would ignore them as the script's shell does, and could not be stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.execv(sys.executable, command)


def main() -> None:
    """Entry point of the command."""
    debug = bool(os.environ.get("SIXTH_DEBUG"))
    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)  # Great Expectations sets its own loggers to INFO
    try:
        app()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 2
    leave(status)


def leave(status: int) -> NoReturn:
    """End this process at once, everything that was to be done at its end being done.

    The ordinary way takes the interpreter down, which lasts a second, and DuckDB's bindings then print pages about
    leaked types.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
