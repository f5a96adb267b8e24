"""`sixth doctor`: what is wrong with a home, and what to do about it.

commands.md. Belongs here: looking, at one part of the home after the other, and changing none (but that opening the
ledger brings tables of an earlier version up to date). Does not: mending, which is the next run's where it can, and
else a person's.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml
from fontTools.ttLib import TTFont, TTLibError

from assets.instance.clock import now
from assets.instance.disk import disk_fault
from assets.instance.home import (
    DAGSTER_YAML,
    EARLIER_DAGSTER_YAML,
    ON_WORKERS_YAML,
    SCHEMA,
    Home,
    HomeError,
    dagster_yaml,
    postgresql_of,
)
from assets.instance.recipients import load_recipients
from assets.instance.register import RegisterError, load_register
from assets.instance.settings import Settings, SettingsError, load_settings
from assets.instance.store import Store, StoreError, not_ours, owner_of, said_of_store
from assets.instance.warehouse import DAMAGED, FILE, held
from assets.intake.mail import receipts
from assets.intake.mail.archive import ArchiveError, archived, load
from assets.intake.mail.sources import MailboxError, check_mailbox
from assets.ledger.opening import FILE as LEDGER
from assets.ledger.opening import LedgerError, is_outdated, open_reader
from assets.month.work import made_by
from expectations.catalogue import CatalogueError, load_catalogue
from reports.forms.beside import check_kinds
from reports.forms.pdf import FONTS
from reports.notices.smtp import Unreachable, check_server

LARGEST_SKEW = timedelta(minutes=2)
LEAST_FREE = 2 * 2**30  # bytes: a month of a carrier, its report and what DuckDB spills
MOST_NAMED = 5
STILL = timedelta(minutes=10)  # without a heartbeat, which the daemon has every half minute
REPORT_FONTS = ("NotoSansSC-Regular", "NotoSansSC-Bold", "NotoSerifSC-Regular", "NotoSerifSC-Bold")
# What a night without a person rests on; the rest of dagster.yaml is the house's own affair.
DAGSTER_NEEDS = (
    ("run_launcher", "class"),
    ("run_monitoring", "enabled"),
    ("run_retries", "enabled"),
    ("concurrency", "runs", "max_concurrent_runs"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What was found of one part of a home; with a `remedy` where it is wrong."""

    part: str
    found: str
    remedy: str = ""


def examine(home: Home) -> Iterator[Told]:
    """Look at every part of a home, and say of each at least one thing. Raises HomeError."""
    home.check()
    older = ", of an earlier release; `sixth upgrade` or the next run brings it up to date"
    yield Told("home", f"schema {home.schema}" + (older if home.schema != SCHEMA else ""))
    settings = Settings()
    try:
        settings = load_settings(home.register / "settings.yaml")
        check_kinds(settings.documents)
        yield Told("settings", "can be read")
    except SettingsError as error:
        yield Told("settings", str(error), f"correct {home.register / 'settings.yaml'}; no run begins before")
    looks: tuple[Callable[[], Iterator[Told]], ...] = (
        lambda: _register(home),
        lambda: _disk(home),
        lambda: _rights(home),
        _fonts,
        lambda: _dagster(home, settings),
        lambda: _ledger(home, settings),
        lambda: _archive(home),
        lambda: _warehouse(home),
        lambda: _mailbox(settings),
        lambda: _mail_server(settings),
        lambda: _store(home, settings),
    )
    for look in looks:
        yield from look()


def _register(home: Home) -> Iterator[Told]:
    leads: tuple[str, ...] = ()
    rules = Told("rules", "forms, checklists and rules can be read")
    try:
        leads = load_catalogue(home.register).leads
    except CatalogueError as error:
        rules = Told("rules", str(error), f"correct the overrides in {home.register}, or take them away")
    try:
        register = load_register(home.register)
        if not rules.remedy:
            load_recipients(home.register, register, leads)
        yield Told("register", f"can be read, first month {register.first_period}")
    except RegisterError as error:
        yield Told("register", str(error), f"correct it in {home.register}; no run begins before")
    yield rules


def _disk(home: Home) -> Iterator[Told]:
    free = shutil.disk_usage(home.root).free
    found = f"{free / 2**30:.1f} GiB free"
    remedy = f"make room on the disk of {home.root}; `sixth prune` lists what can go" if free < LEAST_FREE else ""
    yield Told("disk", found, remedy)


def _rights(home: Home) -> Iterator[Told]:
    wrong = []
    for folder in (home.archive, home.warehouse, home.published, home.outbox, home.dagster):
        try:
            if folder.exists():  # else a run makes it
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            wrong.append(Told("rights", f"nothing can be written into {folder}: {error.strerror}", _let_write(folder)))
    if home.inbox.exists() and not (home.inbox.is_dir() and os.access(home.inbox, os.R_OK | os.X_OK)):
        wrong.append(Told("rights", f"{home.inbox} cannot be read", _let_write(home.inbox)))
    yield from wrong or [Told("rights", "every folder can be written")]


