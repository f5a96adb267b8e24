"""How quickly the portal answers: a made-up snapshot of many units, and people who look at its pages at their own pace.

Each made-up unit has the findings, forms and scans of one of the sample's, under a register as large as asked for; the
snapshot is written by the portal's own code, counts of every node included. `sixth serve` runs as it does in earnest,
with one worker; fifty readers on loopback ask for a page every two seconds on average: the carrier's worklist, that of
a province, a unit's page. The first two are looked at by many and so are kept once they are drawn, as in earnest; of
units' pages nearly every one is drawn anew. Prints p50 and p95 of each in ms, processor time a request, and memory. Nothing here asserts
a time.

    python -m tests.bench_portal --units 10000 --readers 50 --seconds 60
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.instance.home import Home
from assets.instance.register import load_register
from assets.ledger import people
from assets.ledger.opening import open_ledger
from reports.portal.reading import CUT
from reports.portal.shape import HELD
from reports.portal.snapshot import INDEXES, _counts, nodes_of, write_snapshots, write_whole
from tests.bench import PERIOD, make_home
from tests.reports.settled_sample import LAST, settled_sample

MIB = 1024 * 1024
PACE = 2.0  # seconds between two pages of a reader, on average
COPIED = ("findings", "units", "forms", "scans", "months")  # tables with rows of units, by place


def tables_of(file: Path) -> dict[str, pl.DataFrame]:
    """The tables of a snapshot."""
    found = {}
    with closing(sqlite3.connect(file)) as db:
        for name in (*CUT, "about"):
            rows = db.execute(f"select * from {name}")
            names = [column[0] for column in rows.description]
            found[name] = pl.DataFrame(rows.fetchall(), schema=names, orient="row", infer_schema_length=None)
    return found


def write_many(home: Home, sample: dict[str, pl.DataFrame]) -> None:
    """The snapshot of a month in which every unit of the home's register is one of the sample's under another name."""
    tree = load_register(home.register).tree(PERIOD)
    nodes = nodes_of(tree).with_columns(content=pl.lit(""))
    units = nodes.filter(pl.col("level") == "unit").select(
        of="place", to_code="unit_code", to_name="unit_name", number=pl.int_range(pl.len())
    )
    places = sample["nodes"].filter(pl.col("level") == "unit")["place"].to_list()
    of_sample = pl.DataFrame({"number": range(units.height)}).with_columns(
        place=pl.Series([places[n % len(places)] for n in range(units.height)], dtype=pl.Int64)
    )
    whose = units.join(of_sample, on="number")
    made = dict(sample)
    for name in COPIED:
        frame = sample[name].filter(pl.col("place") >= 0)
        copies = whose.join(frame.with_columns(pl.col("place").cast(pl.Int64)), on="place", how="inner")
        changed: dict[str, Any] = {"place": pl.col("of")}
        if "unit_code" in frame.columns:
            changed["unit_code"] = pl.col("to_code")
        if "unit_name" in frame.columns:
            changed["unit_name"] = pl.col("to_name")
        for key in ("finding_id", "form_id"):
            if key in frame.columns:
                changed[key] = pl.concat_str(pl.lit("c"), pl.col("number").cast(pl.String), pl.col(key))
        made[name] = copies.with_columns(**changed).select(frame.columns)
    rank = {"hold": 0, "return": 1, "incomplete": 2, "drop": 3, "seal": 4, "flag": 5}
    findings = made["findings"].drop("seq").sort(pl.col("moves").replace_strict(rank), "rule_id", "place")
    made["findings"] = findings.with_columns(pl.col("counts").cast(pl.Boolean)).with_row_index("seq")
    made["counts"] = _counts(made["findings"], tree, nodes)
    made["nodes"] = nodes
    for name in ("mails", "sheets", "rows", "changes", "carried"):
        made[name] = sample[name].filter(pl.col("place").cast(pl.Int64) == HELD - 1)
    write_whole(home.portal / f"{PERIOD}.sqlite", made.items(), INDEXES)


def made_home(folder: Path, units: int) -> Home:
    """A home with a register of so many units and the snapshot of a month."""
    with settled_sample(folder / "settled") as sample:
        write_snapshots(sample.work, folder / "snapshots")
    home = make_home(folder / "home", units)
    home.mark()  # as `sixth init` does; else `serve` first brings it up to date, and keeps what that took of memory
    home.portal.mkdir(exist_ok=True)
    write_many(home, tables_of(folder / "snapshots" / f"{LAST}.sqlite"))
    return home


def readers_of(home: Home, count: int) -> list[str]:
    """Sessions of so many stewards of the carrier."""
    now = datetime.now(UTC)
    carrier = load_register(home.register).tree(PERIOD).carrier
    with open_ledger(home.warehouse) as ledger:
        for n in range(count):
            people.add_user(ledger, f"reader{n}", "", "none", "bench", now)
            people.grant(ledger, f"reader{n}", "steward", carrier, "bench", now)
        return [people.log_in(ledger, f"reader{n}", "127.0.0.1", now) for n in range(count)]


def serve(home: Home) -> tuple[subprocess.Popen[bytes], int]:
    """`sixth serve` with one worker, once it answers; and its port."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    arguments = ["serve", "--home", str(home.root), "--port", str(port), "--workers", "1"]
    program = subprocess.Popen([sys.executable, "-m", "pipelines.cli", *arguments], stdout=subprocess.DEVNULL)
    while True:
        with closing(socket.socket()) as there:
            if there.connect_ex(("127.0.0.1", port)) == 0:
                return program, port
        time.sleep(0.1)


