"""Reports by mail that readers have asked for on the portal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.migrations.versions.v0006_offices import kept_by_postgresql, kept_by_sqlite
from assets.ledger.models import Moment

revision = "0008"
down_revision = "0007"

KEPT = "subscriptions are ended by a line of their own, never changed or deleted"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("mailbox", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("forms", sa.Text, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("gives", sa.Boolean, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_index("subscriptions_by_mailbox", "subscriptions", ["scope", "mailbox"])
    postgresql = op.get_bind().dialect.name == "postgresql"
    for guard in (kept_by_postgresql if postgresql else kept_by_sqlite)("subscriptions", KEPT):
        op.execute(guard)
