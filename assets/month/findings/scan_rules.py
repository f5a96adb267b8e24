"""The scan of a unit with a submission: the best of its scans decides (SIG-01 to SIG-04), and what it says that
was signed (SIG-05).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assets.month.findings.record import PLAIN

BEST_FIRST = {"sealed": 0, "unsealed": 1, "reused": 2, "unreadable": 3}
RULES = {"unsealed": "SIG-02", "unreadable": "SIG-03", "reused": "SIG-04"}


def check_scans(
    units: pl.Series, scans: pl.DataFrame, signed_otherwise: pl.DataFrame, hints: Mapping[str, str]
) -> pl.DataFrame:
    """Plain findings (PLAIN), one at most for every unit with a submission.

    `scans`: unit_code, mail, number, file, state (of BEST_FIRST), reason, expected, received_at. `signed_otherwise`:
    units whose signed pages are of another return (sql/settled/signed_otherwise.sql); `hints`: what forms are called.
    """
    rank = pl.col("state").replace_strict(BEST_FIRST, return_dtype=pl.Int8)
    best = scans.sort(rank, "received_at", "mail", "number").unique("unit_code", keep="first", maintain_order=True)
    found = (
        units.unique()
        .sort()
        .to_frame("unit_code")
        .join(best, on="unit_code", how="left", maintain_order="left")
        .filter(pl.col("state").ne_missing("sealed"))
        .with_columns(rule_id=pl.col("state").replace_strict(RULES, default="SIG-01"))
        .select("unit_code", "mail", "file", "reason", "expected", "rule_id")
    )
    form = pl.col("form").replace_strict(hints, default=pl.col("form"))
    otherwise = signed_otherwise.filter(pl.col("unit_code").is_in(units.implode())).select(
        "unit_code",
        "mail",
        "file",
        value=pl.concat_str(form, pl.col("says"), separator=" "),
        expected=pl.col("wanted"),
        rule_id=pl.lit("SIG-05"),
    )
    found = found.join(otherwise, on="unit_code", how="anti", maintain_order="left")
    rows = pl.concat([pl.DataFrame(schema=PLAIN), found, otherwise], how="diagonal").sort("unit_code")
    return rows.with_columns(pl.col(pl.String).fill_null(""), pl.col("row").fill_null(0))