def used(pid: int) -> tuple[float, float]:
    """Processor seconds (user and system) of a process so far, and its memory (PSS) in MiB."""
    told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    pss = next(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        if line.startswith("Pss:")
    )
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK"), pss * 1024 / MIB


def read(port: int, session: str, pages: dict[str, list[str]], until: float, told: dict[str, list[float]]) -> None:
    """One reader: a page, a pause, another page."""
    chance = random.Random(session)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while time.monotonic() < until:
        time.sleep(chance.uniform(0, 2 * PACE))
        name = chance.choice(list(pages))
        begun = time.perf_counter()
        connection.request("GET", chance.choice(pages[name]), headers={"cookie": f"sixth={session}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{name}: {answer.status}")
        told[name].append((time.perf_counter() - begun) * 1000)


def measure(units: int, readers: int, seconds: float) -> dict[str, Any]:
    """What the portal takes for its pages."""
    with tempfile.TemporaryDirectory(prefix="sixth-bench-portal-") as folder:
        home = made_home(Path(folder), units)
        sessions = readers_of(home, readers)
        tree = load_register(home.register).tree(PERIOD)
        provinces = [u.code for u in tree.units if u.level == "province"]
        pages = {
            "worklist": [f"/worklist?period={PERIOD}"],
            "province": [f"/worklist?period={PERIOD}&scope={code}" for code in provinces],
            "unit": [f"/units/{u.code}?period={PERIOD}" for u in tree.reporting],
        }
        told: dict[str, list[float]] = {name: [] for name in pages}
        program, port = serve(home)
        try:
            for name, paths in pages.items():  # nobody waits for what is made once
                read(port, sessions[0], {name: paths}, time.monotonic() + 0.1, {name: []})
            before, _ = used(program.pid)
            until = time.monotonic() + seconds
            threads = [threading.Thread(target=read, args=(port, s, pages, until, told)) for s in sessions]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            after, memory = used(program.pid)
        finally:
            program.terminate()
            program.wait()
        size = (home.portal / f"{PERIOD}.sqlite").stat().st_size / MIB
    count = sum(map(len, told.values()))
    return {
        "units": units,
        "readers": readers,
        "requests": count,
        "snapshot_mib": round(size, 1),
        "pages": {
            name: {"p50_ms": round(statistics.median(of), 1), "p95_ms": round(statistics.quantiles(of, n=20)[-1], 1)}
            for name, of in told.items()
        },
        "cpu_ms_a_request": round((after - before) * 1000 / count, 1),
        "memory_mib": round(memory, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.units, arguments.readers, arguments.seconds), indent=1))


if __name__ == "__main__":
    main()
