"""A change that was left: whatever it was, late trades settle to the unit and it never moves."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from settlement.errors import HistoryChangedError
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.people.questions import Choice, open_questions
from settlement.steps.decide import decide
from settlement.values import Actor, PositionKey
from settlement.warehouse import TradeRow
from support.day import CONNECTIONS, DAY, World
from support.in_process import net_of
from support.recorder import Recorder

PERSON = Actor("petra")
ROUNDS = 4


class LeftDay:
    """A settled day whose history changes by chance; a person leaves every change.

    `honest` are the trades that must be settled: those of the first run, and all late ones.
    """

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(ledger)
        self.world.api = Recorder(self.world.api)
        self.honest: list[TradeRow] = [self.trade() for _ in range(self.random.randint(2, 6))]
        self.left: set[tuple[int, frozenset[tuple[PositionKey, int]]]] = set()
        self.world.run()

    @property
    def trades(self) -> list[TradeRow]:
        """What the warehouse holds now."""
        return self.world.warehouse.trades

    def trade(self, after: datetime | None = None) -> TradeRow:
        """A trade between two clients, of any size, in one of two pairs."""
        buyer, seller = self.random.sample(CONNECTIONS, 2)
        quantity = self.random.choice([1, 7, 100, 10**20])
        base = self.random.choice(["BTC", "ETH"])
        recorded = after + timedelta(minutes=1) if after else None
        return self.world.trade(buyer, seller, quantity, base=base, recorded_at=recorded)

    def change(self) -> None:
        """Delete a trade, or edit one."""
        index = self.random.randrange(len(self.trades))
        chosen = self.trades[index]
        if self.random.random() < 0.5:
            del self.trades[index]
        else:
            self.trades[index] = replace(chosen, base_quantity=chosen.base_quantity + 1)

    def late(self) -> None:
        """Late trades: recorded after all that anybody has read, or before and committed since."""
        for _ in range(self.random.randint(0, 3)):
            recorded = [each.recorded_at for each in [*self.honest, *self.trades]]
            before = self.random.choice(recorded) - timedelta(minutes=2)
            after = self.random.choice([max(recorded), before])
            self.honest.append(self.trade(after=after))

    def questions_expected(self) -> int:
        """One for a change that nobody has left yet; none once changes have undone each other."""
        there, settled = net_of(self.trades), net_of(self.honest)
        moved = {
            (key, there.get(key, 0) - settled.get(key, 0))
            for key in {*there, *settled}
            if there.get(key, 0) != settled.get(key, 0)
        }
        change = (len(self.trades) - len(self.honest), frozenset(moved))
        if change == (0, frozenset()):
            self.left.clear()
            return 0
        news = change not in self.left
        self.left.add(change)
        return int(news)

    def run_leaving(self) -> int:
        """Run until green, leaving every change; how often a person was asked."""
        asked = 0
        while True:
            try:
                self.world.run()
            except HistoryChangedError:
                asked += 1
                self.leave()
            else:
                return asked

    def leave(self) -> None:
        """Leave the one change that is asked about."""
        world = self.world
        with world.ledger.transaction() as tx:
            (question,) = open_questions(tx, "demo", DAY)
        decide(world.desk_of(PERSON), question.digest, Choice.LEAVE, "a wrong edit")


def nothing_but(booked: dict[PositionKey, int], trades: Sequence[TradeRow]) -> bool:
    """Whether exactly these trades are settled."""
    return {key: amount for key, amount in booked.items() if amount} == net_of(trades)


@pytest.mark.parametrize("seed", range(12))
def test_late_trades_settle_exactly_and_what_was_left_never_does(ledger: Ledger, seed: int) -> None:
    """Round after round: a new change is asked about, late trades move, a second run is quiet."""
    day = LeftDay(ledger, seed)
    for _ in range(ROUNDS):
        day.change()
        assert day.run_leaving() == day.questions_expected()
        assert nothing_but(day.world.booked(), day.honest)
        day.late()
        day.run_leaving()
        assert nothing_but(day.world.booked(), day.honest)
        sent = list(day.world.api.settlements)
        assert day.run_leaving() == 0
        assert day.world.api.settlements == sent
    assert verify_ledger(ledger, "demo", day.world.partner.currencies)["questions"] > 0
