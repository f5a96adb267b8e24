"""Throws damaged workbooks and scans at their readers for as long as asked, and says what they did with them.

    python tests/fuzz_files.py --minutes 20 [--seed 1] [--corpus FOLDER] [--keep FOLDER] [--workers 2]

Every mutant is made from its number and read in a worker with intake's limits; one that crashes, hangs or outgrows
them, or that ends in any exception but WorkbookUnreadable, is counted, kept in --keep, and makes the exit code 1.
--corpus adds files of your own, scans among them. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.instance.workers import Died, run_isolated
from assets.intake.mail.kinds import SCANS
from assets.intake.scans.scan import read_scan
from tests.scans.made_files import as_file, as_pdf, as_tiff
from tests.scans.made_scans import made_page
from tests.workbooks.made_workbooks import (
    biff,
    boolean,
    error,
    formula,
    label,
    number,
    ole,
    sheet_xml,
    string_item,
    xls,
    xlsx_parts,
    zipped,
)
from tests.workbooks.tasks import outcome

LIMITS = Limits()
SEAL = SealThresholds()
NUMBERS = [b"0", b"-1", b"1", b"255", b"65536", b"1048576", b"4294967295", b"18446744073709551616", b"1e999", b"NaN"]
MARKUP = [b"<", b">", b"/>", b'"', b"'", b"&", b"&#0;", b"<!", b"<![CDATA[", b"]]>", b"<!--", b"<?", b"</c>", b"<c>"]
MARKUP += [b'<c r="XFD1048576">', b"<row>", b"<v>", b"<f>", b"<t>", b"<is>", b'r="A1"', b't="s"', b"\0", b"\xff\xfe"]
INTERESTING = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF]


def seeds() -> list[bytes]:
    """Workbooks that have a bit of everything, and a page in every format of scans."""
    rows = (
        '<row r="1" ht="20"><c r="A1" t="s"><v>0</v></c><c r="B1" s="1"><v>46303</v></c><c r="C1" s="2"/></row>'
        '<row r="2"><c r="A2"><f>A1</f></c><c r="B2" t="e"><v>#N/A</v></c><c r="C2" t="b"><v>1</v></c></row>'
        '<row><c t="inlineStr"><is><r><t>网络</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c></row>'
        '<row><c t="str"><v>_x000D_</v></c></row>'
    )
    strings = [string_item("单位编码"), "<si><r><t>甲</t></r><r><t>乙</t></r></si>"]
    book = xlsx_parts(sheet_xml(rows), sheet_xml(rows * 20), strings=strings, formats=["14", "[h]:mm"], epoch=1904)
    cells = label(0, 0, "单位编码") + number(1, 0, 46303.0, 1) + boolean(1, 1, True) + error(2, 0, 0x2A)
    cells += formula(2, 1, 7.0)
    page = made_page("normal", 1).resize((310, 438))
    return [
        as_pdf([page]),
        as_pdf([page], flate=True),
        as_file(page, "JPEG"),
        as_file(page, "JPEG", progressive=True),
        as_file(page, "PNG"),
        as_tiff([page, page], compression="tiff_lzw"),
        as_tiff([page], compression="jpeg"),
        zipped(book),
        zipped(book, level=0),
        xls(cells, cells * 2, formats=[14], storages=["_VBA_PROJECT_CUR"]),
        xls(cells * 100, formats=[27], epoch=1904),
        ole({"Workbook": biff(cells * 50)}, sector_shift=12),
        biff(cells),
        '序号,资产名称\r\n1,"门户\n网站"\r\n'.encode("gb18030"),
        "序号;资产名称\r\n1;门户\r\n".encode("utf-16"),
    ]


def mutant(chance: random.Random) -> bytes:
    """One of the pool, damaged: in the XML of a part where it is an archive, or anywhere."""
    content = chance.choice(pool)
    if content.startswith(b"PK") and chance.random() < 0.75:
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
            parts = {name: archive.read(name) for name in archive.namelist()}
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
            return damaged(chance, content)
        name = chance.choice(sorted(parts))
        parts[name] = damaged(chance, parts[name])
        if chance.random() < 0.1:
            parts[chance.choice(["xl/workbook.xml", "../x", "xl/sharedStrings.xml", "XL/x.xml"])] = b"<x/>"
        return zipped(parts, level=1)
    return damaged(chance, content)


def damaged(chance: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(7)
        if kind == 0 and data:
            data[at % len(data)] = chance.choice([*INTERESTING, chance.randrange(256)])
        elif kind == 1:
            data[at : at + chance.choice([1, 2, 4, 64])] = b""
        elif kind == 2:
            data[at:at] = chance.choice(MARKUP + NUMBERS)
        elif kind == 3:
            data[at : at + 4] = chance.choice([0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, len(data)]).to_bytes(4, "little")
        elif kind == 4:
            start = chance.randrange(len(data) + 1)
            data[at:at] = data[start : start + chance.choice([8, 64, 512])]
        elif kind == 5:
            digits = [index for index, byte in enumerate(data[at : at + 200]) if 48 <= byte < 58]
            if digits:
                place = at + chance.choice(digits)
                data[place : place + 1] = chance.choice(NUMBERS)
        elif chance.random() < 0.2:
            del data[at:]
    return bytes(data)


pool: list[bytes] = []


def fill_pool(corpus: Path | None) -> None:
    """The seeds, and the files of `corpus`, for `attempt` in this process, which takes what libraries take to begin."""
    files = sorted(corpus.rglob("*")) if corpus else []
    contents = seeds() + [file.read_bytes() for file in files if file.is_file()]
    read_scan(seeds()[0], "a.pdf", LIMITS, SEAL)
    pool[:] = [content for content in contents if 0 < len(content) < 2_000_000]


def attempt(number: int) -> str:
    chance = random.Random(number)
    content = mutant(chance)
    if content.startswith(tuple(SCANS)):
        return f"scan {read_scan(content, 'a.pdf', LIMITS, SEAL).state}"
    return outcome(content)


def numbers(first: int, until: float) -> Iterator[int]:
    return itertools.takewhile(lambda _: time.monotonic() < until, itertools.count(first))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=20)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--corpus", type=Path, help="a folder of workbooks to damage besides our own")
    arguments.add_argument("--keep", type=Path, default=Path("fuzz-finds"))
    arguments.add_argument("--workers", type=int, default=2)
    options = arguments.parse_args()
    fill_pool(options.corpus)
    seen: Counter[str] = Counter()
    results = run_isolated(
        attempt,
        numbers(options.seed * 10**9, time.monotonic() + 60 * options.minutes),
        workers=options.workers,
        batch=50,
        seconds_per_task=LIMITS.file_seconds,
        memory_bytes=LIMITS.file_memory_bytes,
        initializer=fill_pool,
        initargs=(options.corpus,),
    )
    for task, result in results:
        seen[f"DIED of {result.reason}" if isinstance(result, Died) else result] += 1
        if isinstance(result, Died):
            options.keep.mkdir(exist_ok=True)
            file = options.keep / f"{result.reason}-{task}"
            file.write_bytes(mutant(random.Random(task)))
            print(f"{file}\n{result.detail}", file=sys.stderr)
    for reason, count in seen.most_common():
        print(f"{count:>9,}  {reason}")
    print(f"{seen.total():>9,}  in all, from {len(pool)} seeds, seed {options.seed}")
    return int(any(reason.startswith("DIED") for reason in seen))


if __name__ == "__main__":
    sys.exit(main())
