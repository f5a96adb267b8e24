"""A year of nights, with what goes wrong in one: every month has its right versions, nobody is late who was not.

Only those nights are looked at in which something happens.
"""

from __future__ import annotations

import email
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from assets.instance.home import Home
from assets.instance.periods import between, following
from assets.ledger.models import Alert, Notice
from assets.ledger.opening import open_ledger
from pipelines.cli import app
from reports.publishing import publish, rounds
from reports.publishing.manifest import verify
from reports.publishing.versions import versions
from tests.jobs.year import CARRIER, OPERATOR, A, B, C, D, Host, host, mail, make_home, moment, set_up
from tests.mail.dovecot import PASSWORD, Dovecot, dovecot, free_port
from tests.notices.smtp_server import Post, smtp_server

__all__ = ["dovecot"]
pytestmark = pytest.mark.outside

FIRST, LAST = "2025-01", "2025-12"
STRANGER, COLLECTED = "someone@private.example", "year"
REASON = "已电话核实，原件属实"
# When each return is received, by unit and month; what is not here never comes.
SENT = {
    A: {period: f"{following(period)}-02T09:00" for period in between(FIRST, LAST)},
    B: {
        "2025-01": "2025-02-03T09:00",
        "2025-02": "2025-03-03T09:00",
        "2025-03": "2025-04-06T00:30",  # while a round of publishing lies unfinished
        "2025-04": "2025-05-03T09:00",  # while the host is down
        "2025-05": "2025-09-11T15:00",  # three months late
        "2025-08": "2025-09-08T10:00",  # by its own cut-off
        "2025-09": "2025-10-09T12:00",  # by that of the calendar
        "2025-10": "2025-11-03T09:00",
    },
    C: {p: f"{following(p)}-04T09:00" for p in ("2025-03", "2025-05", "2025-06", "2025-07", "2025-08")},
    D: {p: f"{following(p)}-05T09:00" for p in between(FIRST, "2025-05")},
}
DOWN = (("2025-03-05T20:00", "2025-03-07T01:00"), ("2025-05-03T01:00", "2025-06-02T01:00"))
# (as of, complete on time, late, missing) of each version of the carrier's report.
EXPECTED = {
    "2025-01": [("2025-02-06T00:03", 3, 0, 0)],
    "2025-02": [("2025-03-07T01:03", 3, 0, 0)],  # F4, an outage over the cut-off: whoever mailed in time is in time
    "2025-03": [("2025-04-06T00:03", 3, 0, 1), ("2025-04-06T01:03", 3, 1, 0)],  # F7: a round keeps its clock
    "2025-04": [("2025-06-02T02:01", 3, 0, 1)],  # F3, an outage over the end of a window
    "2025-05": [("2025-06-06T00:03", 3, 0, 1), ("2025-09-12T02:01", 3, 1, 0)],  # F2, three months later
    # F6, mailbox down. What B says of May closes two problems of April, which were open in three later months.
    "2025-06": [("2025-07-06T06:01", 2, 0, 1), ("2025-07-06T07:03", 3, 0, 0), ("2025-09-12T02:01", 3, 0, 0)],
    # A mail assigned afterwards.
    "2025-07": [("2025-08-06T00:03", 2, 0, 1), ("2025-08-21T02:01", 3, 0, 0), ("2025-09-12T02:01", 3, 0, 0)],
    # A cut-off of its own.
    "2025-08": [("2025-09-06T00:03", 2, 0, 1), ("2025-09-08T18:03", 3, 0, 0), ("2025-09-12T02:01", 3, 0, 0)],
    "2025-09": [("2025-10-09T18:03", 2, 0, 1)],  # a cut-off of the calendar
    "2025-10": [("2025-11-06T00:03", 2, 0, 1)],
    "2025-11": [("2025-12-06T00:03", 1, 0, 2)],
    "2025-12": [("2026-01-06T00:03", 1, 0, 2)],
}
# Who is told so, of the months after whose cut-off the host looks the night after.
OVERDUE = {("2025-04", C), ("2025-05", B), ("2025-07", B), ("2025-09", C), ("2025-12", B), ("2025-12", C)}


def looks() -> Iterator[datetime]:
    """When the host looks: minutes after each cut-off, the night after where somebody is overdue, and when something
    has happened.
    """
    for period in between(FIRST, LAST):
        month = following(period)
        cutoff, night = ("09T18:03", "10T02:01") if period == "2025-09" else ("06T00:03", "07T02:01")
        yield moment(f"{month}-{cutoff}")
        if period in dict(OVERDUE):
            yield moment(f"{month}-{night}")
    for at in ("2025-01-31T12:00", "2025-03-07T01:03", "2025-04-06T01:03", "2025-06-02T02:01", "2025-07-06T06:01",
               "2025-07-06T07:03", "2025-08-08T02:01", "2025-08-21T02:01", "2025-09-08T18:03",
               "2025-09-12T02:01"):  # fmt: skip
        yield moment(at)


