"""What every rendering worker inherits: imported and worked out once, in the process that workers are forked from.

Belongs here: what renderers keep for good, but for Typst's compiler, whose threads would not survive a fork. Does
not: rendering. Each worker would spend half a second on it, for which a run of few scopes waits.
"""

from __future__ import annotations

from reports.forms import docx, html, pdf, xlsx
from reports.forms.official_style import empty_document

__all__ = ["docx", "html", "pdf", "xlsx"]

html.prepare("zh")
empty_document("zh")
pdf.prepare()
