"""Signatures as pages show them: which offices are asked for one, who has signed what stands, what was published when.

Belongs here: putting a snapshot, the ledger and the published folder together. Does not: the pages (office.py,
reader.py), what a signature is on (assets/month/signing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assets.ledger.models import Signature
from assets.ledger.signatures import standing
from reports.portal.reading import Row
from reports.portal.shared import Portal
from reports.portal.summaries import told_of
from reports.publishing.versions import INTERIM, latest_version


@dataclass(frozen=True, slots=True)
class SignedOff:
    """A node that is asked to sign. `signature`: the last that stands; `holds`: whether what it is on is still so.

    `version`, `published_at`: the version that stands and when it was published, "" and None where none is.
    """

    node: Row
    signature: Signature | None
    holds: bool
    version: str
    published_at: datetime | None


def signed_off(portal: Portal, period: str, nodes: Sequence[Row], at: datetime) -> list[SignedOff]:
    """Of some nodes of a snapshot those that are asked to sign the month, in their order."""
    asked = [n for n in nodes if n["level"] in portal.settings.signing_levels and n["content"]]
    signatures = standing(portal.reader, period, at) if asked else {}
    found = []
    for node in asked:
        signature = signatures.get(node["unit_code"])
        version, published_at = published(portal, period, node["unit_code"])
        holds = signature is not None and signature.content == node["content"]
        found.append(SignedOff(node, signature, holds, version, published_at))
    return found


def published(portal: Portal, period: str, scope: str) -> tuple[str, datetime | None]:
    """The version of a scope that was published last, and when; "" and None before the first."""
    folder = portal.home.published / period / scope
    version = latest_version(folder) or INTERIM
    if version == INTERIM:
        return "", None
    return version, datetime.fromisoformat(told_of(folder / version)["as_of"])
