"""No trade is settled under two dates, whatever became of the ledger that froze their windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from settlement.values import Window
from simulation.broken import require


@dataclass
class TradingTime:
    """The windows of what is booked: they bind every ledger that comes after."""

    _sent: dict[tuple[str, str], tuple[date, Window]] = field(default_factory=dict)
    _taken: dict[date, Window] = field(default_factory=dict)

    def sent_for(
        self, external_id: str, nonce: str, day: date, start: datetime, end: datetime
    ) -> None:
        """A request is about to be sent for the trades of a window."""
        window = Window(start, end)
        self._require_free(f"{external_id} is sent", day, window)
        self._sent[external_id, nonce] = day, window

    def booked(self, external_id: str, nonce: str) -> None:
        """It is booked."""
        if (external_id, nonce) in self._sent:
            day, window = self._sent[external_id, nonce]
            self._require_free(f"{external_id} is booked", day, window)
            self._taken[day] = window

    def _require_free(self, what: str, day: date, window: Window) -> None:
        before = self._taken.get(day, window)
        require(before == window, f"{what} for {window}, and {day} is for {before}")
        for other, taken in self._taken.items():
            apart = taken.end <= window.start or window.end <= taken.start
            require(other == day or apart, f"{what} for {window}, and {other} is for {taken}")
