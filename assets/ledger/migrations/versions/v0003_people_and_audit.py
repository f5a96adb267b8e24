"""Who may enter the portal: users, grants, sessions, tries, tokens; and the audit log, which the database keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.models import Moment

revision = "0003"
down_revision = "0002"

KEPT = {"grants": "grants are never changed or deleted", "audit": "the audit log is never changed or deleted"}
NOT_LAST = "a line of the audit log follows the last one"
STAY = "users are closed, never deleted"
LAST_DIGEST = "coalesce((select digest from audit order by id desc limit 1), '')"


def _sqlite_guards() -> list[str]:
    guards = [
        f"create trigger {table}_no_{verb} before {verb} on {table} begin select raise(abort, '{words}'); end"
        for table, words in KEPT.items()
        for verb in ("update", "delete")
    ]
    # `insert or replace` deletes without asking the triggers of deletion: what is there already is refused before.
    guards += [
        f"""create trigger {table}_not_replaced before insert on {table}
        when exists (select 1 from {table} where id = new.id)
        begin select raise(abort, '{words}'); end"""
        for table, words in KEPT.items()
    ]
    guards.append(
        f"""create trigger audit_in_a_chain before insert on audit when new.previous <> {LAST_DIGEST}
        begin select raise(abort, '{NOT_LAST}'); end"""
    )
    guards.append(
        f"create trigger users_no_delete before delete on users begin select raise(abort, '{STAY}'); end",
    )
    return guards


def _postgresql_guards() -> list[str]:
    guards = []
    for table, words in KEPT.items():
        guards += [
            f"create function {table}_are_kept() returns trigger language plpgsql as "
            f"$$ begin raise exception '{words}'; end $$",
            f"create trigger {table}_are_kept before update or delete or truncate on {table} "
            f"for each statement execute function {table}_are_kept()",
        ]
    guards += [
        f"""create function audit_in_a_chain() returns trigger language plpgsql as $$ begin
        if new.previous <> {LAST_DIGEST} then raise exception '{NOT_LAST}'; end if;
        return new; end $$""",
        "create trigger audit_in_a_chain before insert on audit for each row execute function audit_in_a_chain()",
        f"create function users_stay() returns trigger language plpgsql as $$ begin raise exception '{STAY}'; end $$",
        "create trigger users_stay before delete or truncate on users for each statement execute function users_stay()",
    ]
    return guards


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("display", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("disabled_at", Moment),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("gives", sa.Boolean, nullable=False),
        sa.Column("given_by", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.CheckConstraint("role in ('steward', 'reader', 'unit', 'admin')", name="role_is_known"),
    )
    op.create_index("grants_by_user", "grants", ["user_id"])
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("csrf", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
    )
    op.create_index("sessions_by_user", "sessions", ["user_id"])
    op.create_table(
        "tries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_index("tries_by_what", "tries", ["what", "at"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token_sha256", sa.Text, nullable=False, unique=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("used_at", Moment),
        sa.Column("revoked_at", Moment),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False, unique=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
    )
    guards = _postgresql_guards() if op.get_bind().dialect.name == "postgresql" else _sqlite_guards()
    for guard in guards:
        op.execute(guard)
