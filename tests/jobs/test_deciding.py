"""Stewards decide through the command line: every kind, refused, taken back, after the deadline, over two months."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from assets.instance.home import Home
from assets.instance.warehouse import open_warehouse
from assets.month.reviews import Review, _cell, missing, reviews
from expectations.catalogue import load_catalogue
from pipelines import preview
from pipelines.rehearsal import differences, settled_under
from tests.jobs.command_line import SIXTH, apart, sixth
from tests.jobs.decided_month import (
    AFTER,
    CARRIER,
    DECIDED,
    DROPPED,
    EVENING,
    FLAGGED,
    FOLLOWING,
    HELD,
    LATE,
    NEXT_DAY,
    NO_SCAN,
    PERIOD,
    REASON,
    RETURNED,
    RULE_OF,
    TWICE,
    UNREADABLE,
    UNSEALED_SCAN,
    command,
    decide,
    decide_all,
    figures,
    findings,
    held_mail,
    log_of,
    make_month,
    of,
    refusal,
    run,
    send_again,
    settled,
    units,
)
from tests.jobs.expected import latest, table
from tests.jobs.test_sample import manifests


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month on the evening before the cut-off."""
    home = make_month(tmp_path_factory.mktemp("deciding") / "home")
    begun = time.monotonic()
    apart("run", "--home", home, "--period", PERIOD, "--as-of", EVENING)  # as those that are killed
    _took(home).write_text(str(time.monotonic() - begun))
    return home


def _took(evening: Path) -> Path:
    """Where it is noted how many seconds a run of the month takes here: runs are killed at any moment of that."""
    return evening.with_name("seconds")


@pytest.fixture(scope="module")
def undecided(evening: Path) -> Path:
    """The deadline report of the day after, with nothing decided."""
    home = copy_of(evening, evening.with_name("undecided"))
    run(home, NEXT_DAY)
    return home


@pytest.fixture(scope="module")
def decided(evening: Path) -> Path:
    """The same with one decision of each kind, taken on the evening before."""
    home = copy_of(evening, evening.with_name("decided"))
    decide_all(home)
    run(home, NEXT_DAY)
    return home


def copy_of(home: Path, to: Path) -> Path:
    return Path(shutil.copytree(home, to / "home"))


def test_every_kind_takes_effect_and_taken_back_leaves_no_trace(decided: Path, undecided: Path, tmp_path: Path) -> None:
    home, before, now = copy_of(decided, tmp_path), units(undecided), units(decided)
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


def test_what_may_not_be_decided_is_refused_with_the_reason(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path)
    held, dropped = held_mail(home), of(home, DROPPED)
    assert "would count twice" in refusal(home, "waive", dropped, of(home, TWICE))
    assert "assign the mail instead" in refusal(home, "waive", of(home, "", "ENV-01"))
    assert "none of the last run" in refusal(home, "waive", "0123456789ab")
    assert "month by month" in refusal(home, "waive", of(home, RETURNED), "--through", "2026-12")
    assert "gives no reason" in refusal(home, "waive", dropped, reason="经核实无误")
    assert "future" in refusal(home, "waive", dropped, at="2126-11-06T00:00:00+08:00")
    assert f"cover names {HELD}" in refusal(home, "assign", held, "--unit", TWICE)
    assert "does not report" in refusal(home, "assign", held, "--unit", "D")
    mail = next(f["mail"] for f in findings(home) if f["unit_code"] == DROPPED)
    assert f"is not held: it is {DROPPED}'s" in refusal(home, "assign", mail, "--unit", HELD)
    assert "its best is sealed" in refusal(home, "confirm-seal", TWICE, "--period", PERIOD)
    extend = ("extend", LATE, "--period", PERIOD, "--until")
    assert "not after the cut-off" in refusal(home, *extend, "2026-11-06T00:00")
    assert "past the window" in refusal(home, *extend, "2026-12-01T00:00")
    assert "say --late" in refusal(home, *extend, "2026-11-08T18:00", at=AFTER)
    assert "needs no approval" in refusal(home, "approve", *decide(home, "waive", of(home, RETURNED)))
    assert len(log_of(home)) == 1
    (first,) = decide(home, "waive", dropped)
    assert f"--over {first}" in refusal(home, "waive", dropped, by="李卫")
    (second,) = decide(home, "waive", dropped, "--over", first, by="李卫")
    log = log_of(home)
    assert (log[first], log[second]) == (f"replaced by {second}", "in force")
    assert "not in force" in refusal(home, "take-back", first)


def test_the_same_decisions_in_any_order_on_any_database_give_the_same_bytes(
    decided: Path, evening: Path, tmp_path: Path, postgresql_url: str
) -> None:
    home = copy_of(evening, tmp_path)
    (home / "register" / "settings.yaml").write_text(f"ledger_url: {postgresql_url}\n", encoding="utf-8")
    decide_all(home, reverse=True)
    run(home, NEXT_DAY)
    assert log_of(home) == log_of(decided)
    assert manifests(home) == manifests(decided)


