"""The tables of data/ as they leave the house: columns, masks, formulas disarmed, CSV and Parquet.

outputs.md, published/ and data/. Belongs here: what is in each file and how it is protected. Does not: which version
it belongs to (assets/publishing.py), the queries (sql/published/).
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from assets.warehouse import Warehouse, model
from expectations.catalogue import Catalogue

TABLES = (
    "units", "findings", "submissions", "exposed_assets", "app_launches", "self_check", "rectification", "incidents",
    "indicators", "agreements",
)  # fmt: skip
BLOCK = 500  # units read at once
PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 3, "statistics": True, "row_group_size": 100_000}
FORMULA_START = r"^[=+\-@\t\r]"
MASKED_NAME = "**"


def mask_name(column: pl.Expr) -> pl.Expr:
    """A person's name with its first character alone: 张**."""
    return pl.when(column.is_not_null()).then(column.str.slice(0, 1) + MASKED_NAME)


def mask_phone(column: pl.Expr) -> pl.Expr:
    """A phone number with its first 3 and last 4 digits; one too short to hide anything is hidden whole."""
    hidden = column.str.slice(0, 3) + pl.lit("****") + column.str.tail(4)
    return pl.when(column.str.len_chars() > 7).then(hidden).when(column.is_not_null()).then(pl.lit("****"))


MASKS = {"name": mask_name, "phone": mask_phone}


def disarm(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts that a spreadsheet would run as a formula get an apostrophe before them."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    return frame.with_columns(
        pl.when(pl.col(n).str.contains(FORMULA_START)).then(pl.lit("'") + pl.col(n)).otherwise(pl.col(n)).alias(n)
        for n in texts
    )


def _protect(name: str, frame: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Mask personal data: in its own columns, and in findings on such a column."""
    if name in catalogue.sheets:
        return frame.with_columns(
            MASKS[c.pii](pl.col(c.key)) for c in catalogue.sheets[name].columns if c.pii and c.key in frame.columns
        )
    if name != "findings":
        return frame
    for kind, mask in MASKS.items():
        headings = {
            *(c.zh for s in catalogue.sheets.values() for c in s.columns if c.pii == kind),
            *(c.zh for f in catalogue.forms for c in f.cover if c.pii == kind),
        }
        personal = frame["column"].is_in(sorted(headings)) & (frame["value"] != "")
        rows = frame.filter(personal).select("value", "message")
        masked = rows.select(mask(pl.col("value")))["value"]
        messages = [
            message.replace(value, hidden) for (value, message), hidden in zip(rows.iter_rows(), masked, strict=True)
        ]
        at = personal.arg_true()
        frame = frame.with_columns(
            value=frame["value"].scatter(at, masked),
            message=frame["message"].scatter(at, pl.Series(messages, dtype=pl.String)),
        )
    return frame


def unit_blocks(units: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The units some hundred at a time, in their order: what is read of a carrier at once stays small.

    The last block holds the rows of no unit, which are the held mails'.
    """
    for start in range(0, len(units), BLOCK):
        yield tuple(units[start : start + BLOCK])
    yield ("",)


def _choose(warehouse: Warehouse, units: Sequence[str]) -> None:
    """Say whose rows the models of sql/published/ are to hold."""
    warehouse.put("core.published_units", pl.DataFrame({"unit_code": units}, schema={"unit_code": pl.String}))


def read_tables(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], units: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """Every table of data/ for some units, protected; `unit_code` says whose a row is, in the order of the register.

    Times are text, ISO 8601 with the offset of the settings' time zone. Of the table of units all rows, since ranks
    are known of all alone.
    """
    tables = {}
    _choose(warehouse, units)
    for name in TABLES:
        frame = warehouse.frame(model(f"published/{name}"), parameters)
        tables[name] = _protect(name, frame, catalogue).with_columns(
            pl.col(n).dt.convert_time_zone(parameters["timezone"]).dt.to_string("%Y-%m-%dT%H:%M:%S%:z")
            for n, dtype in frame.schema.items()
            if isinstance(dtype, pl.Datetime) and dtype.time_zone
        )
    return tables


def content_of_units(warehouse: Warehouse, parameters: Mapping[str, Any], units: Sequence[str]) -> dict[str, str]:
    """A digest of what every unit has in the tables of data/ before it is protected; under "" that of held mails.

    Digests of different versions of DuckDB say nothing of each other.
    """
    found: dict[str, list[int]] = {}
    _choose(warehouse, units)
    for place, name in enumerate(TABLES):
        digests = warehouse.execute(
            f"select unit_code, sum(hash(t)) from ({model(f'published/{name}')}) as t group by unit_code", parameters
        ).fetchall()
        for unit, digest in digests:
            found.setdefault(unit, [0] * len(TABLES))[place] = int(digest)
    return {unit: repr(digests) for unit, digests in found.items()}


class TableFiles:
    """The files of data/ of one scope, written block by block of units into `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._parts: dict[str, list[Path]] = {name: [] for name in TABLES}

    def append(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Add the rows of a block, in the order of the register; the first block is added even where it has none."""
        for name, frame in tables.items():
            parts = self._parts[name]
            if parts and frame.is_empty():
                continue
            with (self.folder / f"{name}.csv").open("ab") as file:
                file.write(as_csv(frame, headed=not parts))
            parts.append(self.folder / f"{name}.{len(parts)}.parquet")
            parts[-1].write_bytes(as_parquet(frame))

    def close(self) -> None:
        """Make one Parquet file of the parts of each table."""
        for name, (first, *more) in self._parts.items():
            whole = self.folder / f"{name}.parquet"
            if not more:
                first.rename(whole)
                continue
            pl.scan_parquet([first, *more]).sink_parquet(whole, **PARQUET)
            for part in (first, *more):
                part.unlink()


def scope_tables(tables: Mapping[str, pl.DataFrame], units: Collection[str]) -> dict[str, pl.DataFrame]:
    """The rows of some units in the tables of a block, but for the table of units (`ranked`)."""
    wanted = pl.col("unit_code").is_in(list(units))
    return {name: frame.filter(wanted) for name, frame in tables.items() if name != "units"}


def ranked(units: pl.DataFrame, members: Collection[str]) -> pl.DataFrame:
    """The table of units of one scope: `units` are all of the carrier, ranks are within the scope."""
    own = units.filter(pl.col("unit_code").is_in(list(members)))
    return own.with_columns(rank=pl.col("score").rank(method="min", descending=True).cast(pl.Int64))


def as_csv(frame: pl.DataFrame, *, headed: bool = True) -> bytes:
    """UTF-8, RFC 4180 line ends, formulas disarmed; `headed`: with a byte-order mark and the heading row."""
    buffer = io.BytesIO()
    disarm(frame).write_csv(
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
