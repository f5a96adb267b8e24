"""Runs killed at any moment and run again: no notice is lost, and none goes out twice where that can be helped."""

from __future__ import annotations

import email
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.ledger import queue
from assets.ledger.models import KINDS
from assets.ledger.opening import open_ledger
from tests.notices.made_units import PERIOD, many
from tests.notices.smtp_server import Post, smtp_server

pytestmark = pytest.mark.outside

UNITS = 200
UNITS_IN_OUTBOX = 1000  # they go out 64 at once, and kills must come between
KILLS = 10
EARLY_KILLS = 3
# What the child says when its imports are done: before that there is nothing to kill.
READY = "ready"
CHILD = """
import sys
from pathlib import Path
from assets.instance.settings import SmtpSettings
from assets.ledger.opening import open_ledger
from reports.notices.sending import remind
from assets.instance.register import load_register
from tests.notices.made_units import PERIOD, mailroom, standing

folder, port = Path(sys.argv[1]), int(sys.argv[2])
smtp = SmtpSettings("127.0.0.1", port, tls="none") if port else None
register = load_register(folder / "register")
units = {u.code: standing(u.code, unit_name=u.name) for u in register.tree(PERIOD).reporting}
print("ready", flush=True)
with open_ledger(folder / "warehouse") as ledger:
    remind(mailroom(folder, register, smtp=smtp), ledger, PERIOD, units)
"""


def killed_and_rerun(folder: Path, port: int, count: Callable[[], int], units: int = UNITS) -> list[int]:
    """Run the child, kill it, and again, until it has ended by itself; how many mails were out at each kill.

    The first kills come at any time, in the migration or the queueing too; the others amid the sending.
    """
    dice = random.Random(7)
    out_at_kill: list[int] = []
    while True:
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(port)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == READY
            if len(out_at_kill) < EARLY_KILLS:
                time.sleep(dice.uniform(0, 0.6))
            else:
                enough = count() + dice.randint(1, 2 * units // KILLS)
                while child.poll() is None and count() < enough:
                    time.sleep(0.0005)
                # Anywhere between two mails, or within one.
                time.sleep(dice.uniform(0, 0.015))
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
            status = child.wait()
        if status == 0:
            return out_at_kill
        assert status == -signal.SIGKILL
        out_at_kill.append(count())


def assert_all_booked(home: Path, units: int = UNITS) -> dict[str, str]:
    """Every notice is sent, once in the ledger; their Message-IDs by recipient."""
    with open_ledger(home / "warehouse") as ledger:
        booked = queue.notices(ledger, PERIOD, KINDS)
    assert len(booked) == units
    assert {n.state for n in booked} == {"sent"}
    return {n.recipient: n.message_id for n in booked}


def test_the_outbox_gets_every_notice_exactly_once(tmp_path: Path) -> None:
    many(tmp_path / "register", UNITS_IN_OUTBOX)
    outbox = tmp_path / "outbox"
    out_at_kill = killed_and_rerun(tmp_path, 0, lambda: len(list(outbox.glob("*.eml"))), UNITS_IN_OUTBOX)
    assert len({n for n in out_at_kill if 0 < n < UNITS_IN_OUTBOX}) >= 5, out_at_kill
    ids = assert_all_booked(tmp_path, UNITS_IN_OUTBOX)
    mails = [email.message_from_bytes(p.read_bytes()) for p in outbox.glob("*.eml")]
    assert Counter(m["Message-ID"] for m in mails) == dict.fromkeys(ids.values(), 1)
    assert all(m.get_payload() and not m.defects for m in mails)


def test_a_server_gets_every_notice_at_least_once_and_copies_have_the_same_id(tmp_path: Path) -> None:
    many(tmp_path / "register", UNITS)
    post = Post()
    with smtp_server(post) as smtp:
        out_at_kill = killed_and_rerun(tmp_path, smtp.port, lambda: len(post.taken))
    ids = assert_all_booked(tmp_path)
    sent: dict[str, set[str]] = {}
    for (recipient, _), mail in zip(post.taken, post.mails, strict=True):
        sent.setdefault(recipient, set()).add(mail["Message-ID"])
    assert sent == {recipient: {message_id} for recipient, message_id in ids.items()}
    assert len({n for n in out_at_kill if 0 < n < UNITS}) >= 5, out_at_kill
    # Each kill can double no more than the one mail that was under way.
    assert UNITS <= len(post.taken) <= UNITS + len(out_at_kill)
