"""Every word of a home's outgoing files, as other programs read them, for the tests of what must not leave.

Belongs here: reading. Does not: what is looked for.
"""

from __future__ import annotations

import html
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docx
import polars as pl
import pypdfium2
import python_calamine
from docx.oxml.ns import qn
from lxml import etree


def _xlsx(content: bytes) -> str:
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    rows = (row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python())
    return "\n".join([*(str(cell) for row in rows for cell in row if cell != ""), *_notes(content), _zipped(content)])


def _notes(content: bytes) -> Iterator[str]:
    """What is written beside cells, each note as one text however its letters are set."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for name in parts.namelist():
            if re.fullmatch(r"xl/(.*/)?comments[^/]*\.xml", name):
                yield from ("".join(note.itertext()) for note in etree.fromstring(parts.read(name)).iter("{*}comment"))


def _zipped(content: bytes) -> str:
    """The parts of an office file as they are: properties, notes and charts are seen by no reader of cells."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        return "\n".join(html.unescape(parts.read(n).decode("utf-8", "replace")) for n in parts.namelist())


def _docx(content: bytes) -> str:
    document = docx.Document(io.BytesIO(content))
    told = ["".join(t.text or "" for t in p.iter(qn("w:t"))) for p in document.element.body.iter(qn("w:p"))]
    return "\n".join([*told, _zipped(content)])


def _pdf(content: bytes) -> str:
    document = pypdfium2.PdfDocument(content)
    # A cell of a table breaks its text over lines.
    pages = (re.sub(r"[\s\u200b]+", "", page.get_textpage().get_text_range()) for page in document)
    return "\n".join([*pages, repr(document.get_metadata_dict())])


def _parquet(content: bytes) -> str:
    return pl.read_parquet(io.BytesIO(content)).cast(pl.String).write_csv()


def _json(content: bytes) -> str:
    return json.dumps(json.loads(content), ensure_ascii=False)


def _text(content: bytes) -> str:
    return html.unescape(content.decode("utf-8", "replace"))


_READERS: dict[str, Callable[[bytes], str]] = {
    ".xlsx": _xlsx, ".docx": _docx, ".pdf": _pdf, ".parquet": _parquet, ".json": _json,
}  # fmt: skip


def text_of(path: Path) -> str:
    """All that a file says."""
    if _is_sqlite(path):
        return _sqlite(path)
    return _READERS.get(path.suffix, _text)(path.read_bytes())


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def _sqlite(path: Path) -> str:
    """Every cell of every table; what is JSON in it without its escapes."""
    told = []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f'select * from "{table}"'):
                told += [
                    cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)
                    for cell in row
                    if cell is not None
                ]
    return re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), "\n".join(told))
