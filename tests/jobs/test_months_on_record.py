"""A month before the home's first run that has no mail is not on record: nobody is missing in it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.jobs.expected import latest
from tests.jobs.test_sample import sixth

AS_OF = "2026-10-06T00:30:00+08:00"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose register begins long before its first run, which is that of the sample's first month."""
    made = tmp_path_factory.mktemp("record") / "home"
    sixth("init", "--sample", "--home", made)
    calendar = made / "register" / "calendar.yaml"
    told = calendar.read_text(encoding="utf-8")
    calendar.write_text(told.replace("first_period: 2026-09", "first_period: 2026-01"), encoding="utf-8")
    assert "2026-01" in calendar.read_text(encoding="utf-8")
    sixth("run", "--home", made, "--period", "2026-09", "--as-of", AS_OF)
    return made


def test_no_table_holds_a_month_that_is_not_on_record(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse/sixth.duckdb"), read_only=True) as warehouse:
        for table in ("core.settled", "core.units", "marts.unit_results", "marts.summaries"):
            found = {p for (p,) in warehouse.execute(f"select distinct period from {table}").fetchall()}
            assert found == {"2026-09"}, table
    page = (latest(home, "2026-09", "EX") / "report.html").read_text(encoding="utf-8")
    assert "2026年8月" not in page


def test_spans_are_of_the_months_on_record(home: Path) -> None:
    told = sixth("report", "--home", home, "--half", "2026H2", "--as-of", AS_OF).stdout
    assert "2026-09 to 2026-09, 1 in all" in told
    refused = sixth("report", "--home", home, "--half", "2026H1", "--as-of", AS_OF, check=2)
    assert "no month of 2026H1 is on record" in refused.stdout + refused.stderr
