"""The ledger's schema version: upgraded on purpose, checked before every use."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from settlement.errors import LedgerVersionError
from settlement.ledger.database import Ledger
from settlement.ledger.roles import VERSION_TABLE, grant_rights

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade_ledger(ledger: Ledger) -> str:
    """Migrate the ledger to the newest version and give its roles their rights; that version.

    In one transaction, as the owner of the tables.
    """
    with ledger.transaction() as tx:
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        grant_rights(tx)
    return newest_version()


def newest_version() -> str:
    """The schema version that this code was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise LedgerVersionError("this installation has no migrations: install the project again")
    return head


def require_newest_version(ledger: Ledger) -> None:
    """Refuse a ledger whose schema is older or newer than this code.

    :raises LedgerVersionError: naming both versions
    """
    with ledger.transaction() as tx:
        held = current_version(tx)
    wanted = newest_version()
    if held != wanted:
        raise LedgerVersionError(
            f"the ledger's schema is at version {held or 'none'}, this code needs {wanted}: "
            "run `settlement ledger upgrade`"
        )


def current_version(tx: Connection) -> str | None:
    """The schema version of the connected ledger, or None for an empty database."""
    context = MigrationContext.configure(tx, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
