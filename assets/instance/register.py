"""The register: units and their tree, the carrier's networks, the calendar. Read and checked before anything else.

system.md, The register. A register that contradicts itself raises RegisterError, naming file and line.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import ipaddress
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from assets.instance import periods
from expectations.language import load

LEVELS = ("carrier", "province", "city", "unit")
KINDS = (
    "network",
    "market",
    "enterprise",
    "channel",
    "service",
    "engineering",
    "general",
    "finance",
    "county",
)
SERVICES = ("access", "idc", "dns", "info", "cdn", "public_access", "im", "social")
UNIT_COLUMNS = (
    "unit_code", "unit_name", "parent_code", "level", "kind", "services", "mailboxes", "active_from", "active_to",
)  # fmt: skip
FOREVER = "9999-12"
CALENDAR = ("first_period", "protection_periods", "cutoffs", "service_starts", "penalties")
LISTED = re.compile(r"[;；,，、\s]+")  # what people join lists by, whatever keyboard they type them on
ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")  # of printable ASCII around one @

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class RegisterError(Exception):
    """The register cannot be used; the message names file, line and what to mend."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Unit:
    """A row of units.csv: a reporting unit, or a node above units (a scope)."""

    code: str
    name: str
    parent: str
    level: str
    kind: str
    services: frozenset[str]
    mailboxes: tuple[str, ...]
    active_from: str
    active_to: str
    line: int

    def active_in(self, period: str) -> bool:
        """Whether the unit is active in the period."""
        return self.active_from <= period <= self.active_to


@dataclass(frozen=True)
class Register:
    """Units, networks and calendar of a home; `digest` changes whenever a file of it does.

    `closed`: months that stay by a register as it was when they were published (closed_months.py).
    """

    units: tuple[Unit, ...]
    networks: tuple[Network, ...]
    first_period: str
    protection_periods: frozenset[str]
    cutoffs: dict[str, datetime | date]
    penalties: dict[str, tuple[date, ...]]
    service_starts: dict[str, tuple[date, ...]]
    digest: str
    closed: Mapping[str, Register] = field(default_factory=dict)
    _trees: dict[str, Tree] = field(default_factory=dict, repr=False, compare=False)

    def tree(self, period: str) -> Tree:
        """The units active in the period."""
        if period in self.closed:
            return self.closed[period].tree(period)
        if period not in self._trees:
            self._trees[period] = Tree(tuple(u for u in self.units if u.active_in(period)))
        return self._trees[period]

    def in_force(self, period: str) -> Register:
        """The register that the period rests on."""
        return self.closed.get(period, self)

    def says(self, period: str) -> dict[str, str]:
        """All that the register says of a period, each by the name of the entry, as `units.csv EX-15-01 unit_name`."""
        if period in self.closed:
            return self.closed[period].says(period)
        said: dict[str, str] = {}
        for unit in self.tree(period).units:
            fields = {
                "unit_name": unit.name,
                "parent_code": unit.parent,
                "level": unit.level,
                "kind": unit.kind,
                "services": ";".join(sorted(unit.services)),
                "mailboxes": ";".join(unit.mailboxes),
            }
            said |= {f"units.csv {unit.code} {name}": value for name, value in fields.items()}
        said |= {f"networks.csv {network} cidr": str(network) for network in self.networks}
        if period in self.cutoffs:
            said[f"calendar.yaml {period} cutoffs"] = str(self.cutoffs[period])
        if period in self.protection_periods:
            said[f"calendar.yaml {period} protection_periods"] = period
        for name, dates in (("penalties", self.penalties), ("service_starts", self.service_starts)):
            for code, days in dates.items():
                said[f"calendar.yaml {code} {name}"] = ", ".join(map(str, days))
        return said

    def said_digest(self, period: str) -> str:
        """Digest of `says`, and of the order of the units, by which tables are ordered."""
        return hashlib.sha256(repr(list(self.says(period).items())).encode()).hexdigest()


