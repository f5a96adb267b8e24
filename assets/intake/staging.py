"""Mails into the warehouse: every archived mail parsed once, in worker processes, into the staging tables.

Belongs here: which mails are not parsed yet, sending them to the workers, loading what they wrote, and finding the
attachment that killed a worker. Does not: the parsing itself (assets/intake/parsing.py), the pool
(assets/instance/workers.py).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from assets.instance.warehouse import Warehouse
from assets.instance.workers import Died, run_isolated
from assets.intake.mail.seen import Seen
from assets.intake.parsing import (
    Parser,
    ParseTask,
    ProbeTask,
    parse_batch,
    probe,
    schemas,
    start_worker,
    unparsable,
    write_tables,
)

log = logging.getLogger("sixth.staging")

MOST_MAILS = 48  # in a batch, which writes a file of each table
LOAD = 24  # batches a load
Progress = Callable[[int, int], None]
T = TypeVar("T")
R = TypeVar("R")


def prepare(warehouse: Warehouse, parser: Parser) -> None:
    """Make the staging tables. Mails parsed with other forms or limits are forgotten, and parsed again."""
    if warehouse.exists("staging.mails"):
        known = warehouse.value("select max(parser) from staging.mails")
        there = warehouse.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'staging'"
        ).fetchall()
        wanted = {(table, column) for table, schema in schemas(parser.catalogue).items() for column in schema}
        if known in (None, parser.fingerprint) and wanted <= set(there):
            return
        log.info("forms or limits have changed: all mails are parsed again")
    with warehouse.at_once():
        for table, schema in schemas(parser.catalogue).items():
            warehouse.put(f"staging.{table}", pl.DataFrame(schema=schema))


def put_receipts(warehouse: Warehouse, seen: Iterable[Seen]) -> None:
    """Write what the sources know of each mail: when they had it, further copies, when it was first seen."""
    rows = [(s.sha256, s.received_at, s.copies, s.seen_at) for s in seen]
    schema: dict[str, Any] = {
        "mail": pl.String, "told_at": pl.Datetime("us", "UTC"), "copies": pl.Int64, "seen_at": pl.Datetime("us", "UTC"),
    }  # fmt: skip
    warehouse.put("staging.receipts", pl.DataFrame(rows, schema=schema, orient="row"))


def put_collected(warehouse: Warehouse, states: Mapping[str, str]) -> None:
    """Write how the latest collecting went: of imap and folder ok, unreachable, or none where there is no mailbox."""
    rows = list(states.items())
    schema = {"source": pl.String, "state": pl.String}
    warehouse.put("staging.collected", pl.DataFrame(rows, schema=schema, orient="row"))


def parse_new(
    warehouse: Warehouse, parser: Parser, archive: Path, incoming: Path, progress: Progress | None = None
) -> int:
    """Parse every mail of staging.receipts that is not in staging.mails; how many that were.

    Killed at any moment, the next call goes on where the last load ended: a mail is there with all its rows or
    not at all. A mail or attachment that kills its reader ends as finding ENV-03 with the reason crashed, timeout
    or memory.
    """
    prepare(warehouse, parser)
    mails = [
        r["mail"]
        for r in warehouse.rows(
            "select mail from staging.receipts where mail not in (select mail from staging.mails) order by mail"
        )
    ]
    if not mails:
        return 0
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    workers = os.cpu_count() or 1
    size = max(1, min(MOST_MAILS, len(mails) // (2 * workers)))  # of few mails every worker has a share
    batches = [mails[i : i + size] for i in range(0, len(mails), size)]
    tasks = (
        ParseTask(tuple((m, ()) for m in batch), archive, incoming, f"{number:06d}")
        for number, batch in enumerate(batches)
    )
    done, finished = 0, []
    with ThreadPoolExecutor(1) as loader:  # beside the workers, which would wait for it
        loading: Future[None] | None = None
        for task, outcome in _isolated(parse_batch, tasks, parser):
            if isinstance(outcome, Died):
                log.warning("a batch of %d mails died (%s); they are parsed singly", len(task.mails), outcome.reason)
                _parse_singly(task, parser)
            finished.append(task.stem)
            done += len(task.mails)
            if progress:
                progress(done, len(mails))
            if len(finished) >= LOAD:
                if loading:
                    loading.result()
                loading = loader.submit(load, warehouse, incoming, finished)
                finished = []
        if loading:
            loading.result()
    load(warehouse, incoming, finished)
    shutil.rmtree(incoming, ignore_errors=True)
    return len(mails)


def _isolated(function: Callable[[T], R], tasks: Iterable[T], parser: Parser) -> Iterator[tuple[T, R | Died]]:
    return run_isolated(
        function,
        tasks,
        workers=os.cpu_count() or 1,
        batch=1,
        seconds_per_task=parser.limits.file_seconds,  # until the first file; each begins it anew
        memory_bytes=parser.limits.file_memory_bytes,
        initializer=start_worker,
        initargs=(parser,),
    )


def _parse_singly(batch: ParseTask, parser: Parser) -> None:
    """Parse the mails of a batch that died one by one, and those that die again without their guilty attachments."""
    singles = [
        ParseTask((mail,), batch.archive, batch.folder, f"{batch.stem}-{i:03d}") for i, mail in enumerate(batch.mails)
    ]
    for task, outcome in _isolated(parse_batch, singles, parser):
        if not isinstance(outcome, Died):
            continue
        mail = task.mails[0][0]
        guilty = tuple(_guilty(mail, task.archive, parser))
        log.warning(
            "mail %s ended with %s; attachments set aside: %s", mail[:12], outcome.reason, guilty, extra={"mail": mail}
        )
        again = ParseTask(((mail, guilty),), task.archive, task.folder, task.stem)
        (_, second), *_ = _isolated(parse_batch, [again], parser)
        if isinstance(second, Died):
            write_tables([unparsable(mail, second.reason)], parser, task.folder, task.stem)


def _guilty(mail: str, archive: Path, parser: Parser) -> Iterator[tuple[int, str]]:
    """The attachments that kill their reader when opened alone, each with how it died."""
    (_, numbers), *_ = _isolated(probe, [ProbeTask(mail, archive, None)], parser)
    if isinstance(numbers, Died):
        return
    for task, outcome in _isolated(probe, [ProbeTask(mail, archive, n) for n in numbers], parser):
        if isinstance(outcome, Died) and task.number is not None:
            yield task.number, outcome.reason


def load(warehouse: Warehouse, incoming: Path, stems: Iterable[str]) -> None:
    """Load what was written for finished batches, in one transaction, and remove the files.

    Batches that workers are still writing are left alone: a mail is loaded with all its rows or not at all.
    """
    finished = frozenset(stems)
    files: dict[str, list[Path]] = {}
    for path in sorted(incoming.glob("*/*.parquet")):
        if path.stem.partition("-")[0] in finished:
            files.setdefault(path.parent.name, []).append(path)
    warehouse.execute("begin")
    try:
        for table, paths in files.items():
            listed = ", ".join(f"'{path}'" for path in paths)
            warehouse.execute(f"insert into staging.{table} by name select * from read_parquet([{listed}])")
    except BaseException:
        warehouse.execute("rollback")
        raise
    warehouse.execute("commit")
    for paths in files.values():
        for path in paths:
            path.unlink()
