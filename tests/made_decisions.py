"""Decisions for the tests of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from assets.ledger.decisions import Proposal


def waiver(subject: str, at: datetime, **over: object) -> Proposal:
    """A waiver of a finding, or what it is made by `over`."""
    made = Proposal("waive", subject, "王强", "已看过原件", at, unit_code="U1", period="2026-10")
    return replace(made, **over)  # type: ignore[arg-type]
