"""The ledger's schema: one version, upgraded on purpose, append-only where it must be."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from settlement.errors import LedgerVersionError
from settlement.ledger.bound_currencies import bound_decimals
from settlement.ledger.chain import append_event, require_unbroken
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import upgrade_ledger
from settlement.ledger.install.version import (
    MIGRATIONS,
    current_version,
    newest_version,
    require_newest_version,
)
from settlement.ledger.schema import event, metadata
from settlement.values import Actor


def test_migrations_build_exactly_the_tables_of_the_code(ledger: Ledger) -> None:
    """After all migrations nothing differs from the schema that the code uses."""
    with ledger.transaction() as tx:
        context = MigrationContext.configure(tx, opts={"version_table": "ledger_version"})
        assert compare_metadata(context, metadata) == []


def test_a_ledger_from_before_keeps_what_it_holds(postgres: EmbeddedServer) -> None:
    """Its currencies are bound to nothing yet: no edit of the past can be known."""
    old = Ledger.connect(postgres.url("from_before"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with old.transaction() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "0004")
    with old.transaction() as tx:
        append_event(tx, "demo", "stopped", Actor("test"))
    assert upgrade_ledger(old) == newest_version()
    with old.transaction() as tx:
        assert require_unbroken(tx, "demo") == 1
        assert bound_decimals(tx, "demo") == {}
    old.engine.dispose()


def test_an_empty_database_is_refused_with_the_next_step(postgres: EmbeddedServer) -> None:
    """A ledger that was never upgraded is not used by accident."""
    empty = Ledger.connect(postgres.url("never_upgraded"))
    with pytest.raises(LedgerVersionError, match="settlement ledger upgrade"):
        require_newest_version(empty)
    empty.engine.dispose()


def test_an_upgraded_ledger_is_accepted(ledger: Ledger) -> None:
    """The newest version passes the check; it is read as Alembic reads it."""
    require_newest_version(ledger)
    with ledger.transaction() as tx:
        context = MigrationContext.configure(tx, opts={"version_table": "ledger_version"})
        assert current_version(tx) == context.get_current_revision() == newest_version()


def test_the_newest_version_is_the_head_of_the_migrations() -> None:
    """The number in the name of the newest migration is the revision where Alembic ends."""
    assert newest_version() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_events_cannot_be_deleted(ledger: Ledger) -> None:
    """The database itself refuses to change what is append-only."""
    with ledger.transaction() as tx:
        append_event(tx, "demo", "stopped", Actor("test"))
    with pytest.raises(DBAPIError, match="append-only"), ledger.transaction() as tx:
        tx.execute(delete(event))
