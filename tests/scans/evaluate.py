"""Counts what Sixth says of the made scans, kind by kind; how the thresholds were chosen and are judged.

python -m tests.scans.evaluate --first 7000 --seeds 50   # what README.md reports
python -m tests.scans.evaluate --first 5000 --seeds 20   # seeds that thresholds may be tuned on
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable

from assets.limits import Limits
from assets.scans.scan import read_scan
from assets.scans.thresholds import SealThresholds
from tests.scans.made_scans import GREY, KINDS, SEALED, made_scan


def counted(kind: str, seeds: Iterable[int]) -> Counter[str]:
    """How many made scans of a kind are called sealed, no_seal and no_colour."""
    scans = (read_scan(made_scan(kind, seed), f"{kind}.jpg", Limits(), SealThresholds()) for seed in seeds)
    return Counter(scan.reason or scan.state for scan in scans)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    arguments = parser.parse_args()
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
