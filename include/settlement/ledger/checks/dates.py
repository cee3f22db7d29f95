"""Invariants of business dates: windows, snapshots, and the trades that are remembered of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, select

from settlement.ledger.chain import read_events
from settlement.ledger.checks import Audited, broken
from settlement.ledger.forgotten_dates import Role, digest_of_trades
from settlement.ledger.schema import business_date as business_date_table
from settlement.ledger.schema import remembered_date, remembered_trades, snapshot
from settlement.ledger.snapshots import digested, stream_positions
from settlement.values import PartnerName

ROWS_PER_FETCH = 200


def check_windows(tx: Connection, audited: Audited) -> int:
    """Windows are the ones that were frozen, and no trading time belongs to two dates."""
    frozen = {
        event.business_date: event.details["window"]
        for event in read_events(tx, audited.partner)
        if event.kind == "window frozen" and event.business_date is not None
    }
    query = select(business_date_table).where(business_date_table.c.partner == audited.partner)
    rows = tx.execute(query.order_by(business_date_table.c.business_date)).all()
    before = None
    for row in rows:
        named = f"business date {row.business_date} of {audited.partner}"
        window = f"[{row.window_start.isoformat()}, {row.window_end.isoformat()})"
        if frozen.get(row.business_date) != window:
            raise broken(f"{named} has window {window}, not {frozen.get(row.business_date)}")
        if before is not None and row.window_start < before.window_end:
            raise broken(f"{named} begins before {before.business_date} ends: windows overlap")
        before = row
    missing = sorted(frozen.keys() - {row.business_date for row in rows})
    if missing:
        raise broken(f"business date {missing[0]} of {audited.partner} is gone")
    return len(rows)


def check_snapshots(tx: Connection, audited: Audited) -> int:
    """Each snapshot still holds the positions that were frozen with it."""
    frozen = {
        event.details["snapshot_id"]: event.details["positions_digest"]
        for event in read_events(tx, audited.partner)
        if event.kind == "snapshot frozen"
    }
    query = select(snapshot).where(snapshot.c.partner == audited.partner).order_by(snapshot.c.id)
    rows = tx.execute(query).all()
    for row in rows:
        named = f"snapshot {row.id} of {audited.partner} {row.business_date}"
        if frozen.get(row.id) != row.positions_digest:
            raise broken(f"{named} is not the one that its event names")
        count, digest = _digest_of_positions(tx, row.id)
        if (count, digest) != (row.position_count, row.positions_digest):
            raise broken(f"the net positions of {named} are not the ones that were frozen")
    missing = sorted(frozen.keys() - {row.id for row in rows})
    if missing:
        raise broken(f"snapshot {missing[0]} of {audited.partner} is gone")
    return len(rows)


def _digest_of_positions(tx: Connection, snapshot_id: int) -> tuple[int, str]:
    hashed = hashlib.sha256()
    count = 0
    for each in stream_positions(tx, snapshot_id):
        hashed.update(digested(*each))
        count += 1
    return count, hashed.hexdigest()


def check_trades(tx: Connection, audited: Audited) -> int:
    """The trades that each remembered date has read are the ones that its newest event names."""
    named = {
        event.business_date: event.details["trades_digest"]
        for event in read_events(tx, audited.partner)
        if event.details.get("trades_digest")
    }
    query = select(remembered_date).where(remembered_date.c.partner == audited.partner)
    dates = tx.execute(query.order_by(remembered_date.c.business_date)).all()
    for row in dates:
        held = digest_of_trades(_groups(tx, row.partner, row.business_date))
        about = f"the trades remembered of {row.partner} {row.business_date}"
        if held != (row.trades_digest, row.trade_count):
            raise broken(f"{about} are not the ones that were read")
        if named.get(row.business_date) != row.trades_digest:
            raise broken(f"{about} are not the ones that an event names")
    return len(dates)


def _groups(
    tx: Connection, partner: PartnerName, business_date: date
) -> Iterator[tuple[str, bytes]]:
    query = (
        select(remembered_trades.c.beginning, remembered_trades.c.hashes)
        .where(
            remembered_trades.c.partner == partner,
            remembered_trades.c.business_date == business_date,
            remembered_trades.c.role == Role.READ.value,
        )
        .order_by(remembered_trades.c.number)
    )
    options = {"yield_per": ROWS_PER_FETCH}
    for row in tx.execute(query, execution_options=options):
        yield row.beginning, row.hashes
