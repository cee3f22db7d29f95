"""Upgrading the ledger's schema, on purpose."""

from __future__ import annotations

from alembic import command
from alembic.config import Config

from settlement.ledger.database import Ledger
from settlement.ledger.install.roles import grant_rights
from settlement.ledger.install.version import MIGRATIONS, newest_version


def upgrade_ledger(ledger: Ledger) -> str:
    """Migrate the ledger to the newest version and give its roles their rights; that version.

    In one transaction, as the owner of the tables.
    """
    with ledger.transaction() as tx:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        grant_rights(tx)
    return newest_version()
