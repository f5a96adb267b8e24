"""What all commands of `sixth` have in common: options, exit codes, tables, and how rows are written.

Belongs here: what stands between a command and the person at the keyboard. Does not: any one command.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.instance.home import SCHEMA, Home, find_home
from expectations.language import codes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class Screen:
    """Where commands print what people read; rich is imported for the first thing printed: `--help` prints none."""

    def print(self, *things: object, markup: bool = True, end: str = "\n") -> None:
        """Print tables, and texts with or without rich's markup in them."""
        _console().print(*things, markup=markup, end=end)


@cache
def _console() -> Console:
    """Piped or logged, a table is as wide as its content; on a terminal, long messages are folded."""
    from rich.console import Console  # noqa: PLC0415

    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 10_000)


out = Screen()
log = logging.getLogger("sixth")
FAILED_INSIDE = 3

HomeOption = Annotated[Path | None, typer.Option("--home", help="The home folder; else SIXTH_HOME, else ./home.")]
PeriodOption = Annotated[str, typer.Option("--period", help="The month reported on, as 2026-10.")]
AsOfOption = Annotated[
    str, typer.Option("--as-of", help="The clock of the run, as 2026-11-06T00:30:00+08:00; else now.")
]


class WrongUse(Exception):
    """The command cannot do what was asked; the message says what to do instead."""

    exit_status = 2


def _language(code: str) -> str:
    if code not in codes():
        raise typer.BadParameter(f"{code!r} is none of {', '.join(codes())}")
    return code


Lang = Annotated[
    str, typer.Option("--lang", parser=_language, metavar="|".join(codes()), help="Language of what is shown.")
]
PublishedLang = Annotated[
    str | None,
    typer.Option(
        "--lang",
        parser=_language,
        metavar="|".join(codes()),
        help="Language of the report; else the one that it was published in.",
        show_default=False,
    ),
]


def exit_codes(command: Callable[..., int | None]) -> Callable[..., None]:
    """Turn what a command raises into a line with a remedy and the exit status of commands.md."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            status = command(*args, **kwargs) or 0
        except (typer.Exit, typer.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            # Errors that the person at the keyboard can mend say so themselves: exit_status = 2.
            status = getattr(error, "exit_status", FAILED_INSIDE)
            if status == FAILED_INSIDE:
                log.debug("failure", exc_info=True)
                from assets.instance.disk import disk_fault  # noqa: PLC0415

                told = disk_fault(error, find_home(kwargs.get("home")).root)
                told = told or f"failed inside: {type(error).__name__}: {error}"
                print(f"sixth: {told}", file=sys.stderr)  # noqa: T201
                print("sixth: nothing was published half; SIXTH_DEBUG=1 shows where it failed", file=sys.stderr)  # noqa: T201
            else:
                print(f"sixth: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(status)

    return run


def period_of(text: str) -> str:
    """A month as it was given. Raises WrongUse where it is none."""
    from assets.instance.periods import is_period  # noqa: PLC0415

    if not is_period(text):
        raise WrongUse(f"--period {text!r} is not a month; write it as 2026-10")
    return text


def clock_of(text: str) -> datetime:
    """The moment of --as-of, now where it was not given. Raises WrongUse."""
    from assets.instance.clock import now  # noqa: PLC0415
    from assets.instance.periods import parse_time  # noqa: PLC0415

    if not text:
        return now()
    try:
        return parse_time(text)
    except ValueError as error:
        raise WrongUse(f"--as-of: {error}") from error


def open_home(home: Path | None, *, as_it_is: bool = False) -> Home:
    """The home named on the command line, or else the usual one, brought up to date where it is of an earlier release;
    `as_it_is`: not so. Raises HomeError where it is none, UpgradeRefused.
    """
    found = find_home(home)
    found.check()
    if not as_it_is and found.schema != SCHEMA:
        from pipelines.upgrade import upgrade  # noqa: PLC0415 - once in a home's life

        saved = upgrade(found)
        log.warning("%s is brought up to date; %s has what was changed, as it was before", found.root, saved)
    from assets.instance.logs import set_up_logs  # noqa: PLC0415

    set_up_logs(found)
    return found


def table_of(*headings: str) -> Table:
    """A table whose codes stay whole and whose texts may be folded."""
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        text = heading in ("name", "message", "file", "sheet", "owed", "detail", "waivable", "waived before", "why not")
        table.add_column(heading, no_wrap=not text, overflow="fold")
    return table


def add_texts(table: Table, texts: Sequence[str]) -> None:
    """A row of texts, in which nothing is markup."""
    from rich.markup import escape  # noqa: PLC0415

    table.add_row(*map(escape, texts))


class Format(StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    json = "json"


def write_rows(rows: Sequence[Mapping[str, Any]], form: Format, shown: Mapping[str, str], empty: str) -> None:
    """Write rows as a table of the columns `shown` (key: heading), or all of them as CSV or JSON; `empty`: the heading
    of CSV where there are none.
    """
    if form is Format.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1, default=str))  # noqa: T201
    elif form is Format.csv:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fieldnames=list(rows[0]) if rows else [empty])
        writer.writeheader()
        writer.writerows(rows)
        print(buffer.getvalue(), end="")  # noqa: T201
    else:
        table = table_of(*shown.values())
        for row in rows:
            add_texts(table, [str("" if row[key] is None else row[key]) for key in shown])
        out.print(table)


def write_cells(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Draw some rows of a sheet as they were entered."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(pad_edge=False)
    for heading in headings:
        table.add_column(escape(heading), overflow="fold")
    for row in rows:
        add_texts(table, row)
    out.print(table)
