"""A run with nothing to be done is known before it begins, and leaves the home as a whole run would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG

from assets.instance import clock
from assets.instance.clock import last_run
from assets.instance.home import Home
from assets.instance.inputs import begin
from assets.instance.register import load_register
from assets.instance.settings import NoticeSettings, Settings, load_settings
from pipelines import definitions, quiet_runs
from pipelines.event_log import instance_of
from pipelines.month_run import run_period
from pipelines.sensors import last_look
from reports.nothing_new import Ended, Quiet, is_time_over, nothing_new, state_of
from reports.portal.metrics import LAST_RUN, folder_of
from tests.jobs import command_line
from tests.jobs.command_line import sixth
from tests.jobs.expected import EXPECTED

PERIOD = "2026-09"
ENDED = datetime.fromisoformat(EXPECTED["2026-09/deadline"]["as_of"])
LATER = ENDED + timedelta(hours=2)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The sample after its first run; nobody writes into it."""
    return Home(command_line.ran_once(tmp_path_factory, tmp_path_factory.mktemp("ended") / "home"))


@pytest.fixture
def home(ended: Home, tmp_path: Path) -> Home:
    """A copy of it."""
    return Home(command_line.copy_of(ended.root, tmp_path / "home"))


def asked(home: Home, as_of: datetime = LATER, period: str = PERIOD, *, earlier: bool = False) -> Quiet | None:
    settings = load_settings(home.register / "settings.yaml")
    deadline = settings.deadline(load_register(home.register))
    return nothing_new(home, settings, deadline, period, as_of, "zh", earlier=earlier)


def files(home: Home) -> dict[str, bytes]:
    """All files of a home but Dagster's, figures of whole runs for Prometheus, what SQLite leaves, and the warehouse,
    whose tables are compared.
    """
    beside = {Path(f"{home.sightings}-{what}") for what in ("shm", "wal")}
    left_out = {home.ended, home.warehouse / "sixth.duckdb", *beside}
    return {
        path.relative_to(home.root).as_posix(): path.read_bytes()
        for path in sorted(home.root.rglob("*"))
        if path.is_file()
        and path not in left_out
        and path.relative_to(home.root).parts[0] not in ("dagster", "metrics")
        and path.parent.name != "readers"
    }


