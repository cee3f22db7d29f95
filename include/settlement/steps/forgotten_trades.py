"""Trades of settled dates that the ledger does not remember: the warehouse is asked for them.

That is so after a lost ledger, where `trade_memory` was shortened, and where a settlement was found
at the partner, or recorded, later than the date was read. A date that still comes to what was
settled is remembered again, if `trade_memory` reaches so far. From one that does not, trades went:
a *hole*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from settlement.config.partner_file import PartnerFile
from settlement.errors import WindowConflictError
from settlement.ledger.chain import append_event
from settlement.ledger.database import Ledger, clock
from settlement.ledger.dates import FrozenDate, load_date, window_for
from settlement.ledger.forgotten_dates import forgotten_dates, is_forgotten
from settlement.ledger.slots import load_slots
from settlement.ledger.snapshots import (
    Snapshot,
    load_positions,
    newest_snapshot,
    stream_positions,
)
from settlement.ledger.trade_memory import lock_trades, remember
from settlement.slot.difference import in_effect
from settlement.steps.fresh_reading import FreshReading
from settlement.values import Actor, Positions, Window, as_lines, as_positions
from settlement.warehouse import Warehouse, WarehouseSnapshot
from settlement.warehouse.hashed_ids import NONE, Hashes, ReadIds, as_hashes, members
from settlement.warehouse.history import Change, change_in_history, effects_of


@dataclass(frozen=True, slots=True)
class OthersTrades:
    """Trades of a reading that belong to other dates, or that may be what went from there."""

    certain: dict[date, Hashes]
    possible: dict[date, Hashes]


@dataclass(frozen=True, slots=True)
class _Settled:
    """What is known of a forgotten date: its newest snapshot, if that is what is booked."""

    window: Window
    frozen: bool
    snapshot: Snapshot | None
    booked: Positions


def trades_of_forgotten_dates(
    ledger: Ledger,
    warehouse: Warehouse,
    partner: PartnerFile,
    fresh: FreshReading,
    actor: Actor | None,
) -> OthersTrades:
    """Which trades of a reading belong to a date that is forgotten, or may be what went from it.

    Only dates within `look_back` are asked for. What is farther away the watch finds afterwards,
    where the ledger still has a snapshot of that date.

    :param actor: who remembers; None remembers nothing, for a preview
    """
    certain: dict[date, Hashes] = {}
    possible: dict[date, Hashes] = {}
    all_its_own: bool | None = None
    for day, settled in _forgotten(ledger, partner, fresh.date):
        with (
            warehouse.snapshot(partner, settled.window) as past,
            ReadIds(past.trade_ids()) as past_ids,
        ):
            twins = members(fresh.ids.hashes, past_ids.hashes)
            change = _change(ledger, past, settled)
            is_whole = change is None and settled.frozen and not _has_more(past, settled)
            if is_whole and actor is not None:
                _remember(ledger, partner, day, past_ids, actor)
        if change is not None and all_its_own is None:
            all_its_own = _is_what_is_booked(ledger, fresh)
        gone = _may_be_gone(fresh.trades, change) if change and not all_its_own else NONE
        if len(twins):
            certain[day] = twins
        if len(gone):
            possible[day] = gone
    return OthersTrades(certain, possible)


def _forgotten(
    ledger: Ledger, partner: PartnerFile, date_read: FrozenDate
) -> Iterator[tuple[date, _Settled]]:
    with ledger.transaction() as tx:
        dates = forgotten_dates(tx, partner.name, date_read.business_date, partner.look_back)
    for day in dates:
        with ledger.transaction() as tx:
            settled = _settled(tx, partner, day)
        if settled is not None:
            yield day, settled


def _settled(tx: Connection, partner: PartnerFile, business_date: date) -> _Settled | None:
    """None for a date that never had a window, and for which its neighbours leave none."""
    try:
        window = window_for(tx, partner, business_date)
    except WindowConflictError:
        return None
    booked = in_effect(load_slots(tx, partner.name, business_date))
    snapshot = newest_snapshot(tx, partner.name, business_date)
    if snapshot is not None and load_positions(tx, snapshot.id) != booked:
        snapshot = None
    frozen = load_date(tx, partner.name, business_date) is not None
    return _Settled(window, frozen, snapshot, booked)


def _change(ledger: Ledger, past: WarehouseSnapshot, settled: _Settled) -> Change | None:
    """How the warehouse differs from what was read; where that is unknown, from what is booked."""
    snapshot = settled.snapshot
    if snapshot is not None and snapshot.watermark is not None:
        with ledger.transaction() as tx:
            return change_in_history(
                snapshot.trade_count,
                stream_positions(tx, snapshot.id),
                past.trade_count_until(snapshot.watermark),
                past.net_positions_until(snapshot.watermark),
            )
    count = past.trade_count()
    return change_in_history(count, iter(as_lines(settled.booked)), count, past.net_positions())


def _has_more(past: WarehouseSnapshot, settled: _Settled) -> bool:
    """Whether trades came since the date was read: whose these are, only its own run asks."""
    watermark = settled.snapshot.watermark if settled.snapshot else None
    return watermark is not None and past.trade_count() > past.trade_count_until(watermark)


def _is_what_is_booked(ledger: Ledger, fresh: FreshReading) -> bool:
    """Whether the date itself is settled and comes to just that: nothing came there from others."""
    with ledger.transaction() as tx:
        slots = load_slots(tx, fresh.date.partner, fresh.date.business_date)
    booked = in_effect(slots)
    return bool(booked) and booked == as_positions(fresh.trades.net_positions())


def _remember(
    ledger: Ledger, partner: PartnerFile, business_date: date, ids: ReadIds, actor: Actor
) -> None:
    """Unless a run of that date has done so meanwhile, which knows more."""
    with ledger.transaction() as tx:
        lock_trades(tx, partner.name)
        kept = is_remembered(partner, business_date, clock(tx).date())
        if kept and is_forgotten(tx, partner.name, business_date):
            digest = remember(tx, partner.name, business_date, ids)
            append_event(
                tx,
                partner.name,
                "trades remembered",
                actor,
                business_date=business_date,
                trades_digest=digest,
            )


def is_remembered(partner: PartnerFile, business_date: date, today: date) -> bool:
    """Whether the ids of a date's trades are kept by now, by the partner file's `trade_memory`."""
    memory: timedelta | None = partner.trade_memory
    return memory is None or business_date >= today - memory


def _may_be_gone(reading: WarehouseSnapshot, change: Change) -> Hashes:
    """Trades that touch a changed position: others may have come there, and hide what went."""
    changed = change.positions.keys()
    trades = (each for each in reading.trades() if not changed.isdisjoint(effects_of(each)))
    return as_hashes(each.trade_id for each in trades)
