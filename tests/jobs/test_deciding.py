"""Stewards decide through the command line: every kind takes effect, taken back, killed, on any database."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from assets.instance.warehouse import open_warehouse
from assets.month.reviews import Review, _cell, missing, reviews
from expectations.catalogue import load_catalogue
from tests.jobs import decided_month
from tests.jobs.command_line import SIXTH, copy_of
from tests.jobs.decided_month import (
    CARRIER,
    DROPPED,
    FLAGGED,
    HELD,
    LATE,
    NEXT_DAY,
    NO_SCAN,
    PERIOD,
    RETURNED,
    RULE_OF,
    TWICE,
    UNREADABLE,
    UNSEALED_SCAN,
    decide,
    decide_all,
    figures,
    findings,
    log_of,
    run,
    seconds_of_a_run,
    units,
)
from tests.jobs.expected import latest, table
from tests.jobs.test_sample import manifests
from tests.jobs.undrawn import stand_in


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month on the evening before the cut-off."""
    return decided_month.evening(tmp_path_factory, tmp_path_factory.mktemp("evening") / "home")


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deadline report of the day after, with nothing decided."""
    return decided_month.undecided(tmp_path_factory, tmp_path_factory.mktemp("undecided") / "home")


@pytest.fixture(scope="module")
def decided(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one decision of each kind, taken on the evening before."""
    home = copy_of(evening, tmp_path_factory.mktemp("decided") / "home")
    decide_all(home)
    run(home, NEXT_DAY)
    return home


def test_every_kind_takes_effect_and_taken_back_leaves_no_trace(decided: Path, undecided: Path, tmp_path: Path) -> None:
    home, before, now = copy_of(decided, tmp_path / "home"), units(undecided), units(decided)
    told = {unit: (before[unit]["state"], now[unit]["state"], now[unit]["on_time"]) for unit in now}
    assert told == {
        DROPPED: ("complete", "complete", "true"),
        RETURNED: ("incomplete", "complete", "true"),
        UNREADABLE: ("incomplete", "complete", "true"),
        NO_SCAN: ("incomplete", "complete", "true"),
        UNSEALED_SCAN: ("complete", "complete", "true"),
        LATE: ("complete", "complete", "true"),
        HELD: ("missing", "complete", "true"),
        TWICE: ("complete", "complete", "true"),
    }
    assert (before[LATE]["on_time"], before[LATE]["cutoff"]) == ("false", "")
    assert now[LATE]["cutoff"] == "2026-11-09T00:00:00+08:00"
    assert (before[UNSEALED_SCAN]["scan"], now[UNSEALED_SCAN]["scan"]) == ("unsealed", "sealed")
    assert now[RETURNED]["first_complete_at"] == "2026-11-03T09:02:00+08:00"  # the time of its mail
    was, is_now = figures(undecided)["exposed_assets"], figures(decided)["exposed_assets"]
    # One dropped row, two of a returned form, two of a held mail; the flag that was waived stays counted.
    assert is_now["rows_counted"] == was["rows_counted"] + 1 + 2 + 2
    assert is_now["with_high_risk_port"] == was["with_high_risk_port"] == 1
    assert figures(decided)["decisions"] == {"waived": 5, "assigned": 1, "seals_confirmed": 1, "extended": 1}
    waived = {(f["unit_code"], f["rule_id"]): f["decision"] for f in findings(home) if f["status"] == "waived"}
    assert waived.keys() == {
        *((unit, RULE_OF[unit]) for unit in (DROPPED, RETURNED, UNREADABLE, NO_SCAN)),
        FLAGGED,
        (UNSEALED_SCAN, "SIG-02"),
        (HELD, "ENV-01"),
    }
    keys = list(log_of(home))
    assert set(waived.values()) <= set(keys)
    for key in keys:
        decide(home, "take-back", key, at="2026-11-07T09:00:00+08:00", by="李卫")
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, page=True)
        run(home, "2026-11-08T02:00:00+08:00")
    assert latest(home, PERIOD, CARRIER).name == "v2"
    assert figures(home) == figures(undecided)
    assert units(home) == before
    assert "已撤回，原由王晓燕决定" in (latest(home, PERIOD, CARRIER) / "report.html").read_text(encoding="utf-8")


