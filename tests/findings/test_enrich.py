"""What the rules need beside entered values: zones, ports, check characters, version order, repeated keys."""

from __future__ import annotations

from ipaddress import ip_network

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.month.findings.enrich import (
    USCC_ALPHABET,
    USCC_WEIGHTS,
    Zones,
    high_risk,
    not_above,
    uscc_is_valid,
    with_repeated_keys,
)
from expectations.catalogue import load_catalogue

NETWORKS = [ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")]
CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ("203.0.113.7", "registered"),
        ("203.0.113.0/25", "registered"),
        ("203.0.112.0/23", "private"),
        ("8.8.8.8", "public"),
        ("10.1.2.3", "private"),
        ("192.0.2.1", "private"),
        ("2001:db8::1", "registered"),
        ("2400:3200::1", "public"),
        ("fe80::1", "private"),
    ],
)
def test_an_address_has_a_zone(address: str, zone: str) -> None:
    assert Zones(NETWORKS).zone(address) == zone


@pytest.mark.parametrize(
    ("ports", "hit"), [("80,443", None), ("22", "22"), ("20-25", "21、22、23"), ("443,3306,8000-10000", "3306、9200")]
)
def test_high_risk_ports_are_found_in_ranges(ports: str, hit: str | None) -> None:
    assert high_risk(ports, [21, 22, 23, 3306, 9200]) == hit


@given(st.text(USCC_ALPHABET, min_size=17, max_size=17), st.integers(0, 16))
def test_one_wrong_character_is_found_by_the_check_character(body: str, at: int) -> None:
    total = sum(USCC_ALPHABET.index(c) * w for c, w in zip(body, USCC_WEIGHTS, strict=True))
    code = body + USCC_ALPHABET[-total % 31]
    assert uscc_is_valid(code)
    other = USCC_ALPHABET[(USCC_ALPHABET.index(code[at]) + 1) % 31]
    assert not uscc_is_valid(code[:at] + other + code[at + 1 :])


@pytest.mark.parametrize("code", ["", "9115", "91150100KUD16MF68O", "91150100KUD16MF6800"])
def test_what_is_no_code_is_not_valid(code: str) -> None:
    assert not uscc_is_valid(code)


@pytest.mark.parametrize(
    ("version", "counted", "highest"),
    [
        ("1.10", ["1.9"], None),
        ("1.9", ["1.10", "1.2"], "1.10"),
        ("2.0", ["2.0.0"], "2.0.0"),
        ("2.0", ["2.0-beta"], None),
    ],
)
def test_versions_are_compared_number_by_number(version: str, counted: list[str], highest: str | None) -> None:
    assert not_above(version, counted) == highest


def assets(rows: list[tuple[int, str | None, str | None, str | None, str | None, str | None]]) -> pl.DataFrame:
    """Rows of (row, ip, ports, url, url key, ports as entered)."""
    schema = {
        "row": pl.Int64, "public_ip": pl.String, "ports": pl.String, "url": pl.String, "url__key": pl.String,
        "ports__text": pl.String,
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(
        form_id=pl.lit("f"),
        protocol=pl.lit(None, pl.String),
        protocol__text=pl.lit(None, pl.String),
        public_ip__text=pl.col("public_ip"),
        url__text=pl.col("url"),
        ip_zone=pl.when(pl.col("public_ip").str.starts_with("10."))
        .then(pl.lit("private"))
        .otherwise(pl.lit("registered")),
    )


def first_rows(frame: pl.DataFrame) -> list[int | None]:
    return with_repeated_keys(frame, CATALOGUE.sheets["exposed_assets"], CATALOGUE)["first_row"].to_list()


def test_an_empty_part_of_a_key_equals_an_empty_part() -> None:
    same = ("203.0.113.1", "443", None, None, "443")
    assert first_rows(assets([(2, *same), (3, *same), (4, "203.0.113.1", "80", None, None, "80"), (5, *same)])) == [
        None, 2, None, 2,
    ]  # fmt: skip


def test_addresses_are_the_same_by_host_and_path() -> None:
    rows = [
        (2, None, None, "https://a.example/", "a.example", None),
        (3, None, None, "http://a.example", "a.example", None),
    ]
    assert first_rows(assets(rows)) == [None, 2]


def test_an_unreadable_or_refused_part_is_compared_with_nothing() -> None:
    unreadable = ("203.0.113.1", None, None, None, "http")
    private = ("10.0.0.1", "443", None, None, "443")
    rows = [(2, *unreadable), (3, *unreadable), (4, *private), (5, *private)]
    assert first_rows(assets(rows)) == [None] * 4


def test_a_key_of_which_only_codes_are_filled_tells_nothing() -> None:
    sheet = CATALOGUE.sheets["app_launches"]
    frame = pl.DataFrame(
        {"form_id": ["f"] * 2, "row": [2, 3], "platform": ["公众号"] * 2, "platform__text": ["公众号"] * 2}
    )
    empty = {f"{k}{t}": pl.lit(None, pl.String) for k in ("package_id", "version") for t in ("", "__text")}
    assert with_repeated_keys(frame.with_columns(**empty), sheet, CATALOGUE)["first_row"].to_list() == [None, None]
