"""What operators are told: what is wrong, once by period, day and step, in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.instance import clock
from assets.instance.clock import take_clock
from assets.instance.home import Home
from assets.intake.mail.seen import Sighting, open_sightings, record
from assets.ledger.alerts import waiting
from assets.ledger.opening import open_ledger
from pipelines import watching
from pipelines.arrivals import Memory
from pipelines.definitions import build_defs
from pipelines.due_runs import Asked, asked
from reports.notices.operators import TEXTS, Trouble, telling
from tests.feedback import made_month
from tests.mail.dovecot import PASSWORD, Dovecot, dovecot, free_port
from tests.notices.made_units import when
from tests.notices.smtp_server import Post, smtp_server

__all__ = ["dovecot"]
LONG_AGO = when("2020-01-01T00:00")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(made_month.home(tmp_path / "home", ["U1", "U2"]).root)
    place.prepare()
    take_clock(place, when("2026-10-03T02:00"))
    return place


def set_up(home: Home, **sections: Any) -> Asked:
    (home.register / "settings.yaml").write_text(yaml.safe_dump(sections, allow_unicode=True), encoding="utf-8")
    return asked(home)


def said(troubles: Iterator[Trouble]) -> list[tuple[str, str, str, str]]:
    return [(t.kind, t.period, t.day.isoformat(), t.step) for t in troubles]


# ------------------------------------------------------------------------------------------------ what is found
def test_a_report_that_is_not_out_at_six_is_told_every_day(home: Home) -> None:
    of = asked(home)
    assert said(watching.late_reports(of, when("2026-10-06T05:59"))) == []
    assert said(watching.late_reports(of, when("2026-10-06T06:00"))) == [("late", "2026-09", "2026-10-06", "")]
    assert said(watching.late_reports(of, when("2026-10-07T00:10"))) == [("late", "2026-09", "2026-10-07", "")]
    (home.published / "2026-09/C/v1").mkdir(parents=True)
    assert said(watching.late_reports(of, when("2026-10-06T06:00"))) == []


def see_a_mail(home: Home, at: str) -> None:
    with closing(open_sightings(home.warehouse / "sightings.sqlite", home.archive)) as sightings:
        record(sightings, [Sighting("folder", at, f"{at:0<64}", seen_at=when(at))], {at})


def publish_interim(home: Home, complete: int) -> None:
    folder = home.published / "2026-09/C/interim"
    folder.mkdir(parents=True)
    units = {"expected": 2, "complete_on_time": complete, "complete_late": 0}
    (folder / "summary.json").write_text(json.dumps({"units": units}), encoding="utf-8")


def test_silence_is_told_in_the_days_before_a_cutoff_while_somebody_owes(home: Home) -> None:
    """As of the last collecting: that nobody looked says nothing of what has come."""
    of = asked(home)
    silent = lambda at: said(watching.silence(of, when(at)))  # noqa: E731
    see_a_mail(home, "2026-10-03T01:00")
    assert silent("2026-10-03T12:00") == []
    assert silent("2026-10-05T12:00") == []  # the last run was on the 3rd
    take_clock(home, when("2026-10-04T00:59"))
    assert silent("2026-10-04T02:00") == []
    take_clock(home, when("2026-10-04T02:00"))
    assert silent("2026-10-04T02:05") == [("silent", "2026-09", "2026-10-04", "")]
    publish_interim(home, complete=1)
    assert silent("2026-10-04T02:05")
    (home.published / "2026-09/C/interim/summary.json").unlink()
    (home.published / "2026-09/C/interim").rmdir()
    publish_interim(home, complete=2)
    assert silent("2026-10-04T02:05") == []
    take_clock(home, when("2026-10-20T02:00"))
    assert silent("2026-10-20T02:05") == []  # no busy day


def test_mails_that_nobody_has_claimed_for_a_day_are_told_every_day(home: Home) -> None:
    of = asked(home)
    folder = home.published / "2026-09/C"

    def told(at: str) -> list[tuple[object, ...]]:
        found = watching.held_mails(of, when(at))
        return [(t.day.isoformat(), t.values["count"], t.values["mails"]) for t in found]

    def publish(version: str, unit: str) -> None:
        (folder / version).mkdir(parents=True)
        held = {"sha256": "ab" * 32, "received_at": "2026-10-02T14:00:00+08:00", "unit": unit}
        mails = [held, {"sha256": "cd" * 32, "received_at": "2026-10-01T14:00:00+08:00", "unit": "U1"}]
        (folder / version / "manifest.json").write_text(json.dumps({"mails": mails}), encoding="utf-8")

    publish("interim", "")
    assert told("2026-10-03T13:59") == []
    line = "abababababab  2026-10-02 14:00"
    assert told("2026-10-03T14:00") == [("2026-10-03", "1", line)]
    assert told("2026-10-08T14:00") == [("2026-10-08", "1", line)]
    publish("v1", "U2")  # a steward has given it to a unit
    assert told("2026-10-08T14:00") == []


def test_a_disk_that_fills_up_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(watching.full_disk(set_up(home, operators={"least_free_gib": 0.0}), when("2026-10-06T06:00"))) == []
    of = set_up(home, operators={"least_free_gib": 1e9})
    assert said(watching.full_disk(of, when("2026-10-06T06:00"))) == [("disk", "", "2026-10-06", "")]


@pytest.mark.parametrize(
    ("today", "step"),
    [("2026-10-16", None), ("2026-10-17", "imap-14"), ("2026-10-27", "imap-14"), ("2026-10-28", "imap-3"),
     ("2026-11-02", "imap-3")],
)  # fmt: skip
def test_a_password_that_ends_is_told_days_before_and_once_more(home: Home, today: str, step: str | None) -> None:
    imap = {"host": "imap.oa.example", "user": "u", "password_until": datetime(2026, 10, 31).date()}
    of = set_up(home, imap=imap)
    told = said(watching.ending_passwords(of, when(f"{today}T12:00")))
    assert told == ([("password", "", "2026-10-31", step)] if step else [])


def test_a_mailbox_that_does_not_answer_for_an_hour_is_told(home: Home) -> None:
    of = set_up(home, imap={"host": "imap.oa.example", "user": "u"})
    down: Callable[[str], list[tuple[str, str, str, str]]] = lambda now: said(  # noqa: E731
        watching.down_mailbox(of, when(now), when("2026-10-05T23:30"), "no connection")
    )
    assert down("2026-10-06T00:29") == []
    assert down("2026-10-06T00:30") == [("mailbox", "", "2026-10-06", "")]


@pytest.mark.outside
def test_a_certificate_that_ends_is_told(
    home: Home, dovecot: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test server's ends within a day."""
    monkeypatch.setenv("SIXTH_TEST_PASSWORD", PASSWORD)
    server = {"host": "127.0.0.1", "user": "u", "password_env": "SIXTH_TEST_PASSWORD"}
    tls = {**server, "port": dovecot.tls_port, "ca_file": str(dovecot.certificate)}
    of = set_up(home, imap=tls, smtp={"host": "127.0.0.1", "port": free_port(), "tls": "none", "timeout_seconds": 2})
    (trouble,) = watching.ending_certificates(of, clock.now())
    assert (trouble.kind, trouble.step) == ("certificate", "imap-3")
    plain = set_up(home, imap={**server, "port": dovecot.port, "tls": "none"})
    assert list(watching.ending_certificates(plain, clock.now())) == []


