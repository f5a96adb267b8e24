"""What an office signs of its units' month, and whose signatures hold (system.md, Decisions).

Belongs here: the digest of what is signed, and which nodes are asked to sign. Does not: the log of signatures
(assets/ledger/signatures.py), the page on which they are given (reports/portal/office.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assets.instance.periods import is_period
from assets.instance.register import Tree
from assets.instance.session import Session
from assets.instance.warehouse import Warehouse, model
from assets.ledger.models import Signature
from assets.ledger.opening import open_reader
from assets.ledger.signatures import standing
from assets.month.work import Work


@dataclass(frozen=True, slots=True)
class SignOff:
    """A node that is asked to sign: who has signed its month as it stands, and when (aware); None where nobody has."""

    scope: str
    name: str
    signed_by: str | None = None
    signed_at: datetime | None = None


def contents_of(warehouse: Warehouse, period: str) -> dict[str, str]:
    """Of every scope with units a digest of what became of them and the forms that count: what is signed."""
    return {r["scope"]: r["content"] for r in warehouse.rows(model("portal/contents"), {"period": period})}


def asked_to_sign(session: Session, work: Work, period: str) -> list[SignOff]:
    """The offices that the settings ask to sign a month, with the signatures that hold by the clock of the run."""
    levels = session.settings.signing_levels
    if not levels or not is_period(period):
        return []
    with open_reader(session.home.warehouse, session.settings.ledger_url) as ledger:
        signatures = standing(ledger, period, work.as_of)
    return sign_offs(work.warehouse, work.register.tree(period), period, levels, signatures)


def sign_offs(
    warehouse: Warehouse, tree: Tree, period: str, levels: Sequence[str], signatures: Mapping[str, Signature]
) -> list[SignOff]:
    """Every node of the levels that has units, in the order of the tree."""
    contents, found = contents_of(warehouse, period), []
    for node in tree.scopes:
        if node.level in levels and node.code in contents:
            signature = signatures.get(node.code)
            holds = signature is not None and signature.content == contents[node.code]
            told = (signature.signed_by, signature.at) if signature and holds else (None, None)
            found.append(SignOff(node.code, node.name, *told))
    return found
