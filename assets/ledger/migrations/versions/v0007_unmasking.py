"""Requests for rows with names and phone numbers, the answers of a second person, and what was downloaded of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from assets.ledger.migrations.versions.v0006_offices import kept_by_postgresql, kept_by_sqlite
from assets.ledger.models import Moment

revision = "0007"
down_revision = "0006"

TABLES = ("unmask_requests", "unmask_answers", "unmask_downloads")
KEPT = "requests for unmasked rows, their answers and downloads are never changed or deleted"
OWN = "nobody answers their own request"
BEYOND = "no more downloads than were granted, nor after their time"
ASKED_BY = "(select user_id from unmask_requests where id = new.request_id)"
GRANTED = """exists (
    select 1 from unmask_answers as a
    where a.request_id = new.request_id and a.approved and new.at < a.ends_at
    and (select count(*) from unmask_downloads as d where d.request_id = new.request_id) < a.downloads
)"""


def upgrade() -> None:
    """Make the tables; the database itself holds that nobody answers themselves, and what was granted."""
    op.create_table(
        "unmask_requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("tables", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_at", Moment, nullable=False),
    )
    op.create_table(
        "unmask_answers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("request_id", sa.Integer, sa.ForeignKey("unmask_requests.id"), nullable=False, unique=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("approved", sa.Boolean, nullable=False),
        sa.Column("remark", sa.Text, nullable=False),
        sa.Column("downloads", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("ends_at", Moment, nullable=False),
    )
    op.create_table(
        "unmask_downloads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("request_id", sa.Integer, sa.ForeignKey("unmask_requests.id"), nullable=False),
        sa.Column("at", Moment, nullable=False),
    )
    op.create_index("unmask_downloads_by_request", "unmask_downloads", ["request_id"])
    if op.get_bind().dialect.name == "postgresql":
        guards = [guard for table in TABLES for guard in kept_by_postgresql(table, KEPT)]
        guards += [
            f"""create function unmask_answers_of_another() returns trigger language plpgsql as $$ begin
            if new.user_id = {ASKED_BY} then raise exception '{OWN}'; end if;
            return new; end $$""",
            "create trigger unmask_answers_of_another before insert on unmask_answers "
            "for each row execute function unmask_answers_of_another()",
            f"""create function unmask_downloads_granted() returns trigger language plpgsql as $$ begin
            perform 1 from unmask_requests where id = new.request_id for update;
            if not {GRANTED} then raise exception '{BEYOND}'; end if;
            return new; end $$""",
            "create trigger unmask_downloads_granted before insert on unmask_downloads "
            "for each row execute function unmask_downloads_granted()",
        ]
    else:
        guards = [guard for table in TABLES for guard in kept_by_sqlite(table, KEPT)]
        guards += [
            f"""create trigger unmask_answers_of_another before insert on unmask_answers when new.user_id = {ASKED_BY}
            begin select raise(abort, '{OWN}'); end""",
            f"""create trigger unmask_downloads_granted before insert on unmask_downloads when not {GRANTED}
            begin select raise(abort, '{BEYOND}'); end""",
        ]
    for guard in guards:
        op.execute(guard)
