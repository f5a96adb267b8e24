"""Great Expectations in a process of its own, which imports it on the other core while the run goes on.

Importing GX takes two seconds. Belongs here: the process and what goes in and out of it. Does not: what is validated
(validations.py).
"""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any, NoReturn

from expectations.lean import leave_out
from expectations.suites import Check, Outcome

BEFORE_CHILDREN_ARE_JOINED = 10  # multiprocessing.util: any from 0


class ValidatorDied(Exception):
    """The process that validates has ended by itself, as when the machine's memory ran out."""


@dataclass(slots=True)
class _Early:
    """The process that was started early, and this end of the pipe to it."""

    process: BaseProcess
    pipe: Connection


_early: _Early | None = None


def start_early() -> None:
    """Start the process now, so that it has GX when the first month comes. It ends with this process."""
    global _early  # noqa: PLW0603 - one a process
    if _early is None or not _early.process.is_alive():
        context = get_context("spawn")  # a fork would copy locks that other threads hold
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,))
        process.start()
        theirs.close()
        _early = _Early(process, ours)
        # It ends by itself then; killed, its libraries would leave semaphores behind. Not atexit: a step that has a
        # process of its own waits for this one before any function of atexit is called.
        Finalize(None, ours.close, exitpriority=BEFORE_CHILDREN_ARE_JOINED)


def validate(
    period: str, suites: Mapping[str, tuple[Check, ...]], outcomes: Mapping[str, Sequence[Outcome]]
) -> dict[str, dict[str, Any]]:
    """As validations.validate, and raises what it raises: in the process that was started early, now where none was.

    Raises ValidatorDied where the process has gone meanwhile.
    """
    start_early()
    assert _early is not None
    try:
        _early.pipe.send((period, suites, outcomes))
        answer = _early.pipe.recv()
    except (EOFError, OSError) as error:
        raise ValidatorDied(f"the process that validates ended with {_early.process.exitcode}") from error
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, dict)
    return answer


def _serve(pipe: Connection) -> NoReturn:
    """Validate month after month until the other end is closed."""
    leave_out()
    from expectations import validations  # noqa: PLC0415 - seconds, and only this process needs it

    gc.freeze()  # what GX's import left is never garbage: a seventh of the time for a month of few units
    while True:
        try:
            period, suites, outcomes = pipe.recv()
        except EOFError:  # the run waits for this end, and taking GX's modules down takes longer than a month's rules
            atexit._run_exitfuncs()
            os._exit(0)
        try:
            pipe.send(validations.validate(period, suites, outcomes))
        except Exception as error:
            pipe.send(error)
