"""Log-ins that were sent to the house's OpenID provider and are to come back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.models import Moment

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "begun_logins",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state_sha256", sa.Text, nullable=False, unique=True),
        sa.Column("browser_sha256", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("verifier", sa.Text, nullable=False),
        sa.Column("going_to", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
