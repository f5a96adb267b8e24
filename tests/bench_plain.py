"""What people write instead: the workbooks of a folder of mails, read with pandas and calamine, and summed up.

No check of any cell, no scan, no answer to anybody: the measure of what all of that costs (tests/bench.py).

    python -m tests.bench_plain INBOX [EVERY]   of every so many mails one; the last line says what that took
"""

from __future__ import annotations

import email
import io
import json
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd


def main() -> None:
    """Print how many rows of which sheet the workbooks of all mails below a folder have, and the sum of their numbers."""
    rows: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    inbox, every = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    mails = sorted(inbox.rglob("*.eml"))[::every]
    start, cpu = time.perf_counter(), time.process_time()
    for path in mails:
        for part in email.message_from_bytes(path.read_bytes()).walk():
            if not (part.get_filename() or "").endswith(".xlsx"):
                continue
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            for title, frame in pd.read_excel(io.BytesIO(content), sheet_name=None, engine="calamine").items():
                rows[str(title)] += len(frame)
                numbers[str(title)] += frame.select_dtypes("number").sum().sum()
    for title, count in rows.items():
        print(f"{title}: {count} rows, {numbers[title]:.0f}")
    taken = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    print(json.dumps({"mails": len(mails), **taken}))


if __name__ == "__main__":
    main()
