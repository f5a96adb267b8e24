"""The bounds that intake holds every mail and file to, checked before anything is unpacked, and the kinds it takes.

Each is a setting (settings.yaml, section `limits`) with the default below. Sizes are bytes, times seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

MIB = 1 << 20
KINDS = ("xlsx", "xlsm", "xls", "et", "csv", "pdf", "jpg", "png", "tif", "zip")
"""All kinds of files that can be read; of other ones a house cannot make accepted ones."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on mails, archives, workbooks and scans (issue: mail in every shape; findings/ingest.md).

    `accepted` are the kinds of files that are opened, some of KINDS; others are set aside (ENV-04).
    """

    accepted: tuple[str, ...] = KINDS
    mail_bytes: int = 200 * MIB
    header_bytes: int = 256 * 1024
    header_count: int = 500
    header_value_bytes: int = 16 * 1024
    mime_parts: int = 200
    mime_depth: int = 20
    attachments: int = 100
    attachment_bytes: int = 100 * MIB
    archive_members: int = 200
    archive_ratio: int = 200
    archive_bytes: int = 300 * MIB
    workbook_bytes: int = 20 * MIB
    workbook_part_bytes: int = 100 * MIB
    workbook_bytes_unpacked: int = 200 * MIB
    workbook_cells: int = 2_000_000
    workbook_extent: int = 5_000_000
    workbook_sheets: int = 100
    table_rows: int = 100_000
    scan_bytes: int = 50 * MIB
    scan_pages: int = 20
    scan_pixels: int = 200_000_000
    file_seconds: float = 5.0
    file_memory_bytes: int = 512 * MIB

    def __post_init__(self) -> None:
        """Raise TypeError where a kind is none that can be read, or a bound is none."""
        if not set(self.accepted) <= set(KINDS):
            raise TypeError(f"accepted: must be some of {', '.join(KINDS)}, as [xlsx, pdf]")
        for name in (field.name for field in fields(self) if field.name != "accepted"):
            if getattr(self, name) <= 0:
                raise TypeError(f"{name}: must be above 0")
