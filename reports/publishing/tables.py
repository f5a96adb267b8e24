"""The tables of data/ as they leave the house: columns, masks, formulas disarmed, CSV and Parquet.

outputs.md, published/ and data/. Belongs here: what is in each file and how it is protected. Does not: which version
it belongs to (reports/publishing/publish.py), the queries (sql/published/).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assets.instance.batches import blocks
from assets.instance.warehouse import Warehouse, model
from assets.intake.forms import normalise_heading
from expectations.catalogue import Catalogue
from expectations.columns_of_messages import messages
from expectations.secrets import HIDDEN, hidden_column

ROW_TABLES = (
    "findings", "submissions", "exposed_assets", "app_launches", "self_check", "rectification", "incidents",
    "indicators", "agreements",
)  # fmt: skip
TABLES = ("units", *ROW_TABLES)
DECISIONS = "decisions"  # written beside them: alone it makes no new version
BLOCK = 500  # units read at once
PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "statistics": True, "row_group_size": 100_000}
NOT_PUBLISHED = ("sheet_key", "column_key", "expected", "cause")  # of findings: what their protection needs
SHEET_COLUMNS = "/* r.<every column of the sheet in forms.yaml> */"
FORMULA_START = r"^[=+\-@\t\r]"
MASKED_NAME = "**"
_TOLD = ("file", "sheet", "column", "value", "expected")  # what a message is made of
_NUMBER = r"^[0-9+\-\s().,/、;转#*]*$"  # a number in any spelling, or several


def mask_name(column: pl.Expr) -> pl.Expr:
    """A person's name with its first character alone: 张**."""
    return pl.when(column.is_not_null()).then(column.str.slice(0, 1) + MASKED_NAME)


def mask_phone(column: pl.Expr) -> pl.Expr:
    """A phone number with its first 3 and last 4 digits; one too short to hide anything, and what is no number at all,
    is hidden whole.
    """
    digits = column.str.replace_all(r"[^0-9]", "")
    shows_ends = column.str.contains(_NUMBER) & (digits.str.len_chars() > 7)
    masked = digits.str.slice(0, 3) + pl.lit(HIDDEN) + digits.str.tail(4)
    return pl.when(shows_ends).then(masked).when(column.is_not_null()).then(pl.lit(HIDDEN))


MASKS = {"name": mask_name, "phone": mask_phone}


def disarm(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts that a spreadsheet would run as a formula get an apostrophe before them."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.col(n).str.contains(FORMULA_START)).then(pl.lit("'") + pl.col(n)).otherwise(pl.col(n)).alias(n)
        for n in texts
    )


