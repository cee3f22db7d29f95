"""The survey of many windows over a list of trades, in plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from settlement.values import Line, PositionKey, Window, as_lines
from settlement.warehouse import TradeRow
from settlement.warehouse.history import effects_of
from settlement.warehouse.survey import NO_EXAMPLES, Examples, ReadWindow, Why, WindowCount

SHOWN = 5
NEVER = datetime.min.replace(tzinfo=UTC)


class MemorySurvey:
    """All trades, as they were when the survey was opened."""

    def __init__(self, trades: list[TradeRow]) -> None:
        self.read = trades

    def counts(self, windows: Sequence[ReadWindow], recorded_by: datetime) -> list[WindowCount]:
        """Trades of each window; those that were read; those of the future."""
        return [
            WindowCount(
                len(self._in(window)),
                len(self._read(window, read_until)),
                sum(each.recorded_at > recorded_by for each in self._in(window)),
            )
            for window, read_until in windows
        ]

    def positions(self, windows: Sequence[ReadWindow]) -> Iterator[tuple[int, str, str, str]]:
        """Net positions over what was read of each window."""
        for place, (window, read_until) in enumerate(windows):
            for line in _lines(self._read(window, read_until)):
                yield place, line.connection_id, line.currency, str(line.amount)

    def outside(
        self, stretch: Window, recorded_since: datetime | None = None
    ) -> Mapping[Why, Examples]:
        """Trades of the stretch; in a list every trade has a time."""
        since = recorded_since or NEVER
        found = [each for each in self._in(stretch) if each.recorded_at >= since]
        found.sort(key=lambda each: (each.executed_at, each.trade_id))
        shown = [(each.trade_id, each.executed_at.isoformat()) for each in found[:SHOWN]]
        return {Why.UNCOVERED: Examples(len(found), tuple(shown))} if found else {}

    def recorded_later(self, stretch: Window, moment: datetime) -> Examples:
        """Trades of the stretch recorded after the moment."""
        found = [each for each in self._in(stretch) if each.recorded_at > moment]
        found.sort(key=lambda each: (each.recorded_at, each.trade_id))
        shown = [(each.trade_id, each.recorded_at.isoformat()) for each in found[:SHOWN]]
        return Examples(len(found), tuple(shown)) if found else NO_EXAMPLES

    def whereabouts(self, trade_ids: Sequence[str]) -> Iterator[tuple[str, datetime]]:
        """Where trades with these ids are."""
        return ((t.trade_id, t.executed_at) for t in self.read if t.trade_id in trade_ids)

    def _in(self, window: Window) -> list[TradeRow]:
        return [each for each in self.read if window.start <= each.executed_at < window.end]

    def _read(self, window: Window, read_until: datetime | None) -> list[TradeRow]:
        until = read_until or NEVER
        return [each for each in self._in(window) if each.recorded_at <= until]


def _lines(trades: Sequence[TradeRow]) -> tuple[Line, ...]:
    sums: dict[PositionKey, int] = {}
    for trade in trades:
        for key, effect in effects_of(trade).items():
            sums[key] = sums.get(key, 0) + effect
    return as_lines({key: amount for key, amount in sums.items() if amount})