class Year:
    """What happens in the year, in its order."""

    def __init__(self, home: Home, up: Host, dovecot: Dovecot, opened: ExitStack, patch: pytest.MonkeyPatch) -> None:
        self.home, self.host, self.patch, self.dovecot = home, up, patch, dovecot
        self.post = Post()
        self.smtp = opened.enter_context(smtp_server(self.post))
        self.runs_before_the_clock_went_back = 0
        for unit, months in SENT.items():
            for period, at in months.items():
                up.post(moment(at), mail(unit, period, moment(at)))
        self.held = mail(B, "2025-07", moment("2025-08-04T10:00"), sender=STRANGER)
        up.post(moment("2025-08-04T10:00"), self.held)
        patch.setenv("SIXTH_TEST_PASSWORD", PASSWORD)
        mailed = mail(B, "2025-06", moment("2025-07-03T09:00"))
        dovecot.append(COLLECTED, mailed, at='"03-Jul-2025 09:00:00 +0800"')

    def events(self) -> dict[datetime, Callable[[], object]]:
        smtp = {"host": self.smtp.host, "port": self.smtp.port, "tls": "none", "timeout_seconds": 10}
        told = {
            "2025-04-06T00:02": self.cut_off_while_publishing,
            "2025-04-06T00:45": self.patch_back,
            "2025-07-02T00:00": lambda: self.mailbox(free_port()),
            "2025-07-06T06:45": lambda: self.mailbox(self.dovecot.port),
            "2025-07-08T00:00": lambda: set_up(self.home),
            "2025-08-01T00:00": lambda: set_up(self.home, smtp=smtp),
            "2025-08-07T00:00": lambda: setattr(self.post, "senders", "451 4.3.0 try later"),
            "2025-08-07T12:00": lambda: setattr(self.post, "senders", ""),
            "2025-08-20T10:00": self.assign,
            "2025-09-01T00:00": lambda: set_up(self.home),
            "2025-09-05T09:00": self.extend,
            # The receipt of a month long closed finds the server closed as well; it must not be forgotten.
            "2025-09-11T00:00": lambda: self.refuse_mails(smtp),
            "2025-09-13T00:00": lambda: set_up(self.home),
            "2025-11-09T12:00": self.set_the_clock_back,
        }
        return {moment(at): event for at, event in told.items()}

    def go(self) -> None:
        """Let the year pass."""
        events, is_down = self.events(), False
        moments = set(looks())
        for at in sorted(moments | events.keys()):
            if at in events:
                events[at]()
            if at not in moments:
                continue
            was_down, is_down = is_down, any(moment(start) <= at < moment(end) for start, end in DOWN)
            if is_down:
                continue
            if was_down:
                self.host.go_down()
            self.host.look(at)

    def cut_off_while_publishing(self) -> None:
        """The power fails when the round is written down, and no version is in its place yet."""
        carry_out = rounds.finish

        def finish(root: Path) -> None:
            if (root / rounds.ROUND).is_file():
                raise RuntimeError("the power is gone")
            carry_out(root)

        self.unpatched = carry_out
        self.patch.setattr(rounds, "finish", finish)
        self.patch.setattr(publish, "finish", finish)

    def patch_back(self) -> None:
        self.patch.setattr(rounds, "finish", self.unpatched)
        self.patch.setattr(publish, "finish", self.unpatched)

    def mailbox(self, port: int) -> None:
        """Set a mailbox, at a port that answers or one that does not."""
        imap = {"host": "127.0.0.1", "port": port, "user": COLLECTED, "tls": "none", "retries": 0}
        set_up(self.home, imap={**imap, "password_env": "SIXTH_TEST_PASSWORD"}, watch_minutes=10)

    def sixth(self, *arguments: str) -> None:
        done = CliRunner().invoke(app, [*arguments, "--by", "王", "--reason", REASON, "--home", str(self.home.root)])
        assert done.exit_code == 0, done.output

    def refuse_mails(self, smtp: dict[str, Any]) -> None:
        self.post.senders = "451 4.3.0 try later"
        set_up(self.home, smtp=smtp)

    def assign(self) -> None:
        sha256 = hashlib.sha256(self.held).hexdigest()
        self.sixth("assign", sha256, "--unit", B, "--as-of", "2025-08-20T10:00:00+08:00")

    def extend(self) -> None:
        self.sixth("extend", B, "--period", "2025-08", "--until", "2025-09-08T18:00",
                   "--as-of", "2025-09-05T09:00:00+08:00")  # fmt: skip

    def set_the_clock_back(self) -> None:
        """Somebody sets it to a time before the last run; nothing comes of that."""
        before = len(self.host.runs())
        self.host.look(moment("2025-11-04T09:00"))
        assert len(self.host.runs()) == before


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, dovecot: Dovecot) -> Iterator[Year]:
    home = make_home(tmp_path_factory.mktemp("year") / "home")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as opened:
        passed = Year(home, opened.enter_context(host(home, patch)), dovecot, opened, patch)
        passed.go()
        yield passed


