"""Alembic environment: runs on the connection that `ledger.install.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from settlement.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="ledger_version",
)
with context.begin_transaction():
    context.run_migrations()
