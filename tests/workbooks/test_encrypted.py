"""Workbooks that somebody or something has encrypted: which are read all the same, and how the others are told."""

from __future__ import annotations

import io
import os

import msoffcrypto.format.ooxml
import openpyxl
import pytest

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.scans.scan import read_scan
from assets.intake.workbooks.workbook import WorkbookUnreadable, read_workbook

NAME = "附件2.xlsx"


def reason(content: bytes) -> str:
    with pytest.raises(WorkbookUnreadable) as refused:
        read_workbook(content, NAME, Limits())
    return refused.value.reason


def encrypted(password: str) -> bytes:
    book, plain, file = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    book["Sheet"]["A1"] = "门户"
    book.save(plain)
    msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt(password, file)
    return file.getvalue()


def test_a_workbook_under_the_password_of_excel_itself_is_read() -> None:
    (sheet,) = read_workbook(encrypted("VelvetSweatshop"), NAME, Limits()).sheets
    assert sheet.rows == [["门户"]]


def test_a_workbook_under_another_password_is_not() -> None:
    assert reason(encrypted("8675309")) == "encrypted"


@pytest.mark.parametrize(
    "head",
    [b"b\x14#e.\0\0\0E-SafeNet\0\0\0LOCK\0\0\0", b"%TSD-Header-###%", b"<## NASCA DRM FILE - VER1.00 ##>", b""],
    ids=["E-SafeNet", "TSD", "NASCA", "no mark"],
)
def test_a_file_of_an_encryption_client_is_told_as_such(head: bytes) -> None:
    assert reason(head + os.urandom(40_000)) == "encrypted_by_client"


@pytest.mark.parametrize(
    "content",
    [
        b"\x01\x02" * 40_000,
        os.urandom(300),
        bytes(range(128)) * 20 + b"\xff\xfe\xfd",
        b"PK\x03\x04" + os.urandom(9_000),
    ],
    ids=["two bytes", "too short", "even but few values", "an archive cut short"],
)
def test_other_files_that_are_no_workbook_are_not_taken_for_encrypted(content: bytes) -> None:
    assert reason(content) != "encrypted_by_client"


def test_a_scan_of_an_encryption_client_is_told_as_such() -> None:
    assert (
        read_scan(b"%TSD-Header-###%" + os.urandom(5_000), "签字页.pdf", Limits(), SealThresholds()).reason
        == "encrypted_by_client"
    )
