"""`make bench-shards`: a generated month worked on whole, and in shards with a process each as workers do it.

Told are processor seconds, of all processes of each part: what shards cost altogether beside the whole, what of it is the
head's, and, worked out of these two, how long more machines would take that have nothing else to do. Every published
file is compared. Nothing here asserts a time.

    python -m tests.bench_shards --units 660 --most-units 165
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.instance.home import Home
from tests.bench import FIRST_NIGHT, PERIOD, Month, _tree, job, make_home, make_mails

WORKERS = (1, 2, 4, 8, 31)


def child(what: str, home: Home) -> None:
    """Give shards their mails, or work on the one of that name; what it took, as JSON."""
    from pipelines.cli import leave

    names: list[str] = []
    if what == "give":
        from assets.instance.session import open_session
        from assets.intake.collecting import collect
        from assets.month.shards import give_shards

        with open_session(home, datetime.fromisoformat(FIRST_NIGHT)) as session:
            collect(session)
            names = [given.name for given in give_shards(session, PERIOD)]
    else:
        from assets.month.shards import work_on

        work_on(home, what)
    memory, cpu = _tree()
    print(json.dumps({"cpu": cpu, "memory_mb": memory / 1e6, "names": names}))
    leave(0)


def apart(what: str, home: Home) -> dict[str, Any]:
    """The same in a process of its own."""
    words = [sys.executable, "-m", "tests.bench_shards", "--child", what, "--folder", str(home.root)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-4000:])
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def published(home: Home) -> dict[str, bytes]:
    """Every published file."""
    return {p.relative_to(home.root).as_posix(): p.read_bytes() for p in home.published.rglob("*") if p.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=660)
    parser.add_argument("--most-units", type=int, default=165)
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
        settings.write(f"shards: {{most_units: {given.most_units}}}\n")
    alone = job(whole, FIRST_NIGHT)["cpu"]
    first = apart("give", cut)
    shards = {name: apart(name, cut) for name in first["names"]}
    head = first["cpu"] + job(cut, FIRST_NIGHT)["cpu"]
    of_shards = sum(one["cpu"] for one in shards.values())
    print(f"{given.units} units, processor seconds: whole {alone:.1f}")
    for name, one in shards.items():
        print(f"  shard {name:12} {one['cpu']:6.1f}  {one['memory_mb']:5.0f} MB at its end")
    print(f"  head               {head:6.1f}")
    both = head + of_shards
    print(f"together {both:.1f}, {both / alone:.2f} of the whole; the head's part is {head / both:.0%}")
    longest = max((one["cpu"] for one in shards.values()), default=0.0)
    for workers in WORKERS:
        print(f"  projection, {workers:2} workers: {head + max(longest, of_shards / workers):6.1f} s of one core")
    one, other = published(whole), published(cut)
    differing = sorted(path for path in {*one, *other} if one.get(path) != other.get(path))
    print(f"{len(one)} published files, {len(differing)} of them otherwise", *differing[:5])
    shutil.rmtree(folder)
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
