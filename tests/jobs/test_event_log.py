"""Dagster's event log with its connections kept open is the stock one's, file by file."""

from __future__ import annotations

import inspect
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Engine

from pipelines import event_log
from pipelines.event_log import KeptOpen, instance_of


@dg.asset
def three() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"number": 3})


def test_the_stock_log_reads_what_was_written_through_one_connection_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    engine = event_log._engine

    def counted(url: str) -> Engine:
        opened.append(url)
        return engine(url)

    monkeypatch.setattr(event_log, "_engine", counted)
    with instance_of(tmp_path) as instance:
        assert type(instance.event_log_storage) is KeptOpen
        run = dg.materialize([three], instance=instance).run_id
        written = [e.message for e in instance.all_logs(run)]
    assert len(opened) == len(set(opened)) == 2  # what is of all runs, and what is of this one
    with dg.DagsterInstance.from_config(str(tmp_path)) as stock:
        assert type(stock.event_log_storage) is SqliteEventLogStorage
        assert [e.message for e in stock.all_logs(run)] == written
        event = stock.get_latest_materialization_event(three.key)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["number"].value == 3


def test_a_log_that_the_settings_name_is_left_alone(tmp_path: Path) -> None:
    named = "event_log_storage: {module: dagster._core.storage.event_log, class: ConsolidatedSqliteEventLogStorage, "
    (tmp_path / "dagster.yaml").write_text(f"{named}config: {{base_dir: {tmp_path}/log}}}}\n", encoding="utf-8")
    with instance_of(tmp_path) as instance:
        assert type(instance.event_log_storage).__name__ == "ConsolidatedSqliteEventLogStorage"


def test_what_is_taken_from_the_stock_class_is_still_as_it_was() -> None:
    """Every read and write goes through `_connect`, under one lock that is not taken twice."""
    source = inspect.getsource(SqliteEventLogStorage)
    assert "def _connect(self, shard: str) -> Iterator[Connection]" in source
    assert "return self._connect(run_id)" in source
    assert "return self._connect(INDEX_SHARD_NAME)" in source
    assert "self._db_lock = threading.Lock()" in source
    assert list(inspect.signature(SqliteEventLogStorage._initdb).parameters) == ["self", "engine", "for_index_shard"]
