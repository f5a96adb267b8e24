"""Wraps made pages into the files that units send: PDF in its many shapes, JPEG, PNG, TIFF.

Belongs here: containers. Does not: what is on the page (made_scans.py).
"""

from __future__ import annotations

import io
import zlib

import pikepdf
from PIL import Image

from tests.scans.made_scans import as_jpeg

A4 = (595.0, 842.0)


def as_file(page: Image.Image, kind: str, **options: object) -> bytes:
    """The page as Pillow writes it: kind is JPEG, PNG, TIFF or PDF."""
    written = io.BytesIO()
    page.save(written, kind, **options)
    return written.getvalue()


def as_tiff(pages: list[Image.Image], **options: object) -> bytes:
    first, *others = (page.copy() for page in pages)  # Pillow keeps on a picture how it was last saved
    return as_file(first, "TIFF", save_all=True, append_images=others, **options)


def saved(pdf: pikepdf.Pdf, **options: object) -> bytes:
    written = io.BytesIO()
    pdf.save(written, **options)  # type: ignore[arg-type]
    return written.getvalue()


def picture_object(pdf: pikepdf.Pdf, page: Image.Image, *, flate: bool = False) -> pikepdf.Stream:
    """The page's picture as an image of the document, JPEG or losslessly compressed."""
    data = zlib.compress(page.tobytes()) if flate else as_jpeg(page)
    image = pikepdf.Stream(pdf, data)
    image.Type, image.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    image.Width, image.Height, image.BitsPerComponent = page.width, page.height, 8
    image.ColorSpace = pikepdf.Name.DeviceGray if page.mode == "L" else pikepdf.Name.DeviceRGB
    image.Filter = pikepdf.Name.FlateDecode if flate else pikepdf.Name.DCTDecode
    return image


def add_page(
    pdf: pikepdf.Pdf,
    image: pikepdf.Stream | None,
    *,
    size: tuple[float, float] = A4,
    box: tuple[float, float, float, float] | None = None,
    extra: bytes = b"",
) -> pikepdf.Page:
    """A page that shows the image in a box (left, bottom, width, height) or all over, then draws `extra`."""
    page = pdf.add_blank_page(page_size=size)
    left, bottom, width, height = box or (0, 0, *size)
    content = extra
    if image is not None:
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image))
        content = b"q %f 0 0 %f %f %f cm /Im0 Do Q\n" % (width, height, left, bottom) + extra
    page.Contents = pikepdf.Stream(pdf, content)
    return page


def as_pdf(pages: list[Image.Image], *, flate: bool = False, extra: bytes = b"") -> bytes:
    """One page a picture, from edge to edge."""
    pdf = pikepdf.new()
    for page in pages:
        add_page(pdf, picture_object(pdf, page, flate=flate), extra=extra)
    return saved(pdf)


def with_annotation(base: Image.Image, seal: Image.Image, *, field: bool) -> bytes:
    """A scan on which an electronic seal is laid: a stamp annotation, or the look of a signature field."""
    pdf = pikepdf.new()
    page = add_page(pdf, picture_object(pdf, base))
    look = pikepdf.Stream(pdf, b"q 120 0 0 120 0 0 cm /Seal Do Q")
    look.Type, look.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
    look.BBox = pikepdf.Array([0, 0, 120, 120])
    look.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Seal=picture_object(pdf, seal)))
    annotation = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Widget if field else pikepdf.Name.Stamp,
        Rect=pikepdf.Array([380, 100, 500, 220]),
        F=4,
        AP=pikepdf.Dictionary(N=look),
    )
    if field:
        annotation.FT, annotation.T = pikepdf.Name.Sig, pikepdf.String("seal")
    made = pdf.make_indirect(annotation)
    page.Annots = pikepdf.Array([made])
    if field:
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([made]), SigFlags=3)
    return saved(pdf)
