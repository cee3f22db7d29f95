"""Upgrading the ledger's schema, on purpose."""

from __future__ import annotations

import tomllib
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData
from sqlalchemy.schema import SetColumnComment, SetTableComment

from settlement.ledger.database import Ledger
from settlement.ledger.install.roles import grant_rights
from settlement.ledger.install.version import MIGRATIONS, newest_version
from settlement.ledger.schema import metadata

MEANINGS = Path(__file__).with_name("meanings.toml")


def upgrade_ledger(ledger: Ledger) -> str:
    """Migrate the ledger to the newest version and give its roles their rights; that version.

    Tables and columns get their meanings as comments. In one transaction, as the owner.
    """
    with ledger.transaction() as tx:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
        _describe(tx, metadata)
        grant_rights(tx)
    return newest_version()


def give_meanings(tables: MetaData) -> None:
    """Attach to each table and column of the schema what it means, as `meanings.toml` says."""
    meanings = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))
    for table in tables.sorted_tables:
        of_table = meanings[table.name]
        table.comment = of_table[""]
        for column in table.columns:
            column.comment = of_table[column.name]


def _describe(tx: Connection, tables: MetaData) -> None:
    give_meanings(tables)
    for table in tables.sorted_tables:
        tx.execute(SetTableComment(table))
        for column in table.columns:
            tx.execute(SetColumnComment(column))
