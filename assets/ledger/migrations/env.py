"""What Alembic runs: the migrations, in the transaction that assets/ledger/opening.py has begun."""

from __future__ import annotations

from alembic import context

from assets.ledger.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
