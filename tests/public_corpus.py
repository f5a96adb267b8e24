"""Sends every file under a folder through the whole intake, as mail, and says what became of it.

    python tests/public_corpus.py FOLDER [--compare] [--list]

Mails go as they are (a mailbox file as its mails), every other file of a kind that units send as the attachment of a
mail. All are archived, parsed by assets/intake/staging.py in its workers, and loaded; each must be found in the staging tables
as read or with a fault. Then each is parsed once more alone, for its time and memory. --compare reads the workbooks
with calamine too and prints where it sees other cells than Sixth. The exit code is 1 where a mail is lost, or one died
of anything but its limits. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import io
import mailbox
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from python_calamine import CalamineError, CalamineWorkbook

from assets.instance.limits import MIB, Limits
from assets.instance.settings import SealThresholds
from assets.instance.warehouse import open_warehouse
from assets.instance.workers import Died, run_isolated
from assets.intake.mail.archive import load, store
from assets.intake.mail.kinds import OLE, SCAN_EXTENSIONS, TNEF, WORKBOOK_EXTENSIONS
from assets.intake.mail.seen import Seen
from assets.intake.parsing import Parser, parse_mail, start_worker
from assets.intake.staging import parse_new, prepare, put_receipts
from assets.intake.workbooks.sheet import Workbook, WorkbookUnreadable
from assets.intake.workbooks.workbook import read_workbook
from expectations.catalogue import load_catalogue

LIMITS = Limits()
ATTACHED = WORKBOOK_EXTENSIONS | SCAN_EXTENSIONS | {".csv", ".zip", ".tnef", ".dat", ".rar", ".7z"}
HEADER = re.compile(rb"(?:From |[!-9;-~]+:[ \t\r\n])")
EXAMPLES = 5  # of each kind of difference


def mails_of(path: Path) -> Iterator[bytes]:
    """The mails that a file makes; none where it is of no kind that is sent."""
    content = path.read_bytes()
    suffix = path.suffix.lower()
    if suffix in ATTACHED or content.startswith((OLE, TNEF)):
        message = EmailMessage()
        message["From"] = "corpus@example.net"
        message["Subject"] = path.name.encode("ascii", "replace").decode()
        message["Date"] = "Tue, 03 Nov 2026 09:00:00 +0800"
        message.set_content("")
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=path.name)
        yield message.as_bytes()
    elif suffix == ".mbox" and content.startswith(b"From "):
        yield from (bytes(mail) for mail in mailbox.mbox(path, create=False))
    elif suffix in (".eml", ".mbox", ".msg") or (suffix in ("", ".txt") and HEADER.match(content)):
        yield content


# ------------------------------------------------------------------------------------------ alone, for time and memory

_parsing: list[tuple[Parser, Path]] = []


def begin(parser: Parser, archive: Path) -> None:
    start_worker(parser)
    _parsing[:] = [(parser, archive)]


def measured(mail: str) -> tuple[float, int]:
    """CPU seconds, and bytes of memory at most above what the worker had before, that parsing a mail takes."""
    [(parser, archive)] = _parsing
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before, began = _memory("VmRSS"), time.process_time()
    parse_mail(mail, load(mail, archive), parser)
    return time.process_time() - began, _memory("VmHWM") - before


def _memory(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


# ------------------------------------------------------------------------------------------------- a second opinion


def ours(workbook: Workbook) -> dict[str, tuple[dict[tuple[int, int], Any], set[tuple[int, int]]]]:
    """Per sheet the filled cells by place, and the places of error cells."""
    return {
        sheet.title: (
            {
                (row, column): value
                for row, line in enumerate(sheet.rows, sheet.first_row)
                for column, value in enumerate(line, sheet.first_column)
                if value is not None and value != ""
            },
            set(sheet.errors),
        )
        for sheet in workbook.sheets
    }


def theirs(content: bytes) -> dict[str, dict[tuple[int, int], Any]]:
    """The same by calamine, which shows error cells as blank."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    found: dict[str, dict[tuple[int, int], Any]] = {}
    for title in book.sheet_names:
        sheet = book.get_sheet_by_name(title)
        top, left = sheet.start or (0, 0)
        found[title] = {
            (row, column): value
            for row, line in enumerate(sheet.to_python(skip_empty_area=True), top + 1)
            for column, value in enumerate(line, left + 1)
            if value != ""
        }
    return found


def differences(path: Path) -> list[tuple[str, str]]:
    """(kind of difference, example) between our reading of a workbook and calamine's."""
    content = path.read_bytes()
    try:
        mine = ours(read_workbook(content, path.name, LIMITS))
    except WorkbookUnreadable as unreadable:
        mine, refused = {}, unreadable.reason
    else:
        refused = ""
    try:
        other = theirs(content)
    except (CalamineError, ValueError, OSError) as error:
        return [] if refused else [("calamine cannot read it", f"{type(error).__name__}: {str(error)[:100]}")]
    if refused:
        cells = sum(map(len, other.values()))
        return [(f"refused as {refused}, calamine sees cells", f"{cells} cells")] if cells else []
    found: list[tuple[str, str]] = []
    for title, cells in other.items():
        if title not in mine:
            found += [("a sheet only calamine has", f"{title!r}, {len(cells)} cells")] if cells else []
            continue
        seen, errors = mine[title]
        for place in sorted(seen.keys() | cells.keys()):
            a, b = seen.get(place), cells.get(place)
            if not _same(a, b) and not (place in errors and b is None):
                kind = f"{type(a).__name__} where calamine has {type(b).__name__}"
                found.append((kind, f"{title!r} {place}: {a!r:.60} / {b!r:.60}"))
    return found


