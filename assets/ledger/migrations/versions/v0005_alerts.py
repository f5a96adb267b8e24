"""Mails to operators, which a sensor queues and another delivers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.models import Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("sent_at", Moment),
        sa.CheckConstraint("state in ('queued', 'sent')", name="state_is_known"),
        sa.UniqueConstraint("key", "recipient", name="told_once"),
    )
