"""The main job on the sample, through the command line: figures, versions, same bytes, nothing half done."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.expected import EXPECTED, differing, latest, table

SIXTH = [sys.executable, "-m", "pipelines.cli"]
KEYS = list(EXPECTED)
SCOPES = ("EX", "EX-15", "EX-15-01", "EX-16", "EX-16-01")
FILES = {"report.html", "report.docx", "report.xlsx", "report.pdf", "summary.json", "manifest.json"}
TABLES = {
    "units", "findings", "submissions", "exposed_assets", "app_launches", "self_check", "rectification", "incidents",
    "indicators", "agreements", "decisions",
}  # fmt: skip
DATA = {f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet")} | {"datapackage.json"}


def sixth(*arguments: str | Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*SIXTH, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)
    assert check is None or done.returncode == check, done.stderr
    return done


def run(home: Path, key: str, **over: str) -> subprocess.CompletedProcess[str]:
    return sixth("run", "--home", home, "--period", key[:7], "--as-of", over.get("as_of", EXPECTED[key]["as_of"]))


def manifests(home: Path) -> dict[str, str]:
    return {
        path.relative_to(home).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((home / "published").rglob("manifest.json"))
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the four runs of the sample were made, in their order."""
    made = tmp_path_factory.mktemp("sample") / "home"
    sixth("init", "--sample", "--home", made)
    for key in KEYS:
        run(made, key)
        (made / key.replace("/", "-")).write_text("\n".join(differing(made, key)), encoding="utf-8")
    return made


@pytest.mark.parametrize("key", KEYS)
def test_the_figures_are_the_expected_ones(home: Path, key: str) -> None:
    assert (home / key.replace("/", "-")).read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("scope", SCOPES)
def test_a_version_holds_every_file_and_verifies(home: Path, scope: str) -> None:
    folder = latest(home, "2026-10", scope)
    assert {p.name for p in folder.iterdir()} == FILES | {"data"}
    assert {p.name for p in (folder / "data").iterdir()} == DATA
    assert "as it was published" in sixth("verify", folder).stdout


def test_a_supplement_is_made_only_where_what_is_counted_has_changed(home: Path) -> None:
    versions = {s: sorted(p.name for p in (home / "published/2026-10" / s).glob("v*")) for s in SCOPES}
    assert versions == {
        "EX": ["v1", "v2"], "EX-15": ["v1", "v2"], "EX-15-01": ["v1", "v2"], "EX-16": ["v1"], "EX-16-01": ["v1"],
    }  # fmt: skip


def test_the_same_runs_in_another_home_give_the_same_bytes(home: Path, tmp_path: Path) -> None:
    sixth("init", "--sample", "--home", tmp_path / "home")
    for key in KEYS:
        run(tmp_path / "home", key)
    assert manifests(tmp_path / "home") == manifests(home)


def test_a_month_rests_on_mails_not_on_earlier_runs(home: Path, tmp_path: Path) -> None:
    sixth("init", "--sample", "--home", tmp_path / "home")
    run(tmp_path / "home", "2026-10/deadline")
    path = "published/2026-10/EX/v1/manifest.json"
    assert manifests(tmp_path / "home")[path] == manifests(home)[path]


def test_running_again_changes_nothing(home: Path) -> None:
    before = manifests(home)
    run(home, "2026-10/later")
    assert manifests(home) == before


def test_before_the_cutoff_the_report_is_interim_and_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sixth("init", "--sample", "--home", home)
    seen = []
    for as_of in ("2026-11-02T12:00:00+08:00", "2026-11-04T12:00:00+08:00"):
        run(home, "2026-10/deadline", as_of=as_of)
        summary = json.loads((latest(home, "2026-10", "EX") / "summary.json").read_text(encoding="utf-8"))
        seen.append((summary["version"], summary["kind"], summary["mails"]["received"]))
    assert [s[:2] for s in seen] == [("interim", "interim")] * 2
    assert seen[0][2] < seen[1][2] < 32
    run(home, "2026-10/deadline")
    assert latest(home, "2026-10", "EX").name == "v1"
    assert {p.name for p in (home / "published/2026-10/EX").iterdir()} == {"v1", "latest.json"}