def _protect(name: str, frame: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Mask personal data by its columns, and what must not stand in a text (GEN-07) in all other texts.

    outputs.md, published/.
    """
    if name == "findings":
        return protect_findings(frame, catalogue).drop(NOT_PUBLISHED)
    texts = {"file", "reason"} if name == DECISIONS else {"file"}
    if sheet := catalogue.sheets.get(name):
        texts |= {c.key for c in sheet.columns if c.type == "text" and not c.pii}
        frame = frame.with_columns(
            MASKS[c.pii](pl.col(c.key)) for c in sheet.columns if c.pii and c.key in frame.columns
        )
    return _hide(frame, [n for n in frame.columns if n in texts])


def _hide(frame: pl.DataFrame, texts: Iterable[str]) -> pl.DataFrame:
    return frame.with_columns(hidden_column(frame[name]).alias(name) for name in texts)


def protect_findings(frame: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The findings with personal data masked, and what must not stand in a text hidden; other columns as they are.

    `frame` has rule_id, message, status, reason, and NOT_PUBLISHED: which column they are of, and what their words are
    of, `cause` among them as it was.

    A message is put into words again where its value was masked: what is masked in it is so before it is cut.
    """
    columns = {(s.key, c.key): c.pii for s in catalogue.sheets.values() for c in s.columns}
    labels = {normalise_heading(c.zh): c.pii for f in catalogue.forms for c in f.cover}
    where = ("sheet_key", "column_key", "column")
    of = frame.select(where).unique()
    kinds = [columns.get((s, key)) if key else labels.get(normalise_heading(title)) for s, key, title in of.iter_rows()]
    before, masked = frame.select(_TOLD), pl.col("value")
    # A heading or a title that is wrong stands as its own value, and is nobody's.
    is_cell = (pl.col("value") != "") & (pl.col("value") != pl.col("column"))
    for kind, mask in MASKS.items():
        masked = pl.when(is_cell & (pl.col("pii") == kind)).then(mask(pl.col("value"))).otherwise(masked)
    frame = (
        frame.join(of.with_columns(pii=pl.Series(kinds, dtype=pl.String)), on=where, how="left", maintain_order="left")
        .with_columns(value=masked)
        .drop("pii")
    )
    frame = _hide(frame, (*_TOLD, "reason"))
    again = (frame.select(_TOLD) != before).select(pl.any_horizontal(pl.all())).to_series()
    told = frame.filter(again).with_columns(reason=pl.col("cause"))
    return frame.with_columns(message=frame["message"].scatter(again.arg_true(), messages(told, catalogue)))


def unit_blocks(units: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The units some hundred at a time, in their order: what is read of a carrier at once stays small.

    The last block holds the rows of no unit, which are the held mails'.
    """
    for block in blocks(units, BLOCK):
        yield tuple(block)
    yield ("",)


def read_units(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]) -> pl.DataFrame:
    """The table of units: all of the carrier, as ranks are known of all alone. Otherwise as `read_tables`."""
    return _read(warehouse, catalogue, parameters, "units")


def read_decisions(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]) -> pl.DataFrame:
    """The table of decisions: all of the carrier, in the order of time and key. Otherwise as `read_tables`."""
    return _read(warehouse, catalogue, parameters, DECISIONS)


def write_decisions(folder: Path, decisions: pl.DataFrame) -> None:
    """Write the files of the table of decisions into a folder of data/."""
    (folder / f"{DECISIONS}.csv").write_bytes(as_csv(decisions))
    (folder / f"{DECISIONS}.parquet").write_bytes(as_parquet(decisions))


def read_tables(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], units: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Every table of data/ but that of units for some units, protected, in the order of the register.

    `unit_code` says whose a row is. Times are text, ISO 8601 with the offset of the settings' time zone.
    """
    chosen = {**parameters, "units": list(units)}
    return {name: _read(warehouse, catalogue, chosen, name) for name in ROW_TABLES}


def read_unmasked(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], name: str) -> pl.DataFrame:
    """The table of a sheet with names and phone numbers as they were entered: for the vault alone. What must not stand
    in a text (GEN-07) is hidden as ever. Otherwise as `read_tables`; `parameters` have the units.
    """
    columns = [c.key for c in catalogue.sheets[name].columns if c.type == "text" and not c.pii]
    return _hide(warehouse.frame(query_of(name, catalogue), parameters), ["file", *columns])


def query_of(name: str, catalogue: Catalogue) -> str:
    """The query of a table of data/: its model, which has the columns of a sheet where it says so (SHEET_COLUMNS).

    outputs.md, data/: the keys of forms.yaml. A column that is added there is published with nothing else to edit.
    """
    sql = model(f"published/{name}")
    if name not in catalogue.sheets:
        return sql
    return sql.replace(SHEET_COLUMNS, " ".join(f"r.{column.key}," for column in catalogue.sheets[name].columns))


def _read(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], name: str) -> pl.DataFrame:
    frame = warehouse.frame(query_of(name, catalogue), parameters)
    return _protect(name, frame, catalogue).with_columns(
        pl.col(n).dt.convert_time_zone(parameters["timezone"]).dt.to_string("%Y-%m-%dT%H:%M:%S%:z")
        for n, dtype in frame.schema.items()
        if isinstance(dtype, pl.Datetime) and dtype.time_zone
    )