def test_decisions_show_in_report_tables_manifest_and_in_the_units_answer(decided: Path) -> None:
    version, keys = latest(decided, PERIOD, CARRIER), sorted(log_of(decided))
    manifest = json.loads((version / "manifest.json").read_text(encoding="utf-8"))
    assert sorted(d["key"] for d in manifest["decisions"]) == keys
    listed = table(version, "decisions")
    assert sorted(d["key"] for d in listed) == keys
    assert [d["until"] for d in listed if d["kind"] == "extend"] == ["2026-11-09T00:00:00+08:00"]
    report = (version / "report.html").read_text(encoding="utf-8")
    for words in ("经批准延至", "靠豁免完整", "王晓燕"):
        assert words in report
    page = (decided / "published" / PERIOD / "feedback" / DROPPED / "feedback.html").read_text(encoding="utf-8")
    assert "已豁免，不必更正" in page
    assert "王晓燕" not in page
    receipts = [p.name for p in (decided / "outbox").iterdir() if "receipt" in p.name]
    assert any(f"_{HELD}_" in name for name in receipts)


@pytest.mark.outside
def test_a_run_killed_between_decisions_in_any_order_and_their_effect_loses_none(
    decided: Path, evening: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, ledger_url: str
) -> None:
    """On a server in the reverse order: the same decisions on any database give the same bytes.

    SIXTH_KILLS=20 for the record: it takes many minutes. By default once on each kind of database.
    """
    home = copy_of(evening, tmp_path / "home")
    if ledger_url:
        (home / "register" / "settings.yaml").write_text(f"ledger_url: {ledger_url}\n", encoding="utf-8")
    decide_all(home, reverse=bool(ledger_url))
    moments, longest = random.Random(16 if ledger_url else 15), seconds_of_a_run(tmp_path_factory)
    for _ in range(int(os.environ.get("SIXTH_KILLS", "1"))):
        process = subprocess.Popen(
            [*SIXTH, "run", "--home", str(home), "--period", PERIOD, "--as-of", NEXT_DAY],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moments.uniform(0.5, longest))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run(home, NEXT_DAY)
    assert log_of(home) == log_of(decided)
    assert manifests(home) == manifests(decided)


# --------------------------------------------------------------------------------------------------- who is needed
def reviewed(home: Path, to: Path) -> dict[str, Review]:
    shutil.copytree(home / "warehouse", to)
    with open_warehouse(to) as warehouse:
        return reviews(warehouse, load_catalogue(), PERIOD)


def test_a_group_is_in_order_unless_somebody_must_act_who_is_not_the_unit(
    evening: Path, decided: Path, tmp_path: Path
) -> None:
    before, after = reviewed(evening, tmp_path / "before"), reviewed(decided, tmp_path / "after")
    needed = {group: review.needed for group, review in before.items() if not review.well}
    assert needed == {
        "envelope": "held mails: 1 (sixth mails --held)",
        "workbooks_and_covers": "returns that could be let stand: 1 (sixth waive)",
        "scans": "units with a scan on which no seal was found: 1 (sixth confirm-seal)",
    }
    assert all(review.well for review in after.values())
    # A row that fails is its unit's to mend: shown, and nothing that anybody else must see to.
    cells = {(c["unit"], c["rule"], c["cell"]) for c in before["exposed_assets"].cells}
    assert (DROPPED, RULE_OF[DROPPED], "E5") in cells
    assert before["exposed_assets"].counts["error"] == 2


def test_who_is_missing_is_told_with_a_cutoff_of_its_own(evening: Path, tmp_path: Path) -> None:
    shutil.copytree(evening / "warehouse", tmp_path / "copy")
    with open_warehouse(tmp_path / "copy") as warehouse:
        rows = missing(warehouse, PERIOD, {"timezone": "Asia/Shanghai"})
    assert [(r["unit_code"], r["state"]) for r in rows] == [(LATE, "missing"), (HELD, "missing")]


def test_no_personal_data_and_no_secret_stands_in_a_check() -> None:
    catalogue = load_catalogue()
    told = {
        "unit_code": "U1",
        "file": "附件2.xlsx",
        "sheet_key": "exposed_assets",
        "sheet": "暴露面资产新增",
        "cell": "N5",
    }
    personal = told | {"column_key": "owner", "rule_id": "GEN-04", "message": "“责任人”王晓燕超过 20 字"}
    secret = told | {"column_key": "remark", "rule_id": "GEN-04", "message": "“备注”密码：Abc123456 超过 200 字"}
    shown = [_cell(row, catalogue)["message"] for row in (personal, secret)]
    assert "王晓燕" not in shown[0]
    assert "Abc123456" not in shown[1]
