"""The field trial's inbox through the command line: what is said of it, who is answered, and a home restored."""

from __future__ import annotations

import csv
import json

import pytest

from assets.instance.home import Home
from tests.field.settling import INPUTS, PERIOD, drop, field_home
from tests.jobs.command_line import sixth
from tests.jobs.undrawn import page_alone

__all__ = ("page_alone",)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_alone")]  # whole runs
UNIT = "EX-15-01-001"


def run(home: Home, as_of: str = "2026-11-06T00:30:00+08:00") -> str:
    return sixth("run", "--home", home.root, "--period", PERIOD, "--as-of", as_of).stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A return, what machines wrote of our mails, and files that are no mails."""
    mails = [INPUTS / "15-inbox-not-eml" / "ok.eml", *sorted((INPUTS / "18-machine-mail").glob("*.eml"))]
    made = field_home(tmp_path_factory.mktemp("field") / "home", *mails)
    drop(made, "月报.msg", (INPUTS / "15-inbox-not-eml" / "月报.msg").read_bytes())
    for name in ("导出邮件.zip", "all.mbox", "附件2.xlsx", "~$附件2.xlsx"):
        drop(made, name, b"not a mail")
    return made


@pytest.fixture(scope="module")
def told(home: Home) -> str:
    return run(home)


def figures(home: Home) -> dict[str, str]:
    """Every published file of the deadline report, and which version is to be pulled."""
    return {
        path.relative_to(home.published).as_posix(): path.read_bytes().hex()
        for path in sorted(home.published.rglob("*"))
        if path.is_file() and "feedback" not in path.parts
    }


def test_15_what_is_no_mail_is_named_with_what_to_do(told: str) -> None:
    lines = {line.split()[1]: line for line in told.splitlines() if line.startswith("inbox ")}
    assert set(lines) == {"月报.msg", "导出邮件.zip", "all.mbox", "附件2.xlsx"}
    assert all("is not collected" in line for line in lines.values())


@pytest.mark.usefixtures("told")
def test_18_no_machine_is_answered(home: Home) -> None:
    receipts = sorted(path.name for path in home.outbox.glob("*receipt*"))
    assert len(receipts) == 1  # to the unit that sent its return
    assert UNIT in receipts[0]


@pytest.mark.usefixtures("told")
def test_18_a_bounce_waits_for_no_steward(home: Home) -> None:
    folder = home.published / PERIOD / "EX" / "v1"
    mails = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["mails"]
    assert mails == {"received": 4, "held": 0, "duplicates": 0}
    with (folder / "data" / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        told = [r for r in csv.DictReader(file) if r["rule_id"] == "ENV-10"]
    assert [(r["unit_code"], r["severity"]) for r in told] == [(UNIT, "warning")]


@pytest.mark.usefixtures("told")
def test_a_home_is_restored_from_archive_and_register(home: Home) -> None:
    """The inbox emptied, the warehouse gone: at 05a7d03 a run published "64 missing of 64", for good."""
    before = figures(home)
    assert before
    for path in home.inbox.iterdir():
        path.unlink()
    for path in home.warehouse.glob("*"):
        if path.is_file() and not path.name.startswith("ledger"):
            path.unlink()
    run(home, "2026-11-06T02:00:00+08:00")
    assert figures(home) == before
