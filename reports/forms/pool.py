"""Rendering on all cores: reports in, documents out, in the order asked for.

Belongs here: the worker processes. Does not: rendering (render.py). Workers are kept for the scopes of one run; a
handful of reports at a time is on its way, so that memory stays flat however many scopes there are.
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from reports.model import Report

AHEAD = 3
RARELY = (100_000, 20, 20)  # a report leaves some 20,000 objects behind that only the collector frees


def render_all(reports: Iterable[tuple[str, Report]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each scope's documents by file name, in the order of `reports`."""
    workers = os.cpu_count() or 1
    context = get_context("forkserver")
    context.set_forkserver_preload(["reports.forms.warm_worker"])
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_settle) as pool:
        waiting: deque[tuple[str, Future[dict[str, bytes]]]] = deque()
        for scope, report in reports:
            waiting.append((scope, pool.submit(_render, report)))
            if len(waiting) > AHEAD * workers:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


def _settle() -> None:
    """Look for garbage seldom, and never among what was imported: it took a tenth of the time of a report."""
    gc.freeze()
    gc.set_threshold(*RARELY)


def _render(report: Report) -> dict[str, bytes]:
    from reports.forms.render import render  # noqa: PLC0415 - fonts and engines, wanted in the workers alone

    return render(report)
