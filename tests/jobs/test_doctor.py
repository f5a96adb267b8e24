"""A home in which nothing is wrong is told to be so; of everything that is wrong a line says what, and what to do."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from assets.instance.home import Home
from assets.instance.settings import ImapSettings, Settings
from assets.instance.warehouse import open_warehouse
from assets.intake.mail import archive
from assets.intake.mail.receipts import Receipt, append
from assets.ledger.opening import open_ledger
from assets.month.work import made_by
from expectations.catalogue import load_catalogue
from pipelines import doctor
from pipelines.cli import app
from pipelines.new_home import make_dagster_storage, make_home
from tests.notices.smtp_server import Post, smtp_server

MAIL = b"Subject: 1\r\n\r\n1\r\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of the sample that has a ledger, a mail with its receipt, and a warehouse of this software."""
    made = Home(tmp_path / "home")
    make_home(made, sample=True)
    make_dagster_storage(made)
    with open_ledger(made.warehouse) as ledger, ledger.connect():
        pass
    append(made.archive, [Receipt("folder", "1.eml", archive.store(MAIL, made.archive))])
    with open_warehouse(made.warehouse) as warehouse:
        warehouse.put("core.made_by", pl.DataFrame({"digest": [made_by(load_catalogue(made.register))]}))
    return made


def examined(home: Home) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", "--home", str(home.root)])
    return done.exit_code, done.output


def test_a_home_in_which_nothing_is_wrong(home: Home) -> None:
    status, told = examined(home)
    assert status == 0, told
    lines = told.splitlines()
    assert lines[-1] == "nothing is wrong"
    assert [line.removeprefix("ok").strip().split(":")[0] for line in lines[:-1]] == [
        "home", "settings", "register", "rules", "disk", "rights", "fonts", "dagster", "ledger", "archive",
        "warehouse", "mailbox", "mail server", "store",
    ]  # fmt: skip
    assert "warehouse: of this software" in told


def test_a_new_home_has_nothing_wrong(tmp_path: Path) -> None:
    made = Home(tmp_path / "home")
    make_home(made, sample=True)
    status, told = examined(made)
    assert status == 0, told


def settings(text: str) -> Callable[[Home], None]:
    return lambda home: (home.register / "settings.yaml").write_text(text, encoding="utf-8") and None


def recipients_without_an_address(home: Home) -> None:
    text = "scope,name,mailbox,forms,when\nEX,张总,nobody,html,always\n"
    (home.register / "recipients.csv").write_text(text, encoding="utf-8")


def register_without_a_heading(home: Home) -> None:
    (home.register / "units.csv").write_text("nothing\n", encoding="utf-8")


def rules_that_are_none(home: Home) -> None:
    (home.register / "rules.yaml").write_text("[", encoding="utf-8")


def outbox_that_is_a_file(home: Home) -> None:
    home.outbox.rmdir()
    home.outbox.write_text("")


def dagster_without_retries(home: Home) -> None:
    file = home.dagster / "dagster.yaml"
    file.write_text(file.read_text("utf-8").replace("run_retries:\n  enabled: true", "run_retries:\n  enabled: false"))


def dagster_of_another_storage(home: Home) -> None:
    with (home.dagster / "dagster.yaml").open("a", encoding="utf-8") as file:
        file.write("storage:\n  sqlite:\n    no_such_setting: 1\n")


def ledger_gone(home: Home) -> None:
    for file in home.warehouse.glob("ledger.sqlite*"):
        file.unlink()
    (home.published / "2026-09" / "EX" / "v1").mkdir(parents=True)


def ledger_overwritten(home: Home) -> None:
    (home.warehouse / "ledger.sqlite").write_bytes(b"no database " * 1000)


def ledger_of_a_newer_version(home: Home) -> None:
    with sqlite3.connect(home.warehouse / "ledger.sqlite") as ledger:
        ledger.execute("update alembic_version set version_num = '999999'")


def mail_gone(home: Home) -> None:
    archive.path_of(hashlib.sha256(MAIL).hexdigest(), home.archive).unlink()


def mail_changed(home: Home) -> None:
    path = archive.path_of(hashlib.sha256(MAIL).hexdigest(), home.archive)
    path.chmod(0o600)
    path.write_bytes(MAIL.replace(b"1", b"2"))


def warehouse_overwritten(home: Home) -> None:
    (home.warehouse / "sixth.duckdb").write_bytes(b"no database " * 1000)


def store_of_another(home: Home) -> None:
    folder = home.root.parent / "store"
    folder.mkdir()
    (folder / "owner.json").write_text("another", encoding="utf-8")
    settings(f"store: file://{folder}")(home)


