"""Dagster's event log in SQLite, for a run in this process: the stock one with its connections kept open.

The stock storage opens a connection for every read and write, and a run of a month does some 800 of them: a fifth of
the processor time of a night in which nothing is new. The files, their tables and their locks are the stock one's, so
that web page and daemon, which know nothing of this, read the same log.

Belongs here: the storage, and the instance that has it. Does not: Dagster's settings (assets/instance/dagster.yaml).
`_connect`, `_db_lock`, `_initialized_dbs` and `_initdb` are of the stock class and not promised;
tests/jobs/test_event_log.py holds them to what is expected here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

PRINTED_ALONE = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}


def instance_of(folder: Path) -> dg.DagsterInstance:
    """The instance of a DAGSTER_HOME, with this event log where its settings name no other.

    What such a run prints is the terminal's alone: to keep it a second time, Dagster starts four processes.
    """
    ref = InstanceRef.from_dir(str(folder))
    ours: dict[str, Any] = {"compute_logs": PRINTED_ALONE}
    log = ref.event_storage_data
    if log is not None and log.class_name == SqliteEventLogStorage.__name__:
        ours["event_log_storage"] = {"module": __name__, "class": KeptOpen.__name__, "config": log.config_dict}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=ours))


class KeptOpen(SqliteEventLogStorage):
    """The stock event log; a connection a file is opened once, and closed with the instance."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> KeptOpen:
        """As the stock one, of this class."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._engines[shard] = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def dispose(self) -> None:
        """Close every connection."""
        super().dispose()
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()


def _engine(url: str) -> Engine:
    """One connection, of whichever thread has the lock; what a kill leaves is whole, what a power cut leaves is told
    by the reports, not by the log.
    """
    options = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    engine = create_engine(url, poolclass=StaticPool, connect_args=options)

    @event.listens_for(engine, "connect")
    def quick(connection: Any, _record: object) -> None:
        connection.execute("pragma synchronous = normal")

    return engine
