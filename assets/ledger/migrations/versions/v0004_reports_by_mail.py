"""Notices that are reports, mailed to their readers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.models import Moment

revision = "0004"
down_revision = "0003"

KINDS = "kind in ('receipt', 'reminder', 'overdue', 'office_list', 'report')"


def upgrade() -> None:
    """Let notices be of one more kind. SQLite changes no constraint: there the tables are made anew, rows and all."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("kind_is_known", "notices")
        op.create_check_constraint("kind_is_known", "notices", KINDS)
        return
    bind = op.get_bind()
    notices, answers = (bind.execute(sa.text(f"select * from {t}")).mappings().all() for t in ("notices", "answers"))
    op.drop_table("answers")
    op.drop_table("notices")
    made = op.create_table(
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
        # As text, which SQLite keeps moments as: rows are put back as they were.
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("sent_at", Moment),
        sa.CheckConstraint(KINDS, name="kind_is_known"),
        sa.CheckConstraint("state in ('queued', 'sent', 'failed', 'withdrawn')", name="state_is_known"),
    )
    op.create_index("notices_by_period", "notices", ["period", "kind"])
    answering = op.create_table(
        "answers",
        sa.Column("notice_id", sa.Integer, sa.ForeignKey("notices.id"), primary_key=True),
        sa.Column("mail", sa.Text, primary_key=True),
    )
    for table, rows in ((made, notices), (answering, answers)):
        if rows:
            names = [str(name) for name in rows[0]]
            into = f"insert into {table.name} ({', '.join(names)}) values ({', '.join(f':{n}' for n in names)})"
            bind.execute(sa.text(into), [dict(row) for row in rows])
