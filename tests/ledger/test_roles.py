"""Owner, writer, reader: each can do its work, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from settlement.errors import ConfigurationError
from settlement.ledger.binding import rebind, require_binding
from settlement.ledger.bound_currencies import bind_decimals
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.roles import CHANGES, READER, VERSION_TABLE, WRITER, grant_rights
from settlement.ledger.install.upgrade import upgrade_ledger
from settlement.ledger.install.version import require_newest_version
from settlement.ledger.overview import view_date
from settlement.ledger.people.holds import lift_hold, put_on_hold
from settlement.ledger.people.stop import lower_stop, raise_stop
from settlement.ledger.schema import metadata
from settlement.values import Actor
from support.day import ALICE, BOB, DAY, World
from support.in_process import net_of

LOGINS = {"a_worker": WRITER, "an_auditor": READER}
PERSON = Actor("a person")


@pytest.fixture(scope="session")
def logins(postgres: EmbeddedServer) -> None:
    """The two roles, with a member each."""
    admin = Ledger.connect(postgres.url("postgres"))
    with admin.transaction() as tx:
        for login, role in LOGINS.items():
            tx.execute(text(f"CREATE ROLE {role} NOLOGIN"))
            tx.execute(text(f"CREATE ROLE {login} LOGIN IN ROLE {role}"))
    admin.engine.dispose()


def as_login(ledger: Ledger, login: str) -> Ledger:
    """The same ledger through another login."""
    return Ledger.connect(ledger.engine.url.set(username=login))


@pytest.fixture
def granted(ledger: Ledger, logins: None) -> Ledger:
    """A ledger whose roles have their rights, seen by its owner."""
    with ledger.transaction() as tx:
        assert grant_rights(tx) == [READER, WRITER]
    return ledger


@pytest.fixture
def writer(granted: Ledger) -> Iterator[Ledger]:
    """The ledger as workers see it."""
    ledger = as_login(granted, "a_worker")
    yield ledger
    ledger.engine.dispose()


@pytest.fixture
def reader(granted: Ledger) -> Iterator[Ledger]:
    """The ledger as an auditor sees it."""
    ledger = as_login(granted, "an_auditor")
    yield ledger
    ledger.engine.dispose()


def test_every_table_has_its_rights() -> None:
    """A new table cannot be forgotten."""
    assert set(CHANGES) == set(metadata.tables)


def test_an_upgrade_gives_the_rights(postgres: EmbeddedServer, logins: None) -> None:
    """On the way, in the same transaction; a second upgrade changes nothing."""
    ledger = Ledger.connect(postgres.url("upgraded_with_roles"))
    upgrade_ledger(ledger)
    upgrade_ledger(ledger)
    worker = as_login(ledger, "a_worker")
    require_newest_version(worker)
    with worker.transaction() as tx:
        raise_stop(tx, "demo", "trying out", PERSON)
    worker.engine.dispose()
    ledger.engine.dispose()


def test_a_writer_settles_a_day(writer: Ledger) -> None:
    """A whole run, late trades and a run again; then the ledger is verified."""
    world = World(writer)
    world.trade(ALICE, BOB, 100)
    world.run()
    world.trade(ALICE, BOB, 7)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
    verify_ledger(writer, "demo", world.partner.currencies)


def test_a_writer_decides(writer: Ledger) -> None:
    """Everything that a person may do from the command line."""
    partner = World(writer).partner
    with writer.transaction() as tx:
        require_binding(tx, partner, "https://one.test", PERSON)
        bind_decimals(tx, partner, {"BTC"}, PERSON)
        other = partner.model_copy(update={"currencies": {"BTC": 10}})
        rebind(tx, other, "https://other.test", "moved", PERSON)
        for _ in range(2):
            raise_stop(tx, "demo", "why", PERSON)
            put_on_hold(tx, "demo", ALICE, "why", None, PERSON)
        lower_stop(tx, "demo", "over", PERSON)
        lift_hold(tx, "demo", ALICE, "over", PERSON)


FORBIDDEN_TO_WRITERS = [
    "UPDATE business_date SET window_start = window_start",
    "UPDATE bound_currency SET decimals = 6",
    "UPDATE body SET digest = digest",
    "UPDATE body SET nonce = nonce",
    "UPDATE line SET amount = amount + 1",
    "DELETE FROM line",
    "UPDATE net_position SET amount = 0",
    "UPDATE snapshot SET trade_count = 0",
    "UPDATE event SET details = details",
    "DELETE FROM event",
    "DELETE FROM attempt",
    "UPDATE attempt SET request_digest = request_digest",
    "DELETE FROM slot",
    "UPDATE slot SET external_id = external_id",
    "DELETE FROM chain_head",
    "TRUNCATE question",
    "DROP TABLE slot",
    "ALTER TABLE event DISABLE TRIGGER ALL",
    f"UPDATE {VERSION_TABLE} SET version_num = '0'",
    "CREATE TABLE mine (n int)",
]


@pytest.mark.parametrize("statement", FORBIDDEN_TO_WRITERS)
def test_a_writer_rewrites_nothing(writer: Ledger, statement: str) -> None:
    """No window, no amount, no event, no schema; the error names the login and what to do."""
    refused = pytest.raises(ConfigurationError, match="a_worker may not do this")
    with refused, writer.transaction() as tx:
        tx.execute(text(statement))


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_reader_changes_no_table(reader: Ledger, table: str) -> None:
    """It can neither delete, nor lock what runs need."""
    for statement in (f"DELETE FROM {table}", f"SELECT 1 FROM {table} FOR UPDATE"):
        with (
            pytest.raises(ConfigurationError, match="an_auditor may not do this"),
            reader.transaction() as tx,
        ):
            tx.execute(text(statement))


def test_a_reader_sees_and_verifies_everything(granted: Ledger, reader: Ledger) -> None:
    """What `settlement show` and `settlement verify` need."""
    world = World(granted)
    world.trade(ALICE, BOB, 100)
    world.run()
    with reader.transaction() as tx:
        assert view_date(tx, "demo", DAY).difference == {}
    assert verify_ledger(reader, "demo", world.partner.currencies)["bodies"] == 1
