"""A workbook whose texts are written at once: XlsxWriter looks five times at each of the thousands of a city's month.

Belongs here: the part of the file that holds every text once. Does not: the cells that name them (xlsx_rows.py).
"""

from __future__ import annotations

import re

import xlsxwriter
from xlsxwriter.packager import Packager
from xlsxwriter.sharedstrings import SharedStrings

_ESCAPED = re.compile("[&<>]|_x")


class TextsBook(xlsxwriter.Workbook):
    """A workbook as XlsxWriter makes it, byte for byte."""

    def _get_packager(self) -> Packager:
        return _Packager()


class _Packager(Packager):
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
