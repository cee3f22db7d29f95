"""A ledger that has served one test is empty, whole and a stranger when it serves the next."""

from __future__ import annotations

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError

from settlement.ledger.database import Ledger
from settlement.ledger.schema import metadata
from support.day import ALICE, BOB, World
from support.washed_ledgers import WashedLedgers


def settled(url: URL) -> list[tuple]:
    """Settle a date; the ledger's snapshots and attempts."""
    ledger = Ledger.connect(url)
    world = World(ledger)
    world.trade(ALICE, BOB, 100)
    world.run()
    with ledger.transaction() as tx:
        left = [
            *tx.execute(text("SELECT id, business_date FROM snapshot")),
            *tx.execute(text("SELECT id, kind FROM attempt ORDER BY id")),
        ]
    ledger.engine.dispose()
    return [tuple(row) for row in left]


def test_it_is_as_a_new_one_is(washed_ledgers: WashedLedgers) -> None:
    """No row is left, and numbers begin again: the same day gives the same rows."""
    with washed_ledgers.one() as url:
        first = settled(url)
    with washed_ledgers.one() as again:
        ledger = Ledger.connect(again)
        with ledger.transaction() as tx:
            for table in metadata.sorted_tables:
                assert tx.execute(table.select()).all() == []
        ledger.engine.dispose()
        assert settled(again) == first != []


def test_nobody_finds_it_under_its_old_name(washed_ledgers: WashedLedgers) -> None:
    """What an earlier test has left behind cannot write into it."""
    with washed_ledgers.one() as url:
        pass
    with pytest.raises(OperationalError, match="does not exist"):
        create_engine(url).connect()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE slot ADD COLUMN more int",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "GRANT SELECT ON event TO PUBLIC",
        "UPDATE ledger_version SET version_num = 'older'",
        "DROP TABLE ledger_version",
        "CREATE TABLE of_a_test (n int)",
    ],
)
def test_one_whose_schema_was_changed_serves_nobody_else(
    washed_ledgers: WashedLedgers, change: str
) -> None:
    """It is dropped; the next test has one as the template is."""
    with washed_ledgers.one() as url:
        ledger = Ledger.connect(url)
        with ledger.transaction() as tx:
            tx.execute(text(change))
            oid = tx.execute(
                text("SELECT oid FROM pg_database WHERE datname = :n"), {"n": url.database}
            )
            changed = oid.scalar_one()
        ledger.engine.dispose()
    with washed_ledgers.one() as url:
        ledger = Ledger.connect(url)
        with ledger.transaction() as tx:
            databases = tx.execute(text("SELECT oid FROM pg_database")).scalars().all()
        ledger.engine.dispose()
    assert changed not in databases
