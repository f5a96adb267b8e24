"""A night killed at every stage, again and again, and run to its end: the same bytes, and no notice twice."""

from __future__ import annotations

import email
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from assets.instance.home import Home
from assets.ledger.models import Notice
from assets.ledger.opening import open_ledger
from tests.jobs.command_line import SIXTH, copy_of, sixth
from tests.jobs.dagster_home import PERIOD, UNITS, filled_home

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("SIXTH_KILLS", "20"))
LONGEST_DELAY = 0.4  # seconds after a stage has begun
AT = f"{PERIOD[:4]}-11-06T00:30:00+08:00"


def killed_in(home: Home, words: list[str], stage: int, delay: float) -> str:
    """Run a night, and kill all of it some time after so many stages have begun; the last one, "" where it was through.

    Which have begun is told by its log of lines of JSON.
    """
    command = [*SIXTH, *words, "--home", str(home.root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as night:
        assert night.stderr is not None
        begun: list[str] = []
        for line in night.stderr:
            told = json.loads(line) if line.startswith(b"{") else {}
            if told.get("event") == "STEP_START":
                begun.append(told["step"])
                if len(begun) > stage:
                    break
        time.sleep(delay)
        through = night.poll() is not None
        if not through:
            os.killpg(night.pid, signal.SIGKILL)
        night.stderr.close()
    return "" if through else begun[-1]


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_night_killed_at_every_stage_ends_with_the_same_bytes_and_no_notice_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = filled_home(tmp_path / "home", monkeypatch)
    (home.register / "settings.yaml").write_text("settle_seconds: 0\nlogs: json\n", encoding="utf-8")
    undisturbed = Home(copy_of(home.root, tmp_path / "undisturbed"))
    words = ["run", "--period", PERIOD, "--as-of", AT]
    done = sixth(*words, "--home", undisturbed.root)
    assert "deadline report (v1)" in done.stdout
    stages = len(json.loads((undisturbed.root / "metrics/last_run.json").read_text(encoding="utf-8"))["seconds"])
    dice = random.Random(20)
    order = [*range(stages)] * (KILLS // stages + 1)
    killed = [killed_in(home, words, stage, dice.uniform(0, LONGEST_DELAY)) for stage in order[:KILLS]]
    assert len({stage for stage in killed if stage}) >= min(KILLS, stages) // 2, killed
    sixth(*words, "--home", home.root)
    assert files(home.published) == files(undisturbed.published)
    assert sorted(p.name for p in home.outbox.glob("*.eml")) == sorted(p.name for p in undisturbed.outbox.glob("*.eml"))
    sent = Counter(email.message_from_bytes(p.read_bytes())["Message-ID"] for p in home.outbox.glob("*.eml"))
    assert len(sent) >= len(UNITS)
    assert set(sent.values()) == {1}
    with open_ledger(home.warehouse) as ledger, ledger.connect() as connection:
        booked = connection.execute(select(Notice.state, func.count()).group_by(Notice.state)).all()
    assert [(state, count) for state, count in booked] == [("sent", len(sent))]