def test_a_run_before_the_last_is_refused_and_shown_by_a_replay(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sixth("init", "--sample", "--home", home)
    run(home, "2026-10/deadline")
    before = {p: p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}
    earlier = ("--home", home, "--period", "2026-10", "--as-of", "2026-11-02T12:00:00+08:00")
    refused = sixth("run", *earlier, check=2)
    assert "2026-11-06T00:30:00+08:00" in refused.stderr
    assert "--replay" in refused.stderr
    counted = sixth("run", *earlier, "--replay").stdout
    assert "nothing was published" in counted
    assert int(re.search(r"mails +(\d+) received", counted)[1]) < 32
    after = {p: p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}
    changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    assert changed <= {home / "warehouse/sixth.duckdb", home / "warehouse/sightings.sqlite"}
    assert "2026-11-06T00:00" in sixth("status", "--home", home, "--period", "2026-10").stdout


def test_two_nights_before_the_cutoff_end_as_one_does(tmp_path: Path) -> None:
    """The second works out what is new alone, and every file that is pulled is the same."""
    nights = ("2026-11-03T02:00:00+08:00", "2026-11-05T12:00:00+08:00")
    homes = {tmp_path / "one after another": nights, tmp_path / "at once": nights[1:]}
    for home, its_nights in homes.items():
        sixth("init", "--sample", "--home", home)
        for as_of in its_nights:
            run(home, "2026-10/deadline", as_of=as_of)
    one_after_another, at_once = ({p: m for p, m in manifests(home).items() if "2026-10" in p} for home in homes)
    assert len(at_once) == len(SCOPES)
    assert one_after_another == at_once


def killed_run(home: Path, key: str, seconds: float) -> bool:
    """Start a run in a process group of its own and kill all of it after some seconds; whether it was still running."""
    command = [*SIXTH, "run", "--home", str(home), "--period", key[:7], "--as-of", EXPECTED[key]["as_of"]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(seconds)
    running = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def test_a_run_killed_anywhere_and_started_again_ends_the_same(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "home"
    sixth("init", "--sample", "--home", other)
    moments = random.Random(6)
    kills = int(os.environ.get("SIXTH_KILLS", "4"))
    killed = sum(killed_run(other, "2026-09/deadline", moments.uniform(0.5, 8)) for _ in range(kills))
    assert killed
    for key in KEYS:
        run(other, key)
    assert manifests(other) == manifests(home)
    left = [p for p in (other / "published").rglob(".*") if p.name != ".digest"]
    assert left == []


def test_an_empty_inbox_publishes_a_report_in_which_every_unit_is_missing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sixth("init", "--sample", "--home", home)
    shutil.rmtree(home / "inbox")
    run(home, "2026-10/deadline")
    folder = latest(home, "2026-10", "EX")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["units"] == {
        "expected": 24, "complete_on_time": 0, "complete_late": 0, "incomplete": 0, "returned": 0, "missing": 24,
    }  # fmt: skip
    assert {row["state"] for row in table(folder, "units")} == {"missing"}
    assert {row["rank"] for row in table(folder, "units")} == {"1"}


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "home"
    sixth("init", "--sample", "--home", home)
    yield home
    assert not list((home / "published").rglob("*.json"))


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        ("units.csv", "X,坏,EX-99,unit,county,,x@oa.example,2025-01,", ["units.csv line 32", "EX-99"]),
        (
            "units.csv",
            "EX-15-01-001,重复,EX-15-01,unit,county,,x@oa.example,2025-01,",
            ["units.csv line 32", "line 13"],
        ),
        ("units.csv", "X,坏,EX-15-01,unit,county,,network01@oa.example,2025-01,", ["units.csv line 32", "network01"]),
        ("networks.csv", "300.0.2.0/24,坏段", ["networks.csv line 6", "300.0.2.0/24"]),
    ],
)
def test_a_register_that_contradicts_itself_stops_the_run(broken: Path, file: str, line: str, words: list[str]) -> None:
    with (broken / "register" / file).open("a", encoding="utf-8") as register:
        register.write(line + "\n")
    done = sixth(
        "run", "--home", broken, "--period", "2026-10", "--as-of", EXPECTED["2026-10/deadline"]["as_of"], check=2
    )
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--period", "2026-13"], "2026-13"),
        (["--period", "2026-10", "--as-of", "2026-11-06"], "time zone"),
        (["--period", "2026-10", "--as-of", "2026-10-20T00:00:00+08:00"], "not over"),
        (["--period", "2026-07", "--as-of", "2026-11-06T00:00:00+08:00"], "first month on record"),
        (["--source", "/nowhere"], "/nowhere"),
    ],
)
def test_wrong_use_is_told_with_exit_2(broken: Path, arguments: list[str], words: str) -> None:
    assert words in sixth("run", "--home", broken, *arguments, check=2).stderr


def test_a_folder_that_is_no_home_is_told(tmp_path: Path) -> None:
    assert "sixth init" in sixth("run", "--home", tmp_path, "--period", "2026-10", check=2).stderr


