"""Settled dates that differ from their snapshots: what came, went, moved, or was edited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from settlement.errors import WarehouseDataError
from settlement.ledger.dates import FrozenDate, frozen_dates
from settlement.ledger.people.stop import stop_of
from settlement.steps.compute import CLOCKS_DIFFER
from settlement.values import Window
from settlement.warehouse import Warehouse
from settlement.warehouse.survey import NO_EXAMPLES, Examples
from settlement.watch.closer_look import Closer, look_closer
from settlement.watch.comparison import Compared, compare
from settlement.watch.context import WatchContext

LAST_WEEKS = timedelta(days=35)
"""Windows that are compared every hour; a thorough check compares all."""
LOOKED_CLOSER = 30
"""Dates that are read trade by trade in one check: a broken load changes all of them."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A date that differs from its snapshot.

    `settled`: nothing else is left to do for it. `closer`: None where the date could not be read,
    for the reason in `unfit`, or where too many dates differ.
    """

    compared: Compared
    settled: bool
    closer: Closer | None
    unfit: str | None

    @property
    def business_date(self) -> date:
        """The date."""
        return self.compared.snapshot.business_date


@dataclass(frozen=True, slots=True)
class Changes:
    """Dates that differ, newest first, and where trades that went or came are now.

    `places`: dates in whose windows an id lies; None for a window that no date has. `future`:
    trades that claim to have been recorded later than now. While the partner is `stopped`, no run
    is started.
    """

    changed: Sequence[Changed]
    places: Mapping[str, Sequence[date | None]]
    future: Examples
    stopped: bool


def read_changes(context: WatchContext) -> Changes:
    """Compare every date that has a snapshot with the warehouse, settled already or not."""
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
    changed = list(_looked_closer(context, warehouse, differing[::-1], settled))
    wanted = sorted({each for one in changed if one.closer for each in _followed(one.closer)})
    places: dict[str, list[date | None]] = {}
    if wanted:
        with warehouse.survey(context.partner) as survey:
            for trade_id, executed_at in survey.whereabouts(wanted):
                places.setdefault(trade_id, []).append(_date_of(frozen, executed_at))
    return Changes(changed, places, future, stopped)


def _looked_closer(
    context: WatchContext, warehouse: Warehouse, differing: Sequence[Compared], settled: set[date]
) -> Iterator[Changed]:
    for place, each in enumerate(differing):
        closer, unfit = None, None
        if place < LOOKED_CLOSER:
            try:
                closer = look_closer(context, warehouse, each.snapshot, each.count.read)
            except WarehouseDataError as error:
                unfit = error.message
            else:
                if closer is None:
                    continue  # a run has read it meanwhile
        yield Changed(each, each.snapshot.business_date in settled, closer, unfit)


def _followed(closer: Closer) -> Iterator[str]:
    yield from closer.gone.examples
    for trades in closer.others.values():
        yield from trades.examples


def _date_of(frozen: Mapping[date, FrozenDate], executed_at: datetime) -> date | None:
    for day, each in frozen.items():
        if each.window.start <= executed_at < each.window.end:
            return day
    return None