def summaries(home: Home, period: str, scope: str = CARRIER) -> list[dict[str, Any]]:
    folder = home.published / period / scope
    files = (folder / version / "summary.json" for version in versions(folder))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def test_every_month_has_its_right_versions(year: Year) -> None:
    found = {}
    for period in between(FIRST, LAST):
        found[period] = [
            (s["as_of"][:16], *(s["units"][state] for state in ("complete_on_time", "complete_late", "missing")))
            for s in summaries(year.home, period)
        ]
    assert found == EXPECTED
    kinds = [s["kind"] for period in between(FIRST, LAST) for s in summaries(year.home, period)[:1]]
    assert kinds == ["deadline"] * 12


def test_the_reports_of_one_month_speak_of_one_moment(year: Year) -> None:
    """F7: killed while publishing, carrier and provinces disagreed for good."""
    for period in between(FIRST, LAST):
        for scope in ("YR-01", "YR-02"):
            of_scope = {s["as_of"] for s in summaries(year.home, period, scope)}
            assert of_scope <= {s["as_of"] for s in summaries(year.home, period)}
        first = {scope: summaries(year.home, period, scope)[0] for scope in (CARRIER, "YR-01", "YR-02")}
        assert len({s["as_of"] for s in first.values()}) == 1
        below = sum(first[scope]["units"]["complete_on_time"] for scope in ("YR-01", "YR-02"))
        assert first[CARRIER]["units"]["complete_on_time"] == below
    for manifest in year.home.published.glob("*/*/v*/manifest.json"):
        assert verify(manifest.parent).is_as_published


def test_nobody_is_late_who_was_not(year: Year) -> None:
    late = set()
    for period in between(FIRST, LAST):
        folder = year.home.published / period / CARRIER
        units = pl.read_parquet(folder / versions(folder)[-1] / "data" / "units.parquet")
        late |= {(period, code) for code in units.filter(pl.col("on_time") == False)["unit_code"]}  # noqa: E712
    assert late == {("2025-03", B), ("2025-05", B)}


def test_units_open_close_and_move(year: Year) -> None:
    expected = {p: [summaries(year.home, p, s)[-1]["units"]["expected"] for s in (CARRIER, "YR-01", "YR-02")]
                for p in ("2025-02", "2025-03", "2025-05", "2025-06", "2025-07")}  # fmt: skip
    assert expected == {
        "2025-02": [3, 2, 1],
        "2025-03": [4, 2, 2],  # C opens
        "2025-05": [4, 2, 2],
        "2025-06": [3, 2, 1],  # D is closed
        "2025-07": [3, 1, 2],  # A has moved
    }


def test_the_report_without_the_mailbox_says_so_and_the_next_does_not(year: Year) -> None:
    anyway, caught_up, _ = summaries(year.home, "2025-06")
    assert (anyway["collected"]["imap"], caught_up["collected"]["imap"]) == ("unreachable", "ok")


def test_each_notice_went_out_once(year: Year) -> None:
    out = [email.message_from_bytes(file.read_bytes()) for file in year.home.outbox.glob("*.eml")]
    out += [email.message_from_bytes(raw) for _, raw in year.post.taken]
    assert max(Counter(message["Message-ID"] for message in out).values()) == 1
    with open_ledger(year.home.warehouse) as ledger, Session(ledger) as session:
        notices = list(session.scalars(select(Notice)))
        alerts = list(session.scalars(select(Alert)))
    assert {n.state for n in notices} == {"sent"}
    assert len(notices) + len(alerts) == len(out)
    overdue = Counter((n.period, n.unit_code) for n in notices if n.kind == "overdue")
    assert overdue == Counter(dict.fromkeys(OVERDUE, 1))
    # Every mail of a unit was answered, the late ones, the assigned one and those of outages among them.
    answered = {(n.period, n.unit_code) for n in notices if n.kind == "receipt"}
    assert answered == {(p, u) for u, months in SENT.items() for p in months} | {("2025-06", B), ("2025-07", B)}


def test_operators_were_told_of_what_went_wrong_and_of_nothing_else(year: Year) -> None:
    with open_ledger(year.home.warehouse) as ledger, Session(ledger) as session:
        alerts = list(session.scalars(select(Alert)))
    told = {tuple(alert.key.split("|")[:3]) for alert in alerts}
    assert {alert.recipient for alert in alerts} == {OPERATOR}
    certain = {("mailbox", "", "2025-07-06"), ("failed", "2025-03", "2025-04-06")}
    certain |= {("held", "", f"2025-08-{day}") for day in ("06", "07", "08")}  # until a steward has assigned the mail
    assert told >= certain
    # What was late by an outage is told only where the sensor looked before the run that came at once.
    outages = {("late", "2025-02", "2025-03-07"), ("late", "2025-04", "2025-06-02"), ("late", "2025-06", "2025-07-06")}
    assert told - certain <= outages
    (failed,) = (alert for alert in alerts if alert.key.startswith("failed"))
    assert "RuntimeError: the power is gone" in failed.body