def test_a_run_killed_between_a_decision_and_its_effect_loses_none(
    decided: Path, evening: Path, tmp_path: Path, ledger_url: str
) -> None:
    """SIXTH_KILLS=20 for the record: it takes many minutes."""
    home = copy_of(evening, tmp_path)
    if ledger_url:
        (home / "register" / "settings.yaml").write_text(f"ledger_url: {ledger_url}\n", encoding="utf-8")
    decide_all(home)
    moments, longest = random.Random(15), float(_took(evening).read_text())
    for _ in range(int(os.environ.get("SIXTH_KILLS", "2"))):
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


def test_what_is_said_to_follow_is_what_the_next_run_makes_of_it(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path)
    who = ("--by", "王晓燕", "--reason", REASON, "--home", str(home), "--as-of", EVENING)
    decide(home, "confirm-seal", UNSEALED_SCAN, "--period", PERIOD, at=EVENING)  # pending, and no part of what follows
    before = settled_under(Home(home), datetime.fromisoformat(EVENING), None, "2026-01", PERIOD)
    batch = ("waive", of(home, DROPPED), of(home, RETURNED), of(home, NO_SCAN))
    untouched = {p: p.read_bytes() for p in (home / "warehouse").iterdir() if p.is_file() and "ledger" not in p.name}
    tried = command(*batch, *who, "--dry-run")
    assert len(log_of(home)) == 1
    assert {p: p.read_bytes() for p in untouched} == untouched
    told = command(*batch, *who)
    assert len(log_of(home)) == 4
    pending = json.loads(command("findings", "--period", PERIOD, "--home", str(home), "--format", "json"))
    waivable = {row["finding_id"]: row["waivable"] for row in pending}
    assert {waivable[f].partition(",")[2] for f in batch[1:]} == {" from the next run on"}
    assert waivable[of(home, TWICE)] == "no: would count twice"
    assert [line for line in tried.splitlines() if "->" in line] == [line for line in told.splitlines() if "->" in line]
    run(home, EVENING)
    lines = [f"    {line}" for line in preview.told(list(differences(before, settled(home))))]
    assert [line for line in told.splitlines() if line.startswith("    ")] == lines
    assert f"    {PERIOD} {RETURNED}: incomplete -> complete on time" in lines
    assert any("exposed_assets.rows_counted" in line for line in lines)


def test_a_decision_after_the_deadline_report_makes_a_supplement_and_a_note_none(
    undecided: Path, tmp_path: Path
) -> None:
    home, was = copy_of(undecided, tmp_path), figures(undecided)["exposed_assets"]
    (key,) = decide(home, "waive", of(home, DROPPED), at="2026-11-07T09:00:00+08:00")
    run(home, "2026-11-08T02:00:00+08:00")
    version = latest(home, PERIOD, CARRIER)
    assert version.name == "v2"
    assert figures(home)["exposed_assets"]["rows_counted"] == was["rows_counted"] + 1
    assert [d["key"] for d in table(version, "decisions")] == [key]
    report = (version / "report.html").read_text(encoding="utf-8")
    assert f"豁免 {DROPPED}单位 GEN-02 暴露面资产新增 E5，由王晓燕因“{REASON}”（{key}）" in report
    decide(home, "note", key, at="2026-11-08T09:00:00+08:00")
    run(home, "2026-11-09T02:00:00+08:00")
    assert latest(home, PERIOD, CARRIER).name == "v2"


def waived_before(home: Path, period: str = PERIOD) -> dict[str, str]:
    told = json.loads(command("findings", "--period", period, "--home", str(home), "--format", "json"))
    return {row["rule_id"]: row["waived_before"] for row in told if row["waived_before"]}


