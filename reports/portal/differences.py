"""What a unit changed when it sent a form again: row by row by the sheet's key, never by the number of the row.

Belongs here: working it out for the snapshot. Does not: showing it (unit_pages.py). Values are compared as they were
read ("100" and 1 of a per cent are the same), texts only where nothing could be read, and shown as they were entered;
names and phone numbers masked, secrets hidden, as all in the snapshot.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from assets.instance.warehouse import Warehouse, model
from expectations.catalogue import Catalogue, SheetForm
from expectations.secrets import hidden_column
from reports.publishing.tables import MASKS

CELLS = "/* r.<every column of the sheet, as it was read and as text> */"
MOST = 300  # differences of a sheet that are kept; how many there are in all is told
SCHEMA: dict[str, Any] = {
    "form_id": pl.String, "sheet_key": pl.String, "row": pl.Int64, "what": pl.String, "key": pl.String,
    "column_key": pl.String, "was": pl.String, "now": pl.String, "total": pl.Int64,
}  # fmt: skip
PAIR = ("form_id", "before_id")


def differences(warehouse: Warehouse, catalogue: Catalogue, forms: pl.DataFrame) -> pl.DataFrame:
    """The differences (SCHEMA) of all forms that have one before them: `forms` has form, form_id, before_id.

    `what` is changed, gone or new; of rows that are gone or new the columns are empty.
    """
    again = forms.filter(pl.col("before_id").is_not_null()).select("form", *PAIR)
    found = [pl.DataFrame(schema=SCHEMA)]
    for sheet in catalogue.sheets.values():
        pairs = again.filter(pl.col("form") == sheet.form).select(PAIR)
        if not pairs.is_empty():
            rows = _rows(warehouse, sheet, [*pairs["form_id"], *pairs["before_id"]])
            found.append(_of_sheet(sheet, pairs, rows))
    return pl.concat(found)


def _rows(warehouse: Warehouse, sheet: SheetForm, forms: list[str]) -> pl.DataFrame:
    columns = " ".join(f'cast(r."{c.key}" as varchar) as "{c.key}", r."{c.key}__text",' for c in sheet.columns)
    sql = model("portal/rows_of_forms").replace(CELLS, columns).replace("staging.sheet ", f"staging.{sheet.key} ")
    return warehouse.frame(sql, {"forms": sorted(set(forms))})


def _of_sheet(sheet: SheetForm, pairs: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The differences of one sheet; rows with the same key are held against each other in their order."""
    keys = [pl.col(key).fill_null(pl.col(f"{key}__text")).fill_null("") for key in sheet.key_columns]
    shown = [pl.col(f"{key}__text").fill_null("") for key in sheet.key_columns]
    rows = rows.with_columns(
        __id=pl.concat_str(keys, separator="\x1f"), __key=pl.concat_str(shown, separator=" · ")
    ).with_columns(__nth=pl.int_range(pl.len()).over("form_id", "__id"))
    was = pairs.join(rows.rename({"form_id": "before_id"}), on="before_id", how="inner")
    now = pairs.join(rows, on="form_id", how="inner")
    both = was.join(now, on=[*PAIR, "__id", "__nth"], how="full", coalesce=True, suffix="__now")
    gone, new = pl.col("row__now").is_null(), pl.col("row").is_null()

    def told(frame: pl.DataFrame, what: str, column: str = "") -> pl.DataFrame:
        is_column = bool(column)
        return frame.select(
            "form_id",
            sheet_key=pl.lit(sheet.key),
            row=pl.coalesce("row__now", "row"),
            what=pl.lit(what),
            key=pl.coalesce("__key__now", "__key"),
            column_key=pl.lit(column),
            was=pl.col(f"{column}__text") if is_column else pl.lit(""),
            now=pl.col(f"{column}__text__now") if is_column else pl.lit(""),
        )

    made = [told(both.filter(gone), "gone"), told(both.filter(new), "new")]
    for column in sheet.columns:
        if column.key in sheet.key_columns:
            continue
        read, read_now = pl.col(column.key), pl.col(f"{column.key}__now")
        text, text_now = pl.col(f"{column.key}__text"), pl.col(f"{column.key}__text__now")
        differs = read.ne_missing(read_now) | (read.is_null() & read_now.is_null() & text.ne_missing(text_now))
        changed = told(both.filter(~gone & ~new & differs), "changed", column.key)
        if column.pii:
            mask = MASKS[column.pii]
            changed = changed.with_columns(mask(pl.col("was")).alias("was"), mask(pl.col("now")).alias("now"))
        made.append(changed)
    frame = pl.concat(made).with_columns(pl.col("was", "now").fill_null(""))
    frame = frame.with_columns(hidden_column(frame[name]).alias(name) for name in ("key", "was", "now"))
    return (
        frame.sort("form_id", "row", "what", maintain_order=True)
        .with_columns(total=pl.len().over("form_id").cast(pl.Int64))
        .filter(pl.int_range(pl.len()).over("form_id") < MOST)
        .cast(pl.Schema(SCHEMA))
    )
