"""The ledger's schema: one version, upgraded on purpose, append-only where it must be."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

from settlement.errors import LedgerVersionError
from settlement.ledger.bound_currencies import bound_decimals
from settlement.ledger.chain import append_event, require_unbroken
from settlement.ledger.database import Ledger
from settlement.ledger.forgotten_dates import Role
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import MEANINGS, give_meanings, upgrade_ledger
from settlement.ledger.install.version import (
    MIGRATIONS,
    current_version,
    newest_version,
    require_newest_version,
)
from settlement.ledger.people.question import Choice, Subject
from settlement.ledger.schema import event, metadata
from settlement.ledger.transfers import TransferKind
from settlement.partner.exchange import ExchangeKind
from settlement.slot.state import State
from settlement.values import Actor


def test_migrations_build_exactly_the_tables_of_the_code(ledger: Ledger) -> None:
    """After all migrations nothing differs from the schema of the code, comments included."""
    give_meanings(metadata)
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


def test_every_table_and_column_says_what_it_means(ledger: Ledger) -> None:
    """In the database itself, for whoever looks there; and nothing is described that is gone."""
    described = {
        (table, column)
        for table, meanings in tomllib.loads(MEANINGS.read_text()).items()
        for column in meanings
    }
    there = {(table.name, column.name) for table in metadata.sorted_tables for column in table.c}
    assert described == there | {(table.name, "") for table in metadata.sorted_tables}
    query = text(
        "SELECT col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = 'slot'::regclass AND attname = 'state'"
    )
    with ledger.transaction() as tx:
        assert "diverged" in tx.execute(query).scalar_one()


@pytest.mark.parametrize(
    ("constraint", "known"),
    [
        ("slot_state_known", State),
        ("attempt_kind_known", ExchangeKind),
        ("transfer_kind_known", TransferKind),
        ("remembered_trades_role_known", Role),
        ("question_subject_known", Subject),
        ("question_choice_known", Choice),
    ],
)
def test_the_database_knows_the_values_of_the_code(
    ledger: Ledger, constraint: str, known: type[StrEnum]
) -> None:
    """A new value needs a migration, and is refused until then."""
    query = text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    with ledger.transaction() as tx:
        definition = tx.execute(query, {"name": constraint}).scalar_one()
    assert set(re.findall(r"'([^']+)'", definition)) == {each.value for each in known}
