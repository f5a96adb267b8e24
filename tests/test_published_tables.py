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
from reports.publishing.tables import TABLES, TableFiles, _protect, as_csv, cut, disarm, mask_name, mask_phone, ranked

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(("name", "masked"), [("张三丰", "张**"), ("王", "王**"), ("", "**"), (None, None)])
def test_a_name_keeps_its_first_character(name: str | None, masked: str | None) -> None:
    assert pl.DataFrame({"n": [name]}, schema={"n": pl.String}).select(mask_name(pl.col("n"))).item() == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("13912345678", "139****5678"), ("010-1234567", "010****4567"), ("1234567", "****"), (None, None)],
)
def test_a_phone_keeps_its_ends(phone: str | None, masked: str | None) -> None:
    assert pl.DataFrame({"p": [phone]}, schema={"p": pl.String}).select(mask_phone(pl.col("p"))).item() == masked


def findings(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["column", "value", "message"], orient="row")


def test_a_finding_on_personal_data_tells_none_of_it() -> None:
    frame = findings(
        ("责任人电话", "139123456789", "“责任人电话”的值“139123456789”格式不正确"),
        ("责任人", "", "“责任人”必填"),
        ("填报人", "王强(代)", "填报信息“填报人”有误：王强(代)"),
        ("开放端口", "http", "“开放端口”的值“http”格式不正确"),
    )
    protected = _protect("findings", frame, CATALOGUE)
    assert protected["value"].to_list() == ["139****6789", "", "王**", "http"]
    assert protected["message"].to_list() == [
        "“责任人电话”的值“139****6789”格式不正确", "“责任人”必填", "填报信息“填报人”有误：王**", "“开放端口”的值“http”格式不正确",
    ]  # fmt: skip


def test_findings_without_personal_data_stay_as_they_are() -> None:
    frame = findings(("资产名称", "", "“资产名称”必填"))
    assert _protect("findings", frame, CATALOGUE).equals(frame)


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
