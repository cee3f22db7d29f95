"""Two dates that freeze a trade at the same moment: one of them gets it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, text

from settlement.errors import SupersededError
from settlement.ledger.database import Ledger
from settlement.steps.compute import Computed, compute_net_positions
from settlement.steps.own_trades import OwnTrades
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World, desk_of
from support.in_process import MemoryWarehouse
from support.patience import until
from support.racing import in_background

NEXT = DAY + timedelta(days=1)
KEPT_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""


def is_kept_waiting(ledger: Ledger) -> bool:
    """Whether somebody waits for a lock that the code takes by name."""
    with ledger.transaction() as tx:
        return bool(tx.execute(text(KEPT_WAITING)).scalar_one())


def test_of_two_dates_that_freeze_a_trade_at_once_only_one_gets_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has asked whose it is and not stored it yet; the second must wait to ask."""
    world = World(ledger)
    trade = world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 7)
    moved = MemoryWarehouse()
    moved.trades = [replace(trade, executed_at=trade.executed_at + timedelta(days=1))]
    asked: list[date] = []
    require_own = OwnTrades.require_own

    def slowly(self: OwnTrades, tx: Connection, partner: str, business_date: date) -> None:
        require_own(self, tx, partner, business_date)
        asked.append(business_date)
        if len(asked) == 1:
            until(lambda: len(asked) > 1 or is_kept_waiting(ledger), "the other date")

    monkeypatch.setattr(OwnTrades, "require_own", slowly)

    def compute(warehouse: MemoryWarehouse, day: date) -> Computed:
        return compute_net_positions(desk_of(ledger, world.api, world.partner), warehouse, day)

    with in_background(lambda: compute(world.warehouse, DAY), lambda: compute(moved, NEXT)) as both:
        ended = [each.exception() for each in both]
    assert sorted(type(each) for each in ended if each) == [SupersededError]
