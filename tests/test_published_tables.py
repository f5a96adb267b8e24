"""What leaves the house: masks, formulas disarmed, CSV as Excel opens it (outputs.md)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.catalogue import load_catalogue
from expectations.columns_of_messages import messages
from reports.publishing.tables import (
    TABLES,
    TableFiles,
    _protect,
    as_csv,
    cut,
    disarm,
    mask_name,
    mask_phone,
    query_of,
    ranked,
)  # fmt: skip

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(("name", "masked"), [("张三丰", "张**"), ("王", "王**"), ("", "**"), (None, None)])
def test_a_name_keeps_its_first_character(name: str | None, masked: str | None) -> None:
    assert pl.DataFrame({"n": [name]}, schema={"n": pl.String}).select(mask_name(pl.col("n"))).item() == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13912345678", "139****5678"),
        ("010-1234567", "010****4567"),
        ("1234567", "****"),
        ("+86 139 1234 5678", "861****5678"),
        ("请找张三丰办公室的王五", "****"),
        (None, None),
    ],
)
def test_a_phone_keeps_its_ends(phone: str | None, masked: str | None) -> None:
    assert pl.DataFrame({"p": [phone]}, schema={"p": pl.String}).select(mask_phone(pl.col("p"))).item() == masked


def findings(*rows: tuple[str, str, str, str, str]) -> pl.DataFrame:
    """Findings of sheet, key of the column, heading as written, rule and value, as the warehouse has them."""
    names = ["sheet_key", "column_key", "column", "rule_id", "value"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.lit("").alias(n) for n in ("file", "sheet", "expected", "cause", "reason")
    )
    return frame.with_columns(message=messages(frame, CATALOGUE))


ASSETS = "exposed_assets"


def test_a_finding_on_personal_data_tells_none_of_it() -> None:
    frame = findings(
        (ASSETS, "owner_phone", "责任人电话（必填）", "GEN-02", "139123456789"),
        (ASSETS, "owner", "责任人", "GEN-01", ""),
        ("", "", "填报人*", "CVR-06", "王强(代)"),
        (ASSETS, "ports", "开放端口", "GEN-02", "http"),
        (ASSETS, "owner_phone", "电话", "GEN-02", "1234567"),
        (ASSETS, "owner_phone", "责任人电话", "GEN-02", "找张三丰要，他在三楼" + "，" * 60 + "13912345678"),
        ("", "", "责任人电话", "WBK-03", "责任人电话"),
    ).with_columns(expected=pl.when(pl.col("column") == "电话").then(pl.lit("如 0471-1234567")).otherwise(pl.lit("")))
    protected = _protect("findings", frame, CATALOGUE)
    assert protected["value"].to_list() == [
        "139****6789", "", "王**", "http", "****", "****", "责任人电话",
    ]  # fmt: skip
    told = "".join(protected["message"])
    assert not any(words in told for words in ("139123456789", "王强", "“1234567", "张三丰"))
    assert "“http”" in protected["message"][3]
    assert "如 0471-1234567" in protected["message"][4]  # the example of the message is no part of what is masked
    assert "责任人电话" in protected["message"][6]
    assert not {"sheet_key", "column_key", "expected", "cause"} & set(protected.columns)


def test_a_secret_leaves_in_no_text() -> None:
    secret = "登录口令：Zy@2026，机主11010519491231002X，手机13912345678"
    frame = findings((ASSETS, "remark", "备注", "GEN-06", secret), (ASSETS, "asset_name", "资产名称", "GEN-06", "门户"))
    frame = frame.with_columns(reason=pl.lit(secret), file=pl.lit("附件2 13912345678.xlsx"))
    protected = _protect("findings", frame, CATALOGUE)
    rows = pl.DataFrame({"unit_code": ["U"], "remark": [secret], "owner": ["张三"], "file": ["13912345678.xlsx"]})
    row = _protect(ASSETS, rows, CATALOGUE)
    for left in (protected.write_csv(), row.write_csv()):
        assert not any(words in left for words in ("Zy@2026", "11010519491231002X", "13912345678", "张三"))
    assert row["remark"].to_list() == ["登录口令：****"]
    assert row["file"].to_list() == ["139****5678.xlsx"]


def test_findings_without_personal_data_stay_as_they_are() -> None:
    frame = findings((ASSETS, "asset_name", "资产名称", "GEN-01", ""))
    assert _protect("findings", frame, CATALOGUE).equals(frame.drop("sheet_key", "column_key", "expected", "cause"))


@given(st.lists(st.text(max_size=20), min_size=1))
def test_no_text_of_a_csv_is_run_as_a_formula_and_none_is_lost(texts: list[str]) -> None:
    texts = [t.replace("\r", "\n") for t in texts]
    read = list(csv.reader(io.StringIO(as_csv(pl.DataFrame({"t": texts})).decode("utf-8-sig"), newline="")))[1:]
    cells = [row[0] if row else "" for row in read]
    assert not any(c.startswith(("=", "+", "-", "@", "\t")) for c in cells)
    assert [
        c.removeprefix("'") if d != t else c for c, t, d in zip(cells, texts, disarm_all(texts), strict=True)
    ] == texts


def disarm_all(texts: list[str]) -> list[str]:
    return disarm(pl.DataFrame({"t": texts}))["t"].to_list()


def test_ranks_are_within_the_scope_and_equal_scores_share_one() -> None:
    units = pl.DataFrame({"unit_code": list("abcd"), "score": [90.0, 80.0, 80.0, 70.0], "rank": [None] * 4})
    assert ranked(units, list("abcd"))["rank"].to_list() == [1, 2, 2, 4]
    assert ranked(units, ["c", "d"])["rank"].to_list() == [1, 2]


def test_a_table_written_in_blocks_and_runs_is_that_written_at_once(tmp_path: Path) -> None:
    codes = [f"u{i // 2}" for i in range(12)]
    whole = {
        name: pl.DataFrame({"unit_code": codes, "n": range(12), "t": ["=1", None, "文"] * 4}).filter(
            pl.col("unit_code") != "u3" if name == "findings" else True
        )
        for name in TABLES
    }
    for folder, blocks in {
        "once": [[["u0", "u1", "u2", "u3", "u4", "u5"]]],
        "blocks": [[["none"]], [["u0"], ["u1", "u2"]], [["u3"]], [["u4", "other"], ["u5"]], [["none"]]],
    }.items():
        files = TableFiles(tmp_path / folder, whole["units"])
        for runs in blocks:
            within = pl.col("unit_code").is_in([unit for run in runs for unit in run])
            for rows in cut({name: frame.filter(within) for name, frame in whole.items()}, runs):
                files.append(rows)
            files.flush()
        files.close()
    names = sorted(p.name for p in (tmp_path / "once").iterdir())
    assert names == sorted(p.name for p in (tmp_path / "blocks").iterdir())
    assert len(names) == 2 * len(TABLES)
    for name in TABLES:
        csvs = [(tmp_path / f / f"{name}.csv").read_bytes() for f in ("once", "blocks")]
        assert csvs[0] == csvs[1] == as_csv(whole[name])
        for folder in ("once", "blocks"):
            assert pl.read_parquet(tmp_path / folder / f"{name}.parquet").equals(whole[name])


@pytest.mark.parametrize("codes", [["u1", "u0"], ["u0", "u2", "u1"], ["u0", "u1", "u0"]])
def test_rows_that_are_not_in_the_order_of_the_register_are_refused(codes: list[str]) -> None:
    with pytest.raises(ValueError, match="data/"):
        list(cut({"findings": pl.DataFrame({"unit_code": codes})}, [["u0", "u1", "u2"]]))


@pytest.mark.parametrize("sheet", load_catalogue().sheets)
def test_every_column_of_a_sheet_is_published_in_the_order_of_the_form(sheet: str) -> None:
    """A column added to forms.yaml was collected and checked, and never published."""
    catalogue = load_catalogue()
    definition = catalogue.sheets[sheet]
    keys = [c.key for c in definition.columns]
    assert ", ".join(f"r.{key}" for key in keys) in query_of(sheet, catalogue)
