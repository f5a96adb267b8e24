"""`make bench-shards`: a generated month worked on whole, and in shards, in both rounds as workers do
them: mails to counted rows, and reports and answers of the settled month.

Told are processor seconds, of all processes of each part: what shards cost altogether beside the whole, what of it is the
head's, and, worked out of these two, how long more machines would take that have nothing else to do. Every published
file is compared. Nothing here asserts a time.

    python -m tests.bench_shards --units 660 --most-units 330
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.instance.home import Home
from tests.bench import FIRST_NIGHT, PERIOD, Month, _tree, job, make_home, make_mails

WORKERS = (1, 2, 4, 8, 31)
LOOK_SECONDS = 0.5
NO_BROKER = "redis://127.0.0.1:1/0"  # workers are played by this program, which asks for their work itself


def child(what: str, home: Home) -> None:
    """Give shards their mails, or do as a worker does what is asked line by line; what it took, as JSON."""
    from pipelines.cli import leave

    if what == "give":
        from assets.instance.session import open_session
        from assets.intake.collecting import collect
        from assets.month.shards import give_shards

        with open_session(home, datetime.fromisoformat(FIRST_NIGHT)) as session:
            collect(session)
            print(json.dumps({"names": [given.name for given in give_shards(session, PERIOD)]}))
    else:
        from assets.instance.workers import warm
        from assets.month.shards import work_on
        from pipelines.month_run import WORKER_MODULES
        from reports.drawing import draw

        warm(WORKER_MODULES)
        print(json.dumps({}), flush=True)
        for line in sys.stdin:
            {"mails": work_on, "draws": draw}[line.split()[0]](home, line.split()[1])
            memory, cpu = _tree()
            print(json.dumps({"cpu": cpu, "memory_mb": memory / 1e6}), flush=True)
    print(json.dumps({"cpu": _tree()[1]}), flush=True)
    leave(0)


class Child:
    """A process that gives, or a worker: one that Celery has begun long before, and that does one run after another."""

    def __init__(self, what: str, home: Home) -> None:
        words = [sys.executable, "-m", "tests.bench_shards", "--child", what, "--folder", str(home.root)]
        self.process = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.told = self.said()
        self.cpu = 0.0

    def said(self) -> dict[str, Any]:
        """The next line of JSON; all others are for people."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told
        raise SystemExit("a process of the bench has failed; see above")

    def do(self, what: str, name: str) -> dict[str, Any]:
        """Do a round of a shard; what that took."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {name}\n")
        self.process.stdin.flush()
        told = self.said()
        before, self.cpu = self.cpu, told["cpu"]
        return {**told, "cpu": self.cpu - before}

    def end(self) -> float:
        """End it; processor seconds of all that it did."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        cpu: float = self.said()["cpu"]
        self.process.wait()
        return cpu


def head_and_drawings(home: Home, workers: Sequence[Child]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The head's run, while which shards draw what it asks them for; what each of both took."""
    from reports.drawing import waiting

    drawn: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(1) as beside:
        head = beside.submit(job, home, FIRST_NIGHT)
        while not head.done():
            for one in waiting(home):
                drawn[one.name] = workers[len(drawn) % len(workers)].do("draws", one.name)
            time.sleep(LOOK_SECONDS)
        return head.result(), drawn


def published(home: Home) -> dict[str, bytes]:
    """Every published file."""
    return {p.relative_to(home.root).as_posix(): p.read_bytes() for p in home.published.rglob("*") if p.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=660)
    parser.add_argument("--most-units", type=int, default=330)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without-scans", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child:
        child(given.child, Home(given.folder.resolve()))
    folder = (given.folder or Path(tempfile.mkdtemp())).resolve()
    whole = make_home(folder / "whole", given.units, feedback=not given.without_scans)
    make_mails(whole, given.units, Month(PERIOD), scans=not given.without_scans)
    cut = Home(Path(shutil.copytree(whole.root, folder / "cut")))
    with (cut.register / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"shards: {{most_units: {given.most_units}, workers: 1}}\n")
    os.environ["SIXTH_BROKER"] = NO_BROKER
    alone = job(whole, FIRST_NIGHT)["cpu"]
    giving = Child("give", cut)
    names, gave = giving.told["names"], giving.end()
    workers = [Child("worker", cut) for _ in range(min(given.workers, len(names)))]
    shards = {name: workers[n % len(workers)].do("mails", name) for n, name in enumerate(names)}
    last, drawn = head_and_drawings(cut, workers)
    head, of_workers = gave + last["cpu"], sum(worker.end() for worker in workers)
    print(f"{given.units} units, processor seconds: whole {alone:.1f}")
    for what, of in (("mails", shards), ("draws", drawn)):
        for name, one in of.items():
            print(f"  shard {name:12} {what} {one['cpu']:6.1f}  {one['memory_mb']:5.0f} MB at its end")
    print(f"  workers, all of it       {of_workers:6.1f}")
    print(f"  head                     {head:6.1f}")
    for stage in last["stages"]:
        print(f"    {stage['stage']:40} {stage['cpu']:6.2f}")
    both = head + of_workers
    print(f"together {both:.1f}, {both / alone:.2f} of the whole; the head's part is {head / both:.0%}")
    rounds = [[one["cpu"] for one in of.values()] for of in (shards, drawn)]
    for count in WORKERS:
        beside = sum(max(max(took, default=0.0), sum(took) / count) for took in rounds)
        print(f"  projection, {count:2} workers: {head + beside:6.1f} s of one core")
    one, other = published(whole), published(cut)
    differing = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
    print(f"{len(one)} published files, {len(differing)} of them otherwise", *differing[:5])
    shutil.rmtree(folder)
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
