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
        before = self._taken.get(day, window)
        require(
            before == window, f"{external_id} is sent for {window}, booked is {day} for {before}"
        )
        for other, taken in self._taken.items():
            apart = taken.end <= start or end <= taken.start
            require(
                other == day or apart,
                f"{external_id} is sent for {window}, and {other} is booked for {taken}",
            )
        self._sent[external_id, nonce] = day, window

    def booked(self, external_id: str, nonce: str) -> None:
        """It is booked."""
        if (external_id, nonce) in self._sent:
            day, window = self._sent[external_id, nonce]
            self._taken[day] = window
