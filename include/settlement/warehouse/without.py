"""A reading without some of its trades: those that a person has left out of the date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from settlement.values import Line, PositionKey, Positions
from settlement.warehouse.history import effects_of, without
from settlement.warehouse.reader import TradeIds, TradeRow, WarehouseSnapshot


class WithoutTrades:
    """The same reading as if some trades were not in the window. Its ids are all of the window's.

    :param left_out: trades of the reading
    """

    def __init__(self, reading: WarehouseSnapshot, left_out: Sequence[TradeRow]) -> None:
        self._reading = reading
        self._left_out = {each.trade_id: each for each in left_out}

    @property
    def query_text(self) -> str:
        """The statement over all trades of the window."""
        return self._reading.query_text

    def check(self) -> None:
        """Refuse unfit trades, those that are left out too."""
        self._reading.check()

    def trade_count(self) -> int:
        """Count the trades that are not left out."""
        return self._reading.trade_count() - len(self._left_out)

    def watermark(self) -> datetime | None:
        """Newest `recorded_at` of the window: what is left out has been read too."""
        return self._reading.watermark()

    def newest_executed_at(self) -> datetime | None:
        """Newest `executed_at` of the window."""
        return self._reading.newest_executed_at()

    def trade_count_until(self, watermark: datetime) -> int:
        """Count the trades recorded at or before the watermark that are not left out."""
        return self._reading.trade_count_until(watermark) - len(self._early(watermark))

    def net_positions(self) -> Iterator[Line]:
        """Clients' net positions, sorted by connection and currency, zeros left out."""
        return without(net_of(list(self._left_out.values())), self._reading.net_positions())

    def net_positions_until(self, watermark: datetime) -> Iterator[Line]:
        """Net positions over the trades recorded at or before the watermark."""
        left_out = net_of(self._early(watermark))
        return without(left_out, self._reading.net_positions_until(watermark))

    def house_positions(self) -> dict[str, int]:
        """The house's side: in each trade it is what the clients' sides leave."""
        sums = self._reading.house_positions()
        for key, amount in net_of(list(self._left_out.values())).items():
            sums[key.currency] = sums.get(key.currency, 0) + amount
        return sums

    def trades_behind(self, connection_id: str, currency: str) -> Iterator[TradeRow]:
        """Trades behind one net position, oldest first."""
        return self._kept(self._reading.trades_behind(connection_id, currency))

    def trades_recorded_after(self, watermark: datetime) -> Iterator[TradeRow]:
        """Late trades that are not left out."""
        return self._kept(self._reading.trades_recorded_after(watermark))

    def trades(self) -> Iterator[TradeRow]:
        """All trades that are not left out."""
        return self._kept(self._reading.trades())

    def trade_ids(self) -> Iterator[TradeIds]:
        """The ids of all trades of the window."""
        return self._reading.trade_ids()

    def _early(self, watermark: datetime) -> list[TradeRow]:
        return [each for each in self._left_out.values() if each.recorded_at <= watermark]

    def _kept(self, trades: Iterator[TradeRow]) -> Iterator[TradeRow]:
        return (each for each in trades if each.trade_id not in self._left_out)


def net_of(trades: Sequence[TradeRow]) -> Positions:
    """What some trades move, per client and currency."""
    sums: dict[PositionKey, int] = {}
    for trade in trades:
        for key, effect in effects_of(trade).items():
            sums[key] = sums.get(key, 0) + effect
    return {key: amount for key, amount in sums.items() if amount}
