"""Closed months stay by the register that they were published with (system.md, The register)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.publishing.versions import versions
from tests.feedback.made_month import Home, drop_mail, home
from tests.jobs import command_line
from tests.scans.made_scans import SEALED, made_scan
from tests.templates.filled_forms import filled_forms

pytestmark = pytest.mark.usefixtures("page_alone")

UNITS = ("KEPT", "OTHER")
CLOSED = "2026-10"


def sixth(*arguments: str | Path, check: int = 0) -> str:
    return command_line.sixth(*arguments, check=check).stdout


def run(root: Path, as_of: str, *more: str) -> str:
    return sixth("run", "--home", root, "--as-of", f"{as_of}T01:00:00+08:00", *more)


def edit(root: Path, before: str, after: str, file: str = "units.csv") -> None:
    path = root / "register" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def summary(root: Path, version: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(
        (root / "published" / CLOSED / "C" / version / "summary.json").read_text("utf-8")
    )
    return figures


def closed(root: Path) -> list[str]:
    return versions(root / "published" / CLOSED / "C")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The month after its deadline report."""
    made = home(tmp_path_factory.mktemp("closed") / "home", UNITS)
    for number, unit in enumerate(UNITS, 1):
        forms = filled_forms(made.unit(unit), made.catalogue, made.register, number, only=("annex2", "annex3"))
        scan = ("扫描件.jpg", made_scan(SEALED[0], number))  # each its own: one that was used before is none (SIG-04)
        drop_mail(made, unit, [*((f"{form}.xlsx", forms[form]) for form in ("annex2", "annex3")), scan], scan=False)
    run(made.root, "2026-11-06")
    assert summary(made.root, "v1")["units"]["complete_on_time"] == 2
    return made


@pytest.fixture
def month(reported: Home, tmp_path: Path) -> Home:
    """A copy of it to go on with."""
    return replace(reported, root=command_line.copy_of(reported.root, tmp_path / "home"))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("KEPT,KEPT单位,D", "KEPT,改名单位,D", "units.csv line 5: KEPT unit_name KEPT单位 → 改名单位 (2026-10)"),
        ("KEPT,KEPT单位,D", "NEWCODE,KEPT单位,D", "KEPT unit_code KEPT单位 → — (2026-10)"),
        ("kept@oa.example", "else@oa.example", "KEPT mailboxes kept@oa.example → else@oa.example (2026-10)"),
    ],
)
def test_an_edit_that_is_typed_over_a_line_does_not_reach_a_closed_month(
    month: Home, before: str, after: str, told: str
) -> None:
    edit(month.root, before, after)
    said = run(month.root, "2026-12-01")
    assert told in said
    assert "--apply-register" in said
    assert closed(month.root) == ["v1"]
    assert "2026-10: " in sixth("register", "diff", "--home", month.root)
    assert closed(month.root) == ["v1"]
    assert told in run(month.root, "2026-12-02")  # it is told until it is applied or taken back


def test_an_edit_is_applied_where_that_is_asked_for(month: Home) -> None:
    edit(month.root, "KEPT,KEPT单位,D", "NEWCODE,KEPT单位,D")
    said = run(month.root, "2026-12-01", "--period", CLOSED, "--apply-register")
    assert "stay as they are" not in said
    assert closed(month.root) == ["v1", "v2"]
    units = summary(month.root, "v2")["units"]
    assert (units["complete_on_time"], units["returned"]) == (1, 1)
    page = (month.root / "published" / CLOSED / "C/v2/report.html").read_text(encoding="utf-8")
    changes = page.partition('class="changes"')[2].partition("</table>")[0]
    assert "units.csv:5 NEWCODE unit_code：— → KEPT单位" in changes
    assert "来信" not in changes
    assert "stay as they are" not in run(month.root, "2026-12-02")
    assert closed(month.root) == ["v1", "v2"]
    edit(month.root, "NEWCODE,KEPT单位,D", "KEPT,KEPT单位,D")
    run(month.root, "2026-12-03", "--period", CLOSED, "--apply-register")
    assert summary(month.root, "v3")["units"] == summary(month.root, "v1")["units"]


def test_a_dated_edit_says_nothing_of_closed_months(month: Home) -> None:
    path = month.root / "register/units.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\nKEPT,改名单位,D,unit,network,access;im,kept@oa.example,2026-11,\n", encoding="utf-8")
    assert "stay as they are" not in run(month.root, "2026-12-01")
    assert closed(month.root) == ["v1"]
    assert "no edit of the register" in sixth("register", "diff", "--home", month.root)


def test_a_cutoff_moved_after_the_deadline_report_is_told_and_supplements_once_applied(month: Home) -> None:
    edit(month.root, "first_period: 2026-09", "first_period: 2026-09\ncutoffs: {2026-10: 2026-11-09}", "calendar.yaml")
    assert "calendar.yaml: 2026-10 cutoffs — → 2026-11-09" in run(month.root, "2026-11-07", "--period", CLOSED)
    assert closed(month.root) == ["v1"]
    run(month.root, "2026-11-08", "--period", CLOSED, "--apply-register")
    assert (
        json.loads((month.root / "published" / CLOSED / "C" / "latest.json").read_text("utf-8"))["version"]
        == closed(month.root)[-1]
    )


def test_a_lost_warehouse_is_made_again_by_the_registers_that_were_kept(month: Home) -> None:
    edit(month.root, "KEPT,KEPT单位,D", "NEWCODE,KEPT单位,D")
    (month.root / "warehouse/sixth.duckdb").unlink()
    run(month.root, "2026-12-01")
    assert closed(month.root) == ["v1"]
