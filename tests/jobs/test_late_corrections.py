"""A late correction of any month is taken, answered the same night, and makes a supplement (commands.md, `sixth run`)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.publishing.versions import versions
from tests.feedback.made_month import Home, drop_mail, home
from tests.jobs.command_line import sixth
from tests.scans.made_scans import SEALED, made_scan
from tests.templates.filled_forms import filled_forms

pytestmark = pytest.mark.usefixtures("page_alone")

UNITS = ("LATE", "STEADY", "SILENT")


def run(root: Path, as_of: str, *more: str) -> str:
    return sixth("run", "--home", root, "--as-of", f"{as_of}T01:00:00+08:00", *more).stdout


def drop(made: Home, unit: str, *forms: str, received: str) -> None:
    """A mail of a unit with some of its forms, received at `Tue, 3 Nov 2026 09:00:00`."""
    number = UNITS.index(unit) + 1
    filled = filled_forms(made.unit(unit), made.catalogue, made.register, number, only=("annex2", "annex3"))
    attachments = [(f"更正 {form}.xlsx", filled[form]) for form in forms]
    if "annex3" in forms:
        attachments.append(("扫描件.jpg", made_scan(SEALED[0], number)))  # of its own: one used before is none (SIG-04)
    drop_mail(made, unit, attachments, day=3, scan=False)
    path = made.root / f"inbox/{unit}-3.eml"
    content = path.read_bytes().replace(b"Tue, 3 Nov 2026 09:00:00", received.encode())
    path.rename(path.with_name(f"{unit}-{len(list(path.parent.iterdir()))}.eml")).write_bytes(
        content.replace(b"Subject: ", b"Subject: =?utf-8?b?5pu05q2j?= ")
    )


def supplement(root: Path, period: str) -> list[str]:
    return versions(root / "published" / period / "C")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    month = home(tmp_path_factory.mktemp("late") / "home", UNITS)
    drop(month, "STEADY", "annex2", "annex3", received="Tue, 3 Nov 2026 09:00:00")
    drop(month, "LATE", "annex2", received="Wed, 4 Nov 2026 09:00:00")
    run(month.root, "2026-11-06")
    return month


def test_a_correction_of_a_closed_month_is_published_and_answered_the_same_night(made: Home) -> None:
    assert supplement(made.root, "2026-10") == ["v1"]
    receipts = {p.name for p in (made.root / "outbox").glob("2026-10_receipt*")}
    drop(made, "LATE", "annex3", received="Thu, 10 Dec 2026 09:00:00")
    told = run(made.root, "2026-12-11")
    assert told.splitlines()[0] == "2026-10 published again: C v2, D v2, P v2"
    assert supplement(made.root, "2026-10") == ["v1", "v2"]
    assert supplement(made.root, "2026-11") == ["v1"]
    summary = json.loads((made.root / "published/2026-10/C/v2/summary.json").read_text(encoding="utf-8"))
    assert (summary["kind"], summary["units"]["complete_late"]) == ("supplement", 1)
    page = (made.root / "published/2026-10/C/v2/report.html").read_text(encoding="utf-8")
    changes = page.partition('class="changes"')[2].partition("</table>")[0]
    assert "LATE单位 2026-12-10 09:00 来信" in changes
    assert "STEADY" not in changes
    new = {p.name for p in (made.root / "outbox").glob("2026-10_receipt*")} - receipts
    assert len(new) == 1
    assert (made.root / "published/2026-10/feedback/LATE/feedback.html").is_file()


def test_a_month_without_anything_new_is_left_alone(made: Home) -> None:
    run(made.root, "2026-12-12")
    before = {p: p.stat().st_mtime_ns for p in (made.root / "published/2026-10").rglob("*")}
    assert "published again" not in run(made.root, "2026-12-13")
    assert {p: p.stat().st_mtime_ns for p in (made.root / "published/2026-10").rglob("*")} == before


def test_a_month_that_is_named_is_published_alone(made: Home) -> None:
    drop(made, "SILENT", "annex2", received="Mon, 14 Dec 2026 09:00:00")
    was = supplement(made.root, "2026-10")
    assert "published again" not in run(made.root, "2026-12-15", "--period", "2026-11")
    assert supplement(made.root, "2026-10") == was
    assert "2026-10 published again" in run(made.root, "2026-12-16")


def test_a_month_whose_window_passed_in_an_outage_gets_its_deadline_report(tmp_path: Path) -> None:
    month = home(tmp_path / "home", UNITS)
    drop(month, "STEADY", "annex2", "annex3", received="Tue, 3 Nov 2026 09:00:00")
    run(month.root, "2026-11-04")
    drop(month, "LATE", "annex2", "annex3", received="Thu, 5 Nov 2026 09:00:00")
    assert "2026-10 published again: C v1, D v1, P v1" in run(month.root, "2026-12-02")
    summary = json.loads((month.root / "published/2026-10/C/v1/summary.json").read_text(encoding="utf-8"))
    assert (summary["kind"], summary["units"]["complete_on_time"], summary["units"]["missing"]) == ("deadline", 2, 1)


def test_the_made_returns_are_as_good_as_they_look(made: Home) -> None:
    summary = json.loads((made.root / "published/2026-10/C/v1/summary.json").read_text(encoding="utf-8"))
    assert (summary["units"]["complete_on_time"], summary["units"]["incomplete"]) == (1, 1)
