"""Notices, the mails that they answer, and stewards' decisions, which the database refuses to change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.models import Moment

revision = "0001"
down_revision = None

SQLITE_GUARDS = tuple(
    f"create trigger decisions_no_{verb} before {verb} on decisions "
    "begin select raise(abort, 'decisions are never changed or deleted'); end"
    for verb in ("update", "delete")
)
POSTGRESQL_GUARDS = (
    "create function decisions_are_kept() returns trigger language plpgsql as "
    "$$ begin raise exception 'decisions are never changed or deleted'; end $$",
    "create trigger decisions_are_kept before update or delete or truncate on decisions "
    "for each statement execute function decisions_are_kept()",
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("unit_code", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False, unique=True),
        sa.Column("in_reply_to", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("sent_at", Moment),
        sa.CheckConstraint("kind in ('receipt', 'reminder', 'overdue', 'office_list')", name="kind_is_known"),
        sa.CheckConstraint("state in ('queued', 'sent', 'failed', 'withdrawn')", name="state_is_known"),
    )
    op.create_index("notices_by_period", "notices", ["period", "kind"])
    op.create_table(
        "answers",
        sa.Column("notice_id", sa.Integer, sa.ForeignKey("notices.id"), primary_key=True),
        sa.Column("mail", sa.Text, primary_key=True),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("unit_code", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_at", Moment, nullable=False),
        sa.CheckConstraint("kind in ('waive', 'assign', 'confirm_seal')", name="kind_is_known"),
    )
    op.create_index("decisions_by_period", "decisions", ["period", "kind"])
    guards = POSTGRESQL_GUARDS if op.get_bind().dialect.name == "postgresql" else SQLITE_GUARDS
    for guard in guards:
        op.execute(guard)