def _same(a: object, b: object) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return (
            a.replace("\r\n", "\n").replace("\r", "\n").strip() == b.replace("\r\n", "\n").replace("\r", "\n").strip()
        )
    if isinstance(a, str) and b is None:
        return not a.strip()
    return a == b


# ------------------------------------------------------------------------------------------------------------- all


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--list", action="store_true", help="name each mail with what it ended as")
    arguments.add_argument("--compare", action="store_true", help="read workbooks with calamine too")
    options = arguments.parse_args()
    files = [path for path in sorted(options.folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    with tempfile.TemporaryDirectory() as scratch:
        bad = intake(options.folder, files, Path(scratch), list_all=options.list)
    if options.compare:
        compare(options.folder, [path for path in files if path.suffix.lower() in WORKBOOK_EXTENSIONS])
    return int(bad)


def intake(folder: Path, files: list[Path], scratch: Path, *, list_all: bool) -> bool:
    """Archive, parse, load and count; whether something was lost, or broke what it must not."""
    catalogue = load_catalogue()
    parser = Parser(catalogue, LIMITS, SealThresholds(), "public corpus")
    archive = scratch / "archive"
    names: dict[str, list[str]] = defaultdict(list)
    sent: Counter[str] = Counter()
    for path in files:
        for raw in mails_of(path):
            names[store(raw, archive)].append(path.relative_to(folder).as_posix())
            sent[path.suffix.lower()] += 1
    print(f"{sent.total():>7,}  mails, {len(names):,} of them different; {dict(sent.most_common())}")
    began = time.monotonic()
    with open_warehouse(scratch / "warehouse") as warehouse:
        prepare(warehouse, parser)
        put_receipts(warehouse, [Seen(sha256, datetime.now(UTC), 0) for sha256 in names])
        parse_new(warehouse, parser, archive, scratch / "incoming")
        print(f"{len(names):>7,}  mails parsed and loaded in {time.monotonic() - began:.1f} s")
        ends: dict[str, set[str]] = {row["mail"]: set() for row in warehouse.rows("select mail from staging.mails")}
        for row in warehouse.rows("select mail, rule_id, reason from staging.faults"):
            ends[row["mail"]].add(f"{row['rule_id']} {row['reason']}".strip())
        for row in warehouse.rows("select mail, state, reason from staging.scans"):
            ends[row["mail"]].add(f"scan {row['state']} {row['reason']}".strip())
        for row in warehouse.rows("select mail from staging.forms where readable"):
            ends[row["mail"]].add("form")
    lost = names.keys() - ends.keys()
    counts = Counter(end for found in ends.values() for end in found or {"read, without fault"})
    for end, count in sorted(counts.items()):
        print(f"{count:>7,}  {end}")
    if list_all:
        for sha256, found in ends.items():
            print(f"{names[sha256][0]}: {'; '.join(sorted(found)) or 'read'}")
    for sha256 in lost:
        print(f"LOST {names[sha256]}")
    return alone(names, parser, archive) or bool(lost)


def alone(names: dict[str, list[str]], parser: Parser, archive: Path) -> bool:
    """Parse each mail alone and print the slowest and largest; whether one crashed its worker."""
    results = run_isolated(
        measured,
        list(names),
        workers=1,
        batch=1,
        seconds_per_task=2 * LIMITS.file_seconds,
        memory_bytes=LIMITS.file_memory_bytes,
        initializer=begin,
        initargs=(parser, archive),
    )
    costs: list[tuple[float, int, str]] = []
    crashed = False
    for mail, result in results:
        if isinstance(result, Died):
            print(f"DIED of {result.reason}: {names[mail][0]}\n{result.detail}")
            crashed |= result.reason == "crashed"
        else:
            costs.append((*result, names[mail][0]))
    for seconds, _, name in sorted(costs, reverse=True)[:5]:
        print(f"{seconds:>7.3f}  s of CPU: {name}")
    for _, memory, name in sorted(costs, key=lambda cost: cost[1], reverse=True)[:5]:
        print(f"{memory / MIB:>7.0f}  MiB: {name}")
    print(f"{sum(s > LIMITS.file_seconds for s, _, _ in costs):>7,}  took more than {LIMITS.file_seconds} s")
    return crashed


def compare(folder: Path, files: list[Path]) -> None:
    """Print how many cells of how many files differ, by kind, with examples."""
    results = run_isolated(
        differences,
        files,
        workers=1,
        batch=1,
        seconds_per_task=12 * LIMITS.file_seconds,
        memory_bytes=4 * LIMITS.file_memory_bytes,
    )
    seen: dict[str, list[str]] = defaultdict(list)
    cells: Counter[str] = Counter()
    for path, result in results:
        found = [(f"DIED of {result.reason}", result.detail)] if isinstance(result, Died) else result
        cells.update(kind for kind, _ in found)
        for kind, example in dict(reversed(found)).items():
            seen[kind].append(f"{path.relative_to(folder).as_posix()}: {example}")
    print(f"{len(files):>7,}  workbooks compared with calamine")
    for kind, examples in sorted(seen.items()):
        print(f"{cells[kind]:>7,}  in {len(examples)} files: {kind}")
        for example in examples[:EXAMPLES]:
            print(f"             {example}")


if __name__ == "__main__":
    sys.exit(main())
