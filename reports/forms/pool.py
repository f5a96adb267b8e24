"""Rendering on all cores: reports in, documents out, in the order asked for.

Belongs here: what a worker is asked. Does not: the worker processes (assets/instance/workers.py), rendering
(render.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assets.instance.workers import in_order
from reports.model import Report


def render_all(reports: Iterable[tuple[str, Report]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each scope's documents by file name, in the order of `reports`."""
    return in_order(_render, reports, ["reports.forms.warm_worker"])


def _render(report: Report) -> dict[str, bytes]:
    from reports.forms.render import render  # noqa: PLC0415 - fonts and engines, wanted in the workers alone

    return render(report)
