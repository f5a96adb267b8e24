"""Decisions on the sample, and another rule file over it: what they do to its figures, foreseen in copies."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assets.instance.home import Home
from assets.instance.session import open_session
from assets.ledger.decisions import DecisionError
from assets.month.settle import indexed_work
from assets.month.spans import settle_months
from pipelines import portal_desk
from pipelines.decisions import Desk, Planned, Steward
from pipelines.new_home import SAMPLE
from pipelines.portal_desk import PortalDecider
from pipelines.preview import foreseen
from pipelines.rehearsal import differences
from reports.portal.deciding import Wanted
from tests.jobs.decided_month import command, settled
from tests.jobs.test_rehearsal import changed_rule
from tests.reports.settled_sample import EMPTY, settled_sample

AT = datetime.fromisoformat("2026-12-07T00:30:00+08:00")
FIRST = "2026-09"
WHO = Steward("王晓燕", "已电话核实，原件属实", datetime.fromisoformat("2026-11-05T21:00:00+08:00"))
EARLY = Steward("王晓燕", "台风断网两天，单位来电申请", datetime.fromisoformat("2026-10-05T09:00:00+08:00"))


def settle(home: Path) -> None:
    """What a run does but for publishing and telling, all months up to the empty one."""
    with open_session(Home(home), AT) as session:
        settle_months(session.once(indexed_work), EMPTY)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the sample is settled: two months, and one after them in which nobody reported."""
    root = tmp_path_factory.mktemp("sample-decisions")
    with settled_sample(root):
        pass
    shutil.copytree(SAMPLE / "register", root / "register")
    Home(root).mark()
    (root / "warehouse" / "last_run.json").write_text(json.dumps({"as_of": AT.isoformat()}), encoding="utf-8")
    settle(root)
    return root


@pytest.fixture(scope="module")
def desk(home: Path) -> Desk:
    return Desk(Home(home))


def of(desk: Desk, period: str, *faults: tuple[str, str, str]) -> list[str]:
    """The ids of findings, by unit, rule and cell."""
    found = desk._rows("select finding_id, unit_code, rule_id, cell from core.all_findings where period = $p", p=period)
    ids = {(r["unit_code"], r["rule_id"], r["cell"]): r["finding_id"] for r in found}
    return [ids[fault] for fault in faults]


def moved(desk: Desk, planned: Planned) -> dict[tuple[str, str], tuple[Any, Any]]:
    """What differs, by month and unit or figure; of findings, their number before and after."""
    return {
        (row["period"], row["subject"] if row["what"] == "figure" else f"{row['what']} {row['unit_code']}"): (
            row["before"], row["after"],
        )
        for row in foreseen(desk, planned)
        if row["what"] != "rule"
    }  # fmt: skip


def test_a_row_that_was_dropped_counts(desk: Desk) -> None:
    """Its date cannot be read; it is a 安全设备 of 三级 with two high-risk holes, neither scanned nor protected."""
    planned = desk.waive(of(desk, "2026-10", ("EX-15-01-006", "GEN-02", "O4")), WHO)
    assert planned.follows == ("暴露面资产新增 row 4 counts",)
    figures = moved(desk, planned)
    assert figures.pop(("2026-10", "score EX-15-01-006")) == (pytest.approx(87.65), pytest.approx(87.84))
    assert figures == {
        ("2026-10", "exposed_assets.rows_counted"): (122, 123),
        ("2026-10", "exposed_assets.by_type.安全设备"): (11, 12),
        ("2026-10", "exposed_assets.by_mlps_level.三级"): (28, 29),
        ("2026-10", "exposed_assets.high_vulns"): (42, 44),
        ("2026-10", "exposed_assets.unscanned"): (64, 65),
        ("2026-10", "exposed_assets.without_protection"): (46, 47),
        ("2026-10", "findings.by_rule.GEN-02"): (4, 3),
        ("2026-10", "findings.error"): (86, 85),
        ("2026-10", "findings.waived"): (0, 1),
        ("2026-10", "decisions.waived"): (0, 1),
    }


def test_units_without_a_readable_scan_are_complete_from_the_time_of_their_mails_on(desk: Desk) -> None:
    scans = of(desk, FIRST, ("EX-15-01-007", "SIG-01", ""), ("EX-15-01-009", "SIG-03", ""))
    figures = moved(desk, desk.waive(scans, WHO))
    for unit in ("EX-15-01-007", "EX-15-01-009"):
        assert figures[FIRST, f"unit {unit}"] == ("incomplete", "complete on time")
        before, after = figures[FIRST, f"score {unit}"]
        assert float(after) - float(before) == pytest.approx(15)  # 20 points for 5
    assert figures[FIRST, "units.complete_on_time"] == (16, 18)
    assert figures[FIRST, "units.incomplete"] == (5, 3)
    assert not [path for _, path in figures if path.startswith(("exposed_assets", "self_check"))]


