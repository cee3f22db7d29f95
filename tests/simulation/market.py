"""Random trades of a day, some of them recorded late."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from settlement.values import Window
from settlement.warehouse import TradeRow

HOUSE = "house"
PAIRS = (("BTC", "USD"), ("ETH", "USD"), ("BTC", "ETH"))
HOUSE_SHARE = 0.25
ROUND_SHARE = 0.3
"""Share of trades with small round amounts: they cancel out now and then."""
REVERSED_SHARE = 0.35
"""Share of trades, in a small market, that undo an earlier one."""
MOST_DIGITS = 30


class Market:
    """Trades between a few clients and the house; `small`: one pair, round amounts, reversals.

    `between_clients`: a broker's, without house and fees.
    """

    def __init__(
        self,
        chance: random.Random,
        clients: tuple[str, ...],
        *,
        small: bool,
        between_clients: bool,
    ) -> None:
        self._chance = chance
        self._clients = clients
        self._small = small
        self._between_clients = between_clients
        self._numbers = 0

    def trade(self, window: Window, recorded_at: datetime, earlier: list[TradeRow]) -> TradeRow:
        """One trade executed inside the window; it may undo one of the earlier ones."""
        if self._small and earlier and self._chance.random() < REVERSED_SHARE:
            return self._reversed(self._chance.choice(earlier), recorded_at)
        return self._new(window, recorded_at)

    def corrected(self, trade: TradeRow) -> TradeRow:
        """The same trade with another quantity."""
        return replace(trade, base_quantity=trade.base_quantity + self._chance.choice([1, 10, 500]))

    def _new(self, window: Window, recorded_at: datetime) -> TradeRow:
        chance = self._chance
        buyer, seller = chance.sample(self._clients, 2)
        if chance.random() < HOUSE_SHARE and not self._between_clients:
            buyer, seller = chance.choice([(buyer, HOUSE), (HOUSE, seller)])
        base, quote = PAIRS[0] if self._small else chance.choice(PAIRS)
        free = self._small or self._between_clients
        span = int((window.end - window.start).total_seconds())
        return TradeRow(
            trade_id=self._next_id(),
            executed_at=window.start + timedelta(seconds=chance.randrange(span)),
            recorded_at=recorded_at,
            buyer_connection_id=buyer,
            seller_connection_id=seller,
            base_currency=base,
            quote_currency=quote,
            base_quantity=self._quantity(),
            quote_quantity=self._quantity(),
            buyer_fee=0 if free else chance.choice([0, 0, 1, 7]),
            seller_fee=0 if free else chance.choice([0, 0, 2, -3]),
            buyer_fee_currency=quote,
            seller_fee_currency=quote,
        )

    def _reversed(self, trade: TradeRow, recorded_at: datetime) -> TradeRow:
        return replace(
            trade,
            trade_id=self._next_id(),
            recorded_at=recorded_at,
            buyer_connection_id=trade.seller_connection_id,
            seller_connection_id=trade.buyer_connection_id,
        )

    def _next_id(self) -> str:
        self._numbers += 1
        return f"t{self._numbers:06d}"

    def _quantity(self) -> int:
        if self._small or self._chance.random() < ROUND_SHARE:
            return self._chance.choice([10, 20])
        return self._chance.randint(1, 10 ** self._chance.randint(1, MOST_DIGITS))
