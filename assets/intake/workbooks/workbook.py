"""Opens a workbook of any accepted kind: its content decides which reader takes it, not its name.

Belongs here: telling the kinds apart. Does not: reading them (ooxml.py, biff.py, delimited.py).
"""

from __future__ import annotations

from assets.instance.limits import Limits
from assets.intake.encryption import by_client, without_default_password
from assets.intake.workbooks import ole
from assets.intake.workbooks.biff import read_biff
from assets.intake.workbooks.delimited import read_delimited
from assets.intake.workbooks.ooxml import read_ooxml
from assets.intake.workbooks.sheet import Cell, Sheet, Workbook, WorkbookUnreadable

__all__ = ["Cell", "Sheet", "Workbook", "WorkbookUnreadable", "read_workbook"]

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BARE_BIFF = (b"\x09\x00", b"\x09\x02", b"\x09\x04", b"\x09\x08")  # BOF of BIFF 2 to 8 outside a container


def read_workbook(content: bytes, name: str, limits: Limits) -> Workbook:
    """The workbook in `content`; of `name` only the stem is used, to title the sheet of a .csv.

    Call it in a worker that may die (assets/instance/workers.py): the limits bound what it takes, not all that
    Python may do with it. Raises WorkbookUnreadable, and MemoryError where the process has a limit.
    """
    if not content.strip(b"\0\t\n\r "):
        raise WorkbookUnreadable("empty", f"{len(content)} bytes, all blank")
    if len(content) > limits.workbook_bytes:
        raise WorkbookUnreadable("too_large", f"{len(content)} bytes")
    if content.startswith(_ZIP):
        return read_ooxml(content, limits)
    if content.startswith((ole.SIGNATURE, *_BARE_BIFF)):
        return _read_ole(content, limits)
    try:
        return read_delimited(content, name, limits)
    except WorkbookUnreadable:
        if by_client(content):
            raise WorkbookUnreadable("encrypted_by_client", "an encryption client's file") from None
        raise


def _read_ole(content: bytes, limits: Limits) -> Workbook:
    """An .xls or an encrypted package; one under the password of Excel itself is opened (a protected workbook)."""
    try:
        return read_biff(content, limits)
    except WorkbookUnreadable as unreadable:
        if unreadable.reason != "encrypted" or not content.startswith(ole.SIGNATURE):
            raise
        opened = without_default_password(content)
        if opened is None:
            raise
    return read_ooxml(opened, limits) if opened.startswith(_ZIP) else read_biff(opened, limits)