@dataclass(frozen=True)
class Tree:
    """The units of one period and how they hang together."""

    units: tuple[Unit, ...]

    @cached_property
    def by_code(self) -> dict[str, Unit]:
        """Units by code, scopes included."""
        return {u.code: u for u in self.units}

    @cached_property
    def by_mailbox(self) -> dict[str, Unit]:
        """Units by mailbox in lower case."""
        return {m: u for u in self.units for m in u.mailboxes}

    @cached_property
    def reporting(self) -> tuple[Unit, ...]:
        """The units that owe a return, in the order of the register."""
        return tuple(u for u in self.units if u.level == "unit")

    @cached_property
    def scopes(self) -> tuple[Unit, ...]:
        """The nodes that have a report of their own."""
        return tuple(u for u in self.units if u.level != "unit")

    @property
    def carrier(self) -> str:
        """The code of the carrier's scope."""
        return next(u.code for u in self.units if u.level == "carrier")

    def above(self, code: str) -> Iterator[str]:
        """The unit itself and every node above it, upwards."""
        while code in self.by_code:
            yield code
            code = self.by_code[code].parent

    def is_within(self, code: str, scope: str) -> bool:
        """Whether `code` is `scope` or lies below it."""
        return scope in self.above(code)


def rows_of(path: Path, columns: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a file with their line numbers; empty ones, and examples (behind a #), are none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RegisterError(f"{path.name}: {_not_utf8(path)}") from error
    except OSError as error:
        raise RegisterError(f"{path.name}: cannot be read: {error}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [c for c in columns if c not in (reader.fieldnames or ())]
    if missing:
        raise RegisterError(f"{path.name} line 1: the heading row lacks {', '.join(missing)}")
    for row in reader:
        first = (next(iter(row.values()), "") or "").strip()
        if any((v or "").strip() for v in row.values() if isinstance(v, str)) and not first.startswith("#"):
            yield reader.line_num, {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}


def _not_utf8(path: Path) -> str:
    """What a file is that is no UTF-8, and how to save it as such."""
    raw, name = path.read_bytes(), "another encoding"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = "Unicode text (UTF-16)"
    else:
        with suppress(UnicodeDecodeError):
            raw.decode("gb18030")
            name = "GBK, as Excel saves plain “CSV”"
    return f"is not UTF-8 but {name}: in Excel choose “Save as”, “CSV UTF-8 (Comma delimited) (*.csv)”, and run again"


def listed(text: str) -> list[str]:
    """The entries of a list column."""
    return [entry for entry in LISTED.split(unicodedata.normalize("NFKC", text)) if entry]


def _mailboxes(where: str, text: str) -> tuple[str, ...]:
    mailboxes = tuple(dict.fromkeys(entry.lower() for entry in listed(text)))
    for mailbox in mailboxes:
        if not ADDRESS.fullmatch(mailbox):
            raise RegisterError(f"{where}: mailbox {mailbox!r} is no address as unit01@oa.example; join several by ;")
    return mailboxes


def _unit(line: int, row: dict[str, str]) -> Unit:
    where = f"units.csv line {line}"
    if not row["unit_code"] or not row["unit_name"]:
        raise RegisterError(f"{where}: unit_code and unit_name must be filled")
    if row["level"] not in LEVELS:
        raise RegisterError(f"{where}: level {row['level']!r} is none of {', '.join(LEVELS)}")
    if row["kind"] not in KINDS and (row["level"] == "unit" or row["kind"]):
        raise RegisterError(f"{where}: kind {row['kind']!r} is none of {', '.join(KINDS)}")
    services = frozenset(s.lower() for s in listed(row["services"]))
    if services - set(SERVICES):
        raise RegisterError(f"{where}: unknown service {', '.join(sorted(services - set(SERVICES)))}")
    active_to = row["active_to"] or FOREVER
    for name, value in (("active_from", row["active_from"]), ("active_to", active_to)):
        if not periods.is_period(value):
            raise RegisterError(f"{where}: {name} {value!r} is not a month as 2026-10")
    if active_to < row["active_from"]:
        raise RegisterError(f"{where}: active_to {active_to} lies before active_from {row['active_from']}")
    return Unit(
        code=row["unit_code"],
        name=row["unit_name"],
        parent=row["parent_code"],
        level=row["level"],
        kind=row["kind"],
        services=services,
        mailboxes=_mailboxes(where, row["mailboxes"]),
        active_from=row["active_from"],
        active_to=active_to,
        line=line,
    )


def _overlap(a: Unit, b: Unit) -> bool:
    return a.active_from <= b.active_to and b.active_from <= a.active_to


def _in_spans(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """The lines with their spans: one without an end ends before the next line of its unit begins."""
    starts: dict[str, list[str]] = defaultdict(list)
    for unit in units:
        starts[unit.code].append(unit.active_from)

    def ended(unit: Unit) -> Unit:
        later = [start for start in starts[unit.code] if start > unit.active_from]
        return replace(unit, active_to=periods.preceding(min(later))) if later and unit.active_to == FOREVER else unit

    return tuple(ended(unit) for unit in units)


def _check_units(units: tuple[Unit, ...], first_period: str) -> None:
    """Raise RegisterError where lines contradict one another, in any month from the first on record on."""
    by_code: dict[str, list[Unit]] = defaultdict(list)
    by_mailbox: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        where = f"units.csv line {unit.line}"
        for other in by_code[unit.code]:
            if _overlap(unit, other):
                raise RegisterError(f"{where}: unit {unit.code} is already there on line {other.line}")
        by_code[unit.code].append(unit)
        for mailbox in unit.mailboxes:
            for other in by_mailbox[mailbox]:
                if _overlap(unit, other):
                    raise RegisterError(
                        f"{where}: mailbox {mailbox} already belongs to {other.code} on line {other.line}"
                    )
            by_mailbox[mailbox].append(unit)
    if not any(u.level == "carrier" for u in units):
        raise RegisterError("units.csv: there is no unit of level carrier")
    changes = {u.active_from for u in units} | {periods.following(u.active_to) for u in units if u.active_to != FOREVER}
    for month in sorted({first_period} | {m for m in changes if m > first_period}):
        _check_month([u for u in units if u.active_in(month)], month)


def _check_month(units: list[Unit], month: str) -> None:
    """Raise RegisterError where the units of a month are no tree under one carrier."""
    by_code = {u.code: u for u in units}
    carriers = [u for u in units if u.level == "carrier"]
    if units and not carriers:
        raise RegisterError(f"units.csv: no unit of level carrier is active in {month}")
    for unit in units:
        where = f"units.csv line {unit.line}"
        if unit.level == "carrier":
            if unit.parent:
                raise RegisterError(f"{where}: the carrier {unit.code} has a parent {unit.parent}")
            if unit is not carriers[0]:
                raise RegisterError(f"{where}: a second unit of level carrier is active in {month}")
            continue
        parent = by_code.get(unit.parent)
        if parent is None:
            raise RegisterError(f"{where}: parent {unit.parent!r} of {unit.code} is not on the register in {month}")
        if parent.level == "unit":
            raise RegisterError(f"{where}: parent {unit.parent} of {unit.code} is itself a reporting unit")
        seen, above = {unit.code}, parent
        while above.code not in seen and above.parent in by_code:
            seen.add(above.code)
            above = by_code[above.parent]
        if above.code in seen:
            raise RegisterError(f"{where}: {unit.code} lies below itself (loop over {above.code})")


def _networks(path: Path) -> Iterator[Network]:
    for line, row in rows_of(path, ("cidr", "name")):
        try:
            yield ipaddress.ip_network(row["cidr"])
        except ValueError as error:
            raise RegisterError(f"{path.name} line {line}: {row['cidr']!r} is no address block: {error}") from error


def _dates(path: Path, calendar: dict[str, Any], key: str, codes: frozenset[str]) -> dict[str, tuple[date, ...]]:
    dates = {}
    for unit, value in (calendar.get(key) or {}).items():
        if str(unit) not in codes:
            raise RegisterError(f"{path.name}: {key}: there is no unit {unit} in units.csv")
        days = [_moment(told) for told in (value if isinstance(value, list) else [value])]
        if None in days:
            raise RegisterError(f"{path.name}: {key} of {unit} must be dates as 2026-03-01")
        dates[str(unit)] = tuple(d.date() if isinstance(d, datetime) else d for d in days if d)
    return dates


def _moment(told: object) -> date | datetime | None:
    """A date or time of the calendar; None where it is neither. YAML knows no time without seconds, 2026-11-09 18:00,
    and takes what stands in quotation marks for text.
    """
    if isinstance(told, str):
        for kind in (date, datetime):
            with suppress(ValueError):
                return kind.fromisoformat(told.strip())
        return None
    return told if isinstance(told, date) else None


def _calendar(path: Path) -> dict[str, Any]:
    try:
        calendar = load(path.read_bytes()) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:  # 2026-13-01 is a ValueError of its own
        raise RegisterError(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(calendar, dict) or not periods.is_period(str(calendar.get("first_period", ""))):
        raise RegisterError(f"{path.name}: first_period must be a month as 2026-08")
    for key in calendar:
        if key not in CALENDAR:
            raise RegisterError(f"{path.name}: there is no entry {key!r}; known ones: {', '.join(CALENDAR)}")
    if isinstance(joined := calendar.get("protection_periods"), str):
        calendar["protection_periods"] = listed(joined)
    for period in calendar.get("protection_periods") or ():
        if not periods.is_period(str(period)):
            raise RegisterError(f"{path.name}: protection_periods: {period!r} is not a month as 2026-10")
    cutoffs = calendar["cutoffs"] = {
        period: _moment(told) or told for period, told in (calendar.get("cutoffs") or {}).items()
    }
    for period, moment in cutoffs.items():
        if not periods.is_period(str(period)) or not isinstance(moment, date):
            raise RegisterError(
                f"{path.name}: cutoffs: {period}: {moment!r} must be month: date or time, as 2026-11-09 or "
                "2026-11-09 18:00"
            )
        if (moment.date() if isinstance(moment, datetime) else moment) <= periods.last_day(str(period)):
            raise RegisterError(f"{path.name}: cutoffs: {period}: {moment} lies before the month is over")
    return calendar


FILES = ("units.csv", "networks.csv", "calendar.yaml")


def load_register(folder: Path) -> Register:
    """Read and check units.csv, networks.csv and calendar.yaml of `folder`.

    A line without active_to ends where the next line of its unit begins: a unit moves, is renamed or changes mailbox by
    a new line. calendar.yaml: first_period, protection_periods [month], and where needed cutoffs {month: date or local
    time}, penalties and service_starts {unit_code: [date]} (key supervision). Raises RegisterError.
    """
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise RegisterError(f"{name}: not found in {folder}; `sixth init` makes a register to start from")
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    units = _in_spans([_unit(line, row) for line, row in rows_of(folder / "units.csv", UNIT_COLUMNS)])
    calendar = _calendar(folder / "calendar.yaml")
    _check_units(units, str(calendar["first_period"]))
    codes = frozenset(unit.code for unit in units)
    return Register(
        units=units,
        networks=tuple(_networks(folder / "networks.csv")),
        first_period=str(calendar["first_period"]),
        protection_periods=frozenset(str(p) for p in calendar.get("protection_periods") or ()),
        cutoffs={str(k): v for k, v in (calendar.get("cutoffs") or {}).items()},
        penalties=_dates(folder / "calendar.yaml", calendar, "penalties", codes),
        service_starts=_dates(folder / "calendar.yaml", calendar, "service_starts", codes),
        digest=digest.hexdigest(),
    )