def _let_write(folder: Path) -> str:
    return f"let {folder} be a folder of the account that runs Sixth (now user id {os.getuid()})"


def _fonts() -> Iterator[Told]:
    broken = []
    for name in REPORT_FONTS:
        try:
            with TTFont(FONTS / f"{name}.ttf", lazy=True) as font:
                font.getBestCmap()
        except (OSError, TTLibError, KeyError) as error:
            broken.append(f"{name}.ttf: {error}")
    if broken:
        yield Told("fonts", "; ".join(broken), "install Sixth again: the fonts of the report are part of it")
    else:
        yield Told("fonts", "those of the report are there")


def _dagster(home: Home, settings: Settings) -> Iterator[Told]:
    file = home.dagster / "dagster.yaml"
    if not file.exists():
        yield Told("dagster", "no dagster.yaml yet; the next run writes it")
        return
    if hashlib.sha256(file.read_bytes()).hexdigest() in EARLIER_DAGSTER_YAML:
        yield Told("dagster", "dagster.yaml is an earlier version's; the next run brings it up to date")
        return
    ours = ON_WORKERS_YAML if settings.shards.workers else DAGSTER_YAML
    anew = f"take it over from {ours}, or move {file} away: the next run writes it anew"
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        wanted = yaml.safe_load(dagster_yaml(settings.shards.workers))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        yield Told("dagster", f"dagster.yaml cannot be read: {error}", anew)
        return
    other = [".".join(key) for key in DAGSTER_NEEDS if _at(config, key) != _at(wanted, key)]
    try:
        url = postgresql_of(settings.dagster_url) if settings.dagster_url else None
    except HomeError as error:
        yield Told("dagster", str(error), f"correct {home.register / 'settings.yaml'}, or install the package")
        return
    if _at(config, ("storage", "postgres", "postgres_url")) != url and settings.dagster_url:
        other.append("storage")
    if other:
        yield Told("dagster", f"dagster.yaml says something else than a night needs in {', '.join(other)}", anew)
        return
    from dagster import DagsterInstance  # noqa: PLC0415 - a second

    try:
        with DagsterInstance.from_config(str(home.dagster)) as instance:
            instance.get_runs_count()
            beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
        yield Told("dagster", "dagster.yaml and storage can be used")
        if beats:  # none on a desk where runs are started by hand
            last = datetime.fromtimestamp(max(beats)).astimezone()
            is_still = now() - last > STILL
            yield Told(
                "daemon",
                f"its last heartbeat was at {last.isoformat(timespec='minutes')}",
                "start it, or no run begins by itself: `systemctl start sixth.target`, on a desk `sixth dev`"
                if is_still
                else "",
            )
    except Exception as error:  # of Dagster's configuration, its storage's driver, or a server's
        told = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
        yield Told("dagster", f"cannot be opened: {told}", f"mend {home.dagster}, or {anew}")


def _at(config: Any, key: tuple[str, ...]) -> Any:
    for name in key:
        config = config.get(name) if isinstance(config, dict) else None
    return config


def _ledger(home: Home, settings: Settings) -> Iterator[Told]:
    again = "restore it from the last backup: decisions and notices cannot be made anew"
    file = home.warehouse / LEDGER
    if not settings.ledger_url and not file.exists():
        if next(home.published.glob("*/*/v1"), None):
            yield Told("ledger", f"{file} is missing, though reports are published", again)
        else:
            yield Told("ledger", "none yet; the next run makes it")
        return
    try:
        if not settings.ledger_url:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
                ((verdict, *_), *_) = connection.execute("pragma integrity_check").fetchall()
            if verdict != "ok":
                yield Told("ledger", f"{file} is damaged: {verdict}", again)
                return
        if home.schema != SCHEMA and is_outdated(home.warehouse, settings.ledger_url):
            yield Told("ledger", "of an earlier release; it is saved before it is migrated")
            return
        with open_reader(home.warehouse, settings.ledger_url) as engine, engine.connect():
            yield Told("ledger", "can be read")
    except sqlite3.DatabaseError as error:
        if disk_fault(error, home.root):  # as SQLite says it of a file in a folder that may not be written
            yield Told("ledger", f"{file} cannot be opened: {error}", _let_write(home.warehouse))
        else:
            yield Told("ledger", f"{file} is damaged: {error}", again)
    except LedgerError as error:
        yield Told("ledger", str(error), "see that its server answers, or install the newer version of Sixth")
    except Exception as error:  # of PostgreSQL's driver, which is one of several
        yield Told("ledger", f"{type(error).__name__}: {error}".splitlines()[0], "see that its server answers")


