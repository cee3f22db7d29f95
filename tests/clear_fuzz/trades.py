"""The warehouse: late trades reach it, its loader locks it, and what its trades come to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from partner_sandbox.demo_trades import add_late_trades
from partner_sandbox.demo_world import DEMO_CURRENCIES, demo_connections
from settlement.config.calendar import BusinessCalendar
from settlement.values import PositionKey
from support.owed import owed_in

Net = dict[PositionKey, int]
LONGEST_LOCK_S = 60
SECOND = timedelta(seconds=1)

busy = retry(
    retry=retry_if_exception_type(duckdb.IOException),
    wait=wait_fixed(0.05),
    stop=stop_after_delay(LONGEST_LOCK_S),
    reraise=True,
)
"""The loader waits while tasks read: DuckDB itself does not."""


class Trades:
    """All trades of the dates, and every sum that they ever came to."""

    def __init__(self, path: Path, calendar: BusinessCalendar, days: Sequence[date]) -> None:
        self._path = path
        self._calendar = calendar
        self._recorded = datetime.now(UTC)
        self._ever: dict[date, list[Net]] = {day: [self._net(day)] for day in days}

    def owed(self, day: date) -> Net:
        """Net positions of a date as of now."""
        return self._ever[day][-1]

    def ever_owed(self, day: date) -> list[Net]:
        """Net positions of a date after each load, oldest first."""
        return self._ever[day]

    def load_late(self, day: date, count: int, seed: int) -> None:
        """Trades of a date are recorded now, later than all that were recorded before."""
        self._recorded = max(self._recorded + SECOND, datetime.now(UTC))
        self._add(day, count, seed)
        self._ever[day].append(self._net(day))

    @busy
    def hold(self) -> duckdb.DuckDBPyConnection:
        """The loader has the file open: until it closes it, no task can read."""
        return duckdb.connect(str(self._path))

    @busy
    def _add(self, day: date, count: int, seed: int) -> None:
        add_late_trades(
            self._path,
            "demo",
            self._calendar.window(day),
            [each.id for each in demo_connections()],
            DEMO_CURRENCIES,
            count=count,
            recorded_at=self._recorded,
            seed=seed,
        )

    @busy
    def _net(self, day: date) -> Net:
        return owed_in(self._path, self._calendar.window(day))