def tables(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the warehouse; but of the clock by which mails were looked for."""
    with duckdb.connect(str(home.warehouse / "sixth.duckdb"), read_only=True) as db:
        names = db.execute("select schema_name || '.' || table_name from duckdb_tables() order by all").fetchall()
        return {
            name: sorted(db.execute(f"select * from {name}").fetchall(), key=repr)
            for (name,) in names
            if name != "core.indexed"
        }


def test_it_leaves_the_home_as_a_whole_run_does_and_says_the_same(home: Home, ended: Home, tmp_path: Path) -> None:
    whole = Home(command_line.copy_of(ended.root, tmp_path / "whole"))
    said = sixth("run", "--home", home.root, "--period", PERIOD, "--as-of", LATER.isoformat()).stdout.splitlines()
    assert list(home.quiet_runs.glob("*.json")), "it was a whole run"
    lines = run_period(whole, PERIOD, LATER, None, "zh").lines
    assert said == [line.replace(str(whole.root), str(home.root)) for line in lines]
    assert files(home) == files(whole)
    assert tables(home) == tables(whole)
    assert last_run(home) == LATER
    again = LATER + timedelta(minutes=1)
    assert asked(home, again) == asked(whole, again) != None  # noqa: E711 - both know it


def test_nothing_heavy_is_loaded_for_it(home: Home) -> None:
    code = (
        "import sys; from pipelines.cli import app\n"
        "try: app()\nfinally: print(*{'dagster', 'great_expectations', 'polars', 'duckdb', 'alembic'} & {*sys.modules})"
    )
    words = [sys.executable, "-c", code, "run", "--home", home.root, "--period", PERIOD, "--as-of", LATER.isoformat()]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
    assert f"{PERIOD} deadline report (v1)" in done.stdout


def test_a_night_with_nothing_to_be_done_starts_no_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nightly schedule asked for a whole run of a month that stood as it was."""

    def asked_for(hours: int) -> list[str | None]:
        night = LATER + timedelta(hours=hours)
        monkeypatch.setattr(clock, "now", lambda: night)
        made = definitions.build_defs(home)
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_schedule_context(
                instance=instance, scheduled_execution_time=night, repository_def=made.get_repository_def()
            )
            requests = made.resolve_schedule_def("nightly").evaluate_tick(context).run_requests
        return [request.partition_key for request in requests or ()]

    assert asked_for(0) == [PERIOD], "the last run was of one month alone"
    run_period(home, PERIOD, LATER, None, "zh", earlier=True)
    assert asked_for(1) == []
    assert last_run(home) == LATER + timedelta(hours=1)
    (note,) = home.quiet_runs.glob("*.json")
    assert json.loads(note.read_text(encoding="utf-8"))["period"] == PERIOD
    new_mail(home)
    assert asked_for(2) == [PERIOD]
    assert last_run(home) == LATER + timedelta(hours=1)


def test_dagster_is_told_of_it_once(home: Home) -> None:
    quiet_runs.note(home, PERIOD, LATER)
    with instance_of(home.dagster) as instance:
        before = instance.get_runs_count()
        note = next(home.quiet_runs.glob("*.json"))
        kept = note.read_bytes()
        assert quiet_runs.take_up(home, instance) == 1
        note.write_bytes(kept)  # whoever took it up was killed before it was gone
        assert quiet_runs.take_up(home, instance) == 0
        assert instance.get_runs_count() == before + 1
        run = instance.get_runs(limit=1)[0]
        assert (run.status, run.tags[PARTITION_NAME_TAG]) == (dg.DagsterRunStatus.SUCCESS, PERIOD)
        (event,) = instance.all_logs(run.run_id)
        assert event.dagster_event is not None
        assert event.dagster_event.message == quiet_runs.FOUND_NOTHING
        assert last_look(instance, "month", PERIOD) == LATER
    told = json.loads((folder_of(home) / LAST_RUN).read_text(encoding="utf-8"))
    assert told["ended"] == pytest.approx(json.loads(kept)["at"])
    assert told["seconds"], "those of the last whole run"


# ------------------------------------------------------------------------------------------- what makes a run look
def new_mail(home: Home) -> None:
    mail = next(home.inbox.rglob("*.eml"))
    mail.with_name("new.eml").write_bytes(mail.read_bytes() + b"\n")


def changed_mail(home: Home) -> None:
    mail = next(home.inbox.rglob("*.eml"))
    os.utime(mail, ns=(mail.stat().st_atime_ns, mail.stat().st_mtime_ns + 1))


def register_edit(home: Home) -> None:
    """An edit that keeps size and time of change."""
    file = home.register / "units.csv"
    was, content = file.stat(), file.read_text(encoding="utf-8")
    file.write_text(content.replace("county", "market", 1), encoding="utf-8")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def decision(home: Home) -> None:
    sixth("note", f"EX-15-01-001/{PERIOD}", "--home", home.root, "--by", "李敏", "--reason", "与单位电话核对过",
          "--as-of", (LATER - timedelta(minutes=5)).isoformat())  # fmt: skip


def first_unit(home: Home) -> Path:
    return next((home.published / PERIOD / "feedback").glob("*/"))


CHANGES: dict[str, Callable[[Home], object]] = {
    "a mail has come": new_mail,
    "a mail was written anew": changed_mail,
    "an edit of the register": register_edit,
    "a setting": lambda home: (home.register / "settings.yaml").write_text("coverage_percent: 70\n", encoding="utf-8"),
    "a rule of the home's own": lambda home: (home.register / "rules.yaml").write_text("{}\n", encoding="utf-8"),
    "a decision": decision,
    "the ledger is gone": lambda home: (home.warehouse / "ledger.sqlite").unlink(),
    "the warehouse is gone": lambda home: (home.warehouse / "sixth.duckdb").unlink(),
    "somebody wrote into the warehouse": lambda home: os.utime(home.warehouse / "sixth.duckdb"),
    "the index of mails is gone": lambda home: home.sightings.unlink(),
    "a run was killed": begin,
    "its end is told in another way": lambda home: home.ended.write_text("{}", encoding="utf-8"),
    "a version half made": lambda home: (home.published / PERIOD / "EX" / ".building-1").mkdir(),
    "a round of publishing half done": lambda home: (home.published / PERIOD / ".round.json").touch(),
    "a report is gone": lambda home: shutil.rmtree(home.published / PERIOD / "EX" / "v1"),
    "an answer is gone": lambda home: shutil.rmtree(first_unit(home)),
    "an answer is another": lambda home: (first_unit(home) / ".digest").write_text("of another time"),
    "a page of Data Docs is gone": lambda home: next(home.data_docs.rglob("index.html")).unlink(),
    "a snapshot of the portal is gone": lambda home: next(home.portal.glob("*.sqlite")).unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_run_looks_where_something_is_otherwise(home: Home, change: Callable[[Home], object]) -> None:
    assert asked(home) is not None
    change(home)
    assert asked(home) is None


def test_a_run_looks_where_another_is_asked_for(ended: Home) -> None:
    assert asked(ended, earlier=True) is None
    assert asked(ended, period="2026-10") is None
    assert asked(ended, ENDED - timedelta(minutes=1)) is None


def test_files_in_the_drop_folder_that_are_no_mails_are_still_told(home: Home) -> None:
    (home.inbox / "附件2 13812345678.xlsx").touch()
    quiet = asked(home)
    assert quiet is not None
    assert [key for key, _ in quiet.no_mails] == ["附件2 138****5678.xlsx"]  # as a whole run tells it


# ------------------------------------------------------------------------------------------------------- the clock
def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def over(ended: Ended, moment: str, settings: Settings | None = None) -> bool:
    chosen = settings or Settings()
    return is_time_over(ended, chosen, chosen.deadline(REGISTER), at(moment), at("2026-10-10T02:00"))


class _NoCutoffs:
    cutoffs: dict[str, datetime] = {}  # noqa: RUF012


REGISTER: object = _NoCutoffs()
QUIET = Ended(
    period="2026-10", as_of=at("2026-11-02T02:00").isoformat(), lang="zh", earlier=True, until="", inputs="", state="",
    said="", notices=(0, 0), cutoff=at("2026-11-06T00:00").isoformat(), own=(), held=(), edits=False,
)  # fmt: skip


def test_days_of_notices_are_come_to_by_the_clock() -> None:
    """Reminders 3 days and 1 day before the cut-off, overdue notices the day after."""
    assert not over(QUIET, "2026-11-02T23:59")
    assert over(QUIET, "2026-11-03T00:00")
    reminded = replace(QUIET, as_of=at("2026-11-03T02:00").isoformat())
    assert not over(reminded, "2026-11-04T23:59")
    assert over(reminded, "2026-11-05T00:00")
    closed = replace(QUIET, as_of=at("2026-11-06T02:00").isoformat())
    assert not over(closed, "2026-11-06T23:59")
    assert over(closed, "2026-11-07T00:00")
    told = replace(QUIET, as_of=at("2026-11-07T02:00").isoformat())
    assert not over(told, "2026-11-30T23:00")
    assert not over(told, "2026-12-20T00:00")  # the window is over: nothing more is told


def test_a_unit_with_a_cutoff_of_its_own_has_its_own_days() -> None:
    told = replace(QUIET, as_of=at("2026-11-07T02:00").isoformat(), own=(at("2026-11-12T18:00").isoformat(),))
    assert not over(told, "2026-11-08T23:59")
    assert over(told, "2026-11-09T00:00")


def test_what_lies_ahead_is_reached() -> None:
    ahead = replace(QUIET, until=at("2026-11-02T12:00").isoformat())
    assert not over(ahead, "2026-11-02T11:59")
    assert over(ahead, "2026-11-02T12:00")
    assert over(QUIET, "2026-11-02T01:59")  # a clock that went back


def test_without_answers_there_are_no_days_of_notices() -> None:
    assert not over(QUIET, "2026-11-03T00:00", Settings(feedback=False))
    assert over(QUIET, "2026-11-03T00:00", Settings(notices=NoticeSettings(reminder_days=(3,))))


def test_what_is_written_is_what_is_read(ended: Home) -> None:
    told = Ended.read(ended)
    assert told is not None
    assert json.loads(told.written()) == json.loads(ended.ended.read_text(encoding="utf-8"))
    assert told.state == state_of(ended, PERIOD)
