"""The main job on the sample, through the command line: figures, versions, same bytes, nothing half done."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.command_line import SIXTH, copy_of, ran, sample_home, sixth
from tests.jobs.expected import EXPECTED, latest, table

KEYS = list(EXPECTED)
SCOPES = ("EX", "EX-15", "EX-15-01", "EX-16", "EX-16-01")
FILES = {"report.html", "report.docx", "report.xlsx", "report.pdf", "summary.json", "manifest.json"}
TABLES = {
    "units", "findings", "submissions", "exposed_assets", "app_launches", "self_check", "rectification", "incidents",
    "indicators", "agreements", "decisions",
}  # fmt: skip
DATA = {f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet")} | {"datapackage.json"}


def words(home: Path, key: str, as_of: str = "") -> list[str]:
    return ["run", "--home", str(home), "--period", key[:7], "--as-of", as_of or EXPECTED[key]["as_of"]]


def run(home: Path, key: str, as_of: str = "") -> subprocess.CompletedProcess[str]:
    return sixth(*words(home, key, as_of))


def manifests(home: Path) -> dict[str, str]:
    return {
        path.relative_to(home).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((home / "published").rglob("manifest.json"))
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the runs of the sample were made, in their order."""
    return ran(tmp_path_factory).home


@pytest.mark.parametrize("key", KEYS)
def test_the_figures_are_the_expected_ones(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    assert ran(tmp_path_factory).differing[key] == []


def test_a_run_leaves_figures_for_those_who_watch_it(home: Path) -> None:
    text = (home / "metrics" / "sixth.prom").read_text(encoding="utf-8")
    assert 'sixth_units{period="2026-10",state="expected"} 24.0' in text
    for stage in ("archived_mails", "parsed_mails", "published_reports", "sent_notices", "data_docs"):
        assert re.search(rf'sixth_stage_seconds{{stage="{stage}"}} [0-9.]+', text), stage


@pytest.mark.parametrize("scope", SCOPES)
def test_a_version_holds_every_file_and_verifies(home: Path, scope: str) -> None:
    folder = latest(home, "2026-10", scope)
    assert {p.name for p in folder.iterdir()} == FILES | {"data"}
    assert {p.name for p in (folder / "data").iterdir()} == DATA
    assert "as it was published" in sixth("verify", folder).stdout


@pytest.mark.parametrize("scope", ["EX", "EX-16-01"])
def test_the_workbook_leads_to_the_pages_of_its_units(home: Path, scope: str) -> None:
    folder = latest(home, "2026-10", scope)
    with zipfile.ZipFile(folder / "report.xlsx") as book:
        links = b"".join(book.read(name) for name in book.namelist() if name.startswith("xl/worksheets/_rels/"))
    targets = set(re.findall(r'Target="([^"]+)" TargetMode="External"', links.decode("utf-8")))
    units = {row["unit_code"] for row in table(folder, "submissions")}
    assert len(targets) == len(units) > 2
    assert all((folder / target).is_file() for target in targets)


def test_a_supplement_is_made_only_where_what_is_counted_has_changed(home: Path) -> None:
    versions = {s: sorted(p.name for p in (home / "published/2026-10" / s).glob("v*")) for s in SCOPES}
    assert versions == {
        "EX": ["v1", "v2"], "EX-15": ["v1", "v2"], "EX-15-01": ["v1", "v2"], "EX-16": ["v1"], "EX-16-01": ["v1"],
    }  # fmt: skip


def test_running_again_changes_nothing(home: Path, tmp_path: Path) -> None:
    again = copy_of(home, tmp_path / "home")
    run(again, KEYS[-1])
    assert manifests(again) == manifests(home)


FIRST_NIGHT, SECOND_NIGHT = "2026-11-03T02:00:00+08:00", "2026-11-05T12:00:00+08:00"


def of_month(home: Path) -> dict[str, str]:
    return {path: told for path, told in manifests(home).items() if path.startswith("published/2026-10/")}


@pytest.fixture(scope="module")
def interim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose first run was that of a night before the cut-off."""
    made = sample_home(tmp_path_factory, tmp_path_factory.mktemp("interim") / "home")
    run(made, "2026-10/deadline", SECOND_NIGHT)
    return made


def test_two_nights_before_the_cutoff_end_as_one_does(
    interim: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The second works out what is new alone, and every file that is pulled is the same."""
    home = sample_home(tmp_path_factory, tmp_path / "home")
    received = []
    for night in (FIRST_NIGHT, SECOND_NIGHT):
        run(home, "2026-10/deadline", night)
        summary = json.loads((latest(home, "2026-10", "EX") / "summary.json").read_text(encoding="utf-8"))
        assert (summary["version"], summary["kind"]) == ("interim", "interim")
        received.append(summary["mails"]["received"])
    assert received[0] < received[1] < 32
    assert len(of_month(home)) == len(SCOPES)
    assert of_month(home) == of_month(interim)


def test_an_interim_report_keeps_the_page_alone_and_makes_other_forms_when_pulled(
    interim: Path, tmp_path: Path
) -> None:
    home = copy_of(interim, tmp_path / "home")
    folder = home / "published/2026-10/EX/interim"
    assert {p.name for p in folder.iterdir()} == {"report.html", "summary.json", "manifest.json", "data"}
    for form, start in (("docx", b"PK"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        pulled = tmp_path / f"pulled.{form}"
        sixth("pull", "--home", home, "--period", "2026-10", "--format", form, "--out", pulled)
        assert pulled.read_bytes().startswith(start)
    page = tmp_path / "page.html"
    for lang, tag in ((("--lang", "en"), "en-GB"), ((), "zh-CN")):  # what was published, and the same in English
        sixth("pull", "--home", home, "--period", "2026-10", *lang, "--out", page)
        assert f'lang="{tag}"' in page.read_text(encoding="utf-8")[:1_000]
    before = {p: p.read_bytes() for p in sorted((home / "published/2026-10").rglob("interim/**/*")) if p.is_file()}
    run(home, "2026-10/deadline", "2026-11-05T12:10:00+08:00")  # nothing new: no scope is made again
    after = {p: p.read_bytes() for p in sorted((home / "published/2026-10").rglob("interim/**/*")) if p.is_file()}
    assert before == after


@pytest.fixture(scope="module")
def first_version(interim: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That home after the deadline report."""
    made = copy_of(interim, tmp_path_factory.mktemp("first") / "home")
    run(made, "2026-10/deadline")
    return made


def test_the_interim_report_is_replaced_and_the_month_rests_on_mails_not_on_earlier_runs(
    home: Path, first_version: Path
) -> None:
    assert latest(first_version, "2026-10", "EX").name == "v1"
    assert {p.name for p in (first_version / "published/2026-10/EX").iterdir()} == {"v1", "latest.json"}
    path = "published/2026-10/EX/v1/manifest.json"
    assert manifests(first_version)[path] == manifests(home)[path]


def test_a_run_before_the_last_is_refused_and_shown_by_a_replay(first_version: Path, tmp_path: Path) -> None:
    home = copy_of(first_version, tmp_path / "home")
    before = {p: p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}
    earlier = ("--home", home, "--period", "2026-10", "--as-of", "2026-11-02T12:00:00+08:00")
    refused = sixth("run", *earlier, check=2)
    assert "2026-11-06T00:30:00+08:00" in refused.stderr
    assert "--replay" in refused.stderr
    counted = sixth("run", *earlier, "--replay").stdout
    assert "nothing was published" in counted
    told = re.search(r"mails +(\d+) received", counted)
    assert told
    assert int(told[1]) < 32
    after = {p: p.read_bytes() for p in sorted(home.rglob("*")) if p.is_file()}
    changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    assert changed <= {home / "warehouse/sixth.duckdb", home / "warehouse/sightings.sqlite"}
    assert "2026-11-06T00:00" in sixth("status", "--home", home, "--period", "2026-10").stdout


def killed_run(home: Path, key: str, seconds: float) -> bool:
    """Start a run in a process group of its own and kill all of it after some seconds; whether it was still running."""
    process = subprocess.Popen(
        [*SIXTH, *words(home, key)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(seconds)
    running = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


@pytest.mark.outside
def test_in_another_home_a_run_killed_anywhere_and_started_again_ends_with_the_same_bytes(
    home: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = sample_home(tmp_path_factory, tmp_path / "home")
    moments = random.Random(8)
    kills = int(os.environ.get("SIXTH_KILLS", "2"))
    killed = sum(killed_run(other, "2026-09/deadline", moments.uniform(0.5, 8)) for _ in range(kills))
    assert killed
    for key in KEYS:
        run(other, key)
    assert manifests(other) == manifests(home)
    sent = [sorted(p.name for p in (place / "outbox").glob("*.eml")) for place in (other, home)]
    assert sent[0] == sent[1] != []
    left = [p for p in (other / "published").rglob(".*") if p.name != ".digest"]
    assert left == []


def test_an_empty_inbox_publishes_a_report_in_which_every_unit_is_missing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = sample_home(tmp_path_factory, tmp_path / "home")
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
def broken(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = sample_home(tmp_path_factory, tmp_path / "home")
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
    lines = told.splitlines()
    assert len(lines) == 2 + 24 + 1
    # who has not, and why; and who waits for a steward
    why = {line.split()[0]: line.rstrip() for line in lines[2:-1]}
    assert why["EX-15-01-010"].endswith(" KPI-05")
    assert any(" returned (" in line for line in why.values())
    assert why["EX-15-01-CHA"].endswith(" 9")  # complete: no rule keeps it from being
    assert lines[-1].startswith("held 2165ffca10ba from stranger@elsewhere.example, received 2026-11-02 14:00: ")


@pytest.mark.parametrize(
    ("form", "start"), [("html", b"<!DOCTYPE html"), ("pdf", b"%PDF-"), ("xlsx", b"PK"), ("csv", b"PK")]
)
def test_a_report_is_pulled(home: Path, tmp_path: Path, form: str, start: bytes) -> None:
    done = sixth("pull", "--home", home, "--period", "2026-10", "--scope", "EX-15", "--format", form, "--out", tmp_path)
    assert Path(done.stdout.strip()).read_bytes()[: len(start)].upper() == start.upper()


def test_a_report_that_is_not_there_is_told(home: Path) -> None:
    assert "there is v1, v2" in sixth("pull", "--home", home, "--period", "2026-10", "--version", "v7", check=2).stderr
