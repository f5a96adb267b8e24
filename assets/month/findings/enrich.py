"""What the rules need beside the entered values, computed once per distinct value.

Belongs here: columns added to the frames of sql/checks and sql/carried where SQL cannot say it: address zones,
high-risk ports, check characters, version order, repeated keys. Does not: the rules' conditions (rules.yaml).
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import polars as pl

from assets.instance.register import Network
from assets.intake.values import version_key
from expectations.catalogue import CODE_TYPES, Catalogue, Column, SheetForm, condition
from expectations.secrets import kinds, may_hold
from expectations.suites import columns_read

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


class Ranges:
    """Address blocks of both versions as ranges that do not touch: an address is looked up, not held against each."""

    def __init__(self, blocks: Iterable[Network]) -> None:
        self._ends: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for version, low, high in sorted((b.version, int(b[0]), int(b[-1])) for b in blocks):
            ends = self._ends[version]
            start, end = ends[-1] if ends else (low, -1)
            if ends and low <= end + 1:
                ends[-1] = (start, max(end, high))
            else:
                ends.append((low, high))

    def parts(self, version: int, low: int, high: int) -> Iterator[tuple[int, int]]:
        """The parts of a range that lie in the blocks, in order."""
        ends = self._ends[version]
        for start, end in ends[max(bisect_right(ends, (low, high)) - 1, 0) :]:
            if start > high:
                return
            if end >= low:
                yield max(start, low), min(end, high)

    def holds(self, version: int, low: int, high: int) -> bool:
        """Whether all of a range lies in the blocks."""
        return next(self.parts(version, low, high), None) == (low, high)


class Zones:
    """Where an address lies: in the carrier's networks, among those that the internet does not route, or elsewhere."""

    def __init__(self, networks: Iterable[Network], special: Mapping[str, Sequence[str]]) -> None:
        """`special`: `blocks`, and `but`, which lie in them and are routed all the same (rules.yaml, AST-01)."""
        self._registered = Ranges(networks)
        self._special = Ranges(ipaddress.ip_network(block) for block in special["blocks"])
        self._routed = Ranges(ipaddress.ip_network(block) for block in special["but"])

    def zone(self, address: str) -> str:
        """`private` where an address, or an address of a block, is special and not the carrier's (AST-01); else
        `registered` where all of it is the carrier's, and `public` where some of it is not (AST-02).
        """
        block = ipaddress.ip_network(address)
        version, low, high = block.version, int(block.network_address), int(block.broadcast_address)
        if self._registered.holds(version, low, high):
            return "registered"
        for start, end in self._special.parts(version, low, high):
            free = [*self._registered.parts(version, start, end), *self._routed.parts(version, start, end)]
            if not _cover(free, start, end):
                return "private"
        return "public"


def _cover(parts: Iterable[tuple[int, int]], low: int, high: int) -> bool:
    """Whether ranges leave nothing of a range out."""
    reached = low
    for start, end in sorted(parts):
        if start > reached:
            return False
        reached = max(reached, end + 1)
    return reached > high


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
        if rule.table == sheet.key
        and rule.effect == "drop"
        and rule.expect
        and "condition" in rule.expect
        and set(rule.at) <= set(sheet.key_columns)
    )
    comparable = pl.all_horizontal(readable)
    telling = [k for k in sheet.key_columns if sheet.column(k).type not in CODE_TYPES]
    filled = pl.any_horizontal(pl.col(k).is_not_null() for k in telling)
    # A row that is compared with none is not the first of others either.
    first = pl.when(comparable).then(pl.col("row")).min().over(["form_id", *keys])
    texts = [pl.col(f"{k}__text").fill_null("") for k in sheet.key_columns]
    return frame.with_columns(
        first_row=pl.when(comparable & filled & (first != pl.col("row"))).then(first),
        key_text=pl.concat_str(texts, separator=" ").str.strip_chars(),
    )