@pytest.mark.parametrize(
    ("break_it", "part", "remedy"),
    [
        (settings("cutoff: {deadline_day: 31}"), "settings", "correct "),
        (settings("documents: [assessment, praise]"), "settings", "correct "),
        (register_without_a_heading, "register", "correct "),
        (recipients_without_an_address, "register", "correct "),
        (rules_that_are_none, "rules", "correct "),
        (outbox_that_is_a_file, "rights", "let "),
        (dagster_without_retries, "dagster", "take it over from "),
        (dagster_of_another_storage, "dagster", "mend "),
        (ledger_gone, "ledger", "restore it "),
        (ledger_overwritten, "ledger", "restore it "),
        (ledger_of_a_newer_version, "ledger", "see that "),
        (mail_gone, "archive", "copy them "),
        (mail_changed, "archive", "copy them "),
        (warehouse_overwritten, "warehouse", "look after "),
        (settings("imap: {host: 127.0.0.1, port: 1, user: u, tls: none, password_env: HOME}"), "mailbox", "see that "),
        (settings("imap: {host: 127.0.0.1, user: u, password_env: SIXTH_NO_SUCH}"), "mailbox", "see that "),
        (settings("smtp: {host: 127.0.0.1, port: 1, tls: none}"), "mail server", "see that "),
        (store_of_another, "store", "name another "),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy(
    home: Home, break_it: Callable[[Home], None], part: str, remedy: str
) -> None:
    break_it(home)
    status, told = examined(home)
    lines = told.splitlines()
    wrong = [number for number, line in enumerate(lines) if line.startswith("WRONG")]
    assert status == 1, told
    assert [lines[number].removeprefix("WRONG ").split(":")[0] for number in wrong] == [part]
    assert f"; to do: {remedy}" in lines[wrong[0]]
    assert lines[-1] == "1 wrong"


def test_a_disk_that_is_nearly_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE", 2**80)
    assert [t.part for t in doctor.examine(home) if t.remedy] == ["disk"]


def test_a_font_that_is_broken(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FONTS", tmp_path)
    (tmp_path / "NotoSansSC-Bold.ttf").write_bytes(b"no font")
    (told,) = (t for t in doctor.examine(home) if t.remedy)
    assert told.part == "fonts"
    assert all(f"{name}.ttf" in told.found for name in doctor.REPORT_FONTS)


def test_a_warehouse_of_other_software_is_no_fault(home: Home) -> None:
    with duckdb.connect(str(home.warehouse / "sixth.duckdb")) as connection:
        connection.execute("update core.made_by set digest = 'other'")
    status, told = examined(home)
    assert status == 0
    assert "warehouse: of other software or rules; the next run settles it anew" in told


def test_a_mail_server_that_lets_us_in(home: Home) -> None:
    post = Post()
    with smtp_server(post) as smtp:
        settings(f"smtp: {{host: 127.0.0.1, port: {smtp.port}, tls: none}}")(home)
        status, told = examined(home)
    assert status == 0, told
    assert "mail server: 127.0.0.1 lets us in" in told
    assert (post.connections, post.mails) == (1, [])


@pytest.mark.parametrize(("minutes", "is_wrong"), [(1, False), (-10, True), (10, True)])
def test_a_clock_is_held_against_that_which_the_mail_server_greets_with(
    monkeypatch: pytest.MonkeyPatch, minutes: int, is_wrong: bool
) -> None:
    theirs = datetime(2026, 11, 6, 8, 30, tzinfo=timezone(timedelta(hours=8)))
    monkeypatch.setattr(doctor, "now", lambda: theirs + timedelta(minutes=minutes))
    with smtp_server(Post(), ident="mail ready at Fri, 6 Nov 2026 08:30:00 +0800") as smtp:
        told = {t.part: t for t in doctor._mail_server(replace(Settings(), smtp=smtp))}
    assert told["mail server"].remedy == ""
    assert bool(told["clock"].remedy) == is_wrong
    assert ("2026-11-06T08:30:00+08:00" in told["clock"].found) == is_wrong


def test_a_mail_server_that_greets_without_its_clock_is_none_to_go_by() -> None:
    with smtp_server(Post(), ident="Postfix") as smtp:
        assert [t.part for t in doctor._mail_server(replace(Settings(), smtp=smtp))] == ["mail server"]


@pytest.mark.parametrize(("minutes", "is_wrong"), [(-60, False), (1, False), (10, True)])
def test_a_mail_that_came_in_the_future_says_that_the_clock_is_behind(
    monkeypatch: pytest.MonkeyPatch, minutes: int, is_wrong: bool
) -> None:
    newest = doctor.now() + timedelta(minutes=minutes)
    monkeypatch.setattr(doctor, "check_mailbox", lambda _: (3, newest))
    imap = ImapSettings("mail.example", "u", tls="none", password_env="HOME")
    told = {t.part for t in doctor._mailbox(replace(Settings(), imap=imap)) if t.remedy}
    assert told == ({"clock"} if is_wrong else set())


def test_a_ledger_that_cannot_be_opened_is_not_told_as_damaged(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk mounted for reading it asked for the ledger of the last backup, and to remove the index of mails."""

    def refused(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(doctor.sqlite3, "connect", refused)
    told = "\n".join(f"{t.found}; {t.remedy}" for t in doctor._ledger(home, Settings()))
    assert "cannot be opened" in told
    assert "let " in told
    assert "damaged" not in told


@pytest.mark.parametrize(("seconds", "is_wrong"), [(30, False), (3600, True)])
def test_a_daemon_whose_heart_stands_still_is_told(home: Home, seconds: int, is_wrong: bool) -> None:
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - seconds, "SENSOR", "1", []))
    told = {t.part: t for t in doctor._dagster(home, Settings())}
    assert "last heartbeat" in told["daemon"].found
    assert bool(told["daemon"].remedy) == is_wrong
    assert told["dagster"].remedy == ""