def test_a_published_file_that_was_touched_is_found(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    shutil.copytree(latest(home, "2026-10", "EX-16"), folder)
    (folder / "report.html").write_text("forged", encoding="utf-8")
    (folder / "data/units.csv").unlink()
    (folder / "extra.txt").touch()
    done = sixth("verify", folder, check=1)
    assert all(line in done.stdout for line in ("report.html: changed", "data/units.csv: missing", "extra.txt: not of"))
    assert "1 changed, 1 missing, 1 put here since" in done.stdout


def test_what_an_office_program_left_is_no_fault_of_a_version(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    shutil.copytree(latest(home, "2026-10", "EX-16"), folder)
    for name in ("~$report.xlsx", "Thumbs.db", ".~lock.report.docx#", "data/.DS_Store"):
        (folder / name).write_bytes(b"x")
    done = sixth("verify", folder)
    assert "~$report.xlsx: left by an office program" in done.stdout
    assert "as it was published" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--period", "2026-11"], "no run has looked at 2026-11"),
        (["--period", "2026-07"], "first month on record"),
        (["--period", "2026-10", "--rule", "ast05"], "AST-05"),
        (["--period", "2026-10", "--unit", "EX-15-01-999"], "EX-15-01-999"),
    ],
)
def test_findings_of_what_is_not_there_are_refused_with_words(home: Path, arguments: list[str], words: str) -> None:
    assert words in sixth("findings", "--home", home, *arguments, check=2).stderr


def test_personal_data_is_masked_in_what_is_published(home: Path) -> None:
    folder = latest(home, "2026-10", "EX")
    owners = {row["owner"] for row in table(folder, "exposed_assets") if row["owner"]}
    phones = {row["owner_phone"] for row in table(folder, "exposed_assets") if row["owner_phone"]}
    assert owners
    assert all(len(name) == 3 and name.endswith("**") for name in owners)
    assert all("****" in phone for phone in phones)


def test_findings_name_mail_file_sheet_cell_and_rule(home: Path) -> None:
    rows = [r for r in table(latest(home, "2026-10", "EX"), "findings") if r["rule_id"] == "GEN-03"]
    assert rows
    assert all(r["mail"] and r["file"] and r["sheet"] and r["cell"] and r["column"] and r["value"] for r in rows)
    as_json = json.loads(
        sixth("findings", "--home", home, "--period", "2026-10", "--rule", "GEN-03", "--format", "json").stdout
    )
    assert {r["finding_id"] for r in as_json} == {r["finding_id"] for r in rows}


def test_status_lists_every_unit(home: Path) -> None:
    told = sixth("status", "--home", home, "--period", "2026-10", "--as-of", "2026-11-05T00:00:00+08:00").stdout
    assert "24 hours to the cut-off; 18 of 24 units complete" in told
    assert len(told.splitlines()) == 2 + 24


@pytest.mark.parametrize(
    ("form", "start"), [("html", b"<!DOCTYPE html"), ("pdf", b"%PDF-"), ("xlsx", b"PK"), ("csv", b"PK")]
)
def test_a_report_is_pulled(home: Path, tmp_path: Path, form: str, start: bytes) -> None:
    done = sixth("pull", "--home", home, "--period", "2026-10", "--scope", "EX-15", "--format", form, "--out", tmp_path)
    assert Path(done.stdout.strip()).read_bytes()[: len(start)].upper() == start.upper()


def test_a_report_that_is_not_there_is_told(home: Path) -> None:
    assert "there is v1, v2" in sixth("pull", "--home", home, "--period", "2026-10", "--version", "v7", check=2).stderr


def test_an_interim_report_keeps_the_page_alone_and_makes_other_forms_when_pulled(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sixth("init", "--sample", "--home", home)
    run(home, "2026-10/deadline", as_of="2026-11-04T12:00:00+08:00")
    folder = home / "published/2026-10/EX/interim"
    assert {p.name for p in folder.iterdir()} == {"report.html", "summary.json", "manifest.json", "data"}
    for form, start in (("docx", b"PK"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        pulled = tmp_path / f"pulled.{form}"
        sixth("pull", "--home", home, "--period", "2026-10", "--format", form, "--out", pulled)
        assert pulled.read_bytes().startswith(start)
    before = {p: p.read_bytes() for p in sorted((home / "published/2026-10").rglob("interim/**/*")) if p.is_file()}
    run(home, "2026-10/deadline", as_of="2026-11-04T12:10:00+08:00")  # nothing new: no scope is made again
    after = {p: p.read_bytes() for p in sorted((home / "published/2026-10").rglob("interim/**/*")) if p.is_file()}
    assert before == after
