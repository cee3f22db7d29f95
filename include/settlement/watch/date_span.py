"""Business dates that follow one another, as one span: people read a range, not a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from settlement.config.calendar import BusinessCalendar


@dataclass(frozen=True, slots=True)
class DateSpan:
    """Business dates without a gap, both ends included."""

    first: date
    last: date
    count: int

    def __str__(self) -> str:
        if self.count == 1:
            return str(self.first)
        return f"{self.first} to {self.last} ({self.count} dates)"


def spans_of(days: Iterable[date], calendar: BusinessCalendar) -> list[DateSpan]:
    """The dates as spans, the newest first."""
    spans: list[DateSpan] = []
    for day in sorted(days):
        before = spans[-1] if spans else None
        if before is not None and calendar.following(before.last) == day:
            spans[-1] = DateSpan(before.first, day, before.count + 1)
        else:
            spans.append(DateSpan(day, day, 1))
    return spans[::-1]
