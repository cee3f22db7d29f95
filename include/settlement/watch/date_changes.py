"""Dates that differ from their snapshots: these are compared with the warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from settlement.errors import WarehouseDataError
from settlement.ledger.dates import FrozenDate, frozen_dates
from settlement.ledger.people.stop import stop_of
from settlement.ledger.snapshots import Snapshot, digested
from settlement.values import Window
from settlement.warehouse import Warehouse
from settlement.warehouse.reader import CLOCKS_DIFFER
from settlement.warehouse.survey import NO_EXAMPLES, Examples, ReadWindow, Survey, WindowCount
from settlement.watch.context import WatchContext
from settlement.watch.trade_changes import TradeChanges, compare_trades

LAST_WEEKS = timedelta(days=35)
"""Windows that are compared every hour; a thorough check compares all."""
READ_BY_TRADE = 30
"""Dates that are read trade by trade in one check: a broken load changes all of them."""
TRADES_AT_ONCE = 10_000_000
"""Trades that one statement adds up: about a gigabyte of DuckDB's memory, of many clients."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A snapshot beside what the warehouse holds of its window now.

    `same_positions`: each net position of what it has read is still what it was.
    """

    snapshot: Snapshot
    count: WindowCount
    same_positions: bool

    @property
    def unchanged(self) -> bool:
        """What was read is there as it was, and nothing came after it."""
        return self.same_positions and (
            self.count.trades == self.count.read == self.snapshot.trade_count
        )


@dataclass(frozen=True, slots=True)
class ChangedDate:
    """A date that differs from its snapshot.

    `settled`: nothing else is left to do for it. `by_trade`: None where the date could not be read,
    for the reason in `unfit`, or where too many dates differ.
    """

    compared: Compared
    settled: bool
    by_trade: TradeChanges | None
    unfit: str | None

    @property
    def business_date(self) -> date:
        """The date."""
        return self.compared.snapshot.business_date


@dataclass(frozen=True, slots=True)
class Changes:
    """Dates that differ, newest first, and where their trades are that went or are another date's.

    `places`: dates in whose windows an id lies; None for a window that no date has. `future`:
    trades that claim to have been recorded later than now. While the partner is `stopped`, no run
    is started.
    """

    changed: Sequence[ChangedDate]
    places: Mapping[str, Sequence[date | None]]
    future: Examples
    stopped: bool


def read_changes(context: WatchContext) -> Changes:
    """Compare dates that have a snapshot with the warehouse, settled already or not.

    Those of the last weeks; a thorough check compares all.
    """
    settled = {each.business_date for each in context.date_statuses if each.left is None}
    since = (
        datetime.min.replace(tzinfo=context.now.tzinfo)
        if context.thorough
        else context.now - LAST_WEEKS
    )
    snapshots = sorted(
        (
            each.snapshot
            for each in context.date_statuses
            if each.snapshot is not None and each.snapshot.window.end > since
        ),
        key=lambda snapshot: snapshot.window.start,
    )
    with context.ledger.transaction() as tx:
        stopped = stop_of(tx, context.partner.name) is not None
        frozen = frozen_dates(tx, context.partner.name)
    if not snapshots:
        return Changes([], {}, NO_EXAMPLES, stopped)
    warehouse = context.open_warehouse()
    latest = context.now + CLOCKS_DIFFER
    future = NO_EXAMPLES
    differing: list[Compared] = []
    with warehouse.survey(context.partner) as survey:
        seen = 0
        for each in compare(survey, snapshots, latest):
            seen += each.count.future
            if not each.unchanged:
                differing.append(each)
        if seen:
            stretch = Window(snapshots[0].window.start, snapshots[-1].window.end)
            future = survey.recorded_later(stretch, latest)
    changed = list(_by_trade(context, warehouse, differing[::-1], settled))
    wanted = sorted({each for one in changed if one.by_trade for each in _followed(one.by_trade)})
    places: dict[str, list[date | None]] = {}
    if wanted:
        with warehouse.survey(context.partner) as survey:
            for trade_id, executed_at in survey.whereabouts(wanted):
                places.setdefault(trade_id, []).append(_date_of(frozen, executed_at))
    return Changes(changed, places, future, stopped)


def compare(
    survey: Survey, snapshots: Sequence[Snapshot], recorded_by: datetime
) -> Iterator[Compared]:
    """Compare snapshots, given in the order of their windows, with the warehouse.

    Two statements do it over many windows at once.

    :param recorded_by: what claims to be recorded later is counted as recorded in the future
    """
    for some in _in_parts(snapshots):
        windows = [ReadWindow(each.window, each.watermark) for each in some]
        counts = survey.counts(windows, recorded_by)
        digests = [hashlib.sha256() for _ in some]
        for place, *position in survey.positions(windows):
            digests[place].update(digested(*position))
        for snapshot, count, digest in zip(some, counts, digests, strict=True):
            same = digest.hexdigest() == snapshot.positions_digest
            yield Compared(snapshot, count, same)


def _in_parts(snapshots: Sequence[Snapshot]) -> Iterator[list[Snapshot]]:
    """As many at once as one statement may add up; one at least."""
    part: list[Snapshot] = []
    trades = 0
    for each in snapshots:
        if part and trades + each.trade_count > TRADES_AT_ONCE:
            yield part
            part, trades = [], 0
        part.append(each)
        trades += each.trade_count
    if part:
        yield part


def _by_trade(
    context: WatchContext, warehouse: Warehouse, differing: Sequence[Compared], settled: set[date]
) -> Iterator[ChangedDate]:
    for place, each in enumerate(differing):
        by_trade, unfit = None, None
        if place < READ_BY_TRADE:
            try:
                by_trade = compare_trades(context, warehouse, each.snapshot, each.count.read)
            except WarehouseDataError as error:
                unfit = error.message
            else:
                if by_trade is None:
                    continue  # a run has read it meanwhile
        yield ChangedDate(each, each.snapshot.business_date in settled, by_trade, unfit)


def _followed(changes: TradeChanges) -> Iterator[str]:
    yield from changes.gone.examples
    for trades in changes.others.values():
        yield from trades.examples


def _date_of(frozen: Mapping[date, FrozenDate], executed_at: datetime) -> date | None:
    for business_date, each in frozen.items():
        if each.window.start <= executed_at < each.window.end:
            return business_date
    return None