def enrich(frame: pl.DataFrame, sheet: SheetForm, catalogue: Catalogue, networks: Sequence[Network]) -> pl.DataFrame:
    """The frame of sql/checks/<sheet>.sql with every column that its rules name."""
    if sheet.key == "exposed_assets":
        listed: Mapping[str, list[int]] = catalogue.rules["AST-03"].parameters
        zones = Zones(networks, catalogue.rules["AST-01"].parameters)
        frame = _by_value(frame, "public_ip", "ip_zone", zones.zone, pl.String)
        frame = _by_value(frame, "ports", "high_risk_ports", lambda p: high_risk(p, listed["ports"]), pl.String)
    elif sheet.key == "agreements":
        frame = _by_value(frame, "uscc", "uscc_valid", uscc_is_valid, pl.Boolean)
    frame = with_secrets(with_errors(frame, sheet, catalogue), sheet, catalogue)
    return with_repeated_keys(with_merged(frame, sheet), sheet, catalogue)


def with_merged(frame: pl.DataFrame, sheet: SheetForm) -> pl.DataFrame:
    """Add `X__merged` for every column X: the cell that shows a merged range which hides this row's, else null.

    GEN-01 says so of an empty cell that looks filled.
    """
    hidden = pl.col("merged_cells")
    none_is = frame["merged_cells"].null_count() == frame.height

    def shows(key: str) -> pl.Expr:
        mine = hidden.list.eval(pl.element().filter(pl.element().str.starts_with(f"{key}="))).list.first()
        return pl.lit(None, pl.String) if none_is else mine.str.strip_prefix(f"{key}=")

    return frame.with_columns(**{f"{c.key}__merged": shows(c.key) for c in sheet.columns})


def with_errors(frame: pl.DataFrame, sheet: SheetForm, catalogue: Catalogue) -> pl.DataFrame:
    """Add `needed_error_cells` and `other_error_cells`: of the cells that hold an Excel error, those that the row
    cannot do without (WBK-04), and the others (WBK-08); null where there is none.
    """
    read = columns_read(sheet, catalogue)

    def is_needed(column: Column) -> pl.Expr:
        wanted = condition(column.required)
        if column.key in read or wanted == "":
            return pl.lit(True)
        return pl.lit(False) if wanted is None else pl.sql_expr(wanted).fill_null(False)

    needed = pl.concat_list(
        pl.when(is_needed(column)).then(pl.lit(column.key)) for column in sheet.columns
    ).list.drop_nulls()
    cells = pl.col("error_cells")
    parts = {
        "needed_error_cells": cells.list.set_intersection(needed),
        "other_error_cells": cells.list.set_difference(needed),
    }
    return frame.with_columns(
        **{name: pl.when(part.list.len() > 0).then(part.list.sort()) for name, part in parts.items()}
    )


def with_secrets(frame: pl.DataFrame, sheet: SheetForm, catalogue: Catalogue) -> pl.DataFrame:
    """Add `secret_cells`, the columns whose text holds what it must not (GEN-07), null where there is none, and
    `secrets`, beside each of them what that is.
    """
    names = catalogue.texts["glossary"]["secrets"]
    texts = [c.key for c in sheet.columns if c.type == "text" and c.pii is None]
    suspects = frame.select(pl.any_horizontal(may_hold(pl.col(key)) for key in texts)).to_series()
    cells: list[list[str] | None] = [None] * frame.height
    told: list[list[str] | None] = [None] * frame.height
    for at in suspects.arg_true():
        row = frame.row(at, named=True)
        found = {key: kinds(row[key]) for key in texts if row[key] is not None}
        held = {key: "、".join(names[kind]["zh"] for kind in of) for key, of in found.items() if of}
        if held:
            cells[at], told[at] = list(held), list(held.values())
    return frame.with_columns(
        secret_cells=pl.Series(cells, dtype=pl.List(pl.String)), secrets=pl.Series(told, dtype=pl.List(pl.String))
    )


def enrich_across(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of sql/carried/<table>.sql with what SQL cannot compare."""
    if table == "app_launches":
        verdicts = [not_above(v, c) for v, c in frame.select("version", "last_versions").iter_rows()]
        frame = frame.with_columns(version_not_above=pl.Series(verdicts, dtype=pl.String))
    return frame