def test_a_seal_that_was_looked_at_moves_its_finding_alone(desk: Desk) -> None:
    assert moved(desk, desk.confirm_seal("EX-15-01-008", FIRST, WHO)) == {
        (FIRST, "findings.by_rule.SIG-02"): (1, None),
        (FIRST, "findings.warning"): (375, 374),
        (FIRST, "findings.waived"): (0, 1),
        (FIRST, "decisions.seals_confirmed"): (0, 1),
    }


def test_a_held_mail_is_its_units_and_nobody_elses(desk: Desk) -> None:
    """Its annex 2 is older than the one that the unit sent itself: no row moves."""
    (held,) = (r["mail"] for r in desk._rows("select mail from core.mails where held and period = '2026-10'"))
    assert moved(desk, desk.assign(held, "EX-15-01-NET", WHO)) == {
        ("2026-10", "mails.held"): (1, 0),
        ("2026-10", "findings.by_rule.ENV-01"): (1, None),
        ("2026-10", "findings.critical"): (5, 4),
        ("2026-10", "findings.waived"): (0, 1),
        ("2026-10", "decisions.assigned"): (0, 1),
    }
    with pytest.raises(DecisionError, match="the cover names EX-15-01-NET, not EX-15-01-006"):
        desk.assign(held, "EX-15-01-006", WHO)


def test_a_late_unit_is_on_time_by_a_cutoff_of_its_own(desk: Desk) -> None:
    until = datetime.fromisoformat("2026-10-08T18:00:00+08:00")
    figures = moved(desk, desk.extend("EX-15-01-ENT", FIRST, until, EARLY))
    before, after = figures.pop((FIRST, "score EX-15-01-ENT"))
    assert float(after) - float(before) == pytest.approx(10)
    assert figures == {
        (FIRST, "unit EX-15-01-ENT"): ("complete late", "complete on time"),
        (FIRST, "units.complete_late"): (3, 2),
        (FIRST, "units.complete_on_time"): (16, 17),
        (FIRST, "decisions.extended"): (0, 1),
    }


def test_a_row_that_would_count_twice_may_not_be_waived(desk: Desk) -> None:
    with pytest.raises(DecisionError, match="would count twice"):
        desk.waive(of(desk, "2026-10", ("EX-15-01-006", "GEN-05", "A82")), WHO)


def test_three_months_rehearsed_differ_as_two_homes_settled_from_the_start(home: Path, tmp_path: Path) -> None:
    """Assets that were not scanned are left out, from October on."""
    rules = changed_rule("AST-07", severity="error", effect="drop").replace(
        "- {id: AST-07,", "- {id: AST-07, advice_until: 2026-09,"
    )
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    asked = ("rehearse", str(tmp_path / "rules.yaml"), "--periods", f"{FIRST}..{EMPTY}", "--format", "json")
    told = json.loads(command(*asked, "--home", str(home)))
    other = Path(shutil.copytree(home, tmp_path / "other"))
    (other / "register" / "rules.yaml").write_text(rules, encoding="utf-8")
    settle(other)
    assert told == json.loads(json.dumps(list(differences(settled(home, "EX"), settled(other, "EX"))), default=str))
    months = {row["what"]: {r["period"] for r in told if r["what"] == row["what"]} for row in told}
    assert months["rule"] == {"2026-10"}
    assert FIRST not in months["figure"]
    (counted,) = (r for r in told if r["subject"] == "exposed_assets.rows_counted")
    assert counted["after"] < counted["before"] == 122


def test_the_portal_foresees_the_same_in_a_process_of_its_own(desk: Desk) -> None:
    """And leaves nothing behind."""
    ids = of(desk, "2026-10", ("EX-15-01-006", "GEN-02", "O4"))
    rows = [desk._finding(name) for name in ids]
    wanted = Wanted("waive", WHO.by, WHO.reason, datetime.now(UTC), rows=rows)
    found = PortalDecider(desk.home).foresee(wanted)
    assert found.rows == foreseen(desk, desk.waive(ids, replace(WHO, at=wanted.at)))
    assert desk.decisions() == []
    assert not list(desk.home.warehouse.glob("replay-*"))


def test_the_portal_says_why_it_has_not_settled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [desk._finding(name) for name in of(desk, "2026-10", ("EX-15-01-006", "GEN-02", "O4"))]
    wanted = Wanted("waive", WHO.by, WHO.reason, datetime.now(UTC), rows=rows)
    decider = PortalDecider(desk.home)
    monkeypatch.setattr(portal_desk, "SECONDS", 0.2)
    assert (decider.foresee(wanted).rows, decider.foresee(wanted).why) == (None, "limit")
    assert not list(desk.home.warehouse.glob("replay-*"))
    monkeypatch.setattr(portal_desk, "WAIT_SECONDS", 0.0)
    decider._settling.acquire()
    assert decider.foresee(wanted).why == "busy"
