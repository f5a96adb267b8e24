"""What the rules need beside the entered values, computed once per distinct value.

Belongs here: columns added to the frames of sql/checks and sql/carried where SQL cannot say it: address zones,
high-risk ports, check characters, version order, repeated keys. Does not: the rules' conditions (rules.yaml).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence

import polars as pl

from assets.instance.register import Network
from assets.intake.values import version_key
from expectations.catalogue import CODE_TYPES, Catalogue, SheetForm

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


class Zones:
    """The carrier's networks, by the lengths of their prefixes: an address is looked up, not held against each."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._registered: dict[tuple[int, int], set[int]] = {}
        for n in networks:
            host_bits = n.max_prefixlen - n.prefixlen
            self._registered.setdefault((n.version, host_bits), set()).add(int(n.network_address) >> host_bits)

    def zone(self, address: str) -> str:
        """`registered` in the carrier's networks, else `public` or `private`; for an address or a CIDR block.

        AST-01, AST-02. A block is registered when one registered network holds all of it, public when its
        first and its last address are (RFC 6890, as Python's ipaddress has it).
        """
        block = ipaddress.ip_network(address) if "/" in address else None
        first = block[0] if block else ipaddress.ip_address(address)
        last = block[-1] if block else first
        low, high = int(first), int(last)
        for (version, host_bits), prefixes in self._registered.items():
            if version == first.version and low >> host_bits == high >> host_bits and low >> host_bits in prefixes:
                return "registered"
        return "public" if first.is_global and last.is_global else "private"


def high_risk(ports: str, listed: Iterable[int]) -> str | None:
    """The ports of the high-risk list among `80,443,8000-8010`, joined by 、; None where there is none (AST-03)."""
    ranges = [tuple(int(p) for p in part.split("-")) for part in ports.split(",")]
    hit = [str(p) for p in listed if any(r[0] <= p <= r[-1] for r in ranges)]
    return "、".join(hit) or None


def uscc_is_valid(code: str) -> bool:
    """Whether a unified social credit code carries its right check character (GB 32100-2015; NDA-01)."""
    code = code.replace(" ", "").upper()
    if len(code) != 18 or any(c not in USCC_ALPHABET for c in code):
        return False
    total = sum(USCC_ALPHABET.index(c) * w for c, w in zip(code, USCC_WEIGHTS, strict=False))
    return USCC_ALPHABET[(31 - total % 31) % 31] == code[17]


def not_above(version: str, counted: Sequence[str]) -> str | None:
    """The highest version counted before, where `version` is not above it (APP-08)."""
    highest = max(counted, key=version_key)
    return highest if version_key(version) <= version_key(highest) else None


def _by_value(
    frame: pl.DataFrame, source: str, target: str, function: Callable[[str], object], dtype: type
) -> pl.DataFrame:
    """Add column `target`, `function` of column `source`, called once per distinct value; null stays null."""
    values = frame[source].drop_nulls().unique(maintain_order=True)
    lookup = pl.DataFrame(
        {source: values, target: pl.Series([function(v) for v in values], dtype=dtype())},
        schema_overrides={source: frame.schema[source]},
    )
    return frame.join(lookup, on=source, how="left", maintain_order="left")


def key_expressions(sheet: SheetForm) -> list[str]:
    """The columns by which two rows of a sheet are the same thing; urls by host, port and path."""
    return [f"{k}__key" if sheet.column(k).type == "url" else k for k in sheet.key_columns]


def with_repeated_keys(frame: pl.DataFrame, sheet: SheetForm, catalogue: Catalogue) -> pl.DataFrame:
    """Add `first_row`, the sheet row of the first row with the same key in the form, null on that row, and `key_text`.

    GEN-05: an empty part of a key equals an empty part. A part that cannot be read, or fails a drop rule on its own
    value (CHK-01, KPI-01, AST-01), is compared with nothing; nor is a key of which no more than codes is filled, as
    of two official accounts (公众号), which have neither package nor version.
    """
    keys = key_expressions(sheet)
    readable = [pl.col(k).is_not_null() | pl.col(f"{k}__text").is_null() for k in sheet.key_columns]
    readable.extend(
        pl.sql_expr(rule.expect["condition"]).fill_null(True)
        for rule in catalogue.rules.values()
        if rule.table == sheet.key and rule.effect == "drop" and rule.expect and set(rule.at) <= set(sheet.key_columns)
    )
    telling = [k for k in sheet.key_columns if sheet.column(k).type not in CODE_TYPES]
    filled = pl.any_horizontal(pl.col(k).is_not_null() for k in telling)
    first = pl.col("row").min().over(["form_id", *keys])
    texts = [pl.col(f"{k}__text").fill_null("") for k in sheet.key_columns]
    return frame.with_columns(
        first_row=pl.when(pl.all_horizontal(readable) & filled & (first != pl.col("row"))).then(first),
        key_text=pl.concat_str(texts, separator=" ").str.strip_chars(),
    )


def enrich(frame: pl.DataFrame, sheet: SheetForm, catalogue: Catalogue, networks: Sequence[Network]) -> pl.DataFrame:
    """The frame of sql/checks/<sheet>.sql with every column that its rules name."""
    if sheet.key == "exposed_assets":
        listed: Mapping[str, list[int]] = catalogue.rules["AST-03"].parameters
        frame = _by_value(frame, "public_ip", "ip_zone", Zones(networks).zone, pl.String)
        frame = _by_value(frame, "ports", "high_risk_ports", lambda p: high_risk(p, listed["ports"]), pl.String)
    elif sheet.key == "agreements":
        frame = _by_value(frame, "uscc", "uscc_valid", uscc_is_valid, pl.Boolean)
    return with_repeated_keys(frame, sheet, catalogue)


def enrich_across(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of sql/carried/<table>.sql with what SQL cannot compare."""
    if table == "app_launches":
        verdicts = [not_above(v, c) for v, c in frame.select("version", "last_versions").iter_rows()]
        frame = frame.with_columns(version_not_above=pl.Series(verdicts, dtype=pl.String))
    return frame
