"""Trades that no business date will settle, because of when they were executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.ledger.dates import FrozenDate, frozen_dates
from settlement.ledger.schema import event
from settlement.values import ALL_OF_TIME, Window
from settlement.warehouse import Warehouse
from settlement.warehouse.survey import Examples, Why
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding, Kind

AHEAD = timedelta(minutes=5)
"""How far a trade may be executed ahead of the ledger's clock."""
RECORDED_WITHIN = timedelta(days=35)
"""How lately a trade of before the first window must be recorded to be found. What was recorded
before this project came was settled by others."""
_CORRECT = "No business date covers them: correct executed_at in the warehouse"
_CORRECT_OR_EARLIER = (
    f"{_CORRECT}. If they are right, have trades.sql put them into a later business date, or leave "
    "them out"
)
_INTO_A_DATE = (
    "No business date covers them: a calendar or cut-off that was edited in place has left this "
    "gap. Have trades.sql put them into a later business date, and give later edits a `from` date"
)
_WITHOUT_A_TIME = {
    Why.NULL: ("have no executed_at", f"{_CORRECT}; until then every run is refused"),
    Why.INFINITE: ("have an infinite executed_at", f"{_CORRECT}; until then every run is refused"),
}


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Trades of one kind that no date will settle, why, and what to do."""

    trades: Examples
    why: str
    to_do: str

    def __str__(self) -> str:
        listed = ", ".join(f"{trade_id} ({at or 'null'})" for trade_id, at in self.trades.shown)
        more = ", …" if self.trades.count > len(self.trades.shown) else ""
        return f"{self.trades.count} trade(s) {self.why}: {listed}{more}. {self.to_do}"


def read_uncovered(context: WatchContext) -> Sequence[Uncovered]:
    """What no date will settle."""
    return find_uncovered(context.ledger, context.open_warehouse(), context.partner, context.now)


def uncovered_trades(context: WatchContext, found: Sequence[Uncovered]) -> Iterator[Finding]:
    """A finding for each kind."""
    for each in found:
        yield Finding(Kind.UNCOVERED, context.partner.name, str(each))


def find_uncovered(
    ledger: Ledger, warehouse: Warehouse, partner: PartnerFile, now: datetime
) -> list[Uncovered]:
    """Ask the warehouse for what lies before, between and after the windows, or at no time."""
    with ledger.transaction() as tx:
        frozen = frozen_dates(tx, partner.name)
        first_event = _first_event_at(tx, partner.name)
    # A ledger that was lost has begun anew, but knows the windows of what was settled before. Since
    # the date before the first of them would have been read, trades for it come too late for
    # whoever settled it.
    read_before = [each.window.start + partner.settle_after for each in frozen.values()]
    known_since = min([first_event, *read_before]) if first_event is not None else None
    found: list[Uncovered] = []
    with warehouse.survey(partner) as survey:
        ahead = survey.outside(Window(now + AHEAD, ALL_OF_TIME.end))
        found += [
            Uncovered(ahead[each], *_WITHOUT_A_TIME[each])
            for each in _WITHOUT_A_TIME
            if each in ahead
        ]
        if Why.UNCOVERED in ahead:
            found.append(Uncovered(ahead[Why.UNCOVERED], "are executed later than now", _CORRECT))
        if known_since is not None:
            early = before_all(partner, frozen, now)
            since = max(known_since, now - RECORDED_WITHIN)
            trades = survey.outside(early.window, since).get(Why.UNCOVERED)
            if trades is not None:
                found.append(Uncovered(trades, f"are executed {early.why}", _CORRECT_OR_EARLIER))
        for gap in gaps(partner, frozen, now):
            trades = survey.outside(gap.window).get(Why.UNCOVERED)
            if trades is not None:
                found.append(Uncovered(trades, f"are executed {gap.why}", _INTO_A_DATE))
    return found


def _first_event_at(tx: Connection, partner: str) -> datetime | None:
    """Since when the ledger knows the partner; None if it does not."""
    query = select(event.c.at).where(event.c.partner == partner).order_by(event.c.seq).limit(1)
    at: datetime | None = tx.execute(query).scalar_one_or_none()
    return at


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
    business_date = first if last is None else max(first, calendar.following(last.business_date))
    start = _start(calendar, business_date, last)
    if start < ALL_OF_TIME.end:
        yield Window(start, ALL_OF_TIME.end)


def _between(
    calendar: BusinessCalendar, first: date, before: FrozenDate | None, after: FrozenDate
) -> Window | None:
    """What dates between two frozen ones would cover; None if there are no such dates."""
    business_date = (
        first if before is None else max(first, calendar.following(before.business_date))
    )
    last = calendar.previous(after.business_date)
    if business_date > last:
        return None
    end = calendar.cut_off(last)
    touching = calendar.following(last) == after.business_date
    window_end = after.window.start if touching else min(end, after.window.start)
    start = _start(calendar, business_date, before)
    return Window(start, window_end) if start < window_end else None


def _start(calendar: BusinessCalendar, business_date: date, before: FrozenDate | None) -> datetime:
    """Where a date's window would begin."""
    planned = calendar.cut_off(calendar.previous(business_date))
    if before is None:
        return planned
    touching = before.business_date == calendar.previous(business_date)
    return before.window.end if touching else max(planned, before.window.end)
