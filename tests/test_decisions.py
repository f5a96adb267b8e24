"""The log of decisions, on SQLite and on PostgreSQL: in chains, never changed, never two on the same state."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from assets.ledger.decisions import AlreadyDecided, DecisionError, Proposal, all_decisions, in_force, record
from assets.ledger.models import Decision
from assets.ledger.opening import MIGRATIONS, open_ledger, open_reader
from tests.made_decisions import waiver

NOW = datetime(2026, 11, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def take_back(key: str, at: datetime = NOW) -> Proposal:
    return Proposal("take_back", key, "李卫", "原件与电子版不符", at)


def keys_in_force(ledger: Engine, at: datetime = LATER) -> list[str]:
    return [d.key for d in in_force(all_decisions(ledger), at)]


# ------------------------------------------------------------------------------------------------------------ chains
def test_a_decision_is_known_by_the_digest_of_what_it_says(ledger: Engine) -> None:
    (first,) = record(ledger, [waiver("f1", NOW)], NOW)
    assert (first.key, len(first.key)) == (first.key.lower(), 12)
    (other,) = record(ledger, [waiver("f2", NOW)], LATER)
    assert other.key != first.key
    assert [d.subject for d in all_decisions(ledger)] == [
        d.subject for d in sorted([first, other], key=lambda d: d.key)
    ]


def test_the_same_words_have_the_same_key_on_every_database(ledger: Engine) -> None:
    (made,) = record(ledger, [waiver("f1", NOW, about={"rule": "GEN-02", "cell": "E3"})], LATER)
    assert made.key == "7f21cfc3190a"


def test_a_second_decision_on_the_same_is_refused_and_told_of_the_first(ledger: Engine) -> None:
    (first,) = record(ledger, [waiver("f1", NOW)], NOW)
    with pytest.raises(AlreadyDecided, match=f"{first.key} waive by 王强.*已看过原件.*--over {first.key}"):
        record(ledger, [waiver("f1", NOW, decided_by="李卫")], NOW)
    (second,) = record(ledger, [waiver("f1", NOW, decided_by="李卫", over=first.key)], NOW)
    assert (second.replaces, keys_in_force(ledger)) == (first.key, [second.key])
    with pytest.raises(AlreadyDecided):
        record(ledger, [waiver("f1", NOW, decided_by="张三", over=first.key)], NOW)


def test_a_decision_taken_back_leaves_nothing_in_force_and_may_be_taken_anew(ledger: Engine) -> None:
    (first,) = record(ledger, [waiver("f1", NOW)], NOW)
    (back,) = record(ledger, [take_back(first.key, LATER)], LATER)
    decisions = all_decisions(ledger)
    assert [d.key for d in in_force(decisions, NOW)] == [first.key]
    assert in_force(decisions, LATER) == []
    with pytest.raises(DecisionError, match=f"{first.key} is not in force: take back {back.key} by 李卫"):
        record(ledger, [take_back(first.key, LATER)], LATER)
    with pytest.raises(DecisionError, match="nothing is in force"):
        record(ledger, [waiver("f1", LATER, over=first.key)], LATER)
    (again,) = record(ledger, [waiver("f1", LATER)], LATER)
    assert again.replaces == back.key
    assert keys_in_force(ledger) == [again.key]


def test_a_batch_is_recorded_whole_or_not_at_all(ledger: Engine) -> None:
    record(ledger, [waiver("f2", NOW)], NOW)
    with pytest.raises(AlreadyDecided):
        record(ledger, [waiver("f1", NOW), waiver("f2", NOW)], NOW)
    with pytest.raises(AlreadyDecided):
        record(ledger, [waiver("f3", NOW), waiver("f3", NOW, reason="又看了一遍原件")], NOW)
    assert [d.subject for d in all_decisions(ledger)] == ["f2"]


def test_time_runs_forward_in_a_chain(ledger: Engine) -> None:
    (first,) = record(ledger, [waiver("f1", LATER)], LATER)
    with pytest.raises(DecisionError, match="decided later"):
        record(ledger, [waiver("f1", NOW, over=first.key)], LATER)
    with pytest.raises(DecisionError, match="future"):
        record(ledger, [waiver("f2", LATER)], NOW)


def test_notes_stand_beside_one_another(ledger: Engine) -> None:
    notes = [waiver("f1", NOW, kind="note"), waiver("f1", NOW, kind="note", reason="单位说下周补报")]
    made = record(ledger, notes, NOW)
    assert sorted(d.key for d in made) == sorted(keys_in_force(ledger))


@pytest.mark.parametrize(
    "over", [{"kind": "delete"}, {"decided_by": " "}, {"reason": "已  核 对"}, {"subject": ""}], ids=str
)
def test_a_decision_needs_who_what_and_why(ledger: Engine, over: dict[str, str]) -> None:
    with pytest.raises(DecisionError):
        record(ledger, [waiver("f1", NOW), waiver(**{"subject": "f2", "at": NOW, **over})], NOW)  # type: ignore[arg-type]
    assert all_decisions(ledger) == []


def test_of_stewards_who_decide_at_once_one_is_refused(ledger: Engine) -> None:
    ready, told = threading.Barrier(4), []

    def decide(who: int) -> None:
        ready.wait()
        try:
            record(ledger, [waiver("f1", NOW, decided_by=f"steward {who}")], NOW)
            told.append("decided")
        except AlreadyDecided as refused:
            told.append(refused.standing.key)

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (made,) = all_decisions(ledger)
    assert sorted(told) == sorted(["decided", *[made.key] * 3])


# ------------------------------------------------------------------------------------ what the database itself keeps
ROW = """(key, kind, chain, replaces, subject, unit_code, period, mail, fault, through, about, decided_by, reason,
    decided_at, recorded_at, account)"""


def insert(ledger: Engine, made: Decision, how: str = "insert", **over: object) -> None:
    names = [name.strip() for name in ROW.strip("()").split(",")]
    values = {**{name: getattr(made, name) for name in names}, **over}
    statement = text(f"{how} into decisions {ROW} values ({', '.join(':' + n for n in names)})")
    moments = [sa.bindparam(n, type_=Decision.__table__.c[n].type) for n in ("decided_at", "recorded_at")]
    with ledger.begin() as connection:
        connection.execute(statement.bindparams(*moments), values)


@pytest.mark.parametrize("sql", ["delete from decisions", "update decisions set reason = 'another one'"])
def test_no_decision_is_changed_or_deleted(ledger: Engine, sql: str) -> None:
    (made,) = record(ledger, [waiver("f1", NOW)], NOW)
    with pytest.raises(DBAPIError, match="never changed or deleted"), ledger.begin() as connection:
        connection.execute(text(sql))
    if ledger.dialect.name == "sqlite":
        with pytest.raises(DBAPIError, match="never changed or deleted"):
            insert(ledger, made, "insert or replace", reason="another one")
    else:
        with pytest.raises(DBAPIError, match="never changed or deleted"), ledger.begin() as connection:
            connection.execute(text("truncate decisions"))
    assert [d.reason for d in all_decisions(ledger)] == [made.reason]


@pytest.mark.parametrize(
    "over",
    [
        {"key": "0123456789ab"},  # a second first one
        {"key": "0123456789ab", "replaces": "ffffffffffff"},
        {"key": "0123456789ab", "replaces": "FIRST", "chain": "waive:f2"},
        {"key": "0123456789ab", "replaces": "FIRST", "decided_at": NOW - timedelta(seconds=1)},
        {"key": "0123", "replaces": "FIRST"},
        {"key": "0123456789ab", "replaces": "FIRST", "kind": "gossip"},
        {"replaces": "FIRST"},
    ],
    ids=str,
)
def test_the_database_keeps_the_chains(ledger: Engine, over: dict[str, object]) -> None:
    (made,) = record(ledger, [waiver("f1", NOW)], NOW)
    with pytest.raises(DBAPIError):
        insert(ledger, made, **{k: made.key if v == "FIRST" else v for k, v in over.items()})
    insert(ledger, made, key="0123456789ab", replaces=made.key)
    assert keys_in_force(ledger) == ["0123456789ab"]


# ----------------------------------------------------------------------------------------------- readers, migration
def test_a_reader_neither_waits_for_a_writer_nor_writes(ledger_url: str, tmp_path: Path) -> None:
    with open_reader(tmp_path, ledger_url) as reader:
        assert all_decisions(reader) == []  # made by the reader where it was missing
    with open_ledger(tmp_path, ledger_url) as ledger, open_reader(tmp_path, ledger_url) as reader:
        (made,) = record(ledger, [waiver("f1", NOW)], NOW)
        with ledger.begin() as writing:
            writing.execute(text("update alembic_version set version_num = version_num"))
            assert [d.key for d in all_decisions(reader)] == [made.key]
        with reader.begin() as reading:  # a reader under way holds no writer up
            reading.execute(text("select * from decisions"))
            record(ledger, [waiver("f2", NOW)], NOW)
        with pytest.raises(DBAPIError):
            record(reader, [waiver("f3", NOW)], NOW)


def test_decisions_of_the_first_version_are_carried_over(ledger_url: str, tmp_path: Path) -> None:
    engine = create_engine(ledger_url or f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for kind, subject, reason in (("waive", "f1", "已核"), ("waive", "f1", "再核"), ("confirm_seal", "U1", "看过")):
            connection.execute(
                text(
                    "insert into decisions (kind, subject, unit_code, period, decided_by, reason, decided_at) "
                    f"values ('{kind}', '{subject}', 'U1', '2026-10', '王强', '{reason}', '2026-11-06 01:00:00+00')"
                    if ledger_url
                    else "insert into decisions (kind, subject, unit_code, period, decided_by, reason, decided_at) "
                    f"values ('{kind}', '{subject}', 'U1', '2026-10', '王强', '{reason}', '2026-11-06 01:00:00.000000')"
                )
            )
    engine.dispose()
    with open_ledger(tmp_path, ledger_url) as ledger:
        told = {d.reason: (d.subject, d.decided_at, d.replaces) for d in all_decisions(ledger)}
        first = next(d.key for d in all_decisions(ledger) if d.reason == "已核")
        assert told == {"已核": ("f1", NOW, ""), "再核": ("f1", NOW, first), "看过": ("U1/2026-10", NOW, "")}
        with pytest.raises(DBAPIError, match="never changed or deleted"), ledger.begin() as connection:
            connection.execute(text("delete from decisions"))
