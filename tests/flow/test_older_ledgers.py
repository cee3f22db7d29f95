"""Ledgers that earlier versions of the schema have filled are upgraded, and go on where they were.

Each dump holds one settled date (two trades, and a late one) and requests of the next date that
were signed and never sent. It was written by the code of that version.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.ledger.install.upgrade import upgrade_ledger
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World
from support.in_process import net_of

DUMPS = sorted((Path(__file__).parents[1] / "ledger" / "dumps").glob("*.sql"))
NEXT = DAY + timedelta(days=1)


@pytest.fixture(params=DUMPS, ids=lambda path: path.stem)
def older(request: pytest.FixtureRequest, postgres: EmbeddedServer) -> Iterator[Ledger]:
    """A filled ledger of an earlier version."""
    ledger = Ledger.connect(postgres.url(f"older_{uuid.uuid4().hex[:12]}"))
    with ledger.transaction() as tx:
        driver = tx.connection.driver_connection
        assert driver is not None
        driver.execute(request.param.read_text("utf-8"))
    yield ledger
    ledger.engine.dispose()


def test_it_is_whole_and_settles_what_was_left(older: Ledger) -> None:
    """Nothing of the settled date is sent again; the prepared date settles, each trade once."""
    upgrade_ledger(older)
    world = World(older)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 7)
    world.trade(ALICE, DAVE, 5)
    next_trade = world.trade(BOB, CAROL, 55, day=NEXT)
    verify_ledger(older, "demo", world.partner.currencies)
    world.run(DAY)
    assert world.booked() == {}
    world.run(NEXT)
    assert world.booked() == net_of([next_trade])
    verify_ledger(older, "demo", world.partner.currencies)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE slot SET state = 'done'",
        "INSERT INTO line SELECT external_id, body, connection_id, 'XRP', 0.5, kind FROM line",
    ],
)
def test_the_database_refuses_what_no_code_writes(older: Ledger, statement: str) -> None:
    """Values that do not exist, and a fraction of a base unit; what was stored before passes."""
    upgrade_ledger(older)
    with pytest.raises(IntegrityError, match="check constraint"), older.transaction() as tx:
        tx.execute(text(statement))
