"""Counts what Sixth says of the made scans, kind by kind; how the thresholds were chosen and are judged.

python -m tests.scans.evaluate --first 7000 --seeds 50   # what README.md reports
python -m tests.scans.evaluate --first 5000 --seeds 20   # seeds that thresholds may be tuned on
python -m tests.scans.evaluate --cost                    # what a page of some kinds costs
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.scans.scan import read_scan
from tests.scans.made_files import as_file
from tests.scans.made_scans import GREY, KINDS, SEALED, made_page, made_scan


def counted(kind: str, seeds: Iterable[int]) -> Counter[str]:
    """How many made scans of a kind are called sealed, no_seal and no_colour."""
    scans = (read_scan(made_scan(kind, seed), f"{kind}.jpg", Limits(), SealThresholds()) for seed in seeds)
    return Counter(scan.reason or scan.state for scan in scans)


def print_cost(kinds: Iterable[str], pages: int = 8, runs: int = 8) -> None:
    """Milliseconds of processor time for a page of 150 dpi as JPEG in a PDF, the best of some runs over some pages."""
    for kind in kinds:
        scans = [as_file(made_page(kind, seed), "PDF", resolution=150, quality=75) for seed in range(pages)]
        times = []
        for _ in range(runs):
            started = time.process_time()
            for scan in scans:
                read_scan(scan, f"{kind}.pdf", Limits(), SealThresholds())
            times.append((time.process_time() - started) / pages * 1000)
        print(f"{kind:12s} {min(times):6.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--cost", action="store_true", help="only: processor time a page")
    arguments = parser.parse_args()
    if arguments.cost:
        print_cost(("normal", "blank", "grey_blank", "red_head", "red_table"))
        return
    started = time.process_time()
    found: Counter[bool] = Counter()
    wrong: Counter[bool] = Counter()
    print("| kind | wanted | sealed | no seal | no colour |\n|---|---|---|---|---|")
    for kind in arguments.kinds:
        said = counted(kind, range(arguments.first, arguments.first + arguments.seeds))
        wanted = "sealed" if kind in SEALED else "no_colour" if kind in GREY else "no_seal"
        found[kind in SEALED] += said[wanted]
        wrong[kind in SEALED] += said.total() - said[wanted]
        print(f"| {kind} | {wanted} | {said['sealed']} | {said['no_seal']} | {said['no_colour']} |", flush=True)
    print(f"\nwith a seal: {found[True]} right, {wrong[True]} missed; ", end="")
    print(f"without: {found[False]} right, {wrong[False]} wrong; {time.process_time() - started:.0f} s CPU")


if __name__ == "__main__":
    main()
