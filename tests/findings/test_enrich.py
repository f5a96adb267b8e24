"""What the rules need beside entered values: zones, ports, check characters, version order, repeated keys."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance.register import Network
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

NETWORKS: list[Network] = [ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")]
CATALOGUE = load_catalogue()
SPECIAL = CATALOGUE.rules["AST-01"].parameters


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ("203.0.113.7", "registered"),
        ("203.0.113.0/25", "registered"),
        ("203.0.112.0/23", "public"),
        ("192.0.2.0/24", "private"),
        ("192.0.0.9", "public"),
        ("192.0.0.8/30", "private"),
        ("100.127.255.255", "private"),
        ("100.128.0.0", "public"),
        ("224.0.0.5", "private"),
        ("2001:20::1", "public"),
        ("2001:10::1", "private"),
        ("::ffff:8.8.8.8", "private"),
        ("8.8.8.8", "public"),
        ("10.1.2.3", "private"),
        ("192.0.2.1", "private"),
        ("2001:db8::1", "registered"),
        ("2400:3200::1", "public"),
        ("fe80::1", "private"),
    ],
)
def test_an_address_has_a_zone(address: str, zone: str) -> None:
    assert Zones(NETWORKS, SPECIAL).zone(address) == zone


def zone_by_every_address(address: str, networks: list[Network]) -> str:
    """The rule word by word: each address of the block held against each block of the table."""

    def lies_in(one: IPv4Address | IPv6Address, blocks: Iterable[Network]) -> bool:
        return any(one in block for block in blocks)

    blocks, but = ([ip_network(b) for b in SPECIAL[name]] for name in ("blocks", "but"))
    inside = [lies_in(one, networks) for one in ip_network(address)]
    odd = [lies_in(one, blocks) and not lies_in(one, but) for one in ip_network(address)]
    if any(special and not own for special, own in zip(odd, inside, strict=True)):
        return "private"
    return "registered" if all(inside) else "public"


EDGES = [
    ip_address(int(edge) + step)
    for block in (*SPECIAL["blocks"], *SPECIAL["but"], "203.0.113.128/26", "8.8.8.0/25")
    for edge in (ip_network(block).network_address, ip_network(block).broadcast_address)
    for step in (-1, 0, 1)
    if 0 <= int(edge) + step < 2**edge.max_prefixlen and (edge.version == 4 or int(edge) + step >= 2**32)
]


@given(
    st.sampled_from(EDGES),
    st.integers(0, 8),
    st.lists(st.tuples(st.sampled_from(EDGES), st.integers(0, 12)), max_size=4),
)
def test_a_zone_is_that_of_every_address_of_the_block(
    first: IPv4Address | IPv6Address, bits: int, own: list[tuple[IPv4Address | IPv6Address, int]]
) -> None:
    networks = [ip_network((str(a), a.max_prefixlen - b), strict=False) for a, b in own]
    block = str(ip_network((str(first), first.max_prefixlen - bits), strict=False))
    assert Zones(networks, SPECIAL).zone(block) == zone_by_every_address(block, networks)


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


def test_a_row_that_is_compared_with_none_is_not_the_first_of_others() -> None:
    unreadable = ("203.0.113.1", None, None, None, "http")
    whole = ("203.0.113.1", None, None, None, None)
    assert first_rows(assets([(2, *unreadable), (3, *whole), (4, *whole)])) == [None, None, 3]


def test_a_key_of_which_only_codes_are_filled_tells_nothing() -> None:
    sheet = CATALOGUE.sheets["app_launches"]
    frame = pl.DataFrame(
        {"form_id": ["f"] * 2, "row": [2, 3], "platform": ["公众号"] * 2, "platform__text": ["公众号"] * 2}
    )
    empty = {f"{k}{t}": pl.lit(None, pl.String) for k in ("package_id", "version") for t in ("", "__text")}
    assert with_repeated_keys(frame.with_columns(**empty), sheet, CATALOGUE)["first_row"].to_list() == [None, None]
