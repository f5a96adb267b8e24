"""What can be made anew of closed months is listed, and goes with --yes; mails, versions and the ledger stay."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from typer.testing import CliRunner

from assets.instance.home import Home
from assets.instance.warehouse import WarehouseBusy
from pipelines.cli import app
from pipelines.new_home import make_dagster_storage, make_home
from tests.jobs import command_line

KEPT = {
    "archive/ab/abcd.eml",
    "warehouse/ledger.sqlite",
    "published/2026-08/EX/v1/report.html",
    "published/2026-08/feedback/EX-15/feedback.html",
    "published/2026-08/feedback/EX-15/.digest",
    "published/2026-09/EX/v1/report.html",
    "published/2026-09/feedback/EX-15/附件2_标注.xlsx",
    "published/2026-07/EX/interim/report.html",  # no deadline report: not closed
    "published/2026-07/feedback/EX-15/附件2_标注.xlsx",
}
REMOVED = {
    "published/2026-08/EX/interim/report.html",
    "published/2026-08/feedback/EX-15/附件2_标注.xlsx",
    "published/2026-08/feedback/EX-15/附件3_标注.xlsx",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made, sample=True)
    make_dagster_storage(made)
    for name in KEPT | REMOVED:
        path = made.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345678")
    with DagsterInstance.from_config(str(made.dagster)) as instance:
        for month, status in (
            ("2026-08", DagsterRunStatus.SUCCESS),
            ("2026-08", DagsterRunStatus.STARTED),
            ("2026-09", DagsterRunStatus.SUCCESS),
        ):
            create_run_for_test(instance, status=status, tags={"dagster/partition": month})
    return made


def there(home: Home) -> set[str]:
    return {name for name in KEPT | REMOVED if (home.root / name).is_file()}


def runs(home: Home) -> list[tuple[str, str]]:
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        return sorted((run.tags["dagster/partition"], run.status.value) for run in instance.get_runs())


def prune(home: Home, *more: str, before: str = "2026-09") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["prune", "--before", before, "--home", str(home.root), *more])
    return done.exit_code, done.output


def test_nothing_goes_without_yes(home: Home) -> None:
    status, told = prune(home)
    assert status == 0, told
    assert all(any(name.startswith(line.split(": ")[-1]) for line in told.splitlines()) for name in REMOVED)
    assert told.splitlines()[-1] == "4 things, 0.0 MiB can go; remove them with --yes"
    assert there(home) == KEPT | REMOVED
    assert len(runs(home)) == 3


def test_only_what_can_be_made_anew_goes(home: Home) -> None:
    status, told = prune(home, "--yes")
    assert status == 0, told
    assert told.splitlines()[-1] == "4 things, 0.0 MiB removed"
    assert there(home) == KEPT
    assert runs(home) == [("2026-08", "STARTED"), ("2026-09", "SUCCESS")]
    # The answer is not taken for the one that is there: settled again, the month has its workbooks again.
    assert (home.published / "2026-08/feedback/EX-15/.digest").read_bytes() != b"12345678"
    assert prune(home, "--yes")[1].splitlines() == ["0 things, 0.0 MiB removed"]


def test_nothing_goes_while_a_run_is_under_way(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise WarehouseBusy("another run holds it")

    monkeypatch.setattr("pipelines.prune.open_warehouse", busy)
    assert prune(home, "--yes")[0] == 2
    assert there(home) == KEPT | REMOVED


def test_a_month_that_is_none_is_wrong_use(home: Home) -> None:
    assert prune(home, before="2026")[0] == 2


def test_marked_workbooks_that_went_are_made_anew_with_the_same_bytes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = command_line.ran_once(tmp_path_factory, tmp_path / "home")
    run = ["run", "--period", "2026-09", "--as-of", "2026-10-06T00:30:00+08:00"]

    def sixth(*arguments: str) -> None:
        command_line.sixth(*arguments, "--home", root)

    def published() -> dict[str, bytes]:
        files = (p for p in sorted((root / "published").rglob("*")) if p.is_file())
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}

    before = published()
    sixth("prune", "--before", "2026-10", "--yes")
    gone = before.keys() - published().keys()
    assert gone
    assert all("/feedback/" in name and not name.endswith("feedback.html") for name in gone)
    sixth(*run)
    assert published() == before
