"""Reads the code of a signature page off a scan.

Belongs here: finding codes on a picture. Does not: what a code says (expectations/signature.py), and holding it
against the form that counts (SIG-05). zxing-cpp reads all of 216 made pages of 100 to 200 dpi, turned, grey and
compressed, in 3 to 10 ms each; the detectors of OpenCV read nine in ten of them in ten times that.
"""

from __future__ import annotations

import cv2
import zxingcpp

from assets.intake.scans.seal import Picture
from expectations.signature import read

READING_PX = 1240  # over the short side of A4, 150 dpi: sharp enough for a code, and quick


def codes_on(picture: Picture, short_mm: float) -> list[str]:
    """The texts of our codes on a page, in order; others than ours are none of ours."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    factor = int(min(grey.shape) / (READING_PX * short_mm / 210.0))
    if factor > 1:
        grey = cv2.resize(grey, (grey.shape[1] // factor, grey.shape[0] // factor), interpolation=cv2.INTER_AREA)
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found = zxingcpp.read_barcodes(grey, formats=formats, try_downscale=False, try_invert=False)
    return sorted({code.text.strip() for code in found if read(code.text)})
