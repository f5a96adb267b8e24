"""Decisions in chains, known by the digest of what they say; those that were taken before are carried over."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from assets.ledger.migrations.versions.v0001_notices_and_decisions import POSTGRESQL_GUARDS, SQLITE_GUARDS
from assets.ledger.models import Moment

revision = "0002"
down_revision = "0001"

KINDS = "'waive', 'assign', 'confirm_seal', 'extend', 'note', 'approve', 'take_back'"
KEPT = "decisions are never changed or deleted"
TORN = "a decision follows one of its own chain, and no later one"
# `insert or replace` deletes without asking the triggers of deletion: what is there already must be refused before.
SQLITE_CHAIN = (
    f"""create trigger decisions_not_replaced before insert on decisions
    when exists (
        select 1 from decisions
        where key = new.key or id = new.id or (chain = new.chain and replaces = new.replaces)
    )
    begin select raise(abort, '{KEPT}'); end""",
    f"""create trigger decisions_in_chains before insert on decisions
    when new.replaces <> '' and not exists (
        select 1 from decisions
        where key = new.replaces and chain = new.chain and decided_at <= new.decided_at
    )
    begin select raise(abort, '{TORN}'); end""",
)
POSTGRESQL_CHAIN = (
    f"""create function decisions_in_chains() returns trigger language plpgsql as $$ begin
    if new.replaces <> '' and not exists (
        select 1 from decisions
        where key = new.replaces and chain = new.chain and decided_at <= new.decided_at
    ) then raise exception '{TORN}'; end if;
    return new; end $$""",
    "create trigger decisions_in_chains before insert on decisions for each row execute function decisions_in_chains()",
)


def upgrade() -> None:
    """Make the table anew, with the earlier decisions in it, each on the same thing following the one before."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    old = sa.table(
        "decisions", *(sa.column(c) for c in ("id", "kind", "subject", "unit_code", "period", "decided_by", "reason")),
        sa.column("decided_at", Moment),
    )  # fmt: skip
    before = op.get_bind().execute(sa.select(old).order_by(old.c.decided_at, old.c.id)).mappings().all()
    op.drop_table("decisions")
    if postgresql:
        op.execute("drop function decisions_are_kept")
    made = op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("replaces", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("unit_code", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("mail", sa.Text, nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
        sa.Column("until", Moment),
        sa.Column("through", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_at", Moment, nullable=False),
        sa.Column("recorded_at", Moment, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.CheckConstraint(f"kind in ({KINDS})", name="kind_is_known"),
        sa.CheckConstraint("length(key) = 12", name="key_is_whole"),
        sa.UniqueConstraint("chain", "replaces", name="one_successor"),
    )
    op.create_index("decisions_by_period", "decisions", ["period", "kind"])
    if before:
        op.bulk_insert(made, _chained(before))
    guards = (*POSTGRESQL_GUARDS, *POSTGRESQL_CHAIN) if postgresql else (*SQLITE_GUARDS, *SQLITE_CHAIN)
    for guard in guards:
        op.execute(guard)


def _chained(before: Any) -> list[dict[str, Any]]:
    """The decisions of the first version with what they lacked. They had no effect then, and what they say stays."""
    rows: list[dict[str, Any]] = []
    last: dict[str, str] = {}
    for old in before:
        subject = f"{old['subject']}/{old['period']}" if old["kind"] == "confirm_seal" else old["subject"]
        chain = f"{old['kind']}:{subject}"
        told = [chain, last.get(chain, ""), old["unit_code"], old["period"], old["decided_by"], old["reason"]]
        said = json.dumps([*told, old["decided_at"].isoformat()], ensure_ascii=False)
        key = hashlib.sha256(said.encode()).hexdigest()[:12]
        rows.append(
            {
                "key": key,
                "kind": old["kind"],
                "chain": chain,
                "replaces": last.get(chain, ""),
                "subject": subject,
                "unit_code": old["unit_code"],
                "period": old["period"],
                "mail": old["subject"] if old["kind"] == "assign" else "",
                "fault": "",
                "until": None,
                "through": "",
                "about": "{}",
                "decided_by": old["decided_by"],
                "reason": old["reason"],
                "decided_at": old["decided_at"],
                "recorded_at": old["decided_at"],
                "account": "",
            }
        )
        last[chain] = key
    return rows
