"""The signature page of a form: the totals that the head of the unit signs for, and the code that says them.

Belongs here: which totals (signature.yaml) and how the code is written and read. Does not: the page itself
(reports/blank), finding a code on a scan (assets/scans), holding it against the form that counts (SIG-05).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from expectations.catalogue import Catalogue, CatalogueError

PREFIX = "SIXTH1"
DIGITS = 5  # of a total: of fixed width, so that a spreadsheet can put them into the code by formula
MOST = 10**DIGITS - 1
_CODE = re.compile(rf"{PREFIX}/([^/]+)/([^/]+)/([^/]+)/(\d{{4}})(0[1-9]|1[0-2])/((?:\d{{{DIGITS}}})*)")


@dataclass(frozen=True, slots=True)
class SignedTotal:
    """A total of a form: rows of a sheet whose column has a value, or, with `code`, that value."""

    sheet: str
    column: str
    code: str
    title: Mapping[str, str] = field(hash=False)  # by language


@dataclass(frozen=True, slots=True)
class SignatureCode:
    """What the code of a signature page says; `totals` in the order of signature.yaml, one above MOST as MOST."""

    form_version: str
    form: str
    unit_code: str
    period: str
    totals: tuple[int, ...]


def signed_totals(catalogue: Catalogue, form: str) -> tuple[SignedTotal, ...]:
    """The totals of a form, in order. Raises CatalogueError where one names what the form does not have."""
    totals = []
    sheets = {sheet.key: sheet for sheet in catalogue.form(form).sheets}
    for raw in catalogue.texts["signature"].get(form, ()):
        total = SignedTotal(raw["sheet"], raw["column"], raw.get("code", ""), raw["title"])
        sheet = sheets.get(total.sheet)
        column = next((c for c in sheet.columns if c.key == total.column), None) if sheet else None
        if column is None or (total.code and total.code not in column.codes):
            raise CatalogueError(f"signature.yaml: {form}: no {total.sheet}.{total.column} {total.code}".rstrip())
        totals.append(total)
    return tuple(totals)


def code_start(form_version: str, form: str, unit_code: str, period: str) -> str:
    """The part of a code that stands before its totals, which are known once the form is filled in."""
    return f"{PREFIX}/{form_version}/{form}/{unit_code}/{period.replace('-', '')}/"


def written(code: SignatureCode) -> str:
    """The text of a code."""
    totals = "".join(f"{min(total, MOST):0{DIGITS}d}" for total in code.totals)
    return code_start(code.form_version, code.form, code.unit_code, code.period) + totals


def read(text: str) -> SignatureCode | None:
    """What the text of a code says; None where it is none of ours."""
    found = _CODE.fullmatch(text.strip())
    if found is None:
        return None
    version, form, unit, year, month, digits = found.groups()
    totals = tuple(int(digits[i : i + DIGITS]) for i in range(0, len(digits), DIGITS))
    return SignatureCode(version, form, unit, f"{year}-{month}", totals)
