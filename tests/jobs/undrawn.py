"""What stands in for what a run draws for people, in tests that look at what a run does: it has tests of its own.

Stood in for are the forms of a report, Data Docs with the validation that they show, and the worker processes. All else
is as it runs: collecting, parsing, settling, publishing, answering, mailing. What is drawn for real is held by
test_sample.py, test_deciding.py and the tests of reports/.

Belongs here: the stand-ins, and the fixtures `undrawn` and `page_alone` of a whole file. Does not: asserting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import assets.month.assets
import reports.assets
import reports.drawing
from assets.intake import staging
from reports.feedback import folders
from reports.forms.render import render_forms
from reports.model import Report
from reports.notices import composing


@dataclass
class Bare:
    """A report that nobody draws."""

    header: Any
    data: Path | None = None
    pages: Any = None


def rendered(drawn: Iterable[tuple[str, Bare]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    for scope, report in drawn:
        yield scope, {"report.html": f"{report.header.mailbox_unreachable}".encode()}


def pages(drawn: Iterable[tuple[str, Report]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    for scope, report in drawn:
        yield scope, render_forms(report, ("html",))


def in_this_process(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    *,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    **_: Any,
) -> Iterator[tuple[Any, Any]]:
    """As workers.run_isolated, without workers: to start them takes longer than the few mails of a night."""
    if initializer:
        initializer(*initargs)
    for task in tasks:
        yield task, function(task)


def stand_in(patch: pytest.MonkeyPatch, *, page: bool = False) -> None:
    """Let runs of this process draw nothing, or the `page` of a report alone."""
    if not page:
        patch.setattr(reports.drawing, "gather", lambda *_: Bare)
    patch.setattr(reports.drawing, "render_all", pages if page else rendered)
    for module in (staging, folders, composing):
        patch.setattr(module, "run_isolated", in_this_process)
    patch.setattr(assets.month.assets, "start_early", lambda: None)
    patch.setattr(reports.assets, "validate_months", lambda _: [])
    patch.setattr(reports.assets, "write_data_docs", lambda *_: [])


@pytest.fixture(scope="module")
def undrawn() -> Iterator[None]:
    """Runs draw nothing, in a file whose tests look at no report."""
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch)
        yield


@pytest.fixture(scope="module")
def page_alone() -> Iterator[None]:
    """Of a report runs draw the page alone, in a file whose tests look at no other form of it."""
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, page=True)
        yield
