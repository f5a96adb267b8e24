"""The tables of data/ as they leave the house: columns, masks, formulas disarmed, CSV and Parquet.

outputs.md, published/ and data/. Belongs here: what is in each file and how it is protected. Does not: which version
it belongs to (assets/publishing.py), the queries (sql/published/).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.warehouse import Warehouse, model
from expectations.catalogue import Catalogue

TABLES = (
    "units", "findings", "submissions", "exposed_assets", "app_launches", "self_check", "rectification", "incidents",
    "indicators", "agreements",
)  # fmt: skip
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


def read_tables(warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """Every table of data/ for the whole carrier, protected; `unit_code` says whose a row is.

    Times are text, ISO 8601 with the offset of the settings' time zone.
    """
    tables = {}
    for name in TABLES:
        frame = _protect(name, warehouse.frame(model(f"published/{name}"), parameters), catalogue)
        tables[name] = frame.with_columns(
            pl.col(n).dt.convert_time_zone(parameters["timezone"]).dt.to_string("%Y-%m-%dT%H:%M:%S%:z")
            for n, dtype in frame.schema.items()
            if isinstance(dtype, pl.Datetime) and dtype.time_zone
        )
    return tables


def scope_tables(tables: Mapping[str, pl.DataFrame], units: list[str], *, carrier: bool) -> dict[str, pl.DataFrame]:
    """The tables of one scope: rows of its units, ranks within itself; held mails' findings for the carrier alone."""
    own = {}
    for name, frame in tables.items():
        wanted = pl.col("unit_code").is_in([*units, ""] if carrier else units)
        own[name] = frame.filter(wanted)
    own["units"] = own["units"].with_columns(rank=pl.col("score").rank(method="min", descending=True).cast(pl.Int64))
    return own


def as_csv(frame: pl.DataFrame) -> bytes:
    """UTF-8 with a byte-order mark, RFC 4180 line ends, formulas disarmed."""
    buffer = io.BytesIO()
    disarm(frame).write_csv(
        buffer,
        include_bom=True,
        line_terminator="\r\n",
        datetime_format="%Y-%m-%dT%H:%M:%S",
        float_scientific=False,
    )
    return buffer.getvalue()


def as_parquet(frame: pl.DataFrame) -> bytes:
    """The same table as Parquet; the values as they are."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=3, statistics=True)
    return buffer.getvalue()
