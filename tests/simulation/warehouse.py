"""The simulated warehouse: trades come late, are corrected, go, and are loaded by halves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING

from settlement.config.partner_file import PartnerFile
from settlement.values import Window
from settlement.warehouse import TradeRow
from simulation.broken import require
from simulation.kinds import Accident
from simulation.market import Market
from simulation.moments import Moment
from support.in_process import MemorySnapshot, MemoryWarehouse

if TYPE_CHECKING:
    from simulation.world import SimulatedWorld


class SimulatedWarehouse(MemoryWarehouse):
    """Trades in a list, and those that are not loaded; the promises hear of each computation."""

    def __init__(self, world: SimulatedWorld, market: Market) -> None:
        super().__init__()
        self._world = world
        self._market = market
        self._not_loaded: list[TradeRow] = []
        self._computing: list[date] = []

    @contextmanager
    def read_for(self, day: date) -> Iterator[None]:
        """Inside, a run computes a date: what is read of its window is its reading."""
        self._computing.append(day)
        try:
            yield
        finally:
            self._computing.pop()

    @contextmanager
    def snapshot(self, partner: PartnerFile, window: Window) -> Iterator[MemorySnapshot]:
        """Freeze the trades of the window."""
        with super().snapshot(partner, window) as reading:
            if partner.name == self._world.name:
                self._hear(window, reading)
            yield reading

    def _hear(self, window: Window, reading: MemorySnapshot) -> None:
        world = self._world
        day = self._computing[-1]
        frozen = world.watch.windows().get(day)
        require(frozen is not None, f"trades are read of {window}, which is not frozen")
        if frozen == (window.start, window.end):
            world.watch.trades_read(day, reading.rows)
            world.moments.reach(Moment.READING, quiet=world.ledger.is_quiet)

    def trades_of(self, day: date) -> list[TradeRow]:
        """Trades of a date that the warehouse holds."""
        window = self._world.window(day)
        if window is None:
            return []
        return [each for each in self.trades if window.start <= each.executed_at < window.end]

    # what loads and corrections do

    def load(self, day: date, count: int) -> None:
        """Trades of a date are recorded."""
        world = self._world
        window = world.window(day)
        if window is None:
            return
        for _ in range(count):
            world.clock.pass_time(timedelta(milliseconds=world.chance.randint(1, 5_000)))
            self.trades.append(self._market.trade(window, world.clock(), self.trades_of(day)))
        world.tell(f"{count} trades of {day} are recorded")

    def correct(self, day: date) -> None:
        """A trade is changed in place, as if it had always been so."""
        trade = self.edit(day, self._market.corrected)
        if trade is not None:
            self._world.happened(Accident.CORRECTED, f"{trade.trade_id} of {day}")

    def edit(self, day: date, change: Callable[[TradeRow], TradeRow]) -> TradeRow | None:
        """Change one of the trades of a date in place; the trade as it is then, if there is one."""
        trades = self.trades_of(day)
        if not trades:
            return None
        trade = self._world.chance.choice(trades)
        changed = change(trade)
        self.trades[self.trades.index(trade)] = changed
        return changed

    def delete(self, day: date) -> None:
        """A trade is gone."""
        trades = self.trades_of(day)
        if len(trades) > 1:
            trade = self._world.chance.choice(trades)
            self.trades.remove(trade)
            self._world.happened(Accident.DELETED, f"{trade.trade_id} of {day}")

    def load_by_halves(self, day: date) -> None:
        """Some trades of a date are not there until the load is completed."""
        trades = self.trades_of(day)
        if len(trades) > 1:
            missing = self._world.chance.sample(trades, len(trades) // 2)
            self._not_loaded += missing
            self.trades = [each for each in self.trades if each not in missing]
            self._world.happened(Accident.HALF_LOADED, f"{len(missing)} trades of {day} missing")

    def complete_load(self) -> None:
        """What was missing is there."""
        if self._not_loaded:
            self.trades += self._not_loaded
            self._world.tell(f"{len(self._not_loaded)} missing trades are loaded")
            self._not_loaded = []
