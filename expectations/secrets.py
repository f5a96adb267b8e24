"""What must not stand in a text: identity numbers, mobile numbers, passwords, private keys (GEN-07).

Belongs here: finding them and hiding them, by the one set of patterns. Does not: which columns are looked at
(suites.py), where a text is hidden before it leaves (reports/publishing/tables.py).
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

IDENTITY = re.compile(r"(?=([0-9]{6}([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{3}[0-9Xx]))")
MOBILE = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
PASSWORD = re.compile(r"(?i:密码|口令|password|passwd|pwd)\s*[:：=]\s*(?=\S)")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
# What every text with a secret has, and few others: looked for in all texts at once, without looking round.
_SIGNS = r"[0-9]{11}|(?i:密码|口令|password|passwd|pwd)\s*[:：=]|PRIVATE KEY-----"
IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
IDENTITY_CHECKS = "10X98765432"
HIDDEN = "****"


def kinds(text: str) -> tuple[str, ...]:
    """Which secrets a text holds: identity, mobile, password, private_key (names of glossary.yaml, `secrets`).

    rules.yaml, GEN-07. The text is as it was read (NFKC).
    """
    found = {
        "identity": bool(_identities(text)),
        "mobile": MOBILE.search(text) is not None,
        "password": PASSWORD.search(text) is not None,
        "private_key": PRIVATE_KEY.search(text) is not None,
    }
    return tuple(name for name, there in found.items() if there)


def hidden(text: str) -> str:
    """The text with its secrets hidden: numbers keep their first 3 and last 4 digits; what follows a password's colon
    or a key's heading is gone (outputs.md, published/).
    """
    for pattern in (PASSWORD, PRIVATE_KEY):
        if found := pattern.search(text):
            text = text[: found.end()] + HIDDEN
    for number in _identities(text):
        text = text.replace(number, number[:3] + HIDDEN + number[-4:])
    return MOBILE.sub(lambda number: number[0][:3] + HIDDEN + number[0][-4:], text)


def may_hold(text: pl.Expr) -> pl.Expr:
    """Whether a text is worth looking into: true for every text that holds a secret, and for few others."""
    return text.str.contains(_SIGNS).fill_null(False)


def hidden_column(texts: pl.Series) -> pl.Series:
    """`hidden` of a column of texts, null ones included."""
    import polars as pl  # noqa: PLC0415 - single texts are hidden without it

    held = texts.to_frame("text").select(may_hold(pl.col("text")))["text"]
    at = held.arg_true()
    if not len(at):
        return texts
    return texts.scatter(at, pl.Series([hidden(text) for text in texts.gather(at)], dtype=pl.String))


def _identities(text: str) -> list[str]:
    return [found[1] for found in IDENTITY.finditer(text) if _is_identity(found)]


def _is_identity(found: re.Match[str]) -> bool:
    """Whether 18 characters are a resident identity number: a date, and the right check character (GB 11643-1999)."""
    number = found[1]
    try:
        date(int(found[2]), int(found[3]), int(found[4]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], IDENTITY_WEIGHTS, strict=True))
    return IDENTITY_CHECKS[total % 11] == number[17].upper()
