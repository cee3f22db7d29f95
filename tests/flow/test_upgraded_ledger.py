"""A ledger that settled before it remembered trades and bound decimals, upgraded between dates."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from settlement.errors import BindingConflictError, TradeOfAnotherDateError
from settlement.ledger.bound_currencies import bound_decimals
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.install.upgrade import upgrade_ledger
from settlement.ledger.trade_memory import remembered
from settlement.warehouse import TradeRow
from support.day import DAY, World
from support.in_process import net_of

from .test_trades_of_two_dates import NEXT, deliver_again, move, settled_first_day

NEW_SINCE_0004 = (
    "DROP TABLE remembered_trades, remembered_date, bound_currency",
    "DROP SEQUENCE remembered_version_seq",
    "ALTER TABLE attempt DROP COLUMN never_sent",
    "DROP INDEX event_of_date, closing_of_date",
    """DO $$ DECLARE each record; BEGIN
    FOR each IN SELECT conrelid::regclass AS held_by, conname FROM pg_constraint
        WHERE conname LIKE '%_known' OR conname LIKE '%_whole'
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', each.held_by, each.conname);
    END LOOP; END $$""",
    "UPDATE ledger_version SET version_num = '0004'",
)


@pytest.fixture
def world(ledger: Ledger) -> World:
    """One date is settled, another one is not; the ledger comes from before, and is upgraded."""
    world = settled_first_day(ledger)
    with ledger.transaction() as tx:
        for statement in NEW_SINCE_0004:
            tx.execute(text(statement))
    upgrade_ledger(ledger)
    return world


def test_the_settled_date_sends_nothing_and_is_remembered(world: World) -> None:
    """What was booked stays as it was, and the ledger is whole."""
    booked = world.booked()
    world.run(DAY)
    assert world.booked() == booked
    with world.ledger.transaction() as tx:
        assert remembered(tx, "demo", DAY) is not None
    verify_ledger(world.ledger, "demo", world.partner.currencies)


def test_the_next_date_settles(world: World) -> None:
    """The dates from before are asked for in the warehouse on the way."""
    world.run(NEXT)
    assert world.booked() == net_of(world.warehouse.trades)
    verify_ledger(world.ledger, "demo", world.partner.currencies)


@pytest.mark.parametrize("happens", [move, deliver_again])
def test_a_trade_that_was_settled_before_is_not_settled_again(
    world: World, happens: Callable[[World, TradeRow], object]
) -> None:
    """Nothing remembers its id; its date's window does not come to what was read there."""
    booked = world.booked()
    trade = world.warehouse.trades[0]
    happens(world, trade)
    with pytest.raises(TradeOfAnotherDateError, match=f"{DAY}.*{trade.trade_id}"):
        world.run(NEXT)
    assert world.booked() == booked


def test_decimals_are_bound_by_the_first_run(world: World) -> None:
    """An edit after the upgrade is noticed; one from before it nobody can know of."""
    world.run(NEXT)
    with world.ledger.transaction() as tx:
        assert bound_decimals(tx, "demo") == {"BTC": 8, "USD": 2}
    edited = {**world.partner.currencies, "BTC": 6}
    world.partner = world.partner.model_copy(update={"currencies": edited})
    with pytest.raises(BindingConflictError, match="BTC"):
        world.run(NEXT)
