"""What comes of stewards' decisions: foreseen, refused, after the deadline, over two months, and what stewards look at."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from assets.instance.home import Home
from pipelines import preview
from pipelines.rehearsal import differences, settled_under
from tests.jobs import decided_month
from tests.jobs.command_line import copy_of, sixth
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
    UNSEALED_SCAN,
    command,
    decide,
    figures,
    findings,
    held_mail,
    log_of,
    of,
    refusal,
    run,
    send_again,
    settled,
    units,
)
from tests.jobs.expected import latest, table

pytestmark = pytest.mark.usefixtures("page_alone")


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month on the evening before the cut-off."""
    return decided_month.evening(tmp_path_factory, tmp_path_factory.mktemp("evening") / "home")


@pytest.fixture
def undecided(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """The deadline report of the day after, with nothing decided, to go on with."""
    return decided_month.undecided(tmp_path_factory, tmp_path / "home")


def test_what_is_said_to_follow_is_what_the_next_run_makes_of_it(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path / "home")
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


def waived_before(home: Path, period: str = PERIOD) -> dict[str, str]:
    told = json.loads(command("findings", "--period", period, "--home", str(home), "--format", "json"))
    return {row["rule_id"]: row["waived_before"] for row in told if row["waived_before"]}


def test_a_waiver_is_of_one_submission_unless_it_goes_on_to_later_ones(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path / "home")
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
    # What stands and why, and what changed, by key.
    assert "a later one replaced it" in shown
    assert shown.count("nothing in its rows") == 2
    assert ">http<" in shown
    assert "returned by CVR-07" in command("unit", RETURNED, "--period", PERIOD, "--home", str(home))
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
    home = copy_of(evening, tmp_path / "home")
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


def test_a_decision_on_an_earlier_month_has_it_published_again_by_the_next_run(undecided: Path) -> None:
    home = undecided
    (key,) = decide(home, "waive", of(home, DROPPED), at="2026-11-20T09:00:00+08:00")
    told = sixth("run", "--home", home, "--as-of", "2026-12-02T02:00:00+08:00").stdout
    assert f"{FOLLOWING} interim" in told
    assert f"{PERIOD} published again: C v2" in told
    assert f"held     {held_mail(home)[:12]} for 28 days, from stranger@elsewhere.example" in told
    assert [d["key"] for d in table(latest(home, PERIOD, CARRIER), "decisions")] == [key]


def test_a_decision_after_the_deadline_report_makes_a_supplement_and_a_note_none(undecided: Path) -> None:
    home, was = undecided, figures(undecided)["exposed_assets"]
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


def test_what_may_not_be_decided_is_refused_with_the_reason(evening: Path, tmp_path: Path) -> None:
    home = copy_of(evening, tmp_path / "home")
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
