"""`sixth answer`: mails answered by day, and the night that follows makes what it would have made without."""

from __future__ import annotations

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
from assets.instance.register import load_register
from expectations.catalogue import load_catalogue
from pipelines.answer_run import answer_period
from pipelines.month_run import run_period
from reports.publishing.versions import versions
from tests.feedback.made_month import PERIOD, ZONE, drop_mail
from tests.feedback.made_month import Home as Made
from tests.feedback.made_month import home as made_home
from tests.jobs.command_line import SIXTH, copy_of, sixth
from tests.jobs.test_single_assets import LATE, PUNCTUAL
from tests.scans.made_scans import SEALED, made_scan
from tests.templates.filled_forms import filled_forms

FIRST_NIGHT, NOON, NIGHT = (datetime(2026, 11, day, hour, 30, tzinfo=ZONE) for day, hour in ((4, 2), (4, 12), (5, 2)))
DEADLINE, NEXT_NOON, NEXT_NIGHT = (
    datetime(2026, 11, day, hour, 30, tzinfo=ZONE) for day, hour in ((6, 0), (6, 12), (7, 2))
)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> Home:
    """A home after a night in which one unit had reported. Reports are data alone here, as nobody looks at a page."""
    home = Home(tmp_path_factory.mktemp("answer") / "home")
    made_home(home.root, [PUNCTUAL, LATE])
    (home.register / "settings.yaml").write_text("settle_seconds: 0\n", encoding="utf-8")
    send(PUNCTUAL, 3, home)
    run_period(home, PERIOD, FIRST_NIGHT, None, "zh", earlier=True)
    return home


def send(unit: str, day: int, *homes: Home) -> None:
    """A complete return of a unit, with nothing in it that another has: the same mail to each of the homes."""
    made = Made(homes[0].root, load_register(homes[0].register), load_catalogue())
    number = day + 10 * [PUNCTUAL, LATE].index(unit)
    forms = filled_forms(made.unit(unit), made.catalogue, made.register, number, only=("annex2", "annex3"))
    files = [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", forms["annex3"])]
    drop_mail(made, unit, [*files, ("扫描件.jpg", made_scan(SEALED[0], number))], day=day, scan=False)
    mail = homes[0].inbox / f"{unit}-{day}.eml"
    for home in homes[1:]:
        shutil.copy2(mail, home.inbox)


def published(home: Home) -> dict[str, bytes]:
    """Reports, answers to units, snapshots of the portal, byte for byte."""
    return {
        path.relative_to(home.root).as_posix(): path.read_bytes()
        for folder in (home.published, home.portal)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def scopes(home: Home) -> dict[str, bytes]:
    return {name: content for name, content in published(home).items() if "/feedback/" not in name}


def receipts(home: Home, unit: str) -> list[str]:
    """The receipts in the outbox that a unit was sent."""
    return sorted(file.name for file in home.outbox.glob(f"{PERIOD}_receipt_{unit}_*.eml"))


def test_a_unit_is_answered_by_day_and_the_night_makes_what_it_would_have(first_night: Home, tmp_path: Path) -> None:
    by_day, by_night = (Home(copy_of(first_night.root, tmp_path / name)) for name in ("day", "night"))
    send(LATE, 4, by_day, by_night)
    before = scopes(by_day)
    told = answer_period(by_day, PERIOD, NOON, "zh")
    assert told.lines[1:] == ("mails    1 new", f"answers  1 written: {LATE}", "receipts 1 sent")
    assert (by_day.published / PERIOD / "feedback" / LATE / "feedback.html").is_file()
    assert scopes(by_day) == before, "reports are the night's"
    assert len(receipts(by_day, LATE)) == 1
    assert not by_day.ended.exists(), "the night has something to do"
    for home in (by_day, by_night):
        run_period(home, PERIOD, NIGHT, None, "zh", earlier=True)
    assert published(by_day) == published(by_night)
    assert receipts(by_day, LATE) == receipts(by_night, LATE), "nobody is answered twice"

    for home in (by_day, by_night):
        run_period(home, PERIOD, DEADLINE, None, "zh", earlier=True)
    send(PUNCTUAL, 6, by_day, by_night)  # a correction, after the deadline report
    answer_period(by_day, PERIOD, NEXT_NOON, "zh")
    assert versions(by_day.published / PERIOD / "C") == ["v1"]
    assert len(receipts(by_day, PUNCTUAL)) == 2
    for home in (by_day, by_night):
        run_period(home, PERIOD, NEXT_NIGHT, None, "zh", earlier=True)
    assert published(by_day) == published(by_night)
    assert {f.name for f in by_day.outbox.iterdir()} == {f.name for f in by_night.outbox.iterdir()}


def test_a_home_without_a_run_is_not_begun_by_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    made_home(home.root, [PUNCTUAL])
    done = sixth("answer", "--home", home.root, "--as-of", NOON.isoformat(), check=2)
    assert f"`sixth run --period {PERIOD}`" in done.stderr
    assert not home.warehouse.exists()


@pytest.mark.outside
def test_killed_and_beside_a_night_it_loses_nothing_and_answers_nobody_twice(first_night: Home, tmp_path: Path) -> None:
    """SIXTH_KILLS=20 for the record: it takes many minutes."""
    home, alone = (Home(copy_of(first_night.root, tmp_path / name)) for name in ("home", "alone"))
    at = NIGHT.isoformat()
    send(LATE, 4, home, alone)
    run_period(alone, PERIOD, NIGHT, None, "zh", earlier=True)
    answer = [*SIXTH, "answer", "--home", str(home.root), "--as-of", at]
    night = [*SIXTH, "run", "--home", str(home.root), "--as-of", at]
    moments, longest = random.Random(18), 8.0
    for _ in range(int(os.environ.get("SIXTH_KILLS", "1"))):
        process = subprocess.Popen(answer, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(moments.uniform(0.5, longest))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    both = [subprocess.Popen(words, stderr=subprocess.PIPE, start_new_session=True) for words in (answer, night)]
    for process in both:
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said.decode()
    assert receipts(home, LATE) == receipts(alone, LATE)
    assert len(receipts(home, LATE)) == 1
    data, alike = (
        {
            name: content
            for name, content in published(one).items()
            if "/data/" in name or name.endswith("feedback.html")
        }
        for one in (home, alone)
    )
    assert data == alike
