"""Offices above units: a role of theirs, and their signatures under their units' months."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.models import Moment

revision = "0006"
down_revision = "0005"

ROLES = "role in ('steward', 'office', 'reader', 'unit', 'admin')"
KEPT = {"grants": "grants are never changed or deleted", "signatures": "signatures are never changed or deleted"}


def kept_by_sqlite(table: str, words: str) -> list[str]:
    """Triggers that keep a table as it was written, `insert or replace` included, which deletes without asking."""
    guards = [
        f"create trigger {table}_no_{verb} before {verb} on {table} begin select raise(abort, '{words}'); end"
        for verb in ("update", "delete")
    ]
    guards.append(
        f"""create trigger {table}_not_replaced before insert on {table}
        when exists (select 1 from {table} where id = new.id)
        begin select raise(abort, '{words}'); end"""
    )
    return guards


def kept_by_postgresql(table: str, words: str) -> list[str]:
    """The same in PostgreSQL."""
    return [
        f"create function {table}_are_kept() returns trigger language plpgsql as "
        f"$$ begin raise exception '{words}'; end $$",
        f"create trigger {table}_are_kept before update or delete or truncate on {table} "
        f"for each statement execute function {table}_are_kept()",
    ]


def upgrade() -> None:
    """Let grants be of one more role, and make the table. SQLite changes no constraint: grants are made anew there."""
    bind = op.get_bind()
    postgresql = bind.dialect.name == "postgresql"
    op.create_table(
        "signatures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("gives", sa.Boolean, nullable=False),
        sa.Column("signed_by", sa.Text, nullable=False),
        sa.Column("remark", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_index("signatures_by_period", "signatures", ["period", "scope"])
    if postgresql:
        op.drop_constraint("role_is_known", "grants")
        op.create_check_constraint("role_is_known", "grants", ROLES)
        guards = kept_by_postgresql("signatures", KEPT["signatures"])
    else:
        _grants_anew(bind)
        guards = [guard for table, words in KEPT.items() for guard in kept_by_sqlite(table, words)]
    for guard in guards:
        op.execute(guard)


def _grants_anew(bind: sa.Connection) -> None:
    rows = bind.execute(sa.text("select * from grants order by id")).mappings().all()
    op.drop_table("grants")
    op.create_table(
        "grants",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("gives", sa.Boolean, nullable=False),
        sa.Column("given_by", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.CheckConstraint(ROLES, name="role_is_known"),
    )
    op.create_index("grants_by_user", "grants", ["user_id"])
    if rows:
        names = [str(name) for name in rows[0]]
        into = f"insert into grants ({', '.join(names)}) values ({', '.join(f':{n}' for n in names)})"
        bind.execute(sa.text(into), [dict(row) for row in rows])
