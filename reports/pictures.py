"""Pictures of charts for the forms that cannot draw them: the same SVG as elsewhere, through Typst, with our own fonts.

Belongs here: SVG to PNG. Does not: drawing (charts.py), placing (docx.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import typst

HERE = Path(__file__).parent
TEMPLATE = HERE / "templates" / "pictures.typ"
DOTS_PER_INCH = 192.0


@cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(str(TEMPLATE), root=str(HERE), font_paths=[str(HERE / "fonts")], ignore_system_fonts=True)


def as_png(drawings: Sequence[str], width: float) -> list[bytes]:
    """Each SVG as a PNG, `width` points wide. Raises typst.TypstError for what is no SVG."""
    if not drawings:
        return []
    pictures = _compiler().compile(
        format="png", ppi=DOTS_PER_INCH, sys_inputs={"drawings": json.dumps(list(drawings)), "width": str(width)}
    )
    if isinstance(pictures, bytes):
        return [pictures]
    return [bytes(p) for p in pictures or ()]
