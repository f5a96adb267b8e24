"""Runs every file under a folder through intake's readers and prints what became of it.

    python tests/public_corpus.py FOLDER [--list]

A workbook ends as read or as the reason of its finding; a mail as its attachments and faults, and each workbook in it
as above. Each file is read in a worker with intake's limits; the exit code is 1 when one died. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from assets.isolation import Died, run_isolated
from assets.limits import Limits
from assets.mail.message import parse_message
from assets.workbooks.workbook import WorkbookUnreadable, read_workbook

LIMITS = Limits()
MAILS = (".eml", ".msg", ".mbox", ".txt", "")
WORKBOOKS = (".xlsx", ".xlsm", ".xltx", ".xltm", ".xls", ".xlt", ".et", ".ett", ".csv", ".xlsb", ".ods", ".xlw")


def read(content: bytes, name: str) -> str:
    """What reading a workbook ends as."""
    try:
        workbook = read_workbook(content, name, LIMITS)
    except WorkbookUnreadable as unreadable:
        return f"ENV-03 {unreadable.reason}"
    faults = sum(len(sheet.errors) for sheet in workbook.sheets)
    return f"read as {workbook.format}" + (", with error cells" if faults else "")


def outcomes(path: Path) -> list[str]:
    """What each thing in the file ended as."""
    content = path.read_bytes()
    if path.suffix.lower() in WORKBOOKS:
        return [f"workbook: {read(content, path.name)}"]
    message = parse_message(content, LIMITS)
    found = [f"mail: {len(message.attachments)} attachments" if message.attachments else "mail: no attachment"]
    found += [f"mail: {fault.rule_id} {fault.reason}" for fault in message.faults]
    for attachment in message.attachments:
        if attachment.kind in ("workbook", "csv"):
            found.append(f"attached workbook: {read(attachment.content, attachment.name)}")
    return found


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--list", action="store_true", help="name each file with what it ended as")
    options = arguments.parse_args()
    files = [
        path
        for path in sorted(options.folder.rglob("*"))
        if path.is_file() and path.suffix.lower() in WORKBOOKS + MAILS
    ]
    seen: Counter[str] = Counter()
    started = time.monotonic()
    results = run_isolated(
        outcomes,
        files,
        workers=2,
        batch=10,
        seconds_per_task=LIMITS.file_seconds,
        memory_bytes=LIMITS.file_memory_bytes,
    )
    for path, result in results:
        ends = [f"DIED of {result.reason}"] if isinstance(result, Died) else result
        seen.update(ends)
        if options.list or isinstance(result, Died):
            print(f"{path.relative_to(options.folder)}: {'; '.join(ends)}")
        if isinstance(result, Died):
            print(result.detail)
    for end, count in sorted(seen.items()):
        print(f"{count:>7,}  {end}")
    print(f"{len(files):>7,}  files in {time.monotonic() - started:.1f} s")
    return int(any(end.startswith("DIED") for end in seen))


if __name__ == "__main__":
    sys.exit(main())