# ------------------------------------------------------------------------------------------------ in words
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_kind_has_its_words(home: Home, lang: str) -> None:
    of = set_up(home, imap={"host": "imap.oa.example", "user": "u"})
    kinds = {key.partition(".")[0] for key in yaml.safe_load(TEXTS.read_text(encoding="utf-8")) if "." in key}
    now = when("2026-10-06T06:00")
    values: dict[str, str | datetime] = {
        **dict.fromkeys(("host", "error", "hours", "free", "least", "section", "count", "mails"), "x"),
        **dict.fromkeys(("at", "cutoff", "since", "last", "ends"), now),
    }
    for kind in kinds:
        told = telling(Trouble(kind, now.date(), "2026-09", "summaries", values, ("06:00 failed",)), of.home.root, lang)
        assert "{" not in told.subject + told.body
        assert "06:00 failed" in told.body
        assert str(home.root) in told.body
    assert kinds == {"failed", "held", "late", "mailbox", "silent", "disk", "certificate", "password"}


def test_what_a_log_line_lets_slip_is_hidden() -> None:
    told = telling(
        Trouble("failed", LONG_AGO.date(), "2026-09", "x", {"at": LONG_AGO}, ("call 13912345678",)), Path("h")
    )
    assert "13912345678" not in told.body
    assert "139****5678" in told.body


# ------------------------------------------------------------------------------------------------ the sensors
@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def operators_look(home: Home, instance: dg.DagsterInstance, at: str, patch: pytest.MonkeyPatch) -> str:
    patch.setattr(clock, "now", lambda: when(at))
    definitions = build_defs(home, as_of=when(at))
    sensor = definitions.resolve_sensor_def("operators")
    with dg.build_sensor_context(instance=instance, definitions=definitions) as context:
        return str(sensor.evaluate_tick(context).skip_message)


