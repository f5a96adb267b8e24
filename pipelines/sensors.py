"""What starts a run by itself beside the nightly schedule, and what tells operators: Dagster sensors.

Belongs here: thin sensors that ask plain functions, and the check that turns red at six. Does not: which runs are due
(due_runs.py), which mails have come (arrivals.py), what is wrong (watching.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import PRIORITY_TAG, WILL_RETRY_TAG

from assets.instance import clock
from assets.instance.clock import AS_OF, first_run
from assets.instance.home import Home
from assets.instance.periods import parse_time
from assets.instance.register import RegisterError
from assets.instance.resource import ANSWERING, JOB, PARTITION
from assets.instance.settings import Settings, SettingsError, load_settings
from assets.intake.mail.sources import MailboxError
from assets.ledger.alerts import book
from assets.ledger.opening import open_ledger
from pipelines import quiet_runs, watching
from pipelines.arrivals import Look, Memory, look_into_folder, look_into_mailbox, why_not
from pipelines.due_runs import (
    Asked,
    DueRun,
    asked,
    due_deadline_reports,
    due_own_cutoffs,
    is_clock_behind,
    without_deadline_report,
)
from reports.assets import PUBLISHED
from reports.notices.operators import Trouble, deliver, telling

LOOK_SECONDS = 60
AT_SERVERS_SECONDS = 300
FIRST = "10"  # before others that wait in the queue
LAST_LINES = 20
LONGEST_ERROR = 2_000
CLOCK_BEHIND = "the machine's clock stands before that of the last run"
RUNNING = dg.DefaultSensorStatus.RUNNING
ACTIVE = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def sensors_of(
    home: Home, job: UnresolvedAssetJobDefinition, answer: UnresolvedAssetJobDefinition
) -> list[dg.SensorDefinition]:
    """All sensors of a home; `job` and `answer` are those that they ask for, and of whose failures operators are told:
    the whole one, and the one that leaves reports to the night.
    """
    return [
        deadline_sensor(home, job),
        folder_sensor(home, job, answer),
        mailbox_sensor(home, job, answer),
        failure_sensor(home, job, answer),
        operators_sensor(home),
    ]


def is_active(instance: dg.DagsterInstance, job: str, period: str) -> bool:
    """Whether a run of the period waits or works."""
    wanted = dg.RunsFilter(job_name=job, statuses=list(ACTIVE), tags={PARTITION: period})
    return bool(instance.get_run_records(wanted, limit=1))


def last_look(instance: dg.DagsterInstance, job: str, period: str) -> datetime | None:
    """The clock of the last run of the period that succeeded."""
    wanted = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], tags={PARTITION: period})
    for record in instance.get_run_records(wanted, limit=1):
        if moment := record.dagster_run.tags.get(AS_OF):
            return parse_time(moment)
    return None


# ------------------------------------------------------------------------------------------------------------ runs
def deadline_sensor(home: Home, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Asks whether the deadline reports are there, and whether units' own cut-offs were looked at."""

    @dg.sensor(job=job, minimum_interval_seconds=LOOK_SECONDS, default_status=RUNNING)
    def deadline_reports(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """A run for every period that has no deadline report after its cut-off; at most once an hour each."""
        now = clock.now()
        quiet_runs.take_up(home, context.instance)
        of, why = _asked(home, now)
        if of is None:
            yield dg.SkipReason(why)
            return
        due: list[DueRun] = [
            *due_deadline_reports(of, now),
            *due_own_cutoffs(of, now, lambda period: last_look(context.instance, job.name, period)),
        ]
        for run in due:
            if not is_active(context.instance, job.name, run.period):
                yield dg.RunRequest(run_key=run.key, partition_key=run.period, tags={PRIORITY_TAG: FIRST})
        if not due:
            yield dg.SkipReason("every deadline report is there")

    return deadline_reports


def folder_sensor(home: Home, *jobs: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Watches the drop folder by day. `jobs`: the whole one, and the one that answers."""

    @dg.sensor(jobs=jobs, minimum_interval_seconds=LOOK_SECONDS, default_status=RUNNING)
    def dropped_mails(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """A run once mails that no run has read lie in the drop folder, the newest for a minute."""
        now = clock.now()
        of, why = _watched(home, now)
        if of is None or (why := _waits_for_the_night(of)):
            return dg.SkipReason(why)
        look = look_into_folder(home, now, of.settings.limits.mail_bytes)
        return _ask(context, of, look, Memory.read(context.cursor), now)

    return dropped_mails


def mailbox_sensor(home: Home, *jobs: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Watches the mailbox by day. `jobs`: the whole one, and the one that answers."""

    @dg.sensor(jobs=jobs, minimum_interval_seconds=AT_SERVERS_SECONDS, default_status=RUNNING)
    def mailbox(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """A run once the mailbox has mails that no run has read, or answers again after it did not. Of one that does
        not answer operators are told, also where no run is asked for by day.
        """
        now = clock.now()
        of, why = _watched(home, now)
        if of is None or of.settings.imap is None:
            return dg.SkipReason(why or "no mailbox is set")
        memory = Memory.read(context.cursor)
        try:
            look = look_into_mailbox(home, of.settings.imap, memory)
        except MailboxError as error:
            memory = replace(memory, down_since=memory.down_since or now.isoformat())
            context.update_cursor(memory.written())
            _book(home, of.settings, watching.down_mailbox(of, now, parse_time(memory.down_since), str(error)), now)
            return dg.SkipReason(str(error))
        if why := _waits_for_the_night(of):
            context.update_cursor(replace(memory, down_since="").written())
            return dg.SkipReason(why)
        return _ask(context, of, look, memory, now)

    return mailbox


def _asked(home: Home, now: datetime) -> tuple[Asked | None, str]:
    """What a sensor of runs goes by; None, and why, where it is to ask for none."""
    try:
        of = asked(home)
    except (RegisterError, SettingsError) as error:
        return None, str(error)
    return (None, CLOCK_BEHIND) if is_clock_behind(home, now) else (of, "")


def _watched(home: Home, now: datetime) -> tuple[Asked | None, str]:
    """The same for a watcher of mails, which has nothing to watch before the first run."""
    if first_run(home) is None:
        return None, "the first run is the night's, or a person's"
    return _asked(home, now)


def _waits_for_the_night(of: Asked) -> str:
    return "watch_minutes is 0: mails wait for the night" if of.settings.watch_minutes <= 0 else ""


def _ask(
    context: dg.SensorEvaluationContext,
    of: Asked,
    look: Look,
    memory: Memory,
    now: datetime,
) -> dg.RunRequest | dg.SkipReason:
    period = of.deadline.window_period(now)
    if why := why_not(look, memory, now, of.settings.watch_minutes):
        return dg.SkipReason(why)
    if any(is_active(context.instance, job, period) for job in (JOB, ANSWERING)):
        return dg.SkipReason("a run is under way")
    context.update_cursor(Memory(asked=look.unread, at=now.isoformat()).written())
    # A report that waits, or was made without the mailbox, is not left to the night.
    is_awaited = memory.down_since or without_deadline_report(of, now)
    return dg.RunRequest(job_name=JOB if is_awaited else ANSWERING, partition_key=period)


# ------------------------------------------------------------------------------------------------------- operators
def failure_sensor(home: Home, *jobs: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Books that operators are to be told of a run that failed."""

    @dg.run_failure_sensor(
        name="failed_runs", monitored_jobs=[*jobs], minimum_interval_seconds=LOOK_SECONDS, default_status=RUNNING
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        """Operators are told of a run that failed and is not tried again, with the end of its log; once by day."""
        run, now = context.dagster_run, clock.now()
        if run.tags.get(WILL_RETRY_TAG) == "true":
            return dg.SkipReason("it is tried again by itself")
        try:
            settings = load_settings(home.register / "settings.yaml")
        except SettingsError as error:
            return dg.SkipReason(str(error))
        failures = context.get_step_failure_events()
        step = (failures[0].step_key if failures else None) or "start"
        errors = [e.event_specific_data.error for e in failures]  # type: ignore[union-attr]
        told = [error.to_string()[:LONGEST_ERROR] for error in errors if error]
        lines = [
            f"{datetime.fromtimestamp(entry.timestamp).astimezone(settings.zone):%H:%M:%S} "
            f"{entry.step_key or ''} {entry.user_message or ''}".rstrip()
            for entry in context.instance.all_logs(run.run_id)[-LAST_LINES:]
        ]
        period, day = run.tags.get(PARTITION, ""), now.astimezone(settings.zone).date()
        moment = parse_time(run.tags[AS_OF]) if AS_OF in run.tags else now
        values = {"at": moment.astimezone(settings.zone)}
        booked = _book(home, settings, [Trouble("failed", day, period, step, values, (*told, *lines))], now)
        return dg.SkipReason(f"{booked} mails to operators are queued")

    return failed_runs


def operators_sensor(home: Home) -> dg.SensorDefinition:
    """Looks for what operators are to be told, and mails what waits to be."""

    @dg.sensor(minimum_interval_seconds=AT_SERVERS_SECONDS, default_status=RUNNING)
    def operators(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Deadline reports that are not out, silence, a full disk, what ends soon, each once; held mails every day."""
        now = clock.now()
        try:
            settings = load_settings(home.register / "settings.yaml")
        except SettingsError as error:
            return dg.SkipReason(str(error))
        if not settings.operators.mailboxes:
            return dg.SkipReason("nobody is named under operators in settings.yaml")
        booked = _book(home, settings, _found(home, context, now), now)
        with open_ledger(home.warehouse, settings.ledger_url) as ledger:
            sent, why = deliver(ledger, settings, home.outbox, now)
        return dg.SkipReason(f"{booked} mails queued, {sent} sent" + (f"; {why}" if why else ""))

    return operators


def _found(home: Home, context: dg.SensorEvaluationContext, now: datetime) -> Sequence[Trouble]:
    try:
        of = asked(home)
    except RegisterError:
        return []  # the runs fail on it, and of these they are told
    found = [
        *watching.late_reports(of, now),
        *watching.silence(of, now),
        *watching.full_disk(of, now),
        *watching.ending_passwords(of, now),
    ]
    today = f"{now.astimezone(of.deadline.zone):%Y-%m-%d}"
    if context.cursor != today:  # once a day: servers are asked for their certificates, and all reports are read
        found += [*watching.ending_certificates(of, now), *watching.held_mails(of, now)]
        context.update_cursor(today)
    return found


def _book(home: Home, settings: Settings, troubles: Iterator[Trouble] | Sequence[Trouble], now: datetime) -> int:
    """Queue mails to the operators; how many are new."""
    tellings = [telling(trouble, home.root) for trouble in troubles]
    if not tellings or not settings.operators.mailboxes:
        return 0
    with open_ledger(home.warehouse, settings.ledger_url) as ledger:
        return book(ledger, tellings, settings.operators.mailboxes, now)


def deadline_check(home: Home) -> dg.AssetChecksDefinition:
    """The check that says by the clock whether the deadline reports are out."""

    @dg.asset_check(asset=PUBLISHED, name="deadline_report_is_out")
    def deadline_report_is_out() -> dg.AssetCheckResult:
        """Every deadline report is out by the time (06:00) up to which it waits for the mailbox."""
        late = [trouble.period for trouble in watching.late_reports(asked(home), clock.now())]
        return dg.AssetCheckResult(passed=not late, metadata={"periods": dg.MetadataValue.json(late)})

    return deadline_report_is_out
