"""What an unkind warehouse does to trades that were read already, and what is put right again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from settlement.values import Window
from settlement.warehouse import TradeRow
from simulation.kinds import Accident
from simulation.market import Market
from simulation.world import SimulatedWorld

OUTSIDE = (
    datetime(1970, 1, 1, 0, 29, 32, tzinfo=UTC),  # seconds read as milliseconds
    datetime(2126, 3, 4, 12, tzinfo=UTC),
)
AHEAD = datetime(2031, 1, 1, tzinfo=UTC)
HALF = 0.5


class Loader:
    """Draws what the loads of a warehouse get wrong from the world's seed."""

    def __init__(self, world: SimulatedWorld, market: Market) -> None:
        self._world = world
        self._chance = world.chance
        self._market = market
        self._wrong: dict[str, date] = {}
        """Trades whose times are wrong, and the date in which they are right."""

    @property
    def accidents(self) -> dict[Accident, Callable[[date], None]]:
        """What may happen to the trades of a date."""
        return {
            Accident.MOVED: self.move,
            Accident.TWIN: self._deliver_again_elsewhere,
            Accident.REPEATED: self._deliver_again,
            Accident.COMMITTED_LATE: self._commit_late,
            Accident.OUTSIDE: self._leave_every_window,
            Accident.RECORDED_AHEAD: self._record_ahead,
        }

    def move(self, day: date, to: date | None = None) -> None:
        """The time of a trade is repaired, and it is another date's; `recorded_at` stays."""
        to = to or self._other_than(day)
        window = self._traded_so_far(to) if to else None
        if window is None:
            return
        trade = self._world.warehouse.edit(
            day, lambda trade: replace(trade, executed_at=self._market.instant_in(window))
        )
        if trade is not None:
            self._world.happened(Accident.MOVED, f"{trade.trade_id} of {day}, to {to}")

    def put_right(self, probability: float) -> None:
        """Repetitions go, and times that cannot be are corrected; both with this probability.

        A twin in another window goes, or the trade that it is a twin of, or both stay.
        """
        if self._chance.random() >= probability:
            return
        self._remove_repetitions(HALF)
        self._correct_times()

    def remove_repetitions_in_a_date(self) -> None:
        """A window that a lost ledger has forgotten may come to hold both of two twins."""
        self._remove_repetitions(0)

    def _remove_repetitions(self, twins_too: float) -> None:
        warehouse = self._world.warehouse
        counts = Counter(each.trade_id for each in warehouse.trades)
        for trade_id in sorted(name for name, count in counts.items() if count > 1):
            rows = [each for each in warehouse.trades if each.trade_id == trade_id]
            dates = [self._date_of(each) for each in rows]
            if len(set(dates)) < len(dates) or self._chance.random() < twins_too:
                kept = self._chance.choice(rows)
                warehouse.trades = [
                    each for each in warehouse.trades if each.trade_id != trade_id or each is kept
                ]
                self._world.tell(f"{trade_id} is there only once, in {self._date_of(kept)}")

    def _correct_times(self) -> None:
        warehouse, now = self._world.warehouse, self._world.clock()
        for number, trade in enumerate(warehouse.trades):
            if trade.recorded_at > now:
                warehouse.trades[number] = replace(trade, recorded_at=now)
                self._world.tell(f"recorded_at of {trade.trade_id} is corrected")
            day = self._wrong.get(trade.trade_id)
            window = self._world.window(day) if day else None
            if window is not None and trade.executed_at in OUTSIDE and self._chance.random() < HALF:
                corrected = warehouse.trades[number]
                right = replace(corrected, executed_at=self._market.instant_in(window))
                warehouse.trades[number] = right
                self._world.tell(f"executed_at of {trade.trade_id} is corrected: {day}")

    # accidents

    def _deliver_again_elsewhere(self, day: date) -> None:
        to = self._other_than(day)
        window = self._traded_so_far(to) if to else None
        if window is None:
            return
        trade = self._again(day, executed_at=self._market.instant_in(window))
        if trade is not None:
            self._world.happened(Accident.TWIN, f"{trade.trade_id} of {day}, in {to} too")

    def _deliver_again(self, day: date) -> None:
        window = self._traded_so_far(day)
        if window is None:
            return
        trade = self._again(day, executed_at=self._market.instant_in(window))
        if trade is not None:
            self._world.happened(Accident.REPEATED, f"{trade.trade_id} of {day}")

    def _again(self, day: date, executed_at: datetime) -> TradeRow | None:
        """One of the trades of a date is there once more, in place or recorded now."""
        trades = self._world.warehouse.trades_of(day)
        if not trades:
            return None
        trade = self._chance.choice(trades)
        recorded_at = self._chance.choice([trade.recorded_at, self._world.clock()])
        again = replace(trade, executed_at=executed_at, recorded_at=recorded_at)
        self._world.warehouse.trades.append(again)
        return again

    def _commit_late(self, day: date) -> None:
        """A long transaction ends: its trades claim to have been there before the last reading."""
        watermark = self._world.watch.watermark(day)
        window = self._world.window(day)
        if watermark is None or window is None:
            return
        before = timedelta(milliseconds=self._chance.choice([0, 1, 500, 60_000]))
        trade = self._market.trade(window, watermark - before, [])
        self._world.warehouse.trades.append(trade)
        self._world.happened(Accident.COMMITTED_LATE, f"{trade.trade_id} of {day}")

    def _leave_every_window(self, day: date) -> None:
        """A time is misread: of a trade that was read before, or of a new one."""
        world = self._world
        window = world.window(day)
        if window is None:
            return
        when = self._chance.choice(OUTSIDE)
        if self._chance.random() < HALF:
            new = self._market.trade(window, world.clock(), [])
            world.warehouse.trades.append(new)
        trade = world.warehouse.edit(day, lambda trade: replace(trade, executed_at=when))
        if trade is not None:
            self._wrong[trade.trade_id] = day
            world.happened(Accident.OUTSIDE, f"{trade.trade_id} of {day}, in {when.year}")

    def _record_ahead(self, day: date) -> None:
        """A clock is wrong: what is recorded after this trade does not look late."""
        world = self._world
        window = world.window(day)
        if window is None:
            return
        if self._chance.random() < HALF:
            world.warehouse.trades.append(self._market.trade(window, AHEAD, []))
        trade = world.warehouse.edit(day, lambda trade: replace(trade, recorded_at=AHEAD))
        if trade is not None:
            world.happened(Accident.RECORDED_AHEAD, f"{trade.trade_id} of {day}")

    # dates

    def _other_than(self, day: date) -> date | None:
        others = [each for each in self._world.days if each != day]
        return self._chance.choice(others) if others else None

    def _traded_so_far(self, day: date) -> Window | None:
        """The part of a date's window that is not ahead."""
        window, now = self._world.window(day), self._world.clock()
        if window is None or window.start >= now:
            return None
        return Window(window.start, min(window.end, now))

    def _date_of(self, trade: TradeRow) -> date | None:
        for day in self._world.days:
            window = self._world.window(day)
            if window is not None and window.start <= trade.executed_at < window.end:
                return day
        return None
