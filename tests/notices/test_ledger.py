"""The ledger: migrated from nothing and again, in WAL mode; notices in their states."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, StatementError

from assets.ledger import people
from assets.ledger.decisions import all_decisions, record
from assets.ledger.models import KINDS, TO_UNITS, Base, Moment, Notice
from assets.ledger.opening import LedgerError, open_ledger
from assets.ledger.queue import (
    Attempt,
    Entry,
    answered,
    claim,
    enqueue,
    mark_sent,
    mark_unsent,
    mark_waiting,
    notices,
)
from tests.made_decisions import waiver
from tests.notices.made_units import PERIOD, when

NOW = when("2026-11-06T00:30")


def entry(key: str = "k1", kind: str = "reminder", **over: object) -> Entry:
    made = Entry(key, kind, PERIOD, "U1", "u1@oa.example", f"<{key}@oa.example>")
    return replace(made, **over)  # type: ignore[arg-type]


def queue_one(ledger: Engine, *entries: Entry) -> dict[str, Notice]:
    return enqueue(ledger, PERIOD, KINDS, entries, NOW)


def states(ledger: Engine) -> dict[str, str]:
    return {n.key: n.state for n in notices(ledger, PERIOD, KINDS)}


# ------------------------------------------------------------------------------------------------------- opening
def test_a_new_ledger_has_the_tables_of_the_models(ledger: Engine) -> None:
    with ledger.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_notices_are_those_of_one_unit_where_it_is_named(ledger: Engine) -> None:
    queue_one(ledger, entry(), entry("k2", unit_code="U2"), entry("k3", "report", unit_code="U2"))
    assert [n.key for n in notices(ledger, PERIOD, KINDS, "U2")] == ["k2", "k3"]
    assert [n.key for n in notices(ledger, PERIOD, TO_UNITS, "U2")] == ["k2"]
    assert [n.key for n in notices(ledger, PERIOD, TO_UNITS)] == ["k1", "k2"]


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        record(ledger, [waiver("f1", NOW)], NOW)
        queue_one(ledger, entry())
    with open_ledger(tmp_path) as ledger:
        assert [d.subject for d in all_decisions(ledger)] == ["f1"]
        assert states(ledger) == {"k1": "queued"}
        with ledger.connect() as connection:
            assert connection.scalars(text("select version_num from alembic_version")).all() == ["0009"]


def test_sqlite_runs_in_wal_mode_with_every_commit_on_disk(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger, ledger.connect() as connection:
        assert (tmp_path / "ledger.sqlite").is_file()
        assert connection.scalar(text("pragma journal_mode")) == "wal"
        assert connection.scalar(text("pragma synchronous")) == 2
        assert connection.scalar(text("pragma foreign_keys")) == 1


def test_processes_that_open_a_new_ledger_at_once_all_get_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from assets.ledger.opening import open_ledger\n"
        "from datetime import UTC, datetime\n"
        "from assets.ledger.decisions import Proposal, record\n"
        "with open_ledger(Path(sys.argv[1])) as ledger:\n"
        "    now = datetime.now(UTC)\n"
        "    record(ledger, [Proposal('waive', sys.argv[2], 'x', 'seen in the original', now)], now)\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)]) for n in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    with open_ledger(tmp_path) as ledger:
        assert sorted(d.subject for d in all_decisions(ledger)) == ["0", "1", "2", "3"]


def test_a_migration_that_breaks_off_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = command.upgrade

    def broken(*arguments: object, **options: object) -> None:
        real(*arguments, **options)  # type: ignore[arg-type]
        raise OSError("the disk is full")

    monkeypatch.setattr(command, "upgrade", broken)
    with pytest.raises(OSError, match="disk"), open_ledger(tmp_path):
        pass
    monkeypatch.undo()
    with sa.create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}").connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    with open_ledger(tmp_path) as ledger:
        assert all_decisions(ledger) == []


def test_grants_of_an_earlier_version_are_kept_as_they_are_let_be_of_one_more_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = command.upgrade
    with monkeypatch.context() as before:
        before.setattr(command, "upgrade", lambda config, _: real(config, "0005"))
        with open_ledger(tmp_path) as ledger:
            people.add_user(ledger, "wang", "", "hash", "tests", NOW)
            people.grant(ledger, "wang", "steward", "EX-15", "tests", NOW)
            people.grant(ledger, "wang", "steward", "EX-15", "tests", NOW, gives=False)
            people.grant(ledger, "wang", "reader", "EX", "tests", NOW)
            with pytest.raises(IntegrityError):
                people.grant(ledger, "wang", "office", "EX-15", "tests", NOW)
    with open_ledger(tmp_path) as ledger:
        people.grant(ledger, "wang", "office", "EX-15", "tests", NOW)
        assert people.users(ledger)[0][1] == (("office", "EX-15"), ("reader", "EX"))
        for statement in (
            "update grants set scope = 'EX'",
            "delete from grants",
            "insert or replace into grants select * from grants",
        ):
            with pytest.raises(IntegrityError), ledger.begin() as connection:
                connection.execute(text(statement))


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger, ledger.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer version"), open_ledger(tmp_path):
        pass


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("no url", "must be as postgresql://"),
        ("nosuch://x", "must be as postgresql://"),
        ("mysql://x:s3cret@y/z", "package|not mysql"),
        ("postgresql://sixth:s3cret@127.0.0.1:1/none?connect_timeout=1", "cannot be opened|package psycopg"),
    ],
)
def test_a_url_that_does_not_work_is_told_without_its_password(tmp_path: Path, url: str, told: str) -> None:
    with pytest.raises(LedgerError, match=told) as caught, open_ledger(tmp_path, url):
        pass
    assert "s3cret" not in str(caught.value)


def test_a_failure_of_the_caller_is_not_taken_for_one_of_the_ledger(tmp_path: Path) -> None:
    with (
        pytest.raises(DatabaseError, match="no such table"),
        open_ledger(tmp_path) as ledger,
        ledger.begin() as connection,
    ):
        connection.execute(text("select * from nowhere"))


def test_moments_are_aware_and_kept_in_utc(ledger: Engine) -> None:
    notice = queue_one(ledger, entry())["k1"]
    mark_sent(ledger, [(notice, "ab")], NOW)
    (kept,) = notices(ledger, PERIOD, KINDS)
    assert (kept.sent_at, kept.created_at) == (NOW, NOW)
    assert kept.sent_at is not None
    assert kept.sent_at.tzinfo is UTC
    with pytest.raises((ValueError, StatementError), match="time zone"):
        mark_sent(ledger, [(notice, "ab")], datetime(2026, 11, 6))
    assert Moment().process_result_value(None, ledger.dialect) is None


# ------------------------------------------------------------------------------------------------------- notices
def test_a_notice_is_queued_once_whoever_queues_it(ledger: Engine) -> None:
    first = queue_one(ledger, entry("k1"), entry("k2"))
    again = queue_one(ledger, entry("k2"), entry("k1"))
    assert {k: n.id for k, n in first.items()} == {k: n.id for k, n in again.items()}
    assert len(notices(ledger, PERIOD, KINDS)) == 2


def test_processes_that_queue_the_same_at_once_queue_it_once(ledger: Engine) -> None:
    errors: list[Exception] = []

    def run() -> None:
        try:
            queue_one(ledger, *(entry(f"k{n}") for n in range(50)))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(notices(ledger, PERIOD, KINDS)) == 50


def test_what_is_no_longer_due_is_withdrawn_and_may_be_due_again(ledger: Engine) -> None:
    sent = queue_one(ledger, entry("k1"), entry("k2"), entry("k3", "receipt"))["k1"]
    mark_sent(ledger, [(sent, "ab")], NOW)
    enqueue(ledger, PERIOD, ("reminder",), [], NOW)
    assert states(ledger) == {"k1": "sent", "k2": "withdrawn", "k3": "queued"}
    enqueue(ledger, PERIOD, ("reminder",), [entry("k1"), entry("k2")], NOW)
    assert states(ledger) == {"k1": "sent", "k2": "queued", "k3": "queued"}


def test_notices_of_other_months_are_left_alone(ledger: Engine) -> None:
    queue_one(ledger, entry("k1"))
    enqueue(ledger, "2026-11", KINDS, [], NOW)
    assert states(ledger) == {"k1": "queued"}


def test_mails_are_answered_only_when_their_receipt_is_out_or_given_up(ledger: Engine) -> None:
    both = entry("k1", "receipt", mails=("m1", "m2")), entry("k2", "receipt", mails=("m3",), recipient="x@oa.example")
    made = queue_one(ledger, *both)
    queue_one(ledger, *both)
    assert answered(ledger, PERIOD) == set()
    mark_sent(ledger, [(made["k1"], "ab")], NOW)
    assert answered(ledger, PERIOD) == {("U1", "u1@oa.example", "m1"), ("U1", "u1@oa.example", "m2")}
    mark_unsent(ledger, made["k2"], "550 no", refused=True, refusals_allowed=1)
    assert ("U1", "x@oa.example", "m3") in answered(ledger, PERIOD)
    assert answered(ledger, "2026-09") == set()


def test_an_attempt_belongs_to_the_process_that_counted_it_first(ledger: Engine) -> None:
    queue_one(ledger, entry())
    (ours,), (theirs,) = notices(ledger, PERIOD, KINDS), notices(ledger, PERIOD, KINDS)
    assert claim(ledger, [Attempt(ours, "题目", "ab")])
    assert not claim(ledger, [Attempt(theirs, "题目", "ab")])
    (kept,) = notices(ledger, PERIOD, KINDS)
    assert (kept.attempts, kept.subject, kept.content_sha256) == (1, "题目", "ab")
    mark_sent(ledger, [(ours, "cd")], NOW)
    assert not claim(ledger, [Attempt(kept, "题目", "ab")])


def test_only_refusals_for_good_and_enough_of_them_fail_a_notice(ledger: Engine) -> None:
    notice = queue_one(ledger, entry())["k1"]
    told = [("451 later", False), ("550 no", True), ("connection lost", False), ("x" * 9999, False), ("550 no", True)]
    ends = [mark_unsent(ledger, notice, error, refused=refused, refusals_allowed=2) for error, refused in told]
    assert ends == ["queued"] * 4 + ["failed"]
    assert queue_one(ledger, entry())["k1"].state == "failed"
    assert notices(ledger, PERIOD, KINDS)[0].last_error == "550 no"


def test_a_notice_that_a_killed_run_left_in_flight_is_told_when_it_is_sent_again(
    ledger: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    queue_one(ledger, entry("k1"), entry("k2"))
    first, second = notices(ledger, PERIOD, KINDS)
    assert claim(ledger, [Attempt(first, "", "ab")])
    mark_waiting(ledger, notices(ledger, PERIOD, KINDS), "no server")
    first, second = notices(ledger, PERIOD, KINDS)
    assert (first.last_error, second.last_error) == ("", "no server")
    assert claim(ledger, [Attempt(first, "", "ab")])
    assert claim(ledger, [Attempt(second, "", "ab")])
    assert [r.getMessage() for r in caplog.records] == [
        "a run ended while sending k1; it is sent again as <k1@oa.example>"
    ]


@pytest.mark.parametrize("change", [{"kind": "gossip"}, {"message_id": "<k1@oa.example>"}], ids=str)
def test_the_database_refuses_what_cannot_be(ledger: Engine, change: dict[str, str]) -> None:
    queue_one(ledger, entry("k1"))
    with pytest.raises(DBAPIError):
        queue_one(ledger, entry("k2", **change))
    assert states(ledger) == {"k1": "queued"}
