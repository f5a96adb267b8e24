"""What a workbook is once it has been read: sheets of cells, and the one way in which reading fails.

Belongs here: the shapes that every reader of workbooks returns. Does not: how a format is read
(ooxml.py, biff.py, delimited.py), which form a sheet is, or what a cell's value means (the typing of values).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

Merged = tuple[int, int, int, int]
"""A range of merged cells: first row and column, last row and column, 1-based."""
Cell = None | str | float | int | bool | date | datetime | time | timedelta

MAX_ROW = 1_048_576  # of a sheet in Excel (ECMA-376 part 1, 18.3.1.73)
MAX_COLUMN = 16_384
MOST_MERGED = 100_000  # ranges of a sheet that are remembered
PLACE_BITS = 15  # enough for MAX_COLUMN
PLACE_MASK = (1 << PLACE_BITS) - 1


@dataclass(frozen=True, slots=True)
class Sheet:
    """One worksheet, hidden rows and columns included.

    `rows` is rectangular; `rows[0][0]` is the cell at (`first_row`, `first_column`), both 1-based. A
    blank cell is None or ''; of merged cells only the first has the value. `errors` names the cells that
    look blank and are not, by absolute 1-based (row, column), always inside `rows`: an Excel error by its
    code ('#N/A'), a formula without a calculated value by its text ('=A1+B1', or '=' where the cell does
    not say it), a number that is none by '#NUM!'. Dates and times are naive, as written in the sheet. A number
    or date whose format shows something else than the value remembers it (shown.py). `merged` are the merged
    ranges.
    """

    title: str
    first_row: int
    first_column: int
    rows: list[list[Cell]]
    errors: dict[tuple[int, int], str]
    visible: bool
    merged: tuple[Merged, ...] = ()


@dataclass(frozen=True, slots=True)
class Workbook:
    """The worksheets of a file in their order; chart, dialog and macro sheets are left out.

    `epoch` is the year that date serials count from (1900 or 1904), `macros` whether the file carries macros
    (never run, ENV-06), `format` what the content is: 'xlsx', 'xls' or 'csv'.
    """

    sheets: list[Sheet]
    epoch: int
    macros: bool
    format: str


class WorkbookUnreadable(Exception):
    """A file that is no workbook we read (ENV-03).

    `reason` is a code of expectations/reasons.yaml, `detail` says in English, for logs, what was found.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # both in args, so that it survives the way out of a worker process
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(slots=True)
class Room:
    """What is left of the limits on filled cells, and on the places that rectangles of cells cover, for the
    sheets of a workbook that are yet to come.
    """

    cells: int
    extent: int


def arranged(
    title: str,
    places: Sequence[int],
    values: Sequence[Cell],
    errors: dict[tuple[int, int], str],
    *,
    visible: bool,
    room: Room,
    merged: Iterable[Merged] = (),
) -> Sheet:
    """The sheet whose cell at `places[i]` (row << PLACE_BITS | column, 1-based) holds `values[i]`.

    What the sheet takes up is taken from `room`. Raises WorkbookUnreadable where two cells claim one
    place, or where the cells, those of `errors` among them, lie so far apart that the rectangle around
    them does not fit.
    """
    taken = [*places, *(row << PLACE_BITS | column for row, column in errors)]
    if not taken:
        return Sheet(title, 1, 1, [], {}, visible)
    columns = {place & PLACE_MASK for place in taken}
    top, bottom = min(taken) >> PLACE_BITS, max(taken) >> PLACE_BITS
    left, right = min(columns), max(columns)
    width = right - left + 1
    room.cells -= len(taken)
    room.extent -= width * (bottom - top + 1)
    if room.cells < 0:
        raise WorkbookUnreadable("too_many_cells", f"{title!r} has {len(taken)} filled cells")
    if room.extent < 0:
        raise WorkbookUnreadable("cells_far_apart", f"{title!r}: row {top} to {bottom}, column {left} to {right}")
    if len(set(taken)) != len(taken):
        raise WorkbookUnreadable("damaged", f"{title!r}: two cells in one place")
    rows: list[list[Cell]] = [[None] * width for _ in range(top, bottom + 1)]
    for place, value in zip(places, values, strict=True):
        rows[(place >> PLACE_BITS) - top][(place & PLACE_MASK) - left] = value
    return Sheet(title, top, left, rows, errors, visible, tuple(merged))
