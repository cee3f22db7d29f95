"""Step 1: read a date's trades in one snapshot and freeze its net positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.errors import EmptyDayError, WarehouseDataError
from settlement.ledger.binding import require_binding
from settlement.ledger.bound_currencies import bind_decimals
from settlement.ledger.chain import append_event
from settlement.ledger.database import Ledger
from settlement.ledger.dates import FrozenDate, load_date, next_generation
from settlement.ledger.people.closings import require_not_closed
from settlement.ledger.people.stop import require_go
from settlement.ledger.snapshots import (
    Reading,
    Snapshot,
    newest_snapshot,
    store_snapshot,
)
from settlement.ledger.trade_memory import lock_trades
from settlement.steps.desk import Desk
from settlement.steps.fresh_reading import FreshReading
from settlement.steps.history import Ruling, ruling_on_history
from settlement.steps.listing import adopt_unknown_settlements
from settlement.steps.own_trades import OwnTrades, own_trades
from settlement.values import Actor, Line
from settlement.warehouse import Warehouse, WarehouseSnapshot
from settlement.warehouse.balance import SummedLines, require_balanced
from settlement.warehouse.hashed_ids import read_trade_ids
from settlement.warehouse.reader import CLOCKS_DIFFER
from settlement.wording import first_few


@dataclass(frozen=True, slots=True)
class Computed:
    """A frozen snapshot: `generation` is what the build of the same run must still find newest."""

    business_date: date
    generation: int
    snapshot_id: int
    trade_count: int
    position_count: int


@dataclass(frozen=True, slots=True)
class Trusted:
    """A reading that may be used: the date's own trades, and a person's answer if one is needed."""

    own: OwnTrades
    ruling: Ruling | None

    @property
    def reading(self) -> WarehouseSnapshot:
        """The date's own trades."""
        return self.own.reading

    def lines(self, sums: dict[str, int] | None = None) -> Iterator[Line]:
        """Net positions to settle, without a change that a person left; see `lines_to_settle`."""
        return lines_to_settle(self.reading, self.ruling, sums)


def compute_net_positions(desk: Desk, warehouse: Warehouse, business_date: date) -> Computed:
    """Take the date's next generation, check the warehouse, and freeze the net positions.

    The partner is asked the first time that this ledger sees the date: if an earlier ledger has
    settled it, or its neighbours, their windows bind this one.

    :raises DateNotDueError: if it is no business date, before the first one, or not due yet
    :raises DateClosedError: if a person has closed it
    :raises BindingConflictError: if the partner's name is bound to something else
    :raises StoppedError, ForeignSettlementError, PartnerAnswerError: if the partner is asked, as
        before any build
    :raises WindowConflictError: if what is booked, or an edited calendar, contradicts the windows
    :raises WarehouseError: if the warehouse cannot be trusted; no snapshot is stored then
    :raises SupersededError: if a newer run took the date meanwhile, or one of another date has
        read some of its trades
    """
    BusinessCalendar(desk.partner).require_due(business_date, desk.ledger.now())
    with desk.ledger.transaction() as tx:
        require_not_closed(tx, desk.partner.name, business_date)
    _learn_windows(desk, business_date)
    with desk.ledger.transaction() as tx:
        frozen = next_generation(tx, desk.partner, business_date, desk.actor)
        previous = newest_snapshot(tx, desk.partner.name, business_date)
    with (
        warehouse.snapshot(desk.partner, frozen.window) as reading,
        read_trade_ids(reading, f"{desk.partner.name} {business_date}") as ids,
    ):
        fresh = FreshReading(frozen, reading, ids, previous)
        trusted = require_trustworthy(desk.ledger, warehouse, desk.partner, fresh, desk.actor)
        snapshot = _freeze(desk, fresh, trusted)
    return Computed(
        business_date,
        frozen.generation,
        snapshot.id,
        snapshot.trade_count,
        snapshot.position_count,
    )


def _learn_windows(desk: Desk, business_date: date) -> None:
    """Before a window is frozen for good: see whether it was, in a ledger that is gone."""
    with desk.ledger.transaction() as tx:
        require_binding(tx, desk.partner, desk.api.base_url, desk.actor)
        if load_date(tx, desk.partner.name, business_date) is not None:
            return
        require_go(tx, desk.partner.name)
    adopt_unknown_settlements(desk, business_date)