def _archive(home: Home) -> Iterator[Told]:
    """Every mail of the index and of the receipts is there, with the bytes that its name says."""
    again = "copy them from the last backup (archive/), or ask their senders again"
    known = {receipt.sha256: None for receipt in receipts.read(home.archive)}
    index = home.sightings
    if index.exists():
        try:
            with closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True)) as connection:
                known |= dict.fromkeys(sha256 for (sha256,) in connection.execute("select sha256 from sightings"))
        except sqlite3.DatabaseError as error:
            if disk_fault(error, home.root):
                yield Told("archive", f"{index} cannot be opened: {error}", _let_write(home.warehouse))
            else:
                yield Told("archive", f"{index} is damaged: {error}", f"remove {index}; the next run makes it anew")
    there, damaged = set(), []
    for sha256, _ in archived(home.archive):
        there.add(sha256)
        try:
            load(sha256, home.archive)
        except (ArchiveError, OSError):
            damaged.append(sha256)
    missing = [sha256 for sha256 in known if sha256 not in there]
    for what, mails in (("missing", missing), ("damaged", damaged)):
        if mails:
            named = ", ".join(mails[:MOST_NAMED]) + (" ..." if len(mails) > MOST_NAMED else "")
            yield Told("archive", f"{len(mails)} of its mails {what}: {named}", again)
    if not missing and not damaged:
        yield Told("archive", f"{len(there)} mails, each as it was received")


def _warehouse(home: Home) -> Iterator[Told]:
    file = home.warehouse / FILE
    if not file.exists():
        yield Told("warehouse", "none yet; the next run makes it from the archive")
        return
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            query = "select table_schema || '.' || table_name from information_schema.tables"
            tables = {name for (name,) in connection.execute(query).fetchall()}
            row = connection.execute("select digest from core.made_by").fetchone() if "core.made_by" in tables else None
    except duckdb.Error as error:
        if busy := held(file, error):
            yield Told("warehouse", str(busy))
        else:
            told = str(error).strip().splitlines()[0]
            remedy = "look after its disk; the next run sets it aside and makes it anew of archive, register, ledger"
            yield Told("warehouse", f"cannot be opened: {told}", remedy)
        return
    aside = home.warehouse / DAMAGED
    if aside.exists():
        yield Told("warehouse", f"a damaged one was set aside as {aside}", "look after its disk, then remove that file")
    try:
        is_ours = row is not None and row[0] == made_by(load_catalogue(home.register))
    except CatalogueError:
        return  # told of the rules
    yield Told(
        "warehouse", "of this software" if is_ours else "of other software or rules; the next run settles it anew"
    )


def _mailbox(settings: Settings) -> Iterator[Told]:
    if settings.imap is None:
        yield Told("mailbox", "none is set; mails are taken from the drop folder")
        return
    try:
        mails, newest = check_mailbox(settings.imap)
        yield Told("mailbox", f"{settings.imap.host} lets us in; {mails} mails in {settings.imap.mailbox}")
        if newest is not None and newest > now() + LARGEST_SKEW:
            yield _clock(f"a mail lies in {settings.imap.mailbox} that came at {newest.isoformat()}")
    except MailboxError as error:
        remedy = "see that host, port, user, password and mailbox in settings.yaml, section imap, are right"
        yield Told("mailbox", str(error), remedy)


def _mail_server(settings: Settings) -> Iterator[Told]:
    if settings.smtp is None:
        yield Told("mail server", "none is set; mails to units are put into the outbox")
        return
    try:
        theirs = check_server(settings.smtp)
        yield Told("mail server", f"{settings.smtp.host} lets us in")
        if theirs is not None:
            is_near = abs(theirs - now()) <= LARGEST_SKEW
            yield (
                Told("clock", "that of the mail server")
                if is_near
                else _clock(f"{settings.smtp.host} says that it is {theirs.isoformat()}")
            )
    except Unreachable as error:
        remedy = "see that host, port, user and password in settings.yaml, section smtp, are right"
        yield Told("mail server", str(error), remedy)


def _store(home: Home, settings: Settings) -> Iterator[Told]:
    if not settings.store:
        yield Told("store", "none is set; `sixth backup` saves a home in a file")
        return
    said = said_of_store(home.warehouse)
    try:
        store = Store(settings.store)
        owner = owner_of(store)
    except StoreError as error:
        known = "see that the setting store and the environment (AWS_ACCESS_KEY_ID and others) are right, its server up"
        yield Told("store", str(error), known)
        return
    if owner and (owner, f"{home.root} {store.url}") != (said.get("owner"), said.get("of")):
        yield Told("store", str(not_ours(store)), "name another folder in the setting store")
    elif said.get("failed"):
        again = "it can be reached now; the next run copies the rest"
        yield Told("store", f"no run could copy the home since {said['failed_since']}: {said['failed']}", again)
    else:
        copied_at = said.get("copied_at")
        yield Told("store", f"{store.url} has the home as of {copied_at}" if copied_at else "the next run fills it")


def _clock(found: str) -> Told:
    """A clock that is another than the mail server's makes units late, or on time, that are not."""
    here = now().astimezone().isoformat(timespec="seconds")
    remedy = "let both take their time from one server (timedatectl, chrony)"
    return Told("clock", f"{found}, and here it is {here}", remedy)
