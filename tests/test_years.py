"""docs/years.sql: years of a published table read as one, each month in its latest version and under its own forms."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

STATEMENT = (Path(__file__).parents[1] / "docs" / "years.sql").read_text(encoding="utf-8")


def put(root: Path, period: str, scope: str, version: str, rows: pl.DataFrame) -> None:
    folder = root / "published" / period / scope / version / "data"
    folder.mkdir(parents=True)
    rows.write_parquet(folder / "problems.parquet")
    rows.with_columns(row_id=1).write_parquet(folder / "units.parquet")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Months of which one was published again, one under forms with a column more, and one is not closed yet."""
    first = pl.DataFrame({"period": ["2026-09"], "unit": ["A"], "count": [1]})
    put(tmp_path, "2026-09", "EX", "v1", first.with_columns(count=pl.lit(7)))
    put(tmp_path, "2026-09", "EX", "v9", first.with_columns(count=pl.lit(8)))
    put(tmp_path, "2026-09", "EX", "v10", first)
    put(tmp_path, "2026-09", "EX-15", "v1", first)
    later = pl.DataFrame({"period": ["2026-10"] * 2, "owner": ["x", "y"], "unit": ["A", "B"], "count": [2, 3]})
    put(tmp_path, "2026-10", "EX", "v1", later)
    put(tmp_path, "2026-11", "EX", "interim", later.with_columns(period=pl.lit("2026-11")))
    put(tmp_path, "2026H2", "EX", "v1", later)
    return tmp_path


def read(scope: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute("set variable name = 'problems'")
        connection.execute("set variable scope = $scope", {"scope": scope})
        cursor = connection.execute(STATEMENT)
        names = [column[0] for column in cursor.description or ()]
        rows = pl.DataFrame([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])
    return rows.select("period", "unit", "count", *({"owner"} & {*names})).sort("count").rows()


def test_years_are_read_as_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert read("EX") == [("2026-09", "A", 1, None), ("2026-10", "A", 2, "x"), ("2026-10", "B", 3, "y")]
    assert read("EX-15") == [("2026-09", "A", 1)]
