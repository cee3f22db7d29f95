"""Stretches of time that no business date covers, now or later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.ledger.dates import FrozenDate
from settlement.values import ALL_OF_TIME, Window

AHEAD = timedelta(minutes=5)
"""How far a trade may be executed ahead of the ledger's clock."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time without a business date, and why it has none, as a person is told."""

    window: Window
    why: str


def before_all(partner: PartnerFile, frozen: Mapping[date, FrozenDate], now: datetime) -> Stretch:
    """What lies before every window that there is or will be."""
    first = next(covered(partner, frozen)).start
    end = min(first, now + AHEAD)
    return Stretch(
        Window(ALL_OF_TIME.start, end),
        f"before {first.isoformat()}, where the first date's window begins",
    )


def gaps(
    partner: PartnerFile, frozen: Mapping[date, FrozenDate], now: datetime
) -> Iterator[Stretch]:
    """What lies between windows: an edit of the calendar can leave such a gap, for good."""
    before: Window | None = None
    for window in covered(partner, frozen):
        if before is not None and before.end < window.start:
            gap = Window(before.end, min(window.start, now + AHEAD))
            if gap.start < gap.end:
                yield Stretch(gap, f"in {gap}, between the windows of two dates")
        before = window


def covered(partner: PartnerFile, frozen: Mapping[date, FrozenDate]) -> Iterator[Window]:
    """Windows that are frozen, and the time that dates without one would get, in order.

    A date that is still to be computed takes the edge of a neighbour beside which it lies; the
    last window ends with time, since later dates follow on it.
    """
    calendar = BusinessCalendar(partner)
    first = calendar.following(partner.first_business_date - timedelta(days=1))
    last: FrozenDate | None = None
    for each in frozen.values():
        between = _between(calendar, first, last, each)
        if between is not None:
            yield between
        yield each.window
        last = each
    day = first if last is None else max(first, calendar.following(last.business_date))
    start = _start(calendar, day, last)
    if start < ALL_OF_TIME.end:
        yield Window(start, ALL_OF_TIME.end)


def _between(
    calendar: BusinessCalendar, first: date, before: FrozenDate | None, after: FrozenDate
) -> Window | None:
    """What dates between two frozen ones would cover; None if there are no such dates."""
    day = first if before is None else max(first, calendar.following(before.business_date))
    last = calendar.previous(after.business_date)
    if day > last:
        return None
    end = calendar.cut_off(last)
    touching = calendar.following(last) == after.business_date
    window_end = after.window.start if touching else min(end, after.window.start)
    start = _start(calendar, day, before)
    return Window(start, window_end) if start < window_end else None


def _start(calendar: BusinessCalendar, day: date, before: FrozenDate | None) -> datetime:
    """Where a date's window would begin."""
    planned = calendar.cut_off(calendar.previous(day))
    if before is None:
        return planned
    touching = before.business_date == calendar.previous(day)
    return before.window.end if touching else max(planned, before.window.end)
