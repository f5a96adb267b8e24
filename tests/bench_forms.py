"""What the forms of a city's report cost in processor time: each form of each city of a generated month, one after another.

The target (issue of the second edition): all four of 30 units in 250 ms, the page of an interim report in 60. No city
is rendered twice, as a second time would find charts and names in memory; the collector and memory are set as in the
job's workers. Processor time, so that a machine in use may be measured; but a loaded one takes up to a third more for
the same work: compare only what was measured side by side. Nothing here asserts a time.

    python -m tests.bench_forms                   ten cities of 30 units
    python -m tests.bench_forms --home HOME       those of a home that a run has published for 2026-10 with this code
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from assets.instance.home import Home
from assets.instance.session import open_session
from assets.instance.workers import KEPT_MEMORY, RARELY
from assets.month.settle import as_indexed
from reports.forms.render import FORMATS, render_forms
from reports.model import Report
from reports.publishing.versions import header_of, latest_version
from reports.report.first_page import gather
from tests.bench import FIRST_NIGHT, PERIOD, Month, job, make_home, make_mails

INTERIM = "interim html"


def city_reports(home: Home) -> Iterator[Report]:
    """The published report of every city, with its tables of data/."""
    with open_session(home, datetime.fromisoformat(FIRST_NIGHT), lang="zh") as session:
        work = session.once(as_indexed)
        tree = work.register.tree(PERIOD)
        cities = [unit.code for unit in tree.units if unit.level == "city"]
        content = gather(work.warehouse, work.catalogue, work.parameters(PERIOD), cities)
        for city in cities:
            folder = home.published / PERIOD / city
            version = folder / str(latest_version(folder))
            header = header_of(version, tree.by_code[city].name, work.software)
            yield replace(content(header), data=version / "data")


def measure(reports: list[Report]) -> dict[str, list[float]]:
    """Milliseconds of processor time by form, a report each; the first report warms the engines and is left out."""
    taken: dict[str, list[float]] = {form: [] for form in (*FORMATS, INTERIM)}
    render_forms(reports[0], FORMATS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)
    for report in reports[1:]:
        interim = replace(report, header=replace(report.header, kind="interim"))
        for form, times in taken.items():
            start = time.process_time()
            render_forms(interim if form == INTERIM else report, ("html",) if form == INTERIM else (form,))
            times.append(1000 * (time.process_time() - start))
    return taken


def main() -> None:
    """Measure, and print the least and the median of each form and of the four together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    if not KEPT_MEMORY.keys() <= os.environ.keys():  # the allocator reads them when a process begins
        told = {name: str(kept) for name, kept in KEPT_MEMORY.items()}
        os.execve(sys.executable, [sys.executable, "-m", "tests.bench_forms", *sys.argv[1:]], {**os.environ, **told})
    if arguments.home:
        home = Home(arguments.home.resolve())
    else:
        home = make_home(Path("bench/forms").resolve(), 300, feedback=False)
        make_mails(home, 300, Month(PERIOD), scans=False)
        job(home, FIRST_NIGHT)
    importlib.import_module("reports.forms.warm_worker")
    taken = measure(list(city_reports(home)))
    print(f"{'':12s} {'least':>8s} {'median':>8s}   ms of processor time")
    for form, times in taken.items():
        print(f"{form:12s} {min(times):8.1f} {statistics.median(times):8.1f}")
    four = [sum(times) for times in zip(*(taken[form] for form in FORMATS), strict=True)]
    print(f"{'all four':12s} {min(four):8.1f} {statistics.median(four):8.1f}")
    if not arguments.home:
        shutil.rmtree(home.root)


if __name__ == "__main__":
    main()