def test_a_waiver_is_of_one_submission_unless_it_goes_on_to_later_ones(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path)
    once, lasting = of(home, DROPPED), of(home, *FLAGGED)
    (gone,) = decide(home, "waive", once)
    (through,) = decide(home, "waive", lasting, "--through", FOLLOWING)
    send_again(home, PERIOD, "Fri, 6 Nov 2026 10:00:00")
    run(home, NEXT_DAY)
    assert {f["finding_id"] for f in findings(home)}.isdisjoint({once, lasting})
    assert log_of(home) == {gone: "in force, its finding is gone", through: "in force"}
    (line,) = (line for line in command("decisions", "--home", str(home)).splitlines() if through in line)
    assert line.split()[3:7] == [FLAGGED[1], "暴露面资产新增", "E6", DROPPED]
    assert line.split()[-3:] == [FOLLOWING, "in", "force"]
    told = {(f["unit_code"], f["rule_id"]): (f["status"], f["decision"]) for f in findings(home)}
    assert told[DROPPED, RULE_OF[DROPPED]] == ("open", "")
    assert told[FLAGGED] == ("waived", through)
    # What was waived in the submission before is told beside the same fault, open again.
    again = f"{gone} by 王晓燕 on 2026-11-05: {REASON}"
    assert waived_before(home) == {RULE_OF[DROPPED]: again}
    shown = command("unit", DROPPED, "--period", PERIOD, "--home", str(home))
    assert f"yes       {again}" in shown
    assert (
        f"decided   {gone} waive on {once} (GEN-02 暴露面资产新增 E5) by 王晓燕, 2026-11-05T21:00, in force, its finding is gone: {REASON}"
        in shown
    )
    send_again(home, FOLLOWING, "Wed, 2 Dec 2026 10:00:00")
    run(home, "2026-12-05T20:00:00+08:00", FOLLOWING)
    assert [(f["status"], f["decision"]) for f in findings(home, FOLLOWING) if f["rule_id"] == FLAGGED[1]] == [
        ("waived", through)
    ]
    assert waived_before(home, FOLLOWING) == {RULE_OF[DROPPED]: again}
    decide(home, "take-back", gone, at="2026-11-08T09:00:00+08:00")
    decide(home, "take-back", through, at="2026-11-08T09:00:00+08:00")
    assert waived_before(home) == {}
    run(home, "2026-12-05T21:00:00+08:00", FOLLOWING)
    assert [f["status"] for f in findings(home, FOLLOWING) if f["rule_id"] == FLAGGED[1]] == ["open"]


def test_a_waiver_that_needs_a_second_person_waits_for_one(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path)
    (home / "register" / "settings.yaml").write_text("approved_effects: [return]\n", encoding="utf-8")
    (key,) = decide(home, "waive", of(home, RETURNED))
    assert log_of(home) == {key: "awaits approval"}
    who = ("--by", "王晓燕", "--reason", REASON, "--home", str(home), "--as-of", DECIDED, "--over", key, "--dry-run")
    told = command("waive", of(home, RETURNED), *who)
    assert f"{RETURNED}: incomplete -> complete on time" in told
    assert "a second person" in refusal(home, "approve", key)
    run(home, AFTER)
    assert units(home)[RETURNED]["state"] == "incomplete"
    decide(home, "approve", key, by="李卫", at="2026-11-06T09:00:00+08:00")
    run(home, NEXT_DAY)
    assert units(home)[RETURNED]["state"] == "complete"
    (row,) = (f for f in findings(home) if f["status"] == "waived")
    assert row["decided_by"] == "王晓燕、李卫"


def test_a_decision_on_an_earlier_month_has_it_published_again_by_the_next_run(undecided: Path, tmp_path: Path) -> None:
    home = copy_of(undecided, tmp_path)
    (key,) = decide(home, "waive", of(home, DROPPED), at="2026-11-20T09:00:00+08:00")
    told = sixth("run", "--home", home, "--as-of", "2026-12-02T02:00:00+08:00").stdout
    assert f"{FOLLOWING} interim" in told
    assert f"{PERIOD} published again: C v2" in told
    assert f"held     {held_mail(home)[:12]} for 28 days, from stranger@elsewhere.example" in told
    assert [d["key"] for d in table(latest(home, PERIOD, CARRIER), "decisions")] == [key]


# ------------------------------------------------------------------------------------------------ what stewards look at
def test_mails_are_listed_the_held_first_with_whom_they_name_and_what_to_do(evening: Path) -> None:
    rows = json.loads(command("mails", "--home", str(evening), "--format", "json"))
    assert rows[0]["became"] == "held"
    assert rows[0]["names"] == f"{HELD} (cover), {HELD} (subject)"
    assert rows[0]["todo"] == f"sixth assign {rows[0]['mail'][:12]} --unit {HELD}"
    assert len(rows) == 7  # that of the late unit has not come yet
    (of_returned,) = (r for r in rows if RETURNED in r["became"])
    assert f"{RETURNED} annex2 returned" in of_returned["became"]
    assert json.loads(command("mails", "--home", str(evening), "--held", "--format", "json")) == rows[:1]


def test_one_mail_is_shown_with_its_covers_faults_and_place(evening: Path) -> None:
    told = command("show", held_mail(evening)[:10], "--home", str(evening))
    for words in ("held", f"names     {HELD} (cover)", "单位编码", "ENV-01", "sealed"):
        assert words in told
    place = next(line.split()[2] for line in told.splitlines() if line.startswith("lies in"))
    assert (evening / place).is_file()
    assert "张三" not in told  # personal data stays in the mail


def test_a_units_month_shows_what_stands_why_and_what_changed_by_key(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path)
    send_again(home, PERIOD, "Thu, 5 Nov 2026 20:30:00")
    run(home, AFTER)
    told = command("unit", DROPPED, "--period", PERIOD, "--home", str(home))
    assert "a later one replaced it" in told
    assert told.count("nothing in its rows") == 2
    assert ">http<" in told
    assert "returned by CVR-07" in command("unit", RETURNED, "--period", PERIOD, "--home", str(home))


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
