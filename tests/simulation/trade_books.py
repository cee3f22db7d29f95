"""Which trades are booked under which date: the promise is about trades, and books hold amounts.

Two ways lead from amounts back to trades, and none of them asks the ledger's memory of trades.
Where trades are told apart, each of them moves a power of ten of its own: the digits of what the
partner has booked say which trades are in it, at any moment, whatever was sent. In all
worlds, a date of which exactly that is booked which one of its frozen readings came to is at rest,
and holds the trades of that reading.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from settlement.values import PositionKey
from settlement.warehouse import TradeRow
from simulation.books import Net
from simulation.broken import require
from support.in_process import net_of

if TYPE_CHECKING:
    from simulation.world import SimulatedWorld


@dataclass(frozen=True)
class Taken:
    """The trades that a snapshot took of a reading, and what they come to."""

    ids: frozenset[str]
    net: Net

    @classmethod
    def of(cls, trades: Sequence[TradeRow]) -> Taken:
        """What these trades are and come to."""
        return cls(frozenset(each.trade_id for each in trades), net_of(trades))


class TradeBooks:
    """Trades of each date as the partner's books and the frozen readings have them."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._frozen: dict[date, list[Taken]] = defaultdict(list)
        self._found: dict[date, list[Taken]] = defaultdict(list)
        """What dates held when a ledger after a lost one looked."""
        self._at_rest: dict[date, Taken] = {}
        self._seen = (0, 0)

    def frozen(self, day: date, trades: Sequence[TradeRow]) -> None:
        """A ledger has frozen these trades of a date."""
        self._frozen[day].append(Taken.of(trades))
        if self._world.ledgers_lost:
            for other in self._frozen:
                self._found[other].append(Taken.of(self._world.warehouse.trades_of(other)))

    def look(self) -> None:
        """No trade is booked under two dates, nor twice under one."""
        seen = sum(map(len, self._frozen.values())), self._world.books.changes
        if seen == self._seen:
            return
        self._seen = seen
        resting = [day for day in self._dates_at_rest() if self._can_be_known(day)]
        self._require_once([(day, sorted(self._at_rest[day].ids)) for day in resting])
        if self._world.swarm.told_apart:
            self._require_once_in_amounts()

    def holders(self, trade_id: str) -> set[date]:
        """Dates under which a trade is booked, under way or owed, as far as anybody can know."""
        held = {day for day, taken in self._at_rest.items() if trade_id in taken.ids}
        owed = {day for day, frozen in self._frozen.items() if trade_id in frozen[-1].ids}
        return held | owed | self._dates_in_amounts(trade_id)

    def booked_under(self, trade_id: str, days: Sequence[date]) -> list[date]:
        """Dates, all of them at rest, under which a trade is booked."""
        resting = self._dates_at_rest()
        by_reading = [day for day in days if day in resting and trade_id in self._at_rest[day].ids]
        if len(by_reading) > 1:
            by_reading = [day for day in by_reading if not self._is_made_up_for(trade_id, [day])]
        if self._world.swarm.told_apart:
            by_amount = self._dates_in_amounts(trade_id)
            require(
                by_amount <= set(by_reading),
                f"{trade_id} is booked under {by_amount}, read for {by_reading}",
            )
        return by_reading

    # readings

    def _can_be_known(self, day: date) -> bool:
        """Trades that cancelled out were settled by nothing; with the ledger that is forgotten."""
        world = self._world
        return bool(world.books.booked(day)) or world.watch.has_frozen(day, {})

    def _dates_at_rest(self) -> list[date]:
        """Dates of which one of the readings is booked, to the unit; the newest such reading."""
        resting = []
        for day, frozen in self._frozen.items():
            booked = self._world.books.booked(day)
            for taken in reversed(frozen):
                if taken.net == booked:
                    self._at_rest[day] = taken
                    resting.append(day)
                    break
        return resting

    def _require_once(self, held: Sequence[tuple[date, Sequence[str]]]) -> None:
        under: dict[str, date] = {}
        for day, ids in held:
            for trade_id in ids:
                other = under.setdefault(trade_id, day)
                require(
                    other == day or self._is_made_up_for(trade_id, (other, day)),
                    f"{trade_id} is booked twice: under {other} and {day}",
                )

    def _is_made_up_for(self, trade_id: str, days: Sequence[date]) -> bool:
        """Whether one of the dates was found without the trade, and settled for its clients.

        What a lost ledger knew of that date is gone, and the partner's books said that nothing was
        missing, to the unit: others have come for the trade that went, or its opposite went too.
        """
        moved = [t for t in self._world.warehouse.trades if t.trade_id == trade_id]
        keys = {key for each in moved for key in net_of([each])}
        return any(
            trade_id not in there.ids
            and all(there.net.get(key, 0) == booked.get(key, 0) for key in keys)
            for day in days
            for booked in [self._world.books.booked(day)]
            for there in self._found[day]
        )

    # amounts

    def _require_once_in_amounts(self) -> None:
        """No position has a trade under two dates.

        Under one date that is still being settled, requests may overlap for a while, as long as
        none takes a position past the reading that it was built from: the books look at that.
        """
        for trade_id, by_key in self._times_booked().items():
            for key, by_date in by_key.items():
                under = [day for day, times in sorted(by_date.items()) if times > 0]
                require(len(under) <= 1, f"{trade_id} is booked under {under} in {key}")

    def _dates_in_amounts(self, trade_id: str) -> set[date]:
        if not self._world.swarm.told_apart:
            return set()
        by_key = self._times_booked().get(trade_id, {})
        return {day for by_date in by_key.values() for day, times in by_date.items() if times}

    def _times_booked(self) -> dict[str, dict[PositionKey, dict[date, int]]]:
        """How often each trade is in what is booked of each position, under each date."""
        times: dict[str, dict[PositionKey, dict[date, int]]] = {}
        for day in self._world.books.dates():
            for key, amount in self._world.books.booked(day).items():
                for trade_id, count in self._world.market.trades_in(key, amount):
                    by_date = times.setdefault(trade_id, {}).setdefault(key, defaultdict(int))
                    by_date[day] += count
        return times