def content_of_units(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], units: Sequence[str]
) -> dict[str, str]:
    """A digest of what every unit has in the tables of data/ before it is protected; under "" that of held mails.

    Digests of different versions of DuckDB say nothing of each other.
    """
    found: dict[str, list[int]] = {}
    chosen = {**parameters, "units": list(units)}
    for place, name in enumerate(TABLES):
        digests = warehouse.execute(
            f"select unit_code, sum(hash(t)) from ({query_of(name, catalogue)}) as t group by unit_code", chosen
        ).fetchall()
        for unit, digest in digests:
            found.setdefault(unit, [0] * len(TABLES))[place] = int(digest)
    return {unit: repr(digests) for unit, digests in found.items()}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that stand together in every file that they are in: of each table the frame, and its lines of CSV."""

    frames: Mapping[str, pl.DataFrame]
    lines: Mapping[str, bytes]


def cut(tables: Mapping[str, pl.DataFrame], runs: Iterable[Sequence[str]]) -> Iterator[Rows]:
    """The rows of a block of units, run by run of units that follow on each other there.

    Scopes lie in each other: written run by run, a row is put into CSV once, however many scopes hold it.
    """
    safe = {name: disarm(frame) for name, frame in tables.items()}
    extents = {name: _extents(frame) for name, frame in tables.items()}
    for run in runs:
        own: dict[str, pl.DataFrame] = {}
        lines: dict[str, bytes] = {}
        for name, of_unit in extents.items():
            start, length = 0, 0
            for at, count in (of_unit[unit] for unit in run if unit in of_unit):
                start = start if length else at
                if at != start + length:
                    raise ValueError(f"table {name} of data/ is not in the order of the register")
                length += count
            own[name] = tables[name].slice(start, length)
            lines[name] = _csv(safe[name].slice(start, length), headed=False) if length else b""
        yield Rows(own, lines)


def _extents(frame: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Where the rows of each unit begin, and how many there are. ValueError where they do not stand together."""
    counted = frame["unit_code"].rle().struct.unnest()
    starts = counted["len"].cum_sum() - counted["len"]
    extents = {u: (s, n) for u, s, n in zip(counted["value"], starts, counted["len"], strict=True)}
    if len(extents) < len(counted):
        raise ValueError("the rows of a unit in a table of data/ do not stand together")
    return extents


class TableFiles:
    """The files of data/ of one scope, written block by block of units into `folder`."""

    def __init__(self, folder: Path, units: pl.DataFrame) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._parts: dict[str, list[Path]] = {name: [] for name in TABLES}
        self._waiting: list[Rows] = []
        self._write("units", [units], as_csv(units, headed=False))

    def append(self, rows: Rows) -> None:
        """Add rows, in the order of the register."""
        self._waiting.append(rows)

    def flush(self) -> None:
        """Write what was added; the first time even of tables that have no row."""
        for name in ROW_TABLES if self._waiting else ():
            frames = [rows.frames[name] for rows in self._waiting]
            self._write(name, frames, b"".join(rows.lines[name] for rows in self._waiting))
        self._waiting.clear()

    def _write(self, name: str, frames: list[pl.DataFrame], lines: bytes) -> None:
        parts = self._parts[name]
        if parts and not lines:
            return
        with (self.folder / f"{name}.csv").open("ab") as file:
            if not parts:
                file.write(_csv(frames[0].clear(), headed=True))
            file.write(lines)
        parts.append(self.folder / f"{name}.{len(parts)}.parquet")
        parts[-1].write_bytes(as_parquet(pl.concat(frames, rechunk=True)))

    def close(self) -> None:
        """Write what is left, and make one Parquet file of the parts of each table."""
        self.flush()
        for name, (first, *more) in self._parts.items():
            whole = self.folder / f"{name}.parquet"
            if not more:
                first.rename(whole)
                continue
            pl.scan_parquet([first, *more]).sink_parquet(whole, **PARQUET)
            for part in (first, *more):
                part.unlink()


def ranked(units: pl.DataFrame, members: Collection[str]) -> pl.DataFrame:
    """The table of units of one scope: `units` are all of the carrier, ranks are within the scope."""
    own = units.filter(pl.col("unit_code").is_in(list(members)))
    return own.with_columns(rank=pl.col("score").rank(method="min", descending=True).cast(pl.Int64))


def as_csv(frame: pl.DataFrame, *, headed: bool = True) -> bytes:
    """UTF-8, RFC 4180 line ends, formulas disarmed; `headed`: with a byte-order mark and the heading row."""
    return _csv(disarm(frame), headed=headed)


def _csv(frame: pl.DataFrame, *, headed: bool) -> bytes:
    buffer = io.BytesIO()
    frame.write_csv(
        buffer,
        include_bom=headed,
        include_header=headed,
        line_terminator="\r\n",
        datetime_format="%Y-%m-%dT%H:%M:%S",
        float_scientific=False,
    )
    return buffer.getvalue()


def as_parquet(frame: pl.DataFrame) -> bytes:
    """The same table as Parquet; the values as they are."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, **PARQUET)
    return buffer.getvalue()
