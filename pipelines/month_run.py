"""`sixth run`: the Dagster definitions driven in this process, and what is said of it afterwards."""

from __future__ import annotations

import html
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from assets.instance import recipients
from assets.instance.clock import AS_OF, take_clock
from assets.instance.closed_months import register_of
from assets.instance.home import Home
from assets.instance.logs import are_json
from assets.instance.periods import is_period
from assets.instance.register import Register, load_register
from assets.instance.settings import Settings, load_settings
from assets.instance.store import store_lines
from expectations.catalogue import load_catalogue
from pipelines import quiet_runs
from pipelines.register_diff import edit_lines
from reports.nothing_new import Held
from reports.publishing.versions import latest_version

if TYPE_CHECKING:
    import dagster as dg

MOST_NAMED = 20
HELD_DAYS = 1  # after which a held mail is told in every run
WORKER_MODULES = ["cv2", "assets.intake.parsing", "reports.forms.warm_worker", "reports.feedback.folders"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run ended with: lines for people, and the exit status."""

    lines: tuple[str, ...]
    status: int
    stages: dict[str, tuple[float, float]] = field(default_factory=dict)  # begin and end, seconds since the epoch


def check_before_run(home: Home) -> tuple[Settings, Register]:
    """Read register and settings before anything else: a contradiction stops the run here.

    Raises HomeError, RegisterError, SettingsError.
    """
    home.check()
    register = load_register(home.register)
    settings = load_settings(home.register / "settings.yaml")
    if settings.documents:
        from reports.forms.beside import check_kinds  # noqa: PLC0415 - only where there are any

        check_kinds(settings.documents)
    if (home.register / recipients.FILE).exists():
        recipients.load_recipients(home.register, register, load_catalogue(home.register).leads)
    return settings, register


def run_period(
    home: Home,
    period: str,
    as_of: datetime,
    source: Path | None,
    lang: str,
    *,
    earlier: bool = False,
    apply_register: Sequence[str] = (),
) -> Outcome:
    """Materialise every asset of the period; raises ClockBehind, and whatever a stage failed with.

    `earlier`: with earlier months that have a mail, a decision or an edit younger than their latest version.
    `apply_register`: closed months that are to rest on the register as it is now.
    """
    before = _standing(home)
    try:
        result, stages = executed(
            home,
            period,
            as_of,
            WORKER_MODULES,
            source=source,
            lang=lang,
            earlier=earlier,
            apply_register=apply_register,
        )
    except NotReconciled as error:
        return Outcome((f"figures do not reconcile, nothing was published: {error}",), 3)
    from assets.intake.assets import NO_MAILS, UNREACHABLE  # noqa: PLC0415

    no_mails: dict[str, Any] = {}
    unreachable = ""
    for event in result.asset_materializations_for_node("archived_mails"):
        no_mails |= event.metadata[NO_MAILS].value  # type: ignore[arg-type]
        unreachable = str(event.metadata[UNREACHABLE].value) if UNREACHABLE in event.metadata else ""
    made = {place: version for place, version in _standing(home).items() if before.get(place) != version}
    carrier = register_of(home).tree(period).carrier
    summary = _summary_lines(home, period, carrier)
    lines = (*_earlier_lines(made, period), *summary, *not_collected(no_mails), *edit_lines(home))
    if (period, carrier) in made:
        lines = (*lines, *_glyph_lines(home.published / period / carrier / made[period, carrier]))
    lines = (
        *lines,
        *mailbox_lines(unreachable),
        *store_lines(home.warehouse, load_settings(home.register / "settings.yaml").store),
        *_held_lines(_held_mails(home), as_of),
    )
    return Outcome(lines, 0, stages)


class NotReconciled(Exception):
    """Figures that do not add up, so that nothing of them leaves the house; the message names the checks."""


def executed(
    home: Home,
    period: str,
    as_of: datetime,
    modules: Sequence[str],
    *,
    job_name: str = "",
    source: Path | None = None,
    lang: str,
    earlier: bool = True,
    apply_register: Sequence[str] = (),
) -> tuple[dg.ExecuteInProcessResult, dict[str, tuple[float, float]]]:
    """Execute a job in this process, the whole one where none is named: its result, and begin and end of each step.

    `modules` are those that its workers have. Raises ClockBehind, NotReconciled, and whatever a stage failed with.
    """
    from assets.instance.workers import warm  # noqa: PLC0415 - with all that works

    home.prepare()
    take_clock(home, as_of, period)
    warm(modules)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
    from dagster._core.errors import DagsterAssetCheckFailedError  # noqa: PLC0415 - not among those it exports

    from assets.instance.progress import reporter  # noqa: PLC0415
    from assets.instance.resource import JOB, HomeResource  # noqa: PLC0415
    from pipelines.definitions import build_defs  # noqa: PLC0415
    from pipelines.event_log import instance_of  # noqa: PLC0415
    from pipelines.launcher import PROCESS, this_process  # noqa: PLC0415

    resource = HomeResource(
        home=str(home.root),
        source=str(source) if source else "",
        lang=lang,
        earlier=earlier,
        apply_register=list(apply_register),
    )
    definitions = build_defs(home, as_of=as_of, resources={"home": resource})
    job = definitions.resolve_job_def(job_name or JOB)
    level = "DEBUG" if os.environ.get("SIXTH_DEBUG") or are_json(home) else "CRITICAL"
    config = {"loggers": {"console": {"config": {"log_level": level}}}}
    run_id = str(uuid4())
    with instance_of(home.dagster) as instance, reporter.shown():
        quiet_runs.take_up(home, instance)
        try:
            result = job.execute_in_process(
                instance=instance,
                partition_key=period,
                run_config=config,
                run_id=run_id,
                tags={AS_OF: as_of.isoformat(), PROCESS: this_process()},
                raise_on_error=True,
            )
        except DagsterAssetCheckFailedError as error:
            raise NotReconciled("; ".join(_failing_checks(instance, run_id))) from error
        stats = instance.get_run_step_stats(run_id)
    return result, {s.step_key: (s.start_time or 0.0, s.end_time or 0.0) for s in stats}


def without_run(
    home: Home, settings: Settings, register: Register, period: str, as_of: datetime, lang: str, *, earlier: bool
) -> Outcome | None:
    """What a run of a month ends with in which there is nothing to be done, without it; None where one is to look.

    The clock is taken and the run recorded all the same. `settings` and `register` are today's.
    """
    deadline = settings.deadline(register)
    quiet = quiet_runs.in_place_of_run(home, settings, deadline, period, as_of, lang, earlier=earlier)
    if quiet is None:
        return None
    edits = edit_lines(home) if quiet.edits else []
    summary = _summary_lines(home, period, register_of(home, today=register).tree(period).carrier)
    return Outcome((*summary, *not_collected(dict(quiet.no_mails)), *edits, *_held_lines(quiet.held, as_of)), 0)


def _standing(home: Home) -> dict[tuple[str, str], str]:
    """Which version stands of every month and scope."""
    folders = ((folder, latest_version(folder)) for folder in sorted(home.published.glob("*/*/")))
    return {(folder.parent.name, folder.name): version for folder, version in folders if version}


def _earlier_lines(made: Mapping[tuple[str, str], str], period: str) -> list[str]:
    """What was made of earlier months, the oldest first."""
    months: dict[str, list[str]] = {}
    for (month, scope), version in made.items():
        if is_period(month) and month != period:
            months.setdefault(month, []).append(f"{scope} {version}")
    return [f"{month} published again: {', '.join(scopes)}" for month, scopes in sorted(months.items())]


def _glyph_lines(folder: Path) -> list[str]:
    """Which characters report.pdf of a version lacks, a line; report.docx, which says the same, tells them."""
    if not (folder / "report.docx").exists():
        return []
    from reports.forms.pdf import NO_GLYPH, unseen_in  # noqa: PLC0415 - of versions alone, and with its engine

    with zipfile.ZipFile(folder / "report.docx") as parts:
        document = parts.read("word/document.xml").decode("utf-8")
    shown = html.unescape(re.sub(r"<[^>]+>", "", document))
    lacking = ", ".join(f"{character} (U+{ord(character):04X})" for character in unseen_in(shown))
    return [f"glyphs   report.pdf shows {NO_GLYPH} for {lacking}: our fonts lack them"] if lacking else []


def _held_mails(home: Home) -> list[Held]:
    from assets.instance.warehouse import model  # noqa: PLC0415 - what a month with nothing new does without
    from pipelines.listing import query  # noqa: PLC0415

    rows = query(home, model("settled/held_mails"), {})
    return [Held.of(row) for row in rows]


def _held_lines(held: Sequence[Held], as_of: datetime) -> list[str]:
    """The mails held for a day or more, a line each, in every run until a steward gives them to a unit."""
    waiting = [(mail, as_of - datetime.fromisoformat(mail.received_at)) for mail in held]
    waiting = [(mail, since) for mail, since in waiting if since >= timedelta(days=HELD_DAYS)]
    lines = [
        f"held     {mail.mail[:12]} for {since.days} days, from {mail.sender}: "
        f"sixth show {mail.mail[:12]}, sixth assign"
        for mail, since in waiting[:MOST_NAMED]
    ]
    return lines + ([f"held     and {len(waiting) - MOST_NAMED} more"] if len(waiting) > MOST_NAMED else [])


def mailbox_lines(unreachable: str) -> list[str]:
    """That the run went on without the mailbox."""
    what = "the run went on with what was there, the next one collects the rest; see `sixth doctor`"
    return [f"mailbox  cannot be reached: {unreachable}; {what}"] if unreachable else []


def not_collected(told: Mapping[str, str]) -> list[str]:
    """What the drop folder held beside mails, a line each, for people to look after."""
    lines = [f"inbox    {key} is not collected: {what}" for key, what in list(told.items())[:MOST_NAMED]]
    return lines + ([f"inbox    and {len(told) - MOST_NAMED} more"] if len(told) > MOST_NAMED else [])


def _failing_checks(instance: dg.DagsterInstance, run_id: str) -> Iterator[str]:
    """The blocking checks that a run failed, each with the metadata that says what is wrong."""
    for record in instance.all_logs(run_id):
        event = record.dagster_event
        if event is None or event.event_type_value != "ASSET_CHECK_EVALUATION":
            continue
        evaluation = event.asset_check_evaluation_data
        if evaluation.blocking and not evaluation.passed:
            told = ", ".join(f"{name} {value.value}" for name, value in evaluation.metadata.items())
            yield f"{evaluation.check_name}, {told}"


def _summary_lines(home: Home, period: str, carrier: str) -> list[str]:
    folder = home.published / period / carrier
    version = latest_version(folder)
    assert version is not None
    summary = json.loads((folder / version / "summary.json").read_text(encoding="utf-8"))
    return [
        f"{period} {summary['kind']} report ({version}) as of {summary['as_of']}",
        *figure_lines(summary),
        f"report   {folder / version / 'report.html'}",
    ]


def figure_lines(summary: Mapping[str, Any]) -> list[str]:
    """The figures of the carrier that a run ends with, for people."""
    units, mails, found = summary["units"], summary["mails"], summary["findings"]
    return [
        f"units    {units['complete_on_time']} on time, {units['complete_late']} late, "
        f"{units['incomplete']} incomplete, "
        f"{units['returned']} returned, {units['missing']} missing, of {units['expected']}",
        f"mails    {mails['received']} received, {mails['held']} held, {mails['duplicates']} further copies",
        f"findings {found['critical']} critical, {found['error']} errors, {found['warning']} warnings",
    ]
