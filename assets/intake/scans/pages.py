"""The pages of a scan, by the format that its first bytes tell.

Belongs here: telling the format. Does not: decoding it (pictures.py, pdf.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from assets.instance.limits import Limits
from assets.intake.encryption import by_client
from assets.intake.scans.pdf import pdf_pages
from assets.intake.scans.pictures import Budget, Page, PagePicture, UnreadableError, jpeg_pages, png_or_tiff_pages

__all__ = ["Page", "PagePicture", "UnreadableError", "pages_of"]

JPEG = b"\xff\xd8\xff"
PNG_OR_TIFF = (b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PDF = b"%PDF-"  # anywhere in the first 1,024 bytes, as readers of PDF have it


def pages_of(content: bytes, limits: Limits, page_px: int) -> Iterator[Page]:
    """The pages of a scan, not decoded yet, each to be `page_px` or more over the short side of A4.

    Raises UnreadableError at once, or between pages, where the whole cannot be read or goes over the limits;
    a page raises it where only that page cannot.
    """
    if not content:
        raise UnreadableError("empty")
    if len(content) > limits.scan_bytes:
        raise UnreadableError("over_limit")
    budget = Budget(limits.scan_pixels, limits.file_memory_bytes // 2)
    if content.startswith(JPEG):
        return jpeg_pages(content, budget, page_px)
    if content.startswith(PNG_OR_TIFF):
        return png_or_tiff_pages(content, budget, page_px, limits.scan_pages)
    if PDF in content[:1024]:
        return pdf_pages(content, budget, page_px, limits.scan_pages)
    raise UnreadableError("encrypted_by_client" if by_client(content) else "not_a_scan")
