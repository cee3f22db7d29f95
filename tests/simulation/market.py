"""Random trades of a day, some of them recorded late."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from settlement.values import PositionKey, Window
from settlement.warehouse import TradeRow
from simulation.broken import require
from support.in_process import net_of

HOUSE = "house"
PAIRS = (("BTC", "USD"), ("ETH", "USD"), ("BTC", "ETH"))
FEES = "ETH"
"""A currency in which fees are taken of trades that it is no side of."""
HOUSE_SHARE = 0.25
ROUND_SHARE = 0.3
"""Share of trades with small round amounts: they cancel out now and then."""
REVERSED_SHARE = 0.35
"""Share of trades, in a small market, that undo an earlier one."""
MOST_DIGITS = 30
FREE_DIGITS = 3
LARGEST_BY_HAND = 400
"""Amounts that tell trades apart have their lowest digits free for what others book by hand."""
HALF_OF_TEN = 5


class Market:
    """Trades between a few clients and the house; `small`: one pair, round amounts, reversals.

    `between_clients`: a broker's, without house and fees. `told_apart`: each trade, and each
    version of it, moves a power of ten of its own.
    """

    def __init__(
        self,
        chance: random.Random,
        clients: tuple[str, ...],
        *,
        small: bool,
        between_clients: bool,
        told_apart: bool,
    ) -> None:
        self._chance = chance
        self._clients = clients
        self._small = small
        self._between_clients = between_clients
        self._told_apart = told_apart
        self._numbers = 0
        self._digits: list[TradeRow] = []
        """The version of a trade that each digit of an amount is about, the lowest first."""

    def trade(self, window: Window, recorded_at: datetime, earlier: list[TradeRow]) -> TradeRow:
        """One trade executed inside the window; it may undo one of the earlier ones."""
        reverses = self._small and not self._told_apart
        if reverses and earlier and self._chance.random() < REVERSED_SHARE:
            return self._reversed(self._chance.choice(earlier), recorded_at)
        return self._new(window, recorded_at)

    def corrected(self, trade: TradeRow) -> TradeRow:
        """The same trade with another quantity."""
        if self._told_apart:
            return self._marked(trade)
        return replace(trade, base_quantity=trade.base_quantity + self._chance.choice([1, 10, 500]))

    def instant_in(self, window: Window) -> datetime:
        """A moment at which something may have been traded."""
        span = int((window.end - window.start).total_seconds())
        return window.start + timedelta(seconds=self._chance.randrange(span))

    def trades_in(self, key: PositionKey, amount: int) -> Iterator[tuple[str, int]]:
        """How often an amount of a position holds each trade, as the amount tells.

        Negative: taken back. Meaningless unless trades are told apart.
        """
        amount = (amount + LARGEST_BY_HAND) // 10**FREE_DIGITS
        for trade in self._digits:
            digit = (amount + HALF_OF_TEN - 1) % 10 - HALF_OF_TEN + 1
            amount = (amount - digit) // 10
            if digit:
                yield trade.trade_id, digit * (net_of([trade]).get(key, 0) > 0 or -1)
        require(amount == 0, f"{key}: no trades come to what is booked")

    def _new(self, window: Window, recorded_at: datetime) -> TradeRow:
        chance = self._chance
        buyer, seller = chance.sample(self._clients, 2)
        if chance.random() < HOUSE_SHARE and not self._between_clients:
            buyer, seller = chance.choice([(buyer, HOUSE), (HOUSE, seller)])
        base, quote = PAIRS[0] if self._small else chance.choice(PAIRS)
        free = self._small or self._between_clients or self._told_apart
        trade = TradeRow(
            trade_id=self._next_id(),
            executed_at=self.instant_in(window),
            recorded_at=recorded_at,
            buyer_connection_id=buyer,
            seller_connection_id=seller,
            base_currency=base,
            quote_currency=quote,
            base_quantity=self._quantity(),
            quote_quantity=self._quantity(),
            buyer_fee=0 if free else chance.choice([0, 0, 1, 7]),
            seller_fee=0 if free else chance.choice([0, 0, 2, -3]),
            buyer_fee_currency=chance.choice([quote, quote, base, FEES]),
            seller_fee_currency=chance.choice([quote, quote, base, FEES]),
        )
        return self._marked(trade) if self._told_apart else trade

    def _marked(self, trade: TradeRow) -> TradeRow:
        """The trade with amounts that no other trade and no other version of it has."""
        amount = 10 ** (FREE_DIGITS + len(self._digits))
        marked = replace(trade, base_quantity=amount, quote_quantity=amount)
        self._digits.append(marked)
        return marked

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
