"""A changed rule file rehearsed says what two real runs under the two files differ in; dated rules keep old months."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from assets.instance.clock import last_run
from assets.instance.home import Home
from expectations.catalogue import HERE, CatalogueError, load_catalogue
from pipelines.rehearsal import differences, settled_under
from tests.jobs import decided_month
from tests.jobs.decided_month import EVENING, FLAGGED, PERIOD, command, run, settled, units

pytestmark = pytest.mark.usefixtures("undrawn")
RULES = (HERE / "rules.yaml").read_text(encoding="utf-8")


def changed_rule(rule: str, **over: str) -> str:
    """rules.yaml with entries of one rule set otherwise."""
    lines = RULES.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.lstrip().startswith(f"- {{id: {rule},"))
    for key, value in over.items():
        head, found, rest = lines[at].partition(f"{key}: ")
        if found:
            lines[at] = f"{head}{key}: {value},{rest.partition(',')[2]}"
        else:
            lines[at] = lines[at].replace(f"id: {rule},", f"id: {rule}, {key}: {value},")
    return "".join(lines)


# High-risk ports drop their row.
OTHERWISE = changed_rule(FLAGGED[1], severity="error", effect="drop")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decided_month.evening(tmp_path_factory, tmp_path_factory.mktemp("rehearsal") / "home")


def rehearsed(home: Path, rules: str, folder: Path) -> list[dict[str, Any]]:
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    asked = ("rehearse", str(folder / "rules.yaml"), "--periods", f"2026-09..{PERIOD}", "--format", "json")
    rows: list[dict[str, Any]] = json.loads(command(*asked, "--home", str(home)))
    return rows


def test_a_rehearsal_says_what_a_real_run_under_the_other_rules_differs_in(home: Path, tmp_path: Path) -> None:
    before = (home / "warehouse" / "sixth.duckdb").read_bytes()
    told = rehearsed(home, OTHERWISE, tmp_path)
    assert (home / "warehouse" / "sixth.duckdb").read_bytes() == before
    other = tmp_path / "other"
    shutil.copytree(home, other)
    (other / "register" / "rules.yaml").write_text(OTHERWISE, encoding="utf-8")
    run(other, EVENING)
    assert told == json.loads(json.dumps(list(differences(settled(home), settled(other)))))
    rules = {(r["subject"], r["unit_code"]): r["otherwise"] for r in told if r["what"] == "rule"}
    assert rules == {FLAGGED[::-1]: 1}
    moved = {r["subject"]: (r["before"], r["after"]) for r in told if r["what"] == "figure"}
    counted = moved["exposed_assets.rows_counted"]
    assert counted[1] == counted[0] - 1


def test_the_same_rules_change_nothing(home: Path, tmp_path: Path) -> None:
    assert rehearsed(home, RULES, tmp_path) == []


def test_a_rule_that_advises_until_a_month_returns_and_drops_nothing_before_it(home: Path, tmp_path: Path) -> None:
    advised = rehearsed(home, changed_rule("CVR-07", advice_until=PERIOD), tmp_path)
    assert {r["unit_code"]: (r["before"], r["after"]) for r in advised if r["what"] == "unit"} == {
        "U2": ("incomplete", "complete on time")
    }
    assert rehearsed(home, changed_rule("CVR-07", advice_until="2026-09"), tmp_path) == []


def test_a_rule_is_asked_in_the_months_of_its_life_alone(home: Path, tmp_path: Path) -> None:
    later = rehearsed(home, changed_rule("GEN-05", valid_from="2026-11"), tmp_path)
    passes = {(r["subject"], r["unit_code"]): r["passes"] for r in later if r["what"] == "rule"}
    assert passes["GEN-05", "U8"] == 1
    assert rehearsed(home, changed_rule("GEN-05", valid_from="2026-09", valid_to=PERIOD), tmp_path) == []
    assert units(home)["U8"]["rows_counted"] == "90"


ITEM, DATED = "{code: NSW-03,", "{code: NSW-03, valid_to: %s,"


@pytest.mark.parametrize(("last", "differs"), [("2026-09", True), (PERIOD, False)])
def test_a_month_run_again_under_changed_checklists_is_as_it_was_asked(
    home: Path, tmp_path: Path, last: str, *, differs: bool
) -> None:
    """An item that is no longer asked, and one that comes after the month, move no figure of it."""
    text = (HERE / "checklists.yaml").read_text(encoding="utf-8")
    new = "    - {code: NSW-90, text: 新项, basis: 一, valid_from: 2026-11}\n"
    first = text.index("    - {code: NSW-01,")
    (tmp_path / "checklists.yaml").write_text(text[:first] + new + text[first:].replace(ITEM, DATED % last), "utf-8")
    at = last_run(Home(home))
    assert at is not None
    was, is_now = (settled_under(Home(home), at, folder, PERIOD, PERIOD) for folder in (None, tmp_path))
    moved = {row["subject"] for row in differences(was, is_now)}
    assert ("self_check.expected_answers" in moved) is differs
    assert bool(moved) is differs


def test_a_month_of_a_rules_life_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(changed_rule("GEN-05", valid_from="2026-13"), encoding="utf-8")
    with pytest.raises(CatalogueError, match="GEN-05: valid_from: '2026-13' is not a month"):
        load_catalogue(tmp_path)
