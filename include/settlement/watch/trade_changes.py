"""One date that differs from its snapshot: which trades came, went, moved or were edited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from settlement.errors import HistoryChangedError
from settlement.ledger.snapshots import Snapshot, newest_snapshot, stream_positions
from settlement.ledger.trade_memory import dates_holding, names_of, remembered
from settlement.steps.history import ruling_on_history
from settlement.steps.own_trades import OwnTrades
from settlement.values import PositionKey
from settlement.warehouse import Warehouse, WarehouseSnapshot, change_in_history
from settlement.warehouse.hashed_ids import (
    NONE,
    SHOWN,
    Hashes,
    ReadIds,
    as_hashes,
    digest_of,
    hash_of,
    members,
    read_trade_ids,
)
from settlement.warehouse.history import effects_of
from settlement.warehouse.without import WithoutTrades
from settlement.watch.context import WatchContext

NO_WATERMARK = datetime(1000, 1, 1, tzinfo=UTC)
FOLLOWED = 200
"""Trades that went are looked for in other windows: so many of a date."""


@dataclass(frozen=True, slots=True)
class Trades:
    """Some trades of a date: how many, and the ids of the first of them."""

    count: int = 0
    examples: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        shown = self.examples[:SHOWN]
        named = ", ".join(shown)
        more = ", …" if self.count > len(shown) > 0 else ""
        return f"{self.count} trade(s)" + (f" ({named}{more})" if named else "")


NO_TRADES = Trades()


@dataclass(frozen=True, slots=True)
class Added:
    """Trades that came to a date and belong to no other; `digest` is over the ids of all of them.

    `late`: recorded after the date was read. `early`: with a `recorded_at` of before.
    """

    late: Trades
    early: Trades
    first_recorded: datetime | None
    last_recorded: datetime | None
    digest: str


@dataclass(frozen=True, slots=True)
class Edited:
    """Net positions that are not what they were, though no trade came or went.

    `suspects`: the trades that move nothing but these positions.
    """

    positions: int
    example: str
    suspects: Trades


@dataclass(frozen=True, slots=True)
class TradeChanges:
    """How a date differs from its snapshot, but for what a person has left as it is.

    `by_id`: the ledger remembers the ids that were read; if not, what came early or went is only
    counted. `gone` names up to FOLLOWED ids. `others`: trades here that belong to other dates.
    `settles_by_itself`: a run would settle what was added, and ask nobody.
    """

    by_id: bool
    added: Added
    gone: Trades
    others: Mapping[date, Trades]
    edited: Edited | None
    settles_by_itself: bool


def compare_trades(
    context: WatchContext, warehouse: Warehouse, snapshot: Snapshot, read_count: int
) -> TradeChanges | None:
    """Read the date's window once more, as a run would, and compare it trade by trade.

    :param read_count: trades recorded up to the snapshot's watermark that are there now
    :return: None if a run has read the date meanwhile
    :raises WarehouseDataError: if trades of the window are unfit to be settled
    """
    about = f"{snapshot.partner} {snapshot.business_date}"
    with warehouse.snapshot(context.partner, snapshot.window) as reading:
        reading.check()
        with read_trade_ids(reading, about) as ids:
            with context.ledger.transaction() as tx:
                newest = newest_snapshot(tx, snapshot.partner, snapshot.business_date)
            if newest is None or newest.id != snapshot.id:
                return None
            return _DateComparison(context, snapshot, reading, ids).changes(read_count)


class _DateComparison:
    """A date's window as it is now, beside what the ledger remembers of it."""

    def __init__(
        self, context: WatchContext, snapshot: Snapshot, reading: WarehouseSnapshot, ids: ReadIds
    ) -> None:
        partner, business_date = snapshot.partner, snapshot.business_date
        self._context, self._snapshot, self._ids = context, snapshot, ids
        with context.ledger.transaction() as tx:
            self._before = remembered(tx, partner, business_date)
            held = dates_holding(tx, partner, ids, business_date)
        self._own = self._own_trades(reading, held)
        undecided = members(self._own.left_out, np.unique(np.concatenate([NONE, *held.values()])))
        if self._before is not None:
            undecided = np.setdiff1d(undecided, self._before.left_out)
        self._others = {
            other: both for other, each in held.items() if len(both := members(each, undecided))
        }

    def _own_trades(self, reading: WarehouseSnapshot, held: dict[date, Hashes]) -> OwnTrades:
        """As a run would tell them; those that nobody has decided about are left out, too."""
        claimed = np.unique(np.concatenate([NONE, *held.values()]))
        here = members(claimed, self._before.read) if self._before else NONE
        apart = np.setdiff1d(claimed, here)
        own = _without(reading, apart)
        return OwnTrades(own, self._ids, apart, here, self._before, version=0)

    def changes(self, read_count: int) -> TradeChanges:
        """What came, what went and what was edited."""
        undecided = self._waits_for_a_person()
        late, first, last = self._late()
        early, gone = NONE, NONE
        if self._before is not None:
            late = np.setdiff1d(late, self._before.read)
            own = np.setdiff1d(self._ids.hashes, self._own.left_out)
            gone = np.setdiff1d(self._before.read, self._ids.hashes)
            early = np.setdiff1d(np.setdiff1d(own, self._before.read), late)
            added, went = self._named(early), Trades(len(gone), self._names_of_gone(gone))
        else:
            # ids are unknown: the counts say how many at least came or went
            more = read_count - self._snapshot.trade_count
            added = Trades(max(more, 0)) if undecided else NO_TRADES
            went = Trades(max(-more, 0))
        changed_without_ids = self._before is None and (added or went)
        return TradeChanges(
            by_id=self._before is not None,
            added=Added(
                late=self._named(late),
                early=added,
                first_recorded=first,
                last_recorded=last,
                digest=digest_of(np.union1d(late, early)),
            ),
            gone=went if undecided else NO_TRADES,
            others={other: self._named(each) for other, each in self._others.items()},
            edited=(
                self._edited(early) if undecided and not went and not changed_without_ids else None
            ),
            settles_by_itself=not undecided and not self._others,
        )

    def _waits_for_a_person(self) -> bool:
        """Whether a change of what was read waits for an answer, or for the run that follows one.

        Trades that were merely added are none, nor is a change that a person has left.
        """
        try:
            ruling = ruling_on_history(self._context.ledger, self._snapshot, self._own, None)
        except HistoryChangedError:
            return True
        return ruling is not None and ruling.settled

    def _late(self) -> tuple[Hashes, datetime | None, datetime | None]:
        """Trades recorded after the date was read; the first and the last of these recordings."""
        first: datetime | None = None
        last: datetime | None = None

        def passing() -> Iterator[str]:
            nonlocal first, last
            read_until = self._snapshot.watermark or NO_WATERMARK
            for each in self._own.reading.trades_recorded_after(read_until):
                first = min(first or each.recorded_at, each.recorded_at)
                last = max(last or each.recorded_at, each.recorded_at)
                yield each.trade_id

        return as_hashes(passing()), first, last

    def _edited(self, early: Hashes) -> Edited:
        """Which positions differ, and which trades could be what was edited."""
        snapshot = self._snapshot
        reading = _without(self._own.reading, early)
        read_until = snapshot.watermark or NO_WATERMARK
        with self._context.ledger.transaction() as tx:
            change = change_in_history(
                snapshot.trade_count,
                stream_positions(tx, snapshot.id),
                reading.trade_count_until(read_until),
                reading.net_positions_until(read_until),
            )
        changed = change.positions if change else {}
        suspects: list[str] = []
        count = 0
        for each in reading.trades():
            effects = effects_of(each)
            if effects and effects.keys() <= changed.keys():
                count += 1
                suspects = sorted([*suspects, each.trade_id])[:SHOWN]
        key, (was, now) = next(iter(changed.items()), (PositionKey("", ""), (0, 0)))
        example = f"{key.connection_id} {key.currency} was {was}, is {now}"
        return Edited(len(changed), example, Trades(count, tuple(suspects)))

    def _named(self, hashes: Hashes) -> Trades:
        return Trades(len(hashes), tuple(self._ids.names_of(hashes)))

    def _names_of_gone(self, gone: Hashes) -> tuple[str, ...]:
        if not len(gone):
            return ()
        partner, business_date = self._snapshot.partner, self._snapshot.business_date
        with self._context.ledger.transaction() as tx:
            return tuple(names_of(tx, partner, business_date, gone, most=FOLLOWED))


def _without(reading: WarehouseSnapshot, hashes: Hashes) -> WarehouseSnapshot:
    """The reading as if these trades were not in the window."""
    if not len(hashes):
        return reading
    wanted = set(hashes.tolist())
    rows = [each for each in reading.trades() if hash_of(each.trade_id) in wanted]
    return WithoutTrades(reading, rows)