def require_trustworthy(
    ledger: Ledger,
    warehouse: Warehouse,
    partner: PartnerFile,
    fresh: FreshReading,
    actor: Actor | None,
) -> Trusted:
    """The checks that the warehouse must pass before a reading is used.

    One more, that clients plus house is zero, is made while its lines are read.

    :param actor: who asks a person where one must decide; None asks nothing, for a preview
    :return: the date's own trades, and a person's answer that they are used with
    :raises WarehouseDataError: if trades fail a check, or are recorded in the future
    :raises TradeOfAnotherDateError: if trades are another date's, and nobody has decided
    :raises EmptyDayError: if there are none at all, the partner file does not allow that, and no
        person has answered that they went. Trades that a person has left out are there: the load
        has run
    :raises HistoryChangedError: if trades that were read before have changed or gone, and nobody
        has decided what that moves
    """
    frozen = fresh.date
    fresh.trades.check()
    _require_recorded_by_now(fresh.trades, frozen, ledger.now())
    own = own_trades(ledger, warehouse, partner, fresh, actor)
    ruling = ruling_on_history(ledger, fresh.previous, own, actor)
    if ruling is None and fresh.trades.trade_count() == 0 and not partner.allow_empty_days:
        raise EmptyDayError(partner.name, frozen.business_date, window=frozen.window)
    return Trusted(own, ruling)


def _require_recorded_by_now(reading: WarehouseSnapshot, frozen: FrozenDate, now: datetime) -> None:
    """A watermark of the future would hide every later late trade of the date."""
    latest = now + CLOCKS_DIFFER
    newest = reading.watermark()
    if newest is None or newest <= latest:
        return
    ahead = sorted(each.trade_id for each in reading.trades_recorded_after(latest))
    raise WarehouseDataError(
        f"trades of {frozen.partner} {frozen.business_date} are recorded in the future, up to "
        f"{newest.isoformat()}: trade {first_few(ahead)}. Nothing is sent.",
        to_do="correct recorded_at in the warehouse, then clear this task",
        partner=frozen.partner,
        business_date=frozen.business_date,
    )


def lines_to_settle(
    reading: WarehouseSnapshot, ruling: Ruling | None, sums: dict[str, int] | None = None
) -> Iterator[Line]:
    """Net positions of a reading, without a change that a person left.

    Raises at the end unless clients plus house is zero in the reading itself.

    :param sums: an empty dictionary that is told the clients' sum of each currency that they hold
    :raises WarehouseUnbalancedError: naming the currencies that are off
    """
    positions = SummedLines(reading.net_positions(), {} if sums is None else sums)
    yield from ruling.lines(iter(positions)) if ruling else positions
    require_balanced(positions.sums, reading.house_positions())


def _freeze(desk: Desk, fresh: FreshReading, trusted: Trusted) -> Snapshot:
    frozen, day = fresh.date, fresh.date.business_date
    reading, ruling = trusted.reading, trusted.ruling
    count, watermark = reading.trade_count(), reading.watermark()
    if ruling is not None:
        count = ruling.trade_count(count)
        watermark = _not_before(watermark, fresh.previous)
    kept = Reading(
        count,
        watermark,
        reading.newest_executed_at(),
        reading.query_text,
        decision=ruling.digest if ruling else None,
    )
    sums: dict[str, int] = {}
    with desk.ledger.transaction() as tx:
        snapshot = store_snapshot(tx, frozen, trusted.lines(sums), kept, desk.actor)
        lock_trades(tx, desk.partner.name)
        trusted.own.require_own(tx, desk.partner.name, day)
        take_back = ruling is not None and ruling.settled
        trades_digest = trusted.own.remember(tx, desk.partner, day, take_back=take_back)
        bind_decimals(tx, desk.partner, sums, desk.actor)
        append_event(
            tx,
            frozen.partner,
            "snapshot frozen",
            desk.actor,
            business_date=day,
            generation=frozen.generation,
            snapshot_id=snapshot.id,
            trades=snapshot.trade_count,
            positions=snapshot.position_count,
            positions_digest=snapshot.positions_digest,
            trades_digest=trades_digest,
            decision=snapshot.decision,
        )
    return snapshot


def _not_before(watermark: datetime | None, previous: Snapshot | None) -> datetime | None:
    """The watermark never falls behind trades that went: if they come back, they are not late."""
    known = previous.watermark if previous else None
    return max((each for each in (watermark, known) if each is not None), default=None)
