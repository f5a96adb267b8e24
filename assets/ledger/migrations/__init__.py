"""Migrations of the ledger, run by Alembic when it is opened: one file a version, the newest last."""
