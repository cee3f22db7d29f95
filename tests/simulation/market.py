"""Random trades of a day, some of them recorded late."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from settlement.values import Window
from settlement.warehouse import TradeRow

HOUSE = "house"
PAIRS = (("BTC", "USD"), ("ETH", "USD"), ("BTC", "ETH"))
HOUSE_SHARE = 0.25
ROUND_SHARE = 0.3
"""Share of trades with small round amounts: they cancel out now and then."""
MOST_DIGITS = 30


class Market:
    """Trades between a few clients and the house."""

    def __init__(self, chance: random.Random, clients: tuple[str, ...]) -> None:
        self._chance = chance
        self._clients = clients
        self._numbers = 0

    def trade(self, window: Window, recorded_at: datetime) -> TradeRow:
        """One trade executed inside the window."""
        chance = self._chance
        self._numbers += 1
        buyer, seller = chance.sample(self._clients, 2)
        if chance.random() < HOUSE_SHARE:
            buyer, seller = chance.choice([(buyer, HOUSE), (HOUSE, seller)])
        base, quote = chance.choice(PAIRS)
        span = int((window.end - window.start).total_seconds())
        return TradeRow(
            trade_id=f"t{self._numbers:06d}",
            executed_at=window.start + timedelta(seconds=chance.randrange(span)),
            recorded_at=recorded_at,
            buyer_connection_id=buyer,
            seller_connection_id=seller,
            base_currency=base,
            quote_currency=quote,
            base_quantity=self._quantity(),
            quote_quantity=self._quantity(),
            buyer_fee=chance.choice([0, 0, 1, 7]),
            seller_fee=chance.choice([0, 0, 2, -3]),
        )

    def _quantity(self) -> int:
        if self._chance.random() < ROUND_SHARE:
            return self._chance.choice([10, 20])
        return self._chance.randint(1, 10 ** self._chance.randint(1, MOST_DIGITS))
