"""How far long work is: a bar on a terminal, plain lines elsewhere. On standard error, in English."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_SECONDS = 5.0


class Reporter:
    """Told by the stages how many of how many are done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last = 0.0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress while the block runs."""
        from rich.console import Console  # noqa: PLC0415 - where stages run on other people's machines, none is shown
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        console = Console(stderr=True)
        if not console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            self._bar = bar
            try:
                yield
            finally:
                self._bar, self._tasks = None, {}

    def __call__(self, stage: str, done: int, of: int) -> None:
        """Say that `done` of `of` things of a stage are done."""
        if self._bar:
            if stage not in self._tasks:
                self._tasks[stage] = self._bar.add_task(stage, total=of)
            self._bar.update(self._tasks[stage], completed=done, total=of)
        elif time.monotonic() - self._last > LINE_SECONDS or done == of:
            self._last = time.monotonic()
            print(f"{stage}: {done} of {of}", file=sys.stderr)  # noqa: T201 - the plain line


reporter = Reporter()
