"""Great Expectations in a process of its own, which imports it on the other core while the run starts.

Importing GX takes two seconds or more, as long as everything that a run does before its first rule. Belongs here: the
process and what goes in and out of it. Does not: suites and masks (suites.py, engine.py, masks.py).
"""

from __future__ import annotations

import atexit
import gc
import os
import tempfile
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import recv_handle, send_handle
from typing import NoReturn

import polars as pl

from expectations.suites import Check, Validator


class ValidatorDied(Exception):
    """The process that asks the rules has ended by itself, as when the machine's memory ran out."""


@dataclass(slots=True)
class ValidatorProcess:
    """Stands for a Validator that lives in another process."""

    process: BaseProcess
    pipe: Connection

    def failures(self, name: str, checks: tuple[Check, ...], frame: pl.DataFrame) -> pl.DataFrame:
        """As Validator.failures, and raises what it raises; ValidatorDied where the process has gone."""
        try:
            # A file without a name, which ends with this process: a frame through the pipe takes five times as long.
            with tempfile.TemporaryFile() as rows:
                frame.write_ipc(rows, compression="uncompressed")
                rows.flush()
                self.pipe.send((name, checks))
                send_handle(self.pipe, rows.fileno(), self.process.pid)
            answer = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise ValidatorDied(f"the process that asks the rules ended with {self.process.exitcode}") from error
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, pl.DataFrame)
        return answer


_early: ValidatorProcess | None = None


def start_early() -> None:
    """Start the process now, so that it has GX when the first frame comes. It ends with this process."""
    global _early  # noqa: PLW0603 - one a process
    if _early is None or not _early.process.is_alive():
        context = get_context("spawn")  # a fork would copy locks that other threads hold
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,))
        process.start()
        theirs.close()
        _early = ValidatorProcess(process, ours)
        atexit.register(ours.close)  # it ends by itself then; killed, its libraries would leave semaphores behind


def make_validator() -> Validator | ValidatorProcess:
    """The one that was started early; where there is none, or it has ended since, one in this process."""
    return _early if _early and _early.process.is_alive() else Validator()


def _serve(pipe: Connection) -> NoReturn:
    """Answer frames until the other end is closed."""
    validator = Validator()
    gc.freeze()  # what GX's import left is never garbage: a seventh of the time for a month of few units
    while True:
        try:
            name, checks = pipe.recv()
            with os.fdopen(recv_handle(pipe), "rb") as rows:
                rows.seek(0)
                frame = pl.read_ipc(rows)
        except EOFError:  # the run waits for this end, and taking GX's modules down takes longer than a month's rules
            atexit._run_exitfuncs()
            os._exit(0)
        try:
            pipe.send(validator.failures(name, checks, frame))
        except Exception as error:
            pipe.send(error)