@pytest.mark.parametrize("watch_minutes", [10, 0])
def test_a_mailbox_is_told_to_be_down_whether_mails_are_watched_by_day_or_not(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, watch_minutes: int
) -> None:
    imap = {"host": "127.0.0.1", "port": free_port(), "user": "u", "password_env": "SIXTH_TEST_PASSWORD", "tls": "none"}
    monkeypatch.setenv("SIXTH_TEST_PASSWORD", PASSWORD)
    of = set_up(home, imap=imap, watch_minutes=watch_minutes, operators={"mailboxes": ["ops@oa.example"]})
    monkeypatch.setattr(clock, "now", lambda: when("2026-10-04T12:00"))
    definitions = build_defs(home)
    cursor = Memory(down_since=when("2026-10-04T10:00").isoformat()).written()
    with dg.build_sensor_context(instance=instance, definitions=definitions, cursor=cursor) as context:
        assert not definitions.resolve_sensor_def("mailbox").evaluate_tick(context).run_requests
    with open_ledger(home.warehouse, of.settings.ledger_url) as ledger:
        assert [alert.subject for alert in waiting(ledger, LONG_AGO)] == [
            "【网络安全月报·运维】收件邮箱 127.0.0.1 无法连接"
        ]


def test_operators_are_mailed_once_and_again_after_the_server_refused(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators = {"mailboxes": ["ops@oa.example", "boss@oa.example"], "least_free_gib": 0.0}
    post = Post()
    with smtp_server(post) as smtp:
        server = {"host": smtp.host, "port": smtp.port, "tls": "none", "timeout_seconds": 5}
        set_up(home, operators=operators, smtp=server, notices={"sender": "sixth@oa.example"})
        post.refuse = {"ops@oa.example": "451 try later"}
        told = operators_look(home, instance, "2026-10-06T06:00", monkeypatch)
        assert "2 mails queued, 1 sent; 127.0.0.1: 451 try later" in told
        post.refuse = {}
        assert "0 mails queued, 1 sent" in operators_look(home, instance, "2026-10-06T06:05", monkeypatch)
        assert "0 mails queued, 0 sent" in operators_look(home, instance, "2026-10-06T06:10", monkeypatch)
        assert sorted(mail["To"] for mail in post.mails) == ["boss@oa.example", "ops@oa.example"]
        assert {mail["Subject"] for mail in post.mails} == {"【网络安全月报·运维】2026-09 的汇总报告尚未发布"}


def test_without_a_server_they_lie_in_the_outbox_and_nobody_named_is_told_nothing(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nobody is named" in operators_look(home, instance, "2026-10-06T06:00", monkeypatch)
    set_up(home, operators={"mailboxes": ["ops@oa.example"], "least_free_gib": 0.0})
    assert "1 mails queued, 1 sent" in operators_look(home, instance, "2026-10-06T06:00", monkeypatch)
    assert len(list(home.outbox.glob("operators_*.eml"))) == 1


@dg.op
def collapse() -> None:
    raise ValueError("the disk is gone, call 13912345678")


@dg.job(name="month")
def failing() -> None:
    collapse()


@pytest.mark.parametrize("will_retry", [False, True])
def test_a_failed_night_is_booked_with_its_log_unless_it_is_tried_again(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, will_retry: bool
) -> None:
    set_up(home, operators={"mailboxes": ["ops@oa.example"]})
    monkeypatch.setattr(clock, "now", lambda: when("2026-10-06T02:05"))
    tags = {"dagster/partition": "2026-09", **({"dagster/will_retry": "true"} if will_retry else {})}
    sensor = build_defs(home).resolve_sensor_def("failed_runs")
    for _ in range(2):  # of the same step on the same day once
        run = failing.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        failure = next(e for e in run.all_events if e.is_failure and e.event_type_value == "PIPELINE_FAILURE")
        context = dg.build_run_status_sensor_context(
            "failed_runs", failure, instance, run.dagster_run
        ).for_run_failure()
        sensor(context)  # type: ignore[operator]
    with open_ledger(home.warehouse) as ledger:
        told = [(alert.key, alert.body) for alert in waiting(ledger, LONG_AGO)]
    assert [key for key, _ in told] == ([] if will_retry else ["failed|2026-09|2026-10-06|collapse"])
    for _, body in told:
        assert "ValueError: the disk is gone, call 139****5678" in body
        assert "sixth doctor" in body


def test_the_check_at_six_is_red_while_a_report_is_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def passed(at: str) -> bool:
        monkeypatch.setattr(clock, "now", lambda: when(at))
        job = build_defs(home, as_of=when(at)).resolve_job_def("is_the_report_out")
        (evaluation,) = job.execute_in_process().get_asset_check_evaluations()
        return evaluation.passed

    assert passed("2026-10-06T05:00")
    assert not passed("2026-10-06T06:00")
