"""The workbook's file: its texts written at once, its parts packed quickly.

Belongs here: the part of the file that holds every text once, and how parts are packed: XlsxWriter looks five times at
each of the thousands of texts of a city's month. Does not: the cells that name the texts (xlsx_rows.py).
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import IO, Any

import xlsxwriter
from xlsxwriter.packager import Packager
from xlsxwriter.sharedstrings import SharedStrings

LEVEL = 4  # of compression: the usual 6 takes twice as long, a third of a workbook's time, for a fourteenth less
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every part, so that the same workbook gives the same bytes
_ESCAPED = re.compile("[&<>]|_x")


class TextsBook(xlsxwriter.Workbook):
    """A workbook with the parts that XlsxWriter makes, byte for byte."""

    def __init__(self, target: IO[bytes], options: dict[str, Any]) -> None:
        super().__init__(io.BytesIO(), options)  # to which nothing is left to pack
        self.target = target

    def _get_packager(self) -> Packager:
        return _Packager()


class _Packager(Packager):
    def _create_package(self) -> list[Any]:
        with zipfile.ZipFile(self.workbook.target, "w") as archive:
            for part, name, _ in super()._create_package():
                archive.writestr(zipfile.ZipInfo(name, EPOCH), part.getvalue(), zipfile.ZIP_DEFLATED, LEVEL)
        return []

    def _write_shared_strings_file(self) -> None:
        if not self.workbook.str_table.count:
            return
        texts = _Texts()
        texts.string_table = self.workbook.str_table
        texts._set_xml_writer(self._filename("xl/sharedStrings.xml"))
        texts._assemble_xml_file()


class _Texts(SharedStrings):
    def _write_sst_strings(self) -> None:
        write = self.fh.write
        for text in self.string_table.string_array:
            # Printable: no control characters, and no white space but a blank.
            if text.isprintable() and not _ESCAPED.search(text) and text == text.strip():
                write(f"<si><t>{text}</t></si>")
            else:
                self._write_si(text)
